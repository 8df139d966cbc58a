//! Connections to an app's database: read-only, bounded in time, TLS verified, never pooled by accident.
//!
//! Both the table collector and `/users` connect through here; what they ask is theirs.

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

/// Name under which PostgreSQL's own views show our connections.
pub const APPLICATION_NAME: &str = "mrt-api";
/// What our statements to MySQL and MariaDB begin with, for whoever reads the server's process list.
pub const STATEMENT_MARK: &str = "/* mrt-api */";
/// Longest wait for a connection, name look-up, TLS, login and settings of the session included.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for a lock. Waiting behind a schema change would queue the app's own statements behind us.
pub const LOCK_TIMEOUT: Duration = Duration::from_secs(1);

/// Opens connections to databases of the fleet. Clones share what they know of secrets.
#[derive(Clone)]
pub struct Databases {
    aws: Arc<Aws>,
    variables: Arc<dyn Variables>,
    clock: Arc<dyn Clock>,
    ca_file: Option<PathBuf>,
    secrets: Secrets,
}

/// Who logs in, and with what. Has no `Debug`, so that it gets into no log.
#[derive(PartialEq, Eq)]
struct Login {
    user: String,
    password: String,
}

impl Databases {
    /// Returns an opener; `ca_file` is a PEM bundle of the authorities that database certificates come from.
    ///
    /// No other authority is trusted. Without it only databases on this machine can be reached.
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

    /// Returns the clients that secrets and tokens come from, for what else AWS knows of a database.
    pub fn aws(&self) -> &Aws {
        &self.aws
    }

    /// Opens a connection to a PostgreSQL database.
    ///
    /// It reads only, waits at most [`LOCK_TIMEOUT`] for a lock and ends any statement after
    /// `statement_timeout`. Plain text is spoken to this machine only; every other host must show a
    /// certificate that is valid for its name.
    ///
    /// # Errors
    ///
    /// See [`DatabaseError`]; takes at most [`CONNECT_TIMEOUT`], twice that when a secret was rotated meanwhile, and
    /// what AWS needs for credentials.
    pub async fn connect_postgres(
        &self,
        target: &DatabaseTarget,
        statement_timeout: Duration,
    ) -> Result<PgConnection, DatabaseError> {
        self.connect(target, statement_timeout).await
    }

    /// Opens a connection to a MySQL or MariaDB database.
    ///
    /// It reads only, waits at most [`LOCK_TIMEOUT`] for a lock of rows or of a table's definition, and ends any
    /// `SELECT` after `statement_timeout`. Times are UTC, and the SQL mode is empty. TLS as with PostgreSQL; the
    /// password leaves in the clear only inside it.
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
                    &Login::of_target(target, password),
                    wire,
                    statement_timeout,
                )
                .await
            }
            Auth::Iam => {
                if matches!(wire, Wire::Plain) {
                    let reason = "an IAM token is sent over TLS only, never to this machine";
                    return Err(DatabaseError::Credentials(reason.to_owned()));
                }
                let login = Login::of_target(target, self.iam_token(target).await?);
                let opened = open(target, &login, wire, statement_timeout).await;
                opened.map_err(DatabaseError::of_iam)
            }
            Auth::Secret(arn) => {
                let role_arn = target.scope.role_arn.as_deref();
                let known = Login::of_secret(target, &self.secrets.read(arn, role_arn).await?);
                let first = open(target, &known, wire, statement_timeout).await;
                if !matches!(first, Err(DatabaseError::LoginRefused(_))) {
                    return first;
                }
                // Perhaps the secret was rotated since it was read.
                let fresh = self.secrets.read_fresh(arn, role_arn).await?;
                let fresh = Login::of_secret(target, &fresh);
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

/// A connection of one engine: what differs between them, nothing else.
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
    fn of_target(target: &DatabaseTarget, password: String) -> Self {
        Self {
            user: target.user.clone(),
            password,
        }
    }

    /// Returns the login that a secret holds: RDS keeps a JSON object, people often only the password.
    ///
    /// A user name in it wins over the fleet's: rotation may take turns between two users.
    fn of_secret(target: &DatabaseTarget, secret: &Secret) -> Self {
        #[derive(serde::Deserialize)]
        struct Kept {
            username: Option<String>,
            password: String,
        }
        match serde_json::from_str::<Kept>(secret.text()) {
            Ok(kept) => Self {
                user: kept.username.unwrap_or_else(|| target.user.clone()),
                password: kept.password,
            },
            Err(_) => Self::of_target(target, secret.text().to_owned()),
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
    fn a_secret_is_a_password_or_what_rds_keeps() {
        let login = |text: &str| {
            let login = Login::of_secret(&database_target(), &Secret::of_text(text));
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
        // No password in it: whoever wrote that meant the text itself.
        assert_eq!(
            login(r#"{"user": "x"}"#),
            pair("mrt_ro", r#"{"user": "x"}"#)
        );
    }

    #[tokio::test]
    async fn a_token_never_leaves_in_plain_text() {
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
