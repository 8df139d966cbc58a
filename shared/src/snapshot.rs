//! What one run measured, when, and how complete it is. Domain types only.
//!
//! Leaf values serialize as they are answered, so that their comments describe the API too. The module `stored` has the
//! forms in which they are stored.

pub mod bucket_size;
mod file_documents;
pub mod pace;
pub mod server_storage;
pub mod storage_metrics;
pub(crate) mod stored;
pub mod table_size;
mod user_activity;

use std::time::Duration;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::bucket_size::Refresh;
use crate::clock;
use crate::fleet::{Kind, TargetId};
use crate::history::Trend;

pub use bucket_size::{BucketSize, ClassSize, Method, Objects};
pub use file_documents::FileDocuments;
pub use pace::Pace;
pub use server_storage::{ServerKind, ServerStorage};
pub use storage_metrics::StorageMetrics;
pub use stored::{Stored, StoredRefresh};
pub use table_size::{
    ChildTables, DatabaseSize, DatabaseSummary, MendixCatalogue, Persistence, Quality, ServerRole,
    TableKind, TableName, TableSize, UnsizedTable,
};
pub use user_activity::{ConcurrentUsers, KeyedIdentities, UserActivity, UserCounts};

/// Result of one measuring run: bytes of a bucket or tables of a database.
///
/// A large measurement is stored as a small summary, which lists and histories read, and a body, which is read only
/// when its rows are requested.
pub trait Measurement: Send + Sync + Sized {
    /// Kind of the measured targets.
    const KIND: Kind;
    /// What is read without the body.
    type Summary: Clone + Send + Sync + PartialEq + std::fmt::Debug;

    /// Returns the summary.
    fn summary(&self) -> Self::Summary;
    /// Returns whether everything was measured.
    fn completeness(&self) -> Completeness;
    /// Returns the bytes in total, for logs and metrics.
    fn total_bytes(&self) -> u64;

    /// Returns the total whose pace of change decides when the target is measured again; `None` for what is measured by
    /// the clock, and for a total that is not comparable with others of the target.
    fn paced_bytes(&self) -> Option<u64> {
        None
    }

    /// Returns when the numbers were true, if somebody else took them before the run.
    fn as_of(&self) -> Option<DateTime<Utc>> {
        None
    }

    /// Returns the measurement with its own record of its run and of the next full measurement, where it keeps one.
    #[must_use]
    fn in_run(self, _run: &Run, _refresh: Option<Refresh>) -> Self {
        self
    }
}

/// Largest difference between the clocks of two machines that are in order.
const CLOCK_LEEWAY: Duration = Duration::from_secs(60);

/// Whether a measurement has everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Completeness {
    /// Everything was measured.
    Complete,
    /// Something could not be measured; the measurement lists it, and no total includes it.
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

/// One run's measurement of one target. It never changes once it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot<M> {
    /// The target.
    pub target: TargetId,
    /// Times of the run.
    pub run: Run,
    /// The result.
    pub measurement: M,
}

/// Times of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Scheduled time of the run in whole seconds: with the target, the snapshot's key.
    pub scheduled_at: DateTime<Utc>,
    /// When measuring started. No number is older, so an age counted from here is never understated.
    pub taken_at: DateTime<Utc>,
    /// How long measuring took.
    pub duration: Duration,
    /// When the next run is due.
    pub next_due_at: DateTime<Utc>,
}

impl Run {
    /// Returns whether measuring started after `now`, by more than clocks differ: one of two clocks is wrong, or this one
    /// was set back. The age is not known then.
    pub fn is_ahead_of(&self, now: DateTime<Utc>) -> bool {
        self.taken_at > clock::after(now, CLOCK_LEEWAY)
    }

    /// Returns whether the next run is missed at `now`: one more interval has passed since it was due. Also if the run
    /// [is ahead](Self::is_ahead_of) of `now`, for nothing says how old it is.
    pub fn is_stale(&self, now: DateTime<Utc>) -> bool {
        if self.is_ahead_of(now) {
            return true;
        }
        self.missed_at().is_some_and(|missed_at| now >= missed_at)
    }

    /// Returns the time from which the next run is missed, unless it is made before; `None` beyond all times.
    pub fn missed_at(&self) -> Option<DateTime<Utc>> {
        let interval = self.next_due_at - self.scheduled_at;
        self.next_due_at.checked_add_signed(interval)
    }

    /// Returns how old the numbers are at `now`, in seconds; 0 if the run [is ahead](Self::is_ahead_of) of it.
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

/// The latest state of a target.
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
    /// Closing totals of the last days, and how far the history is folded; `None` before the first day was closed.
    pub trend: Option<Trend>,
    /// How fast the total changes; `None` for what is measured by the clock, and before it was measured whole.
    pub pace: Option<Pace>,
}

/// Summary of a good run.
#[derive(Debug, Clone, PartialEq)]
pub struct Good<S> {
    /// Times of the run.
    pub run: Run,
    /// Whether everything was measured.
    pub completeness: Completeness,
    /// The result.
    pub summary: S,
}

/// A failed run, which gave no numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Failure {
    /// When the run was scheduled, RFC 3339 UTC.
    pub scheduled_at: DateTime<Utc>,
    /// When it failed, RFC 3339 UTC.
    pub failed_at: DateTime<Utc>,
    /// When the first run failed since the last good one, RFC 3339 UTC.
    pub failing_since: DateTime<Utc>,
    /// Stable word for the kind of failure, such as `access_denied`.
    pub code: String,
    /// What was attempted, why it failed and what to do about it; without secrets and host names.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, FixedClock};

    #[test]
    fn a_snapshot_is_stale_once_one_more_interval_has_passed() {
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

    #[test]
    fn a_run_after_now_is_stale_unless_clocks_may_differ_so_much() {
        let now = FixedClock::at("2026-01-01T10:00:00Z").now();
        let run = |seconds| {
            let taken_at = clock::after(now, Duration::from_secs(seconds));
            Run::at(taken_at, Duration::from_secs(3600))
        };

        let (close, ahead) = (run(60), run(61));
        assert!(!close.is_ahead_of(now) && !close.is_stale(now));
        assert!(ahead.is_ahead_of(now) && ahead.is_stale(now));
        assert_eq!(ahead.age_seconds(now), 0);
    }
}
