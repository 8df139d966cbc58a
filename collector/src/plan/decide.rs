//! What is decided for one storage target at a tick. Pure.

use std::time::Duration;

use chrono::{DateTime, Utc};
use shared::fleet::{BucketTarget, StorageKind, TargetId};
use shared::snapshot::bucket_size::{CloudWatchSize, Part, Refresh, RefreshReason, Unmeasured};
use shared::snapshot::{BucketSize, Good, Latest, Measurement};

use crate::bucket_size::carry::wants_figure;
use crate::bucket_size::figure::{self, KnownFigure};
use crate::message::{Asked, Order, Work};
use crate::refresh::{self, Due};

/// DynamoDB counts its tables' bytes about once in six hours: asking more often tells the same.
const DYNAMODB_UPDATES_EVERY: Duration = Duration::from_secs(6 * 3600);

/// Returns the LIST requests that one listing of `target` takes, by the last one; `None` where none is known.
pub(super) fn listing_cost(target: &BucketTarget, latest: &Latest<BucketSize>) -> Option<u64> {
    if target.kind != StorageKind::S3 {
        return None;
    }
    let size = &latest.good.as_ref()?.summary;
    // Snapshots from before requests were counted.
    let guess = || size.object_count().unwrap_or(0) / 1000 + 1;
    Some(
        size.listing
            .map_or_else(guess, |listing| listing.request_count),
    )
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
            StorageKind::S3 => refresh::interval(ticks.unwrap_or(1), tick),
            StorageKind::DynamoDb if tick < DYNAMODB_UPDATES_EVERY => {
                (DYNAMODB_UPDATES_EVERY, RefreshReason::ServiceUpdates)
            }
            _ => (tick, RefreshReason::EveryTick),
        };
        let known = latest.and_then(|latest| known(target, latest));
        match refresh::due(id, known, interval, (now, tick)) {
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
                None => Some(figure::NO_METRICS),
                Some(_) => fault_of(latest).map(|fault| fault.code.as_str()),
            },
        };
        figure::may_have_news(known, tick)
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
            true => next_full_at.min(figure::next_ask_at(now)),
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

/// Returns what decides when a target is measured; `None` where it never was.
fn known(target: &BucketTarget, latest: &Latest<BucketSize>) -> Option<refresh::Known> {
    let good = latest.good.as_ref()?;
    let failure = latest.last_failure.as_ref();
    Some(refresh::Known {
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

fn figure_of(latest: &Latest<BucketSize>) -> Option<&CloudWatchSize> {
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
                let asked_again = CloudWatchSize {
                    asked_at: known.asked_at,
                    ..found.clone()
                };
                *known == asked_again
            });
            !same || known_fault.is_some()
        }
    }
}
