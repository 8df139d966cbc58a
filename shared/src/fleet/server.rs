//! The RDS instance or Aurora cluster of a database, from RDS host names. No I/O.
//!
//! Host names of proxies, custom endpoints and other domains do not identify a server.

use super::identifier::is_identifier;

/// Suffix of RDS host names. Before it are a name, the kind of endpoint and the region.
const RDS_SUFFIX: &str = ".rds.amazonaws.com";
/// Prefix of the account's word in the host name of a cluster, followed by `ro-` for readers.
const CLUSTER_PREFIX: &str = "cluster-";

/// The server of a database in RDS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseServer {
    /// Identifier of an instance with its own storage, which is not Aurora.
    Instance(String),
    /// Identifier of an Aurora cluster, whose instances share one volume.
    Cluster(String),
}

/// Returns the region in an RDS host name of any endpoint; `None` for other hosts.
pub(super) fn region_from_host(host: &str) -> Option<String> {
    labels(host)?.pop().filter(|label| is_region(label))
}

/// Returns the server in an RDS host name; `None` for other hosts and endpoints.
pub(super) fn from_host(host: &str) -> Option<DatabaseServer> {
    let labels = labels(host)?;
    let [name, endpoint, region] = labels.as_slice() else {
        return None;
    };
    let (is_cluster, account) = match endpoint.strip_prefix(CLUSTER_PREFIX) {
        Some(rest) => (true, rest.strip_prefix("ro-").unwrap_or(rest)),
        None => (false, endpoint.as_str()),
    };
    // The account's word has no hyphen. A label with one belongs to another kind of endpoint.
    let is_account =
        !account.is_empty() && account.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !is_account || !is_identifier(name) || !is_region(region) {
        return None;
    }
    Some(if is_cluster {
        DatabaseServer::Cluster(name.clone())
    } else {
        DatabaseServer::Instance(name.clone())
    })
}

/// Returns the labels of an RDS host name, without the suffix; `None` for other hosts.
fn labels(host: &str) -> Option<Vec<String>> {
    let host = host.to_ascii_lowercase();
    let host = host.strip_suffix('.').unwrap_or(&host);
    let rest = host.strip_suffix(RDS_SUFFIX)?;
    Some(rest.split('.').map(str::to_owned).collect())
}

/// Returns whether `label` looks like `eu-west-1`, unlike `global`.
fn is_region(label: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    label.contains('-')
        && label.bytes().all(is_allowed)
        && label.ends_with(|last: char| last.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_host_names_of_instances_and_clusters_identify_a_server() {
        let instance = |name: &str| Some(DatabaseServer::Instance(name.to_owned()));
        let cluster = |name: &str| Some(DatabaseServer::Cluster(name.to_owned()));
        let cases = [
            ("acme.c1abc2.eu-west-1.rds.amazonaws.com", instance("acme")),
            (
                "Acme-1.abc.us-gov-west-1.RDS.amazonaws.com.",
                instance("acme-1"),
            ),
            (
                "acme.cluster-abc.eu-west-1.rds.amazonaws.com",
                cluster("acme"),
            ),
            (
                "acme.cluster-ro-abc.eu-west-1.rds.amazonaws.com",
                cluster("acme"),
            ),
            ("some.cluster-custom-abc.eu-west-1.rds.amazonaws.com", None),
            ("pool.proxy-abc.eu-west-1.rds.amazonaws.com", None),
            ("ro.endpoint.proxy-abc.eu-west-1.rds.amazonaws.com", None),
            ("acme.shardgrp-abc.eu-west-1.rds.amazonaws.com", None),
            ("acme.global-abc.global.rds.amazonaws.com", None),
            ("acme.cluster-.eu-west-1.rds.amazonaws.com", None),
            (".abc.eu-west-1.rds.amazonaws.com", None),
            ("acme.abc.eu-west-1.rds.amazonaws.com.evil.example", None),
            ("rds.amazonaws.com", None),
            ("db.example.com", None),
            ("127.0.0.1", None),
            ("", None),
        ];

        for (host, expected) in cases {
            assert_eq!(from_host(host), expected, "{host}");
        }
    }

    #[test]
    fn regions_are_in_the_host_names_of_proxies_too() {
        for endpoint in ["abc", "cluster-abc", "proxy-abc"] {
            let host = format!("acme.{endpoint}.eu-west-1.rds.amazonaws.com");
            assert_eq!(
                region_from_host(&host).as_deref(),
                Some("eu-west-1"),
                "{host}"
            );
        }
        for host in ["acme.global-abc.global.rds.amazonaws.com", "db.example.com"] {
            assert_eq!(region_from_host(host), None, "{host}");
        }
    }
}
