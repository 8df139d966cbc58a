//! What a snapshot takes over: from the one before, and from what `plan` was told by CloudWatch. No I/O.
//!
//! A listing is never changed here and keeps its own times. A figure of CloudWatch is replaced by a newer one only.

use chrono::{DateTime, Utc};
use shared::fleet::BucketTarget;
use shared::snapshot::StorageMetrics;
use shared::snapshot::bucket_size::{Part, Unmeasured};
use shared::snapshot::{BucketSize, Good, Measurement};

use super::s3::daily_metrics::NO_METRICS;
use crate::queue::{Asked, Order, Work};

/// Returns `measured` as it is kept by a run with `order`, scheduled for `scheduled_at`, where `before` is the last good
/// run.
pub(super) fn measured(
    target: &BucketTarget,
    (order, scheduled_at): (&Order, DateTime<Utc>),
    measured: &BucketSize,
    before: Option<&Good<BucketSize>>,
) -> BucketSize {
    let mut size = measured.clone();
    size.refresh = order.refresh;
    if wants_figure(target) {
        let before = before.map(|before| &before.summary);
        add_figure(&mut size, (order, scheduled_at), before);
    }
    size
}

/// Returns the numbers of `before` with what `order`, scheduled for `scheduled_at`, adds to them; `None` where that is
/// nothing.
///
/// A measurement that is newer than the order is left alone: whoever planned it knew more.
pub(super) fn carried(
    target: &BucketTarget,
    (order, scheduled_at): (&Order, DateTime<Utc>),
    before: &Good<BucketSize>,
) -> Option<BucketSize> {
    let Work::Carry { measured_at } = order.work else {
        return None;
    };
    // Without the listing's own times nothing would tell how old its numbers are.
    before.summary.listing?;
    let origin = BucketSize::origin(&before.summary, &before.run);
    if origin > scheduled_at || before.run.scheduled_at > scheduled_at {
        return None;
    }
    let mut size = before.summary.clone();
    if origin == measured_at && order.refresh.is_some() {
        size.refresh = order.refresh;
    }
    size.cloudwatch = None;
    size.unmeasured
        .retain(|missing| missing.part != Part::CloudWatch);
    if wants_figure(target) {
        add_figure(&mut size, (order, scheduled_at), Some(&before.summary));
    }
    (size != before.summary).then_some(size)
}

/// Returns whether CloudWatch's figure is wanted and can be had.
pub(crate) fn wants_figure(target: &BucketTarget) -> bool {
    target.measure.cloudwatch && target.is_whole_bucket()
}

/// Adds the newest figure to a size that has none, and why there is no newer one.
///
/// A run may end long after it was scheduled: that there was no figure then says nothing of one that was found since.
fn add_figure(
    size: &mut BucketSize,
    (order, scheduled_at): (&Order, DateTime<Utc>),
    before: Option<&BucketSize>,
) {
    let known = before.and_then(|before| before.cloudwatch.clone());
    let was_found_since = known
        .as_ref()
        .is_some_and(|known| known.asked_at > scheduled_at);
    let missing = |code: &str, reason: &str| Unmeasured {
        part: Part::CloudWatch,
        code: code.to_owned(),
        reason: reason.to_owned(),
    };
    match &order.cloudwatch {
        Some(Asked::Found(found)) => size.cloudwatch = newer(known, found),
        Some(Asked::Missing { code, reason }) if !was_found_since => {
            size.unmeasured.push(missing(code, reason));
            // What CloudWatch no longer knows is not shown for ever.
            size.cloudwatch = known.filter(|_| code != NO_METRICS);
        }
        Some(Asked::Missing { .. }) | None => {
            size.cloudwatch = known;
            let faults = before.map(|before| before.unmeasured.as_slice());
            let faults = faults.unwrap_or_default().iter();
            size.unmeasured.extend(
                faults
                    .filter(|fault| fault.part == Part::CloudWatch)
                    .cloned(),
            );
        }
    }
}

