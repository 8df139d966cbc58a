//! Storage of database servers: an RDS instance's disk, an Aurora cluster's volume. Their tables are sized elsewhere.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use shared::aws::Aws;
use shared::fleet::{BucketTarget, DatabaseServer};
use shared::snapshot::bucket_size::ResourceSize;

use crate::aws::rds_storage::{self, Figure, GIB};
use crate::error::MeasureError;

/// Reads what an instance uses of what the fleet file says is allocated to it.
pub(super) async fn instance(
    aws: &Aws,
    target: &BucketTarget,
    now: DateTime<Utc>,
) -> Result<ResourceSize, MeasureError> {
    let server = DatabaseServer::Instance(target.bucket.clone());
    let free = rds_storage::figure(aws, &target.scope, &server, now).await?;
    used_of(target.allocated_gib, free)
}

/// Reads what a cluster's volume uses, which is what is allocated to it.
pub(super) async fn cluster(
    aws: &Aws,
    target: &BucketTarget,
    now: DateTime<Utc>,
) -> Result<ResourceSize, MeasureError> {
    let server = DatabaseServer::Cluster(target.bucket.clone());
    let (used_bytes, as_of) = rds_storage::figure(aws, &target.scope, &server, now).await?;
    Ok(ResourceSize {
        used_bytes: Some(used_bytes),
        provisioned_bytes: None,
        item_count: None,
        by_storage_class: BTreeMap::new(),
        as_of: Some(as_of),
    })
}

/// Returns what is allocated less what is free. Nothing that contradicts itself becomes a number.
fn used_of(
    allocated_gib: Option<u64>,
    (free_bytes, as_of): Figure,
) -> Result<ResourceSize, MeasureError> {
    let allocated_bytes = allocated_gib
        .and_then(|gib| gib.checked_mul(GIB))
        .ok_or_else(|| {
            MeasureError::permanent(
                "allocated_unknown",
                "the fleet file has no allocated_gib of the instance",
            )
        })?;
    let used_bytes = allocated_bytes.checked_sub(free_bytes).ok_or_else(|| {
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
        as_of: Some(as_of),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_is_what_is_allocated_and_not_free_and_nothing_is_invented() {
        let used = |allocated, free| {
            let size = used_of(allocated, (free, DateTime::UNIX_EPOCH));
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
