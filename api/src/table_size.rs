//! `GET /table_size`: the latest sizes of each database and its tables.

pub mod changes;
mod csv;
mod filter;
pub mod history;
mod identity;
mod modules;
mod page;
mod view;

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt, stream};
use schemars::JsonSchema;
use serde::Serialize;
use shared::fleet::{DatabaseTarget, Fleet, FleetSource, TargetId};
use shared::snapshot::{DatabaseSize, Snapshot};
use shared::store::{SnapshotReader, StoreError};

use self::page::{Found, Page};
use crate::http::answer::Answer;
use crate::http::cursor;
use crate::http::endpoint::{Call, Endpoint, Handler, Route};
use crate::http::media_type::MediaType;
use crate::http::parameter::Parameter;
use crate::http::problem::{Code, Problem};
use crate::targets;

pub use filter::TableFilter;
pub use modules::ModuleView;
pub use view::{DatabaseItem, OmittedView, PendingDatabase, StorageView};

/// Snapshots that are read concurrently for one answer.
const READS_AT_ONCE: usize = 4;

/// Facts of this endpoint.
pub const ROUTE: Route = Route {
    path: "/table_size",
    function: "api-table-size",
    scope: Some("mrt/table_size.read"),
    summary: "Sizes of each environment's database and its tables",
    description: "The latest snapshot of each database that the fleet file names, with its largest tables: heap, \
                  TOAST, indexes and total, the row estimate, and the Mendix entity and module. Ordered by \
                  environment; tables largest first. `tables_omitted` counts the tables beyond `tables`. A partitioned \
                  table has the sums of its partitions, which are shown only on request. `storage` covers the whole \
                  server, used and allocated, by CloudWatch.",
    media_types: &[MediaType::Json, MediaType::Csv],
    parameters: &[
        Parameter::text("environment", "Only this environment."),
        Parameter::text("schema", "Only tables in this schema."),
        Parameter::text("table", "Only tables with this name."),
        Parameter::count(
            "tables",
            "Maximum number of tables for each database; 0 for totals alone.",
            10_000,
            100,
        ),
        Parameter::choice(
            "group",
            "`module`: sums for each Mendix module in `modules`, instead of single tables.",
            &["module"],
        ),
        Parameter::words(
            "include",
            "`partitions`: each partition too, whose bytes its table's numbers already include. `trend`: daily totals \
             and growth of each database, and when its storage is full.",
            &["partitions", "trend"],
        ),
        Parameter::number(
            "limit",
            "Maximum number of databases on one page; a page also ends at 4 MB.",
            100,
            20,
        ),
        Parameter::cursor(),
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

struct GetTableSize {
    fleet: Arc<FleetSource>,
    snapshots: SnapshotReader,
}

/// Returns the endpoint over its two ports.
pub fn endpoint(fleet: Arc<FleetSource>, snapshots: SnapshotReader) -> Endpoint {
    Endpoint::new(&ROUTE, GetTableSize { fleet, snapshots })
}

#[async_trait]
impl Handler for GetTableSize {
    async fn answer(&self, call: Call<'_>) -> Result<Answer, Problem> {
        let fleet = self.fleet.current().await?;
        let page = targets::page(&call, selected(&fleet, &call)?)?;
        let latest =
            targets::latest_of::<DatabaseSize, _>(&self.snapshots, &page.targets, call.now).await?;
        let found = page.targets.into_iter().zip(latest);
        let mut found: Vec<_> = found
            .map(|((id, target), latest)| Found {
                gone_since: fleet.gone_since(&id),
                id,
                target,
                latest,
            })
            .collect();
        let snapshots = self.read_snapshots(&mut found, call.now).await?;
        let filter = TableFilter::of(&call);
        let databases = Page::of(&found, snapshots, filter, call.now)?;
        answer(&call, databases, filter, page.has_more)
    }
}

/// Returns the databases that the parameters select and the caller may read.
fn selected<'f>(
    fleet: &'f Fleet,
    call: &Call<'_>,
) -> Result<Vec<(TargetId, &'f DatabaseTarget)>, Problem> {
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
    Ok(targets)
}

impl GetTableSize {
    /// Reads the snapshot of each good run, a few at a time, in the order of `found`.
    ///
    /// A database whose snapshot is unreadable then counts in `found` as one with an unreadable record.
    async fn read_snapshots(
        &self,
        found: &mut [Found<'_>],
        now: DateTime<Utc>,
    ) -> Result<Vec<Option<Snapshot<DatabaseSize>>>, StoreError> {
        let runs = found.iter().map(|found| {
            let scheduled_at = found.good().map(|good| good.run.scheduled_at);
            (found.id.clone(), scheduled_at)
        });
        let runs: Vec<_> = runs.collect();
        let reads = runs.into_iter().map(|(id, scheduled_at)| async move {
            let Some(scheduled_at) = scheduled_at else {
                return Ok(Ok(None));
            };
            // Latest and snapshot are written together: a snapshot is absent only once it has expired.
            match self.snapshots.snapshot(&id, scheduled_at).await {
                Err(error @ StoreError::Unreadable { .. }) => Ok(Err(error)),
                read => read.map(Ok),
            }
        });
        let reads = stream::iter(reads).buffered(READS_AT_ONCE);
        let reads: Vec<_> = reads.try_collect().await?;
        let snapshots = found.iter_mut().zip(reads).map(|(found, read)| {
            read.unwrap_or_else(|error| {
                found.latest = Some(targets::without_record(&found.id, &error, now));
                None
            })
        });
        Ok(snapshots.collect())
    }
}

fn answer(
    call: &Call<'_>,
    page: Page<'_>,
    filter: TableFilter<'_>,
    has_more: bool,
) -> Result<Answer, Problem> {
    let is_last_page = !has_more && !page.is_cut;
    let is_whole = cursor::is_first_page(call) && is_last_page;
    if is_whole && page.items.is_empty() && !page.pending.is_empty() {
        return Err(targets::all_pending(&page.pending));
    }
    if is_whole && page.items.is_empty() && filter.is_narrow() {
        return Err(Problem::not_found("such table in the latest snapshots"));
    }
    let last = page.last.filter(|_| !is_last_page);
    let view = TableSizes {
        items: page.items,
        pending: page.pending,
        next: last.map(|id| cursor::encode(id.as_str())),
    };
    let next_query = view
        .next
        .as_ref()
        .map(|cursor| cursor::next_query(call, cursor));
    // Later targets may come and go while the page stays the same: `next` is part of its identity.
    let identity = (
        ROUTE.path,
        call.parameters.canonical(),
        page.identity,
        // A trend ends with the day before.
        filter.has_trend.then(|| call.now.date_naive()),
        &view.next,
    );
    let freshness = targets::freshness(page.runs.into_iter());
    let body = match call.media_type {
        MediaType::Csv => csv::body(&view),
        _ => serde_json::to_vec(&view).map_err(Problem::internal)?,
    };
    let answer = Answer::new(call.media_type, body, &identity, freshness)?;
    Ok(answer.with_next(next_query))
}
