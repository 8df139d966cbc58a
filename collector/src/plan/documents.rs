//! Which databases' file documents are counted at a tick.

use shared::fleet::{DatabaseTarget, TargetId};
use shared::snapshot::bucket_size::{Refresh, RefreshReason};
use shared::snapshot::{FileDocuments, Latest};
use shared::store::{SnapshotReader, StoreError};
use shared::{clock, telemetry};
use tokio::time::timeout;

use super::budget::Interval;
use super::due::{self, Due, due};
use super::known::{Records, records};
use super::limits::READ_TIMEOUT;
use crate::queue::Job;
use crate::table_size::COUNT_EVERY;
use crate::tick::Tick;

/// Returns the jobs of the targets whose documents are due, once a day each.
///
/// A target whose record cannot be read is due: counting it writes a new one. When nothing can be read none is due, and
/// the next tick decides again.
pub(super) async fn jobs(
    reader: &SnapshotReader,
    targets: &[&DatabaseTarget],
    tick: Tick,
) -> Vec<Job> {
    if targets.is_empty() {
        return Vec::new();
    }
    let reading = timeout(READ_TIMEOUT, records::<FileDocuments>(reader)).await;
    let records: Records<FileDocuments> =
        match reading.unwrap_or_else(|late| Err(StoreError::Unavailable(late.into()))) {
            Ok(records) => records,
            Err(error) => {
                tracing::warn!(
                    error = telemetry::error_chain(&error),
                    "file documents are not counted at this tick"
                );
                return Vec::new();
            }
        };
    let ids = targets.iter().map(|target| target.id());
    let due = ids.filter(|id| {
        let latest = records.get(id).and_then(|latest| latest.as_ref().ok());
        is_due(id, latest, tick)
    });
    due.map(|id| Job::of_file_documents(id, tick.at)).collect()
}

fn is_due(id: &TargetId, latest: Option<&Latest<FileDocuments>>, tick: Tick) -> bool {
    let Some(latest) = latest else { return true };
    let failed_at = latest.last_failure.as_ref();
    let failed_at = failed_at.map(|failure| failure.scheduled_at);
    let Some(good) = &latest.good else {
        // A database that was never counted is most likely not that of a Mendix app.
        let soon = clock::after(tick.at, tick.every / 2);
        return failed_at.is_none_or(|failed_at| clock::after(failed_at, COUNT_EVERY) <= soon);
    };
    let reason = RefreshReason::EveryTick;
    let measured_at = good.run.scheduled_at;
    let known = due::Known {
        measured_at,
        refresh: Some(Refresh {
            interval_seconds: COUNT_EVERY.as_secs(),
            reason,
            next_full_at: clock::after(measured_at, COUNT_EVERY),
        }),
        failed_at,
        lacks_a_part: false,
    };
    let interval = Interval {
        every: COUNT_EVERY,
        reason,
    };
    matches!(due(id, Some(known), interval, tick), Due::Now(_))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use shared::snapshot::{Completeness, Failure, Good, Run};
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
        }
    }

    /// Returns the first hour from `from` on at which the documents are due.
    fn due_from(from: i64, latest: &Latest<FileDocuments>) -> i64 {
        let is_due = |at: &i64| {
            let tick = Tick {
                at: hour(*at),
                every: Duration::from_secs(3600),
            };
            is_due(&latest.target, Some(latest), tick)
        };
        (from..).find(is_due).unwrap()
    }

    #[test]
    fn documents_are_counted_once_a_day_and_sooner_after_a_failure() {
        assert_eq!(due_from(1, &latest(Some(0), None)), 24);
        assert_eq!(due_from(25, &latest(Some(0), Some(24))), 25);
        assert_eq!(due_from(27, &latest(Some(0), Some(26))), 28);
        assert_eq!(due_from(1, &latest(None, Some(0))), 24);
    }
}
