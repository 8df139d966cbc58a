//! What `/table_size` answers, and how it is made of a snapshot. No I/O.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;
use shared::snapshot::{DatabaseSize, Failure, Measurement, Quality, Snapshot, TableSize};

use super::{ModuleView, StorageView};
use crate::targets::FailureView;

/// Sizes of databases, one page.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TableSizes {
    /// Databases with a snapshot, by environment.
    pub items: Vec<DatabaseItem>,
    /// Databases of this page that have no snapshot, or whose last one has expired; they are in no sum.
    pub pending: Vec<PendingDatabase>,
    /// Cursor of the next page; null on the last one.
    pub next: Option<String>,
}

/// Sizes of one database.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct DatabaseItem {
    /// Environment that the database belongs to.
    pub environment: String,
    /// Database name on its server.
    pub database: String,
    /// `postgres` or `mysql`.
    pub engine: String,
    /// Bytes of the whole database on disk, system catalogues included.
    pub total_bytes: u64,
    /// Bytes of all sized tables, shown or not.
    pub table_bytes: u64,
    /// Bytes of the system schemas; null where the engine does not tell.
    pub system_bytes: Option<u64>,
    /// Bytes of the whole that are neither a table's nor the system schemas': sequences, temporary files, files that
    /// nothing refers to. Null where it cannot be told exactly.
    pub other_bytes: Option<u64>,
    /// Storage of the server that the database is on.
    pub storage: StorageView,
    /// Number of all sized tables, shown or not; a partitioned one counts once.
    pub table_count: u64,
    /// Number of all sized tables whose bytes are an estimate.
    pub estimated_table_count: u64,
    /// Whether Mendix' list of entities was `read`, is `denied` to the role in whole or in part, was `locked` (tables
    /// then lack their entity) or is `absent`; null in old snapshots.
    pub mendix_catalogue: Option<String>,
    /// `complete`, or `partial` when some tables could not be sized: those are in `unsized_tables`.
    pub completeness: String,
    /// When the run was scheduled, RFC 3339 UTC.
    pub scheduled_at: DateTime<Utc>,
    /// When measuring began, RFC 3339 UTC.
    pub taken_at: DateTime<Utc>,
    /// Seconds since `taken_at`.
    pub age_seconds: u64,
    /// Whether a whole scheduled interval went by without a new snapshot.
    pub stale: bool,
    /// The newest failed run since this snapshot; null when the newest run was good.
    pub last_failure: Option<FailureView>,
    /// Sums for each Mendix module, largest first, of the tables that the filters mean; null unless `group=module`.
    pub modules: Option<Vec<ModuleView>>,
    /// Tables that the filters mean, largest first, at most `tables` of them; none when they are grouped. Partitions
    /// only with `include=partitions` or by their own name: their bytes are in their table's.
    pub tables: Vec<TableView>,
    /// Tables that the filters mean but that are not shown, because `tables` is smaller; partitions not counted.
    pub tables_omitted: OmittedView,
    /// Tables that exist but could not be sized; they are in no sum of tables.
    pub unsized_tables: Vec<UnsizedView>,
}

