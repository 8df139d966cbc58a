//! When one target is measured in full, by its interval and by what is known of it. Pure.

use std::time::Duration;

use chrono::{DateTime, Utc};
use shared::clock;
use shared::fleet::TargetId;
use shared::snapshot::bucket_size::{Refresh, RefreshReason};

/// What the store knows of a target that was measured before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Scheduled time of the run that its numbers come from.
    pub measured_at: DateTime<Utc>,
    /// What was said of the next one; `None` for snapshots from before that was kept.
    pub refresh: Option<Refresh>,
    /// Scheduled time of the newest run since that failed.
    pub failed_at: Option<DateTime<Utc>>,
    /// Whether the fleet file wants a part that the last run was not asked for.
    pub lacks_a_part: bool,
}

/// Whether a target is measured in full at a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// It is; then it is due again as said here.
    Now(Refresh),
    /// It is not.
    Later {
        /// When it will be.
        refresh: Refresh,
        /// Whether that is later than what the last snapshot says, so that readers have to be told.
        is_later_than_said: bool,
    },
}

/// Decides at the tick of `now` for a target that is to be measured once in `interval`.
///
/// * At every tick: always.
/// * Unknown: now. Nobody knows what it costs.
/// * Else when the last snapshot said, and not later than `interval` after it was measured.
/// * Where the last snapshot said less than half of `interval`, because its cost was not known then or the budget has
///   shrunk: spread over the interval by the target's id, so that those measured at the same tick for the first time
///   do not come together for ever, and not before what was said.
/// * After a failure: at the next tick, then after twice as long each time, up to `interval`.
/// * With a part that is wanted and was not asked for: as if it had been due right after the last run.
///
/// Half a tick early counts as due: clocks and schedules are not exact.
pub fn due(
    target: &TargetId,
    known: Option<Known>,
    (interval, reason): (Duration, RefreshReason),
    (now, tick): (DateTime<Utc>, Duration),
) -> Due {
    let refresh_at = |next_full_at| Refresh {
        interval_seconds: interval.as_secs(),
        reason,
        next_full_at,
    };
    let due_now = Due::Now(refresh_at(clock::after(now, interval)));
    let Some(known) = known.filter(|_| interval > tick) else {
        return due_now;
    };
    let soon = clock::after(now, tick / 2);
    let due_at = due_at(target, &known, interval, tick);
    let start_at = match known.failed_at {
        Some(failed_at) => {
            let tried_for = (failed_at - due_at).to_std().unwrap_or_default();
            clock::after(failed_at, tried_for.min(interval)).max(due_at)
        }
        None => due_at,
    };
    if start_at <= soon {
        return due_now;
    }
    let said = known.refresh.map(|refresh| refresh.next_full_at);
    Due::Later {
        refresh: refresh_at(due_at),
        is_later_than_said: said.is_none_or(|said| clock::after(said, tick / 2) < due_at),
    }
}

/// Returns when a target is due that nothing is wrong with.
fn due_at(target: &TargetId, known: &Known, interval: Duration, tick: Duration) -> DateTime<Utc> {
    if known.lacks_a_part {
        return clock::after(known.measured_at, tick);
    }
    let latest = clock::after(known.measured_at, interval);
    let said = known.refresh;
    match said {
        Some(said) if said.interval_seconds.saturating_mul(2) >= interval.as_secs() => {
            said.next_full_at.min(latest)
        }
        _ => {
            let spread = clock::after(known.measured_at, spread(target, interval, tick));
            let said = said.map_or(spread, |said| said.next_full_at);
            spread.max(said).min(latest)
        }
    }
}

