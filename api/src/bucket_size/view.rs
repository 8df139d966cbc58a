//! What `GET /bucket_size` answers for one target. No I/O: domain in, wire out.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use schemars::JsonSchema;
use serde::Serialize;
use shared::clock;
use shared::fleet::{BucketTarget, Prices, RefreshBudget, StorageKind};
use shared::history::growth::Growth;
use shared::snapshot::bucket_size::{
    Definition, InventoryReport, Prefixes, Refresh, ResourceSize, Unmeasured, Uploads,
};
use shared::snapshot::{
    BucketSize, ClassSize, Completeness, Failure, Good, Method, Objects, StorageMetrics,
};

use super::accounted::Accounted;
use super::cost::CostView;
use super::reconciliation::Reconciliation;
use crate::collection_use::CollectionUse;
use crate::history::DailyTotals;

const SECONDS_PER_DAY: u128 = 86_400;

/// Size of one storage target.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct BucketItem {
    /// Environment that the storage belongs to.
    pub environment: String,
    /// Kind of storage: `s3`, `efs`, `ebs`, `rds`, `aurora` or `dynamodb`.
    pub kind: String,
    /// Bucket name; for other storage its id.
    pub bucket: String,
    /// Prefix of all counted keys; empty for all keys.
    pub prefix: String,
    /// Suffix of all counted keys; empty for all keys.
    pub suffix: String,
    /// The size, in bytes: `definition` states what it adds up.
    pub total_bytes: u64,
    /// Number of objects, or of items, in `total_bytes`; null where they were not counted.
    pub object_count: Option<u64>,
    /// Current objects by storage class, classes without objects left out; null when they were not listed.
    pub by_storage_class: Option<BTreeMap<String, ClassSize>>,
    /// What `total_bytes` adds up: `current_objects` or `whole_bucket`; for other storage `used`, or `provisioned` where
    /// the used bytes are unknown.
    pub definition: Definition,
    /// Where `total_bytes` comes from: `listing`, `inventory` (a report of S3 Inventory), `cloudwatch`, or `service` where
    /// the service reported it.
    pub method: Method,
    /// The report that current objects and versions come from; null unless `method` is `inventory`.
    pub inventory: Option<InventoryReport>,
    /// Current objects, as a listing returns them; null when they were neither listed nor in a report.
    pub current: Option<Objects>,
    /// Versions that are no longer current; null when they were not listed.
    pub noncurrent: Option<Objects>,
    /// Delete markers; null when they were not listed.
    pub delete_markers: Option<DeleteMarkersView>,
    /// Incomplete multipart uploads; null when they were not listed.
    pub multipart: Option<Uploads>,
    /// The whole bucket by CloudWatch's daily metrics; null when they were not read or do not exist.
    pub cloudwatch: Option<MetricsView>,
    /// Storage other than S3; null for buckets.
    pub resource: Option<ResourceView>,
    /// Parts that could not be measured; they are null above and in no sum. `cloudwatch` may still have an earlier day's
    /// values: its `as_of` names the day.
    pub unmeasured: Vec<Unmeasured>,
    /// The parts compared with CloudWatch's metrics.
    pub reconciliation: Reconciliation,
    /// The current objects compared with the file documents in the app's database, which are counted once a day. Its
    /// numbers are null, with a `reason`, unless the environment has exactly one storage and a database.
    pub accounted: Accounted,
    /// What the storage costs, estimated with the fleet file's prices.
    pub cost: CostView,
    /// `complete`, or `partial` when `unmeasured` names a part.
    pub completeness: Completeness,
    /// When the run that measured `total_bytes` was scheduled, RFC 3339 UTC.
    pub scheduled_at: DateTime<Utc>,
    /// When measuring started, RFC 3339 UTC: for a size by `listing`, when that listing started; by `inventory`, when S3
    /// started to scan the bucket.
    pub taken_at: DateTime<Utc>,
    /// When measuring ended, RFC 3339 UTC.
    pub finished_at: DateTime<Utc>,
    /// Seconds since `taken_at`.
    pub age_seconds: u64,
    /// Whether the next measurement is overdue by an interval, or by a day where intervals are longer. Also true with
    /// `clock_skew`.
    pub stale: bool,
    /// Whether `taken_at` is more than a minute in the future: a clock is wrong, and the age is unknown. `age_seconds` is 0
    /// then.
    pub clock_skew: bool,
    /// When the target is measured again; null in old snapshots.
    pub refresh: Option<RefreshView>,
    /// What measuring it takes; `/metrics` has the sums.
    pub collection: CollectionUse,
    /// Since when discovery does not find the target any more: it is not measured, and leaves the answer once its
    /// snapshots have expired. Absent if it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gone_since: Option<NaiveDate>,
    /// The newest failed run since this snapshot; null when the newest run was good.
    pub last_failure: Option<Failure>,
    /// Sizes by prefix, which add up to `total_bytes`; null unless `include=prefixes`, or where the fleet file wants none, and
    /// until the next measurement after it does.
    pub by_prefix: Option<Prefixes>,
    /// Daily totals; null unless `include=trend`. Where `definition` is `whole_bucket`, those of CloudWatch's metrics.
    pub trend: Option<DailyTotals>,
    /// Growth of the daily totals; null unless `include=trend`.
    pub growth: Option<Growth>,
}

/// Delete markers: keys without bytes.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct DeleteMarkersView {
    /// Their number.
    pub object_count: u64,
}

/// A bucket by CloudWatch's daily storage metrics, and their age.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct MetricsView {
    #[serde(flatten)]
    pub(super) metrics: StorageMetrics,
    /// Seconds since `taken_at`.
    age_seconds: u64,
}

