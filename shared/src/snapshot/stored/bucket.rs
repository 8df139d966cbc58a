//! Stored form of a storage target's size: all of it is summary.
//!
//! Version 1 had the current objects only, as fields of the summary itself. Version 2 keeps those fields where
//! they were and adds the other parts; a part that was not measured is left out.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Stored;
use super::storage_metrics::StoredStorageMetrics;
use crate::snapshot::bucket_size::{
    BucketSize, ClassSize, ListingRun, Method, Objects, Part, Refresh, RefreshReason, ResourceSize,
    Unmeasured, Uploads,
};

/// Stored form of a storage target's size.
#[derive(Serialize, Deserialize)]
pub struct StoredBucketSize {
    /// Always there in version 1.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    current: Option<StoredObjects>,
    method: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    noncurrent: Option<StoredObjects>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delete_markers: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    multipart: Option<StoredUploads>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cloudwatch: Option<StoredStorageMetrics>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resource: Option<StoredResourceSize>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unmeasured: Vec<StoredUnmeasured>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    listing: Option<StoredListingRun>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh: Option<StoredRefresh>,
}

#[derive(Serialize, Deserialize)]
struct StoredObjects {
    total_bytes: u64,
    object_count: u64,
    by_storage_class: BTreeMap<String, StoredClassSize>,
}

#[derive(Serialize, Deserialize)]
struct StoredClassSize {
    total_bytes: u64,
    object_count: u64,
}

#[derive(Serialize, Deserialize)]
struct StoredUploads {
    upload_count: u64,
    part_count: u64,
    total_bytes: u64,
    by_storage_class: BTreeMap<String, u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    oldest_initiated_at: Option<DateTime<Utc>>,
}

#[derive(Serialize, Deserialize)]
struct StoredResourceSize {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    used_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    provisioned_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    item_count: Option<u64>,
    by_storage_class: BTreeMap<String, u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    as_of: Option<DateTime<Utc>>,
}

#[derive(Serialize, Deserialize)]
struct StoredUnmeasured {
    part: String,
    code: String,
    reason: String,
}

#[derive(Serialize, Deserialize)]
struct StoredListingRun {
    scheduled_at: DateTime<Utc>,
    taken_at: DateTime<Utc>,
    finished_at: DateTime<Utc>,
    request_count: u64,
}

#[derive(Serialize, Deserialize)]
struct StoredRefresh {
    interval_seconds: u64,
    reason: String,
    next_full_at: DateTime<Utc>,
}

impl Stored for BucketSize {
    const VERSION: u64 = 2;
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
            refresh,
        } = summary.clone();
        StoredBucketSize {
            current: current.map(store_objects),
            method: method.as_str().to_owned(),
            noncurrent: noncurrent.map(store_objects),
            delete_markers,
            multipart: multipart.map(store_uploads),
            cloudwatch: cloudwatch.map(StoredStorageMetrics::of),
            resource: resource.map(store_resource),
            unmeasured: unmeasured.into_iter().map(store_unmeasured).collect(),
            listing: listing.map(store_listing),
            refresh: refresh.map(store_refresh),
        }
    }

    fn read_summary(stored: StoredBucketSize) -> Result<Self, String> {
        let unmeasured = stored.unmeasured.into_iter().map(read_unmeasured);
        let size = Self {
            method: word("method", &stored.method, &Method::ALL, Method::as_str)?,
            current: stored.current.map(read_objects),
            noncurrent: stored.noncurrent.map(read_objects),
            delete_markers: stored.delete_markers,
            multipart: stored.multipart.map(read_uploads),
            cloudwatch: stored.cloudwatch.map(StoredStorageMetrics::into_metrics),
            resource: stored.resource.map(read_resource),
            unmeasured: unmeasured.collect::<Result<_, _>>()?,
            listing: stored.listing.map(read_listing),
            refresh: stored.refresh.map(read_refresh).transpose()?,
        };
        let has_total = match size.method {
            Method::Listing => size.current.is_some(),
            Method::CloudWatch => size.cloudwatch.is_some() || size.resource.is_some(),
            Method::Service => size.resource.is_some(),
        };
        if has_total {
            Ok(size)
        } else {
            Err("it lacks the size that its method gives".to_owned())
        }
    }

    fn store_body(&self) -> Result<Option<Vec<u8>>, String> {
        Ok(None)
    }

    fn read_body(summary: Self, body: Option<&[u8]>) -> Result<Self, String> {
        if body.is_some() {
            Err("a bucket size has no body".to_owned())
        } else {
            Ok(summary)
        }
    }
}

