//! From a batch of messages to runs, and to the messages that must be delivered again.
//!
//! Lambda functions and local mode both call [`Collector::handle`]; nothing here depends on which of them it is.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use futures::StreamExt;
use futures::stream;
use shared::aws::Aws;
use shared::clock::{self, Clock};
use shared::database::Databases;
use shared::deployment_key::DeploymentKey;
use shared::fleet::{Fleet, FleetSource, TargetId};
use shared::snapshot::Measurement;
use shared::telemetry::{Metrics, error_chain};
use tokio::time::Instant;

use crate::invocation::CollectError;
use crate::queue::{Job, JobQueue, Subject};
use crate::run::{self, Source, Task};
use crate::storage_size::BucketSource;
use crate::table_size::{FileDocumentSource, TableSource};
use crate::tick::Tick;
use crate::user_activity::UserActivitySource;
use crate::writers::Writers;

/// Runs of one batch at a time: they wait for other machines far more than they compute.
pub const CONCURRENT_RUNS: usize = 4;
/// Time for a batch without another limit: Lambda's longest invocation.
pub const BATCH_LIMIT: Duration = Duration::from_secs(900);

/// What collectors of all kinds need.
#[derive(Clone)]
pub struct CollectorPorts {
    /// Which targets there are.
    pub fleet: Arc<FleetSource>,
    /// Where results go.
    pub writers: Writers,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Time between two runs of the schedule.
    pub every: Duration,
    /// Where metrics go.
    pub metrics: Metrics,
    /// Takes the job for the rest of a run that one invocation is too short for; without it no run pauses.
    pub queue: Option<Arc<dyn JobQueue>>,
}

/// Measures the targets that messages name.
pub struct Collector<S: Source> {
    ports: CollectorPorts,
    source: S,
    find: for<'f> fn(&'f Fleet, &TargetId) -> Option<&'f S::Target>,
}

impl Collector<BucketSource> {
    /// Returns the collector of storage targets.
    pub fn of_buckets(ports: CollectorPorts, aws: Arc<Aws>) -> Self {
        let source = BucketSource::new(aws, Arc::clone(&ports.clock));
        Self::new(ports, source, Fleet::bucket)
    }
}

/// Measures the databases that messages name: their tables, the file documents in them, or their users.
pub struct DatabaseCollector {
    tables: Collector<TableSource>,
    documents: Collector<FileDocumentSource>,
    users: Collector<UserActivitySource>,
}

impl DatabaseCollector {
    /// Returns the collector of database targets. Identities of users become HMACs under `key`.
    pub fn new(ports: CollectorPorts, databases: Databases, key: DeploymentKey) -> Self {
        let documents = FileDocumentSource::new(databases.clone());
        let users = UserActivitySource::new(databases.clone(), key, Arc::clone(&ports.clock));
        let tables = TableSource::new(databases).with_storage(Arc::clone(&ports.clock));
        Self {
            documents: Collector::new(ports.clone(), documents, Fleet::database),
            users: Collector::new(ports.clone(), users, Fleet::environment_of_database),
            tables: Collector::new(ports, tables, Fleet::database),
        }
    }
}

/// Runs batches of messages.
#[async_trait]
pub trait BatchHandler: Send + Sync {
    /// Runs every message of `event`, a few at a time, and ends before `time_left` is over.
    ///
    /// The response names the messages that must be delivered again: malformed ones, so that they end in the dead-letter
    /// queue and raise an alarm; those whose result was not stored; those with a transient failure; and those for which
    /// there was no time. A message for a target that the fleet no longer has is dropped with a log line.
    ///
    /// # Errors
    ///
    /// [`CollectError::FleetUnreadable`]: nothing was run; the whole batch may be delivered again.
    async fn handle_within(
        &self,
        event: SqsEvent,
        time_left: Duration,
    ) -> Result<SqsBatchResponse, CollectError>;

    /// Runs every message of `event` within [`BATCH_LIMIT`].
    ///
    /// # Errors
    ///
    /// See [`BatchHandler::handle_within`].
    async fn handle(&self, event: SqsEvent) -> Result<SqsBatchResponse, CollectError> {
        self.handle_within(event, BATCH_LIMIT).await
    }
}

