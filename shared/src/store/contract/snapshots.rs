//! The snapshot store's part of the exam: what collectors and API functions rely on.

#![expect(
    clippy::unwrap_used,
    reason = "test support: a case that cannot go on has failed"
)]

use std::sync::Arc;

use super::world::{RETENTION, World, database};
use super::{Candidate, Case};
use crate::fleet::TargetId;
use crate::snapshot::{BucketSize, DatabaseSize, Measurement, Snapshot};
use crate::store::failing::FailingStore;
use crate::store::{Expect, ItemStore, Kept, Key, Put, SnapshotWriter, StoreError, Value};
use crate::testing::time::at;

pub(super) const CASES: [(&str, Case); 10] = [
    ("a snapshot is the latest and in the history", |c| {
        Box::pin(kept(c))
    }),
    ("a duplicate rewrites the same snapshot", |c| {
        Box::pin(duplicate(c))
    }),
    ("an older run never replaces a newer latest", |c| {
        Box::pin(older(c))
    }),
    ("a failure keeps the last good snapshot", |c| {
        Box::pin(failure(c))
    }),
    ("concurrent writers lose nothing", |c| {
        Box::pin(concurrent(c))
    }),
    ("a body above the item limit comes back whole", |c| {
        Box::pin(large_body(c))
    }),
    ("any failing call leaves a readable store", |c| {
        Box::pin(failing_calls(c))
    }),
    ("a damaged item is an error, never none", |c| {
        Box::pin(damage(c))
    }),
    ("snapshots expire and the latest stays", |c| {
        Box::pin(expiry(c))
    }),
    ("every latest is shown, a damaged one as an error", |c| {
        Box::pin(every_latest(c))
    }),
];

async fn kept(c: Candidate) {
    let world = World::new(c);
    let snapshot = world.bucket("2026-01-12T10:00:00Z", 5);

    assert_eq!(
        world
            .reader
            .latest::<BucketSize>(&world.target)
            .await
            .unwrap(),
        None
    );
    assert_eq!(world.writer.keep(&snapshot).await.unwrap(), Kept::AsLatest);

    let latest = world
        .reader
        .latest::<BucketSize>(&world.target)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(latest.good.unwrap().summary, snapshot.measurement);
    let read = world
        .reader
        .snapshot::<BucketSize>(&world.target, snapshot.run.scheduled_at)
        .await
        .unwrap();
    assert_eq!(read, Some(snapshot));
    let mut all = Vec::new();
    let visit = |id, latest: Result<_, _>| all.push((id, latest.is_ok()));
    world
        .reader
        .each_latest_between::<BucketSize>(&world.target, &world.target, visit)
        .await
        .unwrap();
    assert_eq!(all, [(world.target.clone(), true)]);
}

async fn duplicate(c: Candidate) {
    let world = World::new(c);
    for _ in 0..3 {
        assert_eq!(
            world
                .writer
                .keep(&world.bucket("2026-01-12T10:00:00Z", 5))
                .await
                .unwrap(),
            Kept::AsLatest
        );
    }

    assert_eq!(
        (world.history().await, world.latest_bytes().await),
        (vec![5], Some(5))
    );
}

async fn older(c: Candidate) {
    let world = World::new(c);
    world
        .writer
        .keep(&world.bucket("2026-01-12T10:00:00Z", 2))
        .await
        .unwrap();

    assert_eq!(
        world
            .writer
            .keep(&world.bucket("2026-01-12T09:00:00Z", 1))
            .await
            .unwrap(),
        Kept::AsHistory
    );

    assert_eq!(
        (world.history().await, world.latest_bytes().await),
        (vec![1, 2], Some(2))
    );
}

