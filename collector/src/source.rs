//! The port under the flow: something that measures one target.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use shared::snapshot::Stored;

use crate::error::MeasureError;

/// Measures targets of one kind.
#[async_trait]
pub trait Source: Send + Sync {
    /// What it measures.
    type Target: Clone + Send + Sync;
    /// What it finds.
    type Measurement: Stored;

    /// Measures `target` and counts into `progress` on the way.
    ///
    /// A result is whole: what could not be measured is listed in it, and a total that would lack something
    /// is an error instead. It does not bound itself in time as a whole, only each of its calls; whoever
    /// calls it may drop it at any moment, and nothing stays behind.
    ///
    /// # Errors
    ///
    /// See [`MeasureError`].
    async fn measure(
        &self,
        target: &Self::Target,
        progress: &Progress,
    ) -> Result<Self::Measurement, MeasureError>;
}

/// What a measurement has found so far. Clones share their counts.
///
/// It is for people who wait: the numbers only grow, and the result may differ from the last ones read.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    items: AtomicU64,
    bytes: AtomicU64,
}

impl Progress {
    /// Counts `items` more objects or tables with `bytes` in total.
    pub fn add(&self, items: u64, bytes: u64) {
        self.0.items.fetch_add(items, Ordering::Relaxed);
        self.0.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Returns the objects or tables so far.
    pub fn items(&self) -> u64 {
        self.0.items.load(Ordering::Relaxed)
    }

    /// Returns the bytes so far.
    pub fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_their_counts() {
        let progress = Progress::default();

        progress.clone().add(2, 30);
        progress.add(1, 12);

        assert_eq!((progress.items(), progress.bytes()), (3, 42));
    }
}
