//! The rules of `[environment.database]`.

use std::net::IpAddr;

use super::fault::Faults;
use super::refresh::{MAX_ERROR, read_max_error};
use super::scope::{Context, allowed_keys, read_scope};
use super::section::Section;
use crate::arn;
use crate::fleet::identifier::is_identifier;
use crate::fleet::{Auth, DatabaseServer, DatabaseTarget, Engine};

/// Longest name of a database: 64 characters in MySQL, of up to 4 bytes each. PostgreSQL allows 63 bytes.
const NAME_LIMIT_BYTES: usize = 256;
/// Longest name of a user: 128 bytes in MariaDB. PostgreSQL allows 63 bytes, MySQL 32 characters.
const USER_LIMIT_BYTES: usize = 128;
/// Largest storage of an instance with PostgreSQL, MySQL or MariaDB: 64 TiB.
pub(super) const MAX_ALLOCATED_GIB: u64 = 65_536;

pub(super) fn read_database(
    faults: &mut Faults<'_>,
    section: &Section<'_>,
    context: Context<'_>,
) -> Option<DatabaseTarget> {
    let keys = allowed_keys(
        &[
            "engine",
            "host",
            "port",
            "tls_server_name",
            "name",
            "user",
            "auth",
            "account",
            "region",
            "role_arn",
            "instance",
            "cluster",
            "allocated_gib",
            MAX_ERROR,
        ],
        context,
    );
    section.check_keys(faults, &keys);
    let engine = section
        .required_text(faults, "engine")
        .and_then(|text| match text.value {
            "postgres" => Some(Engine::Postgres),
            "mysql" => Some(Engine::Mysql),
            _ => {
                let reason = format!(
                    "{:?} is unknown; allowed: postgres, mysql (also MariaDB and Aurora)",
                    text.value
                );
                faults.add(text.offset, &section.field("engine"), reason);
                None
            }
        });
    let host = section.required_text(faults, "host");
    let host = section.checked(faults, "host", host, |text| {
        if is_host(text) {
            Ok(())
        } else {
            Err("is not a host: a name such as db.example.com, an address, or the folder of a Unix socket")
        }
    });
    let port = section
        .whole_number(faults, "port", 1, 65_535)
        .and_then(|port| u16::try_from(port).ok());
    let tls_server_name = section.optional_text(faults, "tls_server_name");
    let tls_server_name = section.checked(faults, "tls_server_name", tls_server_name, |text| {
        if is_host_name(text) {
            Ok(())
        } else {
            Err("is not a name in a certificate: labels of letters, digits and hyphens, separated by dots")
        }
    });
    let mut short = |key, limit, reason| {
        let text = section.required_text(faults, key);
        section.checked(faults, key, text, |text| {
            (text.len() <= limit).then_some(()).ok_or(reason)
        })
    };
    let name = short(
        "name",
        NAME_LIMIT_BYTES,
        "is too long for a database: at most 256 bytes",
    );
    let user = short(
        "user",
        USER_LIMIT_BYTES,
        "is too long for a user: at most 128 bytes",
    );
    let auth = match section.optional_text(faults, "auth") {
        None => Auth::Iam,
        Some(text) => parse_auth(text.value).unwrap_or_else(|reason| {
            faults.add(text.offset, &section.field("auth"), reason);
            Auth::Iam
        }),
    };
    let scope = read_scope(faults, section, context);
    let server = read_server(faults, section);
    let allocated_gib = section.whole_number(faults, "allocated_gib", 1, MAX_ALLOCATED_GIB);
    let max_error = read_max_error(faults, section).or(context.max_error);
    let engine = engine?;
    let target = DatabaseTarget {
        environment: context.environment.to_owned(),
        engine,
        host: host?,
        port: port.unwrap_or(engine.default_port()),
        name: name?,
        user: user?,
        auth,
        scope,
        server,
        allocated_gib,
        tls_server_name,
        max_error,
    };
    let is_cluster = matches!(target.rds_server(), Some(DatabaseServer::Cluster(_)));
    if let (Some(value), true) = (section.get("allocated_gib"), is_cluster) {
        let reason = "is not allowed for an Aurora cluster: its volume grows by itself";
        faults.add(value.span().start, &section.field("allocated_gib"), reason);
    }
    Some(target)
}

/// Returns whether `text` can be connected to: a host name, an address, or the folder of a Unix socket.
fn is_host(text: &str) -> bool {
    text.starts_with('/') || text.parse::<IpAddr>().is_ok() || is_host_name(text)
}

