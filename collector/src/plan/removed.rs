//! Targets that the fleet no longer has: their last days are closed here, as no run of theirs will.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use futures::{StreamExt, stream};
use shared::fleet::{Fleet, TargetId};
use shared::history::Historic;
use shared::snapshot::{BucketSize, DatabaseSize, FileDocuments, StorageMetrics};
use shared::store::StoreError;
use shared::telemetry::error_chain;
use tokio::time::{Instant, timeout_at};

use super::known::records;
use super::limits::{CONCURRENT_HISTORIES, REMOVED_TIMEOUT};
use super::ports::PlanPorts;
use crate::tick::Tick;

/// Closes the last days of targets that were removed; returns the number of targets.
///
/// Done at the first tick of each UTC day, when the last runs of the day before are known: it costs a query of all
/// latest items. A failure is logged: the next day does what was left, as long as the snapshots exist.
pub(super) async fn close_days(fleet: &Fleet, ports: &PlanPorts<'_>, tick: Tick) -> usize {
    if tick.previous_at().date_naive() == tick.at.date_naive() {
        return 0;
    }
    let (buckets, databases) = (fleet.measured_buckets(), fleet.measured_databases());
    let sizes = buckets.iter().map(|target| target.id()).collect();
    let metered = buckets.iter();
    let metered = metered.filter(|target| target.wants_storage_metrics());
    let metered = metered.map(|target| target.id()).collect();
    let databases = databases.iter().map(|target| target.id()).collect();
    let until = Instant::now() + REMOVED_TIMEOUT;
    let counts = [
        close_kind::<BucketSize>(ports, tick, until, &sizes).await,
        close_kind::<StorageMetrics>(ports, tick, until, &metered).await,
        close_kind::<DatabaseSize>(ports, tick, until, &databases).await,
        close_kind::<FileDocuments>(ports, tick, until, &databases).await,
    ];
    counts.into_iter().sum()
}

/// Closes the last days of the targets of one kind that are not in `fleet`; returns their number.
async fn close_kind<M: Historic>(
    ports: &PlanPorts<'_>,
    tick: Tick,
    until: Instant,
    fleet: &BTreeSet<TargetId>,
) -> usize {
    let read = timeout_at(until, records::<M>(ports.snapshots)).await;
    let read = read.unwrap_or_else(|late| Err(StoreError::Unavailable(late.into())));
    let records = match read {
        Ok(records) => records,
        Err(error) => {
            tracing::warn!(
                kind = M::KIND.as_str(),
                error = error_chain(&error),
                "the last days of removed targets were not closed, the next day will close them"
            );
            return 0;
        }
    };
    let today = tick.at.date_naive();
    let removed = records.into_iter().filter(|(id, _)| !fleet.contains(id));
    let open = removed.filter_map(|(id, latest)| {
        let latest = latest.ok()?;
        let last = latest.good?.run.scheduled_at.date_naive();
        let is_closed = |day: NaiveDate| {
            let trend = latest.trend.as_ref();
            trend.is_some_and(|trend| trend.is_closed(day))
        };
        (last < today && !is_closed(last)).then_some(id)
    });
    let closing = open.map(|id| async move {
        let closing = ports.writers.history.record_failure::<M>(&id, tick.at);
        let closed = timeout_at(until, closing).await;
        let closed = closed.unwrap_or_else(|late| Err(StoreError::Unavailable(late.into())));
        closed.map_err(|error| (id, error))
    });
    let closing: Vec<_> = closing.collect();
    let mut count = 0;
    let mut closed = stream::iter(closing).buffer_unordered(CONCURRENT_HISTORIES);
    while let Some(closed) = closed.next().await {
        match closed {
            Ok(()) => count += 1,
            Err((id, error)) => tracing::warn!(
                target.id = id.as_str(),
                error = error_chain(&error),
                "the last day of a removed target was not closed, the next day will close it"
            ),
        }
    }
    count
}
