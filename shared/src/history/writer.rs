//! The writing half: the item of a run, and blocks of closed days, which are always made from snapshots.

mod fold;
mod lists;
mod rebuild;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::blocks::{Blocks, failed, pieces};
use super::frame::{Frame, Point};
use super::keys::{self, Content, Owner, Span};
use super::point::Historic;
use super::retention::HistoryRetention;
use super::series::TableMeasure;
use super::trend::Trend;
use crate::clock;
use crate::fleet::TargetId;
use crate::snapshot::{Latest, Snapshot};
use crate::store::{ItemStore, Key, SnapshotReader, StoreError};

use lists::Lists;
pub use rebuild::{LeftBlock, Rebuilt};

/// How much longer than until the next run the item of a run is kept. Its day is closed by the next run; after a
/// day without any, by the first that follows.
const POINT_SLACK: Duration = Duration::from_secs(3 * 86_400);
/// Most days that one run closes; the runs after it close the rest.
const MAX_DAYS_PER_RUN: usize = 7;
/// How far back days are closed that were not: as long as snapshots are kept by default.
const CATCH_UP_DAYS: u64 = 35;
/// Attempts to change blocks against other writers.
const ATTEMPTS: usize = 10;

/// Keeps the history of targets. Collectors hold one, API functions do not.
///
/// Every block can be made again from snapshots, and is: what a writer leaves undone, the next run does. Two writers
/// of one target never lose what the other wrote: blocks and the latest change under optimistic locking, and who
/// comes second reads the snapshots again.
#[derive(Clone)]
pub struct HistoryWriter {
    items: Arc<dyn ItemStore>,
    snapshots: SnapshotReader,
    retention: HistoryRetention,
}

const fn contents<M: Historic>() -> &'static [(Content, &'static [TableMeasure])] {
    const TOTALS: (Content, &[TableMeasure]) = (Content::Totals, TableMeasure::TOTALS);
    const PARTS: (Content, &[TableMeasure]) = (Content::Parts, TableMeasure::PARTS);
    if M::HAS_TABLES {
        &[TOTALS, PARTS]
    } else {
        &[TOTALS]
    }
}

fn owner<M: Historic>(target: &TargetId) -> Owner<'_> {
    Owner {
        kind: M::KIND,
        target,
    }
}

impl HistoryWriter {
    /// Returns a writer to the store that the snapshots are in.
    pub fn new(items: Arc<dyn ItemStore>, retention: HistoryRetention) -> Self {
        Self {
            snapshots: SnapshotReader::new(Arc::clone(&items)),
            items,
            retention,
        }
    }

    /// Takes in a snapshot that was kept: the run's own item, and blocks of days that are closed by now.
    ///
    /// Costs one write, and one read (two for a target with tables); once a day also about
    /// eight reads, the day's snapshots among them, and five writes. Doing it again changes nothing.
    ///
    /// # Errors
    ///
    /// See [`StoreError`]. What was not written the next run writes; the snapshot is not concerned.
    pub async fn record<M: Historic>(&self, snapshot: &Snapshot<M>) -> Result<(), StoreError> {
        if !M::IS_KEPT {
            return Ok(());
        }
        match self.snapshots.latest::<M>(&snapshot.target).await? {
            Some(latest) => self.record_after(snapshot, latest).await,
            None => Ok(()),
        }
    }

    /// Does what [`HistoryWriter::record`] does, without reading the target's latest: it is `latest` after the snapshot
    /// was kept.
    ///
    /// # Errors
    ///
    /// The same.
    pub async fn record_after<M: Historic>(
        &self,
        snapshot: &Snapshot<M>,
        latest: Latest<M::Summary>,
    ) -> Result<(), StoreError> {
        if !M::IS_KEPT {
            return Ok(());
        }
        let (target, run) = (&snapshot.target, &snapshot.run);
        let trend = latest.trend.as_ref();
        let day = keys::day_of(run.scheduled_at);
        let mut kept = Ok(());
        if trend.is_none_or(|trend| trend.folded_through < day) {
            let expires_at = clock::after(run.next_due_at, POINT_SLACK);
            let point = Point::of(snapshot);
            kept = self
                .keep_point::<M>(target, &point, trend, expires_at)
                .await;
        }
        // The one does not depend on the other.
        let folded = self.fold_closed_days::<M>(target, day, Some(latest)).await;
        folded.and(kept)
    }

    /// Closes the days of a target that ended before `day`: what a run that failed on that day still does.
    ///
    /// # Errors
    ///
    /// See [`StoreError`].
    pub async fn record_failure<M: Historic>(
        &self,
        target: &TargetId,
        scheduled_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        if !M::IS_KEPT {
            return Ok(());
        }
        self.fold_closed_days::<M>(target, keys::day_of(scheduled_at), None)
            .await
    }

    async fn keep_point<M: Historic>(
        &self,
        target: &TargetId,
        point: &Point,
        trend: Option<&Trend>,
        expires_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut blocks = Blocks::new(&*self.items, owner::<M>(target));
        let lists = Lists::load(&mut blocks, trend).await?;
        let measures = contents::<M>().iter().flat_map(|(_, measures)| *measures);
        let measures: Vec<_> = measures.copied().collect();
        let frame = Frame::of_point(point, &measures);
        let key = Key {
            partition: keys::partition(Span::Run, Content::Totals, owner::<M>(target)),
            sort: keys::sort(Span::Run, point.moment.scheduled_at),
        };
        let bodies = pieces(&frame, &lists.all).map_err(|error| failed(&key, &error))?;
        blocks.overwrite(&key, bodies, expires_at).await
    }
}

fn contended<M: Historic>(target: &TargetId) -> StoreError {
    StoreError::Contended {
        key: Key {
            partition: keys::partition(Span::Hours, Content::Totals, owner::<M>(target)),
            sort: "-".to_owned(),
        },
        attempts: ATTEMPTS,
    }
}
