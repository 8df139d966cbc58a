//! When one target is measured in full, by its interval and by what is known about it. Pure.

use std::time::Duration;

use chrono::{DateTime, Utc};
use shared::clock;
use shared::fleet::TargetId;
use shared::snapshot::bucket_size::Refresh;

use super::budget::Interval;
use crate::tick::Tick;

/// What the store knows about a target that was measured before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Scheduled time of the run that measured it.
    pub measured_at: DateTime<Utc>,
    /// Announced next measurement; `None` for snapshots from before announcements were stored.
    pub refresh: Option<Refresh>,
    /// Scheduled time of the newest run since that failed.
    pub failed_at: Option<DateTime<Utc>>,
    /// Whether the fleet file wants a part that the last run did not measure.
    pub lacks_a_part: bool,
}

/// Whether a target is measured in full at a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// It is measured now, and then again as given.
    Now(Refresh),
    /// It is measured later, not after the announced time.
    AsAnnounced,
    /// It is measured later than announced, as given.
    Postponed(Refresh),
}

/// Decides at `tick` for a target that is to be measured once in `interval`.
///
/// * At every tick: always.
/// * Never measured: now, because its cost is not known.
/// * Otherwise at the announced time, and not later than `interval` after it was measured.
/// * Where the announced interval is less than half of `interval`, because the cost was not known then or the budget has
///   shrunk: spread over the interval by the target's id and not before the announced time, so that targets that were
///   first measured at the same tick do not stay together.
/// * After a failure: at the next tick, then after twice as long each time, up to `interval`.
/// * With a wanted part that the last run did not measure: as if it had been due right after the last run.
///
/// Half a tick early counts as due: clocks and schedules are not exact.
pub fn due(target: &TargetId, known: Option<Known>, interval: Interval, tick: Tick) -> Due {
    let refresh_at = |next_full_at| Refresh {
        interval_seconds: interval.every.as_secs(),
        reason: interval.reason,
        next_full_at,
    };
    let due_now = Due::Now(refresh_at(clock::after(tick.at, interval.every)));
    let Some(known) = known.filter(|_| interval.every > tick.every) else {
        return due_now;
    };
    let soon = clock::after(tick.at, tick.every / 2);
    let due_at = due_at(target, &known, interval.every, tick.every);
    let start_at = match known.failed_at {
        Some(failed_at) => {
            let tried_for = (failed_at - due_at).to_std().unwrap_or_default();
            clock::after(failed_at, tried_for.min(interval.every)).max(due_at)
        }
        None => due_at,
    };
    if start_at <= soon {
        return due_now;
    }
    let announced = known.refresh.map(|refresh| refresh.next_full_at);
    let is_postponed = announced.is_none_or(|at| clock::after(at, tick.every / 2) < due_at);
    if is_postponed {
        Due::Postponed(refresh_at(due_at))
    } else {
        Due::AsAnnounced
    }
}

/// Returns when a target is due that did not fail since it was measured.
fn due_at(target: &TargetId, known: &Known, interval: Duration, every: Duration) -> DateTime<Utc> {
    if known.lacks_a_part {
        return clock::after(known.measured_at, every);
    }
    let latest = clock::after(known.measured_at, interval);
    match known.refresh {
        Some(announced) if announced.interval_seconds.saturating_mul(2) >= interval.as_secs() => {
            announced.next_full_at.min(latest)
        }
        announced => {
            let spread = clock::after(known.measured_at, spread(target, interval, every));
            let announced = announced.map_or(spread, |announced| announced.next_full_at);
            spread.max(announced).min(latest)
        }
    }
}

