//! What `GET /table_size` answers for one database. No I/O: domain in, wire out.

use chrono::{DateTime, NaiveDate, Utc};
use schemars::JsonSchema;
use serde::Serialize;
use shared::fleet::Engine;
use shared::history::Trend;
use shared::history::growth::{Full, Growth};
use shared::snapshot::{
    Completeness, DatabaseSize, Failure, Measurement, MendixCatalogue, Quality, ServerRole,
    ServerStorage, Snapshot, TableSize, UnsizedTable,
};

use super::{ModuleView, TableFilter};
use crate::collection_use::CollectionUse;
use crate::history::{DailyTotals, trended};

/// Sizes of one database.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct DatabaseItem {
    /// Environment that the database belongs to.
    pub environment: String,
    /// Database name on its server.
    pub database: String,
    /// `postgres` or `mysql`.
    pub engine: Engine,
    /// Bytes of the whole database on disk, system catalogues included.
    pub total_bytes: u64,
    /// Bytes of all sized tables, shown or not.
    pub table_bytes: u64,
    /// Bytes of the system schemas; null where the engine does not report them.
    pub system_bytes: Option<u64>,
    /// Bytes that belong neither to a table nor to the system schemas: sequences, temporary files, orphaned files. Null
    /// where they cannot be computed exactly.
    pub other_bytes: Option<u64>,
    /// Storage of the database's server.
    pub storage: StorageView,
    /// Number of all sized tables, shown or not; a partitioned table counts once.
    pub table_count: u64,
    /// Number of all sized tables whose bytes are an estimate.
    pub estimated_table_count: u64,
    /// Whether a `primary` or a `replica` was measured, or, of MySQL and MariaDB, a `read_only` server that receives from
    /// no primary. Null in old snapshots, and if the login of MySQL or MariaDB lacks `PROCESS`, without which replication
    /// is hidden. A replica of PostgreSQL has no contents of unlogged tables, which are not sized there.
    pub server_role: Option<ServerRole>,
    /// Whether Mendix' list of entities was `read`, is wholly or partly `denied` to the role, was `locked` (tables then
    /// lack their entity) or is `absent`; null in old snapshots.
    pub mendix_catalogue: Option<MendixCatalogue>,
    /// `complete`, or `partial` when some tables could not be sized: those are in `unsized_tables`.
    pub completeness: Completeness,
    /// When the run was scheduled, RFC 3339 UTC.
    pub scheduled_at: DateTime<Utc>,
    /// When measuring started, RFC 3339 UTC.
    pub taken_at: DateTime<Utc>,
    /// Seconds since `taken_at`.
    pub age_seconds: u64,
    /// Whether the next snapshot is overdue by a scheduled interval. Also true with `clock_skew`.
    pub stale: bool,
    /// Whether `taken_at` is more than a minute in the future: a clock is wrong, and the age is unknown. `age_seconds` is 0
    /// then.
    pub clock_skew: bool,
    /// What measuring it takes; `/metrics` has the sums.
    pub collection: CollectionUse,
    /// Since when discovery does not find the target any more: it is not measured, and leaves the answer once its
    /// snapshots have expired. Absent if it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gone_since: Option<NaiveDate>,
    /// The newest failed run since this snapshot; null when the newest run was good.
    pub last_failure: Option<Failure>,
    /// Daily totals; null unless `include=trend`.
    pub trend: Option<DailyTotals>,
    /// Growth of the daily totals; null unless `include=trend`.
    pub growth: Option<Growth>,
    /// When the server's storage is full at that growth, by its own free bytes; null unless `include=trend`.
    pub full: Option<Full>,
    /// Sums of the selected tables for each Mendix module, largest first; null unless `group=module`.
    pub modules: Option<Vec<ModuleView>>,
    /// Selected tables, largest first, at most `tables` of them; none when they are grouped. Partitions appear only with
    /// `include=partitions` or by their own name: their table includes their bytes.
    pub tables: Vec<TableSize>,
    /// Selected tables that are not shown, because `tables` is smaller; partitions do not count.
    pub tables_omitted: OmittedView,
    /// Tables that exist but could not be sized; no sum of tables includes them.
    pub unsized_tables: Vec<UnsizedTable>,
}

/// Storage of the RDS instance or Aurora cluster of a database, shared with everything else there; no sum includes it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct StorageView {
    #[serde(flatten)]
    storage: ServerStorage,
    /// Who states `allocated_bytes`: the `fleet_file`, as nothing measures them. Once the instance's storage has grown,
    /// `used_bytes` is too small until the fleet file follows. Null without `allocated_bytes`.
    allocated_source: Option<&'static str>,
}

