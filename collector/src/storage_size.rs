//! Measures storage targets: buckets in `s3.rs`, other storage in `resource.rs`.

mod dynamodb;
mod ebs;
mod efs;
pub(crate) mod merge;
mod rds;
mod resource;
pub(crate) mod s3;

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use shared::aws::Aws;
use shared::clock::{Clock, SystemClock};
use shared::fleet::BucketTarget;
use shared::snapshot::{BucketSize, Good};
use tokio::time::Instant;

use self::s3::listing::PartBounds;
use self::s3::{BESIDE_TIMEOUT, daily_metrics, error as failure};
use crate::error::MeasureError;
use crate::queue::{Asked, JobKind, Order};
use crate::run::{MEASURE_TIMEOUT, Part, Progress, Source, measure_within};

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
}

#[async_trait]
impl Source for BucketSource {
    type Target = BucketTarget;
    type Measurement = BucketSize;
    const JOBS: JobKind = JobKind::Bucket;

    /// Costs one request for each 1,000 objects, or versions where those are wanted, under the target's prefix; one
    /// in all for storage that is no bucket.
    async fn measure(
        &self,
        target: &BucketTarget,
        progress: &Progress,
    ) -> Result<BucketSize, MeasureError> {
        match self.part(target, PartBounds::default(), progress).await? {
            Part::Whole(size) => Ok(size),
            Part::Paused(_) => Err(failure::unexpected("an end before its end")),
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
    ) -> Result<Part<BucketSize>, MeasureError> {
        let bounds = PartBounds {
            checkpoint: state,
            pause_at: Some(pause_at),
        };
        self.part(target, bounds, progress).await
    }

    fn merged(
        &self,
        target: &BucketTarget,
        order: (&Order, DateTime<Utc>),
        measured: &BucketSize,
        before: Option<&Good<BucketSize>>,
    ) -> Option<BucketSize> {
        Some(merge::measured(target, order, measured, before))
    }

    fn carried(
        &self,
        target: &BucketTarget,
        order: (&Order, DateTime<Utc>),
        before: &Good<BucketSize>,
    ) -> Option<BucketSize> {
        merge::carried(target, order, before)
    }
}

/// Measures one storage target for somebody who waits, CloudWatch's figure included; keeps nothing.
///
/// # Errors
///
/// See [`MeasureError`]; takes at most [`MEASURE_TIMEOUT`], and two minutes more for CloudWatch.
pub async fn measure_bucket(
    aws: Arc<Aws>,
    target: &BucketTarget,
    progress: &Progress,
) -> Result<BucketSize, MeasureError> {
    let source = BucketSource::new(Arc::clone(&aws), Arc::new(SystemClock));
    let size = measure_within(&source, target, progress, MEASURE_TIMEOUT).await?;
    if !merge::wants_figure(target) {
        return Ok(size);
    }
    let until = Instant::now() + BESIDE_TIMEOUT;
    let now = SystemClock.now();
    let mut answers = daily_metrics::read(&aws, &[target], now, until).await;
    let order = Order {
        cloudwatch: answers.pop().map(Asked::of),
        ..Order::default()
    };
    Ok(merge::measured(target, (&order, now), &size, None))
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