/// Returns a time from one tick to `interval` that is always the same for a target.
fn spread(target: &TargetId, interval: Duration, every: Duration) -> Duration {
    // FNV-1a, folded: ids differ in their last letters, which its low bits follow.
    let digest = target
        .as_str()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |digest, byte| {
            (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    let tick_seconds = every.as_secs().max(1);
    let ticks = (interval.as_secs() / tick_seconds).max(1);
    let position = (digest ^ (digest >> 32)) % ticks + 1;
    Duration::from_secs(tick_seconds.saturating_mul(position)).min(interval)
}

#[cfg(test)]
mod tests {
    use shared::snapshot::bucket_size::RefreshReason;
    use shared::testing::time::hour;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const TEN_HOURS: Interval = Interval {
        every: Duration::from_secs(36_000),
        reason: RefreshReason::Budget,
    };

    fn tick(at: DateTime<Utc>) -> Tick {
        Tick { at, every: HOUR }
    }

    /// Returns what is known about a target measured at hour 0 with an announced interval of `hours`.
    fn known(hours: u64) -> Known {
        Known {
            measured_at: hour(0),
            refresh: Some(Refresh {
                interval_seconds: hours * 3600,
                reason: RefreshReason::Budget,
                next_full_at: hour(i64::try_from(hours).unwrap()),
            }),
            failed_at: None,
            lacks_a_part: false,
        }
    }

    /// Returns the hours from 1 to 40 at which it would be measured, if no measurement was stored.
    fn due_hours(known: impl Fn(i64) -> Option<Known>) -> Vec<i64> {
        let target = TargetId::from_text("acme/s3/files//");
        let hours = 1..=40;
        hours
            .filter(|now| {
                let due = due(&target, known(*now), TEN_HOURS, tick(hour(*now)));
                matches!(due, Due::Now(_))
            })
            .collect()
    }

    #[test]
    fn it_is_due_at_the_announced_time_and_never_later_than_its_interval() {
        let first = |hours| due_hours(|_| Some(known(hours)))[0];

        assert_eq!(first(10), 10);
        assert_eq!(first(7), 7, "announced when intervals were shorter");
        assert_eq!(first(30), 10, "announced when intervals were longer");
        assert_eq!(due_hours(|_| None)[0], 1, "never measured");
    }

    #[test]
    fn it_announces_the_next_measurement_once() {
        let target = TargetId::from_text("acme/s3/files//");
        let at = |now| due(&target, Some(known(10)), TEN_HOURS, tick(hour(now)));

        let Due::Now(refresh) = at(12) else {
            panic!("it is due");
        };
        assert_eq!(refresh.next_full_at, hour(22));
        assert_eq!(refresh.interval_seconds, 36_000);
        assert_eq!(at(3), Due::AsAnnounced);
    }

    /// Measured at one tick with unknown costs, they would stay together once an interval.
    #[test]
    fn targets_whose_cost_was_not_known_are_spread_over_their_interval() {
        let mut counts = [0_u32; 11];
        for number in 0..1000 {
            let target = TargetId::from_text(&format!("acme-{number}/s3/files//"));
            let at = |now| due(&target, Some(known(1)), TEN_HOURS, tick(hour(now)));
            let first = (1..=10).find(|now| matches!(at(*now), Due::Now(_)));
            counts[usize::try_from(first.unwrap()).unwrap()] += 1;
            let is_postponed = matches!(at(1), Due::Postponed(_));
            assert_eq!(is_postponed, first != Some(1));
        }
        assert!(
            counts[1..].iter().all(|count| (60..=150).contains(count)),
            "{counts:?}"
        );
    }

    #[test]
    fn a_failure_is_retried_at_once_and_then_ever_later() {
        let tried = std::cell::Cell::new(None);

        let tries = due_hours(|now| {
            let known = Known {
                failed_at: tried.get().filter(|tried| *tried < now).map(hour),
                ..known(10)
            };
            let target = TargetId::from_text("acme/s3/files//");
            if matches!(
                due(&target, Some(known), TEN_HOURS, tick(hour(now))),
                Due::Now(_)
            ) {
                tried.set(Some(now));
            }
            Some(known)
        });

        // A failure at the tick that it was due at is retried at the next.
        assert_eq!(tries, [10, 11, 12, 14, 18, 26, 36]);
    }

    #[test]
    fn a_newly_wanted_part_is_measured_at_the_next_tick() {
        let lacking = |_| {
            Some(Known {
                lacks_a_part: true,
                ..known(10)
            })
        };

        assert_eq!(due_hours(lacking)[0], 1);
    }

    #[test]
    fn at_every_tick_means_at_every_tick_and_half_a_tick_early_is_due() {
        let target = TargetId::from_text("a");
        let every = Interval {
            every: HOUR,
            reason: RefreshReason::EveryTick,
        };
        let early = hour(10) - chrono::Duration::minutes(29);
        let too_early = hour(10) - chrono::Duration::minutes(31);

        let again = due(&target, Some(known(1)), every, tick(hour(0)));
        assert!(matches!(again, Due::Now(_)));
        for (now, expected) in [(early, true), (too_early, false)] {
            let due = due(&target, Some(known(10)), TEN_HOURS, tick(now));
            assert_eq!(matches!(due, Due::Now(_)), expected);
        }
    }
}
