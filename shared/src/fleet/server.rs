//! Which instance or cluster of RDS a database is on: as the fleet file names it, or as RDS' own host names do.
//!
//! Nothing is asked here. A proxy, a custom endpoint or a name of one's own says nothing about what is behind it.

use super::identifier::is_identifier;

/// What RDS' host names end with; before it are a name, whose endpoint it is, and the region.
const RDS_SUFFIX: &str = ".rds.amazonaws.com";
/// What comes before the account's word in the host name of a cluster; readers have `ro-` behind it.
const CLUSTER_PREFIX: &str = "cluster-";

/// What RDS knows a database's server by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseServer {
    /// Identifier of an instance with storage of its own, which is not Aurora.
    Instance(String),
    /// Identifier of an Aurora cluster, whose volume all its instances share.
    Cluster(String),
}

/// Returns the region in a host name of RDS, of any endpoint; `None` where there is none.
pub(super) fn region_of_host(host: &str) -> Option<String> {
    labels(host)?.pop().filter(|label| is_region(label))
}

/// Returns the server that a host name of RDS names; `None` for every other host.
pub(super) fn of_host(host: &str) -> Option<DatabaseServer> {
    let labels = labels(host)?;
    let [name, endpoint, region] = labels.as_slice() else {
        return None;
    };
    let (is_cluster, account) = match endpoint.strip_prefix(CLUSTER_PREFIX) {
        Some(rest) => (true, rest.strip_prefix("ro-").unwrap_or(rest)),
        None => (false, endpoint.as_str()),
    };
    // The account's word has no hyphen: what has one is an endpoint of another kind.
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

/// Returns what stands before the end of a host name of RDS, by its dots; `None` for other hosts.
fn labels(host: &str) -> Option<Vec<String>> {
    let host = host.to_ascii_lowercase();
    let host = host.strip_suffix('.').unwrap_or(&host);
    let rest = host.strip_suffix(RDS_SUFFIX)?;
    Some(rest.split('.').map(str::to_owned).collect())
}

/// Returns whether `label` looks like `eu-west-1`; `global` is none.
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
    fn host_names_of_instances_and_clusters_name_them_and_no_others_do() {
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
            assert_eq!(of_host(host), expected, "{host}");
        }
    }

    #[test]
    fn regions_are_in_the_host_names_of_proxies_too() {
        for endpoint in ["abc", "cluster-abc", "proxy-abc"] {
            let host = format!("acme.{endpoint}.eu-west-1.rds.amazonaws.com");
            assert_eq!(
                region_of_host(&host).as_deref(),
                Some("eu-west-1"),
                "{host}"
            );
        }
        for host in ["acme.global-abc.global.rds.amazonaws.com", "db.example.com"] {
            assert_eq!(region_of_host(host), None, "{host}");
        }
    }
}
