//! Size of a bucket or of a part of it, and of other storage in the same shape. No I/O, no prices.
//!
//! Each part of it was measured or is `None`: what was not measured is never a zero. The parts add up to what is
//! billed; CloudWatch says the same sum by itself, a day or two late, and never replaces a listing.

mod refresh;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Completeness, Measurement, Run, StorageMetrics};
use crate::fleet::Kind;

pub use refresh::{LONGEST_INTERVAL, Refresh, RefreshReason};

/// What is known of a storage target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketSize {
    /// Where [`BucketSize::total_bytes`] comes from.
    pub method: Method,
    /// Current objects: what a listing sees.
    pub current: Option<Objects>,
    /// Versions that are no longer current; each is billed like an object.
    pub noncurrent: Option<Objects>,
    /// Delete markers. They have a key and no bytes.
    pub delete_markers: Option<u64>,
    /// Uploads that were begun and neither completed nor aborted.
    pub multipart: Option<Uploads>,
    /// What CloudWatch says of the whole bucket.
    pub cloudwatch: Option<StorageMetrics>,
    /// What the service itself says of storage that is no bucket.
    pub resource: Option<ResourceSize>,
    /// What was to be measured and could not be, in the order of trying.
    pub unmeasured: Vec<Unmeasured>,
    /// The listing that the parts come from; `None` for snapshots from before it was kept.
    pub listing: Option<ListingRun>,
    /// When it is measured again, and why then; `None` for snapshots from before it was kept.
    pub refresh: Option<Refresh>,
}

/// Objects or versions of objects.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Objects {
    /// Sum of their sizes in bytes.
    pub total_bytes: u64,
    /// Their number; keys that end in `/` are objects too.
    pub object_count: u64,
    /// The same two by S3 storage class; classes without objects are left out.
    pub by_storage_class: BTreeMap<String, ClassSize>,
}

/// Objects of one storage class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClassSize {
    /// Sum of the objects' sizes in bytes.
    pub total_bytes: u64,
    /// Number of objects.
    pub object_count: u64,
}

/// Incomplete multipart uploads.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Uploads {
    /// Number of uploads, those without a part included.
    pub upload_count: u64,
    /// Number of their parts.
    pub part_count: u64,
    /// Sum of the parts' sizes in bytes.
    pub total_bytes: u64,
    /// Bytes of the parts by the storage class of their upload; classes without bytes are left out.
    pub by_storage_class: BTreeMap<String, u64>,
    /// When the oldest of them was begun; `None` without uploads.
    pub oldest_initiated_at: Option<DateTime<Utc>>,
}

/// Storage that is no bucket, as its service or CloudWatch shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceSize {
    /// Bytes in use; `None` where the service does not say.
    pub used_bytes: Option<u64>,
    /// Bytes that are allocated and billed whether used or not; `None` where the service has no such number.
    pub provisioned_bytes: Option<u64>,
    /// Number of items; `None` where the service does not count.
    pub item_count: Option<u64>,
    /// Bytes by the service's own storage class or volume type.
    pub by_storage_class: BTreeMap<String, u64>,
    /// The time that the numbers are of; `None` where the service does not say.
    pub as_of: Option<DateTime<Utc>>,
}

/// A part that was to be measured and could not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmeasured {
    /// Which part it is.
    pub part: Part,
    /// Stable word for the kind of failure.
    pub code: String,
    /// What was attempted and what to do about it.
    pub reason: String,
}

/// A part of what is billed, or the second opinion on its sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Current objects.
    Current,
    /// Versions that are no longer current.
    Noncurrent,
    /// Delete markers.
    DeleteMarkers,
    /// Incomplete uploads.
    Multipart,
    /// The figure of CloudWatch.
    CloudWatch,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Current,
        Self::Noncurrent,
        Self::DeleteMarkers,
        Self::Multipart,
        Self::CloudWatch,
    ];

    /// Returns the word for it in the fleet file, in answers and in stored items.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Noncurrent => "noncurrent",
            Self::DeleteMarkers => "delete_markers",
            Self::Multipart => "multipart",
            Self::CloudWatch => "cloudwatch",
        }
    }
}

/// When a listing ran and what it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListingRun {
    /// Scheduled time of the run.
    pub scheduled_at: DateTime<Utc>,
    /// When it began: the numbers know of nothing older.
    pub taken_at: DateTime<Utc>,
    /// When its last page had arrived.
    pub finished_at: DateTime<Utc>,
    /// `List…` requests that were answered, of objects, versions, uploads and parts together.
    pub request_count: u64,
}

