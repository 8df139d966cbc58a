//! How fast the total of a target changes, by its own measurements. Integers only, no clock.
//!
//! Each pair of consecutive measurements says how fast the total changed in between. The seconds of that time are added
//! to one of a fixed number of levels of pace, and older seconds fade. So one small record knows how much of the time a
//! target changes how fast: a weekly clean-up is a small part of the time, working hours are a large one.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::fleet::MaxError;

/// Longest time for which a total is expected to stay as it is.
///
/// Less than a day by five hours, so that the hour of the day moves from one measurement to the next: with whole days
/// between them, a total that rises by day and falls by night would always look the same.
pub const LONGEST_QUIET: Duration = Duration::from_secs(19 * 3600);
/// Part of the time for which the expected pace must have been enough: nine tenths.
const EXPECTED: (u64, u64) = (9, 10);
/// A total is not expected to stay as it is for longer than this part of the time that its pace is known for.
const KNOWN_PART: u32 = 4;
/// Time in which a second of the past fades to about a third: more than a week, so that a quiet weekend does not hide
/// working days.
const FADING_SECONDS: u64 = 10 * 86_400;
/// Longest time that one pair of measurements counts for: what happened in a longer gap is not known.
const LONGEST_STEP_SECONDS: u64 = 86_400;
/// Levels of pace, four for each doubling. Level 0 is a millionth of the total an hour or less, the last one 14 times the
/// total an hour and all above.
const LEVELS: u8 = 96;
/// Fraction of the total an hour that is level 0, as a power of two.
const SLOWEST_BITS: u32 = 20;

/// How much of the time the total of a target changed how fast.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredPace", into = "StoredPace")]
pub struct Pace {
    /// Time of the first measurement that is comparable with the newest.
    since: DateTime<Utc>,
    /// Time of the newest measurement.
    last_at: DateTime<Utc>,
    /// Total of the newest measurement.
    last_bytes: u64,
    /// Seconds at each level.
    seconds: BTreeMap<u8, u64>,
}

/// Stored form of a pace: a part of the latest.
#[derive(Serialize, Deserialize)]
struct StoredPace {
    since: DateTime<Utc>,
    last_at: DateTime<Utc>,
    last_bytes: u64,
    /// Levels that have seconds.
    levels: Vec<u8>,
    /// Their seconds, in the same order.
    seconds: Vec<u64>,
}

impl From<StoredPace> for Pace {
    fn from(stored: StoredPace) -> Self {
        let known = stored.levels.into_iter().zip(stored.seconds);
        Self {
            since: stored.since,
            last_at: stored.last_at,
            last_bytes: stored.last_bytes,
            seconds: known.filter(|(level, _)| *level < LEVELS).collect(),
        }
    }
}

impl From<Pace> for StoredPace {
    fn from(pace: Pace) -> Self {
        let (levels, seconds) = pace.seconds.into_iter().unzip();
        Self {
            since: pace.since,
            last_at: pace.last_at,
            last_bytes: pace.last_bytes,
            levels,
            seconds,
        }
    }
}

impl Pace {
    /// Returns what one measurement says, which is only where the next one starts from.
    pub fn starting(at: DateTime<Utc>, bytes: u64) -> Self {
        Self {
            since: at,
            last_at: at,
            last_bytes: bytes,
            seconds: BTreeMap::new(),
        }
    }

    /// Takes in the next measurement. One that is not later than the newest changes nothing.
    pub fn observe(&mut self, at: DateTime<Utc>, bytes: u64) {
        let elapsed = clock::seconds_between(self.last_at, at);
        if elapsed == 0 {
            return;
        }
        let level = level(self.last_bytes, bytes, elapsed);
        let step = elapsed.min(LONGEST_STEP_SECONDS);
        for seconds in self.seconds.values_mut() {
            *seconds = *seconds * (FADING_SECONDS - step) / FADING_SECONDS;
        }
        self.seconds.retain(|_, seconds| *seconds > 0);
        *self.seconds.entry(level).or_default() += step;
        self.last_at = at;
        self.last_bytes = bytes;
    }

    /// Returns for how long after a measurement the total is expected to stay within `max_error` of it: at the pace that
    /// was enough for nine tenths of the time, not longer than a quarter of the time that is known, and at most
    /// [`LONGEST_QUIET`]. Zero where nothing is known yet.
    pub fn quiet_for(&self, max_error: MaxError) -> Duration {
        let total: u64 = self.seconds.values().sum();
        let mut passed = 0;
        let expected = self.seconds.iter().find(|(_, seconds)| {
            passed += **seconds;
            passed * EXPECTED.1 >= total * EXPECTED.0
        });
        let Some((level, _)) = expected else {
            return Duration::ZERO;
        };
        // max_error / (fraction an hour), in seconds.
        let numerator = (u128::from(max_error.millionths()) * 3600) << (SLOWEST_BITS + 2);
        let seconds = numerator / (1_000_000 * quarters(*level));
        let known = clock::seconds_between(self.since, self.last_at);
        let known = Duration::from_secs(known) / KNOWN_PART;
        let quiet = Duration::from_secs(u64::try_from(seconds).unwrap_or(u64::MAX));
        quiet.min(known).min(LONGEST_QUIET)
    }
}

