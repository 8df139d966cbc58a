//! The part of the exam about a bucket's metrics, which are stored apart from its size, and about postponed measurements.

#![expect(
    clippy::unwrap_used,
    reason = "test support: a case that cannot go on has failed"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use super::world::{EVERY, World, failed};
use super::{Candidate, Case};
use crate::clock;
use crate::snapshot::bucket_size::{Refresh, RefreshReason};
use crate::snapshot::{BucketSize, Latest, Run, Snapshot, StorageMetrics};
use crate::store::{Kept, StoreError};
use crate::testing::time::at;

pub(super) const CASES: [(&str, Case); 4] = [
    (
        "a bucket's metrics and its size have items of their own",
        |c| Box::pin(apart(c)),
    ),
    (
        "an older read of the metrics replaces nothing, and a failed one keeps the last values",
        |c| Box::pin(older_metrics(c)),
    ),
    (
        "a measurement is postponed, never brought forward, and only the one that was meant",
        |c| Box::pin(postponed(c)),
    ),
    (
        "a measurement that ends while it is postponed is never hidden",
        |c| Box::pin(postponed_meanwhile(c)),
    ),
];

const TEN: &str = "2026-01-12T10:00:00Z";
const ELEVEN: &str = "2026-01-12T11:00:00Z";
const NOON: &str = "2026-01-12T12:00:00Z";

fn metrics(world: &World, time: &str, total_bytes: u64) -> Snapshot<StorageMetrics> {
    Snapshot {
        target: world.target.clone(),
        run: Run::at(at(time), EVERY),
        measurement: StorageMetrics {
            as_of: at("2026-01-11T00:00:00Z"),
            total_bytes,
            overhead_bytes: 0,
            by_storage_type: BTreeMap::new(),
            object_count: None,
            asked_at: at(time),
            metric_count: 27,
        },
    }
}

async fn latest_metrics(world: &World) -> Latest<StorageMetrics> {
    let latest = world.reader.latest::<StorageMetrics>(&world.target).await;
    latest.unwrap().unwrap()
}

async fn latest_size(world: &World) -> Latest<BucketSize> {
    let latest = world.reader.latest::<BucketSize>(&world.target).await;
    latest.unwrap().unwrap()
}

fn until(time: &str) -> Refresh {
    Refresh {
        interval_seconds: 36_000,
        reason: RefreshReason::Budget,
        next_full_at: at(time),
    }
}

async fn apart(c: Candidate) {
    let world = World::new(c);
    let size = world.bucket(TEN, 5);
    let metrics = metrics(&world, TEN, 70);

    world.writer.keep(&size).await.unwrap();
    world.writer.keep(&metrics).await.unwrap();

    let reader = &world.reader;
    assert_eq!(
        reader.snapshot(&world.target, at(TEN)).await.unwrap(),
        Some(size)
    );
    assert_eq!(
        reader.snapshot(&world.target, at(TEN)).await.unwrap(),
        Some(metrics)
    );
    let range = at(TEN)..=at(NOON);
    let history = reader.history::<StorageMetrics>(&world.target, range, 10);
    assert_eq!(history.await.unwrap().len(), 1);
    assert_eq!(world.history().await, [5]);

    // A run that was scheduled before the metrics were read and ends after it.
    world.writer.keep(&world.bucket(ELEVEN, 6)).await.unwrap();
    world.fail(NOON, "access_denied").await;

    assert_eq!(
        latest_metrics(&world)
            .await
            .good
            .unwrap()
            .summary
            .total_bytes,
        70
    );
    assert_eq!(latest_metrics(&world).await.last_failure, None);
    assert_eq!(world.latest_bytes().await, Some(6));
}

async fn older_metrics(c: Candidate) {
    let world = World::new(c);
    let keep = async |time: &str, bytes| {
        let kept = world.writer.keep(&metrics(&world, time, bytes)).await;
        kept.unwrap()
    };

    assert_eq!(keep(ELEVEN, 70).await, Kept::AsLatest);
    assert_eq!(keep(TEN, 60).await, Kept::AsHistory);
    let fail = async |time: &str, code: &str| {
        let recording = world
            .writer
            .record_failure::<StorageMetrics>(&world.target, failed(time, code));
        recording.await.unwrap();
    };
    fail(TEN, "timeout").await;
    assert_eq!(latest_metrics(&world).await.last_failure, None);
    fail(NOON, "throttled").await;

    let latest = latest_metrics(&world).await;
    assert_eq!(latest.good.unwrap().summary.total_bytes, 70);
    assert_eq!(latest.last_failure.unwrap().code, "throttled");
}

async fn postponed(c: Candidate) {
    let world = World::new(c);
    let postpone = async |measured: &str, next: &str| {
        let postponing = world
            .writer
            .postpone(&world.target, at(measured), until(next));
        postponing.await.unwrap()
    };
    assert!(!postpone(TEN, NOON).await, "nothing was measured");
    world.fail(TEN, "access_denied").await;
    assert!(!postpone(TEN, NOON).await, "nothing was measured");
    let measured = world.bucket(TEN, 5);
    world.writer.keep(&measured).await.unwrap();
    world.fail(ELEVEN, "access_denied").await;

    assert!(postpone(TEN, "2026-01-12T13:00:00Z").await);
    assert!(!postpone(TEN, "2026-01-12T13:00:00Z").await, "again");
    assert!(!postpone(TEN, NOON).await, "by an older tick");
    assert!(
        !postpone(ELEVEN, "2026-01-12T14:00:00Z").await,
        "another run"
    );

    let latest = latest_size(&world).await;
    let good = latest.good.unwrap();
    assert_eq!(good.summary.refresh, Some(until("2026-01-12T13:00:00Z")));
    assert_eq!(
        good.run,
        Run {
            next_due_at: at("2026-01-12T13:00:00Z"),
            ..measured.run
        }
    );
    assert_eq!(good.summary.current, measured.measurement.current);
    assert_eq!(latest.last_failure.unwrap().code, "access_denied");
    let stored = world.reader.snapshot(&world.target, at(TEN)).await.unwrap();
    assert_eq!(stored, Some(measured), "the snapshot itself never changes");
}

async fn postponed_meanwhile(c: Candidate) {
    let world = Arc::new(World::new(c));
    world.writer.keep(&world.bucket(TEN, 0)).await.unwrap();
    let postponing = tokio::spawn({
        let world = Arc::clone(&world);
        async move {
            for minute in 1..30 {
                let good = latest_size(&world).await.good.unwrap();
                let measured_at = good.run.scheduled_at;
                let refresh = Refresh {
                    next_full_at: clock::after(at(NOON), EVERY * minute),
                    ..until(NOON)
                };
                let postponing = world.writer.postpone(&world.target, measured_at, refresh);
                if let Err(error) = postponing.await {
                    assert!(matches!(error, StoreError::Contended { .. }), "{error}");
                }
            }
        }
    });
    for minute in 10..40 {
        let snapshot = world.bucket(&format!("2026-01-12T11:{minute}:00Z"), minute);
        while let Err(error) = world.writer.keep(&snapshot).await {
            assert!(matches!(error, StoreError::Contended { .. }), "{error}");
        }
    }
    postponing.await.unwrap();

    assert_eq!(world.latest_bytes().await, Some(39));
}