/// One table.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct TableView {
    /// Schema name; the database's own name on MySQL.
    pub schema: String,
    /// Table name.
    pub table: String,
    /// `table`, `partitioned` (its numbers are the sums of its partitions) or `materialized_view`.
    pub kind: String,
    /// `permanent`, `unlogged` (emptied by a crash) or `temporary` (of one session).
    pub persistence: String,
    /// The partitioned table whose numbers include these; null for all but partitions.
    pub partition_of: Option<TableNameView>,
    /// Mendix entity, such as `Sales.Order`; null when the table is not an entity's.
    pub entity: Option<String>,
    /// Mendix association that the table holds, such as `Sales.Order_Customer`; null for all others.
    pub association: Option<String>,
    /// Mendix module of the entity or association; null when there is neither.
    pub module: Option<String>,
    /// Whether the table belongs to the Mendix runtime itself.
    pub is_system: bool,
    /// Whether it is named like the tables that a Mendix runtime makes for a moment.
    pub is_transient: bool,
    /// Bytes of the rows, with the free space map and the visibility map; null where they cannot be told apart.
    pub heap_bytes: Option<u64>,
    /// Bytes of out-of-line values with their index; null where the engine has no such thing apart.
    pub toast_bytes: Option<u64>,
    /// Bytes of all indexes; null where they cannot be told apart.
    pub index_bytes: Option<u64>,
    /// All bytes of the table on disk.
    pub total_bytes: u64,
    /// Whether heap and index bytes are the server's last statistics, also where the total is exact (MySQL): they need
    /// not add up to it then.
    pub are_parts_estimated: bool,
    /// Bytes of the total that hold nothing; null where the engine does not tell.
    pub free_bytes: Option<u64>,
    /// Rows by the last analysis; null when the table was never analysed.
    pub row_estimate: Option<u64>,
    /// Deleted rows that still take room, by the server's statistics; null where it keeps none.
    pub dead_row_estimate: Option<u64>,
    /// Last vacuum, RFC 3339 UTC; null when never, or before the statistics were reset.
    pub last_vacuum_at: Option<DateTime<Utc>>,
    /// Last analysis, RFC 3339 UTC; null when never, or before the statistics were reset.
    pub last_analyze_at: Option<DateTime<Utc>>,
    /// `exact`, or `estimated` for the reason in `quality_reason`.
    pub quality: String,
    /// Why the bytes are an estimate; null when they are exact.
    pub quality_reason: Option<String>,
}

/// Name of a table.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct TableNameView {
    /// Schema name.
    pub schema: String,
    /// Table name.
    pub table: String,
}

/// Tables that are not shown.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct OmittedView {
    /// Their number.
    pub table_count: u64,
    /// Sum of their `total_bytes`.
    pub total_bytes: u64,
}

/// A table without a size.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct UnsizedView {
    /// Schema name.
    pub schema: String,
    /// Table name.
    pub table: String,
    /// Why it could not be sized.
    pub reason: String,
}

/// A database without any snapshot.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PendingDatabase {
    /// Environment that the database belongs to.
    pub environment: String,
    /// Database name on its server.
    pub database: String,
    /// The newest failed run; null when none has ended yet.
    pub last_failure: Option<FailureView>,
}

/// Which tables of a database to show.
#[derive(Debug, Clone, Copy)]
pub struct TableFilter<'a> {
    /// Only tables of this schema.
    pub schema: Option<&'a str>,
    /// Only tables of this name.
    pub table: Option<&'a str>,
    /// Most tables to show.
    pub limit: usize,
    /// Whether sums of modules are shown in place of tables.
    pub is_grouped: bool,
    /// Whether partitions are shown beside their tables.
    pub has_partitions: bool,
}

impl TableFilter<'_> {
    pub(super) fn is_narrow(&self) -> bool {
        self.schema.is_some() || self.table.is_some()
    }

    fn means(&self, schema: &str, table: &str) -> bool {
        self.schema.is_none_or(|wanted| wanted == schema)
            && self.table.is_none_or(|wanted| wanted == table)
    }

    /// Returns whether `table` is a row of the answer. Sums are of [`TableFilter::counts`].
    fn shows(&self, table: &TableSize) -> bool {
        let is_asked = !table.is_partition() || self.has_partitions || self.table.is_some();
        is_asked && !self.is_grouped && self.means(&table.schema, &table.table)
    }

    /// Returns whether `table` is in sums: bytes are counted once.
    fn counts(&self, table: &TableSize) -> bool {
        !table.is_partition() && self.means(&table.schema, &table.table)
    }
}

