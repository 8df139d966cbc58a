//! The budget for listing the fleet's buckets. The collector divides it among the buckets.

/// Default number of LIST requests a day.
const DEFAULT_LIST_REQUESTS_PER_DAY: u64 = 1_000_000;

/// A budget over all buckets of the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefreshBudget {
    /// LIST requests a day, which AWS bills: one for 1,000 objects. An average over the intervals of successful
    /// scheduled runs.
    ///
    /// At $0.005 for 1,000 requests, 1,000,000 a day are $5 a day and $152 a month; one dollar a month is
    /// 6,571 requests a day.
    pub list_requests_per_day: u64,
}

impl Default for RefreshBudget {
    /// A million a day: a hundred million objects every three hours, or 400 buckets of 100,000 every hour.
    fn default() -> Self {
        Self {
            list_requests_per_day: DEFAULT_LIST_REQUESTS_PER_DAY,
        }
    }
}