/// Returns which of `all` is called `text`.
fn word<T: Copy>(
    what: &str,
    text: &str,
    all: &[T],
    name: fn(T) -> &'static str,
) -> Result<T, String> {
    let found = all.iter().copied().find(|one| name(*one) == text);
    found.ok_or_else(|| format!("unknown {what} {text:?}"))
}

fn store_objects(objects: Objects) -> StoredObjects {
    let classes = objects.by_storage_class.into_iter();
    StoredObjects {
        total_bytes: objects.total_bytes,
        object_count: objects.object_count,
        by_storage_class: classes
            .map(|(name, class)| {
                let ClassSize {
                    total_bytes,
                    object_count,
                } = class;
                let stored = StoredClassSize {
                    total_bytes,
                    object_count,
                };
                (name, stored)
            })
            .collect(),
    }
}

fn read_objects(stored: StoredObjects) -> Objects {
    let classes = stored.by_storage_class.into_iter();
    Objects {
        total_bytes: stored.total_bytes,
        object_count: stored.object_count,
        by_storage_class: classes
            .map(|(name, class)| {
                let StoredClassSize {
                    total_bytes,
                    object_count,
                } = class;
                let class = ClassSize {
                    total_bytes,
                    object_count,
                };
                (name, class)
            })
            .collect(),
    }
}

fn store_uploads(uploads: Uploads) -> StoredUploads {
    StoredUploads {
        upload_count: uploads.upload_count,
        part_count: uploads.part_count,
        total_bytes: uploads.total_bytes,
        by_storage_class: uploads.by_storage_class,
        oldest_initiated_at: uploads.oldest_initiated_at,
    }
}

fn read_uploads(stored: StoredUploads) -> Uploads {
    Uploads {
        upload_count: stored.upload_count,
        part_count: stored.part_count,
        total_bytes: stored.total_bytes,
        by_storage_class: stored.by_storage_class,
        oldest_initiated_at: stored.oldest_initiated_at,
    }
}

fn store_resource(resource: ResourceSize) -> StoredResourceSize {
    StoredResourceSize {
        used_bytes: resource.used_bytes,
        provisioned_bytes: resource.provisioned_bytes,
        item_count: resource.item_count,
        by_storage_class: resource.by_storage_class,
        as_of: resource.as_of,
    }
}

fn read_resource(stored: StoredResourceSize) -> ResourceSize {
    ResourceSize {
        used_bytes: stored.used_bytes,
        provisioned_bytes: stored.provisioned_bytes,
        item_count: stored.item_count,
        by_storage_class: stored.by_storage_class,
        as_of: stored.as_of,
    }
}

fn store_unmeasured(unmeasured: Unmeasured) -> StoredUnmeasured {
    StoredUnmeasured {
        part: unmeasured.part.as_str().to_owned(),
        code: unmeasured.code,
        reason: unmeasured.reason,
    }
}

fn read_unmeasured(stored: StoredUnmeasured) -> Result<Unmeasured, String> {
    Ok(Unmeasured {
        part: word("part", &stored.part, &Part::ALL, Part::as_str)?,
        code: stored.code,
        reason: stored.reason,
    })
}

fn store_listing(listing: ListingRun) -> StoredListingRun {
    StoredListingRun {
        scheduled_at: listing.scheduled_at,
        taken_at: listing.taken_at,
        finished_at: listing.finished_at,
        request_count: listing.request_count,
    }
}

fn read_listing(stored: StoredListingRun) -> ListingRun {
    ListingRun {
        scheduled_at: stored.scheduled_at,
        taken_at: stored.taken_at,
        finished_at: stored.finished_at,
        request_count: stored.request_count,
    }
}

fn store_refresh(refresh: Refresh) -> StoredRefresh {
    StoredRefresh {
        interval_seconds: refresh.interval_seconds,
        reason: refresh.reason.as_str().to_owned(),
        next_full_at: refresh.next_full_at,
    }
}

fn read_refresh(stored: StoredRefresh) -> Result<Refresh, String> {
    let reasons = &RefreshReason::ALL;
    Ok(Refresh {
        interval_seconds: stored.interval_seconds,
        reason: word(
            "reason to refresh",
            &stored.reason,
            reasons,
            RefreshReason::as_str,
        )?,
        next_full_at: stored.next_full_at,
    })
}
