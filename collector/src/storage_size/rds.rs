//! Storage of RDS instances: the allocated bytes of the fleet file, less the free bytes of CloudWatch.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use shared::aws::Aws;
use shared::fleet::{BucketTarget, DatabaseServer};
use shared::snapshot::bucket_size::ResourceSize;

use crate::aws::rds_storage::{self, GIB, StorageReading};
use crate::error::MeasureError;

/// Measures what an instance uses of its allocated storage.
pub(super) async fn measure(
    aws: &Aws,
    target: &BucketTarget,
    now: DateTime<Utc>,
) -> Result<ResourceSize, MeasureError> {
    let server = DatabaseServer::Instance(target.bucket.clone());
    let client = aws.cloudwatch(&target.scope).await;
    let free = rds_storage::newest(&client, &server, now).await?;
    used_of(target.allocated_gib, free)
}

/// Returns the allocated bytes less the free ones; a contradiction between the two is an error.
fn used_of(allocated_gib: Option<u64>, free: StorageReading) -> Result<ResourceSize, MeasureError> {
    let allocated_bytes = allocated_gib
        .and_then(|gib| gib.checked_mul(GIB))
        .ok_or_else(|| {
            MeasureError::permanent(
                "allocated_unknown",
                "the fleet file has no allocated_gib of the instance",
            )
        })?;
    let used_bytes = allocated_bytes.checked_sub(free.bytes).ok_or_else(|| {
        MeasureError::permanent(
            "allocated_outdated",
            "more is free than allocated_gib of the fleet file: the instance's storage has grown",
        )
    })?;
    Ok(ResourceSize {
        used_bytes: Some(used_bytes),
        provisioned_bytes: Some(allocated_bytes),
        item_count: None,
        by_storage_class: BTreeMap::new(),
        as_of: Some(free.at),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn used_bytes_are_the_allocated_ones_that_are_not_free_and_contradictions_are_errors() {
        let used = |allocated, free| {
            let free = StorageReading {
                bytes: free,
                at: DateTime::UNIX_EPOCH,
            };
            let size = used_of(allocated, free);
            size.map(|size| (size.used_bytes, size.provisioned_bytes))
                .map_err(|error| error.code)
        };

        assert_eq!(
            used(Some(20), 15 * GIB),
            Ok((Some(5 * GIB), Some(20 * GIB)))
        );
        assert_eq!(used(Some(1), 0), Ok((Some(GIB), Some(GIB))));
        assert_eq!(used(Some(1), GIB), Ok((Some(0), Some(GIB))));
        assert_eq!(used(Some(1), GIB + 1), Err("allocated_outdated"));
        assert_eq!(used(None, GIB), Err("allocated_unknown"));
    }
}
