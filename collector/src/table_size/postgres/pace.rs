//! Size of the next batch of tables, and its retries if a table is locked or a replica cancels it. No I/O.

/// Tables in one batch: the work that one new lock makes us repeat.
const BATCH: i64 = 1000;
/// Maximum number of lock waits in one run. Each takes the session's `lock_timeout`, a few seconds in total.
const MAX_WAITS: u32 = 50;
/// Maximum number of cancelled batches in one run. A replica cancels at once, so they cost little.
const MAX_CONFLICTS: u32 = 500;

/// Parameters of the next batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pace {
    /// Maximum number of tables in the next batch.
    pub(super) batch: i64,
    /// Whether it calls no size function and uses the catalogue's page counts only.
    pub(super) is_estimate: bool,
    /// Whether this batch has already failed once.
    is_retry: bool,
    waits: u32,
    conflicts: u32,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self {
            batch: BATCH,
            is_estimate: false,
            is_retry: false,
            waits: 0,
            conflicts: 0,
        }
    }

    /// Moves on after a successful batch.
    pub(super) fn succeeded(&mut self) {
        self.batch = (self.batch * 2).min(BATCH);
        self.is_estimate = false;
        self.is_retry = false;
    }

    /// Adjusts the pace after a batch that ran into a lock; returns `false` after too many locks.
    ///
    /// The first retry repeats the same batch: the query now sees the lock and does not open that table. If it runs
    /// into another lock, batches become smaller until a single table is estimated without being opened.
    pub(super) fn hit_lock(&mut self) -> bool {
        self.waits += 1;
        if self.is_retry {
            self.is_estimate = self.batch == 1;
            self.batch = (self.batch / 2).max(1);
        }
        self.is_retry = true;
        self.waits <= MAX_WAITS
    }

    /// Adjusts the pace after a batch that a replica cancelled in favour of its recovery; returns `false` after too many.
    ///
    /// The first retry repeats the same batch. Smaller batches end before the next conflict.
    pub(super) fn hit_conflict(&mut self) -> bool {
        self.conflicts += 1;
        if self.is_retry {
            self.batch = (self.batch / 2).max(1);
        }
        self.is_retry = true;
        self.conflicts <= MAX_CONFLICTS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_lock_costs_one_retry_and_repeated_locks_end_at_one_table() {
        let mut pace = Pace::new();

        assert!(pace.hit_lock());
        assert_eq!((pace.batch, pace.is_estimate), (BATCH, false));
        let mut waits = 1;
        while !pace.is_estimate {
            assert!(pace.hit_lock());
            waits += 1;
        }
        assert_eq!(pace.batch, 1);
        assert!(waits <= 12, "{waits}");

        pace.succeeded();
        assert_eq!((pace.batch, pace.is_estimate), (2, false));
        for _ in 0..20 {
            pace.succeeded();
        }
        assert_eq!(pace.batch, BATCH);
    }

    #[test]
    fn conflicts_make_batches_smaller_and_never_an_estimate() {
        let mut pace = Pace::new();

        let mut conflicts = 0;
        while pace.hit_conflict() {
            conflicts += 1;
        }

        assert_eq!(conflicts, MAX_CONFLICTS);
        assert_eq!((pace.batch, pace.is_estimate), (1, false));
    }

    #[test]
    fn the_number_of_waits_is_limited() {
        let mut pace = Pace::new();
        let mut waits = 0;
        while pace.hit_lock() {
            pace.succeeded();
            waits += 1;
        }

        assert_eq!(waits, MAX_WAITS);
    }
}
