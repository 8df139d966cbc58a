//! From a tick of the schedule to jobs: decides for each target whether it is measured now.
//!
//! Also evaluates the alerts of the fleet file, by what earlier ticks measured: `alerts.rs`.
//!
//! Not here: measuring. A small fleet costs nothing extra this way, and one bad target can neither delay nor fail
//! another. How often a bucket is listed is in `plan/budget.rs`. CloudWatch's daily metrics are read here, for the whole
//! fleet at once: `plan/metrics.rs`.

pub mod budget;
mod daily;
mod databases;
mod decide;
pub mod due;
mod event;
mod failing;
mod known;
mod limits;
mod metrics;
mod ports;
mod quiet;
mod removed;

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use chrono::{DateTime, Utc};
use futures::{StreamExt, stream};
use shared::clock;
use shared::fleet::{Fleet, Kind};
use shared::snapshot::{FileDocuments, Stored, UserActivity};
use shared::telemetry::error_chain;
use tokio::time::timeout;

use crate::alerts::{self, AlertPorts};
use crate::invocation::CollectError;
use crate::queue::{Job, JobKind, JobQueue, QueueError, Subject};
use crate::tick::Tick;
use budget::{Demand, Interval};
use daily::Daily;
use due::Due;
use known::{Known, Storage};
use limits::CONCURRENT_WRITES;

pub use event::handle;
pub use failing::FailingCounts;
pub use limits::{
    CLOUDWATCH_TIMEOUT, HISTORY_TIMEOUT, PLAN_TIMEOUT, QUEUE_RESERVE, READ_TIMEOUT, WRITE_TIMEOUT,
};
pub use ports::PlanPorts;

/// What one tick did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanReport {
    /// Scheduled time of all the runs.
    pub scheduled_at: DateTime<Utc>,
    /// Jobs for storage targets.
    pub bucket_count: usize,
    /// Jobs for database targets.
    pub database_count: usize,
    /// Jobs for the file documents of database targets.
    pub document_count: usize,
    /// Jobs for the users of database targets.
    pub users_count: usize,
    /// Storage targets whose announced measurement was postponed.
    pub postponed_count: usize,
    /// Buckets whose metrics CloudWatch was asked for.
    pub metrics_requested_count: usize,
    /// Buckets with new metrics, or with a new reason why there are none.
    pub metrics_stored_count: usize,
    /// Targets that the fleet no longer has whose last day was added to the history.
    pub removed_count: usize,
    /// LIST requests a day that all buckets of known cost take, on average.
    pub list_requests_per_day: u64,
    /// Storage targets that fail; `None` if there are none, or it is not known.
    pub failing_storage: Option<FailingCounts>,
    /// Databases that fail; `None` if there are none, or it is not known.
    pub failing_databases: Option<FailingCounts>,
}

