//! Storage of Aurora clusters: the used bytes of the cluster's volume, which are the allocated ones.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use shared::aws::Aws;
use shared::fleet::{BucketTarget, DatabaseServer};
use shared::snapshot::bucket_size::ResourceSize;

use crate::aws::rds_storage;
use crate::error::MeasureError;

/// Measures a cluster's volume.
pub(super) async fn measure(
    aws: &Aws,
    target: &BucketTarget,
    now: DateTime<Utc>,
) -> Result<ResourceSize, MeasureError> {
    let server = DatabaseServer::Cluster(target.bucket.clone());
    let client = aws.cloudwatch(&target.scope).await;
    let used = rds_storage::newest(&client, &server, now).await?;
    Ok(ResourceSize {
        used_bytes: Some(used.bytes),
        provisioned_bytes: None,
        item_count: None,
        by_storage_class: BTreeMap::new(),
        as_of: Some(used.at),
    })
}
