//! Connections to an app's database: read-only, bounded in time, TLS verified, never pooled by accident.
//!
//! Both the table collector and `/users` connect through here; what they ask is theirs.

mod iam;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};

use crate::aws::Aws;
use crate::clock::Clock;
use crate::config::Variables;
use crate::fleet::{Auth, DatabaseTarget, Engine};

/// Name under which the database's own views show our connections.
pub const APPLICATION_NAME: &str = "mrt-api";
/// Longest wait for a connection, name look-up, TLS and login included.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for a lock. Waiting behind a schema change would queue the app's own statements behind us.
pub const LOCK_TIMEOUT: Duration = Duration::from_secs(1);

/// Why a database gave no answer.
///
/// The texts name no host, no user and no SQL; the source is for logs.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// No connection: the name is unknown, the port is closed or the server is going down.
    #[error("the database could not be reached")]
    Unreachable(#[source] sqlx::Error),
    /// It did not answer in time.
    #[error("the database did not answer in time")]
    Timeout(#[source] Option<sqlx::Error>),
    /// A lock was not granted in time.
    #[error("the database waits for a lock that another session holds")]
    Locked(#[source] sqlx::Error),
    /// TLS could not be set up or the certificate is not trusted.
    #[error("the database's TLS certificate was not accepted")]
    Tls(#[source] sqlx::Error),
    /// The login was refused.
    #[error("the database refused the login")]
    LoginRefused(#[source] sqlx::Error),
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
    /// There is no code for this engine.
    #[error("databases of engine {} are not supported", .0.as_str())]
    UnsupportedEngine(Engine),
    /// Anything else.
    #[error("the database answered with an error")]
    Failed(#[source] sqlx::Error),
}

impl DatabaseError {
    /// Returns the stable word for it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::Timeout(_) => "timeout",
            Self::Locked(_) => "lock_timeout",
            Self::Tls(_) => "tls_failed",
            Self::LoginRefused(_) => "login_refused",
            Self::Missing(_) => "database_missing",
            Self::TooManyConnections(_) => "too_many_connections",
            Self::Denied(_) => "access_denied",
            Self::Credentials(_) => "credentials_missing",
            Self::UnsupportedEngine(_) => "engine_unsupported",
            Self::Failed(_) => "database_failed",
        }
    }

    /// Returns whether the same call may work a little later without anybody acting.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unreachable(_) | Self::Timeout(_) | Self::Locked(_) | Self::TooManyConnections(_)
        )
    }
}

impl From<sqlx::Error> for DatabaseError {
    fn from(error: sqlx::Error) -> Self {
        let code = error
            .as_database_error()
            .and_then(|error| error.code())
            .map(std::borrow::Cow::into_owned);
        // https://www.postgresql.org/docs/current/errcodes-appendix.html
        match (code.as_deref(), &error) {
            (Some("28000" | "28P01"), _) => Self::LoginRefused(error),
            (Some("3D000"), _) => Self::Missing(error),
            (Some("53300"), _) => Self::TooManyConnections(error),
            (Some("57014"), _) => Self::Timeout(Some(error)),
            (Some("55P03"), _) => Self::Locked(error),
            (Some("42501"), _) => Self::Denied(error),
            (Some("57P01" | "57P02" | "57P03"), _) => Self::Unreachable(error),
            (None, sqlx::Error::Tls(_)) => Self::Tls(error),
            (None, sqlx::Error::Io(cause)) if cause.kind() == std::io::ErrorKind::TimedOut => {
                Self::Timeout(Some(error))
            }
            (None, sqlx::Error::Io(_)) => Self::Unreachable(error),
            _ => Self::Failed(error),
        }
    }
}

/// Opens connections to databases of the fleet.
#[derive(Clone)]
pub struct Databases {
    aws: Arc<Aws>,
    variables: Arc<dyn Variables>,
    clock: Arc<dyn Clock>,
    ca_file: Option<PathBuf>,
}

impl Databases {
    /// Returns an opener; `ca_file` is a PEM bundle of the authorities that database certificates come from.
    pub fn new(
        aws: Arc<Aws>,
        variables: Arc<dyn Variables>,
        clock: Arc<dyn Clock>,
        ca_file: Option<PathBuf>,
    ) -> Self {
        Self {
            aws,
            variables,
            clock,
            ca_file,
        }
    }

    /// Opens a connection to a PostgreSQL database.
    ///
    /// It reads only, waits at most [`LOCK_TIMEOUT`] for a lock and ends any statement after
    /// `statement_timeout`. Plain text is spoken to this machine only; every other host must show a
    /// certificate that is valid for its name.
    ///
    /// # Errors
    ///
    /// See [`DatabaseError`]; takes at most [`CONNECT_TIMEOUT`], and what AWS needs for credentials.
    pub async fn connect_postgres(
        &self,
        target: &DatabaseTarget,
        statement_timeout: Duration,
    ) -> Result<PgConnection, DatabaseError> {
        if target.engine != Engine::Postgres {
            return Err(DatabaseError::UnsupportedEngine(target.engine));
        }
        let password = self.password(target).await?;
        let milliseconds = |span: Duration| span.as_millis().to_string();
        let mut options = PgConnectOptions::new_without_pgpass()
            .host(&target.host)
            .port(target.port)
            .database(&target.name)
            .username(&target.user)
            .password(&password)
            .application_name(APPLICATION_NAME)
            .ssl_mode(if is_this_machine(&target.host) {
                PgSslMode::Disable
            } else {
                PgSslMode::VerifyFull
            })
            .options([
                ("default_transaction_read_only", "on".to_owned()),
                ("statement_timeout", milliseconds(statement_timeout)),
                ("lock_timeout", milliseconds(LOCK_TIMEOUT)),
                (
                    "idle_in_transaction_session_timeout",
                    milliseconds(statement_timeout),
                ),
            ])
            .disable_statement_logging();
        if let Some(ca_file) = &self.ca_file {
            options = options.ssl_root_cert(ca_file);
        }
        let connecting = tokio::time::timeout(CONNECT_TIMEOUT, options.connect());
        Ok(connecting
            .await
            .map_err(|_| DatabaseError::Timeout(None))??)
    }

    async fn password(&self, target: &DatabaseTarget) -> Result<String, DatabaseError> {
        match &target.auth {
            Auth::Variable(name) => {
                let value = self.variables.get(name);
                value.ok_or_else(|| {
                    DatabaseError::Credentials(format!("the variable {name} is not set"))
                })
            }
            Auth::Iam => {
                let config = self
                    .aws
                    .config_for(target.region.as_deref(), target.role_arn.as_deref())
                    .await;
                iam::token(&config, target, self.clock.now())
                    .await
                    .map_err(DatabaseError::Credentials)
            }
        }
    }
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_counts_as_this_machine() {
        for host in ["localhost", "127.0.0.1", "127.8.8.8", "::1"] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in [
            "10.0.0.1",
            "localhost.example.com",
            "acme.abc.eu-west-1.rds.amazonaws.com",
            "0.0.0.0",
        ] {
            assert!(!is_this_machine(host), "{host}");
        }
    }

    #[test]
    fn a_closed_port_is_unreachable_and_passes_by_itself() {
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);

        let error = DatabaseError::from(sqlx::Error::Io(refused));

        assert_eq!((error.code(), error.is_transient()), ("unreachable", true));
    }
}
