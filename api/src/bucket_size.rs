//! `GET /bucket_size`: the latest size of each storage target.

mod accounted;
pub mod changes;
mod cost;
mod csv;
pub mod history;
mod identity;
mod prefixes;
mod reconciliation;
mod view;

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;
use shared::fleet::{BucketTarget, Fleet, FleetSource, StorageKind, TargetId};
use shared::snapshot::bucket_size::Definition;
use shared::snapshot::{BucketSize, FileDocuments, Latest, Run, StorageMetrics};
use shared::store::{SnapshotReader, StoreError};
use shared::telemetry::error_chain;

use self::accounted::NoDocuments;
use crate::history::trended;
use crate::http::answer::{ANSWER_LIMIT_BYTES, Answer};
use crate::http::cursor;
use crate::http::endpoint::{Call, Endpoint, Handler, Route};
use crate::http::media_type::MediaType;
use crate::http::parameter::Parameter;
use crate::http::problem::{Code, Problem};
use crate::targets::{self, Records};

pub use accounted::Accounted;
pub use cost::{Basis, ClassCost, CostView, ScanCost};
pub use reconciliation::Reconciliation;
pub use view::{
    BucketItem, DeleteMarkersView, MetricsView, PendingBucket, RefreshView, ResourceView,
};

/// Facts of this endpoint.
pub const ROUTE: Route = Route {
    path: "/bucket_size",
    function: "api-bucket-size",
    scope: Some("mrt/bucket_size.read"),
    summary: "Size of each environment's file storage",
    description: "The latest snapshot of each bucket or part of a bucket, and of each file system, volume, database \
                  server and table, that the fleet file names. \
                  `definition` states what `total_bytes` adds up. The other parts (current objects, noncurrent \
                  versions, delete markers, incomplete uploads, CloudWatch's metrics) are each measured or null; for \
                  other storage `resource` has the numbers of its service. `accounted` compares the objects with the file documents in the app's database. Large buckets are listed less often, as \
                  `refresh` states. Ordered by environment, kind, bucket, prefix and suffix.",
    media_types: &[MediaType::Json, MediaType::Csv],
    parameters: &[
        Parameter::text("environment", "Only this environment."),
        Parameter::choice("kind", "Only storage of this kind.", &StorageKind::NAMES),
        Parameter::text(
            "bucket",
            "Only targets in this bucket, or other storage with this id.",
        ),
        Parameter::text("prefix", "Only targets with exactly this prefix."),
        Parameter::text("suffix", "Only targets with exactly this suffix."),
        Parameter::words(
            "include",
            "`trend`: daily totals and growth of each target. `prefixes`: sizes by prefix of each target for which the fleet \
             file wants them.",
            &["prefixes", "trend"],
        ),
        Parameter::number(
            "prefixes",
            "Maximum number of prefixes for each target, with `include=prefixes`.",
            1_000,
            100,
        ),
        Parameter::number("limit", "Maximum number of items on one page.", 1000, 100),
        Parameter::cursor(),
    ],
    problems: &[Code::NotFound, Code::SnapshotPending, Code::TooLarge],
    schema: |generator| generator.subschema_for::<BucketSizes>(),
};

/// Sizes of storage targets, one page.
#[derive(Debug, Serialize, JsonSchema)]
pub struct BucketSizes {
    /// Targets with a snapshot, by environment, kind, bucket, prefix and suffix.
    pub items: Vec<BucketItem>,
    /// Targets of this page that have no snapshot; they are in no sum.
    pub pending: Vec<PendingBucket>,
    /// Cursor of the next page; null on the last one.
    pub next: Option<String>,
}

struct GetBucketSize {
    fleet: Arc<FleetSource>,
    snapshots: SnapshotReader,
}

/// Returns the endpoint over its two ports.
pub fn endpoint(fleet: Arc<FleetSource>, snapshots: SnapshotReader) -> Endpoint {
    Endpoint::new(&ROUTE, GetBucketSize { fleet, snapshots })
}

