//! Which number is the size of a bucket, and why. No I/O in this file.
//!
//! The size is what a complete listing adds up to: current objects only, whatever their key looks like. Keys
//! that end in `/` are objects, some of them with content, so they count like any other. Noncurrent versions,
//! delete markers and incomplete uploads are in no listing and not in this number.

mod failure;
mod listing;

use std::sync::Arc;

use async_trait::async_trait;
use shared::aws::Aws;
use shared::fleet::BucketTarget;
use shared::snapshot::{BucketSize, Method};
use tokio::time::Instant;

use self::listing::ListedPart;
use self::listing::scan::Listing;
use crate::error::MeasureError;
use crate::run::{MEASURE_TIMEOUT, measure_within};
use crate::source::{Part, Progress, Source};

/// Measures bucket targets.
#[derive(Debug, Clone)]
pub struct BucketSource {
    aws: Arc<Aws>,
}

impl BucketSource {
    /// Returns a source that reads with clients of `aws`.
    pub fn new(aws: Arc<Aws>) -> Self {
        Self { aws }
    }
}

#[async_trait]
impl Source for BucketSource {
    type Target = BucketTarget;
    type Measurement = BucketSize;

    /// Costs one request for each 1,000 objects under the target's prefix.
    async fn measure(
        &self,
        target: &BucketTarget,
        progress: &Progress,
    ) -> Result<BucketSize, MeasureError> {
        match self.part(target, (None, None), progress).await? {
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
        self.part(target, (state, Some(pause_at)), progress).await
    }
}

impl BucketSource {
    async fn part(
        &self,
        target: &BucketTarget,
        (state, pause_at): (Option<&[u8]>, Option<Instant>),
        progress: &Progress,
    ) -> Result<Part<BucketSize>, MeasureError> {
        let (from, kind) = ((state, pause_at), Listing::Objects);
        match listing::list(&self.aws, target, kind, from, progress).await? {
            ListedPart::Paused(state) => Ok(Part::Paused(state)),
            ListedPart::Whole(listed) => {
                let mut size = BucketSize::empty(Method::Listing);
                listed.sums.write_to(&mut size);
                Ok(Part::Whole(size))
            }
        }
    }
}

/// Measures one bucket target for somebody who waits; keeps nothing.
///
/// # Errors
///
/// See [`MeasureError`]; takes at most [`MEASURE_TIMEOUT`].
pub async fn measure_bucket(
    aws: Arc<Aws>,
    target: &BucketTarget,
    progress: &Progress,
) -> Result<BucketSize, MeasureError> {
    measure_within(&BucketSource::new(aws), target, progress, MEASURE_TIMEOUT).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::fleet::Measured;

    pub(super) fn target(prefix: &str, suffix: &str) -> BucketTarget {
        BucketTarget {
            environment: "acme-prod".into(),
            bucket: "files".into(),
            prefix: prefix.into(),
            suffix: suffix.into(),
            region: None,
            role_arn: None,
            requester_pays: false,
            measure: Measured::default(),
        }
    }
}
