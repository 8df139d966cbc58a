//! A bucket as CloudWatch's daily storage metrics show it: all storage types of one day, never of several.
//!
//! The metrics come once a day and a day or two late. A storage type that was emptied has no point any more, so the
//! newest day is chosen for the bucket and not for each type: an older day's bytes are never shown as today's.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_cloudwatch::Client;
use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use shared::snapshot::bucket_size::CloudWatchSize;

use crate::cloudwatch::{self, MetricQuery, Point};
use crate::error::MeasureError;

const DAY: Duration = Duration::from_secs(86_400);
/// How far back the newest day may be: the metrics are "a day or two late", and sometimes three. Counted from the
/// end of today.
const LOOK_BACK: Duration = Duration::from_secs(6 * 86_400);

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
/// Metrics that are requested for one bucket: its storage types and its number of objects.
const METRICS: usize = CONTENT.len() + OVERHEAD.len() + 1;

/// Reads the figure of `bucket` as of `now`.
///
/// Costs [`METRICS`] requested metrics, in one call.
///
/// # Errors
///
/// See [`cloudwatch::points`]; `no_metrics` for a bucket without a size in the last days.
pub(super) async fn read(
    client: &Client,
    bucket: &str,
    now: DateTime<Utc>,
) -> Result<CloudWatchSize, MeasureError> {
    // Periods are counted from the begin of what is asked for: only from midnight on are they days.
    let tomorrow = now.date_naive().and_time(NaiveTime::MIN).and_utc() + TimeDelta::days(1);
    let points = cloudwatch::points(client, &queries(bucket), tomorrow).await?;
    figure(&points, now)?.ok_or_else(|| {
        MeasureError::permanent(
            "no_metrics",
            "CloudWatch has no size of the bucket in the last days: the bucket is new or empty, in another region \
             than the one that was asked, or its name is an access point's",
        )
    })
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

/// Returns the figure of the newest day that any storage type has a point of.
fn figure(
    points: &[Vec<Point>],
    asked_at: DateTime<Utc>,
) -> Result<Option<CloudWatchSize>, MeasureError> {
    let Some((counts, bytes)) = points.split_last() else {
        return Ok(None);
    };
    let Some(as_of) = bytes.iter().flatten().map(|point| point.at).max() else {
        return Ok(None);
    };
    let of_day = |points: &Vec<Point>| points.iter().find(|point| point.at == as_of).copied();
    let impossible =
        || MeasureError::permanent("unexpected_answer", "CloudWatch has a size that cannot be");
    let whole = |point: Point| point.whole().ok_or_else(impossible);
    let mut figure = CloudWatchSize {
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

        let figure = figure(&points, day(12)).unwrap().unwrap();

        assert_eq!(
            (figure.as_of, figure.total_bytes, figure.overhead_bytes),
            (day(10), 78, 8)
        );
        assert_eq!(figure.object_count, Some(3));
        assert!(!figure.by_storage_type.contains_key("GlacierStorage"));
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