#[async_trait]
impl Handler for GetBucketSize {
    async fn answer(&self, call: Call<'_>) -> Result<Answer, Problem> {
        let fleet = self.fleet.current().await?;
        let page = targets::page(&call, selected(&fleet, &call)?)?;
        let (sizes, metrics) = self.latest_of(&page.targets, call.now).await?;
        let wants_prefixes = call.parameters.has_word("include", "prefixes");
        let mut by_prefix = if wants_prefixes {
            prefixes::read(&self.snapshots, &page.targets, &sizes).await?
        } else {
            HashMap::new()
        };
        let prefix_limit = call.parameters.number("prefixes");
        let prefix_limit = usize::try_from(prefix_limit).unwrap_or(usize::MAX);
        let documents = self.documents_of(&fleet, &page.targets).await?;

        let has_trend = call.parameters.has_word("include", "trend");
        let (mut items, mut pending) = (Vec::new(), Vec::new());
        let (mut identity, mut runs) = (Vec::new(), Vec::new());
        for ((id, target), latest) in page.targets.iter().zip(sizes) {
            let metrics = metrics.get(id);
            let readable = metrics.and_then(|metrics| metrics.as_ref().ok());
            let counted = accounted::database(&fleet, &target.environment);
            let counted = counted.map(|database| documents.get(&database.id()));
            let counted_version = match counted {
                Err(reason) => (reason.as_str(), 0),
                Ok(None) => ("", 0),
                Ok(Some(Ok(counted))) => ("", counted.version),
                Ok(Some(Err(_))) => ("", u64::MAX),
            };
            let versions = (
                latest.as_ref().map_or(0, |latest| latest.version),
                counted_version,
                readable.map_or(0, |metrics| metrics.version),
                metrics.is_some(),
            );
            let (good, failure, trend) = latest
                .map(|latest| (latest.good, latest.last_failure, latest.trend))
                .unwrap_or_default();
            // A change of either makes another answer.
            let condition = if let Some(mut good) = good {
                match metrics {
                    Some(Ok(metrics)) => {
                        good.summary.join(metrics);
                        runs.extend(run_of_metrics(metrics, call.now));
                    }
                    Some(Err(error)) => {
                        log_unreadable(id, error);
                        good.summary.join_unreadable();
                    }
                    None => {}
                }
                runs.push(good.run);
                let accounted = accounted_of(id, &good.summary, counted);
                let mut item = BucketItem::of(
                    target,
                    good,
                    failure,
                    fleet.prices(),
                    fleet.refresh(),
                    call.now,
                );
                item.accounted = accounted;
                let found = by_prefix.remove(id);
                item.by_prefix = found.map(|found| found.limited(prefix_limit));
                item.gone_since = fleet.gone_since(id);
                if has_trend {
                    let trend = match item.definition {
                        Definition::WholeBucket => readable.and_then(|each| each.trend.as_ref()),
                        _ => trend.as_ref(),
                    };
                    let (totals, growth) = trended(trend, call.now);
                    (item.trend, item.growth) = (Some(totals), Some(growth));
                }
                targets::report_clock(id, item.clock_skew);
                let condition = (item.stale, item.clock_skew);
                items.push(item);
                condition
            } else {
                pending.push(PendingBucket::of(target, failure));
                (false, false)
            };
            let gone = fleet.gone_since(id);
            let subject = targets::identity_of(id, gone);
            identity.push((subject, versions, condition));
        }
        let is_whole = cursor::is_first_page(&call) && !page.has_more;
        if is_whole && items.is_empty() && !pending.is_empty() {
            return Err(targets::all_pending(&pending));
        }
        let last = page.targets.last().filter(|_| page.has_more);
        let view = BucketSizes {
            items,
            pending,
            next: last.map(|(id, _)| cursor::encode(id.as_str())),
        };
        let next_query = view
            .next
            .as_ref()
            .map(|cursor| cursor::next_query(&call, cursor));
        let identity = (
            ROUTE.path,
            call.parameters.canonical(),
            identity,
            fleet.prices().fingerprint(),
            fleet.refresh().list_requests_per_day,
            // A trend ends with the day before.
            has_trend.then(|| call.now.date_naive()),
            // Later targets may come and go while the page stays the same.
            &view.next,
        );
        let freshness = targets::freshness(runs.into_iter());
        let body = match call.media_type {
            MediaType::Csv => csv::body(&view),
            _ => serde_json::to_vec(&view).map_err(Problem::internal)?,
        };
        if wants_prefixes && body.len() > ANSWER_LIMIT_BYTES {
            return Err(Problem::too_large(
                "request fewer prefixes with the parameter \"prefixes\", or fewer targets with \"limit\"",
            ));
        }
        let answer = Answer::new(call.media_type, body, &identity, freshness)?;
        Ok(answer.with_next(next_query))
    }
}

