//! Collectors write history in the run that measures: what is read back is what the snapshots say.

mod rebuilding;
mod world;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use collector::Outcome;
use collector::run::HISTORY_TIMEOUT;
use shared::clock::{Clock, FixedClock};
use shared::history::Resolution;
use shared::history::model::Random;
use shared::snapshot::DatabaseSize;
use shared::store::failing::FailingStore;
use shared::store::memory::MemoryStore;
use shared::store::{
    DynamoDbStore, Item, ItemStore, Key, Page, Put, Query, SnapshotReader, StoreError, Written,
};
use shared::testing;
use shared::testing::dynamodb::{client_with_table, delete_table};
use tokio::time::Instant;

use world::{
    Changing, START, assert_history_is_that_of_the_snapshots, collect, history, snapshots, target,
    ticks,
};

fn memory() -> Arc<dyn ItemStore> {
    Arc::new(MemoryStore::new(Arc::new(FixedClock::at(START))))
}

/// Collects for a week, with two days of failures in it.
async fn a_week_is_in_the_history(store: Arc<dyn ItemStore>) {
    let source = Changing::new(1);
    for (number, tick) in ticks(36).into_iter().enumerate() {
        let failing = Changing::failing();
        let is_failing = (12..20).contains(&number);
        let report = collect(&store, if is_failing { &failing } else { &source }, tick).await;

        assert!(report.history_error.is_none(), "{report:?}");
        assert_eq!(matches!(report.outcome, Outcome::Failed(_)), is_failing);
    }

    let found = history(&store, Resolution::Runs).await;
    assert_eq!(found.moments.len(), 28);
    let gaps = found.gaps.iter().map(|gap| [gap.from, gap.to]);
    let gaps: Vec<_> = gaps
        .map(|gap| gap.map(|time| time.date_naive().to_string()))
        .collect();
    assert_eq!(gaps, [["2028-03-01", "2028-03-02"]]);
}

#[tokio::test]
async fn every_run_is_in_the_history_and_a_day_of_failures_is_a_gap() {
    a_week_is_in_the_history(memory()).await;
}

async fn with_emulator(variable: &str) {
    let Some(endpoint) = testing::service(variable) else {
        return;
    };
    let table = format!("mrt-history-{}", std::process::id());
    let client = client_with_table(&endpoint, &table).await;
    let clock: Arc<dyn Clock> = Arc::new(FixedClock::at(START));
    let store = DynamoDbStore::new(client.clone(), &table, clock);
    a_week_is_in_the_history(Arc::new(store)).await;
    delete_table(&client, &table).await;
}

#[tokio::test]
async fn every_run_is_in_the_history_in_ministack() {
    with_emulator(testing::MINISTACK).await;
}

#[tokio::test]
async fn every_run_is_in_the_history_in_moto() {
    with_emulator(testing::MOTO).await;
}

#[tokio::test]
async fn a_run_whose_history_fails_is_stored_and_the_next_one_heals_it() {
    // The snapshot takes three calls; everything after them is history's.
    for failing_from in 4..24 {
        let (store, source) = (memory(), Changing::new(2));
        let ticks = ticks(18);
        for tick in &ticks[..10] {
            collect(&store, &source, *tick).await;
        }
        let calls = failing_from..10_000;
        let killed: Arc<dyn ItemStore> = Arc::new(FailingStore::new(Arc::clone(&store), calls));

        let report = collect(&killed, &source, ticks[10]).await;
        let kept = snapshots(&store).await;
        for tick in &ticks[11..] {
            collect(&store, &source, *tick).await;
        }

        let case = format!("failing from call {failing_from}");
        assert!(matches!(report.outcome, Outcome::Stored { .. }), "{case}");
        assert!(!report.outcome.is_redelivered(), "{case}");
        assert_eq!(kept.len(), 11, "{case}");
        // Without a rebuild: a run of the next day has closed the day.
        assert_history_is_that_of_the_snapshots(&store, &case).await;
    }
}

/// Returns a tick of the day after the last of forty.
fn next_day() -> DateTime<Utc> {
    ticks(48)[47]
}

