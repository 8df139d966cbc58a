//! The flow of one run: start, measure, store the result, report.

mod outcome;
mod pausable;
mod report;
mod source;
mod task;

use std::time::Duration;

use shared::clock::Clock;
use shared::snapshot::{Failure, Latest, Measurement, Run, Snapshot};
use shared::store::StoreError;
use tokio::time::{Instant, timeout, timeout_at};

use crate::error::MeasureError;
use crate::queue::{Job, JobQueue, Subject};
use crate::writers::Writers;
use pausable::PausableRun;

pub use outcome::Outcome;
pub use pausable::ABANDONED_AFTER;
pub(crate) use report::HISTORY_FAILURES;
pub use report::Report;
pub use source::{Part, Progress, Source};
pub use task::Task;

/// Longest time for measuring one target: Lambda's longest invocation of 15 minutes, less a minute.
pub const MEASURE_TIMEOUT: Duration = Duration::from_secs(840);
/// Time of an invocation that is reserved for storing the result. Writing takes well under a second.
pub const WRITE_RESERVE: Duration = Duration::from_secs(10);
/// Longest time for writing the history of one run.
///
/// It takes milliseconds, but the first run of a day also reads the snapshots of the day before: those of 5,000 tables
/// take seconds on a function's share of a processor.
pub const HISTORY_TIMEOUT: Duration = Duration::from_secs(60);
/// Time for measuring that is reserved for pausing: a page that is under way is not awaited.
pub const PAUSE_RESERVE: Duration = Duration::from_secs(5);

/// Measures one target and stores the result.
///
/// A measurement becomes a snapshot, then a point of the target's history; a failure is recorded with the last good
/// snapshot, which stays. The same task again rewrites the same snapshot. Ends before the task's deadline: a target that is not measured [`WRITE_RESERVE`] before it,
/// or within [`MEASURE_TIMEOUT`], has failed with the code `timeout`; or, where the source can pause and there is a
/// queue, the run is left in a checkpoint, and a job for the rest is queued. The snapshot of a run in parts is taken when
/// its first part started and took until the last one ended.
///
/// History is written within [`HISTORY_TIMEOUT`] and the task's deadline. What was not written is in the report only: the
/// snapshot is kept, and the target's next run writes what is missing.
pub async fn run<S: Source>(
    source: &S,
    writers: &Writers,
    clock: &dyn Clock,
    task: Task<'_, S::Target>,
) -> Report {
    let started = Instant::now();
    let progress = Progress::default();
    let time_left = task.deadline.saturating_duration_since(started);
    let limit = MEASURE_TIMEOUT.min(time_left.saturating_sub(WRITE_RESERVE));
    let mut report = Report {
        kind: S::Measurement::KIND,
        target: task.id.clone(),
        scheduled_at: task.tick.at,
        duration: Duration::ZERO,
        item_count: 0,
        outcome: Outcome::NotStarted,
        history_error: None,
    };
    if limit.is_zero() {
        return report;
    }
    let context = RunContext {
        source,
        writers,
        clock,
        task: &task,
        progress: &progress,
        started,
        limit,
    };
    let (outcome, kept) = context.outcome().await;
    report.duration = started.elapsed();
    report.item_count = progress.items();
    report.history_error = context.write_history(&outcome, kept).await.err();
    report.outcome = outcome;
    report
}

/// What a run kept: its snapshot, and the target's latest after it.
type KeptRun<M> = (Snapshot<M>, Latest<<M as Measurement>::Summary>);

/// How a run ended, and what it kept.
type Ended<M> = (Outcome, Option<KeptRun<M>>);

/// One run with everything that it needs.
struct RunContext<'a, 't, S: Source> {
    source: &'a S,
    writers: &'a Writers,
    clock: &'a dyn Clock,
    task: &'a Task<'t, S::Target>,
    progress: &'a Progress,
    started: Instant,
    /// Longest time for measuring.
    limit: Duration,
}

impl<S: Source> RunContext<'_, '_, S> {
    async fn outcome(&self) -> Ended<S::Measurement> {
        match self.start().await {
            Ok(Some(run)) => {
                let measured = self.measure(&run).await;
                self.settle(&run, measured).await
            }
            Ok(None) => (Outcome::Skipped, None),
            Err(error) => (Outcome::StoreFailed(error), None),
        }
    }

    /// Starts the run or continues it; `None` if another run does the work or has done it.
    async fn start(&self) -> Result<Option<PausableRun>, StoreError> {
        let now = self.clock.now();
        if self.queue().is_none() {
            return Ok(Some(PausableRun::unpausable(now)));
        }
        let checkpoint = self
            .in_time(self.writers.snapshots.checkpoint(self.task.id))
            .await?;
        Ok(PausableRun::resume(checkpoint, self.task.tick.at, now))
    }

    async fn measure(&self, run: &PausableRun) -> Result<Part<S::Measurement>, MeasureError> {
        if self.queue().is_none() {
            let whole = measure_within(self.source, self.task.target, self.progress, self.limit);
            return whole.await.map(Part::Whole);
        }
        let pause_at = self.started + self.limit.saturating_sub(PAUSE_RESERVE);
        let part = self
            .source
            .measure_part(self.task.target, run.state(), pause_at, self.progress);
        timeout(self.limit, part)
            .await
            .unwrap_or_else(|_| Err(self.out_of_time()))
    }

