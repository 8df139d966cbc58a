//! Size of a bucket or of a part of it, and of other storage in the same shape. No I/O, no prices.
//!
//! Each part was measured or is `None`: an unmeasured part is never zero. The parts add up to what is billed. CloudWatch
//! publishes the same sum, a day or two late, which never replaces a listing.

mod join;
mod parts;
mod prefixes;
mod refresh;

use chrono::{DateTime, TimeDelta, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Completeness, Measurement, Run, StorageMetrics};
use crate::fleet::Kind;

pub use parts::{
    ClassSize, InventoryReport, ListingRun, Objects, Part, ResourceSize, Unmeasured, Uploads,
};
pub use prefixes::{KEPT_PREFIXES, OtherPrefixes, PrefixSize, Prefixes};
pub use refresh::{LONGEST_INTERVAL, Refresh, RefreshReason};

/// Size of a storage target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketSize {
    /// Where [`BucketSize::total_bytes`] comes from.
    pub method: Method,
    /// Current objects: what a listing returns.
    pub current: Option<Objects>,
    /// Versions that are no longer current. Each is billed like an object.
    pub noncurrent: Option<Objects>,
    /// Delete markers. They have a key and no bytes.
    pub delete_markers: Option<u64>,
    /// Uploads that were started and neither completed nor aborted.
    pub multipart: Option<Uploads>,
    /// CloudWatch's metrics for the whole bucket.
    pub cloudwatch: Option<StorageMetrics>,
    /// Size of storage other than S3, as its service or CloudWatch reports it.
    pub resource: Option<ResourceSize>,
    /// Parts that could not be measured, in the order of the attempts.
    pub unmeasured: Vec<Unmeasured>,
    /// The listing that the parts come from; `None` in old snapshots.
    pub listing: Option<ListingRun>,
    /// The report that current objects and versions come from, if they were not listed.
    pub inventory: Option<InventoryReport>,
    /// Sizes by prefix. Only a snapshot has them, its summary does not.
    pub by_prefix: Option<Prefixes>,
    /// When the target is measured next, and why then; `None` in old snapshots.
    pub refresh: Option<Refresh>,
}

/// Where the total comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Every object was listed and its size added.
    Listing,
    /// A report of S3 Inventory was read, which has every object.
    Inventory,
    /// CloudWatch's metrics were read.
    CloudWatch,
    /// The service reported its own number.
    Service,
}

impl Method {
    /// Returns the word for it in answers. History keeps it for ever, so it never changes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Listing => "listing",
            Self::Inventory => "inventory",
            Self::CloudWatch => "cloudwatch",
            Self::Service => "service",
        }
    }
}

/// What [`BucketSize::total_bytes`] adds up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Definition {
    /// Current objects, and nothing else.
    CurrentObjects,
    /// Everything in the bucket: all versions, parts of uploads, and overhead.
    WholeBucket,
    /// Bytes in use.
    Used,
    /// Bytes allocated, used or not.
    Provisioned,
}

impl Definition {
    /// Returns the word for it in answers. History keeps it for ever, so it never changes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CurrentObjects => "current_objects",
            Self::WholeBucket => "whole_bucket",
            Self::Used => "used",
            Self::Provisioned => "provisioned",
        }
    }
}

impl BucketSize {
    /// Returns a size without any part; the caller fills in what `method` measured.
    fn nothing(method: Method) -> Self {
        Self {
            method,
            current: None,
            noncurrent: None,
            delete_markers: None,
            multipart: None,
            cloudwatch: None,
            resource: None,
            unmeasured: Vec::new(),
            listing: None,
            inventory: None,
            by_prefix: None,
            refresh: None,
        }
    }

    /// Returns the size of a target without objects.
    pub fn empty(method: Method) -> Self {
        Self {
            current: Some(Objects::default()),
            ..Self::nothing(method)
        }
    }

    /// Adds one current object.
    pub fn add(&mut self, storage_class: &str, bytes: u64) {
        let current = self.current.get_or_insert_default();
        current.add(storage_class, bytes);
    }

    /// Returns the size of a target whose current objects are `current`.
    pub fn of_listing(current: Objects) -> Self {
        Self {
            current: Some(current),
            ..Self::nothing(Method::Listing)
        }
    }

    /// Returns the size of a target whose current objects are `current`, by `report`.
    pub fn of_inventory(current: Objects, report: InventoryReport) -> Self {
        Self {
            current: Some(current),
            inventory: Some(report),
            ..Self::nothing(Method::Inventory)
        }
    }

    /// Returns the size of a bucket that is known from CloudWatch only.
    pub fn of_cloudwatch(metrics: StorageMetrics) -> Self {
        Self {
            cloudwatch: Some(metrics),
            ..Self::nothing(Method::CloudWatch)
        }
    }

    /// Returns the size of storage other than S3.
    pub fn of_resource(method: Method, resource: ResourceSize) -> Self {
        Self {
            resource: Some(resource),
            ..Self::nothing(method)
        }
    }

