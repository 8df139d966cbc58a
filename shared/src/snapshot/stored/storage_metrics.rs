//! Stored form of CloudWatch's daily storage metrics: all of it is summary.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Stored, is_default, without_body};
use crate::snapshot::StorageMetrics;

/// Stored form of [`StorageMetrics`], also inside bucket sizes that were stored before the metrics had their own item.
#[derive(Serialize, Deserialize)]
pub struct StoredStorageMetrics(#[serde(with = "MetricsFields")] pub(super) StorageMetrics);

#[derive(Serialize, Deserialize)]
#[serde(remote = "StorageMetrics")]
struct MetricsFields {
    as_of: DateTime<Utc>,
    total_bytes: u64,
    overhead_bytes: u64,
    by_storage_type: BTreeMap<String, u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    object_count: Option<u64>,
    asked_at: DateTime<Utc>,
    metric_count: u64,
}

impl Stored for StorageMetrics {
    const VERSION: u64 = 2;
    type StoredSummary = StoredStorageMetrics;

    fn store_summary(summary: &Self) -> StoredStorageMetrics {
        StoredStorageMetrics(summary.clone())
    }

    fn read_summary(stored: StoredStorageMetrics) -> Result<Self, String> {
        Ok(stored.0)
    }

    fn read_body(summary: Self, body: Option<&[u8]>) -> Result<Self, String> {
        without_body(summary, body)
    }
}