async fn failure(c: Candidate) {
    let world = World::new(c);
    world.fail("2026-01-12T09:00:00Z", "access_denied").await;
    assert_eq!(
        (world.latest_bytes().await, world.last_failure().await),
        (None, Some("access_denied".into()))
    );
    world
        .writer
        .keep(&world.bucket("2026-01-12T10:00:00Z", 5))
        .await
        .unwrap();
    assert_eq!(
        world.last_failure().await,
        None,
        "settled by a later good run"
    );
    assert_eq!(world.failing_since().await, None);

    world.fail("2026-01-12T10:50:00Z", "timeout").await;
    world.fail("2026-01-12T11:00:00Z", "bucket_missing").await;
    world.fail("2026-01-12T10:30:00Z", "access_denied").await;
    assert_eq!(
        world.failing_since().await,
        Some(at("2026-01-12T10:50:00Z")),
        "the first failure after the good run"
    );
    assert_eq!(
        (world.latest_bytes().await, world.last_failure().await),
        (Some(5), Some("bucket_missing".into()))
    );
    world
        .writer
        .keep(&world.bucket("2026-01-12T10:45:00Z", 6))
        .await
        .unwrap();
    assert_eq!(
        world.last_failure().await,
        Some("bucket_missing".into()),
        "the failed run was scheduled later"
    );
    world
        .writer
        .keep(&world.bucket("2026-01-12T11:00:00Z", 7))
        .await
        .unwrap();
    assert_eq!(
        (world.latest_bytes().await, world.last_failure().await),
        (Some(7), None)
    );
    world.fail("2026-01-12T11:00:00Z", "timeout").await;
    assert_eq!(
        world.last_failure().await,
        None,
        "a late duplicate does not undo a good run"
    );
}

