//! Why a listing and CloudWatch differ: the measured parts, and the rest. No I/O.

use schemars::JsonSchema;
use serde::Serialize;
use shared::fleet::{BucketTarget, StorageKind};
use shared::snapshot::bucket_size::Part;
use shared::snapshot::{BucketSize, Objects, StorageMetrics};

/// The parts compared with CloudWatch's metrics: `cloudwatch_bytes` = `measured_bytes` + `difference_bytes`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Reconciliation {
    /// CloudWatch's total, in bytes; null when there is nothing to compare, for the `reason` given.
    pub cloudwatch_bytes: Option<u64>,
    /// The part of CloudWatch's total that is overhead and in no object, in bytes.
    pub overhead_bytes: Option<u64>,
    /// Current objects, noncurrent versions and parts of uploads together, as far as they were measured, in bytes.
    pub measured_bytes: Option<u64>,
    /// CloudWatch's total less `measured_bytes`; negative when the bucket has grown since CloudWatch's day.
    pub difference_bytes: Option<i64>,
    /// Unmeasured parts, whose bytes are in `difference_bytes`: `noncurrent`, `multipart`.
    pub difference_includes: Vec<Part>,
    /// Why there is nothing to compare: `no_bucket`, `part_of_bucket`, `not_listed` or `no_cloudwatch_metrics`; null when
    /// there is.
    pub reason: Option<&'static str>,
}

impl Reconciliation {
    /// Returns the comparison of a target's parts with its metrics.
    pub(super) fn of(target: &BucketTarget, size: &BucketSize) -> Self {
        match comparable(target, size) {
            Ok((current, metrics)) => Self::compare(current, metrics, size),
            Err(reason) => Self {
                reason: Some(reason),
                ..Self::default()
            },
        }
    }

    fn compare(current: &Objects, metrics: &StorageMetrics, size: &BucketSize) -> Self {
        let noncurrent = size.noncurrent.as_ref().map(|part| part.total_bytes);
        let multipart = size.multipart.as_ref().map(|part| part.total_bytes);
        let measured = current
            .total_bytes
            .saturating_add(noncurrent.unwrap_or(0))
            .saturating_add(multipart.unwrap_or(0));
        let difference = i128::from(metrics.total_bytes) - i128::from(measured);
        let parts = [(Part::Noncurrent, noncurrent), (Part::Multipart, multipart)];
        let unmeasured = parts.into_iter().filter(|(_, bytes)| bytes.is_none());
        Self {
            cloudwatch_bytes: Some(metrics.total_bytes),
            overhead_bytes: Some(metrics.overhead_bytes),
            measured_bytes: Some(measured),
            difference_bytes: i64::try_from(difference).ok(),
            difference_includes: unmeasured.map(|(part, _)| part).collect(),
            reason: None,
        }
    }
}

/// Returns what is compared, or why nothing is.
fn comparable<'s>(
    target: &BucketTarget,
    size: &'s BucketSize,
) -> Result<(&'s Objects, &'s StorageMetrics), &'static str> {
    match (&size.current, &size.cloudwatch) {
        _ if target.kind != StorageKind::S3 => Err("no_bucket"),
        _ if !target.is_whole_bucket() => Err("part_of_bucket"),
        (None, _) => Err("not_listed"),
        (Some(_), None) => Err("no_cloudwatch_metrics"),
        (Some(current), Some(metrics)) => Ok((current, metrics)),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use chrono::DateTime;
    use shared::snapshot::bucket_size::Uploads;

    use super::*;

    pub(in crate::bucket_size) fn metrics(total_bytes: u64) -> StorageMetrics {
        StorageMetrics {
            as_of: DateTime::UNIX_EPOCH,
            total_bytes,
            overhead_bytes: 8,
            by_storage_type: BTreeMap::from([("StandardStorage".to_owned(), total_bytes)]),
            object_count: Some(4),
            asked_at: DateTime::UNIX_EPOCH,
            metric_count: 26,
        }
    }

    pub(in crate::bucket_size) fn listed(bytes: u64) -> BucketSize {
        let mut objects = Objects::default();
        objects.add("STANDARD", bytes);
        BucketSize::of_listing(objects)
    }

    #[test]
    fn parts_and_difference_add_up_to_the_metrics() {
        let target = BucketTarget::whole("a", "files");
        let mut size = listed(100);
        size.cloudwatch = Some(metrics(175));
        size.multipart = Some(Uploads {
            total_bytes: 20,
            ..Uploads::default()
        });

        let partly = Reconciliation::of(&target, &size);
        let mut noncurrent = Objects::default();
        noncurrent.add("STANDARD", 50);
        size.noncurrent = Some(noncurrent);
        let wholly = Reconciliation::of(&target, &size);

        assert_eq!(
            (partly.measured_bytes, partly.difference_bytes),
            (Some(120), Some(55))
        );
        assert_eq!(partly.difference_includes, [Part::Noncurrent]);
        assert_eq!(
            (wholly.measured_bytes, wholly.difference_bytes),
            (Some(170), Some(5))
        );
        assert!(wholly.difference_includes.is_empty() && wholly.reason.is_none());
    }

    #[test]
    fn a_bucket_that_has_grown_since_has_a_negative_difference() {
        let mut size = listed(100);
        size.cloudwatch = Some(metrics(40));

        let view = Reconciliation::of(&BucketTarget::whole("a", "files"), &size);

        assert_eq!(view.difference_bytes, Some(-60));
    }

    #[test]
    fn a_size_that_cannot_be_compared_has_a_reason_and_no_number() {
        let whole = BucketTarget::whole("a", "files");
        let part = BucketTarget {
            prefix: "a/".into(),
            ..whole.clone()
        };
        let mut with_metrics = listed(1);
        with_metrics.cloudwatch = Some(metrics(1));

        let table = BucketTarget::resource("a", StorageKind::DynamoDb, "Sessions");
        for (target, size, reason) in [
            (&table, listed(1), "no_bucket"),
            (&part, with_metrics, "part_of_bucket"),
            (&whole, listed(1), "no_cloudwatch_metrics"),
            (&whole, BucketSize::of_cloudwatch(metrics(1)), "not_listed"),
        ] {
            let view = Reconciliation::of(target, &size);
            assert_eq!(view.reason, Some(reason));
            assert_eq!((view.cloudwatch_bytes, view.difference_bytes), (None, None));
        }
    }
}
