//! What each target adds to an answer.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveTime, Utc};
use shared::fleet::{BucketTarget, DatabaseTarget, TargetId};
use shared::history::growth::{Full, Growth, Trend};
use shared::snapshot::bucket_size::Refresh;
use shared::snapshot::{
    BucketSize, Completeness, DatabaseSummary, Latest, Objects, Run, StorageMetrics,
};
use shared::store::StoreError;
use shared::telemetry::error_chain;

use super::catalogue::{
    BUCKET_CLOUDWATCH_SIZE, BUCKET_CLOUDWATCH_TIMESTAMP, BUCKET_LISTING_REQUESTS, BUCKET_OBJECTS,
    BUCKET_PART_SIZE, BUCKET_SIZE, COLLECTION_FAILED_TIMESTAMP, DATABASE_FULL_TIMESTAMP,
    DATABASE_SIZE, DATABASE_STORAGE_ALLOCATED, DATABASE_STORAGE_FREE, DATABASE_STORAGE_USED,
    DATABASE_TABLES, DATABASE_UNSIZED_TABLES, GROWTH, GROWTH_CHANGED, GROWTH_HIGH, GROWTH_LOW,
    MODULE_SIZE, SNAPSHOT_AVAILABLE, SNAPSHOT_COMPLETE, SNAPSHOT_INTERVAL, SNAPSHOT_STALE,
    SNAPSHOT_TIMESTAMP,
};
use super::exposition::{Exposition, Labels};
use crate::history::trended;

/// Joins a bucket's size with CloudWatch's metrics, as `/bucket_size` does.
pub(super) fn join(
    latest: &mut Latest<BucketSize>,
    metrics: &Result<Latest<StorageMetrics>, StoreError>,
) {
    let Some(good) = &mut latest.good else { return };
    match metrics {
        Ok(metrics) => good.summary.join(metrics),
        Err(error) => {
            log_unreadable(&latest.target, error);
            good.summary.join_unreadable();
        }
    }
}

/// The answer as a whole succeeds, so the cause is logged here.
fn log_unreadable(id: &TargetId, error: &StoreError) {
    tracing::error!(
        target.id = id.as_str(),
        error = error_chain(error),
        "the metrics of a bucket are unreadable"
    );
}

/// Adds the metrics of a storage target; returns its run.
pub(super) fn add_storage(
    exposition: &mut Exposition,
    target: &BucketTarget,
    latest: Option<&Latest<BucketSize>>,
    now: DateTime<Utc>,
) -> Option<Run> {
    let labels = Labels::of_target([
        ("environment", target.environment.clone()),
        ("kind", target.kind.as_str().to_owned()),
        ("bucket", target.bucket.clone()),
        ("prefix", target.prefix.clone()),
        ("suffix", target.suffix.clone()),
    ]);
    let good = latest.and_then(|latest| latest.good.as_ref());
    let refresh = good.and_then(|good| good.summary.refresh);
    let (run, _) = add_snapshot(exposition, &labels, latest, refresh, now)?;
    let size = &good?.summary;
    exposition.add(&BUCKET_SIZE, &labels, Some(size.total_bytes()));
    exposition.add(&BUCKET_OBJECTS, &labels, size.object_count());
    let bytes_of = |objects: &Objects| {
        let classes = objects.by_storage_class.iter();
        classes
            .map(|(class, size)| (class.clone(), size.total_bytes))
            .collect()
    };
    let multipart = size.multipart.as_ref();
    for (part, classes) in [
        ("current", size.current.as_ref().map(bytes_of)),
        ("noncurrent", size.noncurrent.as_ref().map(bytes_of)),
        (
            "multipart",
            multipart.map(|uploads| uploads.by_storage_class.clone()),
        ),
    ] {
        let classes: BTreeMap<String, u64> = classes.unwrap_or_default();
        for (class, bytes) in classes {
            let labels = labels.with([("part", part.to_owned()), ("storage_class", class)]);
            exposition.add(&BUCKET_PART_SIZE, &labels, Some(bytes));
        }
    }
    if let Some(metrics) = &size.cloudwatch {
        for (storage_type, bytes) in &metrics.by_storage_type {
            let labels = labels.with([("storage_type", storage_type.clone())]);
            exposition.add(&BUCKET_CLOUDWATCH_SIZE, &labels, Some(*bytes));
        }
        let day = metrics.as_of.timestamp();
        exposition.add(&BUCKET_CLOUDWATCH_TIMESTAMP, &labels, Some(day));
    }
    let requests = size.listing.map(|listing| listing.request_count);
    exposition.add(&BUCKET_LISTING_REQUESTS, &labels, requests);
    Some(run)
}