/// Returns the fraction of the total an hour that `level` ends with, in units of a quarter of level 0.
fn quarters(level: u8) -> u128 {
    u128::from(4 + level % 4) << (level / 4)
}

/// Returns the level of a change, by the smaller of the two totals: of it, a change is the larger part.
fn level(before: u64, after: u64, elapsed_seconds: u64) -> u8 {
    let change = u128::from(before.abs_diff(after)) * 3600;
    let change = change << (SLOWEST_BITS + 2);
    let size = u128::from(before.min(after)) * u128::from(elapsed_seconds);
    let is_reached = |level: &u8| change <= size.saturating_mul(quarters(*level));
    (0..LEVELS).find(is_reached).unwrap_or(LEVELS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::time::hour;

    const PERCENT: MaxError = MaxError::DEFAULT;
    const HOUR: u64 = 3600;

    /// Returns the hours of quiet after totals at each hour.
    fn quiet_hours(totals: impl Fn(i64) -> u64, hours: impl Iterator<Item = i64>) -> u64 {
        let mut hours = hours.map(|at| (hour(at), totals(at)));
        let (at, bytes) = hours.next().unwrap();
        let mut pace = Pace::starting(at, bytes);
        for (at, bytes) in hours {
            pace.observe(at, bytes);
        }
        pace.quiet_for(PERCENT).as_secs() / HOUR
    }

    #[test]
    fn what_never_changes_is_quiet_for_a_quarter_of_what_is_known_and_less_than_a_day() {
        let quiet = |hours| quiet_hours(|_| 1_000, 0..=hours);

        assert_eq!((quiet(0), quiet(3), quiet(4), quiet(40)), (0, 0, 1, 10));
        assert_eq!(quiet(400), 19);
        assert_eq!(quiet_hours(|_| 0, 0..=400), 19);
    }

    #[test]
    fn steady_growth_is_quiet_until_it_makes_a_hundredth() {
        // 0.1 % an hour is 1 % in ten hours; a level is up to a quarter too fast.
        let steady = quiet_hours(|hour| 1_000_000 + 1_000 * hour.unsigned_abs(), 0..=100);
        assert!((7..=10).contains(&steady), "{steady}");
        let fast = quiet_hours(|hour| 1_000_000 + 20_000 * hour.unsigned_abs(), 0..=10);
        assert_eq!(fast, 0);
        let appears = quiet_hours(|hour| hour.unsigned_abs(), 0..=10);
        assert_eq!(appears, 0);
    }

    #[test]
    fn a_quiet_weekend_does_not_hide_the_working_days() {
        // From Monday to Sunday: 2 % an hour from 9 to 17 o'clock.
        let grows =
            |hour: i64| hour.rem_euclid(168) < 120 && (9..17).contains(&hour.rem_euclid(24));
        let totals = |at: i64| {
            let steps = (0..at).filter(|hour| grows(*hour)).count();
            (0..steps).fold(1_000_000_u64, |total, _| total + total / 50)
        };
        assert_eq!(quiet_hours(totals, 0..=168), 0);
    }

    #[test]
    fn one_clean_up_a_week_is_a_small_part_of_the_time() {
        let totals = |hour: i64| 1_000_000 - 300_000 * u64::from(hour % 168 == 100);
        assert_eq!(quiet_hours(totals, 0..=336), 19);
    }

    #[test]
    fn a_rhythm_of_a_day_is_seen_although_no_day_has_two_measurements() {
        // Up to 12 % by day, down again by night: with whole days in between it would always be the same.
        let totals = |hour: i64| {
            1_000_000 + 10_000 * u64::try_from((hour % 24).min(24 - hour % 24)).unwrap()
        };
        let rare = (0..40).map(|number| number * 19);
        assert!(quiet_hours(totals, rare) < 6);
    }

    #[test]
    fn another_measurement_of_the_same_time_changes_nothing() {
        let mut pace = Pace::starting(hour(0), 100);
        pace.observe(hour(1), 100);
        let before = pace.clone();

        pace.observe(hour(1), 900);
        pace.observe(hour(0), 900);

        assert_eq!(pace, before);
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        let mut pace = Pace::starting(DateTime::UNIX_EPOCH, u64::MAX);
        pace.observe(hour(1_000_000), 0);
        pace.observe(hour(2_000_000), u64::MAX);
        assert!(pace.quiet_for(PERCENT) < Duration::from_secs(3));
    }
}
