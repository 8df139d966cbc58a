//! The targets that a request selects, and their latest snapshots, page by page.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use shared::fleet::{Environment, Fleet, FleetError, TargetId};
use shared::snapshot::{Failure, Latest, Run, Stored};
use shared::store::{SnapshotReader, StoreError};
use shared::telemetry::error_chain;

use crate::http::answer::Freshness;
use crate::http::cursor;
use crate::http::endpoint::Call;
use crate::http::problem::Problem;

/// Seconds after which a first snapshot may exist: the shortest schedule is a minute.
const PENDING_RETRY_SECONDS: u64 = 60;

/// Returns the environment in the call's parameters.
///
/// # Errors
///
/// 404 if there is no such environment or the caller may not read it.
pub(crate) fn environment<'f>(
    fleet: &'f Fleet,
    call: &Call<'_>,
) -> Result<&'f Environment, Problem> {
    let name = call.parameters.text("environment").unwrap_or_default();
    environment_of(fleet, call, name)
}

/// Returns the environment `name`.
///
/// # Errors
///
/// See [`environment`].
pub(crate) fn environment_of<'f>(
    fleet: &'f Fleet,
    call: &Call<'_>,
    name: &str,
) -> Result<&'f Environment, Problem> {
    fleet
        .environment(name)
        .filter(|environment| call.caller.may_read(&environment.name))
        .ok_or_else(|| Problem::not_found("such environment in the fleet"))
}

/// One page of targets, ordered by id.
pub(crate) struct Page<'f, T> {
    /// The targets with their ids.
    pub(crate) targets: Vec<(TargetId, &'f T)>,
    /// Whether more pages follow.
    pub(crate) has_more: bool,
}

/// Returns the page of `targets` that the call's `cursor` and `limit` select.
///
/// # Errors
///
/// 400 for a cursor that is not valid.
pub(crate) fn page<'f, T>(
    call: &Call<'_>,
    mut targets: Vec<(TargetId, &'f T)>,
) -> Result<Page<'f, T>, Problem> {
    if let Some(cursor) = call.parameters.text("cursor") {
        let after = cursor::decode(cursor).ok_or_else(cursor::problem)?;
        targets.retain(|(id, _)| id.as_str() > after.as_str());
    }
    let limit = usize::try_from(call.parameters.number("limit")).unwrap_or(usize::MAX);
    let has_more = targets.len() > limit;
    targets.truncate(limit);
    Ok(Page { targets, has_more })
}

/// Latest items by target; an error for an unreadable one.
pub(crate) type Records<S> = BTreeMap<TargetId, Result<Latest<S>, StoreError>>;

/// Returns the latest item of each target of a page; `None` for a target that has none.
///
/// A target with an unreadable item has no snapshot, and a failure that says why: it harms no other target.
///
/// # Errors
///
/// See [`StoreError`]: the store failed.
pub(crate) async fn latest_of<M: Stored, T>(
    reader: &SnapshotReader,
    targets: &[(TargetId, &T)],
    now: DateTime<Utc>,
) -> Result<Vec<Option<Latest<M::Summary>>>, StoreError> {
    let mut records = records_of::<M, T>(reader, targets).await?;
    let latest = targets.iter().map(|(id, _)| {
        let record = records.remove(id)?;
        Some(record.unwrap_or_else(|error| without_record(id, &error, now)))
    });
    Ok(latest.collect())
}

/// Returns what is known about a target whose record is unreadable. The cause is logged here.
pub(crate) fn without_record<S>(
    id: &TargetId,
    error: &StoreError,
    now: DateTime<Utc>,
) -> Latest<S> {
    tracing::error!(
        target.id = id.as_str(),
        error = error_chain(error),
        "the stored record of a target is unreadable"
    );
    Latest {
        target: id.clone(),
        // No version of a readable record: its answer has an `ETag` of its own.
        version: u64::MAX,
        good: None,
        last_failure: Some(record_failure(error, now)),
        trend: None,
        pace: None,
    }
}

fn record_failure(error: &StoreError, now: DateTime<Utc>) -> Failure {
    let reason = if error.is_newer_release() {
        "Its stored record was written by a newer release. Run that release again; the next run of this one replaces it."
    } else {
        "Its stored record cannot be read. The log names it; the next run replaces it."
    };
    Failure {
        scheduled_at: now,
        failed_at: now,
        failing_since: now,
        code: "record_unreadable".to_owned(),
        reason: reason.to_owned(),
    }
}

