//! Where results go: snapshots, and the history that is made from them.

use std::sync::Arc;
use std::time::Duration;

use shared::history::{HistoryRetention, HistoryWriter};
use shared::store::{ItemStore, SnapshotWriter};
use shared::user_months::UserMonthWriter;

/// Writers of everything that a measurement leaves behind.
#[derive(Clone)]
pub struct Writers {
    /// Keeps snapshots and failures.
    pub snapshots: SnapshotWriter,
    /// Keeps the history of sizes. Made from snapshots, so a failure to write it is never the run's.
    pub history: HistoryWriter,
    /// Keeps who was active in which month.
    pub user_months: UserMonthWriter,
}

impl Writers {
    /// Returns writers to one store. Snapshots are kept for `retention` after their scheduled time.
    pub fn new(
        items: Arc<dyn ItemStore>,
        retention: Duration,
        history_retention: HistoryRetention,
    ) -> Self {
        Self {
            snapshots: SnapshotWriter::new(Arc::clone(&items), retention),
            history: HistoryWriter::new(Arc::clone(&items), history_retention),
            user_months: UserMonthWriter::new(items, history_retention.days),
        }
    }
}