async fn concurrent(c: Candidate) {
    let world = World::new(c);
    let writers: Vec<_> = (0..4_u64)
        .map(|hour| {
            let (writer, snapshot) = (
                world.writer.clone(),
                world.bucket(&format!("2026-01-12T0{hour}:00:00Z"), hour),
            );
            // A writer that loses every race returns an error, and its message is delivered again.
            tokio::spawn(async move {
                while let Err(error) = writer.keep(&snapshot).await {
                    assert!(matches!(error, StoreError::Contended { .. }), "{error}");
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }

    assert_eq!(
        (world.history().await, world.latest_bytes().await),
        (vec![0, 1, 2, 3], Some(3))
    );
}

async fn large_body(c: Candidate) {
    let world = World::new(c);
    let large = world.database("2026-01-12T10:00:00Z", 30_000);
    let small = world.database("2026-01-12T11:00:00Z", 3);
    world.writer.keep(&large).await.unwrap();
    world.writer.keep(&small).await.unwrap();

    for expected in [large, small] {
        let read = world
            .reader
            .snapshot::<DatabaseSize>(&world.target, expected.run.scheduled_at)
            .await
            .unwrap();
        assert!(read.is_some_and(|read| read == expected));
    }
    let parts = format!("PART#{}#2026-01-12T10:00:00Z", world.target);
    assert!(
        count(&*world.c.store, &parts).await >= 2,
        "the body was meant to be split"
    );
    let latest = world
        .reader
        .latest::<DatabaseSize>(&world.target)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(latest.good.unwrap().summary, database(3).summary());
}

async fn count(store: &dyn ItemStore, partition: &str) -> usize {
    let (from, to) = ("!".to_owned(), "~".to_owned());
    let order = crate::store::Order::Ascending;
    let query = crate::store::Query {
        partition: partition.into(),
        from,
        to,
        order,
        after: None,
        limit: 100,
    };
    store.query(&query).await.unwrap().items.len()
}

async fn failing_calls(c: Candidate) {
    let world = World::new(c);
    world
        .writer
        .keep(&world.database("2026-01-12T09:00:00Z", 5))
        .await
        .unwrap();
    let next = world.database("2026-01-12T10:00:00Z", 30_000);
    let calls = {
        let counting = Arc::new(FailingStore::new(Arc::clone(&world.c.store), []));
        let elsewhere = Snapshot {
            target: TargetId::from_text(&format!("{}/other", world.c.name)),
            ..next.clone()
        };
        SnapshotWriter::new(Arc::clone(&counting) as Arc<dyn ItemStore>, RETENTION)
            .keep(&elsewhere)
            .await
            .unwrap();
        counting.calls()
    };
    assert!(calls >= 5, "parts, a read and two writes: {calls}");

    for failing in 1..=calls {
        let store = Arc::new(FailingStore::new(Arc::clone(&world.c.store), [failing]));
        let error = SnapshotWriter::new(store, RETENTION)
            .keep(&next)
            .await
            .unwrap_err();
        assert!(
            matches!(error, StoreError::Unavailable(_)),
            "call {failing}: {error}"
        );
        let latest = world
            .reader
            .latest::<DatabaseSize>(&world.target)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            latest.good.unwrap().summary.table_count,
            5,
            "call {failing}"
        );
        let kept = world
            .reader
            .snapshot::<DatabaseSize>(&world.target, next.run.scheduled_at)
            .await
            .unwrap();
        // The last call writes the latest; the snapshot is there by then, whole.
        let is_as_expected = match kept {
            None => failing < calls,
            Some(kept) => failing == calls && kept == next,
        };
        assert!(is_as_expected, "call {failing}");
    }
    world.writer.keep(&next).await.unwrap();
    let read = world
        .reader
        .snapshot::<DatabaseSize>(&world.target, next.run.scheduled_at)
        .await
        .unwrap();
    assert!(read.is_some_and(|read| read == next));
}

async fn damage(c: Candidate) {
    let world = World::new(c);
    let snapshot = world.database("2026-01-12T10:00:00Z", 5);
    world.writer.keep(&snapshot).await.unwrap();
    let key = Key {
        partition: format!("SNAP#{}", world.target),
        sort: "2026-01-12T10:00:00Z".into(),
    };
    let whole = world.c.store.get(&key).await.unwrap().unwrap();
    let read = async || {
        world
            .reader
            .snapshot::<DatabaseSize>(&world.target, snapshot.run.scheduled_at)
            .await
    };

    let mut cut = whole.clone();
    cut.body = cut.body.map(|body| body[..body.len() / 2].to_vec());
    let mut newer = whole.clone();
    newer
        .attributes
        .insert("stored_version".into(), Value::Integer(999));
    let mut bare = whole.clone();
    bare.attributes.clear();
    let mut without_body = whole.clone();
    without_body.body = None;
    for damaged in [cut, newer, bare, without_body] {
        world
            .c
            .store
            .put(Put {
                item: damaged,
                expect: Expect::Anything,
            })
            .await
            .unwrap();
        let found = read().await;
        assert!(
            matches!(found, Err(StoreError::Unreadable { .. })),
            "{found:?}"
        );
    }
    world
        .c
        .store
        .put(Put {
            item: whole,
            expect: Expect::Anything,
        })
        .await
        .unwrap();
    assert!(read().await.unwrap().is_some());
}

async fn expiry(c: Candidate) {
    let world = World::new(c);
    world
        .writer
        .keep(&world.bucket("2026-01-12T11:00:00Z", 5))
        .await
        .unwrap();

    world.c.clock.advance(RETENTION);

    assert_eq!(world.history().await, Vec::<u64>::new());
    assert_eq!(world.latest_bytes().await, Some(5));
}

async fn every_latest(c: Candidate) {
    let world = World::new(c);
    let other = TargetId::from_text(&format!("{}/s3/other//", world.c.name));
    for target in [&world.target, &other] {
        let snapshot = Snapshot {
            target: target.clone(),
            ..world.bucket("2026-01-12T10:00:00Z", 5)
        };
        world.writer.keep(&snapshot).await.unwrap();
    }
    let shown = async || {
        let mut shown = Vec::new();
        let visit = |id: TargetId, latest: Result<_, StoreError>| {
            if id.as_str().starts_with(&format!("{}/", world.c.name)) {
                shown.push((id, latest.is_ok()));
            }
        };
        world.reader.each_latest::<BucketSize>(visit).await.unwrap();
        shown
    };
    assert_eq!(
        shown().await,
        [(world.target.clone(), true), (other.clone(), true)]
    );

    let key = Key {
        partition: "LATEST#bucket".into(),
        sort: other.to_string(),
    };
    let mut damaged = world.c.store.get(&key).await.unwrap().unwrap();
    let newer = Value::Integer(999);
    damaged.attributes.insert("stored_version".into(), newer);
    let put = Put {
        item: damaged,
        expect: Expect::Anything,
    };
    world.c.store.put(put).await.unwrap();

    assert_eq!(
        shown().await,
        [(world.target.clone(), true), (other, false)]
    );
}
