//! For how many ticks the total of a target is expected to stay as it is. Pure.

use std::time::Duration;

use shared::fleet::MaxError;
use shared::snapshot::{Completeness, Latest};

use crate::tick::Tick;

/// Longest interval of what may fill up: other storage than buckets, and databases whose server's storage is asked with
/// them. A disk fills by logs as well, of which the totals of tables know nothing.
pub(super) const LONGEST_OF_SERVERS: Duration = Duration::from_secs(6 * 3600);

/// Returns the ticks until the total of a target is expected to be off by more than `max_error`; 1 is the next tick.
///
/// It is 1 while the target is failing or partial, and while too little is known of its pace. It is at most twice the
/// interval before, so that a target that calms down is not left alone at once, and at most `longest`.
pub(super) fn quiet_ticks<S>(
    latest: &Latest<S>,
    interval_before: Duration,
    max_error: MaxError,
    (longest, tick): (Duration, Tick),
) -> u64 {
    let good = latest.good.as_ref();
    let is_whole = good.is_some_and(|good| good.completeness == Completeness::Complete);
    let pace = latest.pace.as_ref();
    let pace = pace.filter(|_| is_whole && latest.last_failure.is_none());
    let quiet = pace.map_or(Duration::ZERO, |pace| pace.quiet_for(max_error));
    let quiet = quiet.min(longest).min(interval_before.max(tick.every) * 2);
    (quiet.as_secs() / tick.every.as_secs().max(1)).max(1)
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use shared::fleet::TargetId;
    use shared::snapshot::pace::LONGEST_QUIET;
    use shared::snapshot::{Failure, Good, Pace, Run};
    use shared::testing::time::{at, hour};

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const TICK: Tick = Tick {
        at: DateTime::UNIX_EPOCH,
        every: HOUR,
    };

    /// Returns a target that did not change for 40 hours.
    fn quiet() -> Latest<()> {
        let mut pace = Pace::starting(hour(0), 1_000);
        (1..=40).for_each(|at| pace.observe(hour(at), 1_000));
        Latest {
            target: TargetId::from_text("acme-prod/db/acme"),
            version: 1,
            good: Some(Good {
                run: Run::at(hour(40), HOUR),
                completeness: Completeness::Complete,
                summary: (),
            }),
            last_failure: None,
            trend: None,
            pace: Some(pace),
        }
    }

    fn failure(failed_at: DateTime<Utc>) -> Failure {
        Failure {
            scheduled_at: failed_at,
            failed_at,
            failing_since: failed_at,
            code: "timeout".to_owned(),
            reason: "no answer".to_owned(),
        }
    }

    #[test]
    fn a_target_is_measured_at_every_tick_unless_it_is_known_to_be_quiet() {
        let ticks = |latest: &Latest<()>| {
            quiet_ticks(latest, 9 * HOUR, MaxError::DEFAULT, (LONGEST_QUIET, TICK))
        };
        let quiet = quiet();
        assert_eq!(ticks(&quiet), 10);

        let new = Latest {
            pace: None,
            ..quiet.clone()
        };
        let failing = Latest {
            last_failure: Some(failure(at("2026-01-02T16:00:00Z"))),
            ..quiet.clone()
        };
        let mut partial = quiet.clone();
        partial.good.as_mut().unwrap().completeness = Completeness::Partial;
        for latest in [new, failing, partial] {
            assert_eq!(ticks(&latest), 1, "{latest:?}");
        }
    }

    #[test]
    fn an_interval_at_most_doubles() {
        let ticks =
            |before| quiet_ticks(&quiet(), before, MaxError::DEFAULT, (LONGEST_QUIET, TICK));
        assert_eq!((ticks(Duration::ZERO), ticks(3 * HOUR)), (2, 6));
        assert_eq!(ticks(24 * HOUR), 10);
        let limits = (LONGEST_OF_SERVERS, TICK);
        assert_eq!(
            quiet_ticks(&quiet(), 24 * HOUR, MaxError::DEFAULT, limits),
            6
        );
    }
}