/// Returns a time from one tick to `interval` that is always the same for a target.
fn spread(target: &TargetId, interval: Duration, tick: Duration) -> Duration {
    // FNV-1a, folded: ids differ in their last letters, which its low bits follow.
    let digest = target
        .as_str()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |digest, byte| {
            (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    let tick_seconds = tick.as_secs().max(1);
    let ticks = (interval.as_secs() / tick_seconds).max(1);
    let place = (digest ^ (digest >> 32)) % ticks + 1;
    Duration::from_secs(tick_seconds.saturating_mul(place)).min(interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const TEN_HOURS: (Duration, RefreshReason) =
        (Duration::from_secs(36_000), RefreshReason::Budget);

    fn hour(hour: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 / 3600 * 3600 + hour * 3600, 0).unwrap()
    }

    /// Returns what is known of a target measured at hour 0 that said `said` hours as its interval.
    fn known(said: u64) -> Known {
        Known {
            measured_at: hour(0),
            refresh: Some(Refresh {
                interval_seconds: said * 3600,
                reason: RefreshReason::Budget,
                next_full_at: hour(i64::try_from(said).unwrap()),
            }),
            failed_at: None,
            lacks_a_part: false,
        }
    }

    /// Returns the hours from 1 to 40 at which it would be measured, if nothing came of it.
    fn due_hours(known: impl Fn(i64) -> Option<Known>) -> Vec<i64> {
        let target = TargetId::from_text("acme/s3/files//");
        let hours = 1..=40;
        hours
            .filter(|now| {
                let due = due(&target, known(*now), TEN_HOURS, (hour(*now), HOUR));
                matches!(due, Due::Now(_))
            })
            .collect()
    }

    #[test]
    fn it_is_due_when_the_last_snapshot_said_and_never_later_than_its_interval() {
        let first = |said| due_hours(|_| Some(known(said)))[0];

        assert_eq!(first(10), 10);
        assert_eq!(first(7), 7, "said when intervals were shorter");
        assert_eq!(first(30), 10, "said when intervals were longer");
        assert_eq!(due_hours(|_| None)[0], 1, "never measured");
    }

    #[test]
    fn it_says_when_it_is_due_again_and_whether_readers_were_told_sooner() {
        let target = TargetId::from_text("acme/s3/files//");
        let at = |said, now| due(&target, Some(known(said)), TEN_HOURS, (hour(now), HOUR));

        let Due::Now(refresh) = at(10, 12) else {
            panic!("it is due");
        };
        assert_eq!(refresh.next_full_at, hour(22));
        assert_eq!(refresh.interval_seconds, 36_000);
        let Due::Later {
            refresh,
            is_later_than_said,
        } = at(10, 3)
        else {
            panic!("it is not due");
        };
        assert_eq!(
            (refresh.next_full_at, is_later_than_said),
            (hour(10), false)
        );
    }

    /// Measured at one tick, with costs that nobody knew, they would come together once an interval.
    #[test]
    fn targets_whose_cost_was_not_known_are_spread_over_their_interval() {
        let mut counts = [0_u32; 11];
        for number in 0..1000 {
            let target = TargetId::from_text(&format!("acme-{number}/s3/files//"));
            let first = (1..=10).find(|now| {
                let known = Some(known(1));
                matches!(
                    due(&target, known, TEN_HOURS, (hour(*now), HOUR)),
                    Due::Now(_)
                )
            });
            counts[usize::try_from(first.unwrap()).unwrap()] += 1;
            let second = due(&target, Some(known(1)), TEN_HOURS, (hour(1), HOUR));
            let is_told = matches!(
                second,
                Due::Later {
                    is_later_than_said: true,
                    ..
                }
            );
            assert_eq!(is_told, first != Some(1));
        }
        assert!(
            counts[1..].iter().all(|count| (60..=150).contains(count)),
            "{counts:?}"
        );
    }

    #[test]
    fn a_failure_is_tried_again_at_once_and_then_ever_later() {
        let tried = std::cell::Cell::new(None);

        let tries = due_hours(|now| {
            let known = Known {
                failed_at: tried.get().filter(|tried| *tried < now).map(hour),
                ..known(10)
            };
            let target = TargetId::from_text("acme/s3/files//");
            if matches!(
                due(&target, Some(known), TEN_HOURS, (hour(now), HOUR)),
                Due::Now(_)
            ) {
                tried.set(Some(now));
            }
            Some(known)
        });

        // A failure at the very tick that it was due at is tried again at the next.
        assert_eq!(tries, [10, 11, 12, 14, 18, 26, 36]);
    }

    #[test]
    fn a_part_that_the_fleet_file_now_wants_is_not_waited_for() {
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
        let every = (HOUR, RefreshReason::EveryTick);
        let early = hour(10) - chrono::Duration::minutes(29);
        let too_early = hour(10) - chrono::Duration::minutes(31);

        let again = due(&target, Some(known(1)), every, (hour(0), HOUR));
        assert!(matches!(again, Due::Now(_)));
        for (now, expected) in [(early, true), (too_early, false)] {
            let due = due(&target, Some(known(10)), TEN_HOURS, (now, HOUR));
            assert_eq!(matches!(due, Due::Now(_)), expected);
        }
    }
}