/// Queues a job for each target of the current fleet that is due, and reads CloudWatch's daily metrics.
///
/// Databases are due as often as their totals are expected to change, their file documents once a day, their users as
/// often as the fleet file says. A bucket is due as often as its total is expected to change and its share of the fleet's
/// budget allows, see [`budget::share`]; where that postpones an announced measurement, the new time is stored for
/// readers.
///
/// The event's own time, in whole seconds, is the scheduled time of all runs: an event that is delivered twice queues
/// the same jobs twice, and those rewrite the same snapshots. If one kind of job cannot be queued, the other still is.
/// CloudWatch is read after the jobs are queued, and a failure there is stored and stops nothing. At the first tick of a
/// UTC day, the last days of targets that were removed are closed.
///
/// # Errors
///
/// [`CollectError`]: the fleet is not known, the event has no time, some jobs were not queued, metrics were not stored,
/// or the store did not answer for the records of buckets, which decide which buckets are due. A single unreadable record
/// is no error: its target is due. The event may be delivered again in all cases.
pub async fn plan(
    event: &EventBridgeEvent,
    ports: PlanPorts<'_>,
    queue: &dyn JobQueue,
) -> Result<PlanReport, CollectError> {
    let time = event.time.ok_or(CollectError::EventWithoutTime)?;
    let tick = Tick {
        at: clock::whole_second(time),
        every: ports.every,
    };
    let fleet = ports.fleet.current().await;
    let fleet = fleet.map_err(CollectError::FleetUnreadable)?;
    let mut report = PlanReport {
        scheduled_at: tick.at,
        bucket_count: 0,
        database_count: 0,
        document_count: 0,
        users_count: 0,
        postponed_count: 0,
        metrics_requested_count: 0,
        metrics_stored_count: 0,
        removed_count: 0,
        list_requests_per_day: 0,
        failing_storage: None,
        failing_databases: None,
    };

    let buckets = StoragePlan {
        fleet: &fleet,
        ports,
        tick,
    };
    let documents = queue_daily::<FileDocuments>(&fleet, queue, ports, tick, Daily::documents());
    let users = queue_daily::<UserActivity>(&fleet, queue, ports, tick, Daily::users(&fleet));
    let databases = databases::plan(&fleet, ports, queue, tick);
    let buckets = buckets.run(queue, &mut report);
    let (databases, buckets, documents, users) =
        futures::join!(databases, buckets, documents, users);
    report.failing_databases = databases.failing;
    let removed = removed::close_days(&fleet, &ports, tick);
    let ((), removed_count) = futures::join!(check_alerts(&fleet, ports), removed);
    report.removed_count = removed_count;
    let databases = databases.queued;
    let databases = databases.map(|count| report.database_count = count);
    let documents = documents.map(|count| report.document_count = count);
    let users = users.map(|count| report.users_count = count);
    let queued = databases.and(documents).and(users);
    let queued = queued.map_err(CollectError::QueueFailed);
    buckets.and(queued)?;
    tracing::info!(
        scheduled_at = clock::rfc3339(tick.at),
        bucket_count = report.bucket_count,
        database_count = report.database_count,
        document_count = report.document_count,
        users_count = report.users_count,
        postponed_count = report.postponed_count,
        metrics_requested_count = report.metrics_requested_count,
        metrics_stored_count = report.metrics_stored_count,
        removed_count = report.removed_count,
        list_requests_per_day = report.list_requests_per_day,
        "targets queued"
    );
    Ok(report)
}

/// Evaluates the alerts. A failure is logged and is none of the tick's: the next tick evaluates them again.
async fn check_alerts(fleet: &Fleet, ports: PlanPorts<'_>) {
    let Some(notifier) = ports.notifier else {
        return;
    };
    let alert_ports = AlertPorts {
        fleet,
        snapshots: ports.snapshots,
        states: &ports.writers.snapshots,
        now: ports.clock.now(),
    };
    if let Err(error) = alerts::check(alert_ports, notifier).await {
        tracing::error!(error = error_chain(&error), "the alerts were not evaluated");
    }
}

/// Queues what else is measured of databases and due; returns its number.
async fn queue_daily<M: Stored>(
    fleet: &Fleet,
    queue: &dyn JobQueue,
    ports: PlanPorts<'_>,
    tick: Tick,
    what: Daily,
) -> Result<usize, QueueError> {
    let jobs = daily::jobs::<M>(ports.snapshots, &fleet.measured_databases(), tick, what).await;
    let count = jobs.len();
    queue.send(JobKind::Database, jobs).await?;
    Ok(count)
}

/// Planning of all storage targets at one tick.
struct StoragePlan<'a> {
    fleet: &'a Fleet,
    ports: PlanPorts<'a>,
    tick: Tick,
}