    /// Stores what the run measured, or where it paused, or why it failed.
    async fn settle(
        &self,
        run: &PausableRun,
        measured: Result<Part<S::Measurement>, MeasureError>,
    ) -> Ended<S::Measurement> {
        let ended = match (measured, self.queue()) {
            (Ok(Part::Paused(state)), Some(queue)) => {
                return (self.pause(run, state, queue).await, None);
            }
            (Ok(Part::Paused(_)), None) => (self.fail(self.out_of_time()).await, None),
            (Ok(Part::Whole(measurement)), _) => self.store(run, measurement).await,
            (Err(error), _) => (self.fail(error).await, None),
        };
        // The next run starts from the beginning: also after a permanent failure, or it would wait for this one.
        if !ended.0.is_redelivered() {
            let clearing = run.clear(&self.writers.snapshots, self.task, self.clock.now());
            if let Err(error) = self.in_time(clearing).await {
                tracing::warn!(
                    target.id = self.task.id.as_str(),
                    error = shared::telemetry::error_chain(&error),
                    "the checkpoint of a run that has ended was not cleared"
                );
            }
        }
        ended
    }

    async fn pause(&self, run: &PausableRun, state: Vec<u8>, queue: &dyn JobQueue) -> Outcome {
        let pausing = run.pause(&self.writers.snapshots, self.task, self.clock.now(), state);
        match self.in_time(pausing).await {
            Ok(true) => {}
            // Another process continued from the same checkpoint and was faster.
            Ok(false) => return Outcome::Skipped,
            Err(error) => return Outcome::StoreFailed(error),
        }
        let rest = Job {
            target: self.task.id.clone(),
            scheduled_at: self.task.tick.at,
            refresh: self.task.refresh,
            subject: Subject::Size,
        };
        match queue.send(S::JOBS, vec![rest]).await {
            Ok(()) => Outcome::Paused,
            Err(error) => Outcome::NotContinued(error),
        }
    }

    async fn store(
        &self,
        paused: &PausableRun,
        measurement: S::Measurement,
    ) -> Ended<S::Measurement> {
        let Task {
            id, tick, refresh, ..
        } = *self.task;
        let taken_at = measurement.as_of().unwrap_or(paused.started_at());
        let run = Run {
            scheduled_at: tick.at,
            taken_at,
            duration: match paused.is_resumed() || taken_at < paused.started_at() {
                false => self.started.elapsed(),
                true => (self.clock.now() - taken_at).to_std().unwrap_or_default(),
            },
            next_due_at: match refresh {
                Some(refresh) => refresh.next_full_at,
                None => self.source.next_due_at(tick),
            },
        };
        let snapshot = Snapshot {
            target: id.clone(),
            run,
            measurement: measurement.in_run(&run, refresh),
        };
        let total_bytes = snapshot.measurement.total_bytes();
        let keeping = async {
            self.source.keep_beside(&snapshot, self.writers).await?;
            Box::pin(self.writers.snapshots.keep_run(&snapshot)).await
        };
        match self.in_time(keeping).await {
            Ok((kept, latest)) => {
                let run = latest.map(|latest| (snapshot, latest));
                (Outcome::Stored { kept, total_bytes }, run)
            }
            Err(error) => (Outcome::StoreFailed(error), None),
        }
    }

    async fn fail(&self, error: MeasureError) -> Outcome {
        let failed_at = self.clock.now();
        let failure = Failure {
            scheduled_at: self.task.tick.at,
            failed_at,
            failing_since: failed_at,
            code: error.code.to_owned(),
            reason: error.reason.clone(),
        };
        let recording = self
            .writers
            .snapshots
            .record_failure::<S::Measurement>(self.task.id, failure);
        match self.in_time(recording).await {
            Ok(()) => Outcome::Failed(error),
            Err(store_error) => Outcome::NotRecorded { error, store_error },
        }
    }

    /// Takes the run into the history: what it kept, or after a failure only days that have ended since the last run.
    async fn write_history(
        &self,
        outcome: &Outcome,
        kept: Option<KeptRun<S::Measurement>>,
    ) -> Result<(), StoreError> {
        let Task { id, tick, .. } = *self.task;
        let history = &self.writers.history;
        let writing = async {
            match (outcome, kept) {
                (_, Some((snapshot, latest))) => {
                    Box::pin(history.record_after(&snapshot, latest)).await
                }
                (Outcome::Failed(_), None) => {
                    history.record_failure::<S::Measurement>(id, tick.at).await
                }
                _ => Ok(()),
            }
        };
        let until = self.task.deadline.min(Instant::now() + HISTORY_TIMEOUT);
        timeout_at(until, writing)
            .await
            .unwrap_or_else(|late| Err(StoreError::Unavailable(late.into())))
    }

    /// Returns the queue that the rest of the run may be left to.
    fn queue(&self) -> Option<&dyn JobQueue> {
        self.task.queue.filter(|_| self.source.may_pause())
    }

    fn out_of_time(&self) -> MeasureError {
        MeasureError::out_of_time(self.limit.as_secs())
    }

    /// Waits for a write until the task's deadline.
    async fn in_time<T>(
        &self,
        writing: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        timeout_at(self.task.deadline, writing)
            .await
            .unwrap_or_else(|late| Err(StoreError::Unavailable(late.into())))
    }
}

/// Measures one target without storing anything.
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
