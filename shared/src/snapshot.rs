//! What one run measured, when, and how complete it is. Domain types only: no storage, no wire form.

pub mod bucket_size;
pub mod server_storage;
pub mod storage_metrics;
pub(crate) mod stored;
pub mod table_size;

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::clock;
use crate::fleet::{Kind, TargetId};

use bucket_size::Refresh;
pub use bucket_size::{BucketSize, ClassSize, Method, Objects};
pub use server_storage::{ServerKind, ServerStorage};
pub use storage_metrics::StorageMetrics;
pub use stored::Stored;
pub use table_size::{
    DatabaseSize, DatabaseSummary, MendixCatalogue, Persistence, Quality, TableKind, TableName,
    TableSize, UnsizedTable,
};

/// Result of one measuring run: bytes of a bucket or tables of a database.
///
/// A large measurement is kept as a small summary, which lists and histories read, and a body, which is
/// read only when its rows are asked for.
pub trait Measurement: Send + Sync + Sized {
    /// Kind of target that this is measured from.
    const KIND: Kind;
    /// What is read without the body.
    type Summary: Clone + Send + Sync + PartialEq + std::fmt::Debug;

    /// Returns the summary.
    fn summary(&self) -> Self::Summary;
    /// Returns whether everything was measured.
    fn completeness(&self) -> Completeness;
    /// Returns the bytes in total, for logs and metrics.
    fn total_bytes(&self) -> u64;

    /// Returns the same with what it holds itself about its run and about the next full measurement.
    #[must_use]
    fn in_run(self, _run: &Run, _refresh: Option<Refresh>) -> Self {
        self
    }
}

/// Whether a measurement has everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completeness {
    /// All of it was measured.
    Complete,
    /// Something could not be measured; the measurement lists what, and no total includes it.
    Partial,
}

impl Completeness {
    /// Returns the word for it in answers and stored items.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
        }
    }
}

/// One run's measurement of one target. Never changed after it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot<M> {
    /// What was measured.
    pub target: TargetId,
    /// Times of the run.
    pub run: Run,
    /// What was found.
    pub measurement: M,
}

/// Times of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Scheduled time of the run in whole seconds: with the target, the snapshot's key.
    pub scheduled_at: DateTime<Utc>,
    /// When measuring began: the numbers know of nothing older, so an age from here is never understated.
    pub taken_at: DateTime<Utc>,
    /// How long measuring took.
    pub duration: Duration,
    /// When the schedule wants the next run.
    pub next_due_at: DateTime<Utc>,
}

impl Run {
    /// Returns whether a run is missed at `now`: a whole interval has gone by since the next one was due.
    pub fn is_stale(&self, now: DateTime<Utc>) -> bool {
        let interval = self.next_due_at - self.scheduled_at;
        let missed_at = self.next_due_at.checked_add_signed(interval);
        missed_at.is_some_and(|missed_at| now >= missed_at)
    }

    /// Returns how old the numbers are at `now`, in seconds.
    pub fn age_seconds(&self, now: DateTime<Utc>) -> u64 {
        clock::seconds_between(self.taken_at, now)
    }

    /// Returns a run that took no time, for tests.
    #[cfg(any(test, feature = "testing"))]
    pub fn at(scheduled_at: DateTime<Utc>, every: Duration) -> Self {
        let next_due_at = clock::after(scheduled_at, every);
        Self {
            scheduled_at,
            taken_at: scheduled_at,
            duration: Duration::ZERO,
            next_due_at,
        }
    }
}

/// What is known of a target now.
#[derive(Debug, Clone, PartialEq)]
pub struct Latest<S> {
    /// The target.
    pub target: TargetId,
    /// Grows with every change of this record.
    pub version: u64,
    /// The newest good run, by its scheduled time; `None` when no run ever succeeded.
    pub good: Option<Good<S>>,
    /// The newest failure since the last good run; `None` when the newest run was good.
    pub last_failure: Option<Failure>,
}

/// Summary of a good run.
#[derive(Debug, Clone, PartialEq)]
pub struct Good<S> {
    /// Times of the run.
    pub run: Run,
    /// Whether everything was measured.
    pub completeness: Completeness,
    /// What was found.
    pub summary: S,
}

/// A run that gave no numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Scheduled time of the run.
    pub scheduled_at: DateTime<Utc>,
    /// When it failed.
    pub failed_at: DateTime<Utc>,
    /// Stable word for the kind of failure, such as `access_denied`.
    pub code: String,
    /// What was attempted and what to do about it; holds no secret and no host name.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, FixedClock};

    #[test]
    fn a_snapshot_is_stale_when_one_whole_further_interval_is_missed() {
        let clock = FixedClock::at("2026-01-01T10:00:00Z");
        let scheduled_at = clock.now();
        let taken_at = clock::after(scheduled_at, Duration::from_secs(2));
        let run = Run {
            taken_at,
            ..Run::at(scheduled_at, Duration::from_secs(3600))
        };

        clock.advance(Duration::from_secs(7199));
        assert!(!run.is_stale(clock.now()));
        assert_eq!(run.age_seconds(clock.now()), 7197);
        clock.advance(Duration::from_secs(1));
        assert!(run.is_stale(clock.now()));
    }
}
