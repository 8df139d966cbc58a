//! What is decided for one storage target at a tick. Pure.

use std::time::Duration;

use chrono::{DateTime, Utc};
use shared::fleet::{BucketTarget, StorageKind, TargetId};
use shared::snapshot::StorageMetrics;
use shared::snapshot::bucket_size::{Part, Refresh, RefreshReason, Unmeasured};
use shared::snapshot::{BucketSize, Good, Latest, Measurement};

use crate::plan::budget;
use crate::plan::due::{Due, Known, due};
use crate::queue::{Asked, Order, Work};
use crate::storage_size::merge::wants_figure;
use crate::storage_size::s3::daily_metrics::{self, KnownFigure};

/// EFS reports once in 15 minutes, and each look at it is billed: looking more often tells the same.
const EFS_REPORTS_EVERY: Duration = Duration::from_secs(900);

/// Returns the LIST requests that one listing of `target` takes, by the last one; `None` where none is known.
pub(super) fn listing_cost(target: &BucketTarget, latest: &Latest<BucketSize>) -> Option<u64> {
    if target.kind != StorageKind::S3 {
        return None;
    }
    let size = &latest.good.as_ref()?.summary;
    Some(size.listing?.request_count)
}

/// What happens to one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decision {
    /// Whether it is measured in full.
    pub(super) is_due: bool,
    refresh: Refresh,
    /// Whether readers were told an earlier time of the next measurement, and nothing else would tell them.
    is_later_than_said: bool,
}

impl Decision {
    /// Decides for a target whose share of the budget is a listing once in `ticks`; `None` where that is not known.
    pub(super) fn of(
        (id, target, latest): (&TargetId, &BucketTarget, Option<&Latest<BucketSize>>),
        ticks: Option<u64>,
        (now, tick): (DateTime<Utc>, Duration),
    ) -> Self {
        let interval = match target.kind {
            StorageKind::S3 => budget::interval(ticks.unwrap_or(1), tick),
            StorageKind::Efs if tick < EFS_REPORTS_EVERY => {
                (EFS_REPORTS_EVERY, RefreshReason::ServiceUpdates)
            }
            _ => (tick, RefreshReason::EveryTick),
        };
        let known = latest.and_then(|latest| known(target, latest));
        match due(id, known, interval, (now, tick)) {
            Due::Now(refresh) => Self {
                is_due: true,
                refresh,
                is_later_than_said: false,
            },
            Due::Later {
                refresh,
                is_later_than_said,
            } => Self {
                is_due: false,
                refresh,
                is_later_than_said,
            },
        }
    }

    /// Returns whether CloudWatch is asked about the target.
    pub(super) fn asks(
        &self,
        (target, latest): (&BucketTarget, Option<&Latest<BucketSize>>),
        tick: (DateTime<Utc>, Duration),
    ) -> bool {
        if !wants_figure(target) {
            return false;
        }
        let Some(latest) = latest else {
            return true;
        };
        let known = KnownFigure {
            figure: figure_of(latest),
            // What was never measured, because that fails, is asked about in turn and not at every tick.
            fault: match latest.good {
                None => Some(daily_metrics::NO_METRICS),
                Some(_) => fault_of(latest).map(|fault| fault.code.as_str()),
            },
        };
        daily_metrics::may_have_news(known, tick)
    }

    /// Returns the order for the target's collector; `None` where there is nothing to do and nothing to tell.
    pub(super) fn order(
        &self,
        (target, latest): (&BucketTarget, Option<&Latest<BucketSize>>),
        asked: Option<Asked>,
        now: DateTime<Utc>,
    ) -> Option<Order> {
        let work = if self.is_due {
            Work::Measure
        } else {
            let latest = latest?;
            let good = latest.good.as_ref()?;
            good.summary.listing?;
            let is_news = asked.as_ref().is_some_and(|asked| is_news(asked, latest));
            if !is_news && !self.is_later_than_said {
                return None;
            }
            Work::Carry {
                measured_at: BucketSize::origin(&good.summary, &good.run),
            }
        };
        let next_full_at = self.refresh.next_full_at;
        let next_due_at = match wants_figure(target) {
            true => next_full_at.min(daily_metrics::next_ask_at(now)),
            false => next_full_at,
        };
        Some(Order {
            work,
            refresh: Some(self.refresh),
            next_due_at: Some(next_due_at),
            cloudwatch: asked,
        })
    }
}

/// Returns what decides when a target is measured; `None` where it never was, or is not known to have been listed.
fn known(target: &BucketTarget, latest: &Latest<BucketSize>) -> Option<Known> {
    let good = latest.good.as_ref()?;
    if target.kind == StorageKind::S3 {
        good.summary.listing?;
    }
    let failure = latest.last_failure.as_ref();
    Some(Known {
        measured_at: BucketSize::origin(&good.summary, &good.run),
        refresh: good.summary.refresh,
        failed_at: failure.map(|failure| failure.scheduled_at),
        lacks_a_part: target.kind == StorageKind::S3 && lacks_a_part(target, good),
    })
}

/// Returns whether a part is wanted that the last run neither measured nor says why not.
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
    parts.into_iter().any(|(part, is_wanted, is_there)| {
        let is_told = size.unmeasured.iter().any(|missing| missing.part == part);
        is_wanted && !is_there && !is_told
    })
}

fn figure_of(latest: &Latest<BucketSize>) -> Option<&StorageMetrics> {
    latest.good.as_ref()?.summary.cloudwatch.as_ref()
}

fn fault_of(latest: &Latest<BucketSize>) -> Option<&Unmeasured> {
    let missing = &latest.good.as_ref()?.summary.unmeasured;
    missing
        .iter()
        .find(|missing| missing.part == Part::CloudWatch)
}

/// Returns whether what CloudWatch said is something that readers do not know.
fn is_news(asked: &Asked, latest: &Latest<BucketSize>) -> bool {
    let known_fault = fault_of(latest);
    match asked {
        Asked::Missing { code, .. } => known_fault.is_none_or(|known| known.code != *code),
        Asked::Found(found) => {
            let same = figure_of(latest).is_some_and(|known| {
                let asked_again = StorageMetrics {
                    asked_at: known.asked_at,
                    ..found.clone()
                };
                *known == asked_again
            });
            !same || known_fault.is_some()
        }
    }
}

#[cfg(test)]
mod tests {
    use shared::snapshot::{Completeness, Method, Run};

    use super::*;

    /// Returns when a target of `kind` that was measured at the begin is measured again, by ticks of `minutes`.
    fn again_after_minutes(kind: StorageKind, minutes: u64) -> (i64, RefreshReason) {
        let tick = Duration::from_secs(minutes * 60);
        let target = BucketTarget {
            kind,
            ..BucketTarget::whole("acme-prod", "fs-1")
        };
        let at = |minute: i64| DateTime::from_timestamp(minute * 60, 0).unwrap();
        let first = Decision::of((&target.id(), &target, None), None, (at(0), tick));
        let mut summary = BucketSize::empty(Method::Service);
        summary.refresh = Some(first.refresh);
        let latest = Latest {
            target: target.id(),
            version: 1,
            good: Some(Good {
                run: Run::at(at(0), tick),
                completeness: Completeness::Complete,
                summary,
            }),
            last_failure: None,
        };
        let step = i64::try_from(minutes).unwrap();
        let next = (1..)
            .map(|number| number * step)
            .find(|now| {
                let place = (&target.id(), &target, Some(&latest));
                Decision::of(place, None, (at(*now), tick)).is_due
            })
            .unwrap();
        (next, first.refresh.reason)
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