/// Where the total comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Every object was listed and its size added.
    Listing,
    /// CloudWatch's metrics were read.
    CloudWatch,
    /// The service was asked for its own number.
    Service,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Listing, Self::CloudWatch, Self::Service];

    /// Returns the word for it in answers and stored items.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Listing => "listing",
            Self::CloudWatch => "cloudwatch",
            Self::Service => "service",
        }
    }
}

/// What [`BucketSize::total_bytes`] adds up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// Returns the word for it in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CurrentObjects => "current_objects",
            Self::WholeBucket => "whole_bucket",
            Self::Used => "used",
            Self::Provisioned => "provisioned",
        }
    }
}

impl Objects {
    /// Adds one object.
    pub fn add(&mut self, storage_class: &str, bytes: u64) {
        self.total_bytes += bytes;
        self.object_count += 1;
        if !self.by_storage_class.contains_key(storage_class) {
            self.by_storage_class
                .insert(storage_class.to_owned(), ClassSize::default());
        }
        if let Some(class) = self.by_storage_class.get_mut(storage_class) {
            class.total_bytes += bytes;
            class.object_count += 1;
        }
    }

    /// Returns whether `bytes` more are too many for a 64-bit sum.
    pub fn would_overflow(&self, bytes: u64) -> bool {
        self.total_bytes.checked_add(bytes).is_none()
    }
}

impl BucketSize {
    /// Returns a size of which nothing was measured but `method`'s own total, which the caller fills in.
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
            refresh: None,
        }
    }

    /// Returns the size of a target without objects, which `method` found.
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

    /// Returns the size of a bucket that only CloudWatch was asked about.
    pub fn of_cloudwatch(figure: StorageMetrics) -> Self {
        Self {
            cloudwatch: Some(figure),
            ..Self::nothing(Method::CloudWatch)
        }
    }

    /// Returns the size of storage that is no bucket.
    pub fn of_resource(method: Method, resource: ResourceSize) -> Self {
        Self {
            resource: Some(resource),
            ..Self::nothing(method)
        }
    }

    /// Returns what is called the size, and what it adds up.
    ///
    /// Current objects where they were listed, else what CloudWatch says of the whole bucket, else the bytes in
    /// use, else those allocated.
    pub fn total(&self) -> (u64, Definition) {
        if let Some(current) = &self.current {
            return (current.total_bytes, Definition::CurrentObjects);
        }
        if let Some(figure) = &self.cloudwatch {
            return (figure.total_bytes, Definition::WholeBucket);
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

    /// Returns the number of what is in the total; `None` where nobody counted.
    pub fn object_count(&self) -> Option<u64> {
        match (&self.current, &self.cloudwatch, &self.resource) {
            (Some(current), _, _) => Some(current.object_count),
            (None, Some(figure), _) => figure.object_count,
            (None, None, resource) => resource.as_ref()?.item_count,
        }
    }
}

impl Measurement for BucketSize {
    const KIND: Kind = Kind::Bucket;
    type Summary = Self;

    fn summary(&self) -> Self {
        self.clone()
    }

    /// A part that was refused makes it partial. The figure of CloudWatch is a second opinion, and no part.
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
    use super::*;

    fn figure(total_bytes: u64) -> StorageMetrics {
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
    fn the_classes_add_up_to_the_total() {
        let mut size = Objects::default();

        size.add("STANDARD", 5);
        size.add("GLACIER", 7);
        size.add("STANDARD", 0);

        assert_eq!((size.total_bytes, size.object_count), (12, 3));
        let class = |total_bytes, object_count| ClassSize {
            total_bytes,
            object_count,
        };
        assert_eq!(size.by_storage_class["STANDARD"], class(5, 2));
        assert_eq!(size.by_storage_class["GLACIER"], class(7, 1));
    }

    #[test]
    fn the_total_says_what_it_adds_up_and_a_listing_goes_first() {
        let mut current = Objects::default();
        current.add("STANDARD", 5);
        let mut listed = BucketSize::of_listing(current);
        listed.cloudwatch = Some(figure(9));
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
                BucketSize::of_cloudwatch(figure(9)),
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
    fn a_part_that_was_refused_makes_it_partial_and_a_missing_second_opinion_does_not() {
        let refused = |part| Unmeasured {
            part,
            code: "access_denied".to_owned(),
            reason: String::new(),
        };
        let mut size = BucketSize::of_listing(Objects::default());
        assert_eq!(size.completeness(), Completeness::Complete);

        size.unmeasured.push(refused(Part::CloudWatch));
        assert_eq!(size.completeness(), Completeness::Complete);
        size.unmeasured.push(refused(Part::Multipart));
        assert_eq!(size.completeness(), Completeness::Partial);
    }
}
