//! File documents of an app on MySQL or MariaDB.

use shared::database::{DatabaseError, Databases, STATEMENT_MARK};
use shared::fleet::DatabaseTarget;
use shared::snapshot::FileDocuments;
use sqlx::mysql::{MySqlConnection, MySqlDatabaseError};
use sqlx::{AssertSqlSafe, Connection};
use tokio::time::timeout;

use super::{CLOSE_TIMEOUT, STATEMENT_TIMEOUT, in_time, no_right, no_sizes, no_table};
use crate::error::MeasureError;

const LOOK: &str = include_str!("mysql/look.sql");
const COUNT: &str = include_str!("mysql/count.sql");

/// `ER_NO_SUCH_TABLE`.
const NO_TABLE: u16 = 1146;
/// `ER_BAD_FIELD_ERROR`.
const NO_COLUMN: u16 = 1054;
/// No right on the table or a column.
const DENIED: [u16; 2] = [1142, 1143];

pub(super) async fn count(
    databases: &Databases,
    target: &DatabaseTarget,
) -> Result<FileDocuments, MeasureError> {
    let mut connection = databases.connect_mysql(target, STATEMENT_TIMEOUT).await?;
    let counted = count_with(&mut connection).await;
    // The numbers are complete: a connection that fails to close cleanly changes nothing.
    let _ = timeout(CLOSE_TIMEOUT, connection.close()).await;
    counted
}

async fn count_with(connection: &mut MySqlConnection) -> Result<FileDocuments, MeasureError> {
    // A role without any right on a table is told the same whether the table exists or not.
    let look = sqlx::query_scalar(AssertSqlSafe(format!("{STATEMENT_MARK} {LOOK}")))
        .persistent(false)
        .fetch_one(&mut *connection);
    let tables: i64 = in_time(look).await?;
    if tables == 0 {
        return Err(no_table());
    }
    let row = sqlx::query_as(AssertSqlSafe(format!("{STATEMENT_MARK} {COUNT}")))
        .persistent(false)
        .fetch_one(connection);
    let (document_count, document_bytes, unsized_count) = in_time(row).await.map_err(explained)?;
    Ok(FileDocuments {
        document_count,
        document_bytes,
        unsized_count,
    })
}

/// Returns the error of a table that lacks something.
fn explained(error: DatabaseError) -> MeasureError {
    let (DatabaseError::Denied(cause) | DatabaseError::Failed(cause)) = &error else {
        return error.into();
    };
    let code = cause
        .as_database_error()
        .and_then(|error| error.try_downcast_ref::<MySqlDatabaseError>())
        .map(MySqlDatabaseError::number);
    match code {
        Some(NO_TABLE) => no_table().caused_by(error),
        Some(NO_COLUMN) => no_sizes().caused_by(error),
        Some(code) if DENIED.contains(&code) => no_right().caused_by(error),
        _ => error.into(),
    }
}