/// Returns the figure of the later day, of the same day the one that was asked for later.
fn newer(known: Option<StorageMetrics>, found: &StorageMetrics) -> Option<StorageMetrics> {
    let order = |figure: &StorageMetrics| (figure.as_of, figure.asked_at);
    known
        .filter(|known| order(known) > order(found))
        .or_else(|| Some(found.clone()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use chrono::TimeDelta;
    use shared::fleet::Measured;
    use shared::snapshot::bucket_size::{ListingRun, Refresh, RefreshReason};
    use shared::snapshot::{Objects, Run};

    use super::*;

    fn hour(hour: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::hours(hour)
    }

    fn target() -> BucketTarget {
        BucketTarget {
            measure: Measured {
                cloudwatch: true,
                ..Measured::current()
            },
            ..BucketTarget::whole("acme-prod", "files")
        }
    }

    fn figure(day: i64, bytes: u64) -> StorageMetrics {
        StorageMetrics {
            as_of: hour(day * 24),
            total_bytes: bytes,
            overhead_bytes: 0,
            by_storage_type: BTreeMap::new(),
            object_count: None,
            asked_at: hour(day * 24 + 30),
            metric_count: 27,
        }
    }

    fn refresh(hours: i64) -> Refresh {
        Refresh {
            interval_seconds: 36_000,
            reason: RefreshReason::Budget,
            next_full_at: hour(hours),
        }
    }

    /// Returns a run of hour 100 that listed `bytes` then, with `figure`.
    fn before(bytes: u64, figure: Option<StorageMetrics>) -> Good<BucketSize> {
        let mut objects = Objects::default();
        objects.add("STANDARD", bytes);
        let mut summary = BucketSize::of_listing(objects);
        summary.cloudwatch = figure;
        summary.refresh = Some(refresh(101));
        summary.listing = Some(ListingRun {
            scheduled_at: hour(100),
            taken_at: hour(100),
            finished_at: hour(100),
            request_count: 5,
        });
        Good {
            run: Run::at(hour(100), Duration::from_secs(3600)),
            completeness: summary.completeness(),
            summary,
        }
    }

    fn order(measured_at: i64, asked: Option<Asked>) -> Order {
        Order {
            work: Work::Carry {
                measured_at: hour(measured_at),
            },
            refresh: Some(refresh(110)),
            next_due_at: None,
            cloudwatch: asked,
        }
    }

    fn missing(code: &str) -> Option<Asked> {
        Some(Asked::Missing {
            code: code.to_owned(),
            reason: "because".to_owned(),
        })
    }

    #[test]
    fn a_figure_is_added_and_the_listing_keeps_its_numbers_and_times() {
        let before = before(7, Some(figure(2, 70)));
        let order = order(100, Some(Asked::Found(figure(3, 80))));

        let carried = carried(&target(), (&order, hour(105)), &before).unwrap();

        assert_eq!(carried.current, before.summary.current);
        assert_eq!(carried.listing, before.summary.listing);
        assert_eq!(carried.cloudwatch, Some(figure(3, 80)));
        assert_eq!(carried.refresh, Some(refresh(110)));
    }

    #[test]
    fn the_same_order_again_adds_nothing() {
        let mut before = before(7, Some(figure(2, 70)));
        let order = order(100, Some(Asked::Found(figure(3, 80))));
        before.summary = carried(&target(), (&order, hour(105)), &before).unwrap();
        before.run.scheduled_at = hour(105);

        assert_eq!(carried(&target(), (&order, hour(105)), &before), None);
    }

    #[test]
    fn an_older_figure_replaces_nothing_and_a_newer_listing_keeps_what_was_said_of_it() {
        let known = before(7, Some(figure(3, 80)));
        let late = order(90, Some(Asked::Found(figure(2, 70))));

        assert_eq!(carried(&target(), (&late, hour(105)), &known), None);
        let newer = order(90, Some(Asked::Found(figure(4, 90))));
        let added = carried(&target(), (&newer, hour(105)), &known).unwrap();
        assert_eq!(added.refresh, Some(refresh(101)));
        assert_eq!(added.cloudwatch, Some(figure(4, 90)));
    }

    #[test]
    fn an_order_from_before_the_listing_changes_nothing() {
        let order = order(90, Some(Asked::Found(figure(4, 90))));

        assert_eq!(
            carried(&target(), (&order, hour(99)), &before(7, None)),
            None
        );
    }

    #[test]
    fn nothing_is_added_to_numbers_that_do_not_know_when_they_were_listed() {
        let mut before = before(7, None);
        before.summary.listing = None;
        let order = order(100, Some(Asked::Found(figure(4, 90))));

        assert_eq!(carried(&target(), (&order, hour(105)), &before), None);
    }

    #[test]
    fn a_fault_leaves_the_known_figure_and_says_why_there_is_no_newer_one() {
        let known = before(7, Some(figure(3, 80)));
        let ask =
            |code| carried(&target(), (&order(100, missing(code)), hour(105)), &known).unwrap();

        let (denied, unknown) = (ask("access_denied"), ask("no_metrics"));

        assert_eq!(denied.cloudwatch, Some(figure(3, 80)));
        assert_eq!(denied.unmeasured[0].code, "access_denied");
        assert_eq!(unknown.cloudwatch, None, "emptied days ago");
        let mut after = known.clone();
        after.summary = denied;
        let found = order(100, Some(Asked::Found(figure(4, 90))));
        let found = carried(&target(), (&found, hour(106)), &after).unwrap();
        assert!(found.unmeasured.is_empty());
    }

    #[test]
    fn a_new_listing_takes_the_newest_figure_over() {
        let listed = before(9, None).summary;
        let full = |asked| Order {
            work: Work::Measure,
            ..order(0, asked)
        };
        let known = before(7, Some(figure(3, 80)));
        let figure_of = |asked, before| {
            let order = full(asked);
            measured(&target(), (&order, hour(110)), &listed, before).cloudwatch
        };

        assert_eq!(figure_of(None, Some(&known)), Some(figure(3, 80)));
        let older = Some(Asked::Found(figure(2, 70)));
        assert_eq!(figure_of(older.clone(), Some(&known)), Some(figure(3, 80)));
        assert_eq!(figure_of(older, None), Some(figure(2, 70)));
        assert_eq!(figure_of(None, None), None);
        let unwanted = BucketTarget::whole("acme-prod", "files");
        let size = measured(&unwanted, (&full(None), hour(110)), &listed, Some(&known));
        assert_eq!((size.cloudwatch, size.refresh), (None, Some(refresh(110))));
    }

    /// A listing may take hours; what CloudWatch said meanwhile was told without it.
    #[test]
    fn a_figure_that_was_found_since_is_not_lost_to_an_older_answer() {
        let listed = before(9, None).summary;
        let known = before(7, Some(figure(3, 80)));
        let order = Order {
            work: Work::Measure,
            ..order(0, missing("no_metrics"))
        };
        let asked_at = figure(3, 80).asked_at;
        let ended =
            |scheduled_at| measured(&target(), (&order, scheduled_at), &listed, Some(&known));

        let (earlier, later) = (
            ended(asked_at - TimeDelta::hours(1)),
            ended(asked_at + TimeDelta::hours(1)),
        );

        assert_eq!(earlier.cloudwatch, Some(figure(3, 80)));
        assert!(earlier.unmeasured.is_empty());
        assert_eq!(later.cloudwatch, None);
        assert_eq!(later.unmeasured[0].code, "no_metrics");
    }
}
