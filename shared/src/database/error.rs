//! Errors of databases, distinguished by who must act. They contain no SQL.

use std::io;

use sqlx::mysql::MySqlDatabaseError;

use super::words;
use crate::fleet::Engine;

/// Why a database did not respond.
///
/// The texts contain no host, no user, no SQL of ours and no content of a row. They repeat what the server said where
/// that is all there is to know. The source is for logs.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The host has no address.
    #[error("the database's host name is unknown")]
    NameNotFound(#[source] sqlx::Error),
    /// Nothing listens on the port.
    #[error("the database's port is closed")]
    Refused(#[source] sqlx::Error),
    /// No connection for another reason: no route, or the server is starting or shutting down.
    #[error("the database could not be reached")]
    Unreachable(#[source] sqlx::Error),
    /// The connection broke while it was in use.
    #[error("the connection to the database was lost")]
    Lost(#[source] sqlx::Error),
    /// It did not answer in time.
    #[error("the database did not answer in time")]
    Timeout(#[source] Option<sqlx::Error>),
    /// A lock was not granted in time.
    #[error("another session holds a lock that the database waits for")]
    Locked(#[source] sqlx::Error),
    /// TLS could not be set up, or the certificate is not trusted.
    #[error("{0}")]
    Tls(TlsFault, #[source] Option<sqlx::Error>),
    /// The login was rejected. Poolers report all reasons with one code, so their words tell more.
    #[error("the database rejected the login{}", words_of_refusal(.0))]
    LoginRefused(#[source] sqlx::Error),
    /// The server asks for a kind of login that the driver does not have.
    #[error(
        "the account logs in with a plug-in that is not supported{}; supported: passwords with scram-sha-256, md5, \
         mysql_native_password, caching_sha2_password or sha256_password, and IAM", named_plugin(.0)
    )]
    LoginUnsupported(#[source] sqlx::Error),
    /// The login with an IAM token was rejected.
    #[error(
        "the database rejected the IAM login: check that the role has rds-db:connect and that the database user may log in by IAM"
    )]
    IamRefused(#[source] sqlx::Error),
    /// The server has no database of that name.
    #[error("the server has no database of that name")]
    Missing(#[source] sqlx::Error),
    /// The server has no free connection.
    #[error("the database has no free connection")]
    TooManyConnections(#[source] sqlx::Error),
    /// The role lacks a privilege.
    #[error("the database role lacks a privilege{}", words::of(.0))]
    Denied(#[source] sqlx::Error),
    /// A replica cancelled the statement in favour of its recovery, or two sessions waited for each other.
    #[error(
        "the database cancelled the statement, because it conflicts with a replica's recovery or with another session"
    )]
    Conflict(#[source] sqlx::Error),
    /// A pooler that accepts no transactions.
    #[error(
        "a pooler is between us and the database and runs each statement on another connection: name the database \
         itself, not its pooler, or let the pooler use transaction mode"
    )]
    Pooler(#[source] sqlx::Error),
    /// The server or a proxy did not apply our guards.
    #[error(
        "the connection could not be made read-only with time limits: a proxy may be between us and the database"
    )]
    Unguarded,
    /// The login could not be prepared.
    #[error("the database login could not be prepared: {0}")]
    Credentials(String),
    /// The operation does not support the target's engine.
    #[error("databases of engine {} are not supported here", .0.as_str())]
    UnsupportedEngine(Engine),
    /// Anything else.
    #[error("the database returned an error{}", words::of(.0))]
    Failed(#[source] sqlx::Error),
}

/// Errors of TLS with a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TlsFault {
    /// No file of authorities is configured.
    #[error("no certificate authorities for databases are configured: set MRT_DATABASE_CA_FILE")]
    NotConfigured,
    /// The file of authorities is missing, unreadable or contains no certificate.
    #[error("the file with the certificate authorities for databases cannot be used")]
    AuthoritiesUnusable,
    /// The server supports plain text only.
    #[error("the database does not offer TLS")]
    NotOffered,
    /// The server requires TLS on a connection in plain text, which is one to this machine.
    #[error(
        "the database requires TLS, which is not used for addresses of this machine: set tls_server_name to the name \
         in its certificate"
    )]
    Required,
    /// No configured authority issued the certificate.
    #[error("the database's certificate is from an authority that is not trusted")]
    Untrusted,
    /// The certificate is for another host.
    #[error("the database's certificate is for another host name")]
    WrongHost,
    /// The certificate is expired, or not valid yet.
    #[error("the database's certificate is expired or not valid yet")]
    Expired,
    /// Anything else.
    #[error("TLS with the database could not be set up")]
    Failed,
}

impl TlsFault {
    /// Returns its stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotConfigured => "tls_not_configured",
            Self::AuthoritiesUnusable => "tls_authorities_unusable",
            Self::NotOffered => "tls_not_offered",
            Self::Required => "tls_required",
            Self::Untrusted => "tls_untrusted",
            Self::WrongHost => "tls_wrong_host",
            Self::Expired => "tls_expired",
            Self::Failed => "tls_failed",
        }
    }
}

