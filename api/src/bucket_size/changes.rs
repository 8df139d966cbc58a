//! `GET /bucket_size/changes`: what explains the change of each storage target's size.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt, stream};
use schemars::JsonSchema;
use serde::Serialize;
use shared::fleet::{BucketTarget, FleetSource, Kind, StorageKind, TargetId};
use shared::history::HistoryReader;
use shared::history::changes::Changes;
use shared::snapshot::BucketSize;
use shared::store::SnapshotReader;

use super::selected;
use crate::history::csv::{CHANGES, lines, put_changes};
use crate::history::{self, ChangesReason, Ends, Explained, Page, Range};
use crate::http::answer::Answer;
use crate::http::csv::{Cell, Csv};
use crate::http::cursor;
use crate::http::endpoint::{Call, Endpoint, Handler, Route};
use crate::http::media_type::MediaType;
use crate::http::parameter::Parameter;
use crate::http::problem::{Code, Problem};
use crate::targets;

/// Targets that are read concurrently.
const READS_AT_ONCE: usize = 4;
/// Most parts of one target: far more than there are storage classes.
const MOST_PARTS: usize = 1000;

/// Facts of this endpoint.
pub const ROUTE: Route = Route {
    path: "/bucket_size/changes",
    function: "api-bucket-size",
    scope: Some("mrt/bucket_size.read"),
    summary: "What explains the change of each environment's file storage",
    description: "The first and the last measurement of a range, compared by measured part and storage class. The \
                  changes of all `parts` and `other_bytes` add up to `change_bytes`. Where only CloudWatch measures a \
                  bucket, its storage types are the parts. Ordered as `/bucket_size`.",
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
        history::FROM,
        history::TO,
        Parameter::number("limit", "Maximum number of targets on one page.", 100, 20),
        Parameter::text("cursor", "The `next` of the previous page."),
    ],
    problems: &[Code::NotFound],
    schema: |generator| generator.subschema_for::<BucketChangesPage>(),
};

/// Columns that identify a target in CSV.
const IDENTITY: [&str; 5] = ["environment", "kind", "bucket", "prefix", "suffix"];

/// Changes of storage targets, one page.
#[derive(Debug, Serialize, JsonSchema)]
pub struct BucketChangesPage {
    /// Start of the range, inclusive, RFC 3339 UTC.
    pub from: DateTime<Utc>,
    /// End of the range, exclusive, RFC 3339 UTC.
    pub to: DateTime<Utc>,
    /// When the history of the first of these targets begins; null without any.
    pub available_from: Option<DateTime<Utc>>,
    /// Targets by environment, kind, bucket, prefix and suffix.
    pub items: Vec<BucketChanges>,
    /// Cursor of the next page; null on the last one.
    pub next: Option<String>,
}

/// What explains the change of one storage target.
#[derive(Debug, Serialize, JsonSchema)]
pub struct BucketChanges {
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
    /// The changes.
    #[serde(flatten)]
    pub explained: Explained,
}

struct GetBucketChanges {
    fleet: Arc<FleetSource>,
    snapshots: SnapshotReader,
    history: HistoryReader,
}

/// Returns the endpoint over its ports.
pub fn endpoint(
    fleet: Arc<FleetSource>,
    snapshots: SnapshotReader,
    history: HistoryReader,
) -> Endpoint {
    let handler = GetBucketChanges {
        fleet,
        snapshots,
        history,
    };
    Endpoint::new(&ROUTE, handler)
}

#[async_trait]
impl Handler for GetBucketChanges {
    async fn answer(&self, call: Call<'_>) -> Result<Answer, Problem> {
        let range = Range::of(&call)?;
        let fleet = self.fleet.current().await?;
        let targets = targets::page(&call, selected(&fleet, &call)?)?;
        let freshness = targets::freshness_of::<BucketSize, _>(&self.snapshots, &targets.targets);
        let freshness = freshness.await?;
        let reads = targets
            .targets
            .iter()
            .map(|(id, target)| self.explained(id, target, &range));
        let mut reads = stream::iter(reads.collect::<Vec<_>>()).buffered(READS_AT_ONCE);
        let mut page = Page::default();
        for (_, target) in &targets.targets {
            let Some((explained, first)) = reads.try_next().await? else {
                break;
            };
            if !page.add(BucketChanges::of(target, explained), first)? {
                break;
            }
        }
        let last = page
            .last_of(&targets)
            .map(|(id, _)| cursor::encode(id.as_str()));
        let view = BucketChangesPage {
            from: range.from,
            to: range.to,
            available_from: page.available_from,
            items: page.items,
            next: last,
        };
        let header: Vec<_> = IDENTITY.into_iter().chain(CHANGES).collect();
        let csv = (call.media_type == MediaType::Csv)
            .then(|| lines(&header, &view.items, |csv, item| item.put_csv(csv)))
            .transpose()?;
        let csv = csv.map(|lines| lines.body);
        history::answer(&call, &view, csv, view.next.as_deref(), freshness)
    }
}

impl GetBucketChanges {
    /// Returns what explains the change of a target, and when its history begins.
    async fn explained(
        &self,
        id: &TargetId,
        target: &BucketTarget,
        range: &Range,
    ) -> Result<(Explained, Option<DateTime<Utc>>), Problem> {
        let own = self.of_kind(Kind::Bucket, id, range).await?;
        let is_unknown = |reason: &ChangesReason| *reason != ChangesReason::OutOfRange;
        if own.0.reason.as_ref().is_some_and(is_unknown) && target.wants_storage_metrics() {
            let metrics = self.of_kind(Kind::StorageMetrics, id, range).await?;
            if metrics.0.reason.is_none() {
                return Ok(metrics);
            }
        }
        Ok(own)
    }

    async fn of_kind(
        &self,
        kind: Kind,
        id: &TargetId,
        range: &Range,
    ) -> Result<(Explained, Option<DateTime<Utc>>), Problem> {
        let ends: Ends = history::ends(&self.history, kind, id, range, false).await?;
        let available_from = ends.available_from;
        let compare = |from: &_, to: &_| Changes::of_storage(from, to, MOST_PARTS);
        Ok((Explained::of(ends, compare), available_from))
    }
}

impl BucketChanges {
    fn put_csv(&self, csv: &mut Csv) {
        let identity: [Cell<'_>; 5] = [
            (&self.environment).into(),
            (&self.kind).into(),
            (&self.bucket).into(),
            (&self.prefix).into(),
            (&self.suffix).into(),
        ];
        put_changes(csv, &identity, &self.explained);
    }

    fn of(target: &BucketTarget, explained: Explained) -> Self {
        Self {
            environment: target.environment.clone(),
            kind: target.kind.as_str().to_owned(),
            bucket: target.bucket.clone(),
            prefix: target.prefix.clone(),
            suffix: target.suffix.clone(),
            explained,
        }
    }
}