/// Returns whether `text` can be the name in a certificate: an address or a host name.
fn is_host_name(text: &str) -> bool {
    let is_label = |label: &str| {
        let is_known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        !label.is_empty() && label.len() <= 63 && label.bytes().all(is_known)
    };
    text.len() <= 253 && text.split('.').all(is_label)
}

/// Reads the instance or cluster of the entry; `None` if it names neither.
fn read_server(faults: &mut Faults<'_>, section: &Section<'_>) -> Option<DatabaseServer> {
    let mut identifier = |key| {
        let text = section.optional_text(faults, key);
        section.checked(faults, key, text, |text| {
            if is_identifier(text) {
                Ok(())
            } else {
                Err("is not the identifier of RDS: 1 to 63 lower-case letters, digits and hyphens; the first is a letter")
            }
        })
    };
    let (instance, cluster) = (identifier("instance"), identifier("cluster"));
    if let (Some(_), Some(value)) = (section.get("instance"), section.get("cluster")) {
        let reason = "cannot be used together with instance";
        faults.add(value.span().start, &section.field("cluster"), reason);
    }
    instance
        .map(DatabaseServer::Instance)
        .or_else(|| cluster.map(DatabaseServer::Cluster))
}

fn parse_auth(text: &str) -> Result<Auth, String> {
    match text.split_once(':') {
        None if text == "iam" => Ok(Auth::Iam),
        Some(("env", variable)) if !variable.is_empty() => Ok(Auth::Variable(variable.to_owned())),
        _ if arn::secret_region(text).is_some() => Ok(Auth::Secret(text.to_owned())),
        // The text may be a password by mistake, so the message does not repeat it.
        _ => Err("must be iam, the ARN of a secret, or env:VARIABLE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fleet::FleetBuilder;

    fn parse(host: &str, keys: &str) -> Result<DatabaseTarget, String> {
        let file = FleetBuilder::with("a").database(Engine::Postgres, host, "acme", keys);
        Ok(file.parse()?.databases()[0].clone())
    }

    #[test]
    fn an_instance_or_a_cluster_is_named_and_an_instance_has_allocated_storage() {
        let instance = parse("db", "instance = \"acme-db\"\nallocated_gib = 100").unwrap();
        let cluster = parse("db", "cluster = \"acme\"").unwrap();
        let neither = parse("db", "").unwrap();

        assert_eq!(
            (instance.server, instance.allocated_gib),
            (Some(DatabaseServer::Instance("acme-db".into())), Some(100))
        );
        assert_eq!(cluster.server, Some(DatabaseServer::Cluster("acme".into())));
        assert_eq!((neither.server, neither.allocated_gib), (None, None));
    }

    #[test]
    fn the_name_in_a_certificate_is_a_host_name() {
        let name = "acme.abc.eu-west-1.rds.amazonaws.com";

        let tunnel = parse("127.0.0.1", &format!("tls_server_name = \"{name}\"")).unwrap();
        let fault = parse("127.0.0.1", "tls_server_name = \"https://acme\"").unwrap_err();

        assert_eq!(tunnel.tls_server_name.as_deref(), Some(name));
        assert!(
            fault.contains("tls_server_name: \"https://acme\" is not a name"),
            "{fault}"
        );
    }

    #[test]
    fn faults_of_the_server_are_named() {
        let aurora = "acme.cluster-abc.eu-west-1.rds.amazonaws.com";
        for (host, keys, expected) in [
            (
                "db",
                "instance = \"Acme\"",
                "instance: \"Acme\" is not the identifier of RDS",
            ),
            (
                "db",
                "cluster = \"1acme\"",
                "cluster: \"1acme\" is not the identifier of RDS",
            ),
            (
                "db",
                "instance = 1",
                "instance: is integer, must be a string",
            ),
            (
                "db",
                "instance = \"a\"\ncluster = \"b\"",
                "fleet.toml:9: environment[0].database.cluster: cannot be used together with instance",
            ),
            (
                "db",
                "allocated_gib = 0",
                "allocated_gib: must be a whole number from 1 to 65536",
            ),
            (
                "db",
                "allocated_gib = 1.5",
                "allocated_gib: must be a whole number",
            ),
            (
                "db",
                "cluster = \"a\"\nallocated_gib = 9",
                "allocated_gib: is not allowed for an Aurora",
            ),
            (
                aurora,
                "allocated_gib = 9",
                "allocated_gib: is not allowed for an Aurora",
            ),
        ] {
            let fault = parse(host, keys).unwrap_err();
            assert!(fault.contains(expected), "{keys}: {fault}");
        }
    }
}
