//! Stored form of CloudWatch's daily storage metrics: all of it is summary.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Stored;
use crate::snapshot::StorageMetrics;

/// Stored form of [`StorageMetrics`], also inside of bucket sizes that were stored before the metrics had an item of
/// their own.
#[derive(Serialize, Deserialize)]
pub struct StoredStorageMetrics {
    as_of: DateTime<Utc>,
    total_bytes: u64,
    overhead_bytes: u64,
    by_storage_type: BTreeMap<String, u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    object_count: Option<u64>,
    asked_at: DateTime<Utc>,
    metric_count: u64,
}

impl StoredStorageMetrics {
    pub(super) fn of(metrics: StorageMetrics) -> Self {
        let StorageMetrics {
            as_of,
            total_bytes,
            overhead_bytes,
            by_storage_type,
            object_count,
            asked_at,
            metric_count,
        } = metrics;
        Self {
            as_of,
            total_bytes,
            overhead_bytes,
            by_storage_type,
            object_count,
            asked_at,
            metric_count,
        }
    }

    pub(super) fn into_metrics(self) -> StorageMetrics {
        let Self {
            as_of,
            total_bytes,
            overhead_bytes,
            by_storage_type,
            object_count,
            asked_at,
            metric_count,
        } = self;
        StorageMetrics {
            as_of,
            total_bytes,
            overhead_bytes,
            by_storage_type,
            object_count,
            asked_at,
            metric_count,
        }
    }
}

impl Stored for StorageMetrics {
    const VERSION: u64 = 1;
    type StoredSummary = StoredStorageMetrics;

    fn store_summary(summary: &Self) -> StoredStorageMetrics {
        StoredStorageMetrics::of(summary.clone())
    }

    fn read_summary(stored: StoredStorageMetrics) -> Result<Self, String> {
        Ok(stored.into_metrics())
    }

    fn store_body(&self) -> Result<Option<Vec<u8>>, String> {
        Ok(None)
    }

    fn read_body(summary: Self, body: Option<&[u8]>) -> Result<Self, String> {
        if body.is_some() {
            Err("storage metrics have no body".to_owned())
        } else {
            Ok(summary)
        }
    }
}
