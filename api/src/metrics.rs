//! `GET /metrics`: the latest snapshots as gauges for Prometheus.
//!
//! Without sample timestamps: Prometheus drops samples that are older than its newest block, and hides those that are
//! older than five minutes. Every number has the time of its measurement in a gauge beside it.

mod catalogue;
mod exposition;
mod own;
mod tables;
mod targets;

use async_trait::async_trait;
use shared::snapshot::{BucketSize, DatabaseSize, StorageMetrics};

use crate::history::HistoryPorts;
use crate::http::answer::Answer;
use crate::http::endpoint::{Call, Endpoint, Handler, Route};
use crate::http::media_type::MediaType;
use crate::http::parameter::Parameter;
use crate::http::problem::{Code, Problem};
use crate::targets::{environment, freshness, latest_of, records_of};

use catalogue::LISTING_BUDGET;
pub use catalogue::{METRICS, Metric};
use exposition::{Exposition, Labels};
use own::OwnUse;

/// Facts of this endpoint.
pub const ROUTE: Route = Route {
    path: "/metrics",
    function: "api-bucket-size",
    scope: Some("mrt/metrics.read"),
    summary: "The latest sizes as metrics for Prometheus",
    description: "The latest snapshot of each target as gauges, in OpenMetrics 1.0 or, if asked for, Prometheus' own \
                  text format. Parts of a size are in another metric than the size, so the sum over \
                  `mrt_bucket_size_bytes` is that of `total_bytes` in `/bucket_size`. Tables are shown for one \
                  environment, above a size. What is unknown is absent, never zero.",
    media_types: &[MediaType::OpenMetrics, MediaType::PlainText],
    parameters: &[
        Parameter::text("environment", "Only this environment."),
        Parameter::optional_number(
            MIN_BYTES,
            "Also the tables of this environment that have at least so many bytes, or have at least half of them and \
             had all within the last week. Needs `environment`.",
            1 << 53,
        ),
    ],
    problems: &[Code::NotFound, Code::TooLarge],
    schema: |generator| generator.subschema_for::<String>(),
};

const MIN_BYTES: &str = "min_bytes";

struct GetMetrics {
    ports: HistoryPorts,
}

/// Returns the endpoint over its ports.
pub fn endpoint(ports: HistoryPorts) -> Endpoint {
    Endpoint::new(&ROUTE, GetMetrics { ports })
}

#[async_trait]
impl Handler for GetMetrics {
    /// Costs one query for each megabyte of latest items of each kind, whatever the number of targets. With tables, also
    /// one read of a snapshot, and a week of history if a table is a little smaller than the least size.
    async fn answer(&self, call: Call<'_>) -> Result<Answer, Problem> {
        let HistoryPorts {
            fleet, snapshots, ..
        } = &self.ports;
        let fleet = fleet.current().await?;
        let wanted = call.parameters.text("environment");
        let min_bytes = call.parameters.optional_number(MIN_BYTES);
        if min_bytes.is_some() && wanted.is_none() {
            return Err(Problem::bad_parameter(
                MIN_BYTES,
                "tables are shown for one environment: add \"environment\"",
            ));
        }
        if wanted.is_some() {
            environment(&fleet, &call)?;
        }
        let is_selected =
            |name: &str| call.caller.may_read(name) && wanted.is_none_or(|wanted| wanted == name);
        let buckets = fleet.measured_buckets().into_iter();
        let buckets: Vec<_> = buckets
            .filter(|target| is_selected(&target.environment))
            .map(|target| (target.id(), target))
            .collect();
        let with_metrics: Vec<_> = buckets
            .iter()
            .filter(|(_, target)| target.wants_storage_metrics())
            .cloned()
            .collect();
        let databases = fleet.measured_databases().into_iter();
        let databases: Vec<_> = databases
            .filter(|target| is_selected(&target.environment))
            .map(|target| (target.id(), target))
            .collect();
        let (sizes, metrics, tables) = tokio::try_join!(
            latest_of::<BucketSize, _>(snapshots, &buckets, call.now),
            records_of::<StorageMetrics, _>(snapshots, &with_metrics),
            latest_of::<DatabaseSize, _>(snapshots, &databases, call.now),
        )?;

        let mut exposition = Exposition::default();
        if fleet.environments().all(|each| is_selected(&each.name)) {
            let budget = fleet.refresh().list_requests_per_day;
            exposition.add(&LISTING_BUDGET, &Labels::default(), Some(budget));
        }
        let (mut runs, mut own) = (Vec::new(), OwnUse::default());
        for ((id, target), mut latest) in buckets.into_iter().zip(sizes) {
            if let (Some(latest), Some(metrics)) = (&mut latest, metrics.get(&id)) {
                targets::join(latest, metrics);
            }
            if let Some(good) = latest.as_ref().and_then(|latest| latest.good.as_ref()) {
                own.add_storage(good);
            }
            runs.extend(targets::add_storage(
                &mut exposition,
                target,
                latest.as_ref(),
                call.now,
            ));
        }
        for ((id, target), mut latest) in databases.into_iter().zip(tables) {
            if let Some(min_bytes) = min_bytes {
                tables::add(
                    &mut exposition,
                    &self.ports,
                    (&id, target),
                    &mut latest,
                    (min_bytes, call.now),
                )
                .await?;
            }
            let run = targets::add_database(&mut exposition, target, latest.as_ref(), call.now);
            if let Some(run) = run {
                own.add_database(run);
            }
            runs.extend(run);
        }
        own.write(&mut exposition);
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
