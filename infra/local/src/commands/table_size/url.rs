//! The URL of a database on the command line, as users of libpq write it. Strict: what is not understood is refused, and
//! no message repeats any part of it, because a password may be anywhere in it.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use shared::fleet::{Auth, DatabaseTarget, Engine};
use shared::location::AwsScope;

use super::PASSWORD;
use crate::commands::ENVIRONMENT;

/// How to write a URL.
const FORM: &str = "write postgres://USER@HOST/NAME or mysql://USER@HOST/NAME";
/// What to do about characters that separate the parts of a URL.
const ADVICE: &str = "in a password write # / ? @ % : and spaces as %23 %2F %3F %40 %25 %3A %20, or leave it out and use \
                      PGPASSWORD (MYSQL_PWD for mysql://)";

/// A database as the command line names it.
#[derive(Clone)]
pub(crate) struct Database {
    pub(super) target: DatabaseTarget,
    /// Password in the URL.
    pub(super) password: Option<String>,
    /// File with certificate authorities in the URL.
    pub(super) ca_file: Option<PathBuf>,
}

/// How the query part asks for TLS.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SslMode {
    /// As the host needs it.
    Usual,
    Disable,
    Require,
}

/// Parameters of the query part.
#[derive(Default)]
struct Query {
    host: Option<String>,
    port: Option<String>,
    user: Option<String>,
    password: Option<String>,
    name: Option<String>,
    ca_file: Option<PathBuf>,
    ssl_mode: Option<SslMode>,
}

/// Parses `postgres://USER[:PASSWORD]@HOST[:PORT]/NAME[?PARAMETER=VALUE&…]`, or `mysql://…`.
///
/// A host that starts with a slash is the folder of a Unix socket, with MySQL the socket itself.
///
/// # Errors
///
/// What is wrong and how to write it. Never repeats `text`.
pub(crate) fn parse(text: &str, tls_server_name: Option<String>) -> Result<Database, String> {
    let (scheme, rest) = text.split_once("://").ok_or(FORM)?;
    let engine = match scheme {
        "postgres" | "postgresql" => Engine::Postgres,
        "mysql" => Engine::Mysql,
        _ => {
            return Err(format!(
                "the URL must start with postgres:// or mysql://; {FORM}"
            ));
        }
    };
    let is_odd = |character: char| character.is_whitespace() || character.is_control();
    if rest.contains(is_odd) || rest.contains('#') {
        return Err(format!(
            "the URL has a character that must be encoded: {ADVICE}"
        ));
    }
    let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
    let query = parse_query(engine, query)?;
    let (authority, path) = before.split_once('/').unwrap_or((before, ""));
    if path.contains(['/', '@']) {
        return Err(format!(
            "the URL has more than user, host and database name: {ADVICE}"
        ));
    }
    let (login, address) = authority.rsplit_once('@').unwrap_or(("", authority));
    if login.contains('@') {
        return Err(format!("the URL has more than one @: {ADVICE}"));
    }
    let (user, password) = match login.split_once(':') {
        Some((user, password)) => (user, Some(decoded(password)?)),
        None => (login, None),
    };
    let (host, port) = parse_address(address)?;
    let known = |in_query: Option<String>, in_url: String| in_query.unwrap_or(in_url);
    let host = known(query.host, host);
    let user = known(query.user, decoded(user)?);
    let name = known(query.name, decoded(path)?);
    if host.is_empty() {
        return Err(format!("the host is missing; {FORM}"));
    }
    if user.is_empty() || name.is_empty() {
        return Err(format!(
            "user and database name are required; {FORM}; {ADVICE}"
        ));
    }
    let port = match query.port.or(port) {
        None => engine.default_port(),
        Some(port) => port
            .parse()
            .map_err(|_| format!("the port is not a number from 1 to 65535: {ADVICE}"))?,
    };
    let tls_server_name = tls_name(&host, tls_server_name, query.ssl_mode)?;
    Ok(Database {
        target: DatabaseTarget {
            environment: ENVIRONMENT.to_owned(),
            engine,
            host,
            port,
            tls_server_name,
            max_error: None,
            name,
            user,
            auth: Auth::Variable(PASSWORD.to_owned()),
            scope: AwsScope::default(),
            server: None,
            allocated_gib: None,
        },
        password: query.password.or(password),
        ca_file: query.ca_file,
    })
}

