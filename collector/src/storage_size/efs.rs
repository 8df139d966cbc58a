//! File systems of EFS: metered bytes in total and by storage class, from a single report of CloudWatch.
//!
//! The total is what is billed: small files of the colder classes count as 128 KiB, and the added bytes are separate
//! classes, as in CloudWatch.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use shared::aws::Aws;
use shared::fleet::BucketTarget;
use shared::snapshot::bucket_size::ResourceSize;

use crate::aws::cloudwatch::{self, MetricQuery, Point};
use crate::error::MeasureError;

/// Time between two reports: EFS sends one every 15 minutes.
const PERIOD: Duration = Duration::from_secs(15 * 60);
/// Age of the oldest report that still counts: twelve may be late or missing, and no size is older than that.
const LOOK_BACK: Duration = Duration::from_secs(3 * 3600);
/// Storage class of the sum of all others.
const TOTAL: &str = "Total";
/// Storage classes that `TOTAL` adds up.
const CLASSES: [&str; 5] = [
    "Standard",
    "IA",
    "IASizeOverhead",
    "Archive",
    "ArchiveSizeOverhead",
];

/// Reads the newest report of a file system.
pub(super) async fn measure(
    aws: &Aws,
    target: &BucketTarget,
    now: DateTime<Utc>,
) -> Result<ResourceSize, MeasureError> {
    let client = aws.cloudwatch(&target.scope).await;
    let points = cloudwatch::points(&client, &queries(&target.bucket), end(now)).await?;
    newest(&points)
}

fn queries(id: &str) -> Vec<MetricQuery> {
    let classes = [TOTAL].into_iter().chain(CLASSES);
    let query = |class: &str| MetricQuery {
        namespace: "AWS/EFS",
        metric: "StorageBytes",
        dimensions: vec![
            ("FileSystemId", id.to_owned()),
            ("StorageClass", class.to_owned()),
        ],
        statistic: "Average",
        period: PERIOD,
        look_back: LOOK_BACK,
    };
    classes.map(query).collect()
}

/// Returns the end of the current quarter of an hour.
///
/// Periods are counted from the start of the requested range, so they match those of EFS's reports, including this one.
fn end(now: DateTime<Utc>) -> DateTime<Utc> {
    let period = i64::try_from(PERIOD.as_secs()).unwrap_or(i64::MAX);
    let start = now.timestamp().div_euclid(period) * period;
    DateTime::from_timestamp(start + period, 0).unwrap_or(now)
}

/// Returns the newest report that has a total, with the classes of that report and of no other.
fn newest(points: &[Vec<Point>]) -> Result<ResourceSize, MeasureError> {
    let impossible =
        || MeasureError::permanent("unexpected_answer", "CloudWatch has an impossible size");
    let total = points.first().and_then(|points| points.first());
    let total = total.ok_or_else(|| {
        MeasureError::permanent(
            "no_metrics",
            "CloudWatch has no size of the file system in the last hours: it is new, in another region than the \
             requested one, or its id is wrong",
        )
    })?;
    let mut by_storage_class = BTreeMap::new();
    for (class, points) in CLASSES.iter().zip(points.iter().skip(1)) {
        if let Some(point) = points.iter().find(|point| point.at == total.at) {
            let bytes = point.whole().ok_or_else(impossible)?;
            by_storage_class.insert((*class).to_owned(), bytes);
        }
    }
    Ok(ResourceSize {
        used_bytes: Some(total.whole().ok_or_else(impossible)?),
        provisioned_bytes: None,
        item_count: None,
        by_storage_class,
        as_of: Some(total.at),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn point(seconds: i64, value: f64) -> Point {
        Point {
            at: at(seconds),
            value,
        }
    }

    #[test]
    fn classes_of_an_older_report_are_left_out() {
        let mut points = vec![Vec::new(); 6];
        points[0] = vec![point(1800, 70.0), point(900, 500.0)];
        points[1] = vec![point(1800, 40.0), point(900, 40.0)];
        points[2] = vec![point(900, 460.0)];
        points[3] = vec![point(1800, 30.0)];

        let size = newest(&points).unwrap();

        assert_eq!((size.used_bytes, size.as_of), (Some(70), Some(at(1800))));
        let classes: Vec<_> = size.by_storage_class.into_iter().collect();
        assert_eq!(
            classes,
            [
                ("IASizeOverhead".to_owned(), 30),
                ("Standard".to_owned(), 40)
            ]
        );
    }

    #[test]
    fn without_a_total_there_is_no_size_and_an_impossible_one_is_an_error() {
        let mut points = vec![Vec::new(); 6];
        points[1] = vec![point(900, 40.0)];
        assert_eq!(newest(&points).unwrap_err().code, "no_metrics");

        points[0] = vec![point(900, -1.0)];
        assert_eq!(newest(&points).unwrap_err().code, "unexpected_answer");
        points[0] = vec![point(900, 0.0)];
        assert_eq!(newest(&points).unwrap().used_bytes, Some(0));
    }

    #[test]
    fn reports_are_requested_by_quarters_of_an_hour_including_this_one() {
        assert_eq!(end(at(900)), at(1800));
        assert_eq!(end(at(1799)), at(1800));
        assert_eq!(LOOK_BACK.as_secs() % PERIOD.as_secs(), 0);
    }
}
