//! How long history is kept.

use std::time::Duration;

/// How long blocks are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryRetention {
    /// Blocks of hours, from the end of their day.
    pub hours: Duration,
    /// Blocks of days, from the end of their month; for ever when `None`.
    pub days: Option<Duration>,
}

impl Default for HistoryRetention {
    /// A quarter by the hour, and days for ever.
    fn default() -> Self {
        Self {
            hours: Duration::from_secs(92 * 86_400),
            days: None,
        }
    }
}
