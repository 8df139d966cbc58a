//! Measures database targets: sizes every table and sorts the result.
//!
//! Sizes come from the catalogue and the size functions, never from the tables themselves, so a role without any
//! right on the app's tables sees all of them. Nothing is ever created in the app's database, not even a view: a view
//! on a table blocks the app's next change to that table.

mod file_documents;
mod inheritance;
mod mendix;
mod mysql;
mod partitions;
mod postgres;
mod storage;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use shared::clock::Clock;
use shared::database::Databases;
use shared::fleet::{DatabaseTarget, Engine};
use shared::snapshot::{DatabaseSize, TableSize, UnsizedTable};
use tokio::time::Instant;

use self::storage::StorageDeadline;
use crate::error::MeasureError;
use crate::queue::JobKind;
use crate::run::{MEASURE_TIMEOUT, measure_within};
use crate::run::{Progress, Source};
pub use file_documents::{COUNT_EVERY, FileDocumentSource};

/// Server-side time limit of one statement. A batch of 1,000 tables takes about 0.2 s on two cores; Mendix allows its
/// own statistics queries the same limit.
pub const STATEMENT_TIMEOUT: Duration = Duration::from_secs(60);

/// Time beyond the server's own statement limit, so that the server's time-out error still arrives.
const ANSWER_RESERVE: Duration = Duration::from_secs(5);
/// Time limit for closing a connection.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Measures database targets.
#[derive(Clone)]
pub struct TableSource {
    databases: Databases,
    statement_timeout: Duration,
    /// Clock for storage requests; `None` disables them.
    storage_clock: Option<Arc<dyn Clock>>,
}

impl TableSource {
    /// Returns a source that connects through `databases`.
    pub fn new(databases: Databases) -> Self {
        Self {
            databases,
            statement_timeout: STATEMENT_TIMEOUT,
            storage_clock: None,
        }
    }

    /// Also reads the storage of each target's server from CloudWatch, with the AWS clients of the connections.
    #[must_use]
    pub fn with_storage(self, clock: Arc<dyn Clock>) -> Self {
        Self {
            storage_clock: Some(clock),
            ..self
        }
    }

    /// Replaces [`STATEMENT_TIMEOUT`].
    #[must_use]
    pub fn with_statement_timeout(self, statement_timeout: Duration) -> Self {
        Self {
            statement_timeout,
            ..self
        }
    }
}

#[async_trait]
impl Source for TableSource {
    type Target = DatabaseTarget;
    type Measurement = DatabaseSize;
    const JOBS: JobKind = JobKind::Database;

    /// Costs one connection. Takes about 0.2 ms per table, plus one CloudWatch call if storage is requested.
    async fn measure(
        &self,
        target: &DatabaseTarget,
        progress: &Progress,
    ) -> Result<DatabaseSize, MeasureError> {
        let until = Instant::now() + MEASURE_TIMEOUT;
        self.measure_by(target, until, progress).await
    }

    /// Omits storage that CloudWatch has not returned by `until`.
    async fn measure_by(
        &self,
        target: &DatabaseTarget,
        until: Instant,
        progress: &Progress,
    ) -> Result<DatabaseSize, MeasureError> {
        let limit = self.statement_timeout;
        let mut size = match target.engine {
            Engine::Postgres => postgres::measure(&self.databases, target, limit, progress).await,
            Engine::Mysql => mysql::measure(&self.databases, target, limit, progress).await,
        }?;
        if let Some(clock) = &self.storage_clock {
            let deadline = StorageDeadline {
                now: clock.now(),
                until,
            };
            let aws = self.databases.aws();
            size.storage = storage::read(aws, target, deadline, size.total_bytes).await;
        }
        Ok(size)
    }
}

/// Measures one database target interactively: stores nothing and does not read the server's storage.
///
/// # Errors
///
/// See [`MeasureError`]; takes at most [`MEASURE_TIMEOUT`].
pub async fn measure_database(
    databases: Databases,
    target: &DatabaseTarget,
    progress: &Progress,
) -> Result<DatabaseSize, MeasureError> {
    let source = TableSource::new(databases);
    measure_within(&source, target, progress, MEASURE_TIMEOUT).await
}

/// Sorts tables in reporting order: largest first, then by schema and name.
fn sort(tables: &mut [TableSize], unsized_tables: &mut [UnsizedTable]) {
    tables.sort_by(|a, b| {
        let by_size = b.total_bytes.cmp(&a.total_bytes);
        by_size.then_with(|| (&a.schema, &a.table).cmp(&(&b.schema, &b.table)))
    });
    unsized_tables.sort_by(|a, b| (&a.schema, &a.table).cmp(&(&b.schema, &b.table)));
}

/// Builds the error for a catalogue that contains `what`.
fn unexpected(what: &str) -> MeasureError {
    MeasureError::permanent("unexpected_answer", format!("the catalogue has {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_comes_first_and_equals_come_by_schema_and_name() {
        let row = |schema: &str, table: &str, total_bytes| TableSize {
            total_bytes,
            ..TableSize::named(schema, table)
        };
        let mut tables = vec![
            row("b", "a", 3),
            row("a", "z", 3),
            row("a", "B", 3),
            row("a", "large", 6),
        ];

        sort(&mut tables, &mut []);

        let names: Vec<_> = tables
            .iter()
            .map(|table| (table.schema.as_str(), table.table.as_str()))
            .collect();
        assert_eq!(names, [("a", "large"), ("a", "B"), ("a", "z"), ("b", "a")]);
    }
}
