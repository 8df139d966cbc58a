//! What became of one run: its log line, its metrics, and whether its message comes again.

use std::time::Duration;

use chrono::{DateTime, Utc};
use shared::clock;
use shared::fleet::{Kind, TargetId};
use shared::store::{Kept, StoreError};
use shared::telemetry::{Metrics, error_chain};

use crate::error::MeasureError;

/// One run of one target.
#[derive(Debug)]
pub struct Report {
    /// Kind of the target.
    pub kind: Kind,
    /// The target.
    pub target: TargetId,
    /// Scheduled time of the run.
    pub scheduled_at: DateTime<Utc>,
    /// How long measuring took.
    pub duration: Duration,
    /// Objects or tables that were seen, also when the run failed later.
    pub item_count: u64,
    /// How it ended.
    pub outcome: Outcome,
}

/// How a run ended.
#[derive(Debug)]
pub enum Outcome {
    /// Measured, and kept.
    Kept {
        /// As what.
        kept: Kept,
        /// Bytes of the target in total.
        total_bytes: u64,
    },
    /// Not measured; the failure is recorded for readers.
    Failed(MeasureError),
    /// Measured, but not kept.
    NotKept(StoreError),
    /// Neither measured nor recorded as a failure.
    NotRecorded {
        /// Why it was not measured.
        error: MeasureError,
        /// Why that was not recorded.
        store_error: StoreError,
    },
    /// The invocation had no time left for it.
    NotStarted,
}

impl Outcome {
    /// Returns the word for it in logs.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Kept {
                kept: Kept::AsLatest,
                ..
            } => "kept",
            Self::Kept {
                kept: Kept::AsHistory,
                ..
            } => "kept_as_history",
            Self::Failed(_) => "failed",
            Self::NotKept(_) => "not_kept",
            Self::NotRecorded { .. } => "not_recorded",
            Self::NotStarted => "not_started",
        }
    }

    /// Returns whether the message of the run must be delivered again.
    ///
    /// A recorded failure that only passes when somebody acts is settled: the next tick of the schedule is
    /// early enough to look again.
    pub fn is_redelivered(&self) -> bool {
        match self {
            Self::Kept { .. } => false,
            Self::Failed(error) => error.is_transient,
            Self::NotKept(_) | Self::NotRecorded { .. } | Self::NotStarted => true,
        }
    }

    fn failure_code(&self) -> &'static str {
        match self {
            Self::Kept { .. } => "",
            Self::Failed(error) | Self::NotRecorded { error, .. } => error.code,
            Self::NotKept(_) => "store_failed",
            Self::NotStarted => "no_time_left",
        }
    }

    fn cause(&self) -> String {
        match self {
            Self::Kept { .. } | Self::NotStarted => String::new(),
            Self::Failed(error) => error_chain(error),
            Self::NotKept(error) => error_chain(error),
            Self::NotRecorded { error, store_error } => format!(
                "{}; not recorded: {}",
                error_chain(error),
                error_chain(store_error)
            ),
        }
    }
}

impl Report {
    /// Writes the one log line of the run: `warn` when it will be tried again, `error` when somebody must act.
    pub fn log(&self) {
        let outcome = self.outcome.as_str();
        let scheduled_at = clock::rfc3339(self.scheduled_at);
        let duration_ms = self.duration_ms();
        if let Outcome::Kept { total_bytes, .. } = self.outcome {
            tracing::info!(
                run.kind = self.kind.as_str(),
                target.id = self.target.as_str(),
                scheduled_at,
                duration_ms,
                total_bytes,
                item_count = self.item_count,
                outcome,
                "target measured"
            );
        } else if self.outcome.is_redelivered() {
            tracing::warn!(
                run.kind = self.kind.as_str(),
                target.id = self.target.as_str(),
                scheduled_at,
                duration_ms,
                item_count = self.item_count,
                outcome,
                failure.code = self.outcome.failure_code(),
                error = self.outcome.cause(),
                "target not measured, its message comes again"
            );
        } else {
            tracing::error!(
                run.kind = self.kind.as_str(),
                target.id = self.target.as_str(),
                scheduled_at,
                duration_ms,
                item_count = self.item_count,
                outcome,
                failure.code = self.outcome.failure_code(),
                error = self.outcome.cause(),
                "target not measured until somebody acts"
            );
        }
    }

    /// Writes the metrics of the run as of `now`; a run that was not started has none.
    ///
    /// `Failures` is 0 for a good run, so that its average is the share of failed runs. `SnapshotAgeSeconds`
    /// says how long after its scheduled time a snapshot can be read.
    pub fn emit(&self, metrics: Metrics, now: DateTime<Utc>) {
        let duration = ("DurationMilliseconds", "Milliseconds", self.duration_ms());
        let run = ("Runs", "Count", 1);
        let kind = self.kind.as_str();
        match &self.outcome {
            Outcome::NotStarted => {}
            Outcome::Kept { total_bytes, .. } => {
                let age_seconds = clock::seconds_between(self.scheduled_at, now);
                let values = [
                    run,
                    ("Failures", "Count", 0),
                    duration,
                    ("MeasuredBytes", "Bytes", *total_bytes),
                    ("MeasuredItems", "Count", self.item_count),
                    ("SnapshotAgeSeconds", "Seconds", age_seconds),
                ];
                metrics.emit(now, kind, &values);
            }
            _ => metrics.emit(now, kind, &[run, ("Failures", "Count", 1), duration]),
        }
    }

    fn duration_ms(&self) -> u64 {
        u64::try_from(self.duration.as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store_error() -> StoreError {
        StoreError::Unavailable("down".into())
    }

    #[test]
    fn only_what_may_pass_by_itself_comes_again() {
        let permanent = || MeasureError::permanent("bucket_missing", "the bucket does not exist");
        let transient = MeasureError::transient("timeout", "no answer in time");
        let kept = |kept| Outcome::Kept {
            kept,
            total_bytes: 0,
        };
        let cases = [
            (kept(Kept::AsLatest), false),
            (kept(Kept::AsHistory), false),
            (Outcome::Failed(permanent()), false),
            (Outcome::Failed(transient), true),
            (Outcome::NotKept(store_error()), true),
            (
                Outcome::NotRecorded {
                    error: permanent(),
                    store_error: store_error(),
                },
                true,
            ),
            (Outcome::NotStarted, true),
        ];

        for (outcome, expected) in cases {
            assert_eq!(outcome.is_redelivered(), expected, "{}", outcome.as_str());
        }
    }

    #[test]
    fn a_failure_that_was_not_recorded_is_told_with_both_causes() {
        let outcome = Outcome::NotRecorded {
            error: MeasureError::permanent("bucket_missing", "the bucket does not exist"),
            store_error: store_error(),
        };

        assert_eq!(outcome.failure_code(), "bucket_missing");
        assert_eq!(
            outcome.cause(),
            "the bucket does not exist; not recorded: the snapshot store is unavailable: down"
        );
    }
}