impl DatabaseItem {
    /// Returns the view of a database's last good run at `now`.
    pub fn of(
        environment: &str,
        snapshot: &Snapshot<DatabaseSize>,
        failure: Option<&Failure>,
        (filter, now): (TableFilter<'_>, DateTime<Utc>),
    ) -> Self {
        let Snapshot {
            run, measurement, ..
        } = snapshot;
        let all = || measurement.tables.iter();
        let shown: Vec<_> = all()
            .filter(|table| filter.shows(table))
            .take(filter.limit)
            .collect();
        let counted = || all().filter(|table| filter.counts(table));
        let counted_shown = || shown.iter().filter(|table| filter.counts(table));
        let bytes = |total: u64, table: &TableSize| total.saturating_add(table.total_bytes);
        let omitted = OmittedView {
            table_count: count(counted()) - count(counted_shown()),
            total_bytes: counted().fold(0, bytes)
                - counted_shown().fold(0, |total, table| bytes(total, table)),
        };
        let unsized_tables = measurement.unsized_tables.iter();
        let summary = measurement.summary();
        let is_estimate = |table: &&TableSize| table.quality != Quality::Exact;
        Self {
            environment: environment.to_owned(),
            database: summary.database,
            engine: summary.engine.as_str().to_owned(),
            total_bytes: summary.total_bytes,
            table_bytes: measurement.table_bytes(),
            system_bytes: measurement.system_bytes,
            other_bytes: measurement.other_bytes(),
            storage: StorageView::of(&measurement.storage),
            table_count: summary.table_count,
            estimated_table_count: count(measurement.counted_tables().filter(is_estimate)),
            mendix_catalogue: measurement
                .mendix_catalogue
                .map(|catalogue| catalogue.as_str().to_owned()),
            completeness: measurement.completeness().as_str().to_owned(),
            scheduled_at: run.scheduled_at,
            taken_at: run.taken_at,
            age_seconds: run.age_seconds(now),
            stale: run.is_stale(now),
            last_failure: failure.map(FailureView::of),
            modules: filter.is_grouped.then(|| ModuleView::of_tables(counted())),
            tables: shown.into_iter().map(TableView::of).collect(),
            tables_omitted: omitted,
            unsized_tables: unsized_tables
                .filter(|table| filter.means(&table.schema, &table.table))
                .map(|table| UnsizedView {
                    schema: table.schema.clone(),
                    table: table.table.clone(),
                    reason: table.reason.clone(),
                })
                .collect(),
        }
    }

    /// Returns whether there is any table that the filters mean.
    pub(super) fn has_tables(&self) -> bool {
        !self.tables.is_empty()
            || self
                .modules
                .as_ref()
                .is_some_and(|modules| !modules.is_empty())
    }
}

fn count<T>(items: impl Iterator<Item = T>) -> u64 {
    u64::try_from(items.count()).unwrap_or(u64::MAX)
}

impl TableView {
    fn of(table: &TableSize) -> Self {
        let (quality, quality_reason) = match &table.quality {
            Quality::Exact => ("exact", None),
            Quality::Estimated { reason } => ("estimated", Some(reason.clone())),
        };
        Self {
            schema: table.schema.clone(),
            table: table.table.clone(),
            kind: table.kind.as_str().to_owned(),
            persistence: table.persistence.as_str().to_owned(),
            partition_of: table.partition_of.as_ref().map(|parent| TableNameView {
                schema: parent.schema.clone(),
                table: parent.table.clone(),
            }),
            entity: table.entity.clone(),
            association: table.association.clone(),
            module: table.module.clone(),
            is_system: table.is_system,
            is_transient: table.is_transient,
            heap_bytes: table.heap_bytes,
            toast_bytes: table.toast_bytes,
            index_bytes: table.index_bytes,
            total_bytes: table.total_bytes,
            are_parts_estimated: table.are_parts_estimated,
            free_bytes: table.free_bytes,
            row_estimate: table.row_estimate,
            dead_row_estimate: table.dead_row_estimate,
            last_vacuum_at: table.last_vacuum_at,
            last_analyze_at: table.last_analyze_at,
            quality: quality.to_owned(),
            quality_reason,
        }
    }
}
