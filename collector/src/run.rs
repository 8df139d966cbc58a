//! The only flow there is: measure, build the snapshot, write it, report.

mod outcome;
mod report;
mod source;

use std::cmp::Ordering;
use std::time::Duration;

use chrono::{DateTime, Utc};
use shared::clock::{self, Clock};
use shared::fleet::TargetId;
use shared::snapshot::{Failure, Measurement, Run, Snapshot};
use shared::store::{Checkpoint, SnapshotWriter, StoreError, Written};
use shared::telemetry::error_chain;
use tokio::time::{Instant, timeout, timeout_at};

use crate::error::MeasureError;
use crate::queue::{CollectMessage, Order, TargetQueue, Work};

pub use outcome::Outcome;
pub use report::Report;
pub use source::{GoodRun, Part, Progress, Source};

/// Longest time for measuring one target: Lambda's longest invocation of 15 minutes, less a minute.
pub const MEASURE_TIMEOUT: Duration = Duration::from_secs(840);
/// What measuring leaves of an invocation for writing the outcome. Writing takes well under a second.
pub const WRITE_RESERVE: Duration = Duration::from_secs(10);

/// What pausing leaves of the time for measuring: a page that is under way is not waited for.
pub const PAUSE_RESERVE: Duration = Duration::from_secs(5);
/// Time after which an unfinished run that wrote nothing is no longer waited for: twice an invocation's longest.
pub const ABANDONED_AFTER: Duration = Duration::from_secs(1800);

/// What to measure, and by when.
pub struct Task<'a, T> {
    /// The target.
    pub target: &'a T,
    /// Its identity.
    pub id: &'a TargetId,
    /// Scheduled time of the run in whole seconds.
    pub scheduled_at: DateTime<Utc>,
    /// Time between two runs of the schedule.
    pub every: Duration,
    /// What to do, and what to tell beside it.
    pub order: &'a Order,
    /// When everything must be over, writing included.
    pub deadline: Instant,
    /// Takes the message for the rest of a run that pauses; without it none does.
    pub queue: Option<&'a dyn TargetQueue>,
}

/// Measures one target and keeps what came of it.
///
/// A measurement becomes a snapshot; a failure is recorded beside the last good snapshot, which stays. Doing
/// the same task again rewrites the same snapshot. Ends before the task's deadline: what is not measured
/// [`WRITE_RESERVE`] before it, or within [`MEASURE_TIMEOUT`], has failed with the code `timeout`; or, where the
/// source can pause and there is a queue, it is left in a checkpoint, and a message for the rest is queued. The
/// snapshot of a run in parts is taken when its first part began and took until the last one ended.
///
/// An order to carry measures nothing and disturbs no run that is under way: what it tells is added to the last good
/// snapshot, whose numbers keep their times.
pub async fn run<S: Source>(
    source: &S,
    writer: &SnapshotWriter,
    clock: &dyn Clock,
    task: Task<'_, S::Target>,
) -> Report {
    let started = Instant::now();
    let progress = Progress::default();
    let time_left = task.deadline.saturating_duration_since(started);
    let limit = MEASURE_TIMEOUT.min(time_left.saturating_sub(WRITE_RESERVE));
    let outcome = if limit.is_zero() {
        Outcome::NotStarted
    } else {
        let run = OneRun {
            source,
            writer,
            clock,
            task: &task,
            progress: &progress,
        };
        run.outcome(limit).await
    };
    let duration = match outcome {
        Outcome::NotStarted => Duration::ZERO,
        _ => started.elapsed(),
    };
    Report {
        kind: S::Measurement::KIND,
        target: task.id.clone(),
        scheduled_at: task.scheduled_at,
        duration,
        item_count: progress.items(),
        outcome,
    }
}

/// One run with everything that it needs.
struct OneRun<'a, 't, S: Source> {
    source: &'a S,
    writer: &'a SnapshotWriter,
    clock: &'a dyn Clock,
    task: &'a Task<'t, S::Target>,
    progress: &'a Progress,
}

