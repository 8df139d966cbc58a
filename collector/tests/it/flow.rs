//! One run of one target, against a store in memory.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use collector::run::{MEASURE_TIMEOUT, Task, WRITE_RESERVE, run};
use collector::{Outcome, Report, Tick, Writers};
use shared::clock::{self, Clock};
use shared::snapshot::{BucketSize, Latest};
use shared::store::Written;
use shared::store::failing::FailingStore;
use shared::store::{Item, ItemStore, Kept, Key, Page, Put, Query, StoreError};
use shared::testing::time::at;
use tokio::time::Instant;

use crate::support::{HOUR, NamedFate, World, bucket, writers};

const EIGHT: &str = "2026-11-23T20:00:00Z";
const NINE: &str = "2026-11-23T21:00:00Z";

async fn run_within(
    world: &World,
    source: &NamedFate,
    writers: &Writers,
    (name, scheduled_at): (&str, &str),
    time_left: Duration,
) -> Report {
    let target = bucket(name);
    let task = Task {
        target: &target,
        id: &target.id(),
        tick: Tick {
            at: at(scheduled_at),
            every: HOUR,
        },
        refresh: None,
        deadline: Instant::now() + time_left,
        queue: None,
    };
    run(source, writers, &*world.clock, task).await
}

async fn run_at(world: &World, source: &NamedFate, name: &str, scheduled_at: &str) -> Report {
    run_within(world, source, &world.writers, (name, scheduled_at), HOUR).await
}

async fn latest(world: &World, name: &str) -> Option<Latest<BucketSize>> {
    let id = bucket(name).id();
    world.reader.latest::<BucketSize>(&id).await.unwrap()
}

#[tokio::test]
async fn a_measured_target_has_its_snapshot_with_all_its_times() {
    let world = World::at("2026-11-23T20:00:03Z");

    let report = run_at(&world, &NamedFate::default(), "files", EIGHT).await;

    let Outcome::Stored { kept, total_bytes } = report.outcome else {
        panic!("{report:?}");
    };
    assert_eq!(
        (kept, total_bytes, report.item_count),
        (Kept::AsLatest, 10, 1)
    );
    let good = latest(&world, "files").await.unwrap().good.unwrap();
    assert_eq!(good.summary.total_bytes(), 10);
    assert_eq!(good.run.scheduled_at, at(EIGHT));
    assert_eq!(good.run.taken_at, world.clock.now());
    assert_eq!(good.run.next_due_at, clock::after(at(EIGHT), HOUR));
}

#[tokio::test]
async fn a_target_that_was_never_measured_has_its_failure() {
    let world = World::at(EIGHT);
    let source = NamedFate::default();
    run_at(&world, &source, "slow-files", EIGHT).await;

    let failed = latest(&world, "slow-files").await.unwrap();

    assert!(failed.good.is_none());
    let failure = failed.last_failure.unwrap();
    assert_eq!(
        (failure.code.as_str(), failure.reason.as_str()),
        ("throttled", "fewer requests")
    );
    assert_eq!(failure.scheduled_at, at(EIGHT));
}

#[tokio::test]
async fn a_failure_is_recorded_with_the_last_good_snapshot() {
    let world = World::at(EIGHT);
    run_at(&world, &NamedFate::default(), "files", EIGHT).await;
    let broken = FailingStore::new(world.store.clone(), []);
    let target = bucket("files");
    let aws = Arc::new(shared::aws::Aws::for_tests(crate::support::NOWHERE));
    let failing = collector::BucketSource::new(aws, world.clock.clone());
    let task = Task {
        target: &target,
        id: &target.id(),
        tick: Tick {
            at: at(NINE),
            every: HOUR,
        },
        refresh: None,
        deadline: Instant::now() + HOUR,
        queue: None,
    };

    let report = run(&failing, &writers(Arc::new(broken)), &*world.clock, task).await;

    assert!(matches!(&report.outcome, Outcome::Failed(error) if error.code == "unreachable"));
    let latest = latest(&world, "files").await.unwrap();
    assert_eq!(latest.good.unwrap().run.scheduled_at, at(EIGHT));
    assert_eq!(latest.last_failure.unwrap().scheduled_at, at(NINE));
}

#[tokio::test]
async fn the_same_run_twice_is_one_snapshot() {
    let world = World::at(EIGHT);
    let source = NamedFate::default();

    run_at(&world, &source, "files", EIGHT).await;
    let items = world.store.dump().len();
    run_at(&world, &source, "files", EIGHT).await;

    assert_eq!(world.store.dump().len(), items);
    let good = latest(&world, "files").await.unwrap().good.unwrap();
    assert_eq!(
        good.summary.object_count(),
        Some(2),
        "the later measurement of the two"
    );
}

