//! Stored form of a storage target's size: all of it is summary, except the sizes by prefix, which are its body.
//!
//! Version 1 had the current objects only, as fields of the summary itself. Version 2 leaves those fields there and
//! adds the other parts; a part that was not measured is omitted.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::prefixes::StoredPrefixes;
use super::storage_metrics::StoredStorageMetrics;
use super::{Stored, is_default};
use crate::snapshot::bucket_size::{
    BucketSize, ClassSize, InventoryReport, ListingRun, Method, Objects, Part, Refresh,
    RefreshReason, ResourceSize, Unmeasured, Uploads,
};

/// Stored form of a [`BucketSize`].
#[derive(Serialize, Deserialize)]
pub struct StoredBucketSize {
    /// Always there in version 1.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    current: Option<StoredObjects>,
    method: Method,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    noncurrent: Option<StoredObjects>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delete_markers: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    multipart: Option<StoredUploads>,
    /// Written by versions of this program that had no item for the metrics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cloudwatch: Option<StoredStorageMetrics>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resource: Option<StoredResourceSize>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unmeasured: Vec<StoredUnmeasured>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    listing: Option<StoredListingRun>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    inventory: Option<StoredInventoryReport>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh: Option<StoredRefresh>,
}

/// What a snapshot has and its summary lacks.
#[derive(Serialize, Deserialize)]
struct StoredBody {
    by_prefix: StoredPrefixes,
}