#[async_trait]
impl BatchHandler for DatabaseCollector {
    /// Tables come first, then users: documents are counted in the time that they leave.
    async fn handle_within(
        &self,
        event: SqsEvent,
        time_left: Duration,
    ) -> Result<SqsBatchResponse, CollectError> {
        let until = Instant::now() + time_left;
        let subject_of = |record: &SqsMessage| {
            let job = Job::from_body(record.body.as_deref());
            job.map_or(Subject::Size, |job| job.subject)
        };
        let batch = |subject: Subject| {
            let records = event.records.iter();
            let records = records.filter(|record| subject_of(record) == subject);
            let mut batch = SqsEvent::default();
            batch.records = records.cloned().collect();
            batch
        };
        let collectors: [(Subject, &dyn BatchHandler); 3] = [
            (Subject::Size, &self.tables),
            (Subject::Users, &self.users),
            (Subject::FileDocuments, &self.documents),
        ];
        let mut response = SqsBatchResponse::default();
        for (subject, collector) in collectors {
            let batch = batch(subject);
            if batch.records.is_empty() {
                continue;
            }
            let time_left = until.saturating_duration_since(Instant::now());
            let handled = collector.handle_within(batch, time_left).await?;
            response
                .batch_item_failures
                .extend(handled.batch_item_failures);
        }
        Ok(response)
    }
}

impl<S: Source> Collector<S> {
    /// Returns a collector that finds its targets with `find` and measures them with `source`.
    pub fn new(
        ports: CollectorPorts,
        source: S,
        find: for<'f> fn(&'f Fleet, &TargetId) -> Option<&'f S::Target>,
    ) -> Self {
        Self {
            ports,
            source,
            find,
        }
    }

    /// Runs one message; returns whether it must be delivered again.
    async fn is_redelivered(&self, fleet: &Fleet, record: &SqsMessage, deadline: Instant) -> bool {
        let kind = S::Measurement::KIND.as_str();
        let message = match Job::from_body(record.body.as_deref()) {
            Ok(message) => message,
            Err(error) => {
                let message_id = record.message_id.as_deref().unwrap_or_default();
                tracing::error!(
                    run.kind = kind,
                    message.id = message_id,
                    error = error_chain(&error),
                    "malformed message"
                );
                return true;
            }
        };
        let Some(target) = (self.find)(fleet, &message.target) else {
            tracing::warn!(
                run.kind = kind,
                target.id = message.target.as_str(),
                scheduled_at = clock::rfc3339(message.scheduled_at),
                "target is not in the fleet, its message is dropped"
            );
            return false;
        };
        let task = Task {
            target,
            id: &message.target,
            tick: Tick {
                at: message.scheduled_at,
                every: self.ports.every,
            },
            refresh: message.refresh,
            deadline,
            queue: self.ports.queue.as_deref(),
        };
        let CollectorPorts {
            writers,
            clock,
            metrics,
            ..
        } = &self.ports;
        let report = run::run(&self.source, writers, &**clock, task).await;
        report.log();
        report.emit(metrics, clock.now());
        report.outcome.is_redelivered()
    }
}

#[async_trait]
impl<S: Source> BatchHandler for Collector<S> {
    async fn handle_within(
        &self,
        event: SqsEvent,
        time_left: Duration,
    ) -> Result<SqsBatchResponse, CollectError> {
        let deadline = Instant::now() + time_left;
        let fleet = self.ports.fleet.current().await;
        let fleet = fleet.map_err(CollectError::FleetUnreadable)?;
        let records: Vec<_> = event
            .records
            .iter()
            .map(|record| self.is_redelivered(&fleet, record, deadline))
            .collect();
        let redelivered: Vec<bool> = stream::iter(records)
            .buffered(CONCURRENT_RUNS)
            .collect()
            .await;

        let mut response = SqsBatchResponse::default();
        for (record, _) in event
            .records
            .iter()
            .zip(redelivered)
            .filter(|(_, redelivered)| *redelivered)
        {
            // SQS takes an empty id as the whole batch, which is then delivered again.
            response.add_failure(record.message_id.as_deref().unwrap_or_default());
        }
        Ok(response)
    }
}
