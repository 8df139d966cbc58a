//! Stored form of a bucket's size: all of it is summary.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Stored;
use crate::snapshot::{BucketSize, ClassSize, Method};

/// Stored form of a bucket's size.
#[derive(Serialize, Deserialize)]
pub struct StoredBucketSize {
    total_bytes: u64,
    object_count: u64,
    by_storage_class: BTreeMap<String, StoredClassSize>,
    method: String,
}

#[derive(Serialize, Deserialize)]
struct StoredClassSize {
    total_bytes: u64,
    object_count: u64,
}

impl Stored for BucketSize {
    const VERSION: u64 = 1;
    type StoredSummary = StoredBucketSize;

    fn store_summary(summary: &Self) -> StoredBucketSize {
        let classes = summary.by_storage_class.iter();
        StoredBucketSize {
            total_bytes: summary.total_bytes,
            object_count: summary.object_count,
            by_storage_class: classes
                .map(|(name, class)| {
                    let ClassSize {
                        total_bytes,
                        object_count,
                    } = *class;
                    (
                        name.clone(),
                        StoredClassSize {
                            total_bytes,
                            object_count,
                        },
                    )
                })
                .collect(),
            method: summary.method.as_str().to_owned(),
        }
    }

    fn read_summary(stored: StoredBucketSize) -> Result<Self, String> {
        let method = match stored.method.as_str() {
            "listing" => Method::Listing,
            other => return Err(format!("unknown method {other:?}")),
        };
        let classes = stored.by_storage_class.into_iter();
        Ok(Self {
            total_bytes: stored.total_bytes,
            object_count: stored.object_count,
            by_storage_class: classes
                .map(
                    |(
                        name,
                        StoredClassSize {
                            total_bytes,
                            object_count,
                        },
                    )| {
                        (
                            name,
                            ClassSize {
                                total_bytes,
                                object_count,
                            },
                        )
                    },
                )
                .collect(),
            method,
        })
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
