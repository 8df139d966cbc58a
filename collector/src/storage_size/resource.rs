//! Which number is the size of storage that is no bucket, and who tells it.
//!
//! Nothing is added up by listing: CloudWatch or the service itself has the number. Where it has none the
//! measurement fails with a word for it; no size is ever zero for want of one.

use chrono::{DateTime, Utc};
use shared::aws::Aws;
use shared::fleet::{BucketTarget, StorageKind};
use shared::snapshot::BucketSize;
use shared::snapshot::bucket_size::Method;

use super::{dynamodb, ebs, efs, rds};
use crate::error::MeasureError;

/// Asks for the size of `target` as of `now`; `None` for a bucket, which has to be listed.
///
/// Costs one call: six metrics requested for a file system, one for a database's server, one free call for a table or
/// a volume.
///
/// # Errors
///
/// `no_metrics`, `resource_missing`, `allocated_outdated`, and what is in the way of any call.
pub(super) async fn measure(
    aws: &Aws,
    target: &BucketTarget,
    now: DateTime<Utc>,
) -> Result<Option<BucketSize>, MeasureError> {
    let (method, resource) = match target.kind {
        StorageKind::S3 => return Ok(None),
        StorageKind::Efs => (Method::CloudWatch, efs::measure(aws, target, now).await?),
        StorageKind::Rds => (Method::CloudWatch, rds::instance(aws, target, now).await?),
        StorageKind::Aurora => (Method::CloudWatch, rds::cluster(aws, target, now).await?),
        StorageKind::DynamoDb => (Method::Service, dynamodb::measure(aws, target).await?),
        StorageKind::Ebs => (Method::Service, ebs::measure(aws, target).await?),
    };
    Ok(Some(BucketSize::of_resource(method, resource)))
}