/// Returns the decoded text. A `%` that is not followed by two digits, or bytes that are not UTF-8, are refused.
fn decoded(text: &str) -> Result<String, String> {
    let is_encoded = text.split('%').skip(1).all(|rest| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    let decoded = percent_decode_str(text).decode_utf8();
    match decoded {
        Ok(decoded) if is_encoded => Ok(decoded.into_owned()),
        _ => Err(format!(
            "a % in the URL is not followed by two hexadecimal digits: {ADVICE}"
        )),
    }
}

/// Returns host and port of `HOST[:PORT]`, of which an address of IPv6 is in brackets.
fn parse_address(address: &str) -> Result<(String, Option<String>), String> {
    if address.contains(',') {
        return Err("the URL has several hosts: name one".to_owned());
    }
    let (host, port) = match address.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest
                .split_once(']')
                .ok_or("an address of IPv6 ends with ]")?;
            (host, rest.strip_prefix(':'))
        }
        None => match address.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (address, None),
        },
    };
    Ok((decoded(host)?, port.map(str::to_owned)))
}

fn parse_query(engine: Engine, text: &str) -> Result<Query, String> {
    let allowed = match engine {
        Engine::Postgres => "host, port, user, password, dbname, sslmode, sslrootcert",
        Engine::Mysql => "socket, ssl-mode, ssl-ca",
    };
    let mut query = Query::default();
    for part in text.split('&').filter(|part| !part.is_empty()) {
        let unknown =
            || format!("a parameter after ? is not understood; understood: {allowed}; {ADVICE}");
        let (key, value) = part.split_once('=').ok_or_else(unknown)?;
        let value = decoded(value)?;
        match (engine, key) {
            (Engine::Postgres, "host") | (Engine::Mysql, "socket") => query.host = Some(value),
            (Engine::Postgres, "port") => query.port = Some(value),
            (Engine::Postgres, "user") => query.user = Some(value),
            (Engine::Postgres, "password") => query.password = Some(value),
            (Engine::Postgres, "dbname") => query.name = Some(value),
            (Engine::Postgres, "sslrootcert") | (Engine::Mysql, "ssl-ca") => {
                query.ca_file = Some(value.into());
            }
            (Engine::Postgres, "sslmode") | (Engine::Mysql, "ssl-mode") => {
                query.ssl_mode = Some(ssl_mode(&value)?);
            }
            _ => return Err(unknown()),
        }
    }
    Ok(query)
}

fn ssl_mode(text: &str) -> Result<SslMode, String> {
    match text.to_ascii_lowercase().replace('_', "-").as_str() {
        "disable" | "disabled" => Ok(SslMode::Disable),
        "allow" | "prefer" | "preferred" => Ok(SslMode::Usual),
        "require" | "required" | "verify-ca" | "verify-full" | "verify-identity" => {
            Ok(SslMode::Require)
        }
        _ => Err(
            "sslmode is one of disable, allow, prefer, require, verify-ca, verify-full".to_owned(),
        ),
    }
}

