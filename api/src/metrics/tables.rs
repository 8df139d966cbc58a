//! The tables of one database: those that are large, or were until lately, so that their series do not come and go.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use shared::fleet::{DatabaseTarget, Kind, TargetId};
use shared::history::{HistoryQuery, Resolution, TableKey};
use shared::snapshot::{DatabaseSize, DatabaseSummary, Latest, TableSize};
use shared::store::StoreError;

use super::catalogue::{TABLE_PART_SIZE, TABLE_SIZE};
use super::exposition::Exposition;
use super::targets::database_labels;
use crate::history::HistoryPorts;
use crate::http::problem::Problem;
use crate::targets::without_record;

/// How long a table that was large enough stays, as long as it has half of that size.
const STAY: TimeDelta = TimeDelta::days(7);
/// Most readings of the tables that may stay: 3,000 tables in a week of hourly runs.
const READINGS_LIMIT: usize = 500_000;

/// Adds the tables of the latest snapshot with at least `min_bytes`, and those that stay.
///
/// Without a snapshot it adds none. If the snapshot is unreadable, `latest` becomes one that says so.
pub(super) async fn add(
    exposition: &mut Exposition,
    ports: &HistoryPorts,
    (id, target): (&TargetId, &DatabaseTarget),
    latest: &mut Option<Latest<DatabaseSummary>>,
    (min_bytes, now): (u64, DateTime<Utc>),
) -> Result<(), Problem> {
    let good = latest.as_ref().and_then(|latest| latest.good.as_ref());
    let Some(scheduled_at) = good.map(|good| good.run.scheduled_at) else {
        return Ok(());
    };
    let read = ports
        .snapshots
        .snapshot::<DatabaseSize>(id, scheduled_at)
        .await;
    let size = match read {
        Ok(Some(snapshot)) => snapshot.measurement,
        Ok(None) => return Ok(()),
        Err(error @ StoreError::Unreadable { .. }) => {
            *latest = Some(without_record(id, &error, now));
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let smaller = |table: &&TableSize| {
        table.total_bytes < min_bytes && table.total_bytes >= min_bytes.div_ceil(2)
    };
    let smaller: BTreeSet<_> = size.counted_tables().filter(smaller).map(name).collect();
    let staying = staying(ports, id, &smaller, (min_bytes, scheduled_at)).await?;
    for table in size.counted_tables() {
        if table.total_bytes >= min_bytes || staying.contains(&name(table)) {
            add_table(exposition, target, table);
        }
    }
    Ok(())
}

fn name(table: &TableSize) -> (Arc<str>, Arc<str>) {
    (table.schema.as_str().into(), table.table.as_str().into())
}

/// Returns which of the tables in `smaller` had `min_bytes` at a run in the time until `scheduled_at`.
async fn staying(
    ports: &HistoryPorts,
    id: &TargetId,
    smaller: &BTreeSet<(Arc<str>, Arc<str>)>,
    (min_bytes, scheduled_at): (u64, DateTime<Utc>),
) -> Result<BTreeSet<(Arc<str>, Arc<str>)>, Problem> {
    if smaller.is_empty() {
        return Ok(BTreeSet::new());
    }
    let is_smaller = |key: &TableKey| smaller.contains(&(key.schema.clone(), key.table.clone()));
    let query = HistoryQuery {
        from: scheduled_at - STAY,
        to: scheduled_at,
        resolution: Resolution::Runs,
        tables: Some(&is_smaller),
        with_parts: false,
        limit: READINGS_LIMIT,
    };
    let history = ports.history.read(Kind::Database, id, &query).await;
    let history = history.map_err(|error| match error {
        shared::history::HistoryError::Store(error) => Problem::from(error),
        shared::history::HistoryError::TooMany { .. } => {
            Problem::too_large("choose a larger \"min_bytes\"")
        }
    })?;
    let tables = history.tables.into_iter().filter(|table| {
        let mut bytes = table
            .total_bytes
            .iter()
            .filter_map(|reading| reading.value());
        bytes.any(|bytes| bytes >= min_bytes)
    });
    Ok(tables.map(|table| (table.schema, table.table)).collect())
}

fn add_table(exposition: &mut Exposition, target: &DatabaseTarget, table: &TableSize) {
    let labels = database_labels(target).with([
        ("schema", table.schema.clone()),
        ("table", table.table.clone()),
    ]);
    exposition.add(&TABLE_SIZE, &labels, Some(table.total_bytes));
    for (part, bytes) in [
        ("heap", table.heap_bytes),
        ("toast", table.toast_bytes),
        ("indexes", table.index_bytes),
    ] {
        let labels = labels.with([("part", part.to_owned())]);
        exposition.add(&TABLE_PART_SIZE, &labels, bytes);
    }
}
