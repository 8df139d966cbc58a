//! What `GET /bucket_size` answers of one target. No I/O: domain in, wire out.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use schemars::JsonSchema;
use serde::Serialize;
use shared::clock;
use shared::fleet::{BucketTarget, Prices, StorageKind};
use shared::snapshot::StorageMetrics;
use shared::snapshot::bucket_size::{Refresh, ResourceSize, Unmeasured, Uploads};
use shared::snapshot::{BucketSize, Failure, Good, Objects};

use super::cost::CostView;
use super::reconciliation::Reconciliation;
use crate::targets::FailureView;

/// Size of one storage target.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct BucketItem {
    /// Environment that the storage belongs to.
    pub environment: String,
    /// What it is: `s3`, `efs`, `ebs`, `rds`, `aurora` or `dynamodb`.
    pub kind: String,
    /// Bucket name; for storage of another kind its id.
    pub bucket: String,
    /// What all counted keys begin with; empty for all.
    pub prefix: String,
    /// What all counted keys end with; empty for all.
    pub suffix: String,
    /// The size, in bytes: what it adds up is in `definition`.
    pub total_bytes: u64,
    /// Number of objects, or of items, in `total_bytes`; null where nobody counted them.
    pub object_count: Option<u64>,
    /// Classes of the current objects, those without objects left out; null when they were not listed.
    pub by_storage_class: Option<BTreeMap<String, ClassView>>,
    /// What `total_bytes` adds up: `current_objects` or `whole_bucket`; of other storage `used`, or `provisioned` where
    /// nobody knows what is used.
    pub definition: String,
    /// Where `total_bytes` comes from: `listing`, `cloudwatch`, or `service` where the service was asked itself.
    pub method: String,
    /// Current objects: what a listing sees; null when they were not listed.
    pub current: Option<ObjectsView>,
    /// Versions that are no longer current; null when they were not listed.
    pub noncurrent: Option<ObjectsView>,
    /// Delete markers; null when they were not listed.
    pub delete_markers: Option<DeleteMarkersView>,
    /// Incomplete multipart uploads; null when they were not listed.
    pub multipart: Option<UploadsView>,
    /// What CloudWatch says of the whole bucket; null when it was not asked or knows nothing.
    pub cloudwatch: Option<CloudWatchView>,
    /// What is known of storage that is no bucket; null for buckets.
    pub resource: Option<ResourceView>,
    /// Parts that were to be measured and could not be; they are null above and in no sum. Of `cloudwatch` an earlier
    /// day's figure may stand above: its `as_of` says which.
    pub unmeasured: Vec<UnmeasuredView>,
    /// The parts against the figure of CloudWatch.
    pub reconciliation: Reconciliation,
    /// What it costs, estimated with the fleet file's prices.
    pub cost: CostView,
    /// `complete`, or `partial` when `unmeasured` names a part.
    pub completeness: String,
    /// When the run that measured `total_bytes` was scheduled, RFC 3339 UTC.
    pub scheduled_at: DateTime<Utc>,
    /// When measuring began, RFC 3339 UTC: of a size by `listing`, when that listing began.
    pub taken_at: DateTime<Utc>,
    /// When measuring ended, RFC 3339 UTC.
    pub finished_at: DateTime<Utc>,
    /// Seconds since `taken_at`.
    pub age_seconds: u64,
    /// Whether a whole interval, or a day where intervals are longer, went by without the new measurement that was due.
    pub stale: bool,
    /// When it is measured again; null for snapshots from before that was kept.
    pub refresh: Option<RefreshView>,
    /// The newest failed run since this snapshot; null when the newest run was good.
    pub last_failure: Option<FailureView>,
}

/// When a target is measured in full again, and why then.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RefreshView {
    /// Seconds between two full measurements. CloudWatch's figure may change in between: see its `as_of`.
    pub interval_seconds: u64,
    /// Why it is that long: `every_tick` of the schedule; `budget`, as often as its share of the fleet's LIST requests
    /// allows; `service_updates`, as often as its service has a new number.
    pub reason: String,
    /// When the next full measurement is due, RFC 3339 UTC.
    pub next_full_at: DateTime<Utc>,
    /// Whether no interval is longer: such a target takes more than its share, and the budget may be exceeded.
    pub is_maximum: bool,
}

/// Objects of one storage class.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ClassView {
    /// Sum of their sizes, in bytes.
    pub total_bytes: u64,
    /// Their number.
    pub object_count: u64,
}

