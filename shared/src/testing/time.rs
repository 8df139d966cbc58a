//! Points in time for tests.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use chrono::{DateTime, TimeDelta, Utc};

use crate::clock::{Clock, SystemClock};

/// What [`day`], [`hour`] and [`minute`] count from: a midnight, `2026-01-01T00:00:00Z`.
const START: &str = "2026-01-01T00:00:00Z";

/// Parses an RFC 3339 time.
///
/// # Panics
///
/// When `time` is not RFC 3339.
pub fn at(time: &str) -> DateTime<Utc> {
    time.parse().unwrap()
}

/// Returns the midnight `count` days after 2026-01-01.
pub fn day(count: i64) -> DateTime<Utc> {
    at(START) + TimeDelta::days(count)
}

/// Returns the full hour `count` hours after the midnight of 2026-01-01.
pub fn hour(count: i64) -> DateTime<Utc> {
    at(START) + TimeDelta::hours(count)
}

/// Returns the full minute `count` minutes after the midnight of 2026-01-01.
pub fn minute(count: i64) -> DateTime<Utc> {
    at(START) + TimeDelta::minutes(count)
}

/// Returns the midnight `count` days before today's, by the machine's clock: for services that compare with it.
pub fn days_ago(count: i64) -> DateTime<Utc> {
    let today = SystemClock.now().date_naive().and_hms_opt(0, 0, 0).unwrap();
    today.and_utc() - TimeDelta::days(count)
}

/// Returns the full minute `count` minutes before this one, by the machine's clock: see [`days_ago`].
pub fn minutes_ago(count: i64) -> DateTime<Utc> {
    let now = SystemClock.now().timestamp().div_euclid(60) * 60;
    DateTime::from_timestamp(now, 0).unwrap() - TimeDelta::minutes(count)
}
