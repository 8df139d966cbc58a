//! Planning of the databases: which are measured at a tick, and which fail.

use std::time::Duration;

use shared::fleet::{DatabaseTarget, Fleet, Kind, MaxError};
use shared::snapshot::bucket_size::{Refresh, RefreshReason};
use shared::snapshot::pace::LONGEST_QUIET;
use shared::snapshot::{DatabaseSize, DatabaseSummary, Latest};
use shared::store::{SnapshotReader, StoreError};
use tokio::time::timeout;

use super::budget::Interval;
use super::due::{Due, Known, due};
use super::failing::{self, FailingCounts};
use super::known::{Records, records};
use super::limits::READ_TIMEOUT;
use super::ports::PlanPorts;
use super::quiet::{LONGEST_OF_SERVERS, quiet_ticks};
use crate::queue::{Job, JobKind, JobQueue, QueueError, Subject};
use crate::tick::Tick;

/// What became of the databases at a tick.
pub(super) struct DatabasesPlanned {
    /// Jobs that were queued, or why they were not.
    pub(super) queued: Result<usize, QueueError>,
    /// Databases that fail; `None` if there are none, or it is not known.
    pub(super) failing: Option<FailingCounts>,
}

/// Queues the databases that are due, and tells which of them fail newly.
///
/// Where nothing is known about them, because the store did not answer, all are due.
pub(super) async fn plan(
    fleet: &Fleet,
    ports: PlanPorts<'_>,
    queue: &dyn JobQueue,
    tick: Tick,
) -> DatabasesPlanned {
    if fleet.databases().is_empty() {
        return DatabasesPlanned {
            queued: Ok(0),
            failing: None,
        };
    }
    let records = read(ports.snapshots).await;
    let known = records.as_ref().ok();
    let max_error = fleet.refresh().max_error;
    let targets = fleet.measured_databases().into_iter();
    let jobs = targets.filter_map(|target| job(target, known, max_error, tick));
    let jobs: Vec<_> = jobs.collect();
    let count = jobs.len();
    let queued = queue.send(JobKind::Database, jobs).await;
    let failing = match records {
        Ok(records) => {
            let states = failing::of_databases(&records, fleet.databases());
            let (now, metrics) = (ports.clock.now(), ports.metrics);
            Some(failing::tell(Kind::Database, &states, tick, now, metrics))
        }
        Err(error) => {
            failing::unknown(Kind::Database, &error);
            None
        }
    };
    DatabasesPlanned {
        queued: queued.map(|()| count),
        failing,
    }
}

async fn read(reader: &SnapshotReader) -> Result<Records<DatabaseSummary>, StoreError> {
    let reading = timeout(READ_TIMEOUT, records::<DatabaseSize>(reader)).await;
    reading.unwrap_or_else(|late| Err(StoreError::Unavailable(late.into())))
}

/// Returns the job of a database that is due; `None` for one that is not.
///
/// One that cannot be read is due: measuring it writes a new record.
fn job(
    target: &DatabaseTarget,
    records: Option<&Records<DatabaseSummary>>,
    max_error: MaxError,
    tick: Tick,
) -> Option<Job> {
    let id = target.id();
    let latest = records.and_then(|records| records.get(&id)?.as_ref().ok());
    let max_error = target.max_error.unwrap_or(max_error);
    let refresh = match latest {
        Some(latest) => {
            let longest = match target.rds_server() {
                Some(_) => LONGEST_OF_SERVERS,
                None => LONGEST_QUIET,
            };
            refresh_now(latest, max_error, (longest, tick))?
        }
        None => None,
    };
    Some(Job {
        target: id,
        scheduled_at: tick.at,
        refresh,
        subject: Subject::Size,
    })
}

/// Returns when a database that is due is due again; `Some(None)` for the next tick, `None` for one that is not due.
#[expect(
    clippy::option_option,
    reason = "whether it is due, and its announcement"
)]
fn refresh_now(
    latest: &Latest<DatabaseSummary>,
    max_error: MaxError,
    (longest, tick): (Duration, Tick),
) -> Option<Option<Refresh>> {
    let Some(good) = &latest.good else {
        return Some(None);
    };
    let run = good.run;
    let announced = (run.next_due_at - run.scheduled_at).to_std();
    let announced = announced.unwrap_or_default();
    let ticks = quiet_ticks(latest, announced, max_error, (longest, tick));
    let interval = Interval::of_ticks(ticks, ticks, tick.every);
    let known = Known {
        measured_at: run.scheduled_at,
        refresh: Some(Refresh {
            interval_seconds: announced.as_secs(),
            reason: RefreshReason::ExpectedChange,
            next_full_at: run.next_due_at,
        }),
        failed_at: latest
            .last_failure
            .as_ref()
            .map(|failure| failure.scheduled_at),
        lacks_a_part: false,
    };
    match due(&latest.target, Some(known), interval, tick) {
        Due::Now(refresh) => Some((ticks > 1).then_some(refresh)),
        Due::AsAnnounced | Due::Postponed(_) => None,
    }
}
