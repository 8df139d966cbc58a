//! What collecting takes itself: runs and billed requests a day, at the present intervals of the shown targets.

use std::sync::Arc;

use shared::snapshot::bucket_size::Refresh;
use shared::snapshot::{BucketSize, Good, Run};

use super::catalogue::{COLLECTION_LIST_REQUESTS, COLLECTION_RUNS};
use super::exposition::Exposition;

const DAY_SECONDS: u64 = 86_400;
/// A day's parts are counted in thousandths, so that no sum of rare runs is nothing.
const THOUSANDTHS: u64 = 1000;

/// Sums in thousandths a day.
#[derive(Debug, Default)]
pub(super) struct OwnUse {
    storage_runs: u64,
    database_runs: u64,
    list_requests: u64,
}

impl OwnUse {
    /// Adds a storage target by its last run.
    pub(super) fn add_storage(&mut self, good: &Good<BucketSize>) {
        let runs = runs_a_day(good.run, good.summary.refresh);
        let listing = good
            .summary
            .listing
            .map_or(0, |listing| listing.request_count);
        self.storage_runs = self.storage_runs.saturating_add(runs);
        let requests = runs.saturating_mul(listing);
        self.list_requests = self.list_requests.saturating_add(requests);
    }

    /// Adds a database by its last run.
    pub(super) fn add_database(&mut self, run: Run) {
        let runs = runs_a_day(run, None);
        self.database_runs = self.database_runs.saturating_add(runs);
    }

    /// Adds the sums to the answer.
    pub(super) fn write(&self, exposition: &mut Exposition) {
        let whole = |thousandths: u64| Some(thousandths.div_ceil(THOUSANDTHS));
        for (kind, runs) in [
            ("bucket", self.storage_runs),
            ("database", self.database_runs),
        ] {
            let labels = Arc::new(vec![("runs", kind.to_owned())]);
            exposition.add(&COLLECTION_RUNS, &labels, whole(runs));
        }
        let requests = whole(self.list_requests);
        exposition.add(&COLLECTION_LIST_REQUESTS, &Arc::default(), requests);
    }
}

/// Returns the runs a day of a target, in thousandths.
fn runs_a_day(run: Run, refresh: Option<Refresh>) -> u64 {
    let seconds = match refresh {
        Some(refresh) => refresh.interval_seconds,
        None => (run.next_due_at - run.scheduled_at)
            .num_seconds()
            .try_into()
            .unwrap_or_default(),
    };
    DAY_SECONDS * THOUSANDTHS / seconds.max(1)
}
