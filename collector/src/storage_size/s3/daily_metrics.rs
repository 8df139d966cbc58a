//! A bucket as CloudWatch's daily storage metrics show it: all storage types of one day, never of several.
//!
//! The metrics come once a day and a day or two late, those of one day not all at once. A storage type that was emptied
//! has no point any more, so the newest day is chosen for the bucket and not for each type: an older day's bytes are
//! never shown as today's, and a day that is still to come in part is not shown yet. `plan` asks, for the whole fleet at
//! once; what becomes of a figure is in `carry.rs`.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_cloudwatch::Client;
use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use futures::{StreamExt, stream};
use shared::aws::Aws;
use shared::clock;
use shared::fleet::BucketTarget;
use shared::snapshot::StorageMetrics;
use tokio::time::{Instant, timeout_at};

use crate::aws::cloudwatch::{self, MetricQuery, Point, QUERIES_PER_CALL};
use crate::error::MeasureError;

const DAY: Duration = Duration::from_secs(86_400);
/// How far back the newest day may be: the metrics are "a day or two late", and sometimes three. Counted from the
/// end of today.
const LOOK_BACK: Duration = Duration::from_secs(6 * 86_400);

/// Time from the begin of a day until a storage type that has no point of it, and had bytes the day before, was emptied:
/// the metrics are "a day or two late".
const SETTLED_AFTER: Duration = Duration::from_secs(3 * 86_400);

/// Storage types that are bytes of objects, versions and parts of uploads.
const CONTENT: [&str; 14] = [
    "StandardStorage",
    "IntelligentTieringFAStorage",
    "IntelligentTieringIAStorage",
    "IntelligentTieringAIAStorage",
    "IntelligentTieringAAStorage",
    "IntelligentTieringDAAStorage",
    "StandardIAStorage",
    "OneZoneIAStorage",
    "ReducedRedundancyStorage",
    "GlacierInstantRetrievalStorage",
    "GlacierStorage",
    "GlacierStagingStorage",
    "DeepArchiveStorage",
    "DeepArchiveStagingStorage",
];
/// Storage types that are in no object: metadata of archived ones, and rounding up to a class's least size.
const OVERHEAD: [&str; 12] = [
    "IntAAObjectOverhead",
    "IntAAS3ObjectOverhead",
    "IntDAAObjectOverhead",
    "IntDAAS3ObjectOverhead",
    "StandardIASizeOverhead",
    "StandardIAObjectOverhead",
    "OneZoneIASizeOverhead",
    "GlacierIRSizeOverhead",
    "GlacierObjectOverhead",
    "GlacierS3ObjectOverhead",
    "DeepArchiveObjectOverhead",
    "DeepArchiveS3ObjectOverhead",
];
/// Code of a bucket that CloudWatch knows nothing of.
pub(crate) const NO_METRICS: &str = "no_metrics";
/// Metrics that are requested for one bucket: its storage types and its number of objects.
const METRICS: usize = CONTENT.len() + OVERHEAD.len() + 1;

/// Buckets whose metrics go into one call.
pub(crate) const BUCKETS_PER_CALL: usize = QUERIES_PER_CALL / METRICS;
/// Calls at a time; 50 a second are allowed in a region by default.
const CONCURRENT_CALLS: usize = 8;
/// Time between two asks, counted from midnight: a point may come at any hour, and each ask is billed.
pub(crate) const ASK_EVERY: Duration = Duration::from_secs(6 * 3600);

/// What is known of a bucket's figure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KnownFigure<'a> {
    /// The newest one.
    pub(crate) figure: Option<&'a StorageMetrics>,
    /// Code of the last ask where it failed.
    pub(crate) fault: Option<&'a str>,
}

/// Returns when CloudWatch is asked next after `time`: at the first tick from then on.
pub(crate) fn next_ask_at(time: DateTime<Utc>) -> DateTime<Utc> {
    let every = i64::try_from(ASK_EVERY.as_secs()).unwrap_or(i64::MAX);
    let slot = time.timestamp().div_euclid(every) + 1;
    DateTime::from_timestamp(slot * every, 0).unwrap_or(time)
}

