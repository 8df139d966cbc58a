//! The history of CloudWatch's daily metrics. It is made from snapshots, so a failure here stops nothing.

use chrono::NaiveDate;
use futures::{StreamExt, stream};
use shared::fleet::{Kind, TargetId};
use shared::history::HistoryWriter;
use shared::snapshot::StorageMetrics;
use shared::store::StoreError;
use shared::telemetry::{Metric, error_chain};
use tokio::time::{Instant, timeout_at};

use super::News;
use crate::plan::limits::{CONCURRENT_HISTORIES, HISTORY_TIMEOUT};
use crate::plan::ports::PlanPorts;
use crate::run::HISTORY_FAILURES;

/// What was stored of a bucket.
pub(super) struct StoredNews<'a> {
    pub(super) id: &'a TargetId,
    pub(super) news: News,
    /// Last day of the bucket's history; `None` when it has none.
    pub(super) known_through: Option<NaiveDate>,
}

/// Takes what was stored into the history of its buckets.
///
/// Ends within [`HISTORY_TIMEOUT`], with those first whose history ends first: when there is no time for all, each has
/// its turn some day, and what was not written follows then.
pub(super) async fn write(ports: &PlanPorts<'_>, mut stored: Vec<StoredNews<'_>>) {
    stored.sort_by_key(|stored| stored.known_through);
    let until = Instant::now() + HISTORY_TIMEOUT;
    let history = &ports.writers.history;
    let count = stored.len();
    let writes = stored.into_iter().map(|stored| async move {
        let writing = timeout_at(until, record(history, stored.id, &stored.news));
        let written = writing.await;
        let written = written.unwrap_or_else(|late| Err(StoreError::Unavailable(late.into())));
        written.map_err(|error| (stored.id, error))
    });
    let writes: Vec<_> = writes.collect();
    let mut failed_count = 0;
    let mut first_failure = None;
    let mut written = stream::iter(writes).buffer_unordered(CONCURRENT_HISTORIES);
    while let Some(written) = written.next().await {
        if let Err(failure) = written {
            failed_count += 1;
            first_failure.get_or_insert(failure);
        }
    }
    let Some((id, error)) = first_failure else {
        return;
    };
    tracing::warn!(
        target.id = id.as_str(),
        failed_count,
        count,
        error = error_chain(&error),
        "history of metrics not written for {failed_count} of {count} buckets, their next metrics will bring it; this \
         is the first"
    );
    let failures = [Metric::count(HISTORY_FAILURES, failed_count)];
    let kind = Kind::StorageMetrics.as_str();
    ports.metrics.emit(ports.clock.now(), kind, &failures);
}

async fn record(history: &HistoryWriter, id: &TargetId, news: &News) -> Result<(), StoreError> {
    match news {
        News::Metrics(snapshot) => history.record(snapshot).await,
        News::Failure(failure) => {
            let scheduled_at = failure.scheduled_at;
            history
                .record_failure::<StorageMetrics>(id, scheduled_at)
                .await
        }
    }
}
