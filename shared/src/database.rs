//! Connections to an app's database: read-only, bounded in time, with verified TLS, not pooled.
//!
//! The table collector and `/users` connect through this module, and have their own statements.

mod error;
mod iam;
mod mysql;
mod postgres;
mod wire;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sqlx::mysql::MySqlConnection;
use sqlx::postgres::PgConnection;
use tokio::time::timeout;

use crate::aws::Aws;
use crate::clock::Clock;
use crate::config::Variables;
use crate::fleet::{Auth, DatabaseTarget, Engine};
use crate::secrets::{Secret, SecretError, Secrets};

pub use error::{DatabaseError, TlsFault};
use wire::Wire;

/// Name of the connections in PostgreSQL's own views.
pub const APPLICATION_NAME: &str = "mrt-api";
/// Prefix of statements to MySQL and MariaDB, which identifies them in the server's process list.
pub const STATEMENT_MARK: &str = "/* mrt-api */";
/// Longest wait for a connection, including name look-up, TLS, login and session settings.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for a lock. A longer wait behind a schema change would block the app's own statements.
pub const LOCK_TIMEOUT: Duration = Duration::from_secs(1);

/// Opens connections to databases of the fleet. Clones share the cache of secrets.
#[derive(Clone)]
pub struct Databases {
    aws: Arc<Aws>,
    variables: Arc<dyn Variables>,
    clock: Arc<dyn Clock>,
    ca_file: Option<PathBuf>,
    secrets: Secrets,
}

/// User and password of a login. Has no `Debug`, so that no log contains it.
#[derive(PartialEq, Eq)]
struct Login {
    user: String,
    password: String,
}

impl Databases {
    /// `ca_file` is a PEM bundle with the authorities of database certificates.
    ///
    /// No other authority is trusted. Without the file only databases on this machine are reachable.
    pub fn new(
        aws: Arc<Aws>,
        variables: Arc<dyn Variables>,
        clock: Arc<dyn Clock>,
        ca_file: Option<PathBuf>,
    ) -> Self {
        Self {
            secrets: Secrets::new(Arc::clone(&aws)),
            aws,
            variables,
            clock,
            ca_file,
        }
    }

    /// Returns the AWS clients, for other data about databases.
    pub fn aws(&self) -> &Aws {
        &self.aws
    }

    /// Opens a connection to a PostgreSQL database.
    ///
    /// The session is read-only, waits at most [`LOCK_TIMEOUT`] for a lock and ends any statement after
    /// `statement_timeout`. Only connections to this machine are in plain text: every other host must present a
    /// certificate that is valid for its name.
    ///
    /// # Errors
    ///
    /// See [`DatabaseError`]. Takes at most [`CONNECT_TIMEOUT`], twice that if a secret was rotated meanwhile, plus the
    /// time for credentials.
    pub async fn connect_postgres(
        &self,
        target: &DatabaseTarget,
        statement_timeout: Duration,
    ) -> Result<PgConnection, DatabaseError> {
        self.connect(target, statement_timeout).await
    }

    /// Opens a connection to a MySQL or MariaDB database.
    ///
    /// The session is read-only, waits at most [`LOCK_TIMEOUT`] for a lock on rows or on a table's definition, and ends
    /// any `SELECT` after `statement_timeout`. Times are UTC, and the SQL mode is empty. TLS is as with PostgreSQL; a
    /// clear-text password is sent only over TLS.
    ///
    /// # Errors
    ///
    /// See [`Databases::connect_postgres`].
    pub async fn connect_mysql(
        &self,
        target: &DatabaseTarget,
        statement_timeout: Duration,
    ) -> Result<MySqlConnection, DatabaseError> {
        self.connect(target, statement_timeout).await
    }

    async fn connect<S: Session>(
        &self,
        target: &DatabaseTarget,
        statement_timeout: Duration,
    ) -> Result<S, DatabaseError> {
        if target.engine != S::ENGINE {
            return Err(DatabaseError::UnsupportedEngine(target.engine));
        }
        let wire = wire::wire(&target.host, self.ca_file.as_deref()).await?;
        let wire = &wire;
        match &target.auth {
            Auth::Variable(name) => {
                let password = self.variables.get(name);
                let password = password.ok_or_else(|| {
                    DatabaseError::Credentials(format!("the variable {name} is not set"))
                })?;
                open(
                    target,
                    &Login::from_target(target, password),
                    wire,
                    statement_timeout,
                )
                .await
            }
            Auth::Iam => {
                if matches!(wire, Wire::Plain) {
                    let reason = "IAM tokens are sent over TLS only, and connections to this machine are in plain text";
                    return Err(DatabaseError::Credentials(reason.to_owned()));
                }
                let login = Login::from_target(target, self.iam_token(target).await?);
                let opened = open(target, &login, wire, statement_timeout).await;
                opened.map_err(DatabaseError::into_iam_error)
            }
            Auth::Secret(arn) => {
                let role_arn = target.scope.role_arn.as_deref();
                let known = Login::from_secret(target, &self.secrets.read(arn, role_arn).await?);
                let first = open(target, &known, wire, statement_timeout).await;
                if !matches!(first, Err(DatabaseError::LoginRefused(_))) {
                    return first;
                }
                // The secret may have been rotated since it was read.
                let fresh = self.secrets.read_fresh(arn, role_arn).await?;
                let fresh = Login::from_secret(target, &fresh);
                if fresh == known {
                    return first;
                }
                open(target, &fresh, wire, statement_timeout).await
            }
        }
    }

