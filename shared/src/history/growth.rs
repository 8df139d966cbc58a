//! How fast a size grows: a rate with its range, from one closing point per UTC day. No I/O, no clock.
//!
//! The rate is the median of all differences over whole weeks (Theil-Sen without the weekday shape), after at most two
//! one-off steps are taken out and reported. The simulation in `tests/it/growth` compares it with least squares and
//! with a plain difference over seven days. All arithmetic is on integers: the same points give the same answer
//! everywhere.

mod closings;
mod full;
mod rate;
mod trend;

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::Serialize;

pub use closings::Closings;
pub use full::{Full, FullReason, LimitSource};
use rate::Rates;
use trend::{OneOff, Stretch};

/// Days of the window to give for an answer about now; longer windows notice a change no sooner.
pub const WINDOW_DAYS: u32 = 35;
/// Fewest days between the first and the last point; below a week the shape of a weekday passes for growth.
const LEAST_DAYS: i64 = 7;
/// Fewest points: with fewer, one step cannot be told from growth.
const LEAST_POINTS: usize = 4;
/// Days from which a rate is steady: four whole weeks show a weekly clean-up as what it is.
const STEADY_DAYS: i64 = 28;

/// Spreads (MAD) of the weekly rates that the range has on each side of the rate.
const RANGE_SPREADS: i128 = 3;

/// Size of a series at its last point of a UTC day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closing {
    /// The UTC day.
    pub day: NaiveDate,
    /// Size in bytes.
    pub bytes: u64,
}

/// Closing points of one series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClosingSeries<'a> {
    /// Points in any order; days without a point are left out, and the last of several points of one day counts.
    ///
    /// The running day is left out too: it has not closed, and a morning is not a day's growth.
    pub closings: &'a [Closing],
    /// Days whose closing point is not comparable with earlier ones, because the method or the definition changed.
    /// Only the points from the last such day on count.
    pub breaks: &'a [NaiveDate],
    /// Whether the series no longer exists: its table was dropped, or its target is no longer measured.
    pub is_ended: bool,
}

/// How fast a size grows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Growth {
    /// Days from the first to the last closing point that counts.
    pub window_days: u32,
    /// Number of closing points that count: one per UTC day with a measurement, since the last break.
    pub points: u32,
    /// Bytes per day now, one-off steps left out; null with a `reason`.
    pub bytes_per_day: Option<i64>,
    /// Least plausible rate in bytes per day: the least of `bytes_per_day` minus what weeks differ by, the last seven
    /// days with and without one-off steps, and the net change of the window. Null with a `reason`.
    pub low: Option<i64>,
    /// Greatest plausible rate in bytes per day, likewise; null with a `reason`.
    pub high: Option<i64>,
    /// Last closing point minus the first one, in bytes; null with fewer than two points.
    pub net_change_bytes: Option<i64>,
    /// One-off steps in the window, oldest first, at most two: a deletion or an import. More are the series' pattern
    /// and part of the rate.
    pub steps: Vec<Step>,
    /// Whether the size grows; null with a `reason`.
    pub trend: Option<Trend>,
    /// How far the rate can be trusted; null with a `reason`.
    pub confidence: Option<Confidence>,
    /// Why there is no rate; null when there is one.
    pub reason: Option<GrowthReason>,
}

/// A one-off change of a size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Step {
    /// UTC day whose closing point is the first after the step.
    pub at: NaiveDate,
    /// Bytes beyond the ordinary change of that time; negative for a deletion.
    pub bytes: i64,
}

/// Direction of a size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trend {
    /// It grows.
    Growing,
    /// It neither grows nor shrinks: what it changes by goes both ways.
    Flat,
    /// It shrinks.
    Shrinking,
    /// The last seven days differ from the weeks before: `bytes_per_day` is the rate of these seven days.
    Changed,
}

/// How far a rate can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// The window is shorter than 28 days, or more than half of its days have no point: a weekly clean-up may pass for
    /// growth.
    Tentative,
    /// The window has at least 28 days, most of them with a point.
    Steady,
}

/// Why there is no rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrowthReason {
    /// There is no closing point since the last break.
    NoPoints,
    /// The points cover less than seven days.
    UnderAWeek,
    /// There are fewer than four points.
    TooFewPoints,
    /// The series no longer exists.
    Ended,
    /// A number does not fit 64 bits.
    OutOfRange,
}

impl Growth {
    /// Returns the growth of `series`.
    ///
    /// Costs time in the square of the number of points: microseconds for [`WINDOW_DAYS`] of them.
    pub fn of(series: &ClosingSeries<'_>) -> Self {
        let stretch = Stretch::of(series);
        let unknown = |reason| Self {
            window_days: u32::try_from(stretch.days()).unwrap_or(u32::MAX),
            points: u32::try_from(stretch.len()).unwrap_or(u32::MAX),
            bytes_per_day: None,
            low: None,
            high: None,
            net_change_bytes: stretch.net_change().and_then(|net| net.try_into().ok()),
            steps: Vec::new(),
            trend: None,
            confidence: None,
            reason: Some(reason),
        };
        if stretch.len() == 0 {
            unknown(GrowthReason::NoPoints)
        } else if series.is_ended {
            unknown(GrowthReason::Ended)
        } else if stretch.days() < LEAST_DAYS {
            unknown(GrowthReason::UnderAWeek)
        } else if stretch.len() < LEAST_POINTS {
            unknown(GrowthReason::TooFewPoints)
        } else {
            let known = Self::measured(&stretch, unknown(GrowthReason::OutOfRange));
            known.unwrap_or_else(|| unknown(GrowthReason::OutOfRange))
        }
    }

    /// Returns `unknown` with everything known; `None` when a number does not fit.
    fn measured(stretch: &Stretch, unknown: Self) -> Option<Self> {
        let one_offs = stretch.one_offs();
        let cleaned = stretch.without(&one_offs);
        let slopes = cleaned.slopes()?;
        let weeks = cleaned.weeks();
        let (rate, trend) = match trend::changed_rate(&weeks) {
            Some(rate) => (rate, Trend::Changed),
            None => (slopes.median(), trend::direction(slopes.median(), &slopes)),
        };
        let last_week = *weeks.last()?;
        let last_week_raw = *stretch.weeks().last()?;
        let spread = Rates::of(weeks)?.spread().times(RANGE_SPREADS);
        let [below, above] = rate.around(spread);
        let seen = [last_week, last_week_raw, stretch.net_rate()?];
        let low = seen.iter().fold(below, |low, rate| low.min(*rate));
        let high = seen.iter().fold(above, |high, rate| high.max(*rate));
        let is_steady = stretch.days() >= STEADY_DAYS && stretch.has_most_days();
        let step = |one_off: &OneOff| {
            Some(Step {
                at: stretch.day(one_off.index)?,
                bytes: one_off.excess.try_into().ok()?,
            })
        };
        Some(Self {
            bytes_per_day: Some(rate.bytes_per_day()?),
            low: Some(low.bytes_per_day()?),
            high: Some(high.bytes_per_day()?),
            net_change_bytes: Some(unknown.net_change_bytes?),
            steps: one_offs.iter().map(step).collect::<Option<_>>()?,
            trend: Some(trend),
            confidence: Some(if is_steady {
                Confidence::Steady
            } else {
                Confidence::Tentative
            }),
            reason: None,
            ..unknown
        })
    }
}

#[cfg(test)]
mod tests;
