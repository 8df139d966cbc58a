//! The functions of this crate on AWS Lambda: configuration, clients, loop. The only use of `lambda_runtime`.

use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::event::sqs::SqsEvent;
use futures::FutureExt;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::Value;
use shared::aws::Aws;
use shared::clock::{Clock, SystemClock};
use shared::config::{ConfigError, ProcessVariables, Reader, Variables};
use shared::database::Databases;
use shared::deployment_key::DeploymentKey;
use shared::fleet::FleetSource;
use shared::secrets::Secrets;
use shared::store::{DynamoDbStore, SnapshotReader, dynamodb};
use shared::telemetry::{self, Format, Metrics, error_chain};
use shared::warm_up::warm_up;

use crate::alerts::Notifier;
use crate::collect::{BatchHandler, Collector, CollectorPorts, DatabaseCollector};
use crate::config::{CollectorConfig, DiscoverConfig, PlanConfig};
use crate::discover;
use crate::invocation::CollectError;
use crate::plan::{self, PlanPorts};
use crate::probe::{self, Probe, ProbePorts, Prober};
use crate::queue::{JobQueue, SqsQueue};
use crate::storage_size::BucketSource;
use crate::table_size::TableSource;
use crate::writers::Writers;

pub use lambda_runtime::Error;

/// Time of an invocation that is reserved for returning the response.
const RESPONSE_RESERVE: Duration = Duration::from_secs(1);

impl From<CollectError> for Diagnostic {
    /// The type is a fixed word for alarms and filters; the cause is only logged.
    fn from(error: CollectError) -> Self {
        Self {
            error_type: error.error_type().to_owned(),
            error_message: error.to_string(),
        }
    }
}

fn log_failure(error: &CollectError) {
    tracing::error!(
        failure.code = error.error_type(),
        error = error_chain(error),
        "invocation failed"
    );
}

/// Serves the function `plan`: ticks of the schedule in, jobs out. Also makes history anew for a person who asks.
///
/// # Errors
///
/// Only if it cannot start, or if the runtime's own interface fails.
pub async fn serve_plan() -> Result<(), Error> {
    let config = start(PlanConfig::read)?;
    let aws = Arc::new(Aws::in_lambda(&ProcessVariables));
    let queue = SqsQueue::new(
        aws_sdk_sqs::Client::new(aws.config()),
        config.bucket_size_queue_url,
        config.table_size_queue_url,
    );
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let client = dynamodb::Client::new(aws.config());
    let store = DynamoDbStore::new(client, &config.snapshot_table, Arc::clone(&clock));
    let store = Arc::new(store);
    let snapshots = SnapshotReader::new(store.clone());
    let writers = Writers::new(store, config.retention, config.history_retention);
    let metrics = Metrics::of_function(&ProcessVariables);
    let fleet = FleetSource::new(Arc::clone(&aws), config.fleet, Arc::clone(&clock));
    let first = warm_up("fleet", config.warm_up, fleet.current());
    futures::join!(first, snapshots.warm_up(config.warm_up));
    let notifier = Notifier::new(Arc::clone(&aws), Arc::new(ProcessVariables), clock.clone());
    let ports = PlanPorts {
        notifier: Some(&notifier),
        fleet: &fleet,
        snapshots: &snapshots,
        writers: &writers,
        aws: &aws,
        clock: &*clock,
        every: config.every,
        metrics: &metrics,
    };
    let queue = &queue;
    let handler = service_fn(|event: LambdaEvent<Value>| {
        async move {
            let time_left = time_left(event.context.deadline, &SystemClock);
            let handled = plan::handle(event.payload, ports, queue, time_left).await;
            handled.inspect_err(log_failure)
        }
        .boxed_local()
    });
    lambda_runtime::run(handler).await
}

/// Serves the function `discover`: whatever calls it, it discovers once, and returns its report.
///
/// # Errors
///
/// Only if it cannot start, or if the runtime's own interface fails.
pub async fn serve_discover() -> Result<(), Error> {
    let config = start(DiscoverConfig::read)?;
    let aws = Aws::in_lambda(&ProcessVariables);
    let (aws, config) = (&aws, &config);
    let handler = service_fn(|_: LambdaEvent<Value>| {
        async move {
            let days = config.retention_days;
            let discovered = discover::daily(aws, &config.fleet, days, &SystemClock).await;
            let discovered = discovered.map_err(CollectError::from);
            discovered.inspect_err(log_failure)
        }
        .boxed_local()
    });
    lambda_runtime::run(handler).await
}

/// Serves the function `collect-bucket-size`.
///
/// # Errors
///
/// Only if it cannot start, or if the runtime's own interface fails.
pub async fn serve_bucket_size() -> Result<(), Error> {
    let config = start(CollectorConfig::read)?;
    let aws = Arc::new(Aws::in_lambda(&ProcessVariables));
    let mut ports = ports(&config, &aws).await;
    ports.queue = config.bucket_size_queue_url.clone().map(|url| {
        let client = aws_sdk_sqs::Client::new(aws.config());
        // This function queues nothing for databases.
        let queue: Arc<dyn JobQueue> = Arc::new(SqsQueue::new(client, url, ""));
        queue
    });
    let source = BucketSource::new(Arc::clone(&aws), Arc::clone(&ports.clock));
    let prober = Prober::of_buckets(probe_ports(&config, &aws, &ports), source);
    serve(Collector::of_buckets(ports, aws), prober).await
}

