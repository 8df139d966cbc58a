//! When a storage target is measured again, and why then. What decides it is the collector's business.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::clock;

/// Longest time between two listings of a bucket, whatever its share of the budget: snapshots are kept 35 days.
pub const LONGEST_INTERVAL: Duration = Duration::from_secs(30 * 86_400);
/// Time after which a listing that was due and is not there counts as missed, where the interval is longer.
const LATEST_PATIENCE: Duration = Duration::from_secs(86_400);

/// When a target is measured again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refresh {
    /// Time between two full measurements.
    pub interval_seconds: u64,
    /// Why it is that long.
    pub reason: RefreshReason,
    /// When the next full measurement is due.
    pub next_full_at: DateTime<Utc>,
}

impl Refresh {
    /// Returns whether the full measurement that was due is missed at `now`: a whole interval has gone by since, or a
    /// day where intervals are longer.
    pub fn is_missed(&self, now: DateTime<Utc>) -> bool {
        let patience = Duration::from_secs(self.interval_seconds).min(LATEST_PATIENCE);
        now >= clock::after(self.next_full_at, patience)
    }

    /// Returns whether the interval is the longest there is: the target takes more than its share of the budget.
    pub fn is_maximum(&self) -> bool {
        self.interval_seconds >= LONGEST_INTERVAL.as_secs()
    }
}

/// What decides how often a target is measured in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshReason {
    /// Small enough for every tick of the schedule.
    EveryTick,
    /// As often as its share of the fleet's budget of LIST requests allows.
    Budget,
    /// The service has a new number once in that time.
    ServiceUpdates,
}

impl RefreshReason {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::EveryTick, Self::Budget, Self::ServiceUpdates];

    /// Returns the word for it in answers and stored items.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EveryTick => "every_tick",
            Self::Budget => "budget",
            Self::ServiceUpdates => "service_updates",
        }
    }
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
