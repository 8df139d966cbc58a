//! Reads sizes from a PostgreSQL database: three short statements over one connection.
//!
//! There is no transaction around them. The size functions look at files, which no snapshot of a transaction
//! holds still, so a transaction would only keep vacuum from its work.

use std::time::Duration;

use futures::TryStreamExt;
use shared::database::{DatabaseError, Databases};
use shared::fleet::DatabaseTarget;
use shared::snapshot::DatabaseSize;
use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tokio::time::timeout;

use super::{CatalogueTable, Entities, judge, unexpected};
use crate::error::MeasureError;
use crate::source::Progress;

/// Longest time that the server gives one statement: 10,000 tables take about 2 s on two cores, and Mendix's own
/// statistics are given as much.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest time that we give it: the server's answer to its own time-out must still arrive.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(65);
/// Longest wait for an orderly end of the connection.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

const DATABASE: &str = include_str!("postgres/database.sql");
const TABLES: &str = include_str!("postgres/tables.sql");
const ENTITIES_READABLE: &str = include_str!("postgres/entities_readable.sql");
const ENTITIES: &str = include_str!("postgres/entities.sql");

/// Sizes the database of `target` and all its tables.
pub(super) async fn measure(
    databases: &Databases,
    target: &DatabaseTarget,
    progress: &Progress,
) -> Result<DatabaseSize, MeasureError> {
    let mut connection = databases
        .connect_postgres(target, STATEMENT_TIMEOUT)
        .await?;
    let measured = ask(&mut connection, target, progress).await;
    // The numbers are in: a server that does not say good-bye changes nothing.
    let _ = timeout(CLOSE_TIMEOUT, connection.close()).await;
    measured
}

async fn ask(
    connection: &mut PgConnection,
    target: &DatabaseTarget,
    progress: &Progress,
) -> Result<DatabaseSize, MeasureError> {
    let rows = in_time(table_rows(connection, progress)).await??;
    let entities = in_time(entities(connection)).await??;
    let total_bytes = in_time(database_bytes(connection)).await??;
    let (tables, unsized_tables) = judge(rows, &entities)?;
    Ok(DatabaseSize {
        engine: target.engine,
        database: target.name.clone(),
        total_bytes: u64::try_from(total_bytes).map_err(|_| negative())?,
        system_bytes: None,
        mendix_catalogue: None,
        tables,
        unsized_tables,
    })
}

/// Schema, table, heap, TOAST and index bytes, row estimate: the columns of `tables.sql`.
type Row = (
    String,
    String,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
);

async fn table_rows(
    connection: &mut PgConnection,
    progress: &Progress,
) -> Result<Vec<CatalogueTable>, MeasureError> {
    let mut tables = Vec::new();
    let mut rows = sqlx::query_as::<_, Row>(TABLES)
        .persistent(false)
        .fetch(connection);
    while let Some(row) = rows.try_next().await.map_err(DatabaseError::from)? {
        let table = CatalogueTable::try_from(row)?;
        progress.add(1, table.known_bytes());
        tables.push(table);
    }
    Ok(tables)
}

impl TryFrom<Row> for CatalogueTable {
    type Error = MeasureError;

    fn try_from((schema, table, heap, toast, index, rows): Row) -> Result<Self, MeasureError> {
        let bytes = |size: Option<i64>| size.map(u64::try_from).transpose().map_err(|_| negative());
        Ok(Self {
            schema,
            table,
            heap_bytes: bytes(heap)?,
            toast_bytes: bytes(toast)?,
            index_bytes: bytes(index)?,
            row_estimate: bytes(rows)?,
        })
    }
}

/// Returns the entities by table; none when this is no Mendix database or its catalogue is not ours to read.
async fn entities(connection: &mut PgConnection) -> Result<Entities, DatabaseError> {
    let is_readable: bool = sqlx::query_scalar(ENTITIES_READABLE)
        .persistent(false)
        .fetch_one(&mut *connection)
        .await?;
    if !is_readable {
        return Ok(Entities::new());
    }
    let rows = sqlx::query_as::<_, (String, String)>(ENTITIES)
        .persistent(false)
        .fetch_all(connection)
        .await;
    match rows {
        Ok(rows) => Ok(rows.into_iter().collect()),
        Err(error) if is_gone(&error) => Ok(Entities::new()),
        Err(error) => Err(error.into()),
    }
}

/// Returns whether the table, its columns or our right on them went away since it was looked for.
fn is_gone(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    // Insufficient privilege, undefined table, undefined column.
    matches!(code.as_deref(), Some("42501" | "42P01" | "42703"))
}

async fn database_bytes(connection: &mut PgConnection) -> Result<i64, DatabaseError> {
    let size = sqlx::query_scalar(DATABASE).persistent(false);
    Ok(size.fetch_one(connection).await?)
}

async fn in_time<T>(answer: impl Future<Output = T>) -> Result<T, DatabaseError> {
    timeout(ANSWER_TIMEOUT, answer)
        .await
        .map_err(|_| DatabaseError::Timeout(None))
}

fn negative() -> MeasureError {
    unexpected("a negative number of bytes or rows")
}