/// Serves the function `collect-table-size`.
///
/// # Errors
///
/// Only if it cannot start, or if the runtime's own interface fails.
pub async fn serve_table_size() -> Result<(), Error> {
    let config = start(CollectorConfig::read)?;
    let aws = Arc::new(Aws::in_lambda(&ProcessVariables));
    let ports = ports(&config, &aws).await;
    let variables = Arc::new(ProcessVariables);
    let mut reader = Reader::new(&ProcessVariables);
    let key = DeploymentKey::from_config(&mut reader, || Secrets::new(Arc::clone(&aws)));
    let key = reader.finish(key).inspect_err(log_config_error)?;
    let databases = Databases::new(
        aws,
        variables,
        Arc::clone(&ports.clock),
        config.database_ca_file.clone(),
    );
    let source = TableSource::new(databases.clone());
    let prober = Prober::of_databases(probe_ports(&config, databases.aws(), &ports), source);
    serve(DatabaseCollector::new(ports, databases, key), prober).await
}

fn start<C>(read: fn(&dyn Variables) -> Result<C, ConfigError>) -> Result<C, Error> {
    telemetry::start(Format::Lambda, &ProcessVariables);
    Ok(read(&ProcessVariables).inspect_err(log_config_error)?)
}

fn log_config_error(error: &ConfigError) {
    tracing::error!(error = %error, "not started");
}

/// Builds what both collectors need, and opens its connections.
async fn ports(config: &CollectorConfig, aws: &Arc<Aws>) -> CollectorPorts {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let client = dynamodb::Client::new(aws.config());
    let store = DynamoDbStore::new(client, &config.snapshot_table, Arc::clone(&clock));
    let fleet = FleetSource::new(Arc::clone(aws), config.fleet.clone(), Arc::clone(&clock));
    let writers = Writers::new(Arc::new(store), config.retention, config.history_retention);
    let first = warm_up("fleet", config.warm_up, fleet.current());
    futures::join!(first, writers.snapshots.warm_up(config.warm_up));
    CollectorPorts {
        fleet: Arc::new(fleet),
        writers,
        clock,
        every: config.every,
        metrics: Metrics::of_function(&ProcessVariables),
        queue: None,
    }
}

/// Builds what a probe needs, over the same clients.
fn probe_ports(config: &CollectorConfig, aws: &Aws, ports: &CollectorPorts) -> ProbePorts {
    let client = dynamodb::Client::new(aws.config());
    let clock = Arc::clone(&ports.clock);
    let store = DynamoDbStore::new(client, &config.snapshot_table, Arc::clone(&clock));
    ProbePorts {
        fleet: Arc::clone(&ports.fleet),
        snapshots: SnapshotReader::new(Arc::new(store)),
        clock,
        queue_url: config.bucket_size_queue_url.clone(),
        authorities: config.database_ca_file.clone(),
    }
}

async fn serve(collector: impl BatchHandler, prober: impl Probe) -> Result<(), Error> {
    let (collector, prober) = (&collector, &prober);
    // Boxed, because the type of this future otherwise exceeds the compiler's recursion limit.
    let handler = service_fn(|event: LambdaEvent<Value>| {
        async move {
            let time_left = time_left(event.context.deadline, &SystemClock);
            let handled = handle(event.payload, collector, prober, time_left).await;
            handled.inspect_err(log_failure)
        }
        .boxed_local()
    });
    lambda_runtime::run(handler).await
}

/// Answers messages of the queue, or a person's request for a probe.
async fn handle(
    event: Value,
    collector: &impl BatchHandler,
    prober: &impl Probe,
    time_left: Duration,
) -> Result<Value, CollectError> {
    let invalid = |error: serde_json::Error| CollectError::EventInvalid(error.to_string());
    if let Some(request) = probe::request_in(&event)? {
        let report = prober.probe(&request, time_left).await;
        return serde_json::to_value(report).map_err(invalid);
    }
    let event: SqsEvent = serde_json::from_value(event).map_err(invalid)?;
    let response = collector.handle_within(event, time_left).await?;
    serde_json::to_value(response).map_err(invalid)
}

/// Returns the time until shortly before `deadline_ms`, which counts from 1970 as Lambda does.
fn time_left(deadline_ms: u64, clock: &dyn Clock) -> Duration {
    let now_ms = u64::try_from(clock.now().timestamp_millis()).unwrap_or(0);
    Duration::from_millis(deadline_ms.saturating_sub(now_ms)).saturating_sub(RESPONSE_RESERVE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::clock::FixedClock;

    #[test]
    fn the_time_left_ends_before_the_deadline_and_is_never_negative() {
        let clock = FixedClock::at("1970-01-01T00:01:00Z");

        assert_eq!(time_left(90_000, &clock), Duration::from_secs(29));
        assert_eq!(time_left(60_500, &clock), Duration::ZERO);
        assert_eq!(time_left(0, &clock), Duration::ZERO);
    }

    #[test]
    fn an_invocation_fails_with_a_fixed_word_and_without_its_cause() {
        let diagnostic = Diagnostic::from(CollectError::EventWithoutTime);

        assert_eq!(diagnostic.error_type, "EventWithoutTime");
        assert_eq!(diagnostic.error_message, "the scheduled event has no time");
    }
}