/// Tables that are not shown.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct OmittedView {
    /// Their number.
    pub table_count: u64,
    /// Sum of their `total_bytes`.
    pub total_bytes: u64,
}

/// A database without any snapshot.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PendingDatabase {
    /// Environment that the database belongs to.
    pub environment: String,
    /// Database name on its server.
    pub database: String,
    /// The newest failed run; null when none has ended yet.
    pub last_failure: Option<Failure>,
}

impl DatabaseItem {
    /// Returns the view of a database's last good run at `now`.
    pub fn of(
        environment: &str,
        snapshot: Snapshot<DatabaseSize>,
        last_failure: Option<Failure>,
        filter: TableFilter<'_>,
        now: DateTime<Utc>,
    ) -> Self {
        let Snapshot {
            run, measurement, ..
        } = snapshot;
        let counted = || {
            measurement
                .tables
                .iter()
                .filter(|table| filter.counts(table))
        };
        let is_estimate = |table: &&TableSize| table.quality != Quality::Exact;
        let estimated = measurement.counted_tables().filter(is_estimate);
        let summary = measurement.summary();
        let mut item = Self {
            environment: environment.to_owned(),
            database: summary.database,
            engine: summary.engine,
            total_bytes: summary.total_bytes,
            table_bytes: measurement.table_bytes(),
            system_bytes: measurement.system_bytes,
            other_bytes: measurement.other_bytes(),
            table_count: summary.table_count,
            estimated_table_count: count(estimated),
            server_role: measurement.server_role,
            mendix_catalogue: measurement.mendix_catalogue,
            completeness: measurement.completeness(),
            scheduled_at: run.scheduled_at,
            taken_at: run.taken_at,
            age_seconds: run.age_seconds(now),
            stale: run.is_stale(now),
            clock_skew: run.is_ahead_of(now),
            collection: CollectionUse::of(&run, None, 0),
            gone_since: None,
            last_failure,
            trend: None,
            growth: None,
            full: None,
            modules: filter.is_grouped.then(|| ModuleView::of_tables(counted())),
            tables_omitted: OmittedView::of(counted()),
            storage: StorageView::of(measurement.storage),
            tables: measurement.tables,
            unsized_tables: measurement.unsized_tables,
        };
        item.tables.retain(|table| filter.shows(table));
        item.tables.truncate(filter.limit);
        let shown = item.tables.iter().filter(|table| filter.counts(table));
        item.tables_omitted = item.tables_omitted.without(&OmittedView::of(shown));
        item.unsized_tables
            .retain(|table| filter.selects(&table.schema, &table.table));
        item
    }

    /// Adds daily totals and growth from the trend of the database's latest, and when its storage is full.
    #[must_use]
    pub(super) fn with_trend(mut self, trend: Option<&Trend>, now: DateTime<Utc>) -> Self {
        let (totals, growth) = trended(trend, now);
        self.full = Some(Full::of(&growth, &self.storage.storage));
        (self.trend, self.growth) = (Some(totals), Some(growth));
        self
    }
}

impl StorageView {
    fn of(storage: ServerStorage) -> Self {
        Self {
            allocated_source: storage.allocated_bytes.map(|_| "fleet_file"),
            storage,
        }
    }
}

impl OmittedView {
    fn of<'t>(tables: impl Iterator<Item = &'t TableSize>) -> Self {
        tables.fold(
            Self {
                table_count: 0,
                total_bytes: 0,
            },
            |sums, table| Self {
                table_count: sums.table_count + 1,
                total_bytes: sums.total_bytes.saturating_add(table.total_bytes),
            },
        )
    }

    fn without(&self, shown: &Self) -> Self {
        Self {
            table_count: self.table_count - shown.table_count,
            total_bytes: self.total_bytes - shown.total_bytes,
        }
    }
}

fn count<T>(items: impl Iterator<Item = T>) -> u64 {
    u64::try_from(items.count()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allocation_has_its_source() {
        let source = |allocated_bytes| {
            let storage = ServerStorage {
                allocated_bytes,
                ..ServerStorage::not_asked()
            };
            StorageView::of(storage).allocated_source
        };

        assert_eq!(source(Some(7)), Some("fleet_file"));
        assert_eq!(source(None), None);
    }
}
