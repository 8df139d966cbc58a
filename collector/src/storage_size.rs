//! Measures storage targets: buckets in `s3.rs`, other storage in `resource.rs`.

mod aurora;
mod dynamodb;
mod ebs;
mod efs;
mod rds;
mod resource;
pub(crate) mod s3;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use shared::aws::Aws;
use shared::clock::{Clock, SystemClock};
use shared::fleet::BucketTarget;
use shared::snapshot::BucketSize;
use shared::snapshot::bucket_size::Part;
use tokio::time::Instant;

pub use self::s3::account::{AccountBucket, account_buckets};
pub use self::s3::inventory::newest_inventory;
use self::s3::listing::PartBounds;
use self::s3::{SECONDARY_TIMEOUT, daily_metrics, error as s3_error};
use crate::error::MeasureError;
use crate::queue::JobKind;
use crate::run::{self, MEASURE_TIMEOUT, Progress, Source, measure_within};

/// Measures storage targets: buckets and others.
#[derive(Clone)]
pub struct BucketSource {
    aws: Arc<Aws>,
    clock: Arc<dyn Clock>,
}

impl BucketSource {
    /// Returns a source that reads with clients of `aws`.
    pub fn new(aws: Arc<Aws>, clock: Arc<dyn Clock>) -> Self {
        Self { aws, clock }
    }

    async fn part(
        &self,
        target: &BucketTarget,
        bounds: PartBounds<'_>,
        progress: &Progress,
    ) -> Result<run::Part<BucketSize>, MeasureError> {
        if let Some(size) = resource::measure(&self.aws, target, self.clock.now()).await? {
            progress.add(size.object_count().unwrap_or(0), size.total_bytes());
            return Ok(run::Part::Whole(size));
        }
        s3::measure(&self.aws, &*self.clock, target, bounds, progress).await
    }
}

#[async_trait]
impl Source for BucketSource {
    type Target = BucketTarget;
    type Measurement = BucketSize;
    const JOBS: JobKind = JobKind::Bucket;

    /// Costs one request for each 1,000 objects, or versions if those are wanted, under the target's prefix; one request
    /// in total for other storage.
    async fn measure(
        &self,
        target: &BucketTarget,
        progress: &Progress,
    ) -> Result<BucketSize, MeasureError> {
        match self.part(target, PartBounds::default(), progress).await? {
            run::Part::Whole(size) => Ok(size),
            run::Part::Paused(_) => Err(s3_error::unexpected("an end before its end")),
        }
    }

    fn may_pause(&self) -> bool {
        true
    }

    async fn measure_part(
        &self,
        target: &BucketTarget,
        state: Option<&[u8]>,
        pause_at: Instant,
        progress: &Progress,
    ) -> Result<run::Part<BucketSize>, MeasureError> {
        let bounds = PartBounds {
            checkpoint: state,
            pause_at: Some(pause_at),
        };
        self.part(target, bounds, progress).await
    }
}

/// Measures one storage target without storing it, CloudWatch's metrics included.
///
/// # Errors
///
/// See [`MeasureError`]; takes at most [`MEASURE_TIMEOUT`], and two minutes more for CloudWatch.
pub async fn measure_bucket(
    aws: Arc<Aws>,
    target: &BucketTarget,
    progress: &Progress,
) -> Result<BucketSize, MeasureError> {
    measure_bucket_within(aws, target, progress, MEASURE_TIMEOUT).await
}

/// Measures like [`measure_bucket`], for at most `limit` and two minutes more for CloudWatch.
///
/// # Errors
///
/// See [`MeasureError`].
pub async fn measure_bucket_within(
    aws: Arc<Aws>,
    target: &BucketTarget,
    progress: &Progress,
    limit: Duration,
) -> Result<BucketSize, MeasureError> {
    let source = BucketSource::new(Arc::clone(&aws), Arc::new(SystemClock));
    let mut size = measure_within(&source, target, progress, limit).await?;
    if target.wants_storage_metrics() {
        let until = Instant::now() + SECONDARY_TIMEOUT;
        let now = SystemClock.now();
        let mut answers = daily_metrics::read(&aws, &[target], now, until).await;
        match answers.pop() {
            Some(Ok(metrics)) => size.cloudwatch = Some(metrics),
            Some(Err(error)) => s3::add_unmeasured(target, &mut size, Part::CloudWatch, error),
            None => {}
        }
    }
    Ok(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn target(prefix: &str, suffix: &str) -> BucketTarget {
        BucketTarget {
            prefix: prefix.into(),
            suffix: suffix.into(),
            ..BucketTarget::whole("acme-prod", "files")
        }
    }
}