impl<S: Source> OneRun<'_, '_, S> {
    async fn outcome(&self, limit: Duration) -> Outcome {
        if self.task.order.work != Work::Measure {
            return self.carry().await;
        }
        let started = Instant::now();
        let now = self.clock.now();
        let queue = self.task.queue.filter(|_| self.source.may_pause());
        let held = match queue {
            Some(_) => in_time(self.task.deadline, self.writer.checkpoint(self.task.id)).await,
            None => Ok(None),
        };
        let start = match held {
            Ok(held) => Start::of(held, self.task.scheduled_at, now),
            Err(error) => return Outcome::NotKept(error),
        };
        let Start::From { before, replaced } = start else {
            return Outcome::Settled;
        };
        let began_at = before.as_ref().map_or(now, |before| before.began_at);
        let state = before.as_ref().and_then(|before| before.state.as_deref());
        let measured = match queue {
            Some(_) => {
                let pause_at = started + limit.saturating_sub(PAUSE_RESERVE);
                let part =
                    self.source
                        .measure_part(self.task.target, state, pause_at, self.progress);
                timeout(limit, part)
                    .await
                    .unwrap_or_else(|_| Err(MeasureError::out_of_time(limit.as_secs())))
            }
            None => measure_within(self.source, self.task.target, self.progress, limit)
                .await
                .map(Part::Whole),
        };
        let checkpoint = |state| Checkpoint {
            scheduled_at: self.task.scheduled_at,
            began_at,
            written_at: self.clock.now(),
            parts: before.as_ref().map_or(0, |before| before.parts) + 1,
            state,
        };
        let outcome = match (measured, queue) {
            (Ok(Part::Paused(state)), Some(queue)) => {
                return self.pause(queue, &checkpoint(Some(state)), replaced).await;
            }
            (Ok(Part::Paused(_)), None) => {
                self.fail(MeasureError::out_of_time(limit.as_secs())).await
            }
            (Ok(Part::Whole(measurement)), _) => {
                let duration = match before {
                    None => started.elapsed(),
                    Some(_) => (self.clock.now() - began_at).to_std().unwrap_or_default(),
                };
                self.keep(measurement, began_at, duration).await
            }
            (Err(error), _) => self.fail(error).await,
        };
        // The next run starts afresh: also after a failure that stays, or it would wait for this one.
        if replaced.is_some() && !outcome.is_redelivered() {
            let finished = checkpoint(None);
            let keeping = self
                .writer
                .keep_checkpoint(self.task.id, &finished, replaced);
            if let Err(error) = in_time(self.task.deadline, keeping).await {
                tracing::warn!(
                    target.id = self.task.id.as_str(),
                    error = error_chain(&error),
                    "the checkpoint of a run that has ended was not cleared"
                );
            }
        }
        outcome
    }

    async fn pause(
        &self,
        queue: &dyn TargetQueue,
        checkpoint: &Checkpoint,
        replaced: Option<u64>,
    ) -> Outcome {
        let keeping = self
            .writer
            .keep_checkpoint(self.task.id, checkpoint, replaced);
        match in_time(self.task.deadline, keeping).await {
            Ok(Written::Done) => {}
            // Somebody else went on from the same point and was faster: all that was done here is theirs to do.
            Ok(Written::Conflict) => return Outcome::Settled,
            Err(error) => return Outcome::NotKept(error),
        }
        let message = CollectMessage {
            target: self.task.id.clone(),
            scheduled_at: self.task.scheduled_at,
            order: self.task.order.clone(),
        };
        match queue.send(S::JOBS, vec![message]).await {
            Ok(()) => Outcome::Paused,
            Err(error) => Outcome::NotContinued(error),
        }
    }

    /// Returns when there may be something new after this run.
    fn next_due_at(&self) -> DateTime<Utc> {
        let next = clock::after(self.task.scheduled_at, self.task.every);
        self.task.order.next_due_at.unwrap_or(next)
    }

    async fn carry(&self) -> Outcome {
        let task = self.task;
        let order = (task.order, task.scheduled_at);
        let carrying = self.writer.carry::<S::Measurement>(task.id, |before| {
            let measurement = self.source.carried(task.target, order, before)?;
            let run = Run {
                scheduled_at: task.scheduled_at,
                next_due_at: self.next_due_at(),
                ..before.run
            };
            Some((run, measurement))
        });
        match in_time(task.deadline, carrying).await {
            Ok(Some(_)) => Outcome::Carried,
            Ok(None) => Outcome::Settled,
            Err(error) => Outcome::NotKept(error),
        }
    }

    async fn keep(
        &self,
        measurement: S::Measurement,
        taken_at: DateTime<Utc>,
        duration: Duration,
    ) -> Outcome {
        let run = Run {
            scheduled_at: self.task.scheduled_at,
            taken_at,
            duration,
            next_due_at: self.next_due_at(),
        };
        let snapshot = Snapshot {
            target: self.task.id.clone(),
            run,
            measurement: measurement.taken_in(&run),
        };
        let total_bytes = snapshot.measurement.total_bytes();
        let keeping = self.writer.keep_merged(&snapshot, |measured, before| {
            let order = (self.task.order, self.task.scheduled_at);
            self.source
                .merged(self.task.target, order, measured, before)
        });
        match in_time(self.task.deadline, keeping).await {
            Ok(kept) => Outcome::Kept { kept, total_bytes },
            Err(error) => Outcome::NotKept(error),
        }
    }

