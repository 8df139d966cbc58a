//! What collecting a target takes itself: the same figures in the answers and in `/metrics`.

use schemars::JsonSchema;
use serde::Serialize;
use shared::snapshot::Run;
use shared::snapshot::bucket_size::Refresh;

const DAY_SECONDS: u64 = 86_400;
/// A day's runs are counted in thousandths, so that no sum of rare runs is nothing.
pub(crate) const THOUSANDTHS: u64 = 1000;

/// What measuring a target takes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct CollectionUse {
    /// Runs a day at the present interval, to three decimals.
    pub runs_per_day: f64,
    /// Seconds that the last run took.
    pub run_seconds: f64,
    /// LIST requests of a run, by the last listing: AWS bills them. 0 where nothing is listed.
    pub list_requests: u64,
}

impl CollectionUse {
    pub(crate) fn of(run: &Run, refresh: Option<Refresh>, list_requests: u64) -> Self {
        let runs = u32::try_from(runs_a_day(run, refresh)).unwrap_or(u32::MAX);
        Self {
            runs_per_day: f64::from(runs) / 1000.0,
            run_seconds: run.duration.as_secs_f64(),
            list_requests,
        }
    }
}

/// Returns the runs a day of a target, in thousandths.
pub(crate) fn runs_a_day(run: &Run, refresh: Option<Refresh>) -> u64 {
    let seconds = match refresh {
        Some(refresh) => refresh.interval_seconds,
        None => (run.next_due_at - run.scheduled_at)
            .num_seconds()
            .try_into()
            .unwrap_or_default(),
    };
    DAY_SECONDS * THOUSANDTHS / seconds.max(1)
}
