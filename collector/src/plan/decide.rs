//! Decides for one storage target at a tick whether it is measured. Pure.

use std::time::Duration;

use shared::fleet::{BucketTarget, MaxError, StorageKind};
use shared::snapshot::bucket_size::{Part, RefreshReason};
use shared::snapshot::pace::LONGEST_QUIET;
use shared::snapshot::{BucketSize, Good};

use super::budget::{Demand, Interval};
use super::due::{Due, Known, due};
use super::known::Storage;
use super::quiet::{LONGEST_OF_SERVERS, quiet_ticks};
use crate::tick::Tick;

/// EFS reports once in 15 minutes, and each read is billed: reading more often returns the same.
const EFS_REPORTS_EVERY: Duration = Duration::from_secs(900);

/// S3 writes a report a day at most, at a time that it does not promise. Reading the same one again costs little, and a
/// new one waits a quarter of a day at most.
const INVENTORY_IS_READ_EVERY: Duration = Duration::from_secs(6 * 3600);

/// Returns what listing the target takes of the budget, by the last listing; `None` where none is known.
///
/// `max_error` is the fleet's, for a target without its own.
pub(super) fn demand(storage: &Storage<'_>, max_error: MaxError, tick: Tick) -> Option<Demand> {
    if storage.target.kind != StorageKind::S3 || is_by_inventory(storage) {
        return None;
    }
    let size = &storage.size.as_ref()?.good.as_ref()?.summary;
    Some(Demand {
        request_count: size.listing?.request_count,
        ticks: quiet(storage, max_error, (LONGEST_QUIET, tick)),
    })
}

/// Returns whether the target is measured by reports; where the collector chooses, whether it did the last time.
fn is_by_inventory(storage: &Storage<'_>) -> bool {
    let target = storage.target;
    let good = storage
        .size
        .as_ref()
        .and_then(|latest| latest.good.as_ref());
    let was_reported = good.is_some_and(|good| good.summary.inventory.is_some());
    target.inventory.is_some() && (!target.chooses_source || was_reported)
}

/// Returns the ticks until the target's total is expected to be off by more than its `max_error`, or the fleet's.
fn quiet(storage: &Storage<'_>, max_error: MaxError, limits: (Duration, Tick)) -> u64 {
    let Some(latest) = &storage.size else {
        return 1;
    };
    let refresh = latest.good.as_ref().and_then(|good| good.summary.refresh);
    let interval_before = refresh.map_or(0, |refresh| refresh.interval_seconds);
    let interval_before = Duration::from_secs(interval_before);
    let max_error = storage.target.max_error.unwrap_or(max_error);
    quiet_ticks(latest, interval_before, max_error, limits)
}

/// Decides for a target that is listed once in `listing`; `None` where its cost is not known. `max_error` is the fleet's.
pub(super) fn due_of(
    storage: &Storage<'_>,
    listing: Option<Interval>,
    (max_error, tick): (MaxError, Tick),
) -> Due {
    let at_every_tick = Interval {
        every: tick.every,
        reason: RefreshReason::EveryTick,
    };
    let interval = match storage.target.kind {
        StorageKind::S3 if is_by_inventory(storage) => Interval {
            every: INVENTORY_IS_READ_EVERY.max(tick.every),
            reason: RefreshReason::ServiceUpdates,
        },
        StorageKind::S3 => listing.unwrap_or(at_every_tick),
        kind => {
            let ticks = quiet(storage, max_error, (LONGEST_OF_SERVERS, tick));
            let interval = Interval::of_ticks(ticks, ticks, tick.every);
            let is_too_often = kind == StorageKind::Efs && interval.every < EFS_REPORTS_EVERY;
            match is_too_often {
                true => Interval {
                    every: EFS_REPORTS_EVERY,
                    reason: RefreshReason::ServiceUpdates,
                },
                false => interval,
            }
        }
    };
    due(&storage.id, known(storage), interval, tick)
}

