//! Joins a bucket's size with CloudWatch's metrics, which are a measurement of their own.

use super::{BucketSize, Part, Unmeasured};
use crate::snapshot::{Latest, StorageMetrics};

impl BucketSize {
    /// Joins the size with the bucket's metrics.
    ///
    /// `metrics` replaces metrics that an older version of this program stored inside the size. A failed read leaves
    /// the last good values, with the failure in `unmeasured`; only values that CloudWatch itself no longer has are
    /// removed.
    pub fn join(&mut self, metrics: &Latest<StorageMetrics>) {
        let current = StorageMetrics::current(metrics);
        let failure = metrics.last_failure.as_ref();
        self.set_metrics(
            current.map(|good| good.summary.clone()),
            failure.map(|failure| (failure.code.clone(), failure.reason.clone())),
        );
    }

    /// Removes the metrics of a bucket whose stored metrics are unreadable, and names that in `unmeasured`.
    ///
    /// The listing does not depend on them and stays as it is.
    pub fn join_unreadable(&mut self) {
        let reason = "the stored metrics of the bucket are unreadable: see the log for the item, and repair or delete it";
        let failure = ("record_unreadable".to_owned(), reason.to_owned());
        self.set_metrics(None, Some(failure));
    }

    fn set_metrics(&mut self, metrics: Option<StorageMetrics>, failure: Option<(String, String)>) {
        self.cloudwatch = metrics;
        self.unmeasured
            .retain(|unmeasured| unmeasured.part != Part::CloudWatch);
        self.unmeasured
            .extend(failure.map(|(code, reason)| Unmeasured {
                part: Part::CloudWatch,
                code,
                reason,
            }));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use chrono::DateTime;

    use super::*;
    use crate::fleet::TargetId;
    use crate::snapshot::storage_metrics::{NO_METRICS, READ_EVERY};
    use crate::snapshot::{Completeness, Failure, Good, Method, Run};

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
                failing_since: DateTime::UNIX_EPOCH,
                code: code.to_owned(),
                reason: "because".to_owned(),
            }),
            trend: None,
            pace: None,
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
    fn metrics_with_an_item_of_their_own_replace_those_stored_inside_the_size() {
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
}
