//! Why a listing and CloudWatch differ: the parts that were measured, and what remains. Pure.

use schemars::JsonSchema;
use serde::Serialize;
use shared::fleet::{BucketTarget, StorageKind};
use shared::snapshot::BucketSize;
use shared::snapshot::bucket_size::Part;

/// The parts against CloudWatch's figure: `cloudwatch_bytes` = measured parts + `difference_bytes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Reconciliation {
    /// CloudWatch's figure, in bytes; null when there is nothing to compare, as `reason` says.
    pub cloudwatch_bytes: Option<u64>,
    /// The part of CloudWatch's figure that is overhead and in no object, in bytes.
    pub overhead_bytes: Option<u64>,
    /// Current objects, noncurrent versions and parts of uploads together, as far as they were measured, in bytes.
    pub measured_bytes: Option<u64>,
    /// CloudWatch's figure less `measured_bytes`; negative when the bucket has grown since CloudWatch's day.
    pub difference_bytes: Option<i64>,
    /// Parts that were not measured, whose bytes are in `difference_bytes`: `noncurrent`, `multipart`.
    pub difference_includes: Vec<String>,
    /// Why there is nothing to compare: `no_bucket`, `part_of_bucket`, `not_listed` or `no_cloudwatch_figure`; null when
    /// there is.
    pub reason: Option<String>,
}

impl Reconciliation {
    /// Returns the comparison of a target's parts with its figure of CloudWatch.
    pub(super) fn of(target: &BucketTarget, size: &BucketSize) -> Self {
        let compared = match (&size.current, &size.cloudwatch) {
            _ if target.kind != StorageKind::S3 => Err("no_bucket"),
            _ if !target.is_whole_bucket() => Err("part_of_bucket"),
            (None, _) => Err("not_listed"),
            (Some(_), None) => Err("no_cloudwatch_figure"),
            (Some(current), Some(figure)) => Ok((current, figure)),
        };
        let (current, figure) = match compared {
            Ok(compared) => compared,
            Err(reason) => {
                return Self {
                    cloudwatch_bytes: None,
                    overhead_bytes: None,
                    measured_bytes: None,
                    difference_bytes: None,
                    difference_includes: Vec::new(),
                    reason: Some(reason.to_owned()),
                };
            }
        };
        let noncurrent = size
            .noncurrent
            .as_ref()
            .map(|versions| versions.total_bytes);
        let multipart = size.multipart.as_ref().map(|uploads| uploads.total_bytes);
        let measured = current
            .total_bytes
            .saturating_add(noncurrent.unwrap_or(0))
            .saturating_add(multipart.unwrap_or(0));
        let difference = i128::from(figure.total_bytes) - i128::from(measured);
        let unmeasured = [(Part::Noncurrent, noncurrent), (Part::Multipart, multipart)];
        Self {
            cloudwatch_bytes: Some(figure.total_bytes),
            overhead_bytes: Some(figure.overhead_bytes),
            measured_bytes: Some(measured),
            difference_bytes: i64::try_from(difference).ok(),
            difference_includes: unmeasured
                .iter()
                .filter(|(_, bytes)| bytes.is_none())
                .map(|(part, _)| part.as_str().to_owned())
                .collect(),
            reason: None,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use chrono::DateTime;
    use shared::snapshot::Objects;
    use shared::snapshot::StorageMetrics;
    use shared::snapshot::bucket_size::Uploads;

    use super::*;

    pub(in crate::bucket_size) fn figure(total_bytes: u64) -> StorageMetrics {
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
    fn the_parts_and_the_difference_are_the_figure_of_cloudwatch() {
        let target = BucketTarget::whole("a", "files");
        let mut size = listed(100);
        size.cloudwatch = Some(figure(175));
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
        assert_eq!(partly.difference_includes, ["noncurrent"]);
        assert_eq!(
            (wholly.measured_bytes, wholly.difference_bytes),
            (Some(170), Some(5))
        );
        assert!(wholly.difference_includes.is_empty() && wholly.reason.is_none());
    }

    #[test]
    fn a_bucket_that_grew_since_has_a_negative_difference() {
        let mut size = listed(100);
        size.cloudwatch = Some(figure(40));

        let view = Reconciliation::of(&BucketTarget::whole("a", "files"), &size);

        assert_eq!(view.difference_bytes, Some(-60));
    }

    #[test]
    fn what_cannot_be_compared_says_why_and_has_no_number() {
        let whole = BucketTarget::whole("a", "files");
        let part = BucketTarget {
            prefix: "a/".into(),
            ..whole.clone()
        };
        let mut with_figure = listed(1);
        with_figure.cloudwatch = Some(figure(1));

        let table = BucketTarget::resource("a", StorageKind::DynamoDb, "Sessions");
        for (target, size, reason) in [
            (&table, listed(1), "no_bucket"),
            (&part, with_figure, "part_of_bucket"),
            (&whole, listed(1), "no_cloudwatch_figure"),
            (&whole, BucketSize::of_cloudwatch(figure(1)), "not_listed"),
        ] {
            let view = Reconciliation::of(target, &size);
            assert_eq!(view.reason.as_deref(), Some(reason));
            assert_eq!((view.cloudwatch_bytes, view.difference_bytes), (None, None));
        }
    }
}
