//! How a run ended, and whether its message is delivered again.

use shared::store::{Kept, StoreError};
use shared::telemetry::error_chain;

use crate::error::MeasureError;
use crate::queue::QueueError;

/// How a run ended.
#[derive(Debug)]
pub enum Outcome {
    /// Measured and stored.
    Stored {
        /// Whether as the latest.
        kept: Kept,
        /// Bytes of the target in total.
        total_bytes: u64,
    },
    /// Not measured; the failure is recorded for readers.
    Failed(MeasureError),
    /// Measured, but not stored.
    StoreFailed(StoreError),
    /// Neither measured nor recorded as a failure.
    NotRecorded {
        /// Why it was not measured.
        error: MeasureError,
        /// Why that was not recorded.
        store_error: StoreError,
    },
    /// The invocation had no time left for it.
    NotStarted,
    /// A part of it was measured; a job for the rest is queued.
    Paused,
    /// A part of it was measured; no job for the rest could be queued.
    NotContinued(QueueError),
    /// Nothing to do: another run of the target does the work or has done it.
    Skipped,
}

impl Outcome {
    /// Returns the word for it in logs.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Stored {
                kept: Kept::AsLatest,
                ..
            } => "stored",
            Self::Stored {
                kept: Kept::AsHistory,
                ..
            } => "stored_as_history",
            Self::Failed(_) => "failed",
            Self::StoreFailed(_) => "store_failed",
            Self::NotRecorded { .. } => "not_recorded",
            Self::NotStarted => "not_started",
            Self::Paused => "paused",
            Self::NotContinued(_) => "not_continued",
            Self::Skipped => "skipped",
        }
    }

    /// Returns whether the message of the run must be delivered again.
    ///
    /// A recorded permanent failure is not retried: the next tick of the schedule is early enough.
    pub fn is_redelivered(&self) -> bool {
        match self {
            Self::Stored { .. } | Self::Paused | Self::Skipped => false,
            Self::Failed(error) => error.is_transient,
            Self::StoreFailed(_)
            | Self::NotRecorded { .. }
            | Self::NotStarted
            | Self::NotContinued(_) => true,
        }
    }

    /// Returns whether the target has nothing to measure, which needs no action.
    pub(super) fn is_not_applicable(&self) -> bool {
        matches!(self, Self::Failed(error) if error.is_not_applicable)
    }

    /// Returns the stable word for why there is no snapshot; empty when there is one.
    pub fn failure_code(&self) -> &'static str {
        match self {
            Self::Stored { .. } | Self::Paused | Self::Skipped => "",
            Self::NotContinued(_) => "queue_failed",
            Self::Failed(error) | Self::NotRecorded { error, .. } => error.code,
            Self::StoreFailed(_) => "store_failed",
            Self::NotStarted => "no_time_left",
        }
    }

    /// Returns everything that is known about why there is no snapshot, for logs only.
    pub(super) fn cause(&self) -> String {
        match self {
            Self::Stored { .. } | Self::NotStarted | Self::Paused | Self::Skipped => String::new(),
            Self::NotContinued(error) => error_chain(error),
            Self::Failed(error) => error_chain(error),
            Self::StoreFailed(error) => error_chain(error),
            Self::NotRecorded { error, store_error } => format!(
                "{}; not recorded: {}",
                error_chain(error),
                error_chain(store_error)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store_error() -> StoreError {
        StoreError::Unavailable("down".into())
    }

    #[test]
    fn only_transient_problems_are_redelivered() {
        let permanent = || MeasureError::permanent("bucket_missing", "the bucket does not exist");
        let transient = MeasureError::transient("timeout", "no answer in time");
        let stored = |kept| Outcome::Stored {
            kept,
            total_bytes: 0,
        };
        let cases = [
            (stored(Kept::AsLatest), false),
            (stored(Kept::AsHistory), false),
            (Outcome::Failed(permanent()), false),
            (Outcome::Failed(transient), true),
            (Outcome::StoreFailed(store_error()), true),
            (
                Outcome::NotRecorded {
                    error: permanent(),
                    store_error: store_error(),
                },
                true,
            ),
            (Outcome::NotStarted, true),
            (Outcome::Paused, false),
            (Outcome::Skipped, false),
        ];

        for (outcome, expected) in cases {
            assert_eq!(outcome.is_redelivered(), expected, "{}", outcome.as_str());
        }
    }

    #[test]
    fn a_failure_that_was_not_recorded_reports_both_causes() {
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
