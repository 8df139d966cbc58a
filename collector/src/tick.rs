//! One tick of the schedule.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use shared::clock;

/// One tick of the schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tick {
    /// Scheduled time, in whole seconds.
    pub at: DateTime<Utc>,
    /// Time between two ticks.
    pub every: Duration,
}

impl Tick {
    /// Returns the scheduled time of the next tick.
    pub fn next_at(self) -> DateTime<Utc> {
        clock::after(self.at, self.every)
    }

    /// Returns the scheduled time of the tick before.
    pub fn previous_at(self) -> DateTime<Utc> {
        TimeDelta::from_std(self.every).map_or(DateTime::UNIX_EPOCH, |every| self.at - every)
    }
}
