//! The part of the exam about snapshots that take their numbers over from an earlier run.

#![expect(
    clippy::unwrap_used,
    reason = "test support: a case that cannot go on has failed"
)]

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::world::{EVERY, World, at};
use super::{Candidate, Case};
use crate::fleet::TargetId;
use crate::snapshot::bucket_size::ListingRun;
use crate::snapshot::{BucketSize, Good, Run, Snapshot};
use crate::store::{Expect, Kept, Put, StoreError, Value};

pub(super) const CASES: [(&str, Case); 5] = [
    (
        "what is added to a snapshot is the latest, and its numbers keep their age",
        |c| Box::pin(added(c)),
    ),
    (
        "numbers that were taken over never replace newer ones",
        |c| Box::pin(newer_numbers(c)),
    ),
    ("what is added settles no failure and hides none", |c| {
        Box::pin(failures(c))
    }),
    ("a run that ends while something is added keeps both", |c| {
        Box::pin(concurrent(c))
    }),
    ("every latest is shown, a damaged one as what it is", |c| {
        Box::pin(every_latest(c))
    }),
];

const TEN: &str = "2026-01-12T10:00:00Z";
const ELEVEN: &str = "2026-01-12T11:00:00Z";
const NOON: &str = "2026-01-12T12:00:00Z";

fn listed(world: &World, time: &str, bytes: u64) -> Snapshot<BucketSize> {
    let mut snapshot = world.bucket(time, bytes);
    snapshot.measurement.listing = Some(ListingRun {
        scheduled_at: at(time),
        taken_at: at(time),
        finished_at: at(time),
        request_count: 1,
    });
    snapshot
}

/// Adds `delete_markers` to the last good run, as a run of `time`.
async fn carry(world: &World, time: &str, delete_markers: u64) -> Option<Kept> {
    let carry = |good: &Good<BucketSize>| {
        let mut measurement = good.summary.clone();
        measurement.delete_markers = Some(delete_markers);
        let run = Run {
            scheduled_at: at(time),
            ..good.run
        };
        (measurement != good.summary).then_some((run, measurement))
    };
    loop {
        match world.writer.carry(&world.target, carry).await {
            Ok(kept) => return kept,
            Err(error) => assert!(matches!(error, StoreError::Contended { .. }), "{error}"),
        }
    }
}

async fn good(world: &World) -> Good<BucketSize> {
    let latest = world.reader.latest::<BucketSize>(&world.target);
    latest.await.unwrap().unwrap().good.unwrap()
}

fn listed_at(good: &Good<BucketSize>) -> DateTime<Utc> {
    good.summary.listing.unwrap().scheduled_at
}

async fn added(c: Candidate) {
    let world = World::new(c);
    assert_eq!(
        carry(&world, TEN, 1).await,
        None,
        "there is nothing to add to"
    );
    world.writer.keep(&listed(&world, TEN, 5)).await.unwrap();

    assert_eq!(carry(&world, NOON, 7).await, Some(Kept::AsLatest));
    assert_eq!(carry(&world, NOON, 7).await, None, "delivered twice");

    let good = good(&world).await;
    assert_eq!(
        (good.summary.total_bytes(), good.summary.delete_markers),
        (5, Some(7))
    );
    assert_eq!(
        (good.run.scheduled_at, good.run.taken_at),
        (at(NOON), at(TEN))
    );
    assert_eq!(world.history().await, [5, 5]);
}

async fn newer_numbers(c: Candidate) {
    let world = World::new(c);
    world.writer.keep(&listed(&world, TEN, 5)).await.unwrap();
    carry(&world, NOON, 7).await;

    // Scheduled before the addition, ended after it.
    let late = listed(&world, ELEVEN, 6);
    assert_eq!(world.writer.keep(&late).await.unwrap(), Kept::AsLatest);
    let older = listed(&world, "2026-01-12T10:30:00Z", 4);
    assert_eq!(world.writer.keep(&older).await.unwrap(), Kept::AsHistory);
    let mut taken_over = listed(&world, TEN, 5);
    taken_over.run = Run::at(at("2026-01-12T13:00:00Z"), EVERY);
    assert_eq!(
        world.writer.keep(&taken_over).await.unwrap(),
        Kept::AsHistory
    );

    let good = good(&world).await;
    assert_eq!(
        (good.summary.total_bytes(), listed_at(&good)),
        (6, at(ELEVEN))
    );
}

async fn failures(c: Candidate) {
    let world = World::new(c);
    world.writer.keep(&listed(&world, TEN, 5)).await.unwrap();
    world.fail(ELEVEN, "access_denied").await;
    carry(&world, NOON, 7).await;
    assert_eq!(world.last_failure().await, Some("access_denied".into()));

    // Of a run that was scheduled before the addition and failed after it.
    world.fail("2026-01-12T11:30:00Z", "timeout").await;
    assert_eq!(world.last_failure().await, Some("timeout".into()));

    let settling = listed(&world, "2026-01-12T11:45:00Z", 6);
    world.writer.keep(&settling).await.unwrap();
    assert_eq!(world.last_failure().await, None);
}

async fn concurrent(c: Candidate) {
    let world = Arc::new(World::new(c));
    world.writer.keep(&listed(&world, TEN, 1)).await.unwrap();
    let adding = tokio::spawn({
        let world = Arc::clone(&world);
        async move {
            for (minute, markers) in (10..40).zip(0..) {
                let time = format!("2026-01-12T12:{minute}:00Z");
                carry(&world, &time, markers).await;
            }
        }
    });
    for minute in 10..40 {
        let snapshot = listed(&world, &format!("2026-01-12T11:{minute}:00Z"), minute);
        let merge = |measured: &BucketSize, before: Option<&Good<BucketSize>>| {
            let mut merged = measured.clone();
            merged.delete_markers = before.and_then(|before| before.summary.delete_markers);
            Some(merged)
        };
        while let Err(error) = world.writer.keep_merged(&snapshot, merge).await {
            assert!(matches!(error, StoreError::Contended { .. }), "{error}");
        }
    }
    adding.await.unwrap();

    let good = good(&world).await;
    assert_eq!(
        (good.summary.total_bytes(), good.summary.delete_markers),
        (39, Some(29))
    );
}

async fn every_latest(c: Candidate) {
    let world = World::new(c);
    let other = TargetId::from_text(&format!("{}/s3/other//", world.c.name));
    for target in [&world.target, &other] {
        let snapshot = Snapshot {
            target: target.clone(),
            ..listed(&world, TEN, 5)
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

    let key = super::super::Key {
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
