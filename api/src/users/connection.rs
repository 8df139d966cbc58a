//! One connection to an app's database, of either engine, whose rows are texts. Knows no table.

use std::time::Duration;

use shared::database::{DatabaseError, Databases};
use shared::fleet::{DatabaseTarget, Engine};
use sqlx::mysql::MySqlConnection;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _, Row as _};

use super::statement::Statement;

/// Longest time of one statement. Mendix's own metrics allow 60 s; a caller waits for this one.
pub const STATEMENT_TIMEOUT: Duration = Duration::from_secs(5);

/// Everything that is read in one transaction comes from one state of the database.
const BEGIN_POSTGRES: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
const BEGIN_MYSQL: [&str; 2] = [
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
];

/// Columns of one row in the order of the statement; `None` is NULL.
pub(super) type Row = Vec<Option<String>>;

/// A connection.
pub(super) enum Connection {
    Postgres(PgConnection),
    Mysql(MySqlConnection),
}

impl Connection {
    /// Connects to `target`, for reading only.
    pub(super) async fn open(
        databases: &Databases,
        target: &DatabaseTarget,
    ) -> Result<Self, DatabaseError> {
        Ok(match target.engine {
            Engine::Postgres => {
                let opening = databases.connect_postgres(target, STATEMENT_TIMEOUT);
                Self::Postgres(opening.await?)
            }
            Engine::Mysql => Self::Mysql(databases.connect_mysql(target, STATEMENT_TIMEOUT).await?),
        })
    }

    /// Asks for a sign of life.
    pub(super) async fn ping(&mut self) -> Result<(), DatabaseError> {
        match self {
            Self::Postgres(connection) => connection.ping().await?,
            Self::Mysql(connection) => connection.ping().await?,
        }
        Ok(())
    }

    /// Begins to read one state of the database.
    pub(super) async fn begin(&mut self) -> Result<(), DatabaseError> {
        match self {
            Self::Postgres(connection) => {
                sqlx::raw_sql(BEGIN_POSTGRES).execute(connection).await?;
            }
            Self::Mysql(connection) => {
                for statement in BEGIN_MYSQL {
                    sqlx::raw_sql(statement).execute(&mut *connection).await?;
                }
            }
        }
        Ok(())
    }

    /// Ends what [`Connection::begin`] began.
    pub(super) async fn end(&mut self) -> Result<(), DatabaseError> {
        match self {
            Self::Postgres(connection) => {
                sqlx::raw_sql("ROLLBACK").execute(connection).await?;
            }
            Self::Mysql(connection) => {
                sqlx::raw_sql("ROLLBACK").execute(connection).await?;
            }
        }
        Ok(())
    }

    /// Returns all rows of `statement`, whose columns must all be texts.
    pub(super) async fn rows(&mut self, statement: Statement) -> Result<Vec<Row>, DatabaseError> {
        // The texts are our own: values travel beside them.
        let sql = AssertSqlSafe(statement.sql);
        match self {
            Self::Postgres(connection) => {
                // Nothing stays prepared: the app may change its tables while the connection lives on.
                let mut query = sqlx::query(sql).persistent(false);
                for value in statement.values {
                    query = query.bind(value);
                }
                let rows = query.fetch_all(connection).await?;
                let row = |row: &sqlx::postgres::PgRow| {
                    (0..row.len()).map(|column| row.try_get(column)).collect()
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

    /// Says goodbye; that it was not heard is no fault.
    pub(super) async fn close(self) {
        match self {
            Self::Postgres(connection) => drop(connection.close().await),
            Self::Mysql(connection) => drop(connection.close().await),
        }
    }
}
