//! Which targets fail, and which of them did not at the tick before.

use chrono::{DateTime, Utc};
use shared::clock;
use shared::fleet::{DatabaseTarget, Kind, TargetId};
use shared::snapshot::{DatabaseSummary, Failure, Latest};
use shared::store::StoreError;
use shared::telemetry::{Metric, Metrics, error_chain};

use super::known::{Records, Storage};
use crate::tick::Tick;

/// Metric of the targets of the fleet.
const TARGETS: &str = "Targets";
/// Metric of those whose newest run failed.
const FAILING: &str = "FailingTargets";
/// Metric of those that began to fail since the tick before.
const NEWLY_FAILING: &str = "NewlyFailingTargets";

/// A target with the failure of its newest run, if that failed.
pub(super) struct State<'a> {
    pub(super) environment: &'a str,
    pub(super) target: TargetId,
    pub(super) failure: Option<Failure>,
}

/// How many targets of a kind fail at a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailingCounts {
    /// Targets of the fleet.
    pub target_count: usize,
    /// Those whose newest run failed.
    pub failing_count: usize,
    /// Those whose first failure since the last good run is in the interval before the tick: each failing target is one of
    /// them at one tick only.
    pub newly_failing_count: usize,
}

/// Returns the states of storage targets.
pub(super) fn of_storage<'a>(storage: &[Storage<'a>]) -> Vec<State<'a>> {
    let states = storage.iter().map(|storage| State {
        environment: &storage.target.environment,
        target: storage.id.clone(),
        failure: failure(storage.size.as_ref()),
    });
    states.collect()
}

/// Returns the states of databases.
pub(super) fn of_databases<'a>(
    records: &Records<DatabaseSummary>,
    targets: Vec<&'a DatabaseTarget>,
) -> Vec<State<'a>> {
    let states = targets.into_iter().map(|target| {
        let id = target.id();
        let latest = records.get(&id).and_then(|latest| latest.as_ref().ok());
        State {
            environment: &target.environment,
            failure: failure(latest),
            target: id,
        }
    });
    states.collect()
}

fn failure<S>(latest: Option<&Latest<S>>) -> Option<Failure> {
    latest.and_then(|latest| latest.last_failure.clone())
}

/// Counts the targets that fail, writes the metrics, and logs a line for each that newly fails: alarms lead to these
/// lines, which name the environment.
pub(super) fn tell(
    kind: Kind,
    states: &[State<'_>],
    tick: Tick,
    now: DateTime<Utc>,
    metrics: &Metrics,
) -> FailingCounts {
    let mut counts = FailingCounts {
        target_count: states.len(),
        failing_count: 0,
        newly_failing_count: 0,
    };
    for state in states {
        let Some(failure) = &state.failure else {
            continue;
        };
        counts.failing_count += 1;
        if is_new(failure, tick) {
            counts.newly_failing_count += 1;
            tracing::error!(
                run.kind = kind.as_str(),
                environment = state.environment,
                target.id = state.target.as_str(),
                failure.code = failure.code.as_str(),
                failing_since = clock::rfc3339(failure.failing_since),
                "{} of {} began to fail: {}",
                state.target,
                state.environment,
                failure.code
            );
        }
    }
    let metric = |name, count: usize| Metric::count(name, u64::try_from(count).unwrap_or(u64::MAX));
    let written = [
        metric(TARGETS, counts.target_count),
        metric(FAILING, counts.failing_count),
        metric(NEWLY_FAILING, counts.newly_failing_count),
    ];
    metrics.emit(now, kind.as_str(), &written);
    counts
}

/// Logs that the failing targets of a kind are not known at this tick.
pub(super) fn unknown(kind: Kind, error: &StoreError) {
    tracing::warn!(
        run.kind = kind.as_str(),
        error = error_chain(error),
        "it is not known which targets fail"
    );
}

fn is_new(failure: &Failure, tick: Tick) -> bool {
    let since = failure.failing_since;
    since < tick.at && clock::after(since, tick.every) >= tick.at
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use shared::testing::time::hour;

    use super::*;

    const MINUTE: chrono::Duration = chrono::Duration::minutes(1);

    fn failing_since(since: DateTime<Utc>) -> State<'static> {
        State {
            environment: "acme-prod",
            target: TargetId::from_text("acme-prod/s3/files//"),
            failure: Some(Failure {
                scheduled_at: since,
                failed_at: since,
                failing_since: since,
                code: "access_denied".to_owned(),
                reason: String::new(),
            }),
        }
    }

    #[test]
    fn a_target_is_newly_failing_at_one_tick_and_failing_at_all_that_follow() {
        let since = hour(3) + MINUTE;
        let counts = |at| {
            let tick = Tick {
                at: hour(at),
                every: Duration::from_secs(3600),
            };
            let counts = tell(
                Kind::Bucket,
                &[failing_since(since)],
                tick,
                hour(at),
                &Metrics::Off,
            );
            (counts.failing_count, counts.newly_failing_count)
        };

        assert_eq!(
            (3..=6).map(counts).collect::<Vec<_>>(),
            [(1, 0), (1, 1), (1, 0), (1, 0)]
        );
    }

    #[test]
    fn a_failure_at_the_time_of_a_tick_is_new_at_that_tick_alone() {
        let is_new = |at| {
            let tick = Tick {
                at: hour(at),
                every: Duration::from_secs(3600),
            };
            is_new(failing_since(hour(3)).failure.as_ref().unwrap(), tick)
        };

        assert_eq!([2, 3, 4].map(is_new), [false, false, true]);
    }
}
