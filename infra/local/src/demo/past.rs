//! The demo's past: what its collections would have left behind if it had run for some weeks.
//!
//! Each target is measured once. Then the runs of the past are written, oldest first, by the same writers as real ones,
//! into a store in memory whose clock moves along. All of it enters the demo's store at once, so that a start that is
//! interrupted leaves a store without a past, not one with a part of it.

mod calendar;
mod shape;
#[cfg(test)]
mod tests;
mod users;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Timelike, Utc};
use collector::{
    BucketSource, FileDocumentSource, MeasureError, Progress, Source, TableSource,
    UserActivitySource, Writers,
};
use futures::future::join_all;
use shared::clock::{self, Clock};
use shared::fleet::{Fleet, Kind, TargetId};
use shared::snapshot::bucket_size::{Refresh, RefreshReason};
use shared::snapshot::{BucketSize, DatabaseSize, Failure, Run, Snapshot};
use shared::store::memory::MemoryStore;
use shared::store::{Expect, Item, ItemStore, Put, SnapshotReader, Written};
use shared::telemetry::error_chain;
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::backend::Backend;
pub(crate) use calendar::MAX_DAYS;
use calendar::{Calendar, PastRun};
use shape::Shaped;
use users::PastUsers;

/// Environment whose storage could not be read for a while.
const FAILED: &str = "acme-test";
/// Hours before now in which it could not.
const FAILED_HOURS: (i64, i64) = (130, 100);
/// How long after its scheduled time a run started.
const DELAY: Duration = Duration::from_secs(2);
/// How long a run took.
const DURATION: Duration = Duration::from_millis(300);

/// Gives the store of a fresh demo a past of so many days, at most [`MAX_DAYS`]; does nothing to a store that has measurements.
///
/// Users have a past of half a year if the others have all of theirs. 60 days take about 9 s of CPU in a debug build on a
/// busy machine, on as many cores as there are. A target that cannot be measured has no past.
///
/// # Errors
///
/// If the store does not answer.
pub(crate) async fn write(backend: &Backend, fleet: &Fleet, days: u16) -> anyhow::Result<()> {
    if days == 0 || !is_fresh(&backend.snapshots()).await? {
        return Ok(());
    }
    let started = Instant::now();
    let calendar = Arc::new(Calendar::before(backend.clock.now(), days));
    let buckets = BucketSource::new(Arc::clone(&backend.aws), Arc::clone(&backend.clock));
    let databases = TableSource::new(backend.databases.clone());
    let databases = databases.with_storage(Arc::clone(&backend.clock));
    let documents = FileDocumentSource::new(backend.databases.clone());
    let users = UserActivitySource::new(
        backend.databases.clone(),
        backend.deployment_key.clone(),
        Arc::clone(&backend.clock),
    );
    let apps = fleet.environments();
    let apps = apps.filter(|environment| environment.database.is_some());
    // All are measured before anything is computed, which would let them wait.
    let (buckets, databases, documents, users) = tokio::join!(
        measured(&buckets, fleet.buckets()),
        measured(&databases, fleet.databases()),
        measured(&documents, fleet.databases()),
        measured(&users, apps.collect())
    );
    let scratch = || Scratch::new(|items| backend.writers_to(items));
    let mut tasks = JoinSet::new();
    for (target, size) in buckets {
        let past = Past::new(target.id(), &target.environment, size, &calendar);
        past.spawn(&mut tasks, scratch());
    }
    for (target, size) in databases {
        let past = Past::new(target.id(), &target.environment, size, &calendar);
        past.spawn(&mut tasks, scratch());
    }
    for (target, counted) in documents {
        let past = Past::new(target.id(), &target.environment, counted, &calendar);
        past.spawn(&mut tasks, scratch());
    }
    for (environment, measured) in users {
        let Some(target) = &environment.database else {
            continue;
        };
        let past = PastUsers {
            target: target.id(),
            measured,
            now: calendar.now,
            days: PastUsers::days(days),
        };
        past.spawn(&mut tasks, scratch());
    }
    let mut puts = Vec::new();
    while let Some(items) = tasks.join_next().await {
        puts.extend(items??.into_iter().map(|item| Put {
            item,
            expect: Expect::Absent,
        }));
    }
    let count = puts.len();
    // SQLite's transactions have no limit.
    let written = backend.store.put_all(puts).await;
    match written.context("could not write the demo's past")? {
        Written::Done => tracing::info!(
            item_count = count,
            duration_ms = started.elapsed().as_millis(),
            "the demo's past was written"
        ),
        Written::Conflict => {
            tracing::warn!("the demo has no past: something else has written into its store");
        }
    }
    Ok(())
}

/// Returns whether nothing was ever measured.
async fn is_fresh(snapshots: &SnapshotReader) -> anyhow::Result<bool> {
    let mut is_fresh = true;
    let buckets = snapshots.each_latest::<BucketSize>(|_, _| is_fresh = false);
    buckets.await?;
    let databases = snapshots.each_latest::<DatabaseSize>(|_, _| is_fresh = false);
    databases.await?;
    Ok(is_fresh)
}

