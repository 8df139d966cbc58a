//! What counts as a table, and in which order tables are told. No I/O in this file.
//!
//! Sizes come from the catalogue and the size functions, never from the tables themselves: a role without any
//! right on the app's tables sees all of them. Nothing is ever made in the app's database, least of all a view on
//! one of its tables, which would stop the app's next change of that table.

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

use crate::error::MeasureError;
use crate::run::{MEASURE_TIMEOUT, measure_within};
use crate::run::{Progress, Source};

/// Longest time that the server gives one statement: a batch of 1,000 tables takes about 0.2 s on two cores, and
/// Mendix's own statistics are given as much.
pub const STATEMENT_TIMEOUT: Duration = Duration::from_secs(60);

/// Measures database targets.
#[derive(Clone)]
pub struct TableSource {
    databases: Databases,
    statement_timeout: Duration,
    /// Tells as of when storage is asked for; `None` when it is not asked for.
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

    /// Returns the same source that asks CloudWatch for the storage of each target's server too, with the clients that
    /// its connections have.
    #[must_use]
    pub fn with_storage(self, clock: Arc<dyn Clock>) -> Self {
        Self {
            storage_clock: Some(clock),
            ..self
        }
    }

    /// Returns the same source with another limit for each statement than [`STATEMENT_TIMEOUT`].
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

    /// Costs one connection; takes about 0.2 ms for each table, and what CloudWatch takes for storage.
    async fn measure(
        &self,
        target: &DatabaseTarget,
        progress: &Progress,
    ) -> Result<DatabaseSize, MeasureError> {
        let until = Instant::now() + MEASURE_TIMEOUT;
        self.measure_by(target, until, progress).await
    }

    /// Leaves out storage that CloudWatch has not told by then.
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
            let times = (clock.now(), until);
            let aws = self.databases.aws();
            size.storage = storage::read(aws, target, times, size.total_bytes).await;
        }
        Ok(size)
    }
}

/// Measures one database target for somebody who waits; keeps nothing, and asks for no storage.
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

/// Puts tables into the order in which they are told: largest first, equals by schema and name.
fn sort(tables: &mut [TableSize], unsized_tables: &mut [UnsizedTable]) {
    tables.sort_by(|a, b| {
        let by_size = b.total_bytes.cmp(&a.total_bytes);
        by_size.then_with(|| (&a.schema, &a.table).cmp(&(&b.schema, &b.table)))
    });
    unsized_tables.sort_by(|a, b| (&a.schema, &a.table).cmp(&(&b.schema, &b.table)));
}

/// Returns the failure of a catalogue that holds `what`.
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
