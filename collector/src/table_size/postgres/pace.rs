//! How many tables are asked for at once, and what happens when one of them is locked just then. No I/O.

/// Tables of one batch: a lock that comes in its way costs no more than this to ask for again.
const BATCH: i64 = 1000;
/// Most waits for locks in one run. Each is `SIZE_LOCK_TIMEOUT` long, so that all of them are a few seconds.
const MOST_WAITS: u32 = 50;

/// How the next batch is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pace {
    /// Most tables of the next batch.
    pub(super) batch: i64,
    /// Whether no size function is called for it: the catalogue's pages are all that is asked for.
    pub(super) is_estimate: bool,
    /// Whether the next batch was tried already.
    is_retry: bool,
    waits: u32,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self {
            batch: BATCH,
            is_estimate: false,
            is_retry: false,
            waits: 0,
        }
    }

    /// Goes on behind a batch that was answered.
    pub(super) fn answered(&mut self) {
        self.batch = (self.batch * 2).min(BATCH);
        self.is_estimate = false;
        self.is_retry = false;
    }

    /// Goes on after a batch that met a lock; `false` when there were too many.
    ///
    /// The same batch is asked for again first: the lock is seen now, and its table left unopened. Should another
    /// one come, ever smaller batches go around it, and at last one table is estimated without being opened.
    pub(super) fn met_lock(&mut self) -> bool {
        self.waits += 1;
        if self.is_retry {
            self.is_estimate = self.batch == 1;
            self.batch = (self.batch / 2).max(1);
        }
        self.is_retry = true;
        self.waits <= MOST_WAITS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_costs_one_repetition_and_locks_that_go_on_end_at_one_table() {
        let mut pace = Pace::new();

        assert!(pace.met_lock());
        assert_eq!((pace.batch, pace.is_estimate), (BATCH, false));
        let mut waits = 1;
        while !pace.is_estimate {
            assert!(pace.met_lock());
            waits += 1;
        }
        assert_eq!(pace.batch, 1);
        assert!(waits <= 12, "{waits}");

        pace.answered();
        assert_eq!((pace.batch, pace.is_estimate), (2, false));
        for _ in 0..20 {
            pace.answered();
        }
        assert_eq!(pace.batch, BATCH);
    }

    #[test]
    fn waiting_has_an_end() {
        let mut pace = Pace::new();
        let mut waits = 0;
        while pace.met_lock() {
            pace.answered();
            waits += 1;
        }

        assert_eq!(waits, MOST_WAITS);
    }
}
