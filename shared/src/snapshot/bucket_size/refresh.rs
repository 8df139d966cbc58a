//! When a storage target is measured again, and why then. The collector decides.

use std::time::Duration;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock;

/// Longest time between two listings of a bucket, whatever its share of the budget: snapshots are kept 35 days.
pub const LONGEST_INTERVAL: Duration = Duration::from_secs(30 * 86_400);
/// Time after which an overdue listing counts as missed, where the interval is longer.
const MAX_PATIENCE: Duration = Duration::from_secs(86_400);

/// When a target is measured in full again, and why then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Refresh {
    /// Seconds between two full measurements. CloudWatch's metrics may change in between: see their `as_of`.
    pub interval_seconds: u64,
    /// Why the interval is that long: `every_tick` of the schedule; `budget`, as often as the target's share of the
    /// fleet's LIST requests allows; `expected_change`, as often as its total is expected to change by the fleet file's
    /// `max_error_percent`, by how it changed before; `service_updates`, as often as its service has a new number.
    pub reason: RefreshReason,
    /// When the next full measurement is due, RFC 3339 UTC.
    pub next_full_at: DateTime<Utc>,
}

impl Refresh {
    /// Returns whether the due measurement is missed at `now`: one interval, or one day where intervals are longer, has
    /// passed since.
    pub fn is_missed(&self, now: DateTime<Utc>) -> bool {
        now >= self.missed_at()
    }

    /// Returns the time from which the due measurement is missed, unless it is made before.
    pub fn missed_at(&self) -> DateTime<Utc> {
        let patience = Duration::from_secs(self.interval_seconds).min(MAX_PATIENCE);
        clock::after(self.next_full_at, patience)
    }

    /// Returns whether the interval is the longest possible: the target takes more than its share of the budget.
    pub fn is_maximum(&self) -> bool {
        self.interval_seconds >= LONGEST_INTERVAL.as_secs()
    }
}

/// What decides how often a target is measured in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefreshReason {
    /// It is small enough for every tick of the schedule.
    EveryTick,
    /// Its share of the fleet's budget of LIST requests.
    Budget,
    /// The time in which its total is expected to change by more than may be off, from how it changed before.
    ExpectedChange,
    /// The interval at which the service updates its number.
    ServiceUpdates,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_measurement_is_missed_after_an_interval_or_a_day() {
        let missed_after = |interval_seconds| {
            let refresh = Refresh {
                interval_seconds,
                reason: RefreshReason::Budget,
                next_full_at: DateTime::UNIX_EPOCH,
            };
            let second = |seconds| refresh.is_missed(DateTime::from_timestamp(seconds, 0).unwrap());
            (0..).find(|hour| second(hour * 3600)).unwrap()
        };

        assert_eq!(missed_after(3600), 1);
        assert_eq!(missed_after(86_400), 24);
        assert_eq!(missed_after(10 * 86_400), 24);
    }
}
