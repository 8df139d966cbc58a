//! Whatever happens to runs and writers, the history says what the snapshots say.

use std::sync::Arc;

use shared::history::model::Random;
use shared::history::{History, Resolution};
use shared::snapshot::{DatabaseSize, Snapshot};
use shared::store::failing::FailingStore;
use shared::store::memory::MemoryStore;
use shared::store::{ItemStore, StoreError};
use tokio::sync::Mutex;

use super::world::{
    Interleaving, collect, history, keep, memory, newest_day, only_snapshots, random_runs, run,
    target, trend, writer,
};

/// A leap year's end of February.
const FROM: &str = "2028-02-22T00:00:00Z";
/// After the last run of the random ones, on a day without another.
const LAST: &str = "2028-03-04T12:00:00Z";
const CLOSED: (&str, &str) = (FROM, "2028-03-04T00:00:00Z");

fn last() -> Snapshot<DatabaseSize> {
    run(LAST, &[("a", Some(100), Some(5))])
}

/// Asserts that the history is that of a rebuild from the snapshots alone.
async fn assert_agrees(store: &Arc<MemoryStore>, case: &str) {
    let found: Arc<dyn ItemStore> = store.clone();
    let rebuilt = only_snapshots(store).await;
    let days = "2028-02-01".parse().unwrap()..="2028-03-31".parse().unwrap();
    let report = writer(&rebuilt)
        .rebuild::<DatabaseSize>(&target(), days, newest_day(&rebuilt).await)
        .await;
    assert_eq!(report.unwrap().left, [], "{case}");
    // One run takes in a week at most.
    for store in [&rebuilt, &found] {
        for _ in 0..3 {
            collect(store, &last()).await.unwrap();
        }
    }

    for resolution in [Resolution::Runs, Resolution::Days] {
        let found = history(&found, resolution, CLOSED).await;
        let expected = history(&rebuilt, resolution, CLOSED).await;
        assert!(expected.moments.len() > 2, "{case}");
        let times = |history: &History| -> Vec<_> {
            let times = history.moments.iter().map(|moment| moment.scheduled_at);
            times.map(|time| time.format("%dT%H").to_string()).collect()
        };
        assert_eq!(times(&found), times(&expected), "{case} {resolution:?}");
        assert_eq!(found.gaps, expected.gaps, "{case} {resolution:?}");
        assert_eq!(found.own, expected.own, "{case} {resolution:?}");
        for (found, expected) in found.tables.iter().zip(&expected.tables) {
            assert_eq!(found, expected, "{case} {resolution:?}");
        }
        assert_eq!(found, expected, "{case} {resolution:?}");
        assert_eq!(found.open_from, None, "{case}");
    }
    let (found, expected) = (trend(&found).await, trend(&rebuilt).await);
    assert_eq!(found.closings, expected.closings, "{case}");
    assert_eq!(found.folded_through, expected.folded_through, "{case}");
    assert!(found.refold.is_empty(), "{case}");
}

/// A failed run closes the days before it. A run of such a day that still comes is the newest good one, and late.
#[tokio::test]
async fn a_run_whose_day_was_closed_by_a_failure_is_taken_in() {
    let store = memory();
    let items: Arc<dyn ItemStore> = store.clone();
    let at = |time, bytes| run(time, &[("a", Some(1), Some(bytes))]);
    collect(&items, &at("2028-02-26T06:00:00Z", 5))
        .await
        .unwrap();
    collect(&items, &at("2028-02-27T06:00:00Z", 5))
        .await
        .unwrap();
    collect(&items, &at("2028-02-28T06:00:00Z", 6))
        .await
        .unwrap();
    let failed_at = "2028-02-29T06:00:00Z".parse().unwrap();
    let writer = writer(&items);
    let target = target();
    let failed = writer.record_failure::<DatabaseSize>(&target, failed_at);
    failed.await.unwrap();
    collect(&items, &at("2028-02-28T18:00:00Z", 7))
        .await
        .unwrap();

    assert_agrees(&store, "after a failure").await;
}

