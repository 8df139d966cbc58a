//! The parts that a size consists of. Domain types only.
//!
//! They serialize as they are answered: a field's comment is its description in the OpenAPI document, where `None` is
//! null.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Objects, or versions of objects.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Objects {
    /// Sum of their sizes, in bytes.
    pub total_bytes: u64,
    /// Their number; keys that end in `/` are objects too.
    pub object_count: u64,
    /// The same two numbers by S3 storage class; classes without objects are left out.
    pub by_storage_class: BTreeMap<String, ClassSize>,
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

    /// Adds objects of one class; returns `false` and adds nothing if a sum exceeds 64 bits.
    #[must_use]
    pub fn add_class(&mut self, storage_class: &str, bytes: u64, objects: u64) -> bool {
        let bytes_sum = self.total_bytes.checked_add(bytes);
        let objects_sum = self.object_count.checked_add(objects);
        let (Some(total_bytes), Some(object_count)) = (bytes_sum, objects_sum) else {
            return false;
        };
        (self.total_bytes, self.object_count) = (total_bytes, object_count);
        // A class is never more than the total, so its sums fit too.
        let class = self
            .by_storage_class
            .entry(storage_class.to_owned())
            .or_default();
        class.total_bytes += bytes;
        class.object_count += objects;
        true
    }

    /// Returns whether `bytes` more would overflow the 64-bit sum.
    pub fn would_overflow(&self, bytes: u64) -> bool {
        self.total_bytes.checked_add(bytes).is_none()
    }
}

/// Objects of one storage class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct ClassSize {
    /// Sum of their sizes, in bytes.
    pub total_bytes: u64,
    /// Their number.
    pub object_count: u64,
}

/// Incomplete multipart uploads.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Uploads {
    /// Sum of their parts' sizes, in bytes.
    pub total_bytes: u64,
    /// Number of uploads, those without parts included.
    pub upload_count: u64,
    /// Number of their parts.
    pub part_count: u64,
    /// Bytes by the storage class of the upload; classes without bytes are left out.
    pub by_storage_class: BTreeMap<String, u64>,
    /// When the oldest upload was started, RFC 3339 UTC; null without uploads.
    pub oldest_initiated_at: Option<DateTime<Utc>>,
}

/// Size of storage other than S3, as its service or CloudWatch reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ResourceSize {
    /// Bytes in use; null where the service does not report them, as for volumes. For an RDS instance they are as
    /// accurate as the fleet file's `allocated_gib`.
    pub used_bytes: Option<u64>,
    /// Bytes that are allocated and billed whether used or not; null where the service has no such number.
    pub provisioned_bytes: Option<u64>,
    /// Number of items in a table; null where the service does not count them.
    pub item_count: Option<u64>,
    /// Bytes by the service's own storage class, table class or volume type; empty if unknown.
    pub by_storage_class: BTreeMap<String, u64>,
    /// The time that the numbers belong to, RFC 3339 UTC; null where the service does not report it.
    pub as_of: Option<DateTime<Utc>>,
}

/// A part that could not be measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Unmeasured {
    /// `noncurrent`, `delete_markers`, `multipart` or `cloudwatch`.
    pub part: Part,
    /// Stable word for the kind of failure, such as `access_denied`.
    pub code: String,
    /// What was attempted, why it failed and what to do about it.
    pub reason: String,
}

/// A part of what is billed, or the second opinion on the sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Current objects.
    Current,
    /// Versions that are no longer current.
    Noncurrent,
    /// Delete markers.
    DeleteMarkers,
    /// Incomplete uploads.
    Multipart,
    /// CloudWatch's metrics.
    #[serde(rename = "cloudwatch")]
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

/// The report of S3 Inventory that a size comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct InventoryReport {
    /// When S3 started to scan the bucket, RFC 3339 UTC. Objects that were written or deleted later may be missing or
    /// included.
    pub as_of: DateTime<Utc>,
    /// Number of its files.
    pub file_count: u64,
    /// Bytes of them that were read.
    pub read_bytes: u64,
}

/// Times and cost of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListingRun {
    /// Scheduled time of the run.
    pub scheduled_at: DateTime<Utc>,
    /// When it started. No number is older than this.
    pub taken_at: DateTime<Utc>,
    /// When its last page had arrived.
    pub finished_at: DateTime<Utc>,
    /// `List…` requests for objects, versions, uploads and parts together, failed ones included: S3 bills those too.
    pub request_count: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn parts_serialize_the_words_of_the_fleet_file() {
        for part in Part::ALL {
            assert_eq!(serde_json::to_value(part).unwrap(), part.as_str());
        }
    }
}
