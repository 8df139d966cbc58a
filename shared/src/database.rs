//! Connections to an app's database: read-only, bounded in time, with verified TLS, not pooled.
//!
//! With MySQL the session has these properties, with PostgreSQL each transaction: see [`ReadOnly`].
//!
//! The table collector and `/users` connect through this module, and have their own statements.

pub mod authorities;
mod error;
mod iam;
mod mysql;
mod postgres;
mod relay;
mod surroundings;
mod wire;
mod words;

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
pub use postgres::{ReadOnly, end_postgres};
use wire::Wire;
pub use wire::is_this_machine;

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

    /// Opens a connection to a PostgreSQL database. Statements belong into a transaction that [`ReadOnly::begin`]
    /// guards: the session itself has no settings, because a pooler may share it with the app.
    ///
    /// Only connections to this machine are in plain text: every other host must present a certificate that is valid
    /// for its name, and so must this machine if the target names the certificate.
    ///
    /// # Errors
    ///
    /// See [`DatabaseError`]. Takes at most [`CONNECT_TIMEOUT`], twice that if a secret was rotated meanwhile, plus the
    /// time for credentials.
    pub async fn connect_postgres(
        &self,
        target: &DatabaseTarget,
    ) -> Result<PgConnection, DatabaseError> {
        self.connect(target, Duration::ZERO).await
    }

    /// Opens a connection to a MySQL or MariaDB database.
    ///
    /// The session is read-only, waits at most [`LOCK_TIMEOUT`] for a lock on rows or on a table's definition, and ends
    /// any `SELECT` after `statement_timeout`. Times are UTC, the SQL mode is empty, and no limit of the server cuts the
    /// rows of a result. The server is asked whether these settings are in effect. TLS is as with PostgreSQL; a
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
        let wire = wire::wire(target, self.ca_file.as_deref()).await?;
        let wire = &wire;
        match &target.auth {
            Auth::Variable(name) => {
                let password = self.variables.get(name);
                let password = password.ok_or_else(|| {
                    DatabaseError::Credentials(format!("the variable {name} is not set"))
                })?;
                let login = Login::from_target(target, password);
                let opened = open(target, &login, wire, statement_timeout).await;
                self.explained(opened, target, &login, wire).await
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
                let known =
                    Login::from_secret(target, &self.secrets.read(arn, &target.scope).await?);
                let first = open(target, &known, wire, statement_timeout).await;
                if !matches!(first, Err(DatabaseError::LoginRefused(_))) {
                    return first;
                }
                let first = self.explained(first, target, &known, wire).await;
                // The secret may have been rotated since it was read.
                let fresh = self.secrets.read_fresh(arn, &target.scope).await?;
                let fresh = Login::from_secret(target, &fresh);
                if fresh == known {
                    return first;
                }
                open(target, &fresh, wire, statement_timeout).await
            }
        }
    }

    /// Returns what `opened` is, or [`TlsFault::Required`] if a login in plain text was rejected only because of that.
    ///
    /// PostgreSQL is asked with a made-up password. MySQL must be asked with the real one, so its certificate must be
    /// from an authority that is trusted.
    async fn explained<S: Session>(
        &self,
        opened: Result<S, DatabaseError>,
        target: &DatabaseTarget,
        login: &Login,
        wire: &Wire,
    ) -> Result<S, DatabaseError> {
        let refused = match opened {
            Err(error @ DatabaseError::LoginRefused(_)) if matches!(wire, Wire::Plain) => error,
            other => return other,
        };
        let is_required = match S::ENGINE {
            Engine::Postgres if refused.is_rejected_by_rules() => {
                let nobody = Login::from_target(target, String::new());
                let probe = Wire::Unverified;
                let answer = open::<S>(target, &nobody, &probe, CONNECT_TIMEOUT).await;
                match answer {
                    Ok(_) => true,
                    // Its rules let us try a password.
                    Err(DatabaseError::LoginRefused(error)) => {
                        !DatabaseError::LoginRefused(error).is_rejected_by_rules()
                    }
                    Err(_) => false,
                }
            }
            Engine::Mysql => match wire::authorities(self.ca_file.as_deref()).await {
                Ok(authorities) => {
                    let probe = Wire::OnlyAuthorities { authorities };
                    open::<S>(target, login, &probe, CONNECT_TIMEOUT)
                        .await
                        .is_ok()
                }
                Err(_) => false,
            },
            Engine::Postgres => false,
        };
        Err(match refused {
            DatabaseError::LoginRefused(error) if is_required => {
                DatabaseError::Tls(TlsFault::Required, Some(error))
            }
            other => other,
        })
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
        _: Duration,
    ) -> Result<Self, DatabaseError> {
        postgres::connect(target, login, wire).await
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
        // Boxed, because a driver's future is large.
        Box::pin(S::open(target, login, wire, statement_timeout)),
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

    /// Returns the login in a secret: RDS stores a JSON object, people often only the password. One newline at the end of
    /// such a text is not part of the password: editors and `echo` add it.
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
            Err(_) => {
                let text = secret.text();
                let text = text.strip_suffix('\n').unwrap_or(text);
                let text = text.strip_suffix('\r').unwrap_or(text);
                Self::from_target(target, text.to_owned())
            }
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
        assert_eq!(login("pass\n"), pair("mrt_ro", "pass"));
        assert_eq!(login("pass\n\n"), pair("mrt_ro", "pass\n"));
        assert_eq!(login("{\"password\": \"p\\n\"}\n"), pair("mrt_ro", "p\n"));
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

        let error = databases.connect_postgres(&database_target()).await.err();

        assert_eq!(error.map(|error| error.code()), Some("credentials_missing"));
    }
}
