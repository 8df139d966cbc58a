//! The port for measuring one target.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use shared::history::Historic;
use shared::snapshot::Snapshot;
use shared::store::StoreError;
use tokio::time::Instant;

use crate::error::MeasureError;
use crate::queue::JobKind;
use crate::tick::Tick;
use crate::writers::Writers;

/// Result of one part of a measurement.
#[derive(Debug)]
pub enum Part<M> {
    /// All of it was measured.
    Whole(M),
    /// There was no time for the rest, which continues from this state.
    Paused(Vec<u8>),
}

/// Measures targets of one kind.
#[async_trait]
pub trait Source: Send + Sync {
    /// What it measures.
    type Target: Clone + Send + Sync;
    /// What it finds.
    type Measurement: Historic;
    /// Jobs that it does.
    const JOBS: JobKind;

    /// Measures `target` and counts into `progress` on the way.
    ///
    /// A result is whole: it lists what could not be measured, and a total that would lack something is an error
    /// instead. Cancel-safe. Individual calls time out; the caller bounds the whole.
    ///
    /// # Errors
    ///
    /// See [`MeasureError`].
    async fn measure(
        &self,
        target: &Self::Target,
        progress: &Progress,
    ) -> Result<Self::Measurement, MeasureError>;

    /// Measures like [`Source::measure`]; secondary data that is not ready by `until` is omitted.
    ///
    /// # Errors
    ///
    /// See [`Source::measure`].
    async fn measure_by(
        &self,
        target: &Self::Target,
        _until: Instant,
        progress: &Progress,
    ) -> Result<Self::Measurement, MeasureError> {
        self.measure(target, progress).await
    }

    /// Keeps what a snapshot itself does not hold; called before the snapshot is kept, which fails with it.
    ///
    /// The same snapshot again changes nothing.
    ///
    /// # Errors
    ///
    /// See [`StoreError`].
    async fn keep_beside(
        &self,
        _snapshot: &Snapshot<Self::Measurement>,
        _writers: &Writers,
    ) -> Result<(), StoreError> {
        Ok(())
    }

    /// Returns when a target is due again that was measured at `tick`, unless its job says so.
    fn next_due_at(&self, tick: Tick) -> DateTime<Utc> {
        tick.next_at()
    }

    /// Returns whether [`Source::measure_part`] can pause.
    fn may_pause(&self) -> bool {
        false
    }

    /// Measures `target` from `state` on, or from the start, and pauses at `pause_at` if it can.
    ///
    /// The parts together count everything once, whatever was done after the state was taken.
    ///
    /// # Errors
    ///
    /// See [`MeasureError`]; a malformed state is `bad_checkpoint`.
    async fn measure_part(
        &self,
        target: &Self::Target,
        _state: Option<&[u8]>,
        _pause_at: Instant,
        progress: &Progress,
    ) -> Result<Part<Self::Measurement>, MeasureError> {
        self.measure(target, progress).await.map(Part::Whole)
    }
}

/// What a measurement has found so far. Clones share their counts.
///
/// For people who wait: the numbers only grow, and the result may differ from the last ones read.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    items: AtomicU64,
    bytes: AtomicU64,
    /// Estimated items left, plus one; 0 if unknown.
    left: AtomicU64,
}

impl Progress {
    /// Sets the estimated number of objects or tables that are left; `None` if unknown.
    pub fn expect(&self, left: Option<u64>) {
        let stored = left.map_or(0, |left| left.saturating_add(1));
        self.0.left.store(stored, Ordering::Relaxed);
    }

    /// Returns about how many objects or tables are left; `None` if unknown.
    pub fn left(&self) -> Option<u64> {
        self.0.left.load(Ordering::Relaxed).checked_sub(1)
    }

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
        assert_eq!(progress.left(), None);
        progress.clone().expect(Some(0));
        assert_eq!(progress.left(), Some(0));
    }
}
