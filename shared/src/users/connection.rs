//! One connection to an app's database, of either engine. Rows are text. Knows no table.

use std::time::Duration;

use crate::database::{DatabaseError, Databases, ReadOnly, end_postgres};
use crate::fleet::{DatabaseTarget, Engine};
use futures::TryStreamExt;
use sqlx::mysql::MySqlConnection;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _, Row as _, ValueRef as _};

use super::error::UsersError;
use super::statement::Statement;

/// Time limit of one statement. Mendix's own metrics allow 60 s, but here a caller waits.
pub const STATEMENT_TIMEOUT: Duration = Duration::from_secs(5);

/// All reads in one transaction see the same state of the database.
const BEGIN_MYSQL: [&str; 2] = [
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
];

/// Columns of one row, in the statement's order; `None` is NULL.
pub(super) type Row = Vec<Option<String>>;

/// A connection.
pub enum Connection {
    /// To PostgreSQL.
    Postgres(PgConnection),
    /// To MySQL or MariaDB.
    Mysql(MySqlConnection),
}

impl Connection {
    /// Connects to `target`, read-only.
    ///
    /// # Errors
    ///
    /// [`UsersError::GrantsMissing`] if the role may not connect, otherwise [`UsersError::Database`].
    pub async fn open(databases: &Databases, target: &DatabaseTarget) -> Result<Self, UsersError> {
        let connected = match target.engine {
            Engine::Postgres => {
                let connection = databases.connect_postgres(target).await;
                connection.map(Self::Postgres)
            }
            Engine::Mysql => {
                let connection = databases.connect_mysql(target, STATEMENT_TIMEOUT).await;
                connection.map(Self::Mysql)
            }
        };
        connected.map_err(|error| UsersError::of_connect(error, target))
    }

    /// Checks that the server still answers.
    ///
    /// # Errors
    ///
    /// It does not.
    pub async fn ping(&mut self) -> Result<(), DatabaseError> {
        match self {
            Self::Postgres(connection) => connection.ping().await?,
            Self::Mysql(connection) => connection.ping().await?,
        }
        Ok(())
    }

    /// Starts a read-only transaction on one state of the database.
    pub(super) async fn begin(&mut self) -> Result<(), DatabaseError> {
        match self {
            Self::Postgres(connection) => {
                let transaction = ReadOnly {
                    is_repeatable: true,
                    ..ReadOnly::new(STATEMENT_TIMEOUT)
                };
                transaction.begin(connection).await?;
            }
            Self::Mysql(connection) => {
                for statement in BEGIN_MYSQL {
                    sqlx::raw_sql(statement).execute(&mut *connection).await?;
                }
            }
        }
        Ok(())
    }

    /// Ends the transaction.
    pub(super) async fn end(&mut self) -> Result<(), DatabaseError> {
        match self {
            Self::Postgres(connection) => end_postgres(connection).await?,
            Self::Mysql(connection) => {
                sqlx::raw_sql("ROLLBACK").execute(connection).await?;
            }
        }
        Ok(())
    }

    /// Returns all rows of `statement`, whose columns must all be text.
    pub(super) async fn rows(&mut self, statement: Statement) -> Result<Vec<Row>, DatabaseError> {
        // The SQL text is our own; values are bound as parameters.
        let sql = AssertSqlSafe(statement.sql);
        match self {
            Self::Postgres(connection) => {
                // Not prepared: the app may change its tables while the connection stays open.
                let mut query = sqlx::query(sql).persistent(false);
                for value in statement.values {
                    query = query.bind(value);
                }
                let rows = query.fetch_all(connection).await?;
                let row = |row: &sqlx::postgres::PgRow| {
                    (0..row.len()).map(|column| text(row, column)).collect()
                };
                Ok(rows.iter().map(row).collect::<Result<_, sqlx::Error>>()?)
            }
            Self::Mysql(connection) => {
                let mut query = sqlx::query(sql).persistent(false);
                for value in statement.values {
                    query = query.bind(value);
                }
                let rows = query.fetch_all(connection).await?;
                let row = |row: &sqlx::mysql::MySqlRow| {
                    (0..row.len()).map(|column| row.try_get(column)).collect()
                };
                Ok(rows.iter().map(row).collect::<Result<_, sqlx::Error>>()?)
            }
        }
    }

    /// Passes each row of `statement`, whose columns must all be text, to `visit`, without keeping it.
    pub(super) async fn each_row(
        &mut self,
        statement: Statement,
        mut visit: impl FnMut(Row),
    ) -> Result<(), DatabaseError> {
        // As in `rows`.
        let sql = AssertSqlSafe(statement.sql);
        match self {
            Self::Postgres(connection) => {
                let mut query = sqlx::query(sql).persistent(false);
                for value in statement.values {
                    query = query.bind(value);
                }
                let mut rows = query.fetch(connection);
                while let Some(row) = rows.try_next().await? {
                    let columns = (0..row.len()).map(|column| text(&row, column));
                    visit(columns.collect::<Result<_, sqlx::Error>>()?);
                }
            }
            Self::Mysql(connection) => {
                let mut query = sqlx::query(sql).persistent(false);
                for value in statement.values {
                    query = query.bind(value);
                }
                let mut rows = query.fetch(connection);
                while let Some(row) = rows.try_next().await? {
                    let columns = (0..row.len()).map(|column| row.try_get(column));
                    visit(columns.collect::<Result<_, sqlx::Error>>()?);
                }
            }
        }
        Ok(())
    }

    /// Closes the connection in order. A failure changes nothing.
    pub async fn close(self) {
        match self {
            Self::Postgres(connection) => drop(connection.close().await),
            Self::Mysql(connection) => drop(connection.close().await),
        }
    }
}

/// Returns the text in a column. In a database of `SQL_ASCII` any bytes are text; those that are not UTF-8 are replaced.
fn text(row: &sqlx::postgres::PgRow, column: usize) -> Result<Option<String>, sqlx::Error> {
    let value = row.try_get_raw(column)?;
    if value.is_null() {
        return Ok(None);
    }
    let bytes = value.as_bytes().map_err(sqlx::Error::Decode)?;
    Ok(Some(String::from_utf8_lossy(bytes).into_owned()))
}
