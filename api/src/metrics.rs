//! `GET /metrics`: the latest snapshots as gauges for Prometheus.
//!
//! Without sample timestamps: Prometheus drops samples that are older than its newest block, and hides those that are
//! older than five minutes. Every number has the time of its measurement in a gauge beside it.

mod catalogue;
mod exposition;
mod targets;

use std::sync::Arc;

use async_trait::async_trait;
use shared::fleet::FleetSource;
use shared::snapshot::{BucketSize, DatabaseSize, StorageMetrics};
use shared::store::SnapshotReader;

use crate::http::answer::Answer;
use crate::http::endpoint::{Call, Endpoint, Handler, Route};
use crate::http::media_type::MediaType;
use crate::http::parameter::Parameter;
use crate::http::problem::{Code, Problem};
use crate::targets::{environment, freshness, latest_of, records_of};

use catalogue::LISTING_BUDGET;
pub use catalogue::{METRICS, Metric};
use exposition::Exposition;

/// Facts of this endpoint.
pub const ROUTE: Route = Route {
    path: "/metrics",
    function: "api-bucket-size",
    scope: Some("mrt/metrics.read"),
    summary: "The latest sizes as metrics for Prometheus",
    description: "The latest snapshot of each target as gauges, in OpenMetrics 1.0 or, if asked for, Prometheus' own \
                  text format. Parts of a size are in another metric than the size, so the sum over \
                  `mrt_bucket_size_bytes` is that of `total_bytes` in `/bucket_size`. What is unknown is absent, \
                  never zero.",
    media_types: &[MediaType::OpenMetrics, MediaType::PlainText],
    parameters: &[Parameter::text("environment", "Only this environment.")],
    problems: &[Code::NotFound],
    schema: |generator| generator.subschema_for::<String>(),
};

struct GetMetrics {
    fleet: Arc<FleetSource>,
    snapshots: SnapshotReader,
}

/// Returns the endpoint over its two ports.
pub fn endpoint(fleet: Arc<FleetSource>, snapshots: SnapshotReader) -> Endpoint {
    Endpoint::new(&ROUTE, GetMetrics { fleet, snapshots })
}

#[async_trait]
impl Handler for GetMetrics {
    /// Costs one query for each megabyte of latest items of each kind, whatever the number of targets.
    async fn answer(&self, call: Call<'_>) -> Result<Answer, Problem> {
        let fleet = self.fleet.current().await?;
        let wanted = call.parameters.text("environment");
        if wanted.is_some() {
            environment(&fleet, &call)?;
        }
        let is_selected =
            |name: &str| call.caller.may_read(name) && wanted.is_none_or(|wanted| wanted == name);
        let buckets = fleet.buckets().into_iter();
        let buckets: Vec<_> = buckets
            .filter(|target| is_selected(&target.environment))
            .map(|target| (target.id(), target))
            .collect();
        let with_metrics: Vec<_> = buckets
            .iter()
            .filter(|(_, target)| target.wants_storage_metrics())
            .cloned()
            .collect();
        let databases = fleet.databases().into_iter();
        let databases: Vec<_> = databases
            .filter(|target| is_selected(&target.environment))
            .map(|target| (target.id(), target))
            .collect();
        let (sizes, metrics, tables) = tokio::try_join!(
            latest_of::<BucketSize, _>(&self.snapshots, &buckets, call.now),
            records_of::<StorageMetrics, _>(&self.snapshots, &with_metrics),
            latest_of::<DatabaseSize, _>(&self.snapshots, &databases, call.now),
        )?;

        let mut exposition = Exposition::default();
        if fleet.environments().all(|each| is_selected(&each.name)) {
            let budget = fleet.refresh().list_requests_per_day;
            exposition.add(&LISTING_BUDGET, &Arc::default(), Some(budget));
        }
        let mut runs = Vec::new();
        for ((id, target), mut latest) in buckets.into_iter().zip(sizes) {
            if let (Some(latest), Some(metrics)) = (&mut latest, metrics.get(&id)) {
                targets::join(latest, metrics);
            }
            runs.extend(targets::add_storage(
                &mut exposition,
                target,
                latest.as_ref(),
                call.now,
            ));
        }
        for ((_, target), latest) in databases.into_iter().zip(tables) {
            runs.extend(targets::add_database(
                &mut exposition,
                target,
                latest.as_ref(),
                call.now,
            ));
        }
        let body = exposition
            .encode(call.media_type)
            .map_err(Problem::internal)?;
        let freshness = freshness(runs.into_iter());
        Ok(Answer::of_body(
            call.media_type,
            body.into_bytes(),
            freshness,
        ))
    }
}
