//! `GET /table_size`: the latest sizes of each database and its tables.

mod modules;
mod storage;
mod view;

use std::sync::Arc;

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use shared::fleet::{DatabaseTarget, FleetSource, TargetId};
use shared::snapshot::{DatabaseSize, DatabaseSummary, Failure, Good, Latest, Snapshot};
use shared::store::SnapshotReader;

use crate::http::answer::Answer;
use crate::http::cursor;
use crate::http::endpoint::{Call, Endpoint, Handler, Route};
use crate::http::media_type::MediaType;
use crate::http::parameter::Parameter;
use crate::http::problem::{Code, Problem};
use crate::targets::{self, FailureView};

pub use modules::ModuleView;
pub use storage::StorageView;
pub use view::{
    DatabaseItem, OmittedView, PendingDatabase, TableFilter, TableNameView, TableSizes, TableView,
    UnsizedView,
};

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
                  environment; tables largest first. Tables beyond `tables` are counted in `tables_omitted`. A \
                  partitioned table has the sums of its partitions, which are shown only when they are asked for. \
                  `storage` is that of the whole server, used and allocated, from CloudWatch.",
    media_types: &[MediaType::Json],
    parameters: &[
        Parameter::text("environment", "Only this environment."),
        Parameter::text("schema", "Only tables of this schema."),
        Parameter::text("table", "Only tables of this name."),
        Parameter::number("tables", "Most tables of each database.", 10_000, 100),
        Parameter::choice(
            "group",
            "`module`: sums for each Mendix module in `modules`, and no single tables.",
            &["module"],
        ),
        Parameter::choice(
            "include",
            "`partitions`: each partition too, which is part of its table's numbers already.",
            &["partitions"],
        ),
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
        let page = targets::page(&call, targets)?;
        let latest = targets::latest_of::<DatabaseSize, _>(&self.snapshots, &page.targets).await?;
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
        is_grouped: call.parameters.text("group").is_some(),
        has_partitions: call.parameters.text("include").is_some(),
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
                !filter.is_narrow() || item.has_tables() || !item.unsized_tables.is_empty();
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
    let is_whole = cursor::is_first_page(call) && is_last_page;
    if is_whole && view.items.is_empty() && !view.pending.is_empty() {
        return Err(targets::all_pending(&view.pending));
    }
    if is_whole && view.items.is_empty() && filter.is_narrow() {
        return Err(Problem::not_found("such table in the latest snapshots"));
    }
    view.next = last
        .filter(|_| !is_last_page)
        .map(|id| cursor::encode(id.as_str()));
    let next_query = view
        .next
        .as_ref()
        .map(|cursor| cursor::next_query(call, cursor));
    // What follows the page may come and go while the page stays.
    let identity = (
        ROUTE.path,
        call.parameters.canonical(),
        identity,
        &view.next,
    );
    Ok(Answer::json(
        &view,
        &identity,
        targets::freshness(runs.into_iter().map(|good| good.run)),
    )?
    .with_next(next_query))
}