#[tokio::test]
async fn any_order_duplication_and_loss_of_runs_gives_the_history_of_a_rebuild() {
    for seed in 0..15 {
        let mut random = Random::new(seed);
        let mut runs = random_runs(&mut random, FROM, 40);
        runs.retain(|_| random.happens(85));
        // Late by up to a dozen runs, which is about three days.
        let mut keyed: Vec<_> = runs.into_iter().enumerate().collect();
        keyed.sort_by_cached_key(|(number, _)| *number as u64 + random.below(12));
        let store = memory();
        let items: Arc<dyn ItemStore> = store.clone();
        for (_, snapshot) in &keyed {
            collect(&items, snapshot).await.unwrap();
            if random.happens(20) {
                collect(&items, snapshot).await.unwrap();
            }
        }

        assert_agrees(&store, &format!("seed {seed}")).await;
    }
}

#[tokio::test]
async fn what_a_killed_writer_leaves_undone_the_next_run_does() {
    let runs = random_runs(&mut Random::new(7), FROM, 30);
    for killed_at in 1..40 {
        let store = memory();
        let items: Arc<dyn ItemStore> = store.clone();
        // Four runs of the first days, a late one of a closed day, then the run whose writer is killed.
        for snapshot in runs[..20].iter().filter(|snapshot| **snapshot != runs[4]) {
            collect(&items, snapshot).await.unwrap();
        }
        for snapshot in [&runs[4], &runs[20], &runs[24]] {
            let killed: Arc<dyn ItemStore> =
                Arc::new(FailingStore::new(items.clone(), killed_at..10_000));
            if collect(&killed, snapshot).await.is_err() {
                // Its message is delivered again where not even the snapshot was kept.
                keep(&items, snapshot).await.unwrap();
            }
        }
        for snapshot in &runs[25..] {
            collect(&items, snapshot).await.unwrap();
        }

        assert_agrees(&store, &format!("killed at call {killed_at}")).await;
    }
}

#[tokio::test]
async fn calls_that_fail_now_and_then_leave_nothing_behind() {
    for seed in 0..10 {
        let mut random = Random::new(seed);
        let runs = random_runs(&mut random, FROM, 40);
        let store = memory();
        let items: Arc<dyn ItemStore> = store.clone();
        let failing: Vec<usize> = (0..2000).filter(|_| random.happens(10)).collect();
        let throttled: Arc<dyn ItemStore> = Arc::new(FailingStore::new(items.clone(), failing));
        for snapshot in &runs {
            while keep(&throttled, snapshot).await.is_err() {}
            let recorded = writer(&throttled).record(snapshot).await;
            if let Err(error) = recorded {
                assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
            }
        }

        assert_agrees(&store, &format!("seed {seed}")).await;
    }
}

#[tokio::test]
async fn writers_at_the_same_time_lose_nothing() {
    for seed in 0..10 {
        let mut random = Random::new(seed);
        let runs = random_runs(&mut random, FROM, 40);
        let store = memory();
        let interleaving: Arc<dyn ItemStore> = Arc::new(Interleaving {
            inner: store.clone(),
            random: Mutex::new(Random::new(seed)),
        });
        for together in runs.chunks(4) {
            let tasks: Vec<_> = together
                .iter()
                .cloned()
                .map(|snapshot| {
                    let store = Arc::clone(&interleaving);
                    tokio::spawn(async move { collect(&store, &snapshot).await })
                })
                .collect();
            for task in tasks {
                task.await.unwrap().unwrap();
            }
        }

        assert_agrees(&store, &format!("seed {seed}")).await;
    }
}

/// Two writers, where the late run's snapshot is kept while the other closes the late run's day.
#[tokio::test]
async fn a_run_that_ends_while_its_day_is_closed_is_in_the_day() {
    for seed in 0..20 {
        let store = memory();
        let items: Arc<dyn ItemStore> = store.clone();
        let runs = random_runs(&mut Random::new(seed), FROM, 20);
        for snapshot in runs.iter().filter(|snapshot| **snapshot != runs[17]) {
            keep(&items, snapshot).await.unwrap();
        }
        let interleaving: Arc<dyn ItemStore> = Arc::new(Interleaving {
            inner: store.clone(),
            random: Mutex::new(Random::new(seed)),
        });
        let (one, other) = (Arc::clone(&interleaving), Arc::clone(&interleaving));
        let (newest, late) = (runs[19].clone(), runs[17].clone());
        let closing = tokio::spawn(async move { writer(&one).record(&newest).await });
        let late = tokio::spawn(async move { collect(&other, &late).await });
        closing.await.unwrap().unwrap();
        late.await.unwrap().unwrap();

        assert_agrees(&store, &format!("seed {seed}")).await;
    }
}
