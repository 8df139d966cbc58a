//! From a tick of the schedule to messages: who is measured, who is only told something, who is left alone.
//!
//! Not here: measuring. A small fleet costs nothing extra this way, and one bad target can neither delay nor
//! fail another. How often a bucket is listed is in `plan/budget.rs`; what CloudWatch is asked in `storage_size/s3/daily_metrics.rs`.

pub mod budget;
mod decide;
pub mod due;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use chrono::{DateTime, Utc};
use shared::aws::Aws;
use shared::clock;
use shared::fleet::{BucketTarget, Fleet, FleetSource, TargetId};
use shared::snapshot::{BucketSize, Latest};
use shared::store::{SnapshotReader, StoreError};
use shared::telemetry::error_chain;
use tokio::time::{Instant, timeout};

use crate::error::CollectError;
use crate::queue::{Asked, CollectMessage, JobKind, QueueError, TargetQueue};
use crate::storage_size::s3::daily_metrics;
use decide::Decision;

/// Longest time for reading what is known of all buckets: some 20 queries of a megabyte for 10,000 of them.
pub const READ_TIMEOUT: Duration = Duration::from_secs(45);
/// Longest time for asking CloudWatch: 10,000 buckets are 556 calls, 8 at a time.
pub const CLOUDWATCH_TIMEOUT: Duration = Duration::from_secs(60);
/// What is left of an invocation for queueing: 10,000 targets take seconds, a call that is tried again 33.
pub const QUEUE_RESERVE: Duration = Duration::from_secs(75);
/// Time that the function `plan` needs at most: the fleet file, then the three above.
pub const PLAN_TIMEOUT: Duration = Duration::from_secs(240);

/// What planning needs beside the event.
#[derive(Clone, Copy)]
pub struct PlanPorts<'a> {
    /// Which targets there are.
    pub fleet: &'a FleetSource,
    /// What is known of them.
    pub snapshots: &'a SnapshotReader,
    /// Where CloudWatch is asked.
    pub aws: &'a Aws,
    /// Time between two ticks of the schedule.
    pub every: Duration,
}

/// What one tick queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanReport {
    /// Scheduled time of all the runs.
    pub scheduled_at: DateTime<Utc>,
    /// Messages for bucket targets that are measured.
    pub bucket_count: usize,
    /// Messages for bucket targets that are only told something.
    pub carried_count: usize,
    /// Messages for database targets.
    pub database_count: usize,
    /// Bucket targets that CloudWatch was asked about.
    pub asked_count: usize,
    /// LIST requests a day that all buckets of known cost take, on average.
    pub list_requests_per_day: u64,
}

/// Queues a message for each target of the current fleet that is due or has news.
///
/// Databases are due at every tick. A bucket is due as its share of the fleet's budget allows, see
/// [`budget::share`]; between two listings it has a message when CloudWatch has a new figure or the time of its next
/// listing has moved.
///
/// The event's own time, in whole seconds, is the scheduled time of all runs: an event that is delivered twice
/// queues the same messages twice, and those rewrite the same snapshots. When one kind cannot be queued, the
/// other still is. What CloudWatch does not tell is told in the messages and stops nothing.
///
/// # Errors
///
/// [`CollectError`]: the fleet is not known, the event has no time, some messages were not queued, or what is known
/// of buckets could not be read: then nobody knows which are due, and what was measured could not be kept either.
/// Of a single one it concerns that one alone. The event may be delivered again in all cases.
pub async fn plan(
    event: &EventBridgeEvent,
    ports: PlanPorts<'_>,
    queue: &dyn TargetQueue,
) -> Result<PlanReport, CollectError> {
    let time = event.time.ok_or(CollectError::EventWithoutTime)?;
    let scheduled_at = clock::whole_second(time);
    let fleet = ports.fleet.current().await;
    let fleet = fleet.map_err(CollectError::FleetUnreadable)?;
    let mut report = PlanReport {
        scheduled_at,
        bucket_count: 0,
        carried_count: 0,
        database_count: 0,
        asked_count: 0,
        list_requests_per_day: 0,
    };

    let databases = queue_databases(&fleet, queue, &mut report).await;
    let buckets = Buckets {
        fleet: &fleet,
        ports,
        now: scheduled_at,
    };
    let buckets = buckets.queue(queue, &mut report).await;
    buckets.and(databases.map_err(CollectError::QueueFailed))?;
    tracing::info!(
        scheduled_at = clock::rfc3339(scheduled_at),
        bucket_count = report.bucket_count,
        carried_count = report.carried_count,
        database_count = report.database_count,
        asked_count = report.asked_count,
        list_requests_per_day = report.list_requests_per_day,
        "targets queued"
    );
    Ok(report)
}

async fn queue_databases(
    fleet: &Fleet,
    queue: &dyn TargetQueue,
    report: &mut PlanReport,
) -> Result<(), QueueError> {
    let targets = fleet.databases().into_iter();
    let messages: Vec<_> = targets
        .map(|target| CollectMessage::measure(target.id(), report.scheduled_at))
        .collect();
    report.database_count = messages.len();
    queue.send(JobKind::Database, messages).await
}

/// What is known of the targets of a fleet, by their ids.
type Known = BTreeMap<TargetId, Latest<BucketSize>>;

/// Planning of all storage targets at one tick.
struct Buckets<'a> {
    fleet: &'a Fleet,
    ports: PlanPorts<'a>,
    now: DateTime<Utc>,
}