    async fn iam_token(&self, target: &DatabaseTarget) -> Result<String, DatabaseError> {
        let config = self.aws.config_for(&target.scope).await;
        iam::token(&config, target, self.clock.now())
            .await
            .map_err(DatabaseError::Credentials)
    }
}

/// A connection to one engine.
trait Session: Sized {
    const ENGINE: Engine;

    fn open(
        target: &DatabaseTarget,
        login: &Login,
        wire: &Wire,
        statement_timeout: Duration,
    ) -> impl Future<Output = Result<Self, DatabaseError>> + Send;
}

impl Session for PgConnection {
    const ENGINE: Engine = Engine::Postgres;

    async fn open(
        target: &DatabaseTarget,
        login: &Login,
        wire: &Wire,
        statement_timeout: Duration,
    ) -> Result<Self, DatabaseError> {
        postgres::connect(target, login, wire, statement_timeout).await
    }
}

impl Session for MySqlConnection {
    const ENGINE: Engine = Engine::Mysql;

    async fn open(
        target: &DatabaseTarget,
        login: &Login,
        wire: &Wire,
        statement_timeout: Duration,
    ) -> Result<Self, DatabaseError> {
        mysql::connect(target, login, wire, statement_timeout).await
    }
}

async fn open<S: Session>(
    target: &DatabaseTarget,
    login: &Login,
    wire: &Wire,
    statement_timeout: Duration,
) -> Result<S, DatabaseError> {
    timeout(
        CONNECT_TIMEOUT,
        S::open(target, login, wire, statement_timeout),
    )
    .await
    .unwrap_or(Err(DatabaseError::Timeout(None)))
}

impl Login {
    fn from_target(target: &DatabaseTarget, password: String) -> Self {
        Self {
            user: target.user.clone(),
            password,
        }
    }

    /// Returns the login in a secret: RDS stores a JSON object, people often only the password.
    ///
    /// A user name in the secret takes precedence over the fleet's, because rotation may alternate between two users.
    fn from_secret(target: &DatabaseTarget, secret: &Secret) -> Self {
        #[derive(serde::Deserialize)]
        struct StoredLogin {
            username: Option<String>,
            password: String,
        }
        match serde_json::from_str::<StoredLogin>(secret.text()) {
            Ok(stored) => Self {
                user: stored.username.unwrap_or_else(|| target.user.clone()),
                password: stored.password,
            },
            Err(_) => Self::from_target(target, secret.text().to_owned()),
        }
    }
}

impl From<SecretError> for DatabaseError {
    fn from(error: SecretError) -> Self {
        Self::Credentials(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fleet::database_target;

    #[test]
    fn a_secret_is_a_password_or_the_object_of_rds() {
        let login = |text: &str| {
            let login = Login::from_secret(&database_target(), &Secret::of_text(text));
            (login.user, login.password)
        };
        let pair = |user: &str, password: &str| (user.to_owned(), password.to_owned());

        assert_eq!(login("p{ss"), pair("mrt_ro", "p{ss"));
        assert_eq!(login(r#"{"password": "p"}"#), pair("mrt_ro", "p"));
        assert_eq!(
            login(
                r#"{"username": "mrt_ro_clone", "password": "p", "engine": "postgres", "port": 5432}"#
            ),
            pair("mrt_ro_clone", "p")
        );
        // An object without a password is a password itself.
        assert_eq!(
            login(r#"{"user": "x"}"#),
            pair("mrt_ro", r#"{"user": "x"}"#)
        );
    }

    #[tokio::test]
    async fn a_token_is_never_sent_in_plain_text() {
        let databases = Databases::new(
            Arc::new(Aws::for_tests("http://127.0.0.1:9")),
            Arc::new(std::collections::BTreeMap::new()),
            Arc::new(crate::clock::SystemClock),
            None,
        );

        let error = databases
            .connect_postgres(&database_target(), Duration::from_secs(1))
            .await
            .err();

        assert_eq!(error.map(|error| error.code()), Some("credentials_missing"));
    }
}
