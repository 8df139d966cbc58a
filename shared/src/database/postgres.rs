//! One connection to PostgreSQL, and its guarded transactions.
//!
//! Nothing is set for the session: behind a pooler it is shared with the app. The startup message has only parameters
//! that every pooler knows, and all settings are local to a transaction. The same transaction keeps the two steps of a
//! statement, parse and execute, on one server connection.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Row as _};

use super::wire::Wire;
use super::{APPLICATION_NAME, DatabaseError, LOCK_TIMEOUT, Login, relay};
use crate::fleet::DatabaseTarget;

/// Longest pause between two statements of a transaction, after which the server ends the connection: we were frozen.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// Guards of a transaction. `:isolation`, `:statement`, `:lock` and `:idle` are replaced; times are in milliseconds.
///
/// Without row security a policy makes a read fail, in place of hiding rows from a count. Compiling our statements
/// would take longer than running them. A database of `SQL_ASCII` holds any bytes, which the server would refuse to convert.
const BEGIN: &str = "BEGIN ISOLATION LEVEL :isolation READ ONLY;
SET LOCAL search_path = pg_catalog;
SET LOCAL row_security = off;
SET LOCAL statement_timeout = :statement;
SET LOCAL lock_timeout = :lock;
SET LOCAL idle_in_transaction_session_timeout = :idle;
SET LOCAL jit = off;
SELECT set_config('client_encoding', 'SQL_ASCII', true) WHERE getdatabaseencoding() = 'SQL_ASCII';
SELECT current_setting('transaction_read_only') = 'on'
  AND current_setting('transaction_isolation') = lower(':isolation')
  AND current_setting('search_path') = 'pg_catalog'
  AND current_setting('row_security') = 'off'
  AND current_setting('statement_timeout')::interval = interval ':statement ms'
  AND current_setting('lock_timeout')::interval = interval ':lock ms'";

/// A guarded read-only transaction of PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadOnly {
    /// Whether all statements see the same state of the database.
    pub is_repeatable: bool,
    /// Time limit of one statement. At least a millisecond.
    pub statement_timeout: Duration,
    /// Longest wait for a lock. At least a millisecond.
    pub lock_timeout: Duration,
}

impl ReadOnly {
    /// Returns a transaction whose statements wait at most [`LOCK_TIMEOUT`] for a lock.
    pub fn new(statement_timeout: Duration) -> Self {
        Self {
            is_repeatable: false,
            statement_timeout,
            lock_timeout: LOCK_TIMEOUT,
        }
    }

    /// Begins the transaction: read-only, bounded in time, with PostgreSQL's own names only and no row security.
    ///
    /// Ends with [`end_postgres`], or with the connection. Leaves nothing behind on the server connection.
    ///
    /// # Errors
    ///
    /// [`DatabaseError::Unguarded`] if a guard is not in effect, [`DatabaseError::Pooler`] if a pooler refuses
    /// transactions, and others.
    pub async fn begin(self, connection: &mut PgConnection) -> Result<(), DatabaseError> {
        let milliseconds = |span: Duration| span.as_millis().max(1).to_string();
        let isolation = if self.is_repeatable {
            "REPEATABLE READ"
        } else {
            "READ COMMITTED"
        };
        let sql = BEGIN
            .replace(":isolation", isolation)
            .replace(":statement", &milliseconds(self.statement_timeout))
            .replace(":lock", &milliseconds(self.lock_timeout))
            .replace(":idle", &milliseconds(IDLE_TIMEOUT));
        let rows = sqlx::raw_sql(AssertSqlSafe(sql))
            .fetch_all(connection)
            .await
            .map_err(|error| DatabaseError::from(error).or_pooler())?;
        let is_guarded = rows.last().map(|row| row.try_get::<bool, _>(0));
        if is_guarded.transpose()? == Some(true) {
            Ok(())
        } else {
            Err(DatabaseError::Unguarded)
        }
    }
}

/// Ends a transaction of [`ReadOnly::begin`], also a failed one.
///
/// # Errors
///
/// See [`DatabaseError`]; the connection should not be used again then.
pub async fn end_postgres(connection: &mut PgConnection) -> Result<(), DatabaseError> {
    sqlx::raw_sql("ROLLBACK").execute(connection).await?;
    Ok(())
}

pub(super) async fn connect(
    target: &DatabaseTarget,
    login: &Login,
    wire: &Wire,
) -> Result<PgConnection, DatabaseError> {
    let options = PgConnectOptions::new_without_pgpass()
        .host(&target.host)
        .port(target.port)
        .database(&target.name)
        .username(&login.user)
        .password(&login.password)
        .application_name(APPLICATION_NAME)
        // Poolers refuse it by default, and no statement reads a floating-point number as text.
        .extra_float_digits(None)
        .disable_statement_logging();
    // Kept until the driver is connected.
    let mut folder = None;
    let options = match wire {
        Wire::Plain => options.ssl_mode(PgSslMode::Disable),
        Wire::Unverified => options.ssl_mode(PgSslMode::Require),
        Wire::OnlyAuthorities { authorities } => options
            .ssl_mode(PgSslMode::VerifyCa)
            .ssl_root_cert_from_pem(authorities.clone()),
        Wire::Tls {
            authorities,
            server_name,
        } => {
            let options = options
                .ssl_mode(PgSslMode::VerifyFull)
                .ssl_root_cert_from_pem(authorities.clone());
            match server_name {
                None => options,
                Some(name) => {
                    let socket = format!(".s.PGSQL.{}", target.port);
                    let opened = folder.insert(relay::open(target, &socket).await?);
                    options.host(name).socket(opened.path())
                }
            }
        }
    };
    let connected = options.connect().await;
    drop(folder);
    connected.map_err(|error| DatabaseError::from(error).at_login())
}