    /// Returns the size's one total, and what it adds up.
    ///
    /// Current objects where they were listed, else CloudWatch's total of the whole bucket, else the bytes in use, else
    /// the allocated bytes.
    pub fn total(&self) -> (u64, Definition) {
        if let Some(current) = &self.current {
            return (current.total_bytes, Definition::CurrentObjects);
        }
        if let Some(metrics) = &self.cloudwatch {
            return (metrics.total_bytes, Definition::WholeBucket);
        }
        let resource = self.resource.as_ref();
        let used = resource.and_then(|resource| resource.used_bytes);
        let provisioned = resource.and_then(|resource| resource.provisioned_bytes);
        match used {
            Some(used) => (used, Definition::Used),
            None => (provisioned.unwrap_or(0), Definition::Provisioned),
        }
    }

    /// Returns the bytes of [`BucketSize::total`].
    pub fn total_bytes(&self) -> u64 {
        self.total().0
    }

    /// Returns the scheduled time of the run that measured the size, which `run` stored.
    ///
    /// They differ in snapshots of an older version of this program, where a later run stored the size again.
    pub fn measured_at(&self, run: &Run) -> DateTime<Utc> {
        let listing = self.listing;
        listing.map_or(run.scheduled_at, |listing| listing.scheduled_at)
    }

    /// Returns the number of objects or items in the total; `None` where they were not counted.
    pub fn object_count(&self) -> Option<u64> {
        match (&self.current, &self.cloudwatch, &self.resource) {
            (Some(current), _, _) => Some(current.object_count),
            (None, Some(metrics), _) => metrics.object_count,
            (None, None, resource) => resource.as_ref()?.item_count,
        }
    }
}

impl Measurement for BucketSize {
    const KIND: Kind = Kind::Bucket;
    type Summary = Self;

    fn summary(&self) -> Self {
        Self {
            by_prefix: None,
            ..self.clone()
        }
    }

    /// An unmeasured part makes it partial. CloudWatch's metrics are a second opinion, not a part.
    fn completeness(&self) -> Completeness {
        let is_part = |unmeasured: &Unmeasured| unmeasured.part != Part::CloudWatch;
        if self.unmeasured.iter().any(is_part) {
            Completeness::Partial
        } else {
            Completeness::Complete
        }
    }

    fn total_bytes(&self) -> u64 {
        self.total_bytes()
    }

    /// A report changes when S3 writes a new one.
    fn paced_bytes(&self) -> Option<u64> {
        (self.method != Method::Inventory).then(|| self.total_bytes())
    }

    /// The time at which S3 started the scan for its report.
    fn as_of(&self) -> Option<DateTime<Utc>> {
        Some(self.inventory.as_ref()?.as_of)
    }

    fn in_run(mut self, run: &Run, refresh: Option<Refresh>) -> Self {
        if let Some(listing) = &mut self.listing {
            listing.scheduled_at = run.scheduled_at;
            listing.taken_at = run.taken_at;
            let duration = TimeDelta::from_std(run.duration).unwrap_or_default();
            listing.finished_at = run.taken_at + duration;
        }
        self.refresh = refresh;
        self
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn metrics(total_bytes: u64) -> StorageMetrics {
        StorageMetrics {
            as_of: DateTime::UNIX_EPOCH,
            total_bytes,
            overhead_bytes: 0,
            by_storage_type: BTreeMap::new(),
            object_count: Some(3),
            asked_at: DateTime::UNIX_EPOCH,
            metric_count: 26,
        }
    }

    #[test]
    fn a_listing_takes_precedence_in_the_total() {
        let mut current = Objects::default();
        current.add("STANDARD", 5);
        let mut listed = BucketSize::of_listing(current);
        listed.cloudwatch = Some(metrics(9));
        let used = ResourceSize {
            used_bytes: Some(1),
            provisioned_bytes: Some(2),
            item_count: None,
            by_storage_class: BTreeMap::new(),
            as_of: None,
        };
        let provisioned = ResourceSize {
            used_bytes: None,
            ..used.clone()
        };

        for (size, total, count) in [
            (listed, (5, Definition::CurrentObjects), Some(1)),
            (
                BucketSize::of_cloudwatch(metrics(9)),
                (9, Definition::WholeBucket),
                Some(3),
            ),
            (
                BucketSize::of_resource(Method::Service, used),
                (1, Definition::Used),
                None,
            ),
            (
                BucketSize::of_resource(Method::Service, provisioned),
                (2, Definition::Provisioned),
                None,
            ),
        ] {
            assert_eq!((size.total(), size.object_count()), (total, count));
        }
    }

    #[test]
    fn an_unmeasured_part_makes_the_size_partial_and_missing_metrics_do_not() {
        let unmeasured = |part| Unmeasured {
            part,
            code: "access_denied".to_owned(),
            reason: String::new(),
        };
        let mut size = BucketSize::of_listing(Objects::default());
        assert_eq!(size.completeness(), Completeness::Complete);

        size.unmeasured.push(unmeasured(Part::CloudWatch));
        assert_eq!(size.completeness(), Completeness::Complete);
        size.unmeasured.push(unmeasured(Part::Multipart));
        assert_eq!(size.completeness(), Completeness::Partial);
    }
}
