//! How long each part of planning may take.

use std::time::Duration;

/// Longest time for reading what is known about all buckets: some 20 queries of a megabyte for 10,000 of them.
pub const READ_TIMEOUT: Duration = Duration::from_secs(45);
/// Longest time for reading CloudWatch: 10,000 buckets are 556 calls, 8 at a time.
pub const CLOUDWATCH_TIMEOUT: Duration = Duration::from_secs(60);
/// What is left of an invocation for queueing: 10,000 targets take seconds, a retried call 33.
pub const QUEUE_RESERVE: Duration = Duration::from_secs(75);
/// Longest time for postponing announced measurements, and again for storing metrics: 10,000 writes take 25 s.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(40);
/// Longest time for the history of metrics: 10,000 buckets have new ones at the same tick, and each takes about ten calls.
pub const HISTORY_TIMEOUT: Duration = Duration::from_secs(60);
/// Time that the function `plan` needs at most: the fleet file, then all of the above, then the alerts.
pub const PLAN_TIMEOUT: Duration = Duration::from_secs(420);
/// Longest time for the last days of targets that were removed, while alerts are evaluated. What is left, the next day does.
pub(super) const REMOVED_TIMEOUT: Duration = Duration::from_secs(40);
/// Histories that are written at a time: most of their calls are to partitions of their own.
pub(super) const CONCURRENT_HISTORIES: usize = 16;
/// Writes at a time: all latest items of a kind share a partition, which takes 1,000 writes a second.
pub(super) const CONCURRENT_WRITES: usize = 4;

#[cfg(test)]
mod tests {
    use shared::aws::CALL_TIMEOUT;

    use super::*;
    use crate::alerts::ALERT_TIMEOUT;

    #[test]
    fn the_timeouts_add_up_to_the_functions() {
        // Reading the fleet file and opening a connection.
        let fleet = CALL_TIMEOUT;
        let writes = 2 * WRITE_TIMEOUT;

        let sum = fleet
            + READ_TIMEOUT
            + QUEUE_RESERVE
            + CLOUDWATCH_TIMEOUT
            + writes
            + HISTORY_TIMEOUT
            + ALERT_TIMEOUT;

        assert!(sum <= PLAN_TIMEOUT, "{sum:?}");
        assert!(REMOVED_TIMEOUT <= ALERT_TIMEOUT);
        assert!(2 * CALL_TIMEOUT <= QUEUE_RESERVE);
    }
}
