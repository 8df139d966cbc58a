//! What else is measured of databases at a tick, at intervals of its own: file documents and users.

use std::time::Duration;

use shared::fleet::{DatabaseTarget, Fleet, TargetId};
use shared::snapshot::bucket_size::{Refresh, RefreshReason};
use shared::snapshot::{Latest, Stored};
use shared::store::{SnapshotReader, StoreError};
use shared::{clock, telemetry};
use tokio::time::timeout;

use super::budget::Interval;
use super::due::{self, Due, due};
use super::known::{Records, records};
use super::limits::READ_TIMEOUT;
use crate::queue::{Job, Subject};
use crate::table_size::COUNT_EVERY;
use crate::tick::Tick;

/// Time after which a database that was never measured is tried again: it is most likely not that of a Mendix app.
const TRY_EVERY: Duration = Duration::from_secs(86_400);

/// Something that is measured of databases less often than at every tick.
#[derive(Debug, Clone, Copy)]
pub(super) struct Daily {
    subject: Subject,
    every: Duration,
    /// Whether each UTC day has a run of its own, at its last tick at the latest.
    is_of_each_day: bool,
}

impl Daily {
    pub(super) fn documents() -> Self {
        Self {
            subject: Subject::FileDocuments,
            every: COUNT_EVERY,
            is_of_each_day: false,
        }
    }

    pub(super) fn users(fleet: &Fleet) -> Self {
        Self {
            subject: Subject::Users,
            every: fleet.users_every(),
            is_of_each_day: true,
        }
    }
}

/// Returns the jobs of the targets for which `what` is due.
///
/// A target whose record cannot be read is due: measuring it writes a new one. When nothing can be read none is due, and
/// the next tick decides again.
pub(super) async fn jobs<M: Stored>(
    reader: &SnapshotReader,
    targets: &[&DatabaseTarget],
    tick: Tick,
    what: Daily,
) -> Vec<Job> {
    if targets.is_empty() {
        return Vec::new();
    }
    let reading = timeout(READ_TIMEOUT, records::<M>(reader)).await;
    let records: Records<M::Summary> =
        match reading.unwrap_or_else(|late| Err(StoreError::Unavailable(late.into()))) {
            Ok(records) => records,
            Err(error) => {
                tracing::warn!(
                    run.kind = M::KIND.as_str(),
                    error = telemetry::error_chain(&error),
                    "databases are not measured at this tick"
                );
                return Vec::new();
            }
        };
    let due = targets.iter().filter_map(|target| {
        let id = target.id();
        let latest = records.get(&id).and_then(|latest| latest.as_ref().ok());
        let refresh = due_now(&id, latest, tick, what)?;
        Some(Job {
            refresh: Some(refresh).filter(|_| what.subject == Subject::Users),
            ..Job::about(what.subject, id, tick.at)
        })
    });
    due.collect()
}

/// Returns when a target that is due is due again; `None` for one that is not.
fn due_now<S>(
    id: &TargetId,
    latest: Option<&Latest<S>>,
    tick: Tick,
    what: Daily,
) -> Option<Refresh> {
    let reason = RefreshReason::EveryTick;
    let refresh = |measured_at| Refresh {
        interval_seconds: what.every.as_secs(),
        reason,
        next_full_at: clock::after(measured_at, what.every),
    };
    let now = Some(refresh(tick.at));
    let Some(latest) = latest else { return now };
    let failed_at = latest.last_failure.as_ref();
    let failed_at = failed_at.map(|failure| failure.scheduled_at);
    let Some(good) = &latest.good else {
        let soon = clock::after(tick.at, tick.every / 2);
        let is_due = failed_at.is_none_or(|failed_at| clock::after(failed_at, TRY_EVERY) <= soon);
        return now.filter(|_| is_due);
    };
    let measured_at = good.run.scheduled_at;
    let day = tick.at.date_naive();
    let is_last_of_day = clock::after(tick.at, tick.every).date_naive() != day;
    if what.is_of_each_day && is_last_of_day && measured_at.date_naive() < day {
        return now;
    }
    let known = due::Known {
        measured_at,
        refresh: Some(refresh(measured_at)),
        failed_at,
        lacks_a_part: false,
    };
    let interval = Interval {
        every: what.every,
        reason,
    };
    match due(id, Some(known), interval, tick) {
        Due::Now(_) => now,
        Due::AsAnnounced | Due::Postponed(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use shared::snapshot::{Completeness, Failure, FileDocuments, Good, Run};
    use shared::testing::time::hour;

    use super::*;

    fn latest(good: Option<i64>, failed: Option<i64>) -> Latest<FileDocuments> {
        let summary = FileDocuments {
            document_count: 1,
            document_bytes: 2,
            unsized_count: 0,
        };
        Latest {
            target: TargetId::from_text("acme-prod/db/acme"),
            version: 1,
            good: good.map(|at| Good {
                run: Run::at(hour(at), COUNT_EVERY),
                completeness: Completeness::Complete,
                summary,
            }),
            last_failure: failed.map(|at| Failure {
                scheduled_at: hour(at),
                failed_at: hour(at),
                failing_since: hour(at),
                code: "lock_timeout".into(),
                reason: String::new(),
            }),
            trend: None,
            pace: None,
        }
    }

    /// Returns the first hour from `from` on at which a target is due.
    fn due_from(from: i64, latest: &Latest<FileDocuments>, what: Daily) -> i64 {
        let is_due = |at: &i64| {
            let tick = Tick {
                at: hour(*at),
                every: Duration::from_secs(3600),
            };
            due_now(&latest.target, Some(latest), tick, what).is_some()
        };
        (from..).find(is_due).unwrap()
    }

    #[test]
    fn documents_are_counted_once_a_day_and_sooner_after_a_failure() {
        let due_from = |from, latest| due_from(from, &latest, Daily::documents());

        assert_eq!(due_from(1, latest(Some(0), None)), 24);
        assert_eq!(due_from(25, latest(Some(0), Some(24))), 25);
        assert_eq!(due_from(27, latest(Some(0), Some(26))), 28);
        assert_eq!(due_from(1, latest(None, Some(0))), 24);
    }

    #[test]
    fn users_are_counted_as_often_as_the_fleet_says_and_once_in_each_day() {
        let every = |hours: u64| Daily {
            every: Duration::from_secs(hours * 3600),
            ..Daily::users(&Fleet::default())
        };
        let midnight = (0..24)
            .find(|at| hour(*at).time() == chrono::NaiveTime::MIN)
            .unwrap();

        assert_eq!(
            due_from(midnight + 11, &latest(Some(midnight + 10), None), every(24)),
            midnight + 34
        );
        assert_eq!(
            due_from(midnight + 11, &latest(Some(midnight + 10), None), every(6)),
            midnight + 16
        );
        // After a day without a run, and a failure: not later than the last tick of the day.
        let late = latest(Some(midnight - 2), Some(midnight + 22));
        assert_eq!(due_from(midnight + 23, &late, every(24)), midnight + 23);
        let drifted = latest(Some(midnight - 1), None);
        assert_eq!(due_from(midnight, &drifted, every(24)), midnight + 23);
    }
}