impl DatabaseError {
    /// Returns its stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NameNotFound(_) => "host_not_found",
            Self::Refused(_) => "connection_refused",
            Self::Unreachable(_) => "unreachable",
            Self::Lost(_) => "connection_lost",
            Self::Timeout(_) => "timeout",
            Self::Locked(_) => "lock_timeout",
            Self::Tls(fault, _) => fault.code(),
            Self::LoginRefused(_) => "login_refused",
            Self::LoginUnsupported(_) => "login_unsupported",
            Self::IamRefused(_) => "iam_refused",
            Self::Missing(_) => "database_missing",
            Self::TooManyConnections(_) => "too_many_connections",
            Self::Denied(_) => "access_denied",
            Self::Conflict(_) => "conflict",
            Self::Pooler(_) => "pooler_unsupported",
            Self::Unguarded => "guard_refused",
            Self::Credentials(_) => "credentials_missing",
            Self::UnsupportedEngine(_) => "engine_unsupported",
            Self::Failed(_) => "database_failed",
        }
    }

    /// Returns whether the same call may succeed later without any action.
    ///
    /// That includes an unknown host name: name servers fail now and then, and a failover changes addresses.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::NameNotFound(_)
                | Self::Refused(_)
                | Self::Unreachable(_)
                | Self::Lost(_)
                | Self::Timeout(_)
                | Self::Locked(_)
                | Self::TooManyConnections(_)
                | Self::Conflict(_)
        )
    }

    /// Returns the same error of a login. There, a connection exception is an answer: poolers report a wrong password, a
    /// missing database and an unsupported parameter with it.
    pub(super) fn at_login(self) -> Self {
        match self {
            Self::Lost(error) => match error.as_database_error() {
                Some(cause) if is_busy(cause.message()) => Self::Unreachable(error),
                Some(_) if mysql_number(&error).is_none() => Self::LoginRefused(error),
                _ => Self::Lost(error),
            },
            Self::Failed(error) if is_unsupported_login(&error) => Self::LoginUnsupported(error),
            other => other,
        }
    }

    /// Returns the same error of a statement that begins a transaction: a pooler may refuse it.
    pub(super) fn or_pooler(self) -> Self {
        match self {
            Self::Lost(error) if says(&error, "statement pooling") => Self::Pooler(error),
            other => other,
        }
    }

    /// Returns the SQLSTATE or the number of MySQL's error, if it is an error of the server.
    fn sqlstate(&self) -> Option<String> {
        let error = std::error::Error::source(self)?.downcast_ref::<sqlx::Error>()?;
        Some(error.as_database_error()?.code()?.into_owned())
    }

    /// Returns whether PostgreSQL rejected the login by its rules for hosts and roles, without asking for a password.
    /// The rules may demand TLS.
    pub(super) fn is_rejected_by_rules(&self) -> bool {
        matches!(self, Self::LoginRefused(_)) && self.sqlstate().as_deref() == Some("28000")
    }

    /// Returns the error of an IAM login: a rejected login becomes [`Self::IamRefused`].
    pub(super) fn into_iam_error(self) -> Self {
        match self {
            Self::LoginRefused(error) => Self::IamRefused(error),
            other => other,
        }
    }
}

/// Words of poolers whose message does not mean that the login is wrong: they or their server are busy or absent.
const BUSY_WORDS: [&str; 9] = [
    "max_client_conn",
    "too many",
    "timeout",
    "shut",
    "starting",
    "try again",
    "cannot connect",
    "crashed",
    "server conn",
];

fn is_busy(message: &str) -> bool {
    BUSY_WORDS.iter().any(|words| message.contains(words))
}

fn says(error: &sqlx::Error, words: &str) -> bool {
    let cause = error.as_database_error();
    cause.is_some_and(|cause| cause.message().contains(words))
}

fn mysql_number(error: &sqlx::Error) -> Option<u16> {
    let cause = error
        .as_database_error()?
        .try_downcast_ref::<MySqlDatabaseError>()?;
    Some(cause.number())
}

/// Returns the words of a refusal that has no code of its own.
fn words_of_refusal(error: &sqlx::Error) -> String {
    let code = error.as_database_error().and_then(|error| error.code());
    match code {
        Some(code) if code.starts_with("08") || code == "28000" => words::of(error),
        _ => String::new(),
    }
}

