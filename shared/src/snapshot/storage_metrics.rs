//! Size of a bucket by CloudWatch's daily storage metrics: a measurement of its own, which readers join with the
//! bucket's listing. No I/O.
//!
//! It serializes as it is answered: a field's comment is its description in the OpenAPI document, where `None` is null.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::{Completeness, Good, Latest, Measurement};
use crate::fleet::Kind;

/// Time between two reads of the metrics, counted from midnight UTC.
pub const READ_EVERY: Duration = Duration::from_secs(6 * 3600);
/// Failure code of a bucket for which CloudWatch has no metrics.
pub const NO_METRICS: &str = "no_metrics";

/// A bucket by CloudWatch's daily storage metrics, which arrive a day or two late.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StorageMetrics {
    /// Day that all values belong to, `YYYY-MM-DD` in UTC: the newest complete one.
    #[serde(serialize_with = "serialize_day")]
    #[schemars(with = "String")]
    pub as_of: DateTime<Utc>,
    /// Bytes of all storage types: all versions, parts of uploads and overhead.
    pub total_bytes: u64,
    /// The part of `total_bytes` that is in no object: metadata, and rounding up to minimum billed sizes.
    pub overhead_bytes: u64,
    /// Bytes by `StorageType`; types without a value on that day are left out.
    pub by_storage_type: BTreeMap<String, u64>,
    /// Objects with all versions, delete markers and parts (`NumberOfObjects`); null without a value on that day.
    pub object_count: Option<u64>,
    /// When these values were first read, RFC 3339 UTC.
    #[serde(rename = "taken_at")]
    pub asked_at: DateTime<Utc>,
    /// Metrics that were requested, which is what CloudWatch bills. Answered as a cost.
    #[serde(skip)]
    pub metric_count: u64,
}

fn serialize_day<S: Serializer>(day: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&day.format("%Y-%m-%d"))
}

impl StorageMetrics {
    /// Returns a bucket's values to show: the last good ones, unless CloudWatch no longer has any.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_read_every_six_hours_from_midnight() {
        let hour = |hour: i64| DateTime::from_timestamp(hour * 3600, 0).unwrap();

        assert_eq!(StorageMetrics::next_read_at(hour(5)), hour(6));
        assert_eq!(StorageMetrics::next_read_at(hour(6)), hour(12));
    }
}
