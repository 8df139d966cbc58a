//! File documents of an app on PostgreSQL.

use std::time::Duration;

use shared::database::{DatabaseError, Databases, ReadOnly, end_postgres};
use shared::fleet::DatabaseTarget;
use shared::snapshot::FileDocuments;
use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tokio::time::timeout;

use super::{CLOSE_TIMEOUT, Look, in_time, no_right, no_sizes, no_table, unexpected};
use crate::error::MeasureError;
use crate::table_size::postgres::LOCK_TIMEOUT;

const LOOK: &str = include_str!("postgres/look.sql");
const COUNT: &str = include_str!("postgres/count.sql");

pub(super) async fn count(
    databases: &Databases,
    target: &DatabaseTarget,
    limit: Duration,
) -> Result<FileDocuments, MeasureError> {
    let mut connection = databases.connect_postgres(target).await?;
    let counted = count_with(&mut connection, limit).await;
    // The numbers are complete: a connection that fails to close cleanly changes nothing.
    let _ = timeout(CLOSE_TIMEOUT, connection.close()).await;
    counted
}

async fn count_with(
    connection: &mut PgConnection,
    limit: Duration,
) -> Result<FileDocuments, MeasureError> {
    let transaction = ReadOnly {
        lock_timeout: LOCK_TIMEOUT,
        ..ReadOnly::new(limit)
    };
    transaction.begin(connection).await?;
    let look = sqlx::query_as(LOOK)
        .persistent(false)
        .fetch_one(&mut *connection);
    let (has_table, has_columns, may_read) = in_time(limit, look).await?;
    let look = Look {
        has_table,
        has_columns,
        may_read,
    };
    look.check()?;
    let row = sqlx::query_as(COUNT)
        .persistent(false)
        .fetch_one(&mut *connection);
    let (documents, bytes, unsized_documents): (i64, i64, i64) =
        in_time(limit, row).await.map_err(changed_since)?;
    end_postgres(connection).await?;
    let number = |number: i64| u64::try_from(number).map_err(|_| unexpected("a negative count"));
    Ok(FileDocuments {
        document_count: number(documents)?,
        document_bytes: number(bytes)?,
        unsized_count: number(unsized_documents)?,
    })
}

/// Returns the error of a table that was changed after the catalogue was read.
fn changed_since(error: DatabaseError) -> MeasureError {
    let code = match &error {
        DatabaseError::Denied(_) => return no_right().caused_by(error),
        DatabaseError::Failed(error) => error.as_database_error().and_then(|error| error.code()),
        _ => None,
    };
    match code.as_deref() {
        // Undefined table, undefined column.
        Some("42P01") => no_table().caused_by(error),
        Some("42703") => no_sizes().caused_by(error),
        _ => error.into(),
    }
}