#[derive(Serialize, Deserialize)]
struct StoredObjects(#[serde(with = "ObjectsFields")] Objects);

#[derive(Serialize, Deserialize)]
#[serde(remote = "Objects")]
struct ObjectsFields {
    total_bytes: u64,
    object_count: u64,
    #[serde(serialize_with = "store_classes", deserialize_with = "read_classes")]
    by_storage_class: BTreeMap<String, ClassSize>,
}

#[derive(Serialize, Deserialize)]
struct StoredClassSize(#[serde(with = "ClassFields")] ClassSize);

#[derive(Serialize, Deserialize)]
#[serde(remote = "ClassSize")]
struct ClassFields {
    total_bytes: u64,
    object_count: u64,
}

#[derive(Serialize, Deserialize)]
struct StoredUploads(#[serde(with = "UploadsFields")] Uploads);

#[derive(Serialize, Deserialize)]
#[serde(remote = "Uploads")]
struct UploadsFields {
    upload_count: u64,
    part_count: u64,
    total_bytes: u64,
    by_storage_class: BTreeMap<String, u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    oldest_initiated_at: Option<DateTime<Utc>>,
}

#[derive(Serialize, Deserialize)]
struct StoredResourceSize(#[serde(with = "ResourceFields")] ResourceSize);

#[derive(Serialize, Deserialize)]
#[serde(remote = "ResourceSize")]
struct ResourceFields {
    #[serde(default, skip_serializing_if = "is_default")]
    used_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    provisioned_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    item_count: Option<u64>,
    by_storage_class: BTreeMap<String, u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    as_of: Option<DateTime<Utc>>,
}

#[derive(Serialize, Deserialize)]
struct StoredUnmeasured(#[serde(with = "UnmeasuredFields")] Unmeasured);

#[derive(Serialize, Deserialize)]
#[serde(remote = "Unmeasured")]
struct UnmeasuredFields {
    part: Part,
    code: String,
    reason: String,
}

#[derive(Serialize, Deserialize)]
struct StoredListingRun(#[serde(with = "ListingFields")] ListingRun);

#[derive(Serialize, Deserialize)]
#[serde(remote = "ListingRun")]
struct ListingFields {
    scheduled_at: DateTime<Utc>,
    taken_at: DateTime<Utc>,
    finished_at: DateTime<Utc>,
    request_count: u64,
}

#[derive(Serialize, Deserialize)]
struct StoredInventoryReport(#[serde(with = "InventoryFields")] InventoryReport);

#[derive(Serialize, Deserialize)]
#[serde(remote = "InventoryReport")]
struct InventoryFields {
    as_of: DateTime<Utc>,
    file_count: u64,
    read_bytes: u64,
}

/// Stored form of a [`Refresh`], which a queue's message has too.
#[derive(Serialize, Deserialize)]
pub struct StoredRefresh(#[serde(with = "RefreshFields")] pub Refresh);

#[derive(Serialize, Deserialize)]
#[serde(remote = "Refresh")]
struct RefreshFields {
    interval_seconds: u64,
    reason: RefreshReason,
    next_full_at: DateTime<Utc>,
}

impl Stored for BucketSize {
    const VERSION: u64 = 3;
    type StoredSummary = StoredBucketSize;

    fn store_summary(summary: &Self) -> StoredBucketSize {
        let Self {
            method,
            current,
            noncurrent,
            delete_markers,
            multipart,
            cloudwatch,
            resource,
            unmeasured,
            listing,
            inventory,
            by_prefix: _,
            refresh,
        } = summary.clone();
        StoredBucketSize {
            current: current.map(StoredObjects),
            method,
            noncurrent: noncurrent.map(StoredObjects),
            delete_markers,
            multipart: multipart.map(StoredUploads),
            cloudwatch: cloudwatch.map(StoredStorageMetrics),
            resource: resource.map(StoredResourceSize),
            unmeasured: unmeasured.into_iter().map(StoredUnmeasured).collect(),
            listing: listing.map(StoredListingRun),
            inventory: inventory.map(StoredInventoryReport),
            refresh: refresh.map(StoredRefresh),
        }
    }

    fn read_summary(stored: StoredBucketSize) -> Result<Self, String> {
        let size = Self {
            method: stored.method,
            current: stored.current.map(|stored| stored.0),
            noncurrent: stored.noncurrent.map(|stored| stored.0),
            delete_markers: stored.delete_markers,
            multipart: stored.multipart.map(|stored| stored.0),
            cloudwatch: stored.cloudwatch.map(|stored| stored.0),
            resource: stored.resource.map(|stored| stored.0),
            unmeasured: stored
                .unmeasured
                .into_iter()
                .map(|stored| stored.0)
                .collect(),
            listing: stored.listing.map(|stored| stored.0),
            inventory: stored.inventory.map(|stored| stored.0),
            by_prefix: None,
            refresh: stored.refresh.map(|stored| stored.0),
        };
        let has_total = match size.method {
            Method::Listing | Method::Inventory => size.current.is_some(),
            Method::CloudWatch => size.cloudwatch.is_some() || size.resource.is_some(),
            Method::Service => size.resource.is_some(),
        };
        if has_total {
            Ok(size)
        } else {
            Err("it lacks the size that its method measures".to_owned())
        }
    }

    fn store_body(&self) -> Result<Option<Vec<u8>>, String> {
        let Some(by_prefix) = &self.by_prefix else {
            return Ok(None);
        };
        let body = StoredBody {
            by_prefix: StoredPrefixes::of(by_prefix),
        };
        let body = serde_json::to_vec(&body);
        body.map(Some).map_err(|error| error.to_string())
    }

    fn read_body(summary: Self, body: Option<&[u8]>) -> Result<Self, String> {
        let Some(body) = body else {
            return Ok(summary);
        };
        let body: StoredBody = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        Ok(Self {
            by_prefix: Some(body.by_prefix.read()),
            ..summary
        })
    }
}

fn store_classes<S: Serializer>(
    classes: &BTreeMap<String, ClassSize>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let classes = classes.iter();
    serializer.collect_map(classes.map(|(name, class)| (name, StoredClassSize(*class))))
}

fn read_classes<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, ClassSize>, D::Error> {
    let stored = BTreeMap::<String, StoredClassSize>::deserialize(deserializer)?;
    let classes = stored.into_iter();
    Ok(classes.map(|(name, stored)| (name, stored.0)).collect())
}