/// Returns the targets that the parameters select and the caller may read.
fn selected<'f>(
    fleet: &'f Fleet,
    call: &Call<'_>,
) -> Result<Vec<(TargetId, &'f BucketTarget)>, Problem> {
    let parameter = |name| call.parameters.text(name);
    let selects = |name, value: &str| parameter(name).is_none_or(|wanted| wanted == value);
    let targets: Vec<_> = fleet
        .buckets()
        .into_iter()
        .filter(|target| call.caller.may_read(&target.environment))
        .filter(|target| selects("environment", &target.environment))
        .filter(|target| selects("kind", target.kind.as_str()))
        .filter(|target| selects("bucket", &target.bucket))
        .filter(|target| selects("prefix", &target.prefix))
        .filter(|target| selects("suffix", &target.suffix))
        .map(|target| (target.id(), target))
        .collect();
    let mut filters = ["environment", "kind", "bucket", "prefix", "suffix"].into_iter();
    if targets.is_empty() && filters.any(|name| parameter(name).is_some()) {
        return Err(Problem::not_found("such storage in the fleet"));
    }
    Ok(targets)
}

impl GetBucketSize {
    /// Reads the sizes of `targets`, in their order, and the metrics of those that want them.
    ///
    /// Costs one query for each of the two, whatever the number of targets.
    async fn latest_of(
        &self,
        targets: &[(TargetId, &BucketTarget)],
        now: DateTime<Utc>,
    ) -> Result<(Vec<Option<Latest<BucketSize>>>, Records<StorageMetrics>), StoreError> {
        let with_metrics: Vec<_> = targets
            .iter()
            .filter(|(_, target)| target.wants_storage_metrics())
            .cloned()
            .collect();
        tokio::try_join!(
            targets::latest_of::<BucketSize, _>(&self.snapshots, targets, now),
            targets::records_of::<StorageMetrics, _>(&self.snapshots, &with_metrics),
        )
    }

    /// Reads the counts of file documents of the environments of `targets` that have exactly one storage.
    ///
    /// Costs one query.
    async fn documents_of(
        &self,
        fleet: &Fleet,
        targets: &[(TargetId, &BucketTarget)],
    ) -> Result<Records<FileDocuments>, StoreError> {
        let databases = targets.iter().filter_map(|(_, target)| {
            let database = accounted::database(fleet, &target.environment).ok()?;
            Some((database.id(), database))
        });
        let databases: Vec<_> = databases.collect();
        targets::records_of::<FileDocuments, _>(&self.snapshots, &databases).await
    }
}

/// Returns the comparison of a size with the documents that were counted, or why there is none.
fn accounted_of(
    id: &TargetId,
    size: &BucketSize,
    counted: Result<Option<&Result<Latest<FileDocuments>, StoreError>>, NoDocuments>,
) -> Accounted {
    match counted {
        Err(reason) => Accounted::unknown(reason.as_str()),
        Ok(Some(Err(error))) => {
            log_unreadable(id, error);
            Accounted::unknown("record_unreadable")
        }
        Ok(Some(Ok(latest))) => Accounted::of(size, Some(latest)),
        Ok(None) => Accounted::of(size, None),
    }
}

/// The answer as a whole succeeds, so the cause is logged here.
fn log_unreadable(id: &TargetId, error: &StoreError) {
    tracing::error!(
        target.id = id.as_str(),
        error = error_chain(error),
        "what is shown beside a storage is unreadable"
    );
}

/// Returns the run of the shown metrics, due again at the next read.
///
/// A read that finds nothing new is not stored, so the stored run's own due time may have passed.
fn run_of_metrics(metrics: &Latest<StorageMetrics>, now: DateTime<Utc>) -> Option<Run> {
    let good = StorageMetrics::current(metrics)?;
    Some(Run {
        next_due_at: StorageMetrics::next_read_at(now),
        ..good.run
    })
}
