//! `GET /bucket_size/changes`: what explains the change of each storage target's size.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt, stream};
use shared::fleet::{BucketTarget, Kind, StorageKind, TargetId};
use shared::history::changes::Changes;
use shared::snapshot::BucketSize;

use super::identity::BucketIdentity;
use super::selected;
use crate::history::{
    self, ChangesPage, ChangesReason, Ends, Explained, HistoryPorts, Page, Range, TargetChanges,
};
use crate::http::answer::Answer;
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
        Parameter::cursor(),
    ],
    problems: &[Code::NotFound],
    schema: |generator| generator.subschema_for::<ChangesPage<BucketIdentity>>(),
};

struct GetBucketChanges(HistoryPorts);

/// Returns the endpoint over its ports.
pub fn endpoint(ports: HistoryPorts) -> Endpoint {
    Endpoint::new(&ROUTE, GetBucketChanges(ports))
}

#[async_trait]
impl Handler for GetBucketChanges {
    async fn answer(&self, call: Call<'_>) -> Result<Answer, Problem> {
        let range = Range::of(&call)?;
        let fleet = self.0.fleet.current().await?;
        let targets = targets::page(&call, selected(&fleet, &call)?)?;
        let freshness = targets::freshness_of::<BucketSize, _>(&self.0.snapshots, &targets.targets);
        let freshness = freshness.await?;
        let reads = targets
            .targets
            .iter()
            .map(|(id, target)| self.explained(id, target, &range));
        let mut reads = stream::iter(reads.collect::<Vec<_>>()).buffered(READS_AT_ONCE);
        let mut page: Page<TargetChanges<BucketIdentity>> = Page::default();
        for (_, target) in &targets.targets {
            let Some((explained, first)) = reads.try_next().await? else {
                break;
            };
            if !page.add(TargetChanges::of(*target, explained), first)? {
                break;
            }
        }
        history::changes(&call, &targets, &range, page, freshness)
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
        let ends: Ends = history::ends(&self.0.history, kind, id, range, false).await?;
        let available_from = ends.available_from;
        let compare = |from: &_, to: &_| Changes::of_storage(from, to, MOST_PARTS);
        Ok((Explained::of(ends, compare), available_from))
    }
}
