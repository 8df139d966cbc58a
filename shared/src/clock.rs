//! The only access to the time. Code that needs it receives a [`Clock`].

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, SubsecRound, Utc};

/// Provides the current time.
pub trait Clock: Send + Sync {
    /// Returns the current time in UTC.
    fn now(&self) -> DateTime<Utc>;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    /// Returns the time in whole milliseconds. Finer times mean nothing across machines.
    #[expect(
        clippy::disallowed_methods,
        reason = "the only access to the machine's clock"
    )]
    fn now(&self) -> DateTime<Utc> {
        Utc::now().trunc_subsecs(3)
    }
}

/// Returns `time` as RFC 3339 in UTC with whole seconds: `2026-11-23T20:07:00Z`.
///
/// All results have the same length, so their text order is their order in time.
pub fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Returns `time` without its fraction of a second.
pub fn whole_second(time: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp(time.timestamp(), 0).unwrap_or(time)
}

/// Returns the seconds from `earlier` to `later`; 0 if `later` is before `earlier`.
pub fn seconds_between(earlier: DateTime<Utc>, later: DateTime<Utc>) -> u64 {
    u64::try_from((later - earlier).num_seconds()).unwrap_or(0)
}

/// Returns `time + span`, or the latest representable time.
pub fn after(time: DateTime<Utc>, span: Duration) -> DateTime<Utc> {
    chrono::Duration::from_std(span)
        .ok()
        .and_then(|span| time.checked_add_signed(span))
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// A clock for tests that moves only on request.
#[cfg(any(test, feature = "testing"))]
#[derive(Debug)]
pub struct FixedClock(std::sync::Mutex<DateTime<Utc>>);

#[cfg(any(test, feature = "testing"))]
impl FixedClock {
    /// Returns a clock at `time`, in RFC 3339.
    ///
    /// # Panics
    ///
    /// If `time` is not RFC 3339.
    #[expect(clippy::expect_used, reason = "test support")]
    pub fn at(time: &str) -> Self {
        Self(std::sync::Mutex::new(
            time.parse().expect("an RFC 3339 time"),
        ))
    }

    /// Moves the clock forward.
    #[expect(clippy::unwrap_used, reason = "test support")]
    pub fn advance(&self, span: Duration) {
        let mut now = self.0.lock().unwrap();
        *now = after(*now, span);
    }
}

#[cfg(any(test, feature = "testing"))]
impl Clock for FixedClock {
    #[expect(clippy::unwrap_used, reason = "test support")]
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_order_is_time_order() {
        let clock = FixedClock::at("2026-01-09T23:59:59.900Z");
        let earlier = rfc3339(clock.now());
        clock.advance(Duration::from_secs(1));

        assert_eq!(earlier, "2026-01-09T23:59:59Z");
        assert!(earlier < rfc3339(clock.now()));
        assert_eq!(
            whole_second(clock.now()),
            "2026-01-10T00:00:00Z".parse::<DateTime<Utc>>().unwrap()
        );
    }

    #[test]
    fn a_negative_span_is_zero_seconds() {
        let now = FixedClock::at("2026-01-09T00:00:00Z").now();

        assert_eq!(seconds_between(after(now, Duration::from_secs(5)), now), 0);
        assert_eq!(seconds_between(now, after(now, Duration::from_secs(5))), 5);
    }
}
