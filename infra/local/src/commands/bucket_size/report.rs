//! What was found of each target, and the total. No I/O.

use api::bucket_size::BucketItem;
use chrono::{DateTime, Utc};
use collector::MeasureError;
use serde::Serialize;
use shared::fleet::{BucketTarget, Prices, RefreshBudget, StorageKind};
use shared::snapshot::{BucketSize, Completeness, Good, Measurement, Run};

/// Code of a target that was not measured to its end.
pub(super) const INTERRUPTED: &str = "interrupted";

/// What was found of all targets, in their order.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) entries: Vec<Entry>,
    pub(super) started_at: DateTime<Utc>,
    pub(super) ended_at: DateTime<Utc>,
}

/// What was found of one target.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) target: BucketTarget,
    pub(super) found: Found,
}

#[derive(Debug)]
pub(super) enum Found {
    Measured(Box<BucketSize>),
    Failed(Box<MeasureError>),
    /// Stopped by Ctrl-C.
    Interrupted(Counted),
}

/// What was counted before the end: at least so much.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Counted {
    /// Objects, or versions where those are listed.
    pub(super) object_count: u64,
    /// Their bytes.
    pub(super) total_bytes: u64,
}

/// Several targets as JSON.
#[derive(Debug, Serialize)]
pub(super) struct Sum {
    /// `partial` if anything is missing from the total.
    completeness: Completeness,
    /// Sum of the items' `total_bytes`; null if they are not all buckets.
    total_bytes: Option<u64>,
    /// Sum of the items' `object_count`; null if they are not all buckets.
    object_count: Option<u64>,
    /// The measured targets.
    items: Vec<BucketItem>,
    /// The other ones, which are not in the total.
    unmeasured: Vec<Missing>,
}

/// A target without a size.
#[derive(Debug, Serialize)]
struct Missing {
    kind: &'static str,
    bucket: String,
    prefix: String,
    suffix: String,
    /// Stable word for the cause.
    code: String,
    reason: String,
    /// What was counted before an interruption; null otherwise.
    counted: Option<Counted>,
}

impl Report {
    /// Returns whether a signal ended the measurement.
    pub(super) fn is_interrupted(&self) -> bool {
        let mut entries = self.entries.iter();
        entries.any(|entry| matches!(entry.found, Found::Interrupted(_)))
    }

    /// Returns the sizes that were measured.
    pub(super) fn measured(&self) -> impl Iterator<Item = &BucketSize> {
        self.entries.iter().filter_map(|entry| match &entry.found {
            Found::Measured(size) => Some(&**size),
            _ => None,
        })
    }

    /// Returns whether everything was measured.
    pub(super) fn completeness(&self) -> Completeness {
        let is_complete = |entry: &Entry| match &entry.found {
            Found::Measured(size) => size.completeness() == Completeness::Complete,
            _ => false,
        };
        if self.entries.iter().all(is_complete) {
            Completeness::Complete
        } else {
            Completeness::Partial
        }
    }

    /// Returns the sum of all measured buckets; `None` if there is other storage, or if it does not fit.
    pub(super) fn total(&self) -> Option<Counted> {
        let mut entries = self.entries.iter();
        if !entries.all(|entry| entry.target.kind == StorageKind::S3) {
            return None;
        }
        let mut sum = Counted::default();
        for size in self.measured() {
            sum.total_bytes = sum.total_bytes.checked_add(size.total_bytes())?;
            sum.object_count = sum.object_count.checked_add(size.object_count()?)?;
        }
        Some(sum)
    }

    /// Returns the item of a measured target.
    pub(super) fn item(&self, target: &BucketTarget, size: &BucketSize) -> BucketItem {
        let duration = (self.ended_at - self.started_at)
            .to_std()
            .unwrap_or_default();
        // A one-shot measurement is not scheduled, so the next one is never due.
        let run = Run {
            scheduled_at: self.started_at,
            taken_at: self.started_at,
            duration,
            next_due_at: DateTime::<Utc>::MAX_UTC,
        };
        let good = Good {
            run,
            completeness: size.completeness(),
            // All of it, with the sizes by prefix.
            summary: size.clone(),
        };
        BucketItem::of(
            target,
            good,
            None,
            &Prices::default(),
            RefreshBudget::default(),
            self.ended_at,
        )
    }

    /// Returns all of it for JSON.
    pub(super) fn sum(&self) -> Sum {
        let total = self.total();
        let mut items = Vec::new();
        let mut unmeasured = Vec::new();
        for Entry { target, found } in &self.entries {
            let (code, reason, counted) = match found {
                Found::Measured(size) => {
                    items.push(self.item(target, size));
                    continue;
                }
                Found::Failed(error) => (error.code, error.reason.clone(), None),
                Found::Interrupted(counted) => (
                    INTERRUPTED,
                    "the measurement was stopped".to_owned(),
                    Some(*counted),
                ),
            };
            unmeasured.push(Missing {
                kind: target.kind.as_str(),
                bucket: target.bucket.clone(),
                prefix: target.prefix.clone(),
                suffix: target.suffix.clone(),
                code: code.to_owned(),
                reason,
                counted,
            });
        }
        Sum {
            completeness: self.completeness(),
            total_bytes: total.map(|total| total.total_bytes),
            object_count: total.map(|total| total.object_count),
            items,
            unmeasured,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use shared::testing::time::at;

    use super::*;
    use crate::commands::bucket_size::target::parse;

    pub(crate) fn report(found: Vec<(&str, Found)>) -> Report {
        let entries = found.into_iter().map(|(target, found)| Entry {
            target: parse(target).unwrap(),
            found,
        });
        Report {
            entries: entries.collect(),
            started_at: at("2026-01-01T00:00:00Z"),
            ended_at: at("2026-01-01T00:00:01Z"),
        }
    }

    pub(crate) fn measured(bytes: &[u64]) -> Found {
        let mut size = BucketSize::empty(shared::snapshot::bucket_size::Method::Listing);
        for bytes in bytes {
            size.add("STANDARD", *bytes);
        }
        Found::Measured(Box::new(size))
    }

    #[test]
    fn a_total_without_a_target_is_partial_and_names_it() {
        let denied = MeasureError::permanent("access_denied", "denied");
        let counted = Counted {
            object_count: 7,
            total_bytes: 70,
        };
        let report = report(vec![
            ("s3://a", measured(&[1, 2])),
            ("s3://b", Found::Failed(Box::new(denied))),
            ("s3://c/x/", Found::Interrupted(counted)),
            ("s3://d", measured(&[4])),
        ]);

        let sum = serde_json::to_value(report.sum()).unwrap();

        assert_eq!(sum["completeness"], "partial");
        assert_eq!(
            (&sum["total_bytes"], &sum["object_count"]),
            (&7.into(), &3.into())
        );
        assert_eq!(sum["items"].as_array().unwrap().len(), 2);
        assert_eq!(sum["unmeasured"][0]["code"], "access_denied");
        assert_eq!(sum["unmeasured"][1]["counted"]["total_bytes"], 70);
        assert_eq!(sum["unmeasured"][1]["prefix"], "x/");
        assert!(report.is_interrupted());
    }

    #[test]
    fn there_is_no_total_of_different_kinds() {
        let both = report(vec![
            ("s3://a", measured(&[1])),
            ("dynamodb://Sessions", measured(&[1])),
        ]);

        assert_eq!(both.total(), None);
        assert_eq!(both.completeness(), Completeness::Complete);
        let huge = report(vec![
            ("s3://a", measured(&[u64::MAX])),
            ("s3://b", measured(&[1])),
        ]);
        assert_eq!(huge.total(), None);
    }
}