impl Buckets<'_> {
    async fn queue(
        &self,
        queue: &dyn TargetQueue,
        report: &mut PlanReport,
    ) -> Result<(), CollectError> {
        let targets = self.fleet.buckets();
        if targets.is_empty() {
            return Ok(());
        }
        let reading = timeout(READ_TIMEOUT, self.known(&targets));
        let read = reading
            .await
            .unwrap_or_else(|late| Err(StoreError::Unavailable(late.into())));
        let (known, unreadable) = read.map_err(CollectError::SnapshotsUnreadable)?;
        let targets: Vec<_> = targets
            .into_iter()
            .map(|target| (target.id(), target))
            .filter(|(id, _)| !unreadable.contains_key(id))
            .collect();

        let decisions = self.decide(&targets, &known, report);
        let asked = self.ask(&targets, &known, &decisions).await;
        report.asked_count = asked.len();
        let mut messages = Vec::new();
        for ((id, target), decision) in targets.iter().zip(decisions) {
            let asked = asked.get(id).cloned();
            let place = (*target, known.get(id));
            let Some(order) = decision.order(place, asked, self.now) else {
                continue;
            };
            let count = match decision.is_due {
                true => &mut report.bucket_count,
                false => &mut report.carried_count,
            };
            *count += 1;
            messages.push(CollectMessage {
                target: id.clone(),
                scheduled_at: self.now,
                order,
            });
        }
        let sent = queue.send(JobKind::Bucket, messages).await;
        sent.map_err(CollectError::QueueFailed)?;
        match unreadable.into_values().next() {
            Some(error) => Err(CollectError::SnapshotsUnreadable(error)),
            None => Ok(()),
        }
    }

    /// Reads what is known of `targets`, and of which of them a record exists that cannot be read.
    ///
    /// The latter are not measured: nothing could be kept of it.
    async fn known(
        &self,
        targets: &[&BucketTarget],
    ) -> Result<(Known, BTreeMap<TargetId, StoreError>), StoreError> {
        let wanted: BTreeSet<_> = targets.iter().map(|target| target.id()).collect();
        let (mut known, mut unreadable) = (Known::new(), BTreeMap::new());
        let visit = |id: TargetId, latest: Result<_, StoreError>| {
            if !wanted.contains(&id) {
                return;
            }
            match latest {
                Ok(latest) => {
                    known.insert(id, latest);
                }
                Err(error) => {
                    tracing::error!(
                        target.id = id.as_str(),
                        error = error_chain(&error),
                        "what is known of a target cannot be read, it is not measured"
                    );
                    unreadable.insert(id, error);
                }
            }
        };
        self.ports
            .snapshots
            .each_latest::<BucketSize>(visit)
            .await?;
        Ok((known, unreadable))
    }

    /// Decides for each of `targets`, in their order.
    fn decide(
        &self,
        targets: &[(TargetId, &BucketTarget)],
        known: &Known,
        report: &mut PlanReport,
    ) -> Vec<Decision> {
        let costs: BTreeMap<&TargetId, u64> = targets
            .iter()
            .filter_map(|(id, target)| {
                let cost = decide::listing_cost(target, known.get(id)?)?;
                Some((id, cost))
            })
            .collect();
        let budget = self.fleet.refresh().list_requests_per_day;
        let listed: Vec<u64> = costs.values().copied().collect();
        let shares = budget::share(&listed, self.ports.every, budget);
        report.list_requests_per_day = shares.requests_per_day;
        if shares.is_over_budget {
            tracing::warn!(
                list_requests_per_day = shares.requests_per_day,
                budget_requests_per_day = budget,
                "listing takes more than the fleet's budget: some buckets are at the longest interval and would have to \
                 be listed less often still"
            );
        }
        let ticks: BTreeMap<&TargetId, u64> = costs.into_keys().zip(shares.ticks).collect();
        targets
            .iter()
            .map(|(id, target)| {
                let ticks = ticks.get(id).copied();
                let place = (id, *target, known.get(id));
                Decision::of(place, ticks, (self.now, self.ports.every))
            })
            .collect()
    }

    /// Asks CloudWatch about those of `targets` that it may have something new of.
    async fn ask(
        &self,
        targets: &[(TargetId, &BucketTarget)],
        known: &Known,
        decisions: &[Decision],
    ) -> BTreeMap<TargetId, Asked> {
        let tick = (self.now, self.ports.every);
        let asked: Vec<_> = targets
            .iter()
            .zip(decisions)
            .filter(|((id, target), decision)| decision.asks((target, known.get(id)), tick))
            .map(|((id, target), _)| (id, *target))
            .collect();
        if asked.is_empty() {
            return BTreeMap::new();
        }
        let buckets: Vec<_> = asked.iter().map(|(_, target)| *target).collect();
        let until = Instant::now() + CLOUDWATCH_TIMEOUT;
        let answers = daily_metrics::read(self.ports.aws, &buckets, self.now, until).await;
        let answers = asked.into_iter().zip(answers);
        answers
            .map(|((id, _), answer)| (id.clone(), Asked::of(answer)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use shared::aws::CALL_TIMEOUT;

    use super::*;

    #[test]
    fn the_time_outs_add_up_to_the_functions() {
        // Reading the fleet file and opening a connection of its own.
        let fleet = CALL_TIMEOUT;

        assert!(fleet + READ_TIMEOUT + CLOUDWATCH_TIMEOUT + QUEUE_RESERVE <= PLAN_TIMEOUT);
        assert!(2 * CALL_TIMEOUT <= QUEUE_RESERVE);
    }
}
