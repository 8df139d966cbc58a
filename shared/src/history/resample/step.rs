//! The choices of a request: how long cells are, and what becomes of the readings in one.

use std::ops::Range;

use chrono::{DateTime, TimeDelta, Utc};

use crate::history::reading::Reading;

/// Longest range that [`Step::Auto`] shows by the hour.
const AUTO_HOURS: TimeDelta = TimeDelta::days(35);

/// Length of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// One that suits the range: an hour up to 35 days, a day beyond.
    Auto,
    /// One cell for each run.
    Raw,
    /// An hour.
    Hour,
    /// A UTC day.
    Day,
}

impl Step {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Auto, Self::Raw, Self::Hour, Self::Day];

    /// Returns the word for it in requests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Raw => "raw",
            Self::Hour => "1h",
            Self::Day => "1d",
        }
    }

    /// Returns the step for a range, which is never [`Step::Auto`].
    ///
    /// `hours_from` is the start of the time whose single runs are kept: before it there are only days.
    #[must_use]
    pub fn resolve(self, range: Range<DateTime<Utc>>, hours_from: DateTime<Utc>) -> Self {
        match self {
            Self::Auto if range.start >= hours_from && range.end - range.start <= AUTO_HOURS => {
                Self::Hour
            }
            Self::Auto => Self::Day,
            Self::Raw | Self::Hour | Self::Day => self,
        }
    }

    /// Returns the length in seconds; `None` when each run is a cell.
    pub(super) fn seconds(self) -> Option<i64> {
        match self {
            Self::Raw => None,
            Self::Hour => Some(3600),
            Self::Auto | Self::Day => Some(86_400),
        }
    }
}

/// What the readings of a cell become. A size is never summed over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    /// The reading of the last run; null when the series is absent or unsized then.
    Last,
    /// The least size.
    Min,
    /// The greatest size.
    Max,
    /// The mean of the sizes, rounded half up.
    Mean,
}

impl Aggregate {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Last, Self::Min, Self::Max, Self::Mean];

    /// Returns the word for it in requests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Last => "last",
            Self::Min => "min",
            Self::Max => "max",
            Self::Mean => "mean",
        }
    }

    /// Returns the value of the readings of one cell; `None` without any that has a size.
    pub(super) fn of(self, readings: &[Reading]) -> Option<u64> {
        let sizes = || readings.iter().filter_map(|reading| reading.value());
        match self {
            Self::Last => readings.last()?.value(),
            Self::Min => sizes().min(),
            Self::Max => sizes().max(),
            Self::Mean => {
                let count = u128::try_from(sizes().count()).ok()?;
                let total: u128 = sizes().map(u128::from).sum();
                (total + count / 2).checked_div(count)?.try_into().ok()
            }
        }
    }
}