/// Returns whether the driver lacks the kind of login that the server asked for. It has only texts for that.
fn is_unsupported_login(error: &sqlx::Error) -> bool {
    let sqlx::Error::Protocol(text) = error else {
        return false;
    };
    text.contains("unknown authentication plugin")
        || text.contains("unsupported authentication")
        || text.contains("unsupported SASL")
}

/// Returns the name of the plug-in in the driver's text.
fn named_plugin(error: &sqlx::Error) -> String {
    let text = error.to_string();
    let name = text.split_once("unknown authentication plugin: ");
    name.map(|(_, name)| format!(": {}", words::message(name)))
        .unwrap_or_default()
}

impl From<sqlx::Error> for DatabaseError {
    fn from(error: sqlx::Error) -> Self {
        if let sqlx::Error::Database(cause) = &error {
            let wrap = match cause.try_downcast_ref::<MySqlDatabaseError>() {
                Some(cause) => from_mysql(cause.number()),
                None => from_postgres(cause.code().as_deref().unwrap_or_default()),
            };
            return wrap(error);
        }
        let tls = |fault| move |error| Self::Tls(fault, Some(error));
        match &error {
            sqlx::Error::Io(cause) => match tls_fault(cause) {
                Some(fault) => tls(fault)(error),
                None => from_io(cause)(error),
            },
            // sqlx has no variant for this error. Tests against real servers check the text.
            sqlx::Error::Tls(cause) if cause.to_string().contains("does not support TLS") => {
                tls(TlsFault::NotOffered)(error)
            }
            sqlx::Error::Tls(_) => tls(TlsFault::Failed)(error),
            // Without TLS, MySQL's own logins need RSA, which is not linked; sqlx then reports this text.
            sqlx::Error::Configuration(cause) if cause.to_string().contains("use TLS") => {
                tls(TlsFault::Required)(error)
            }
            _ => Self::Failed(error),
        }
    }
}

type Wrap = fn(sqlx::Error) -> DatabaseError;

/// Maps errors of PostgreSQL by their [code](https://www.postgresql.org/docs/current/errcodes-appendix.html).
fn from_postgres(code: &str) -> Wrap {
    match code {
        "28000" | "28P01" => DatabaseError::LoginRefused,
        "3D000" => DatabaseError::Missing,
        "53300" => DatabaseError::TooManyConnections,
        "57014" => |error| DatabaseError::Timeout(Some(error)),
        "55P03" => DatabaseError::Locked,
        "42501" => DatabaseError::Denied,
        // Cannot connect now: starting, recovering or shutting down.
        "57P03" => DatabaseError::Unreachable,
        // Ended by an administrator, by a crash, or because it was idle.
        "57P01" | "57P02" | "57P05" | "25P03" => DatabaseError::Lost,
        // A replica's recovery cancelled the statement (or ended the session, or dropped its database), or a deadlock.
        "40001" | "40P01" | "57P04" => DatabaseError::Conflict,
        // A pooler whose servers are all down.
        "57000" => DatabaseError::Unreachable,
        // The two steps of a statement ran on two connections of a pooler.
        "26000" => DatabaseError::Pooler,
        // Connection exceptions, as reported by proxies.
        code if code.starts_with("08") => DatabaseError::Lost,
        _ => DatabaseError::Failed,
    }
}

/// Maps errors of [MySQL](https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html) and
/// [MariaDB](https://mariadb.com/kb/en/mariadb-error-code-reference/) by their number.
fn from_mysql(number: u16) -> Wrap {
    match number {
        // Wrong password, host not allowed, password expired, account locked, no password given.
        1045 | 1130 | 1698 | 1820 | 1862 | 3118 | 4151 => DatabaseError::LoginRefused,
        1049 => DatabaseError::Missing,
        // Limits of the server, of the user, and of the user per hour.
        1040 | 1203 | 1226 => DatabaseError::TooManyConnections,
        // max_execution_time (MySQL), max_statement_time (MariaDB), a KILL QUERY.
        3024 | 1969 | 1317 => |error| DatabaseError::Timeout(Some(error)),
        1205 => DatabaseError::Locked,
        // A deadlock, or a certification failure of a cluster.
        1213 => DatabaseError::Conflict,
        // The server does not have the account's plug-in, or refuses its old form.
        1524 | 1251 => DatabaseError::LoginUnsupported,
        // On a database, a table, a column, a routine, or an administrative command.
        1044 | 1142 | 1143 | 1227 | 1370 => DatabaseError::Denied,
        3159 => |error| DatabaseError::Tls(TlsFault::Required, Some(error)),
        // The server shuts down, the connection was killed (1053, 1077, 1079, 1927) or was idle for too long (4031).
        1053 | 1077 | 1079 | 1152 | 1184 | 1927 | 4031 => DatabaseError::Lost,
        _ => DatabaseError::Failed,
    }
}