    async fn fail(&self, error: MeasureError) -> Outcome {
        let failure = Failure {
            scheduled_at: self.task.scheduled_at,
            failed_at: self.clock.now(),
            code: error.code.to_owned(),
            reason: error.reason.clone(),
        };
        let recording = self
            .writer
            .record_failure::<S::Measurement>(self.task.id, failure);
        match in_time(self.task.deadline, recording).await {
            Ok(()) => Outcome::Failed(error),
            Err(store_error) => Outcome::NotRecorded { error, store_error },
        }
    }
}

/// Where a run starts.
#[derive(Debug, PartialEq, Eq)]
enum Start {
    /// Where the run `before` stopped, or at the begin; its checkpoint has the version `replaced`.
    From {
        before: Option<Checkpoint>,
        replaced: Option<u64>,
    },
    /// Nowhere: another run does the work or has done it.
    Nowhere,
}

impl Start {
    /// Decides by the checkpoint that is `held` for the target of a run that is scheduled for `scheduled_at`.
    ///
    /// A checkpoint of an earlier run that nobody went on with for [`ABANDONED_AFTER`] is gone on from, so that
    /// what was measured is not lost; one that somebody is at leaves nothing to do.
    fn of(
        held: Option<(Checkpoint, u64)>,
        scheduled_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Self {
        let Some((checkpoint, version)) = held else {
            return Self::From {
                before: None,
                replaced: None,
            };
        };
        let idle = (now - checkpoint.written_at).to_std().unwrap_or_default();
        let is_under_way = checkpoint.state.is_some() && idle < ABANDONED_AFTER;
        match checkpoint.scheduled_at.cmp(&scheduled_at) {
            Ordering::Greater => Self::Nowhere,
            Ordering::Equal if checkpoint.state.is_none() => Self::Nowhere,
            Ordering::Less if is_under_way => Self::Nowhere,
            _ => Self::From {
                before: Some(checkpoint).filter(|checkpoint| checkpoint.state.is_some()),
                replaced: Some(version),
            },
        }
    }
}

/// Measures one target without keeping anything.
///
/// # Errors
///
/// What [`Source::measure_by`] reports, and the code `timeout` after `limit`.
pub async fn measure_within<S: Source>(
    source: &S,
    target: &S::Target,
    progress: &Progress,
    limit: Duration,
) -> Result<S::Measurement, MeasureError> {
    let until = Instant::now() + limit;
    timeout_at(until, source.measure_by(target, until, progress))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a checkpoint of a run scheduled and written so many minutes after ten.
    fn checkpoint(scheduled: u32, written: u32, state: Option<&[u8]>) -> Checkpoint {
        Checkpoint {
            scheduled_at: at(scheduled),
            began_at: at(scheduled),
            written_at: at(written),
            parts: 1,
            state: state.map(<[u8]>::to_vec),
        }
    }

    fn at(minute: u32) -> DateTime<Utc> {
        let ten: DateTime<Utc> = "2026-01-01T10:00:00Z".parse().unwrap();
        ten + chrono::Duration::minutes(minute.into())
    }

    #[test]
    fn a_run_goes_on_from_its_own_checkpoint_or_an_abandoned_one_and_never_beside_another() {
        let open = |scheduled, written| checkpoint(scheduled, written, Some(b"state"));
        let goes_on = |before: Checkpoint| Start::From {
            before: Some(before),
            replaced: Some(3),
        };
        let afresh = |replaced| Start::From {
            before: None,
            replaced,
        };
        let cases = [
            (None, afresh(None)),
            (Some(open(60, 70)), goes_on(open(60, 70))),
            (Some(checkpoint(60, 70, None)), Start::Nowhere),
            (Some(open(61, 70)), Start::Nowhere),
            (Some(checkpoint(61, 70, None)), Start::Nowhere),
            (Some(open(0, 70)), Start::Nowhere),
            (Some(open(0, 15)), goes_on(open(0, 15))),
            (Some(checkpoint(0, 15, None)), afresh(Some(3))),
        ];

        for (held, expected) in cases {
            let start = Start::of(held.clone().map(|held| (held, 3)), at(60), at(75));
            assert_eq!(start, expected, "{held:?}");
        }
    }
}
