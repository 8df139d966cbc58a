//! `GET /table_size`: the latest sizes of each database and its tables.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt, stream};
use schemars::JsonSchema;
use serde::Serialize;
use shared::fleet::{DatabaseTarget, FleetSource, TargetId};
use shared::snapshot::{
    DatabaseSize, DatabaseSummary, Failure, Good, Latest, Measurement, Quality, Snapshot, TableSize,
};
use shared::store::SnapshotReader;

use crate::endpoint::{Call, Endpoint, Handler, Parameter, Route};
use crate::error::{Code, Problem};
use crate::response::Answer;
use crate::selection::{self, FailureView};

/// Snapshots that are read at the same time for one answer.
const READS_AT_ONCE: usize = 4;
/// Most bytes of one answer before packing: Lambda refuses responses above 6 MB.
const ANSWER_LIMIT_BYTES: usize = 4_000_000;

/// Facts of this endpoint.
pub const ROUTE: Route = Route {
    path: "/table_size",
    function: "api-table-size",
    scope: Some("mrt/table_size.read"),
    summary: "Sizes of each environment's database and its tables",
    description: "The latest snapshot of each database that the fleet file names, with its largest tables: heap, \
                  TOAST, indexes and total apart, the row estimate, and the Mendix entity and module. Ordered by \
                  environment; tables largest first. Tables beyond `tables` are counted in `tables_omitted`.",
    parameters: &[
        Parameter::text("environment", "Only this environment."),
        Parameter::text("schema", "Only tables of this schema."),
        Parameter::text("table", "Only tables of this name."),
        Parameter::number("tables", "Most tables of each database.", 10_000, 100),
        Parameter::number(
            "limit",
            "Most databases of one page; a page also ends at 4 MB.",
            100,
            20,
        ),
        Parameter::text("cursor", "The `next` of the page before."),
    ],
    problems: &[Code::NotFound, Code::SnapshotPending, Code::TooLarge],
    schema: |generator| generator.subschema_for::<TableSizes>(),
};

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
    /// Number of all sized tables, shown or not.
    pub table_count: u64,
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
    /// Tables that the filters mean, largest first, at most `tables` of them.
    pub tables: Vec<TableView>,
    /// Tables that the filters mean but that are not shown, because `tables` is smaller.
    pub tables_omitted: OmittedView,
    /// Tables that exist but could not be sized; they are in no sum of tables.
    pub unsized_tables: Vec<UnsizedView>,
}

/// One table.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct TableView {
    /// Schema name.
    pub schema: String,
    /// Table name.
    pub table: String,
    /// Mendix entity, such as `Sales.Order`; null when the table is not an entity's.
    pub entity: Option<String>,
    /// Mendix module of the entity; null when there is no entity.
    pub module: Option<String>,
    /// Whether the table belongs to the Mendix runtime itself.
    pub is_system: bool,
    /// Bytes of the rows, with the free space map and the visibility map.
    pub heap_bytes: u64,
    /// Bytes of out-of-line values with their index.
    pub toast_bytes: u64,
    /// Bytes of all indexes.
    pub index_bytes: u64,
    /// Heap, TOAST and indexes together.
    pub total_bytes: u64,
    /// Rows by the last analysis; null when the table was never analysed.
    pub row_estimate: Option<u64>,
    /// `exact`, or `estimated` for the reason in `quality_reason`.
    pub quality: String,
    /// Why the bytes are an estimate; null when they are exact.
    pub quality_reason: Option<String>,
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
}

impl TableFilter<'_> {
    fn is_narrow(&self) -> bool {
        self.schema.is_some() || self.table.is_some()
    }

    fn means(&self, schema: &str, table: &str) -> bool {
        self.schema.is_none_or(|wanted| wanted == schema)
            && self.table.is_none_or(|wanted| wanted == table)
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
        let meant = || {
            measurement
                .tables
                .iter()
                .filter(|table| filter.means(&table.schema, &table.table))
        };
        let omitted = || meant().skip(filter.limit);
        let unsized_tables = measurement.unsized_tables.iter();
        let summary = measurement.summary();
        Self {
            environment: environment.to_owned(),
            database: summary.database,
            engine: summary.engine.as_str().to_owned(),
            total_bytes: summary.total_bytes,
            table_count: summary.table_count,
            completeness: measurement.completeness().as_str().to_owned(),
            scheduled_at: run.scheduled_at,
            taken_at: run.taken_at,
            age_seconds: run.age_seconds(now),
            stale: run.is_stale(now),
            last_failure: failure.map(FailureView::of),
            tables: meant().take(filter.limit).map(TableView::of).collect(),
            tables_omitted: OmittedView {
                table_count: omitted().map(|_| 1).sum(),
                total_bytes: omitted().map(|table| table.total_bytes).sum(),
            },
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
            entity: table.entity.clone(),
            module: table.module.clone(),
            is_system: table.is_system,
            heap_bytes: table.heap_bytes,
            toast_bytes: table.toast_bytes,
            index_bytes: table.index_bytes,
            total_bytes: table.total_bytes,
            row_estimate: table.row_estimate,
            quality: quality.to_owned(),
            quality_reason,
        }
    }
}

struct GetTableSize {
    fleet: Arc<FleetSource>,
    snapshots: SnapshotReader,
}

/// Returns the endpoint over its two ports.
pub fn endpoint(fleet: Arc<FleetSource>, snapshots: SnapshotReader) -> Endpoint {
    Endpoint::new(&ROUTE, GetTableSize { fleet, snapshots })
}