fn from_io(error: &io::Error) -> Wrap {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => DatabaseError::Refused,
        io::ErrorKind::TimedOut => |error| DatabaseError::Timeout(Some(error)),
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::NotConnected => DatabaseError::Lost,
        // The standard library has no kind for errors of the resolver, only this text.
        _ if error.to_string().starts_with("failed to lookup address") => {
            DatabaseError::NameNotFound
        }
        _ => DatabaseError::Unreachable,
    }
}

/// Returns why a handshake failed; `None` if the error is not one of TLS.
fn tls_fault(error: &io::Error) -> Option<TlsFault> {
    use rustls::CertificateError as Certificate;

    let error = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    Some(match error {
        rustls::Error::InvalidCertificate(certificate) => match certificate {
            Certificate::UnknownIssuer | Certificate::BadSignature => TlsFault::Untrusted,
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
                TlsFault::WrongHost
            }
            Certificate::Expired
            | Certificate::ExpiredContext { .. }
            | Certificate::NotValidYet
            | Certificate::NotValidYetContext { .. } => TlsFault::Expired,
            _ => TlsFault::Failed,
        },
        _ => TlsFault::Failed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_errors_are_distinguished() {
        let cases = [
            (io::ErrorKind::ConnectionRefused, "connection_refused"),
            (io::ErrorKind::TimedOut, "timeout"),
            (io::ErrorKind::NetworkUnreachable, "unreachable"),
            (io::ErrorKind::ConnectionReset, "connection_lost"),
            (io::ErrorKind::UnexpectedEof, "connection_lost"),
        ];
        for (kind, code) in cases {
            let error = DatabaseError::from(sqlx::Error::Io(kind.into()));

            assert_eq!((error.code(), error.is_transient()), (code, true), "{kind}");
        }
    }

    #[test]
    fn errors_of_both_engines_have_the_same_codes() {
        let sample = || sqlx::Error::RowNotFound;
        let cases = [
            ("28P01", 1045, "login_refused"),
            ("3D000", 1049, "database_missing"),
            ("53300", 1040, "too_many_connections"),
            ("57014", 1969, "timeout"),
            ("57014", 3024, "timeout"),
            ("55P03", 1205, "lock_timeout"),
            ("42501", 1142, "access_denied"),
            ("42501", 1044, "access_denied"),
            ("40P01", 1213, "conflict"),
            ("57P01", 1927, "connection_lost"),
            ("08006", 1053, "connection_lost"),
            ("42601", 1064, "database_failed"),
        ];
        for (code, number, word) in cases {
            assert_eq!(from_postgres(code)(sample()).code(), word, "{code}");
            assert_eq!(from_mysql(number)(sample()).code(), word, "{number}");
        }
        assert_eq!(from_mysql(3159)(sample()).code(), "tls_required");
        let without_rsa = "RSA auth backend disabled; enable feature `mysql-rsa` or use TLS.";
        let plain = DatabaseError::from(sqlx::Error::Configuration(without_rsa.into()));
        assert_eq!(plain.code(), "tls_required");
    }

    #[test]
    fn only_a_rejected_login_becomes_an_iam_error() {
        let refused = DatabaseError::LoginRefused(sqlx::Error::RowNotFound).into_iam_error();
        let missing = DatabaseError::Missing(sqlx::Error::RowNotFound).into_iam_error();

        assert_eq!(refused.code(), "iam_refused");
        assert!(!refused.is_transient());
        assert_eq!(missing.code(), "database_missing");
    }

    #[test]
    fn a_failed_handshake_has_its_cause() {
        use rustls::CertificateError as Certificate;
        let fault = |certificate| {
            let error = rustls::Error::InvalidCertificate(certificate);
            tls_fault(&io::Error::new(io::ErrorKind::InvalidData, error))
        };

        assert_eq!(fault(Certificate::UnknownIssuer), Some(TlsFault::Untrusted));
        assert_eq!(
            fault(Certificate::NotValidForName),
            Some(TlsFault::WrongHost)
        );
        assert_eq!(fault(Certificate::Expired), Some(TlsFault::Expired));
        assert_eq!(fault(Certificate::BadEncoding), Some(TlsFault::Failed));
        assert_eq!(tls_fault(&io::ErrorKind::InvalidData.into()), None);
    }
}