impl StoragePlan<'_> {
    async fn run(&self, queue: &dyn JobQueue, report: &mut PlanReport) -> Result<(), CollectError> {
        let targets = self.fleet.measured_buckets();
        if targets.is_empty() {
            return Ok(());
        }
        let known = Known::read(self.ports.snapshots, targets).await;
        let known = known.map_err(CollectError::SnapshotsUnreadable)?;
        let states = failing::of_storage(&known.storage);
        let (now, metrics) = (self.ports.clock.now(), self.ports.metrics);
        let counts = failing::tell(Kind::Bucket, &states, self.tick, now, metrics);
        report.failing_storage = Some(counts);

        let decisions = self.decide(&known.storage, report);
        let jobs: Vec<_> = known
            .storage
            .iter()
            .zip(&decisions)
            .filter_map(|(storage, due)| match due {
                Due::Now(refresh) => Some(Job {
                    target: storage.id.clone(),
                    scheduled_at: self.tick.at,
                    refresh: Some(*refresh),
                    subject: Subject::Size,
                }),
                Due::AsAnnounced | Due::Postponed(_) => None,
            })
            .collect();
        report.bucket_count = jobs.len();
        let sent = queue.send(JobKind::Bucket, jobs).await;
        sent.map_err(CollectError::QueueFailed)?;

        report.postponed_count = self.postpone(&known.storage, &decisions).await;
        let metrics = metrics::update(&self.ports, self.tick, &known.storage).await;
        report.metrics_requested_count = metrics.requested_count;
        report.metrics_stored_count = metrics.stored_count;
        match metrics.store_error {
            Some(error) => Err(CollectError::MetricsNotStored(error)),
            None => Ok(()),
        }
    }

    /// Decides for each target of `storage`, in the same order.
    fn decide(&self, storage: &[Storage<'_>], report: &mut PlanReport) -> Vec<Due> {
        let refresh = self.fleet.refresh();
        let demand = |storage| decide::demand(storage, refresh.max_error, self.tick);
        let demands: Vec<Option<Demand>> = storage.iter().map(demand).collect();
        let listed: Vec<Demand> = demands.iter().flatten().copied().collect();
        let budget = refresh.list_requests_per_day;
        let shares = budget::share(&listed, self.tick.every, budget);
        report.list_requests_per_day = shares.requests_per_day;
        if shares.is_over_budget {
            tracing::warn!(
                list_requests_per_day = shares.requests_per_day,
                budget_requests_per_day = budget,
                "listing takes more than the fleet's budget: some buckets are at the longest interval and would have to \
                 be listed less often still"
            );
        }
        let mut ticks = shares.ticks.into_iter();
        storage
            .iter()
            .zip(demands)
            .map(|(storage, demand)| {
                let listing = demand.and_then(|demand| {
                    let ticks = ticks.next()?;
                    Some(Interval::of_ticks(ticks, demand.ticks, self.tick.every))
                });
                decide::due_of(storage, listing, (refresh.max_error, self.tick))
            })
            .collect()
    }

    /// Stores the schedules that readers do not know yet; returns their number.
    ///
    /// A schedule that is not stored is postponed again at the next tick.
    async fn postpone(&self, storage: &[Storage<'_>], decisions: &[Due]) -> usize {
        let postponed = storage.iter().zip(decisions).filter_map(|(storage, due)| {
            let measured_at = storage.measured_at()?;
            match due {
                Due::Postponed(refresh) => Some((&storage.id, measured_at, *refresh)),
                Due::Now(_) | Due::AsAnnounced => None,
            }
        });
        let writes: Vec<_> = postponed
            .map(|(id, measured_at, refresh)| async move {
                let written = self
                    .ports
                    .writers
                    .snapshots
                    .postpone(id, measured_at, refresh);
                let written = written.await;
                written.unwrap_or_else(|error| {
                    tracing::warn!(
                        target.id = id.as_str(),
                        error = error_chain(&error),
                        "a postponed measurement was not announced"
                    );
                    false
                })
            })
            .collect();
        let mut count = 0;
        let mut written = stream::iter(writes).buffer_unordered(CONCURRENT_WRITES);
        let counting = async {
            while let Some(is_written) = written.next().await {
                count += usize::from(is_written);
            }
        };
        if timeout(WRITE_TIMEOUT, counting).await.is_err() {
            tracing::warn!("not all postponed measurements were announced in time");
        }
        count
    }
}