#[tokio::test]
async fn throttled_duplicate_and_late_runs_are_in_the_history_once() {
    for seed in 0..8 {
        let mut random = Random::new(seed);
        let (store, source) = (memory(), Changing::new(seed));
        let failing: Vec<usize> = (0..3_000).filter(|_| random.happens(8)).collect();
        let throttled: Arc<dyn ItemStore> =
            Arc::new(FailingStore::new(Arc::clone(&store), failing));
        let mut runs: Vec<_> = ticks(40).into_iter().enumerate().collect();
        // Late by up to a dozen runs.
        runs.sort_by_cached_key(|(number, _)| *number as u64 + random.below(12));
        for (_, tick) in &runs {
            while collect(&throttled, &source, *tick)
                .await
                .outcome
                .is_redelivered()
            {}
            if random.happens(20) {
                collect(&throttled, &source, *tick).await;
            }
        }
        let last = next_day();

        // One run takes in a week at most.
        for _ in 0..3 {
            let report = collect(&store, &source, last).await;
            assert!(report.history_error.is_none(), "{report:?}");
        }

        assert_history_is_that_of_the_snapshots(&store, &format!("seed {seed}")).await;
    }
}

#[tokio::test]
async fn two_collectors_at_the_same_time_lose_nothing() {
    let (store, source) = (memory(), Changing::new(5));
    for together in ticks(40).chunks(4) {
        let runs = together.iter().map(|tick| {
            let store = Arc::new(Yielding(Arc::clone(&store)));
            let source = &source;
            async move { collect(&(store as Arc<dyn ItemStore>), source, *tick).await }
        });
        for report in futures::future::join_all(runs).await {
            assert!(report.history_error.is_none(), "{report:?}");
        }
    }

    collect(&store, &source, next_day()).await;

    assert_history_is_that_of_the_snapshots(&store, "two collectors").await;
}

/// A failing run has no snapshot, but days go on: the one before is closed all the same.
#[tokio::test]
async fn a_failed_run_closes_the_day_before() {
    let (store, source) = (memory(), Changing::new(3));
    for tick in &ticks(4) {
        collect(&store, &source, *tick).await;
    }

    let report = collect(&store, &Changing::failing(), ticks(6)[5]).await;

    assert!(report.history_error.is_none(), "{report:?}");
    let reader = SnapshotReader::new(Arc::clone(&store));
    let latest = reader.latest::<DatabaseSize>(&target()).await.unwrap();
    let trend = latest.unwrap().trend.unwrap();
    assert_eq!(trend.folded_through.to_string(), "2028-02-27");
}

#[tokio::test(start_paused = true)]
async fn a_history_that_hangs_ends_in_time_and_the_snapshot_is_kept() {
    let (store, source) = (memory(), Changing::new(4));
    let hanging = Arc::new(HangingHistory(Arc::clone(&store)));
    let started = Instant::now();

    let report = collect(&(hanging as Arc<dyn ItemStore>), &source, ticks(1)[0]).await;

    assert!(matches!(report.outcome, Outcome::Stored { .. }));
    assert!(matches!(
        report.history_error,
        Some(StoreError::Unavailable(_))
    ));
    assert_eq!(snapshots(&store).await.len(), 1);
    assert!(started.elapsed() <= HISTORY_TIMEOUT + Duration::from_millis(10));
    assert!(report.duration < HISTORY_TIMEOUT);
}

/// Lets others run before each call.
struct Yielding(Arc<dyn ItemStore>);

#[async_trait]
impl ItemStore for Yielding {
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        tokio::task::yield_now().await;
        self.0.get(key).await
    }

    async fn put(&self, put: Put) -> Result<Written, StoreError> {
        tokio::task::yield_now().await;
        self.0.put(put).await
    }

    async fn put_all(&self, puts: Vec<Put>) -> Result<Written, StoreError> {
        tokio::task::yield_now().await;
        self.0.put_all(puts).await
    }

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        tokio::task::yield_now().await;
        self.0.query(query).await
    }
}

/// Never answers a write that is not of a snapshot or of a latest.
struct HangingHistory(Arc<dyn ItemStore>);

#[async_trait]
impl ItemStore for HangingHistory {
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        self.0.get(key).await
    }

    async fn put(&self, put: Put) -> Result<Written, StoreError> {
        let is_of = |kind: &str| put.item.key.partition.starts_with(kind);
        match is_of("SNAP#") || is_of("LATEST#") {
            true => self.0.put(put).await,
            false => std::future::pending().await,
        }
    }

    async fn put_all(&self, puts: Vec<Put>) -> Result<Written, StoreError> {
        self.0.put_all(puts).await
    }

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        self.0.query(query).await
    }
}
