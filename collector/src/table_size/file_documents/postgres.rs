//! File documents of an app on PostgreSQL.

use shared::database::{DatabaseError, Databases, ReadOnly, end_postgres};
use shared::fleet::DatabaseTarget;
use shared::snapshot::FileDocuments;
use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tokio::time::timeout;

use super::{
    CLOSE_TIMEOUT, Look, STATEMENT_TIMEOUT, in_time, no_right, no_sizes, no_table, unexpected,
};
use crate::error::MeasureError;
use crate::table_size::postgres::LOCK_TIMEOUT;

const LOOK: &str = include_str!("postgres/look.sql");
const COUNT: &str = include_str!("postgres/count.sql");

pub(super) async fn count(
    databases: &Databases,
    target: &DatabaseTarget,
) -> Result<FileDocuments, MeasureError> {
    match count_once(databases, target).await {
        // A replica cancelled it, perhaps together with its connection: once more, from the start.
        Err(Failure::Database(DatabaseError::Conflict(_))) => count_once(databases, target).await,
        counted => counted,
    }
    .map_err(MeasureError::from)
}

/// Why the documents were not counted.
enum Failure {
    Database(DatabaseError),
    Measure(MeasureError),
}

impl From<DatabaseError> for Failure {
    fn from(error: DatabaseError) -> Self {
        Self::Database(error)
    }
}

impl From<MeasureError> for Failure {
    fn from(error: MeasureError) -> Self {
        Self::Measure(error)
    }
}

impl From<Failure> for MeasureError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Database(error) => error.into(),
            Failure::Measure(error) => error,
        }
    }
}

async fn count_once(
    databases: &Databases,
    target: &DatabaseTarget,
) -> Result<FileDocuments, Failure> {
    let mut connection = databases.connect_postgres(target).await?;
    let counted = count_with(&mut connection).await;
    // The numbers are complete: a connection that fails to close cleanly changes nothing.
    let _ = timeout(CLOSE_TIMEOUT, connection.close()).await;
    counted
}

async fn count_with(connection: &mut PgConnection) -> Result<FileDocuments, Failure> {
    let transaction = ReadOnly {
        lock_timeout: LOCK_TIMEOUT,
        ..ReadOnly::new(STATEMENT_TIMEOUT)
    };
    transaction.begin(connection).await?;
    let look = sqlx::query_as(LOOK)
        .persistent(false)
        .fetch_one(&mut *connection);
    let (has_table, has_columns, may_read) = in_time(look).await?;
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
        in_time(row).await.map_err(changed_since)?;
    end_postgres(connection).await?;
    let number = |number: i64| u64::try_from(number).map_err(|_| unexpected("a negative count"));
    Ok(FileDocuments {
        document_count: number(documents)?,
        document_bytes: number(bytes)?,
        unsized_count: number(unsized_documents)?,
    })
}

/// Returns the error of a table that was changed after the catalogue was read.
fn changed_since(error: DatabaseError) -> Failure {
    let code = match &error {
        DatabaseError::Denied(_) => return no_right().caused_by(error).into(),
        DatabaseError::Failed(error) => error.as_database_error().and_then(|error| error.code()),
        _ => None,
    };
    match code.as_deref() {
        // Undefined table, undefined column.
        Some("42P01") => no_table().caused_by(error).into(),
        Some("42703") => no_sizes().caused_by(error).into(),
        _ => error.into(),
    }
}
