//! Bucket size from CloudWatch's daily storage metrics: all storage types of one day, never of several.
//!
//! The metrics come once a day and a day or two late, those of one day not all at once. A storage type that was emptied
//! has no point any more, so the newest day is chosen for the bucket and not for each type: an older day's bytes are
//! never shown as today's, and a day that is still incomplete is not shown yet. `plan` reads them for the whole fleet at
//! once.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_cloudwatch::Client;
use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use futures::{StreamExt, stream};
use shared::aws::Aws;
use shared::clock;
use shared::fleet::BucketTarget;
use shared::snapshot::storage_metrics::{NO_METRICS, READ_EVERY};
use shared::snapshot::{Latest, StorageMetrics};
use tokio::time::{Instant, timeout_at};

use crate::aws::cloudwatch::{self, MetricQuery, Point, QUERIES_PER_CALL};
use crate::error::MeasureError;
use crate::tick::Tick;

const DAY: Duration = Duration::from_secs(86_400);
/// How far back the newest day may be: the metrics are "a day or two late", and sometimes three. Counted from the
/// end of today.
const LOOK_BACK: Duration = Duration::from_secs(6 * 86_400);

/// Time from the start of a day after which a storage type without a point of that day counts as emptied, though it had
/// bytes the day before: the metrics are "a day or two late".
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
/// Storage types that are in no object: metadata of archived ones, and rounding up to a class's minimum size.
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
/// Metrics that are requested for one bucket: its storage types and its number of objects.
const METRICS: usize = CONTENT.len() + OVERHEAD.len() + 1;

/// Buckets whose metrics go into one call.
pub(crate) const BUCKETS_PER_CALL: usize = QUERIES_PER_CALL / METRICS;
/// Calls at a time; 50 a second are allowed in a region by default.
const CONCURRENT_CALLS: usize = 8;

/// Returns whether the metrics of a bucket are read at `tick`.
///
/// Every [`READ_EVERY`], unless the newest day that has ended is known already; that day is read once more, for storage
/// types whose values came later. At every tick before the first read and after a failed one, except for [`NO_METRICS`].
/// A tick that arrives late or twice reads nothing again.
pub(crate) fn are_due(known: Option<&Latest<StorageMetrics>>, tick: Tick) -> bool {
    let Some(known) = known else {
        return true;
    };
    let good = known.good.as_ref();
    let failure = known.last_failure.as_ref();
    let scheduled_at = [
        good.map(|good| good.run.scheduled_at),
        failure.map(|failure| failure.scheduled_at),
    ];
    if scheduled_at.into_iter().flatten().any(|at| at >= tick.at) {
        return false;
    }
    let is_time_to_read = StorageMetrics::next_read_at(tick.previous_at()) <= tick.at;
    let is_failed = failure.is_some_and(|failure| failure.code != NO_METRICS);
    let Some(current) = StorageMetrics::current(known) else {
        return is_time_to_read || is_failed;
    };
    let metrics = &current.summary;
    let next_day_ended_at = clock::after(metrics.as_of, 2 * DAY);
    if next_day_ended_at <= tick.at {
        return is_time_to_read || is_failed;
    }
    let is_new = tick.at < clock::after(metrics.asked_at, 2 * READ_EVERY);
    is_time_to_read && is_new
}