/// Returns whether CloudWatch may have something new of a bucket that was measured before, at the tick of `now`.
///
/// Every [`ASK_EVERY`], unless the newest day that has ended is known already; that day is asked for once more, for
/// storage types whose points came later. At every tick where it was never asked or failed, but for `no_metrics`.
pub(crate) fn may_have_news(
    known: KnownFigure<'_>,
    (now, tick): (DateTime<Utc>, Duration),
) -> bool {
    let before = TimeDelta::from_std(tick).map_or(DateTime::UNIX_EPOCH, |tick| now - tick);
    let is_time_to_ask = next_ask_at(before) <= now;
    let is_failed = known.fault.is_some_and(|code| code != NO_METRICS);
    let Some(figure) = known.figure else {
        return is_time_to_ask || is_failed || known.fault.is_none();
    };
    let next_day_ended_at = clock::after(figure.as_of, 2 * DAY);
    if next_day_ended_at <= now {
        return is_time_to_ask || is_failed;
    }
    let is_new = now < clock::after(figure.asked_at, 2 * ASK_EVERY);
    is_time_to_ask && is_new
}

/// Reads the figures of many buckets as of `now`, in their order, in one call for [`BUCKETS_PER_CALL`] of one region
/// and role, and ends before `until`.
///
/// Costs 27 requested metrics for each bucket. A bucket without a figure has the reason; none keeps another from
/// its own, but for the buckets of the same call.
pub(crate) async fn read(
    aws: &Aws,
    buckets: &[&BucketTarget],
    now: DateTime<Utc>,
    until: Instant,
) -> Vec<Result<StorageMetrics, MeasureError>> {
    let mut places: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (index, bucket) in buckets.iter().enumerate() {
        let place = (bucket.region.as_deref(), bucket.role_arn.as_deref());
        places.entry(place).or_default().push(index);
    }
    let mut calls = Vec::new();
    for ((region, role_arn), indices) in places {
        let client = aws.cloudwatch(region, role_arn).await;
        let batches = indices.chunks(BUCKETS_PER_CALL);
        calls.extend(batches.map(|batch| (client.clone(), batch.to_vec())));
    }
    let calls: Vec<_> = calls
        .into_iter()
        .map(|(client, indices)| async move {
            let names = indices.iter().filter_map(|index| buckets.get(*index));
            let names: Vec<_> = names.map(|bucket| bucket.bucket.as_str()).collect();
            let answer = timeout_at(until, call(&client, &names, now)).await;
            (indices, answer.unwrap_or_else(|_| Err(late())))
        })
        .collect();
    let mut answers = stream::iter(calls).buffer_unordered(CONCURRENT_CALLS);
    let mut found: Vec<_> = buckets.iter().map(|_| Err(late())).collect();
    while let Some((indices, answer)) = answers.next().await {
        match answer {
            Ok(figures) => {
                for (index, figure) in indices.into_iter().zip(figures) {
                    if let Some(place) = found.get_mut(index) {
                        *place = figure;
                    }
                }
            }
            Err(error) => {
                tracing::warn!(
                    bucket_count = indices.len(),
                    failure.code = error.code,
                    error = shared::telemetry::error_chain(&error),
                    "CloudWatch told nothing of some buckets"
                );
                for index in indices {
                    if let Some(place) = found.get_mut(index) {
                        *place = Err(error.without_source());
                    }
                }
            }
        }
    }
    found
}

fn late() -> MeasureError {
    MeasureError::transient("timeout", "CloudWatch did not answer in time")
}

/// Asks for at most [`BUCKETS_PER_CALL`] buckets.
async fn call(
    client: &Client,
    buckets: &[&str],
    now: DateTime<Utc>,
) -> Result<Vec<Result<StorageMetrics, MeasureError>>, MeasureError> {
    // Periods are counted from the begin of what is asked for: only from midnight on are they days.
    let tomorrow = now.date_naive().and_time(NaiveTime::MIN).and_utc() + TimeDelta::days(1);
    let asked: Vec<_> = buckets.iter().flat_map(|bucket| queries(bucket)).collect();
    let points = cloudwatch::points(client, &asked, tomorrow).await?;
    Ok(points
        .chunks(METRICS)
        .map(|points| {
            figure(points, now)?.ok_or_else(|| {
                MeasureError::permanent(
                    NO_METRICS,
                    "CloudWatch has no size of the bucket in the last days: the bucket is new or empty, in another \
                     region than the one that was asked, or its name is an access point's",
                )
            })
        })
        .collect())
}

fn queries(bucket: &str) -> Vec<MetricQuery> {
    let query = |metric, storage_type: &str| MetricQuery {
        namespace: "AWS/S3",
        metric,
        dimensions: vec![
            ("BucketName", bucket.to_owned()),
            ("StorageType", storage_type.to_owned()),
        ],
        statistic: "Average",
        period: DAY,
        look_back: LOOK_BACK,
    };
    let bytes = CONTENT.iter().chain(&OVERHEAD);
    let bytes = bytes.map(|storage_type| query("BucketSizeBytes", storage_type));
    bytes
        .chain([query("NumberOfObjects", "AllStorageTypes")])
        .collect()
}