/// Storage other than S3, and the source of its provisioned bytes.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ResourceView {
    #[serde(flatten)]
    pub(super) resource: ResourceSize,
    /// Who states `provisioned_bytes`: the `service`, or the `fleet_file` for an RDS instance, where nothing measures
    /// them: once its storage has grown, `used_bytes` is too small until the fleet file follows. Null without
    /// `provisioned_bytes`.
    provisioned_source: Option<&'static str>,
}

/// When a target is measured in full again, and why then.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RefreshView {
    #[serde(flatten)]
    refresh: Refresh,
    /// Whether the interval is the longest possible: the target takes more than its share, and the budget may be
    /// exceeded.
    is_maximum: bool,
    /// LIST requests a day that listing it takes at this interval, by the last listing, rounded up; null where it is not
    /// listed.
    list_requests_per_day: Option<u64>,
    /// LIST requests a day that the fleet file allows for all buckets together.
    budget_list_requests_per_day: u64,
}

/// A storage target without any snapshot.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PendingBucket {
    /// Environment that the storage belongs to.
    pub environment: String,
    /// Kind of storage: `s3`, `efs`, `ebs`, `rds`, `aurora` or `dynamodb`.
    pub kind: String,
    /// Bucket name; for other storage its id.
    pub bucket: String,
    /// Prefix of all counted keys; empty for all keys.
    pub prefix: String,
    /// Suffix of all counted keys; empty for all keys.
    pub suffix: String,
    /// The newest failed run; null when none has ended yet.
    pub last_failure: Option<Failure>,
}

impl BucketItem {
    /// Returns the view of a target's last good run at `now`, with costs by `prices`.
    pub fn of(
        target: &BucketTarget,
        good: Good<BucketSize>,
        last_failure: Option<Failure>,
        prices: &Prices,
        budget: RefreshBudget,
        now: DateTime<Utc>,
    ) -> Self {
        let run = good.run;
        let size = good.summary;
        let (total_bytes, definition) = size.total();
        let finished_at = match size.listing {
            Some(listing) => listing.finished_at,
            None => run.taken_at + TimeDelta::from_std(run.duration).unwrap_or_default(),
        };
        let stale = match size.refresh {
            Some(refresh) => refresh.is_missed(now) || run.is_ahead_of(now),
            None => run.is_stale(now),
        };
        let current = size.current.as_ref();
        let requests = size.listing.map_or(0, |listing| listing.request_count);
        let collection = CollectionUse::of(&run, size.refresh, requests);
        let refresh = size
            .refresh
            .map(|refresh| RefreshView::of(refresh, &size, budget));
        Self {
            environment: target.environment.clone(),
            kind: target.kind.as_str().to_owned(),
            bucket: target.bucket.clone(),
            prefix: target.prefix.clone(),
            suffix: target.suffix.clone(),
            total_bytes,
            object_count: size.object_count(),
            by_storage_class: current.map(|current| current.by_storage_class.clone()),
            definition,
            reconciliation: Reconciliation::of(target, &size),
            accounted: Accounted::unknown("no_database"),
            cost: CostView::of(target, &size, prices),
            completeness: good.completeness,
            scheduled_at: size.measured_at(&run),
            taken_at: run.taken_at,
            finished_at,
            age_seconds: run.age_seconds(now),
            stale,
            clock_skew: run.is_ahead_of(now),
            method: size.method,
            inventory: size.inventory,
            current: size.current,
            noncurrent: size.noncurrent,
            delete_markers: size
                .delete_markers
                .map(|object_count| DeleteMarkersView { object_count }),
            multipart: size.multipart,
            cloudwatch: size.cloudwatch.map(|metrics| MetricsView::of(metrics, now)),
            resource: size
                .resource
                .map(|resource| ResourceView::of(target.kind, resource)),
            unmeasured: size.unmeasured,
            refresh,
            collection,
            gone_since: None,
            last_failure,
            by_prefix: size.by_prefix,
            trend: None,
            growth: None,
        }
    }
}

impl PendingBucket {
    pub(super) fn of(target: &BucketTarget, last_failure: Option<Failure>) -> Self {
        Self {
            environment: target.environment.clone(),
            kind: target.kind.as_str().to_owned(),
            bucket: target.bucket.clone(),
            prefix: target.prefix.clone(),
            suffix: target.suffix.clone(),
            last_failure,
        }
    }
}

impl MetricsView {
    fn of(metrics: StorageMetrics, now: DateTime<Utc>) -> Self {
        let age_seconds = clock::seconds_between(metrics.asked_at, now);
        Self {
            metrics,
            age_seconds,
        }
    }
}

impl ResourceView {
    fn of(kind: StorageKind, resource: ResourceSize) -> Self {
        let source = match kind {
            StorageKind::Rds => "fleet_file",
            _ => "service",
        };
        Self {
            provisioned_source: resource.provisioned_bytes.map(|_| source),
            resource,
        }
    }
}

impl RefreshView {
    fn of(refresh: Refresh, size: &BucketSize, budget: RefreshBudget) -> Self {
        let listing = size.listing.filter(|_| size.method == Method::Listing);
        let per_day = |requests: u64| {
            let seconds = u128::from(refresh.interval_seconds.max(1));
            let requests = (u128::from(requests) * SECONDS_PER_DAY).div_ceil(seconds);
            u64::try_from(requests).ok()
        };
        Self {
            refresh,
            is_maximum: refresh.is_maximum(),
            list_requests_per_day: listing.and_then(|listing| per_day(listing.request_count)),
            budget_list_requests_per_day: budget.list_requests_per_day,
        }
    }
}