/// Objects or versions.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ObjectsView {
    /// Sum of their sizes, in bytes.
    pub total_bytes: u64,
    /// Their number.
    pub object_count: u64,
    /// The same two by S3 storage class; classes without any are left out.
    pub by_storage_class: BTreeMap<String, ClassView>,
}

/// Delete markers: keys without bytes.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct DeleteMarkersView {
    /// Their number.
    pub object_count: u64,
}

/// Incomplete multipart uploads.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct UploadsView {
    /// Sum of their parts' sizes, in bytes.
    pub total_bytes: u64,
    /// Number of uploads, those without a part included.
    pub upload_count: u64,
    /// Number of parts.
    pub part_count: u64,
    /// Bytes by the storage class that the upload was begun with.
    pub by_storage_class: BTreeMap<String, u64>,
    /// When the oldest was begun, RFC 3339 UTC; null without uploads.
    pub oldest_initiated_at: Option<DateTime<Utc>>,
}

/// A bucket by CloudWatch's daily storage metrics, which come a day or two late.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct CloudWatchView {
    /// Day that all of it is of, `YYYY-MM-DD` in UTC.
    pub as_of: String,
    /// Bytes of all storage types: all versions, parts of uploads and overhead.
    pub total_bytes: u64,
    /// The part of `total_bytes` that is in no object: metadata, and rounding up to least billed sizes.
    pub overhead_bytes: u64,
    /// Bytes by `StorageType`; types without a value on that day are left out.
    pub by_storage_type: BTreeMap<String, u64>,
    /// Objects with all versions, delete markers and parts; null when it has no value on that day.
    pub object_count: Option<u64>,
    /// When these values were read first, RFC 3339 UTC.
    pub taken_at: DateTime<Utc>,
    /// Seconds since `taken_at`.
    pub age_seconds: u64,
}

/// Storage that is no bucket, as its service or CloudWatch shows it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ResourceView {
    /// Bytes in use; null where the service does not say, as of volumes. Of an RDS instance they are as right as
    /// `allocated_gib` of the fleet file.
    pub used_bytes: Option<u64>,
    /// Bytes that are allocated and billed whether used or not; null where there is no such number.
    pub provisioned_bytes: Option<u64>,
    /// Who says so: `service`, or `fleet_file` of an RDS instance, where nobody measures it: once its storage has grown,
    /// `used_bytes` is too small until the fleet file follows. Null without `provisioned_bytes`.
    pub provisioned_source: Option<String>,
    /// Number of items of a table; null where nobody counts.
    pub item_count: Option<u64>,
    /// Bytes by the service's own storage class, table class or volume type; empty where it tells none.
    pub by_storage_class: BTreeMap<String, u64>,
    /// The time that the numbers are of, RFC 3339 UTC; null where the service does not say.
    pub as_of: Option<DateTime<Utc>>,
}

/// A part that could not be measured.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct UnmeasuredView {
    /// `noncurrent`, `delete_markers`, `multipart` or `cloudwatch`.
    pub part: String,
    /// Stable word for the kind of failure, such as `access_denied`.
    pub code: String,
    /// What was attempted and what is in the way.
    pub reason: String,
}

/// A storage target without any snapshot.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PendingBucket {
    /// Environment that the storage belongs to.
    pub environment: String,
    /// What it is: `s3`, `efs`, `ebs`, `rds`, `aurora` or `dynamodb`.
    pub kind: String,
    /// Bucket name; for storage of another kind its id.
    pub bucket: String,
    /// What all counted keys begin with; empty for all.
    pub prefix: String,
    /// What all counted keys end with; empty for all.
    pub suffix: String,
    /// The newest failed run; null when none has ended yet.
    pub last_failure: Option<FailureView>,
}

