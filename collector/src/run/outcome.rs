//! How a run ended, and whether its message comes again.

use shared::store::{Kept, StoreError};
use shared::telemetry::error_chain;

use crate::error::MeasureError;
use crate::queue::QueueError;

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
    /// Not measured, as ordered: something was added to the last good snapshot.
    Carried,
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
    /// A part of it was measured; a message for the rest is queued.
    Paused,
    /// A part of it was measured; no message for the rest could be queued.
    NotContinued(QueueError),
    /// There is nothing to do: another run of the target does the work or has done it, or nothing is to be added.
    Settled,
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
            Self::Carried => "carried",
            Self::Failed(_) => "failed",
            Self::NotKept(_) => "not_kept",
            Self::NotRecorded { .. } => "not_recorded",
            Self::NotStarted => "not_started",
            Self::Paused => "paused",
            Self::NotContinued(_) => "not_continued",
            Self::Settled => "settled",
        }
    }

    /// Returns whether the message of the run must be delivered again.
    ///
    /// A recorded failure that only passes when somebody acts is settled: the next tick of the schedule is
    /// early enough to look again.
    pub fn is_redelivered(&self) -> bool {
        match self {
            Self::Kept { .. } | Self::Carried | Self::Paused | Self::Settled => false,
            Self::Failed(error) => error.is_transient,
            Self::NotKept(_)
            | Self::NotRecorded { .. }
            | Self::NotStarted
            | Self::NotContinued(_) => true,
        }
    }

    /// Returns the stable word for why there is no snapshot; empty when there is one.
    pub fn failure_code(&self) -> &'static str {
        match self {
            Self::Kept { .. } | Self::Carried | Self::Paused | Self::Settled => "",
            Self::NotContinued(_) => "queue_failed",
            Self::Failed(error) | Self::NotRecorded { error, .. } => error.code,
            Self::NotKept(_) => "store_failed",
            Self::NotStarted => "no_time_left",
        }
    }

    /// Returns everything that is known about why there is no snapshot, for logs only.
    pub(super) fn cause(&self) -> String {
        match self {
            Self::Kept { .. } | Self::Carried | Self::NotStarted | Self::Paused | Self::Settled => {
                String::new()
            }
            Self::NotContinued(error) => error_chain(error),
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
            (Outcome::Carried, false),
            (Outcome::Paused, false),
            (Outcome::Settled, false),
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
