//! History that was lost or damaged is made anew on request, a step at a time.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use collector::plan;
use collector::rebuild::{RebuildPorts, RebuildReport, RebuildRequest, rebuild};
use shared::aws::Aws;
use shared::clock::FixedClock;
use shared::history::{HistoryRetention, HistoryWriter};
use shared::store::failing::FailingStore;
use shared::store::memory::MemoryStore;
use shared::store::{
    Expect, Item, ItemStore, Key, Page, Put, Query, SnapshotReader, StoreError, Written,
};
use shared::telemetry::Metrics;
use tokio::time::Instant;

use super::world::{
    Changing, START, assert_history_is_that_of_the_snapshots, collect, target, ticks,
};
use crate::support::{FleetFile, HOUR, MemoryQueue, NOWHERE, World, writers};

/// The day after the last of forty runs.
const TODAY: &str = "2028-03-07";

/// Returns a store with forty runs, after losing every item that history was made of.
async fn without_history() -> Arc<MemoryStore> {
    let memory = Arc::new(MemoryStore::new(Arc::new(FixedClock::at(START))));
    let store: Arc<dyn ItemStore> = memory.clone();
    let source = Changing::new(1);
    for tick in ticks(40) {
        collect(&store, &source, tick).await;
    }
    for item in memory.dump() {
        let is_kept = ["SNAP#", "LATEST#"].iter();
        if !is_kept
            .into_iter()
            .any(|name| item.key.partition.starts_with(name))
        {
            lose(&store, item).await;
        }
    }
    memory
}

/// Expires an item now, which is how a test loses one.
async fn lose(store: &Arc<dyn ItemStore>, item: Item) {
    let item = Item {
        expires_at: Some(DateTime::<Utc>::UNIX_EPOCH),
        ..item
    };
    let expect = Expect::Anything;
    store.put(Put { item, expect }).await.unwrap();
}

async fn rebuilt(
    store: &Arc<dyn ItemStore>,
    request: &str,
    until: Instant,
) -> Result<RebuildReport, String> {
    let request: RebuildRequest = serde_json::from_str(request).unwrap();
    let ports = RebuildPorts {
        snapshots: &SnapshotReader::new(Arc::clone(store)),
        history: &HistoryWriter::new(Arc::clone(store), HistoryRetention::default()),
        today: TODAY.parse().unwrap(),
    };
    let rebuilding = rebuild(ports, &request, until, |_, _| {});
    rebuilding.await.map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_lost_history_is_that_of_the_snapshots_after_a_rebuild_by_event() {
    let memory = without_history().await;
    let world = World {
        store: memory.clone(),
        writers: writers(memory.clone()),
        reader: SnapshotReader::new(memory.clone()),
        clock: Arc::new(FixedClock::at(&format!("{TODAY}T04:00:00Z"))),
    };
    let fleet = FleetFile::with_buckets(&[]);
    let ports = collector::PlanPorts {
        notifier: None,
        fleet: &fleet.source(&world.clock),
        snapshots: &world.reader,
        writers: &world.writers,
        aws: &Aws::for_tests(NOWHERE),
        clock: &*world.clock,
        every: HOUR,
        metrics: &Metrics::Off,
    };
    let event = serde_json::json!({"rebuild": {"environment": "acme-prod", "from": "2028-02-20"}});

    let report = plan::handle(event, ports, &MemoryQueue::default(), HOUR).await;

    let report = report.unwrap().unwrap();
    assert!(report.is_whole(), "{report:?}");
    let found = &report.targets[0];
    assert_eq!((found.kind, found.days, found.runs), ("database", 9, 40));
    let gaps: Vec<_> = found
        .gaps
        .iter()
        .map(|gap| gap.map(|day| day.to_string()))
        .collect();
    assert_eq!(gaps, [["2028-02-20", "2028-02-26"]]);
    assert_history_is_that_of_the_snapshots(&(memory as Arc<dyn ItemStore>), "rebuilt").await;
}

#[tokio::test(start_paused = true)]
async fn what_there_was_no_time_for_the_next_request_does() {
    let store: Arc<dyn ItemStore> = without_history().await;
    let slow: Arc<dyn ItemStore> = Arc::new(Slow(Arc::clone(&store)));
    let mut request = r#"{"from": "2028-02-20"}"#.to_owned();
    let mut steps = 0;

    loop {
        // Over after the first query: one step is always done.
        let until = Instant::now() + Duration::from_millis(1);
        let report = rebuilt(&slow, &request, until).await.unwrap();
        steps += 1;
        let Some(next) = report.next else { break };
        request = serde_json::to_string(&next).unwrap();
    }

    assert_eq!(steps, 3, "16 days are three steps of a week");
    assert_history_is_that_of_the_snapshots(&store, "in steps").await;
}

#[tokio::test]
async fn a_target_that_fails_is_in_the_report_and_a_request_for_nothing_is_an_error() {
    let store: Arc<dyn ItemStore> = without_history().await;
    // The reads of latest records succeed, one for each of the four kinds.
    let failing: Arc<dyn ItemStore> = Arc::new(FailingStore::new(Arc::clone(&store), 5..1_000));
    let until = Instant::now() + HOUR;

    let report = rebuilt(&failing, r#"{"from": "2028-03-01"}"#, until)
        .await
        .unwrap();
    let nothing = rebuilt(&store, r#"{"environment": "acme"}"#, until).await;

    assert!(!report.is_whole());
    let error = report.targets[0].error.clone().unwrap();
    assert!(
        error.contains("the snapshot store is unavailable"),
        "{error}"
    );
    assert_eq!(
        nothing.unwrap_err(),
        "there is nothing to rebuild: no snapshot was ever kept of the environment acme"
    );
}

/// Takes a millisecond for each query.
struct Slow(Arc<dyn ItemStore>);

#[async_trait]
impl ItemStore for Slow {
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        self.0.get(key).await
    }

    async fn put(&self, put: Put) -> Result<Written, StoreError> {
        self.0.put(put).await
    }

    async fn put_all(&self, puts: Vec<Put>) -> Result<Written, StoreError> {
        self.0.put_all(puts).await
    }

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        tokio::time::advance(Duration::from_millis(1)).await;
        self.0.query(query).await
    }
}

/// Returns a body of a form of the future: its number, the CRC-32 of everything else, content.
fn of_newer_form() -> Vec<u8> {
    let (form, checksum) = ([200], [0xf4, 0xa5, 0x9d, 0x93]);
    [form.as_slice(), &checksum, b"anything"].concat()
}

#[tokio::test]
async fn a_block_of_a_newer_program_stays_and_is_named() {
    let store: Arc<dyn ItemStore> = without_history().await;
    let until = Instant::now() + HOUR;
    rebuilt(&store, "{}", until).await.unwrap();
    let key = Key {
        partition: format!("HOURS#{}", target()),
        sort: "2028-02-29".into(),
    };
    let mut item = store.get(&key).await.unwrap().unwrap();
    item.body = Some(of_newer_form());
    let expect = Expect::Anything;
    store.put(Put { item, expect }).await.unwrap();

    let report = rebuilt(&store, "{}", until).await.unwrap();

    let unwritten = &report.targets[0].unwritten;
    assert_eq!(unwritten.len(), 1);
    assert_eq!(unwritten[0].block, key.to_string());
    assert_eq!(unwritten[0].reason, "a newer program wrote it");
}
