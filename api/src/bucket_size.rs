//! `GET /bucket_size`: the latest size of each bucket target.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;
use shared::fleet::{BucketTarget, FleetSource};
use shared::snapshot::{BucketSize, Failure, Good};
use shared::store::SnapshotReader;

use crate::endpoint::{Call, Endpoint, Handler, Parameter, Route};
use crate::error::{Code, Problem};
use crate::response::Answer;
use crate::selection::{self, FailureView};

/// Facts of this endpoint.
pub const ROUTE: Route = Route {
    path: "/bucket_size",
    function: "api-bucket-size",
    scope: Some("mrt/bucket_size.read"),
    summary: "Size of each environment's file storage",
    description: "The latest snapshot of each bucket, or part of a bucket, that the fleet file names: bytes and \
                  objects that a listing sees, in total and by storage class. Noncurrent versions, delete markers \
                  and incomplete uploads are not included. Ordered by environment, bucket, prefix and suffix.",
    parameters: &[
        Parameter::text("environment", "Only this environment."),
        Parameter::text("bucket", "Only targets in this bucket."),
        Parameter::text("prefix", "Only targets with exactly this prefix."),
        Parameter::number("limit", "Most items of one page.", 1000, 100),
        Parameter::text("cursor", "The `next` of the page before."),
    ],
    problems: &[Code::NotFound, Code::SnapshotPending],
    schema: |generator| generator.subschema_for::<BucketSizes>(),
};

/// Sizes of bucket targets, one page.
#[derive(Debug, Serialize, JsonSchema)]
pub struct BucketSizes {
    /// Targets with a snapshot, by environment, bucket, prefix and suffix.
    pub items: Vec<BucketItem>,
    /// Targets of this page that have no snapshot; they are in no sum.
    pub pending: Vec<PendingBucket>,
    /// Cursor of the next page; null on the last one.
    pub next: Option<String>,
}

/// Size of one bucket target.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct BucketItem {
    /// Environment that the files belong to.
    pub environment: String,
    /// Bucket name.
    pub bucket: String,
    /// What all counted keys begin with; empty for all.
    pub prefix: String,
    /// What all counted keys end with; empty for all.
    pub suffix: String,
    /// Sum of the sizes of all current objects, in bytes.
    pub total_bytes: u64,
    /// Number of current objects.
    pub object_count: u64,
    /// The same two by S3 storage class; classes without objects are left out.
    pub by_storage_class: BTreeMap<String, ClassView>,
    /// How it was measured: `listing`.
    pub method: String,
    /// `complete`: every object was counted.
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
}

/// Objects of one storage class.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ClassView {
    /// Sum of their sizes, in bytes.
    pub total_bytes: u64,
    /// Their number.
    pub object_count: u64,
}

/// A bucket target without any snapshot.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PendingBucket {
    /// Environment that the files belong to.
    pub environment: String,
    /// Bucket name.
    pub bucket: String,
    /// What all counted keys begin with; empty for all.
    pub prefix: String,
    /// What all counted keys end with; empty for all.
    pub suffix: String,
    /// The newest failed run; null when none has ended yet.
    pub last_failure: Option<FailureView>,
}

impl BucketItem {
    /// Returns the view of a target's last good run at `now`.
    pub fn of(
        target: &BucketTarget,
        good: &Good<BucketSize>,
        failure: Option<&Failure>,
        now: DateTime<Utc>,
    ) -> Self {
        let size = &good.summary;
        let classes = size.by_storage_class.iter();
        Self {
            environment: target.environment.clone(),
            bucket: target.bucket.clone(),
            prefix: target.prefix.clone(),
            suffix: target.suffix.clone(),
            total_bytes: size.total_bytes,
            object_count: size.object_count,
            by_storage_class: classes
                .map(|(name, class)| {
                    let view = ClassView {
                        total_bytes: class.total_bytes,
                        object_count: class.object_count,
                    };
                    (name.clone(), view)
                })
                .collect(),
            method: size.method.as_str().to_owned(),
            completeness: good.completeness.as_str().to_owned(),
            scheduled_at: good.run.scheduled_at,
            taken_at: good.run.taken_at,
            age_seconds: good.run.age_seconds(now),
            stale: good.run.is_stale(now),
            last_failure: failure.map(FailureView::of),
        }
    }
}

impl PendingBucket {
    fn of(target: &BucketTarget, failure: Option<&Failure>) -> Self {
        Self {
            environment: target.environment.clone(),
            bucket: target.bucket.clone(),
            prefix: target.prefix.clone(),
            suffix: target.suffix.clone(),
            last_failure: failure.map(FailureView::of),
        }
    }
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
        let parameter = |name| call.parameters.text(name);
        let targets: Vec<_> = fleet
            .buckets()
            .into_iter()
            .filter(|target| call.caller.may_read(&target.environment))
            .filter(|target| parameter("environment").is_none_or(|name| name == target.environment))
            .filter(|target| parameter("bucket").is_none_or(|name| name == target.bucket))
            .filter(|target| parameter("prefix").is_none_or(|prefix| prefix == target.prefix))
            .map(|target| (target.id(), target))
            .collect();
        let is_filtered = ["environment", "bucket", "prefix"]
            .into_iter()
            .any(|name| parameter(name).is_some());
        if targets.is_empty() && is_filtered {
            return Err(Problem::not_found("such bucket target in the fleet"));
        }
        let page = selection::page(&call, targets)?;
        let latest = selection::latest_of::<BucketSize, _>(&self.snapshots, &page.targets).await?;

        let mut view = BucketSizes {
            items: Vec::new(),
            pending: Vec::new(),
            next: None,
        };
        let mut identity = Vec::new();
        let mut runs = Vec::new();
        for ((id, target), latest) in page.targets.iter().zip(&latest) {
            let failure = latest
                .as_ref()
                .and_then(|latest| latest.last_failure.as_ref());
            let version = latest.as_ref().map_or(0, |latest| latest.version);
            match latest.as_ref().and_then(|latest| latest.good.as_ref()) {
                Some(good) => {
                    runs.push(good);
                    view.items
                        .push(BucketItem::of(target, good, failure, call.now));
                }
                None => view.pending.push(PendingBucket::of(target, failure)),
            }
            let is_stale = view.items.last().is_some_and(|item| item.stale);
            identity.push((id.as_str().to_owned(), version, is_stale));
        }
        let is_whole = selection::is_first_page(&call) && !page.has_more;
        if is_whole && view.items.is_empty() && !view.pending.is_empty() {
            return Err(selection::all_pending(&view.pending));
        }
        view.next = page
            .targets
            .last()
            .filter(|_| page.has_more)
            .map(|(id, _)| selection::encode_cursor(id));
        let next_query = view
            .next
            .as_ref()
            .map(|cursor| selection::next_query(&call, cursor));
        let identity = (ROUTE.path, call.parameters.canonical(), identity);
        let freshness = selection::freshness(runs.into_iter());
        Ok(Answer::json(&view, &identity, freshness)?.with_next(next_query))
    }
}