/// A database of the page with what is known of it.
struct Found<'f> {
    id: TargetId,
    target: &'f DatabaseTarget,
    latest: Option<Latest<DatabaseSummary>>,
}

impl Found<'_> {
    fn good(&self) -> Option<&Good<DatabaseSummary>> {
        self.latest.as_ref().and_then(|latest| latest.good.as_ref())
    }

    fn failure(&self) -> Option<&Failure> {
        self.latest
            .as_ref()
            .and_then(|latest| latest.last_failure.as_ref())
    }
}

#[async_trait]
impl Handler for GetTableSize {
    async fn answer(&self, call: Call<'_>) -> Result<Answer, Problem> {
        let fleet = self.fleet.current().await?;
        let environment = call.parameters.text("environment");
        let targets: Vec<_> = fleet
            .databases()
            .into_iter()
            .filter(|target| call.caller.may_read(&target.environment))
            .filter(|target| environment.is_none_or(|name| name == target.environment))
            .map(|target| (target.id(), target))
            .collect();
        if targets.is_empty() && environment.is_some() {
            return Err(Problem::not_found(
                "such environment with a database in the fleet",
            ));
        }
        let page = selection::page(&call, targets)?;
        let latest =
            selection::latest_of::<DatabaseSize, _>(&self.snapshots, &page.targets).await?;
        let found = page.targets.into_iter().zip(latest);
        let found: Vec<_> = found
            .map(|((id, target), latest)| Found { id, target, latest })
            .collect();
        let snapshots = self.read_snapshots(&found).await?;
        answer(&call, &found, &snapshots, page.has_more)
    }
}

impl GetTableSize {
    /// Reads the tables of each good run, a few databases at a time, in the order of `found`.
    async fn read_snapshots(
        &self,
        found: &[Found<'_>],
    ) -> Result<Vec<Option<Snapshot<DatabaseSize>>>, Problem> {
        let keys: Vec<_> = found
            .iter()
            .map(|found| {
                (
                    found.id.clone(),
                    found.good().map(|good| good.run.scheduled_at),
                )
            })
            .collect();
        let reads = keys.into_iter().map(|(id, scheduled_at)| {
            let snapshots = self.snapshots.clone();
            async move {
                let Some(scheduled_at) = scheduled_at else {
                    return Ok::<_, Problem>(None);
                };
                // Latest and snapshot are written together, so this is absent only once it expired.
                Ok(snapshots
                    .snapshot::<DatabaseSize>(&id, scheduled_at)
                    .await?)
            }
        });
        stream::iter(reads)
            .buffered(READS_AT_ONCE)
            .try_collect()
            .await
    }
}

fn answer(
    call: &Call<'_>,
    found: &[Found<'_>],
    snapshots: &[Option<Snapshot<DatabaseSize>>],
    has_more: bool,
) -> Result<Answer, Problem> {
    let filter = TableFilter {
        schema: call.parameters.text("schema"),
        table: call.parameters.text("table"),
        limit: usize::try_from(call.parameters.number("tables")).unwrap_or(usize::MAX),
    };
    let mut view = TableSizes {
        items: Vec::new(),
        pending: Vec::new(),
        next: None,
    };
    let (mut identity, mut runs, mut size_bytes, mut last) = (Vec::new(), Vec::new(), 0, None);
    let mut is_cut = false;
    for (found, snapshot) in found.iter().zip(snapshots) {
        if let (Some(good), Some(snapshot)) = (found.good(), snapshot) {
            let item = DatabaseItem::of(
                &found.target.environment,
                snapshot,
                found.failure(),
                (filter, call.now),
            );
            size_bytes += serde_json::to_vec(&item).map_err(Problem::internal)?.len();
            if size_bytes > ANSWER_LIMIT_BYTES {
                is_cut = true;
                break;
            }
            runs.push(good);
            let is_meant =
                !filter.is_narrow() || !item.tables.is_empty() || !item.unsized_tables.is_empty();
            identity.push((
                found.id.to_string(),
                found.latest.as_ref().map_or(0, |latest| latest.version),
                item.stale,
            ));
            view.items.extend(is_meant.then_some(item));
        } else {
            identity.push((
                found.id.to_string(),
                found.latest.as_ref().map_or(0, |latest| latest.version),
                false,
            ));
            view.pending.push(PendingDatabase {
                environment: found.target.environment.clone(),
                database: found.target.name.clone(),
                last_failure: found.failure().map(FailureView::of),
            });
        }
        last = Some(&found.id);
    }
    if is_cut && last.is_none() {
        return Err(Problem::too_large(
            "ask for fewer tables with the parameter \"tables\"",
        ));
    }
    let is_last_page = !has_more && !is_cut;
    let is_whole = selection::is_first_page(call) && is_last_page;
    if is_whole && view.items.is_empty() && !view.pending.is_empty() {
        return Err(selection::all_pending(&view.pending));
    }
    if is_whole && view.items.is_empty() && filter.is_narrow() {
        return Err(Problem::not_found("such table in the latest snapshots"));
    }
    view.next = last.filter(|_| !is_last_page).map(selection::encode_cursor);
    let next_query = view
        .next
        .as_ref()
        .map(|cursor| selection::next_query(call, cursor));
    let identity = (ROUTE.path, call.parameters.canonical(), identity);
    Ok(
        Answer::json(&view, &identity, selection::freshness(runs.into_iter()))?
            .with_next(next_query),
    )
}
