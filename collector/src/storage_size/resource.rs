//! Size of storage other than buckets: a number of CloudWatch's or of the service itself, never of a listing.
//!
//! Without such a number the measurement fails: a missing size is never zero.

use chrono::{DateTime, Utc};
use shared::aws::Aws;
use shared::fleet::{BucketTarget, StorageKind};
use shared::snapshot::BucketSize;
use shared::snapshot::bucket_size::Method;

use super::{aurora, dynamodb, ebs, efs, rds};
use crate::error::MeasureError;

/// Measures `target` as of `now`; `None` for a bucket, which has to be listed.
///
/// Costs one call: six requested metrics for a file system, one for a database server, one free call for a table or a
/// volume.
///
/// # Errors
///
/// `no_metrics`, `resource_missing`, `allocated_outdated`, and the errors of any call.
pub(super) async fn measure(
    aws: &Aws,
    target: &BucketTarget,
    now: DateTime<Utc>,
) -> Result<Option<BucketSize>, MeasureError> {
    let (method, resource) = match target.kind {
        StorageKind::S3 => return Ok(None),
        StorageKind::Efs => (Method::CloudWatch, efs::measure(aws, target, now).await?),
        StorageKind::Rds => (Method::CloudWatch, rds::measure(aws, target, now).await?),
        StorageKind::Aurora => (Method::CloudWatch, aurora::measure(aws, target, now).await?),
        StorageKind::DynamoDb => (Method::Service, dynamodb::measure(aws, target).await?),
        StorageKind::Ebs => (Method::Service, ebs::measure(aws, target).await?),
    };
    Ok(Some(BucketSize::of_resource(method, resource)))
}