/// Returns the name for the certificate. TLS is always verified as by verify-full; other machines are reached with TLS
/// only, this one in plain text unless TLS is asked for.
fn tls_name(
    host: &str,
    given: Option<String>,
    mode: Option<SslMode>,
) -> Result<Option<String>, String> {
    let is_socket = host.starts_with('/');
    let is_local = shared::database::is_this_machine(host);
    match mode {
        _ if is_socket && (given.is_some() || mode == Some(SslMode::Require)) => {
            Err("a Unix socket has no TLS".to_owned())
        }
        Some(SslMode::Disable) if given.is_some() || !is_local => Err(
            "sslmode=disable is for addresses of this machine only: others are reached with verified TLS"
                .to_owned(),
        ),
        Some(SslMode::Require) if is_local => Ok(Some(given.unwrap_or_else(|| host.to_owned()))),
        _ => Ok(given),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> DatabaseTarget {
        parse(text, None).map(|database| database.target).unwrap()
    }

    #[test]
    fn all_parts_of_a_url_are_parsed() {
        let database = parse("postgres://mrt%5Fro:p%40ss@[::1]:6543/acme%20db", None).unwrap();

        assert_eq!(
            (database.target.user.as_str(), database.target.name.as_str()),
            ("mrt_ro", "acme db")
        );
        assert_eq!(
            (database.target.host.as_str(), database.target.port),
            ("::1", 6543)
        );
        assert_eq!(database.password.as_deref(), Some("p@ss"));
        assert_eq!(target("mysql://u@db/x").port, 3306);
        assert_eq!(target("postgresql://u@db/x").port, 5432);
    }

    #[test]
    fn parameters_of_libpq_users_are_understood() {
        let socket = target("postgres:///acme?host=/run/postgresql&user=u&port=6432");
        assert_eq!(
            (socket.host.as_str(), socket.port),
            ("/run/postgresql", 6432)
        );
        assert_eq!(target("postgres://u@%2Frun%2Fpg/acme").host, "/run/pg");
        let mysql = target("mysql://u@localhost/acme?socket=/run/mysqld/mysqld.sock");
        assert_eq!(mysql.host, "/run/mysqld/mysqld.sock");
        for (url, expected) in [
            ("postgres://u@db.example.com/a?sslmode=require", None),
            ("postgres://u@localhost/a?sslmode=prefer", None),
            (
                "postgres://u@localhost/a?sslmode=verify-full",
                Some("localhost"),
            ),
            (
                "mysql://u@127.0.0.1/a?ssl-mode=VERIFY_IDENTITY",
                Some("127.0.0.1"),
            ),
        ] {
            assert_eq!(target(url).tls_server_name.as_deref(), expected, "{url}");
        }
        let named = parse(
            "postgres://u@localhost/a?sslrootcert=/ca.pem",
            Some("db".into()),
        );
        let named = named.unwrap();
        assert_eq!(named.target.tls_server_name.as_deref(), Some("db"));
        assert_eq!(named.ca_file, Some("/ca.pem".into()));
    }

    /// Every shape of a URL that is not understood, with a password in every place.
    #[test]
    fn no_error_repeats_a_password() {
        for bad in [
            "oracle://u:NEVERLEAK@h/d",
            "postgres://u:NEVERLEAK@h/",
            "postgres://u:NEVERLEAK@h",
            "postgres://:NEVERLEAK@h/d",
            "u:NEVERLEAK@h",
            "postgres://u:NEVERLEAK#pw@h/d",
            "postgres://u:1#NEVERLEAK@h/d",
            "postgres://u:1/NEVERLEAK@h/d",
            "postgres://x@u:1/NEVERLEAK@h/d",
            "postgres://u:NEVERLEAK/pw@h/d",
            "postgres://u:1?NEVERLEAK@h/d",
            "postgres://u:NEVERLEAK@pw@h/d",
            "postgres://u:NEVERLEAK%pw@h/d",
            "postgres://u:NEVERLEAK pw@h/d",
            "postgres://u:NEVERLEAK\tpw@h/d",
            "postgres://u:NEVERLEAK@h1,h2/d",
            "postgres://u:NEVERLEAK@h1:1,h2:2/d",
            "postgres://u:NEVERLEAK@h:port/d",
            "postgres://u@h/d?passwort=NEVERLEAK",
            "postgres://u@h/d?NEVERLEAK",
            "postgres://u@h/d?sslmode=NEVERLEAK",
            "postgres://u@h/d?options=NEVERLEAK",
            "jdbc:postgresql://h/d?user=u&password=NEVERLEAK",
            "host=h user=u password=NEVERLEAK dbname=d",
            "postgres://u:NEVERLEAK@h/d?sslmode=disable",
            "postgres://u:NEVERLEAK@[::1/d",
        ] {
            let reason = parse(bad, None)
                .err()
                .unwrap_or_else(|| panic!("{bad} is understood"));
            assert!(!reason.contains("NEVERLEAK"), "{reason}");
        }
    }
}
