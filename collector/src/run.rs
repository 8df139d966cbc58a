//! The only flow there is: measure, build the snapshot, write it, report.

use std::time::Duration;

use chrono::{DateTime, Utc};
use shared::clock::{self, Clock};
use shared::fleet::TargetId;
use shared::snapshot::{Failure, Measurement, Run, Snapshot};
use shared::store::{SnapshotWriter, StoreError};
use tokio::time::{Instant, timeout, timeout_at};

use crate::error::MeasureError;
use crate::report::{Outcome, Report};
use crate::source::{Progress, Source};

/// Longest time for measuring one target: Lambda's longest invocation of 15 minutes, less a minute.
pub const MEASURE_TIMEOUT: Duration = Duration::from_secs(840);
/// What measuring leaves of an invocation for writing the outcome. Writing takes well under a second.
pub const WRITE_RESERVE: Duration = Duration::from_secs(10);

/// What to measure, and by when.
#[derive(Debug)]
pub struct Task<'a, T> {
    /// The target.
    pub target: &'a T,
    /// Its identity.
    pub id: &'a TargetId,
    /// Scheduled time of the run in whole seconds.
    pub scheduled_at: DateTime<Utc>,
    /// Time between two runs of the schedule.
    pub every: Duration,
    /// When everything must be over, writing included.
    pub deadline: Instant,
}

/// Measures one target and keeps what came of it.
///
/// A measurement becomes a snapshot; a failure is recorded beside the last good snapshot, which stays. Doing
/// the same task again rewrites the same snapshot. Ends before the task's deadline: what is not measured
/// [`WRITE_RESERVE`] before it, or within [`MEASURE_TIMEOUT`], has failed with the code `timeout`.
pub async fn run<S: Source>(
    source: &S,
    writer: &SnapshotWriter,
    clock: &dyn Clock,
    task: Task<'_, S::Target>,
) -> Report {
    let taken_at = clock.now();
    let started = Instant::now();
    let progress = Progress::default();
    let time_left = task.deadline.saturating_duration_since(started);
    let limit = MEASURE_TIMEOUT.min(time_left.saturating_sub(WRITE_RESERVE));
    let report = |outcome, duration| Report {
        kind: S::Measurement::KIND,
        target: task.id.clone(),
        scheduled_at: task.scheduled_at,
        duration,
        item_count: progress.items(),
        outcome,
    };
    if limit.is_zero() {
        return report(Outcome::NotStarted, Duration::ZERO);
    }

    let measured = measure_within(source, task.target, &progress, limit).await;
    let duration = started.elapsed();
    let outcome = match measured {
        Ok(measurement) => {
            let snapshot = Snapshot {
                target: task.id.clone(),
                run: Run {
                    scheduled_at: task.scheduled_at,
                    taken_at,
                    duration,
                    next_due_at: clock::after(task.scheduled_at, task.every),
                },
                measurement,
            };
            let total_bytes = snapshot.measurement.total_bytes();
            match in_time(task.deadline, writer.keep(&snapshot)).await {
                Ok(kept) => Outcome::Kept { kept, total_bytes },
                Err(error) => Outcome::NotKept(error),
            }
        }
        Err(error) => {
            let failure = Failure {
                scheduled_at: task.scheduled_at,
                failed_at: clock.now(),
                code: error.code.to_owned(),
                reason: error.reason.clone(),
            };
            let recording = writer.record_failure::<S::Measurement>(task.id, failure);
            match in_time(task.deadline, recording).await {
                Ok(()) => Outcome::Failed(error),
                Err(store_error) => Outcome::NotRecorded { error, store_error },
            }
        }
    };
    report(outcome, duration)
}

/// Measures one target without keeping anything.
///
/// # Errors
///
/// What [`Source::measure`] reports, and the code `timeout` after `limit`.
pub async fn measure_within<S: Source>(
    source: &S,
    target: &S::Target,
    progress: &Progress,
    limit: Duration,
) -> Result<S::Measurement, MeasureError> {
    timeout(limit, source.measure(target, progress))
        .await
        .unwrap_or_else(|_| Err(MeasureError::out_of_time(limit.as_secs())))
}

async fn in_time<T>(
    deadline: Instant,
    writing: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    timeout_at(deadline, writing)
        .await
        .unwrap_or_else(|late| Err(StoreError::Unavailable(late.into())))
}
