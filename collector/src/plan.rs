//! From a tick of the schedule to one message for each target.
//!
//! Not here: measuring. A small fleet costs nothing extra this way, and one bad target can neither delay nor
//! fail another.

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use chrono::{DateTime, Utc};
use shared::clock;
use shared::fleet::{FleetSource, Kind, TargetId};

use crate::error::CollectError;
use crate::message::CollectMessage;
use crate::queue::TargetQueue;

/// What one tick queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanReport {
    /// Scheduled time of all the runs.
    pub scheduled_at: DateTime<Utc>,
    /// Messages for bucket targets.
    pub bucket_count: usize,
    /// Messages for database targets.
    pub database_count: usize,
}

/// Queues one message for each target of the current fleet.
///
/// The event's own time, in whole seconds, is the scheduled time of all runs: an event that is delivered twice
/// queues the same messages twice, and those rewrite the same snapshots. When one kind cannot be queued, the
/// other still is.
///
/// # Errors
///
/// [`CollectError`]: the fleet is not known, the event has no time, or some messages were not queued. The event
/// may be delivered again in all cases.
pub async fn plan(
    event: &EventBridgeEvent,
    fleet: &FleetSource,
    queue: &dyn TargetQueue,
) -> Result<PlanReport, CollectError> {
    let time = event.time.ok_or(CollectError::EventWithoutTime)?;
    let scheduled_at = clock::whole_second(time);
    let fleet = fleet
        .current()
        .await
        .map_err(CollectError::FleetUnreadable)?;
    let message = |target: TargetId| CollectMessage {
        target,
        scheduled_at,
    };
    let buckets: Vec<_> = fleet
        .buckets()
        .iter()
        .map(|target| message(target.id()))
        .collect();
    let databases: Vec<_> = fleet
        .databases()
        .iter()
        .map(|target| message(target.id()))
        .collect();

    let report = PlanReport {
        scheduled_at,
        bucket_count: buckets.len(),
        database_count: databases.len(),
    };
    let bucket_result = queue.send(Kind::Bucket, buckets).await;
    let database_result = queue.send(Kind::Database, databases).await;
    bucket_result
        .and(database_result)
        .map_err(CollectError::QueueFailed)?;
    tracing::info!(
        scheduled_at = clock::rfc3339(scheduled_at),
        bucket_count = report.bucket_count,
        database_count = report.database_count,
        "targets queued"
    );
    Ok(report)
}