/// Returns the figure of the newest day that is whole: that a storage type has a point of, and for which no other is
/// still to come.
///
/// This is told by the points and the time alone. An answer that waits for a day leaves the known figure as it is, so
/// nothing would remember that the day was seen before.
fn figure(
    points: &[Vec<Point>],
    asked_at: DateTime<Utc>,
) -> Result<Option<StorageMetrics>, MeasureError> {
    let Some((counts, bytes)) = points.split_last() else {
        return Ok(None);
    };
    let Some(newest) = bytes.iter().flatten().map(|point| point.at).max() else {
        return Ok(None);
    };
    let last = bytes.iter().filter_map(|points| points.first());
    let awaited = last.filter(|last| {
        let settled_at = clock::after(last.at, DAY + SETTLED_AFTER);
        last.value > 0.0 && last.at < newest && asked_at < settled_at
    });
    let as_of = awaited.map(|last| last.at).min().unwrap_or(newest);
    let of_day = |points: &Vec<Point>| points.iter().find(|point| point.at == as_of).copied();
    let impossible =
        || MeasureError::permanent("unexpected_answer", "CloudWatch has a size that cannot be");
    let whole = |point: Point| point.whole().ok_or_else(impossible);
    let mut figure = StorageMetrics {
        as_of,
        total_bytes: 0,
        overhead_bytes: 0,
        by_storage_type: BTreeMap::new(),
        object_count: of_day(counts).map(whole).transpose()?,
        asked_at,
        metric_count: METRICS as u64,
    };
    for (storage_type, points) in CONTENT.iter().chain(&OVERHEAD).zip(bytes) {
        let Some(point) = of_day(points) else {
            continue;
        };
        let bytes = whole(point)?;
        // Each is at most 2^53: 26 of them fit.
        figure.total_bytes += bytes;
        if OVERHEAD.contains(storage_type) {
            figure.overhead_bytes += bytes;
        }
        figure
            .by_storage_type
            .insert((*storage_type).to_owned(), bytes);
    }
    Ok(Some(figure))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(day * 86_400, 0).unwrap()
    }

    /// Returns the points of a bucket: those named, and none for all others.
    fn points(named: &[(&str, i64, f64)]) -> Vec<Vec<Point>> {
        let names = CONTENT.iter().chain(&OVERHEAD).copied().chain(["count"]);
        names
            .map(|name| {
                let of_name = named
                    .iter()
                    .filter(|(storage_type, _, _)| *storage_type == name);
                let mut points: Vec<_> = of_name
                    .map(|(_, at, value)| Point {
                        at: day(*at),
                        value: *value,
                    })
                    .collect();
                points.sort_by_key(|point| std::cmp::Reverse(point.at));
                points
            })
            .collect()
    }

    fn hour(hour: i64) -> DateTime<Utc> {
        day(20_000) + TimeDelta::hours(hour)
    }

    /// Returns the hours of two days, asked at every hour, at which CloudWatch is asked when the figure of `as_of`,
    /// counted in days from the first of the two, was first seen at the hour `asked`.
    fn asks(as_of: i64, asked: i64, fault: Option<&str>) -> Vec<i64> {
        let figure = StorageMetrics {
            as_of: day(20_000 + as_of),
            asked_at: hour(asked),
            ..figure(&points(&[("StandardStorage", 1, 1.0)]), hour(0))
                .unwrap()
                .unwrap()
        };
        let known = KnownFigure {
            figure: Some(&figure),
            fault,
        };
        (0..48)
            .filter(|now| may_have_news(known, (hour(*now), Duration::from_secs(3600))))
            .collect()
    }

    #[test]
    fn a_day_is_asked_for_when_it_has_ended_and_once_more_after_it_was_seen() {
        assert_eq!(asks(-1, -12, None), [24, 30, 36, 42]);
        assert_eq!(asks(-2, -20, None), [0, 6, 12, 18, 24, 30, 36, 42]);
        assert_eq!(asks(-1, 6, None), [0, 6, 12, 24, 30, 36, 42]);
    }

    #[test]
    fn what_failed_is_asked_again_at_the_next_tick_and_what_has_no_metrics_is_not() {
        let hourly = |fault| {
            let known = KnownFigure {
                figure: None,
                fault,
            };
            let asked =
                (0..12).filter(|now| may_have_news(known, (hour(*now), Duration::from_secs(3600))));
            asked.count()
        };

        assert_eq!(hourly(None), 12, "never asked");
        assert_eq!(hourly(Some("throttled")), 12);
        assert_eq!(hourly(Some("no_metrics")), 2);
        assert_eq!(asks(-2, -20, Some("timeout")).len(), 48);
    }

    #[test]
    fn ticks_of_any_length_ask_once_in_six_hours_and_no_more() {
        let known = KnownFigure {
            figure: None,
            fault: Some(NO_METRICS),
        };
        for (seconds, expected) in [(60, 4), (3600, 4), (5400, 4), (21_600, 4), (43_200, 2)] {
            let ticks = 86_400 / seconds;
            let tick = Duration::from_secs(seconds);
            let asked = (0..ticks).filter(|tick_number| {
                let now = hour(0) + TimeDelta::seconds((tick_number * seconds).cast_signed() + 17);
                may_have_news(known, (now, tick))
            });
            assert_eq!(asked.count(), expected, "{seconds}");
        }
        assert_eq!(next_ask_at(hour(6)), hour(12));
        assert_eq!(next_ask_at(hour(5)), hour(6));
    }

    #[test]
    fn a_call_is_full_with_eighteen_buckets() {
        assert_eq!((METRICS, BUCKETS_PER_CALL), (27, 18));
    }

    #[test]
    fn an_emptied_class_does_not_show_an_older_days_bytes() {
        let points = points(&[
            ("StandardStorage", 10, 70.0),
            ("StandardStorage", 9, 60.0),
            ("GlacierStorage", 9, 500.0),
            ("GlacierObjectOverhead", 10, 8.0),
            ("count", 10, 3.0),
            ("count", 9, 90.0),
        ]);

        let figure = figure(&points, day(13)).unwrap().unwrap();

        assert_eq!(
            (figure.as_of, figure.total_bytes, figure.overhead_bytes),
            (day(10), 78, 8)
        );
        assert_eq!(figure.object_count, Some(3));
        assert!(!figure.by_storage_type.contains_key("GlacierStorage"));
    }

    #[test]
    fn a_day_is_not_shown_while_a_storage_type_is_still_to_come() {
        let shown = |named: &[(&str, i64, f64)], asked_at| {
            let figure = figure(&points(named), asked_at).unwrap().unwrap();
            (figure.as_of, figure.total_bytes, figure.object_count)
        };
        let arriving = [
            ("StandardStorage", 10, 70.0),
            ("StandardStorage", 9, 60.0),
            ("GlacierStorage", 9, 500.0),
            ("count", 10, 3.0),
            ("count", 9, 90.0),
        ];
        let at_six = day(11) + TimeDelta::hours(6);
        let last_second = day(13) - TimeDelta::seconds(1);

        assert_eq!(shown(&arriving, at_six), (day(9), 560, Some(90)));
        assert_eq!(shown(&arriving, last_second), (day(9), 560, Some(90)));
        assert_eq!(shown(&arriving, day(13)), (day(10), 70, Some(3)), "emptied");
        // The next day is as incomplete as the one before.
        let next = [&arriving[..], &[("StandardStorage", 11, 80.0)]].concat();
        assert_eq!(shown(&next, day(12)).0, day(9));
        assert_eq!(shown(&next, day(13)), (day(11), 80, None));
        let whole = [&arriving[..], &[("GlacierStorage", 10, 510.0)]].concat();
        assert_eq!(shown(&whole, at_six), (day(10), 580, Some(3)));
        let was_empty = arriving.map(|(name, at, bytes)| match name {
            "GlacierStorage" => (name, at, 0.0),
            _ => (name, at, bytes),
        });
        assert_eq!(shown(&was_empty, at_six), (day(10), 70, Some(3)));
    }

    #[test]
    fn a_count_of_another_day_is_no_count() {
        let points = points(&[("StandardStorage", 10, 70.0), ("count", 9, 90.0)]);

        assert_eq!(
            figure(&points, day(12)).unwrap().unwrap().object_count,
            None
        );
    }

    #[test]
    fn a_bucket_without_metrics_has_no_figure_and_an_impossible_size_is_an_error() {
        assert_eq!(figure(&points(&[]), day(12)).unwrap(), None);
        let error = figure(&points(&[("StandardStorage", 1, -5.0)]), day(12)).unwrap_err();
        assert_eq!(error.code, "unexpected_answer");
    }
}
