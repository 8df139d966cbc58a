//! What collecting takes itself: runs and billed requests a day, at the present intervals of the shown targets.

use shared::snapshot::{BucketSize, Good, Run};

use super::catalogue::{COLLECTION_LIST_REQUESTS, COLLECTION_RUNS};
use super::exposition::{Exposition, Labels};
use crate::collection_use::{THOUSANDTHS, runs_a_day};

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
        let runs = runs_a_day(&good.run, good.summary.refresh);
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
        let runs = runs_a_day(&run, None);
        self.database_runs = self.database_runs.saturating_add(runs);
    }

    /// Adds the sums to the answer.
    pub(super) fn write(&self, exposition: &mut Exposition) {
        let whole = |thousandths: u64| Some(thousandths.div_ceil(THOUSANDTHS));
        for (kind, runs) in [
            ("bucket", self.storage_runs),
            ("database", self.database_runs),
        ] {
            let labels = Labels::of_target([("runs", kind.to_owned())]);
            exposition.add(&COLLECTION_RUNS, &labels, whole(runs));
        }
        let requests = whole(self.list_requests);
        exposition.add(&COLLECTION_LIST_REQUESTS, &Labels::default(), requests);
    }
}
