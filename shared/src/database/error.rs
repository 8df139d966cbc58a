//! Why a database gave no answer, told apart by who must act. Not a place for what was asked: no SQL in here.

use std::io;

use sqlx::mysql::MySqlDatabaseError;

use crate::fleet::Engine;

/// Why a database gave no answer.
///
/// The texts name no host, no user and no SQL; the source is for logs.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The host has no address.
    #[error("the database's host name is not known")]
    NameNotFound(#[source] sqlx::Error),
    /// Nothing listens there.
    #[error("the database's port is closed")]
    Refused(#[source] sqlx::Error),
    /// No connection for another reason: no way there, or the server is starting or going down.
    #[error("the database could not be reached")]
    Unreachable(#[source] sqlx::Error),
    /// The connection broke while it was in use.
    #[error("the connection to the database was lost")]
    Lost(#[source] sqlx::Error),
    /// It did not answer in time.
    #[error("the database did not answer in time")]
    Timeout(#[source] Option<sqlx::Error>),
    /// A lock was not granted in time.
    #[error("the database waits for a lock that another session holds")]
    Locked(#[source] sqlx::Error),
    /// TLS could not be set up, or the certificate is not trusted.
    #[error("{0}")]
    Tls(TlsFault, #[source] Option<sqlx::Error>),
    /// The login was refused.
    #[error("the database refused the login")]
    LoginRefused(#[source] sqlx::Error),
    /// The login with an IAM token was refused.
    #[error(
        "the database refused the IAM login: check rds-db:connect of the role, and that the database user may log in by IAM"
    )]
    IamRefused(#[source] sqlx::Error),
    /// The server has no database of that name.
    #[error("the server has no database of that name")]
    Missing(#[source] sqlx::Error),
    /// The server has no free connection.
    #[error("the database has no free connection")]
    TooManyConnections(#[source] sqlx::Error),
    /// The role lacks a right.
    #[error("the database role lacks a right")]
    Denied(#[source] sqlx::Error),
    /// The login could not be prepared.
    #[error("the database login could not be prepared: {0}")]
    Credentials(String),
    /// The connection is for another engine than the target's.
    #[error("databases of engine {} are not supported here", .0.as_str())]
    UnsupportedEngine(Engine),
    /// Anything else.
    #[error("the database answered with an error")]
    Failed(#[source] sqlx::Error),
}

/// What is wrong with a database's TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TlsFault {
    /// Nobody said which authorities database certificates come from.
    #[error("no authorities of database certificates are configured: set MRT_DATABASE_CA_FILE")]
    NotConfigured,
    /// The file of the authorities is missing, unreadable or holds no certificate.
    #[error("the file of the authorities of database certificates cannot be used")]
    AuthoritiesUnusable,
    /// The server speaks plain text only.
    #[error("the database does not offer TLS")]
    NotOffered,
    /// The server wants TLS on a connection that is plain text: to this machine.
    #[error("the database asks for TLS, which is not spoken to this machine")]
    Required,
    /// The certificate is from none of the configured authorities.
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
    /// Returns the stable word for it.
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
    /// Returns the stable word for it.
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
            Self::IamRefused(_) => "iam_refused",
            Self::Missing(_) => "database_missing",
            Self::TooManyConnections(_) => "too_many_connections",
            Self::Denied(_) => "access_denied",
            Self::Credentials(_) => "credentials_missing",
            Self::UnsupportedEngine(_) => "engine_unsupported",
            Self::Failed(_) => "database_failed",
        }
    }

    /// Returns whether the same call may work a little later without anybody acting.
    ///
    /// A name that is not found counts: name servers have bad moments, and a failover changes names.
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
        )
    }

    /// Returns the same error, told as one of IAM where the login was refused.
    pub(super) fn of_iam(self) -> Self {
        match self {
            Self::LoginRefused(error) => Self::IamRefused(error),
            other => other,
        }
    }
}

impl From<sqlx::Error> for DatabaseError {
    fn from(error: sqlx::Error) -> Self {
        if let sqlx::Error::Database(cause) = &error {
            let wrap = match cause.try_downcast_ref::<MySqlDatabaseError>() {
                Some(cause) => of_mysql(cause.number()),
                None => of_postgres(cause.code().as_deref().unwrap_or_default()),
            };
            return wrap(error);
        }
        let tls = |fault| move |error| Self::Tls(fault, Some(error));
        match &error {
            sqlx::Error::Io(cause) => match tls_fault(cause) {
                Some(fault) => tls(fault)(error),
                None => of_io(cause)(error),
            },
            // sqlx has no word of its own for this one; the tests against real servers hold it to the text.
            sqlx::Error::Tls(cause) if cause.to_string().contains("does not support TLS") => {
                tls(TlsFault::NotOffered)(error)
            }
            sqlx::Error::Tls(_) => tls(TlsFault::Failed)(error),
            // MySQL's own logins prove a password over TLS only; in plain text sqlx says that RSA is left out of it.
            sqlx::Error::Configuration(cause) if cause.to_string().contains("use TLS") => {
                tls(TlsFault::Required)(error)
            }
            _ => Self::Failed(error),
        }
    }
}

type Wrap = fn(sqlx::Error) -> DatabaseError;

/// Tells errors of PostgreSQL by their [code](https://www.postgresql.org/docs/current/errcodes-appendix.html).
fn of_postgres(code: &str) -> Wrap {
    match code {
        "28000" | "28P01" => DatabaseError::LoginRefused,
        "3D000" => DatabaseError::Missing,
        "53300" => DatabaseError::TooManyConnections,
        "57014" => |error| DatabaseError::Timeout(Some(error)),
        "55P03" => DatabaseError::Locked,
        "42501" => DatabaseError::Denied,
        // Cannot connect now: starting, recovering or going down.
        "57P03" => DatabaseError::Unreachable,
        // Ended by an administrator, a crash, or for being idle.
        "57P01" | "57P02" | "57P05" | "25P03" => DatabaseError::Lost,
        // Connection exceptions, which proxies report.
        code if code.starts_with("08") => DatabaseError::Lost,
        _ => DatabaseError::Failed,
    }
}

/// Tells errors of [MySQL](https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html) and
/// [MariaDB](https://mariadb.com/kb/en/mariadb-error-code-reference/) by their number.
fn of_mysql(number: u16) -> Wrap {
    match number {
        // Wrong password, host not allowed, password expired, account locked, no password given.
        1045 | 1130 | 1698 | 1820 | 1862 | 3118 | 4151 => DatabaseError::LoginRefused,
        1049 => DatabaseError::Missing,
        // Of the server, of the user, of the user's hourly share.
        1040 | 1203 | 1226 => DatabaseError::TooManyConnections,
        // max_execution_time (MySQL), max_statement_time (MariaDB), a KILL QUERY.
        3024 | 1969 | 1317 => |error| DatabaseError::Timeout(Some(error)),
        1205 => DatabaseError::Locked,
        // On the database, a table, a column, a routine, an administrator's command.
        1044 | 1142 | 1143 | 1227 | 1370 => DatabaseError::Denied,
        3159 => |error| DatabaseError::Tls(TlsFault::Required, Some(error)),
        // Shutting down; the connection was killed (1053, 1077, 1079, 1927), or idle for too long (4031).
        1053 | 1077 | 1079 | 1152 | 1184 | 1927 | 4031 => DatabaseError::Lost,
        _ => DatabaseError::Failed,
    }
}

fn of_io(error: &io::Error) -> Wrap {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => DatabaseError::Refused,
        io::ErrorKind::TimedOut => |error| DatabaseError::Timeout(Some(error)),
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::NotConnected => DatabaseError::Lost,
        // The standard library has no kind for it, and says these words for every fault of the resolver.
        _ if error.to_string().starts_with("failed to lookup address") => {
            DatabaseError::NameNotFound
        }
        _ => DatabaseError::Unreachable,
    }
}

/// Returns what a handshake failed of, `None` when the error is not one of TLS.
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
    fn faults_on_the_way_are_told_apart() {
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
    fn errors_of_both_engines_have_the_same_words() {
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
            ("57P01", 1927, "connection_lost"),
            ("08006", 1053, "connection_lost"),
            ("42601", 1064, "database_failed"),
        ];
        for (code, number, word) in cases {
            assert_eq!(of_postgres(code)(sample()).code(), word, "{code}");
            assert_eq!(of_mysql(number)(sample()).code(), word, "{number}");
        }
        assert_eq!(of_mysql(3159)(sample()).code(), "tls_required");
        let without_rsa = "RSA auth backend disabled; enable feature `mysql-rsa` or use TLS.";
        let plain = DatabaseError::from(sqlx::Error::Configuration(without_rsa.into()));
        assert_eq!(plain.code(), "tls_required");
    }

    #[test]
    fn only_a_refused_login_becomes_one_of_iam() {
        let refused = DatabaseError::LoginRefused(sqlx::Error::RowNotFound).of_iam();
        let missing = DatabaseError::Missing(sqlx::Error::RowNotFound).of_iam();

        assert_eq!(refused.code(), "iam_refused");
        assert!(!refused.is_transient());
        assert_eq!(missing.code(), "database_missing");
    }

    #[test]
    fn a_handshake_says_what_it_failed_of() {
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