/// Returns the latest items that exist of the targets of a page.
///
/// Costs one read for one target, and one query for several.
///
/// # Errors
///
/// See [`StoreError`]: the store failed.
pub(crate) async fn records_of<M: Stored, T>(
    reader: &SnapshotReader,
    targets: &[(TargetId, &T)],
) -> Result<Records<M::Summary>, StoreError> {
    let mut records = Records::new();
    match targets {
        [] => {}
        [(id, _)] => match reader.latest::<M>(id).await {
            Ok(latest) => records.extend(latest.map(|latest| (id.clone(), Ok(latest)))),
            Err(error @ StoreError::Unreadable { .. }) => {
                records.insert(id.clone(), Err(error));
            }
            Err(error) => return Err(error),
        },
        [(first, _), .., (last, _)] => {
            let visit = |id, latest| {
                records.insert(id, latest);
            };
            let reading = reader.each_latest_between::<M>(first, last, visit);
            reading.await?;
        }
    }
    Ok(records)
}

/// Returns the problem for a page whose targets have all not been collected yet.
pub(crate) fn all_pending(pending: &impl Serialize) -> Problem {
    let targets = serde_json::to_value(pending).unwrap_or_default();
    Problem::snapshot_pending(PENDING_RETRY_SECONDS, targets)
}

/// Returns how long an answer with the history of `targets` may be cached: until the first of them is measured again.
///
/// A target whose latest item is unreadable does not count. Costs what [`records_of`] costs.
///
/// # Errors
///
/// See [`StoreError`]: the store failed.
pub(crate) async fn freshness_of<M: Stored, T>(
    reader: &SnapshotReader,
    targets: &[(TargetId, &T)],
) -> Result<Freshness, StoreError> {
    let records = records_of::<M, T>(reader, targets).await?;
    Ok(freshness_of_records(targets, &records))
}

/// Returns the same from what was read already.
pub(crate) fn freshness_of_records<S, T>(
    targets: &[(TargetId, &T)],
    records: &Records<S>,
) -> Freshness {
    let of_page = targets.iter().filter_map(|(id, _)| records.get(id));
    let good = of_page.filter_map(|latest| latest.as_ref().ok()?.good.as_ref());
    freshness(good.map(|good| good.run))
}

/// Logs a clock that is wrong, once in the life of the program: it concerns every target, at every request.
pub(crate) fn report_clock(target: &TargetId, has_skew: bool) {
    static IS_REPORTED: AtomicBool = AtomicBool::new(false);
    if has_skew && !IS_REPORTED.swap(true, Ordering::Relaxed) {
        tracing::warn!(
            target.id = target.as_str(),
            "a snapshot was taken in the future: check the clocks of this machine and of the collectors"
        );
    }
}

/// Returns what identifies a target in an answer, which changes when discovery does not find it any more.
pub(crate) fn identity_of(id: &TargetId, gone_since: Option<NaiveDate>) -> String {
    let gone = gone_since.map_or_else(String::new, |since| format!(" gone {since}"));
    format!("{id}{gone}")
}

/// Returns how long an answer from these runs may be cached; an answer without any run must be revalidated.
pub(crate) fn freshness(runs: impl Iterator<Item = Run>) -> Freshness {
    let mut freshness = Freshness::Live;
    for run in runs {
        freshness = match freshness {
            Freshness::Snapshot {
                oldest_taken_at,
                newest_taken_at,
                next_due_at,
            } => Freshness::Snapshot {
                oldest_taken_at: oldest_taken_at.min(run.taken_at),
                newest_taken_at: newest_taken_at.max(run.taken_at),
                next_due_at: next_due_at.min(run.next_due_at),
            },
            _ => Freshness::Snapshot {
                oldest_taken_at: run.taken_at,
                newest_taken_at: run.taken_at,
                next_due_at: run.next_due_at,
            },
        };
    }
    freshness
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::Contended { .. } => Self::unavailable(error),
            StoreError::Denied(_) | StoreError::Unreadable { .. } | StoreError::TooLarge { .. } => {
                Self::internal(error)
            }
        }
    }
}

impl From<FleetError> for Problem {
    fn from(error: FleetError) -> Self {
        Self::unavailable(error)
    }
}