/// Measures targets, and returns those that could be.
async fn measured<'f, S: Source>(
    source: &S,
    targets: Vec<&'f S::Target>,
) -> Vec<(&'f S::Target, S::Measurement)> {
    let measured = targets.into_iter().map(|target| async move {
        let measured = source.measure(target, &Progress::default()).await;
        let warn = |error: &MeasureError| {
            tracing::warn!(
                error = error_chain(error),
                "a target of the demo has no past"
            );
        };
        Some((target, measured.inspect_err(warn).ok()?))
    });
    join_all(measured).await.into_iter().flatten().collect()
}

/// A store in memory that the past of one target is written to.
struct Scratch {
    clock: Arc<MovedClock>,
    store: Arc<MemoryStore>,
    writers: Writers,
}

impl Scratch {
    fn new(writers_to: impl FnOnce(Arc<dyn ItemStore>) -> Writers) -> Self {
        let clock = Arc::new(MovedClock::default());
        let store = Arc::new(MemoryStore::new(clock.clone()));
        Self {
            writers: writers_to(store.clone()),
            clock,
            store,
        }
    }
}

/// The past of one target.
struct Past<M> {
    target: TargetId,
    environment: String,
    measured: M,
    calendar: Arc<Calendar>,
}

impl<M: Shaped + 'static> Past<M> {
    fn new(target: TargetId, environment: &str, measured: M, calendar: &Arc<Calendar>) -> Self {
        Self {
            target,
            environment: environment.to_owned(),
            measured,
            calendar: Arc::clone(calendar),
        }
    }

    /// Writes it on a thread of its own: it never waits for anything.
    fn spawn(self, tasks: &mut JoinSet<anyhow::Result<Vec<Item>>>, scratch: Scratch) {
        let runtime = Handle::current();
        tasks.spawn_blocking(move || runtime.block_on(self.items(scratch)));
    }

    /// Returns everything that its runs left behind and that is not expired.
    async fn items(&self, scratch: Scratch) -> anyhow::Result<Vec<Item>> {
        let last_day = self.runs().last().map(|run| run.at.date_naive());
        let mut day = None;
        for run in self.runs() {
            scratch.clock.move_to(run.at);
            let today = Some(run.at.date_naive());
            // Of a day that is over only its snapshots count: they are taken in by the first run of the next one.
            let is_recorded = day != today || today == last_day;
            day = today;
            self.write(run, &scratch.writers, is_recorded).await?;
        }
        Ok(kept(&scratch.store, self.calendar.now))
    }

    /// Returns the runs of this kind of measurement. The first live run is due at once.
    fn runs(&self) -> impl Iterator<Item = PastRun> {
        let every = Duration::from_secs(3600) * M::EVERY_HOURS;
        let end = match M::EVERY_HOURS {
            1 => self.calendar.now,
            _ => self.calendar.now - every,
        };
        let runs = self.calendar.runs();
        let runs =
            runs.filter(move |run| run.at.hour().is_multiple_of(M::EVERY_HOURS) && run.at < end);
        runs.map(move |run| PastRun {
            every: run.every.max(every),
            ..run
        })
    }

    async fn write(
        &self,
        run: PastRun,
        writers: &Writers,
        is_recorded: bool,
    ) -> anyhow::Result<()> {
        let Writers {
            snapshots, history, ..
        } = writers;
        let PastRun { at, every } = run;
        if self.has_failed(at) {
            let failure = Failure {
                scheduled_at: at,
                failed_at: clock::after(at, DELAY),
                failing_since: clock::after(at, DELAY),
                code: "access_denied".to_owned(),
                reason: "ListObjectsV2 was refused: the role may not list this bucket".to_owned(),
            };
            snapshots.record_failure::<M>(&self.target, failure).await?;
            if is_recorded {
                history.record_failure::<M>(&self.target, at).await?;
            }
            return Ok(());
        }
        let next = clock::after(at, every);
        let run = Run {
            scheduled_at: at,
            taken_at: clock::after(at, DELAY),
            duration: DURATION,
            next_due_at: next,
        };
        let refresh = Refresh {
            interval_seconds: every.as_secs(),
            reason: RefreshReason::EveryTick,
            next_full_at: next,
        };
        let measurement = self.measured.in_past(&self.environment, at, &self.calendar);
        let snapshot = Snapshot {
            target: self.target.clone(),
            run,
            measurement: measurement.in_run(&run, Some(refresh)),
        };
        snapshots.keep(&snapshot).await?;
        if is_recorded {
            history.record(&snapshot).await?;
        }
        Ok(())
    }

    fn has_failed(&self, at: DateTime<Utc>) -> bool {
        let (from, to) = FAILED_HOURS;
        let ago = self.calendar.now - at;
        M::KIND == Kind::Bucket
            && self.environment == FAILED
            && ago < TimeDelta::hours(from)
            && ago >= TimeDelta::hours(to)
    }
}

/// Returns what is in `store` and not expired at `now`.
fn kept(store: &MemoryStore, now: DateTime<Utc>) -> Vec<Item> {
    let items = store.dump().into_iter();
    items.filter(|item| !item.is_expired(now)).collect()
}

/// A clock that shows the time of the run that is being written.
#[derive(Debug, Default)]
struct MovedClock(AtomicI64);

impl MovedClock {
    fn move_to(&self, time: DateTime<Utc>) {
        self.0.store(time.timestamp(), Ordering::Relaxed);
    }
}

impl Clock for MovedClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.0.load(Ordering::Relaxed), 0).unwrap_or_default()
    }
}