impl BucketItem {
    /// Returns the view of a target's last good run at `now`, with costs by `prices`.
    pub fn of(
        target: &BucketTarget,
        good: &Good<BucketSize>,
        failure: Option<&Failure>,
        (now, prices): (DateTime<Utc>, &Prices),
    ) -> Self {
        let size = &good.summary;
        let (total_bytes, definition) = size.total();
        let current = size.current.as_ref().map(ObjectsView::of);
        let duration = TimeDelta::from_std(good.run.duration).unwrap_or_default();
        let finished_at = match size.listing {
            Some(listing) => listing.finished_at,
            None => good.run.taken_at + duration,
        };
        let is_missed = |refresh: Refresh| refresh.is_missed(now);
        Self {
            environment: target.environment.clone(),
            kind: target.kind.as_str().to_owned(),
            bucket: target.bucket.clone(),
            prefix: target.prefix.clone(),
            suffix: target.suffix.clone(),
            total_bytes,
            object_count: size.object_count(),
            by_storage_class: current
                .as_ref()
                .map(|current| current.by_storage_class.clone()),
            definition: definition.as_str().to_owned(),
            method: size.method.as_str().to_owned(),
            current,
            noncurrent: size.noncurrent.as_ref().map(ObjectsView::of),
            delete_markers: size
                .delete_markers
                .map(|object_count| DeleteMarkersView { object_count }),
            multipart: size.multipart.as_ref().map(UploadsView::of),
            cloudwatch: size
                .cloudwatch
                .as_ref()
                .map(|metrics| CloudWatchView::of(metrics, now)),
            resource: size
                .resource
                .as_ref()
                .map(|resource| ResourceView::of(target.kind, resource)),
            unmeasured: size.unmeasured.iter().map(UnmeasuredView::of).collect(),
            reconciliation: Reconciliation::of(target, size),
            cost: CostView::of(target, size, prices),
            completeness: good.completeness.as_str().to_owned(),
            scheduled_at: size.measured_at(&good.run),
            taken_at: good.run.taken_at,
            finished_at,
            age_seconds: good.run.age_seconds(now),
            stale: size
                .refresh
                .map_or_else(|| good.run.is_stale(now), is_missed),
            refresh: size.refresh.map(RefreshView::of),
            last_failure: failure.map(FailureView::of),
        }
    }
}

impl PendingBucket {
    pub(super) fn of(target: &BucketTarget, failure: Option<&Failure>) -> Self {
        Self {
            environment: target.environment.clone(),
            kind: target.kind.as_str().to_owned(),
            bucket: target.bucket.clone(),
            prefix: target.prefix.clone(),
            suffix: target.suffix.clone(),
            last_failure: failure.map(FailureView::of),
        }
    }
}

impl ObjectsView {
    fn of(objects: &Objects) -> Self {
        let classes = objects.by_storage_class.iter();
        Self {
            total_bytes: objects.total_bytes,
            object_count: objects.object_count,
            by_storage_class: classes
                .map(|(name, class)| {
                    let view = ClassView {
                        total_bytes: class.total_bytes,
                        object_count: class.object_count,
                    };
                    (name.clone(), view)
                })
                .collect(),
        }
    }
}

impl RefreshView {
    fn of(refresh: Refresh) -> Self {
        Self {
            interval_seconds: refresh.interval_seconds,
            reason: refresh.reason.as_str().to_owned(),
            next_full_at: refresh.next_full_at,
            is_maximum: refresh.is_maximum(),
        }
    }
}

impl UploadsView {
    fn of(uploads: &Uploads) -> Self {
        Self {
            total_bytes: uploads.total_bytes,
            upload_count: uploads.upload_count,
            part_count: uploads.part_count,
            by_storage_class: uploads.by_storage_class.clone(),
            oldest_initiated_at: uploads.oldest_initiated_at,
        }
    }
}

impl CloudWatchView {
    fn of(metrics: &StorageMetrics, now: DateTime<Utc>) -> Self {
        Self {
            as_of: metrics.as_of.format("%Y-%m-%d").to_string(),
            total_bytes: metrics.total_bytes,
            overhead_bytes: metrics.overhead_bytes,
            by_storage_type: metrics.by_storage_type.clone(),
            object_count: metrics.object_count,
            taken_at: metrics.asked_at,
            age_seconds: clock::seconds_between(metrics.asked_at, now),
        }
    }
}

impl ResourceView {
    fn of(kind: StorageKind, resource: &ResourceSize) -> Self {
        let source = match kind {
            StorageKind::Rds => "fleet_file",
            _ => "service",
        };
        Self {
            used_bytes: resource.used_bytes,
            provisioned_bytes: resource.provisioned_bytes,
            provisioned_source: resource.provisioned_bytes.map(|_| source.to_owned()),
            item_count: resource.item_count,
            by_storage_class: resource.by_storage_class.clone(),
            as_of: resource.as_of,
        }
    }
}

impl UnmeasuredView {
    fn of(unmeasured: &Unmeasured) -> Self {
        Self {
            part: unmeasured.part.as_str().to_owned(),
            code: unmeasured.code.clone(),
            reason: unmeasured.reason.clone(),
        }
    }
}
