//! Size of a bucket by CloudWatch's daily storage metrics: a measurement of its own, which readers join with the
//! bucket's listing. No I/O.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::bucket_size::{Part, Unmeasured};
use super::{BucketSize, Completeness, Good, Latest, Measurement};
use crate::fleet::Kind;

/// Time between two reads of the metrics, counted from midnight UTC.
pub const READ_EVERY: Duration = Duration::from_secs(6 * 3600);
/// Failure code of a bucket that CloudWatch has no metrics of.
pub const NO_METRICS: &str = "no_metrics";

/// A bucket by CloudWatch's daily storage metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageMetrics {
    /// Start of the day that all values belong to: the newest whole one.
    pub as_of: DateTime<Utc>,
    /// Sum of all storage types, overhead included, in bytes.
    pub total_bytes: u64,
    /// The part of `total_bytes` that is in no object: metadata and rounding up to minimum billed sizes.
    pub overhead_bytes: u64,
    /// Bytes by `StorageType`; types without a value on that day are left out.
    pub by_storage_type: BTreeMap<String, u64>,
    /// `NumberOfObjects` of that day: versions, delete markers and parts included.
    pub object_count: Option<u64>,
    /// Scheduled time of the tick that read these values first.
    pub asked_at: DateTime<Utc>,
    /// Metrics that were requested, which is what CloudWatch bills.
    pub metric_count: u64,
}

impl StorageMetrics {
    /// Returns the values to show of a bucket: the last good ones, unless CloudWatch no longer has any.
    pub fn current(latest: &Latest<Self>) -> Option<&Good<Self>> {
        let failure = latest.last_failure.as_ref();
        let is_gone = failure.is_some_and(|failure| failure.code == NO_METRICS);
        latest.good.as_ref().filter(|_| !is_gone)
    }

    /// Returns when the metrics are read next after `time`.
    pub fn next_read_at(time: DateTime<Utc>) -> DateTime<Utc> {
        let every = i64::try_from(READ_EVERY.as_secs()).unwrap_or(i64::MAX);
        let slot = time.timestamp().div_euclid(every) + 1;
        DateTime::from_timestamp(slot * every, 0).unwrap_or(time)
    }
}

impl Measurement for StorageMetrics {
    const KIND: Kind = Kind::StorageMetrics;
    type Summary = Self;

    fn summary(&self) -> Self {
        self.clone()
    }

    fn completeness(&self) -> Completeness {
        Completeness::Complete
    }

    fn total_bytes(&self) -> u64 {
        self.total_bytes
    }
}

impl BucketSize {
    /// Joins the size with what is known of the bucket's metrics.
    ///
    /// `metrics` replaces metrics that an older version of this program stored inside of the size. A failed read leaves
    /// the last good values, with the failure in `unmeasured`; only values that CloudWatch itself no longer has are
    /// removed.
    pub fn join(&mut self, metrics: &Latest<StorageMetrics>) {
        let current = StorageMetrics::current(metrics);
        self.cloudwatch = current.map(|good| good.summary.clone());
        self.unmeasured
            .retain(|unmeasured| unmeasured.part != Part::CloudWatch);
        let failure = metrics.last_failure.as_ref();
        self.unmeasured.extend(failure.map(|failure| Unmeasured {
            part: Part::CloudWatch,
            code: failure.code.clone(),
            reason: failure.reason.clone(),
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::TargetId;
    use crate::snapshot::{Failure, Method, Run};

    fn metrics(total_bytes: u64) -> StorageMetrics {
        StorageMetrics {
            as_of: DateTime::UNIX_EPOCH,
            total_bytes,
            overhead_bytes: 0,
            by_storage_type: BTreeMap::new(),
            object_count: None,
            asked_at: DateTime::UNIX_EPOCH,
            metric_count: 27,
        }
    }

    fn latest(total_bytes: Option<u64>, failure_code: Option<&str>) -> Latest<StorageMetrics> {
        Latest {
            target: TargetId::from_text("acme-prod/s3/files//"),
            version: 1,
            good: total_bytes.map(|total_bytes| Good {
                run: Run::at(DateTime::UNIX_EPOCH, READ_EVERY),
                completeness: Completeness::Complete,
                summary: metrics(total_bytes),
            }),
            last_failure: failure_code.map(|code| Failure {
                scheduled_at: DateTime::UNIX_EPOCH,
                failed_at: DateTime::UNIX_EPOCH,
                code: code.to_owned(),
                reason: "because".to_owned(),
            }),
        }
    }

    /// Returns the bytes by CloudWatch and the failure code of a size joined with `metrics`.
    fn joined(
        mut size: BucketSize,
        metrics: &Latest<StorageMetrics>,
    ) -> (Option<u64>, Vec<String>) {
        size.join(metrics);
        let codes = size.unmeasured.into_iter().map(|missing| missing.code);
        (
            size.cloudwatch.map(|metrics| metrics.total_bytes),
            codes.collect(),
        )
    }

    #[test]
    fn a_failed_read_keeps_the_last_values_and_reports_the_failure() {
        let size = BucketSize::empty(Method::Listing);

        for (metrics, expected) in [
            (latest(Some(7), None), (Some(7), vec![])),
            (
                latest(Some(7), Some("throttled")),
                (Some(7), vec!["throttled"]),
            ),
            (latest(Some(7), Some(NO_METRICS)), (None, vec![NO_METRICS])),
            (latest(None, Some("timeout")), (None, vec!["timeout"])),
        ] {
            let (bytes, codes) = expected;
            let codes: Vec<_> = codes.into_iter().map(str::to_owned).collect();
            assert_eq!(joined(size.clone(), &metrics), (bytes, codes));
        }
    }

    #[test]
    fn metrics_with_an_item_of_their_own_replace_those_stored_inside_of_the_size() {
        let mut old = BucketSize::empty(Method::Listing);
        old.cloudwatch = Some(metrics(1));
        let refused = |part| Unmeasured {
            part,
            code: "access_denied".to_owned(),
            reason: String::new(),
        };
        old.unmeasured = vec![refused(Part::Multipart), refused(Part::CloudWatch)];

        let (bytes, codes) = joined(old, &latest(Some(2), None));

        assert_eq!((bytes, codes), (Some(2), vec!["access_denied".to_owned()]));
    }

    #[test]
    fn metrics_are_read_every_six_hours_from_midnight() {
        let hour = |hour: i64| DateTime::from_timestamp(hour * 3600, 0).unwrap();

        assert_eq!(StorageMetrics::next_read_at(hour(5)), hour(6));
        assert_eq!(StorageMetrics::next_read_at(hour(6)), hour(12));
    }
}