#[tokio::test]
async fn an_older_run_that_ends_later_is_history() {
    let world = World::at(NINE);
    let source = NamedFate::default();
    run_at(&world, &source, "files", NINE).await;

    let report = run_at(&world, &source, "files", EIGHT).await;

    assert!(matches!(
        report.outcome,
        Outcome::Stored {
            kept: Kept::AsHistory,
            ..
        }
    ));
    let good = latest(&world, "files").await.unwrap().good.unwrap();
    assert_eq!(good.run.scheduled_at, at(NINE));
}

#[tokio::test]
async fn a_failing_store_leaves_nothing_and_the_message_is_delivered_again() {
    for failing_call in [1, 2] {
        let world = World::at(EIGHT);
        let store = FailingStore::new(world.store.clone(), [failing_call]);
        let writers = writers(Arc::new(store));

        let report = run_within(
            &world,
            &NamedFate::default(),
            &writers,
            ("files", EIGHT),
            HOUR,
        )
        .await;

        assert!(
            matches!(report.outcome, Outcome::StoreFailed(_)),
            "{report:?}"
        );
        assert!(report.outcome.is_redelivered());
        assert!(latest(&world, "files").await.is_none());
    }
}

#[tokio::test]
async fn a_permanent_failure_that_could_not_be_recorded_is_delivered_again() {
    let world = World::at(EIGHT);
    let store = FailingStore::new(world.store.clone(), [1]);
    let writers = writers(Arc::new(store));

    let report = run_within(
        &world,
        &NamedFate::default(),
        &writers,
        ("gone-files", EIGHT),
        HOUR,
    )
    .await;

    assert!(matches!(report.outcome, Outcome::NotRecorded { .. }));
    assert!(report.outcome.is_redelivered());
}

#[tokio::test(start_paused = true)]
async fn endless_measuring_is_stopped_in_time_to_record_it() {
    for (time_left, measured_for) in [
        (HOUR, MEASURE_TIMEOUT),
        (
            Duration::from_secs(60),
            Duration::from_secs(60) - WRITE_RESERVE,
        ),
    ] {
        let world = World::at(EIGHT);
        let source = NamedFate::default();

        let report = run_within(
            &world,
            &source,
            &world.writers,
            ("endless-files", EIGHT),
            time_left,
        )
        .await;

        let lateness = report.duration.abs_diff(measured_for);
        assert!(lateness < Duration::from_millis(10), "{report:?}");
        assert!(report.outcome.is_redelivered());
        let failure = latest(&world, "endless-files").await.unwrap().last_failure;
        assert_eq!(failure.unwrap().code, "timeout");
    }
}

#[tokio::test]
async fn without_time_left_nothing_is_started_or_recorded() {
    let world = World::at(EIGHT);
    let source = NamedFate::default();

    let report = run_within(
        &world,
        &source,
        &world.writers,
        ("files", EIGHT),
        WRITE_RESERVE,
    )
    .await;

    assert!(matches!(report.outcome, Outcome::NotStarted));
    assert!(report.outcome.is_redelivered());
    assert_eq!(source.calls.load(Ordering::SeqCst), 0);
    assert!(latest(&world, "files").await.is_none());
}

/// Lambda would stop the whole invocation, and with it the response for all other messages of the batch.
#[tokio::test(start_paused = true)]
async fn a_hanging_store_does_not_outlast_the_deadline() {
    let world = World::at(EIGHT);
    let started = Instant::now();

    let report = run_within(
        &world,
        &NamedFate::default(),
        &writers(Arc::new(SilentStore)),
        ("files", EIGHT),
        Duration::from_secs(60),
    )
    .await;

    assert!(matches!(
        report.outcome,
        Outcome::StoreFailed(StoreError::Unavailable(_))
    ));
    assert!(started.elapsed() <= Duration::from_millis(60_010));
}

/// Accepts every call and never responds.
struct SilentStore;

#[async_trait]
impl ItemStore for SilentStore {
    async fn get(&self, _: &Key) -> Result<Option<Item>, StoreError> {
        std::future::pending().await
    }

    async fn put(&self, _: Put) -> Result<Written, StoreError> {
        std::future::pending().await
    }

    async fn put_all(&self, _: Vec<Put>) -> Result<Written, StoreError> {
        std::future::pending().await
    }

    async fn query(&self, _: &Query) -> Result<Page, StoreError> {
        std::future::pending().await
    }
}