/// Reads the metrics of many buckets as of `now`, in their order, in one call for [`BUCKETS_PER_CALL`] of one region and
/// role, and ends before `until`.
///
/// Costs 27 requested metrics for each bucket. A bucket without metrics has the reason. A failed call concerns its own
/// buckets only.
pub(crate) async fn read(
    aws: &Aws,
    buckets: &[&BucketTarget],
    now: DateTime<Utc>,
    until: Instant,
) -> Vec<Result<StorageMetrics, MeasureError>> {
    let mut scopes: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (index, bucket) in buckets.iter().enumerate() {
        let scope = aws.scope_of(&bucket.bucket, &bucket.scope).await;
        scopes.entry(scope.for_several()).or_default().push(index);
    }
    let mut calls = Vec::new();
    for (scope, indices) in scopes {
        let client = aws.cloudwatch(&scope).await;
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
            Ok(answers) => {
                for (index, answer) in indices.into_iter().zip(answers) {
                    if let Some(slot) = found.get_mut(index) {
                        *slot = answer;
                    }
                }
            }
            Err(error) => {
                tracing::warn!(
                    bucket_count = indices.len(),
                    failure.code = error.code,
                    error = shared::telemetry::error_chain(&error),
                    "the metrics of some buckets could not be read"
                );
                for index in indices {
                    if let Some(slot) = found.get_mut(index) {
                        *slot = Err(error.without_source());
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

/// Reads the metrics of at most [`BUCKETS_PER_CALL`] buckets.
async fn call(
    client: &Client,
    buckets: &[&str],
    now: DateTime<Utc>,
) -> Result<Vec<Result<StorageMetrics, MeasureError>>, MeasureError> {
    // Periods are counted from the start of the requested range: only from midnight on are they days.
    let tomorrow = now.date_naive().and_time(NaiveTime::MIN).and_utc() + TimeDelta::days(1);
    let asked: Vec<_> = buckets.iter().flat_map(|bucket| queries(bucket)).collect();
    let points = cloudwatch::points(client, &asked, tomorrow).await?;
    Ok(points
        .chunks(METRICS)
        .map(|points| {
            newest_day(points, now)?.ok_or_else(|| {
                MeasureError::permanent(
                    NO_METRICS,
                    "CloudWatch has no size of the bucket for the last days: the bucket is new or empty, in another \
                     region than the requested one, or its name is an access point's",
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

/// Returns the metrics of the newest day that is whole: a storage type has a point of it, and no other type's point is
/// still to come.
///
/// The points and the time alone decide. An answer that waits for a day leaves the known metrics as they are, so nothing
/// remembers that the day was seen before.
fn newest_day(
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
        || MeasureError::permanent("unexpected_answer", "CloudWatch has an impossible size");
    let whole = |point: Point| point.whole().ok_or_else(impossible);
    let mut metrics = StorageMetrics {
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
        metrics.total_bytes += bytes;
        if OVERHEAD.contains(storage_type) {
            metrics.overhead_bytes += bytes;
        }
        metrics
            .by_storage_type
            .insert((*storage_type).to_owned(), bytes);
    }
    Ok(Some(metrics))
}

#[cfg(test)]
mod tests {
    use shared::fleet::TargetId;
    use shared::snapshot::{Completeness, Failure, Good, Run};

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

    fn tick(number: i64, seconds: u64) -> Tick {
        let seconds_since = number * seconds.cast_signed();
        Tick {
            at: hour(0) + TimeDelta::seconds(seconds_since),
            every: Duration::from_secs(seconds),
        }
    }

    /// Returns the record of a bucket: what was found and what failed, each with the hour of its run.
    fn record(
        good: Option<(i64, StorageMetrics)>,
        failure: Option<(i64, &str)>,
    ) -> Latest<StorageMetrics> {
        Latest {
            target: TargetId::from_text("acme-prod/s3/files//"),
            version: 1,
            good: good.map(|(at, summary)| Good {
                run: Run::at(hour(at), READ_EVERY),
                completeness: Completeness::Complete,
                summary,
            }),
            last_failure: failure.map(|(at, code)| Failure {
                scheduled_at: hour(at),
                failed_at: hour(at),
                failing_since: hour(at),
                code: code.to_owned(),
                reason: String::new(),
            }),
            trend: None,
            pace: None,
        }
    }

    /// Returns the hours of two days at which hourly ticks read the metrics of a bucket, where those of the day `as_of`,
    /// counted in days from the first of the two, were first seen at the hour `asked`.
    fn hours_of_reads(as_of: i64, asked: i64, failure_code: Option<&str>) -> Vec<i64> {
        let metrics = StorageMetrics {
            as_of: day(20_000 + as_of),
            asked_at: hour(asked),
            ..newest_day(&points(&[("StandardStorage", 1, 1.0)]), hour(0))
                .unwrap()
                .unwrap()
        };
        let failure = failure_code.map(|code| (asked + 1, code));
        let record = record(Some((asked, metrics)), failure);
        (0..48)
            .filter(|number| are_due(Some(&record), tick(*number, 3600)))
            .collect()
    }

    #[test]
    fn a_day_is_read_when_it_has_ended_and_once_more_after_it_was_seen() {
        assert_eq!(hours_of_reads(-1, -12, None), [24, 30, 36, 42]);
        let every_slot = [0, 6, 12, 18, 24, 30, 36, 42];
        assert_eq!(hours_of_reads(-2, -20, None), every_slot);
        assert_eq!(hours_of_reads(-1, -6, None), [0, 24, 30, 36, 42]);
    }

    #[test]
    fn a_tick_that_arrives_late_or_twice_reads_nothing_again() {
        let late_or_again = 0..=6;

        let hours = hours_of_reads(-1, 6, None);

        assert_eq!(hours, [12, 24, 30, 36, 42]);
        let failed = record(None, Some((6, "throttled")));
        for number in late_or_again {
            assert!(!are_due(Some(&failed), tick(number, 3600)), "{number}");
        }
        assert!(are_due(Some(&failed), tick(7, 3600)));
    }

    #[test]
    fn a_failed_read_is_retried_at_the_next_tick_unless_there_are_no_metrics() {
        let count = |known: Option<&Latest<_>>| {
            let read = (0..12).filter(|number| are_due(known, tick(*number, 3600)));
            read.count()
        };

        assert_eq!(count(None), 12, "never read");
        assert_eq!(count(Some(&record(None, Some((-1, "throttled"))))), 12);
        assert_eq!(count(Some(&record(None, Some((-1, "no_metrics"))))), 2);
        assert_eq!(hours_of_reads(-2, -20, Some("timeout")).len(), 48);
    }

    #[test]
    fn ticks_of_any_length_read_once_in_six_hours_and_no_more() {
        let known = record(None, Some((-1, NO_METRICS)));
        for (seconds, expected) in [(60, 4), (3600, 4), (5400, 4), (21_600, 4), (43_200, 2)] {
            let ticks = 86_400_i64 / seconds;
            let read = (0..ticks).filter(|number| {
                let tick = tick(*number, seconds.cast_unsigned());
                let at = tick.at + TimeDelta::seconds(17);
                are_due(Some(&known), Tick { at, ..tick })
            });
            assert_eq!(read.count(), expected, "{seconds}");
        }
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

        let metrics = newest_day(&points, day(13)).unwrap().unwrap();

        assert_eq!(
            (metrics.as_of, metrics.total_bytes, metrics.overhead_bytes),
            (day(10), 78, 8)
        );
        assert_eq!(metrics.object_count, Some(3));
        assert!(!metrics.by_storage_type.contains_key("GlacierStorage"));
    }

    #[test]
    fn a_day_is_not_shown_while_a_storage_type_is_still_to_come() {
        let shown = |named: &[(&str, i64, f64)], asked_at| {
            let metrics = newest_day(&points(named), asked_at).unwrap().unwrap();
            (metrics.as_of, metrics.total_bytes, metrics.object_count)
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
            newest_day(&points, day(12)).unwrap().unwrap().object_count,
            None
        );
    }

    #[test]
    fn a_bucket_without_points_has_no_metrics_and_an_impossible_size_is_an_error() {
        assert_eq!(newest_day(&points(&[]), day(12)).unwrap(), None);
        let error = newest_day(&points(&[("StandardStorage", 1, -5.0)]), day(12)).unwrap_err();
        assert_eq!(error.code, "unexpected_answer");
    }
}