/// Returns what decides when a target is measured; `None` if it never was, or is not known to have been
/// measured by its source.
fn known(storage: &Storage<'_>) -> Option<Known> {
    let latest = storage.size.as_ref()?;
    let good = latest.good.as_ref()?;
    let is_bucket = storage.target.kind == StorageKind::S3;
    // A bucket whose source has changed is measured now.
    let (is_listed, is_reported) = (
        good.summary.listing.is_some(),
        good.summary.inventory.is_some(),
    );
    let is_by_source = match storage.target.inventory {
        None => is_listed,
        Some(_) if storage.target.chooses_source => is_listed || is_reported,
        Some(_) => is_reported,
    };
    if is_bucket && !is_by_source {
        return None;
    }
    let failure = latest.last_failure.as_ref();
    Some(Known {
        measured_at: good.summary.measured_at(&good.run),
        refresh: good.summary.refresh,
        failed_at: failure.map(|failure| failure.scheduled_at),
        lacks_a_part: is_bucket && lacks_a_part(storage.target, good),
    })
}

/// Returns whether a wanted part was neither measured by the last run nor reported as unmeasured.
fn lacks_a_part(target: &BucketTarget, good: &Good<BucketSize>) -> bool {
    let (wanted, size) = (target.measure, &good.summary);
    let parts = [
        (
            Part::Noncurrent,
            wanted.noncurrent,
            size.noncurrent.is_some(),
        ),
        (
            Part::DeleteMarkers,
            wanted.delete_markers,
            size.delete_markers.is_some(),
        ),
        (Part::Multipart, wanted.multipart, size.multipart.is_some()),
    ];
    parts.into_iter().any(|(part, is_wanted, is_measured)| {
        let is_reported = size.unmeasured.iter().any(|missing| missing.part == part);
        is_wanted && !is_measured && !is_reported
    })
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use shared::snapshot::{Completeness, Latest, Method, Run};

    use super::*;

    /// Returns when a target of `kind` that was measured at the start is measured again, by ticks of `minutes`.
    fn again_after_minutes(kind: StorageKind, minutes: u64) -> (i64, RefreshReason) {
        let every = Duration::from_secs(minutes * 60);
        let target = BucketTarget {
            kind,
            ..BucketTarget::whole("acme-prod", "fs-1")
        };
        let tick = |minute: i64| Tick {
            at: DateTime::from_timestamp(minute * 60, 0).unwrap(),
            every,
        };
        let mut storage = Storage {
            id: target.id(),
            target: &target,
            size: None,
            metrics: None,
        };
        let Due::Now(refresh) = due_of(&storage, None, (MaxError::DEFAULT, tick(0))) else {
            panic!("what was never measured is due");
        };
        let mut summary = BucketSize::empty(Method::Service);
        summary.refresh = Some(refresh);
        storage.size = Some(Latest {
            target: target.id(),
            version: 1,
            good: Some(Good {
                run: Run::at(tick(0).at, every),
                completeness: Completeness::Complete,
                summary,
            }),
            last_failure: None,
            trend: None,
            pace: None,
        });
        let step = i64::try_from(minutes).unwrap();
        let next = (1..)
            .map(|number| number * step)
            .find(|now| {
                matches!(
                    due_of(&storage, None, (MaxError::DEFAULT, tick(*now))),
                    Due::Now(_)
                )
            })
            .unwrap();
        (next, refresh.reason)
    }

    #[test]
    fn other_storage_is_measured_at_every_tick_unless_its_service_reports_less_often() {
        use RefreshReason::{EveryTick, ServiceUpdates};

        assert_eq!(
            again_after_minutes(StorageKind::Efs, 1),
            (15, ServiceUpdates)
        );
        assert_eq!(again_after_minutes(StorageKind::Efs, 60), (60, EveryTick));
        for kind in StorageKind::ALL {
            if kind != StorageKind::Efs {
                assert_eq!(
                    again_after_minutes(kind, 1),
                    (1, EveryTick),
                    "{}",
                    kind.as_str()
                );
            }
        }
    }
}