/// Returns the labels of a database.
pub(super) fn database_labels(target: &DatabaseTarget) -> Labels {
    Labels::of_target([
        ("environment", target.environment.clone()),
        ("database", target.name.clone()),
        ("engine", target.engine.as_str().to_owned()),
    ])
}

/// Adds the metrics of a database; returns its run.
pub(super) fn add_database(
    exposition: &mut Exposition,
    target: &DatabaseTarget,
    latest: Option<&Latest<DatabaseSummary>>,
    now: DateTime<Utc>,
) -> Option<Run> {
    let labels = database_labels(target);
    let (run, growth) = add_snapshot(exposition, &labels, latest, None, now)?;
    let database = &latest?.good.as_ref()?.summary;
    exposition.add(&DATABASE_SIZE, &labels, Some(database.total_bytes));
    exposition.add(&DATABASE_TABLES, &labels, Some(database.table_count));
    let unsized_tables = Some(database.unsized_table_count);
    exposition.add(&DATABASE_UNSIZED_TABLES, &labels, unsized_tables);
    let modules = database.modules.iter().flatten();
    let modules = modules.map(|(module, bytes)| (module.as_str(), *bytes));
    let rest = database.bytes_without_module().map(|bytes| ("", bytes));
    for (module, bytes) in modules.chain(rest) {
        let labels = labels.with([("module", module.to_owned())]);
        exposition.add(&MODULE_SIZE, &labels, Some(bytes));
    }
    let storage = &database.storage;
    for (metric, bytes) in [
        (&DATABASE_STORAGE_ALLOCATED, storage.allocated_bytes),
        (&DATABASE_STORAGE_FREE, storage.free_bytes),
        (&DATABASE_STORAGE_USED, storage.used_bytes),
    ] {
        exposition.add(metric, &labels, bytes);
    }
    let full_at = Full::of(&growth, storage).at;
    let full_at = full_at.map(|day| day.and_time(NaiveTime::MIN).and_utc().timestamp());
    exposition.add(&DATABASE_FULL_TIMESTAMP, &labels, full_at);
    Some(run)
}

/// Adds what targets of all kinds have: when they were measured, what failed, how they grow.
///
/// `refresh` is that of a target that is not measured on each tick. Returns the run of the latest numbers and their
/// growth; `None` without any.
fn add_snapshot<S>(
    exposition: &mut Exposition,
    labels: &Labels,
    latest: Option<&Latest<S>>,
    refresh: Option<Refresh>,
    now: DateTime<Utc>,
) -> Option<(Run, Growth)> {
    let good = latest.and_then(|latest| latest.good.as_ref());
    exposition.add(&SNAPSHOT_AVAILABLE, labels, Some(i64::from(good.is_some())));
    if let Some(failure) = latest.and_then(|latest| latest.last_failure.as_ref()) {
        let labels = labels.with([("code", failure.code.clone())]);
        let failed_at = failure.failed_at.timestamp();
        exposition.add(&COLLECTION_FAILED_TIMESTAMP, &labels, Some(failed_at));
    }
    let good = good?;
    let run = good.run;
    exposition.add(&SNAPSHOT_TIMESTAMP, labels, Some(run.taken_at.timestamp()));
    let ticks = run.next_due_at - run.scheduled_at;
    let ticks = u64::try_from(ticks.num_seconds()).unwrap_or(0);
    let interval = refresh.map_or(ticks, |refresh| refresh.interval_seconds);
    exposition.add(&SNAPSHOT_INTERVAL, labels, Some(interval));
    let is_complete = good.completeness == Completeness::Complete;
    exposition.add(&SNAPSHOT_COMPLETE, labels, Some(i64::from(is_complete)));
    let is_stale = refresh.map_or_else(
        || run.is_stale(now),
        |refresh| refresh.is_missed(now) || run.is_ahead_of(now),
    );
    exposition.add(&SNAPSHOT_STALE, labels, Some(i64::from(is_stale)));

    let (_, growth) = trended(latest?.trend.as_ref(), now);
    exposition.add(&GROWTH, labels, growth.bytes_per_day);
    exposition.add(&GROWTH_LOW, labels, growth.low);
    exposition.add(&GROWTH_HIGH, labels, growth.high);
    let is_changed = growth.trend.map(|trend| i64::from(trend == Trend::Changed));
    exposition.add(&GROWTH_CHANGED, labels, is_changed);
    Some((run, growth))
}
