//! A store with one database whose runs are kept as a collector keeps them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use shared::clock::FixedClock;
use shared::fleet::{Engine, Kind, TargetId};
use shared::history::model::Random;
use shared::history::{
    History, HistoryQuery, HistoryReader, HistoryRetention, HistoryWriter, Resolution, TableKey,
    Trend,
};
use shared::snapshot::{DatabaseSize, Run, ServerStorage, Snapshot, TableSize, UnsizedTable};
use shared::store::memory::MemoryStore;
use shared::store::{
    Expect, Item, ItemStore, Key, Page, Put, Query, SnapshotReader, SnapshotWriter, StoreError,
    Written,
};
use shared::testing::time::at;
use tokio::sync::Mutex;

pub(super) const EVERY: Duration = Duration::from_secs(6 * 3600);
/// The store's clock: nothing has expired then.
pub(super) const NOW: &str = "2028-01-20T00:00:00Z";

pub(super) fn target() -> TargetId {
    TargetId::from_text("acme-prod/db/acme")
}

pub(super) fn memory() -> Arc<MemoryStore> {
    Arc::new(MemoryStore::new(Arc::new(FixedClock::at(NOW))))
}

/// A table with a size in kilobytes; one without is unsized.
pub(super) type Table = (&'static str, Option<u64>, Option<u64>);

/// Returns a run with tables of a name, an id and kilobytes.
pub(super) fn run(time: &str, tables: &[Table]) -> Snapshot<DatabaseSize> {
    run_at(at(time), tables)
}

pub(super) fn run_at(time: DateTime<Utc>, tables: &[Table]) -> Snapshot<DatabaseSize> {
    let sized = tables.iter().filter_map(|(name, table_id, kilobytes)| {
        let bytes = (*kilobytes)? * 1024;
        Some(TableSize {
            table_id: *table_id,
            module: Some("Sales".into()),
            heap_bytes: Some(bytes / 2),
            toast_bytes: Some(0),
            index_bytes: Some(bytes / 2),
            total_bytes: bytes,
            row_estimate: Some(bytes / 100),
            ..TableSize::named("public", *name)
        })
    });
    let sized: Vec<_> = sized.collect();
    let missing = tables
        .iter()
        .filter(|(_, _, kilobytes)| kilobytes.is_none());
    let missing = missing.map(|(name, ..)| UnsizedTable {
        schema: "public".into(),
        table: (*name).into(),
        reason: "locked".into(),
    });
    let bytes: u64 = sized.iter().map(|table| table.total_bytes).sum();
    Snapshot {
        target: target(),
        run: Run::at(time, EVERY),
        measurement: DatabaseSize {
            engine: Engine::Postgres,
            database: "acme".into(),
            total_bytes: bytes + 1000,
            system_bytes: Some(1000),
            server_role: None,
            mendix_catalogue: None,
            unsized_tables: missing.collect(),
            tables: sized,
            storage: ServerStorage::not_asked(),
        },
    }
}

/// Returns so many runs from a time on, of tables that grow, come, go, are renamed, replaced and locked.
pub(super) fn random_runs(
    random: &mut Random,
    from: &str,
    count: u64,
) -> Vec<Snapshot<DatabaseSize>> {
    const NAMES: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
    let mut tables: BTreeMap<&'static str, (Option<u64>, u64)> = BTreeMap::new();
    for (name, id) in NAMES.iter().zip(100..) {
        tables.insert(name, (Some(id), random.below(1000)));
    }
    let mut time = at(from);
    let mut runs = Vec::new();
    for number in 0..count {
        time += Duration::from_secs(3600 * (1 + random.below(9)));
        for name in NAMES {
            let id = tables.get(name).and_then(|(id, _)| *id);
            match random.below(20) {
                0 => drop(tables.remove(name)),
                1 => drop(tables.insert(name, (Some(1000 + number), random.below(9)))),
                2..8 => drop(tables.insert(name, (id, random.below(100_000)))),
                _ => {}
            }
        }
        let mut now: Vec<Table> = tables
            .iter()
            .map(|(name, (id, kb))| (*name, *id, Some(*kb)))
            .collect();
        if let Some(locked) = now.first_mut().filter(|_| random.happens(20)) {
            locked.2 = None;
        }
        runs.push(run_at(time, &now));
    }
    runs
}

/// Keeps a run and its history, as a collector does; the history's error is only logged there.
pub(super) async fn collect(
    store: &Arc<dyn ItemStore>,
    snapshot: &Snapshot<DatabaseSize>,
) -> Result<(), StoreError> {
    keep(store, snapshot).await?;
    writer(store).record(snapshot).await
}

pub(super) async fn keep(
    store: &Arc<dyn ItemStore>,
    snapshot: &Snapshot<DatabaseSize>,
) -> Result<(), StoreError> {
    let retention = Duration::from_secs(35 * 86_400);
    let writer = SnapshotWriter::new(Arc::clone(store), retention);
    writer.keep(snapshot).await.map(drop)
}

pub(super) fn writer(store: &Arc<dyn ItemStore>) -> HistoryWriter {
    HistoryWriter::new(Arc::clone(store), HistoryRetention::default())
}

pub(super) async fn trend(store: &Arc<dyn ItemStore>) -> Trend {
    let reader = SnapshotReader::new(Arc::clone(store));
    let latest = reader.latest::<DatabaseSize>(&target()).await.unwrap();
    latest.unwrap().trend.unwrap()
}

/// Returns the day of the newest run, which is not closed.
pub(super) async fn newest_day(store: &Arc<dyn ItemStore>) -> NaiveDate {
    let reader = SnapshotReader::new(Arc::clone(store));
    let latest = reader.latest::<DatabaseSize>(&target()).await.unwrap();
    let newest = latest.unwrap().good.unwrap();
    newest.run.scheduled_at.date_naive()
}

/// Reads everything that there is of a range.
pub(super) async fn history(
    store: &Arc<dyn ItemStore>,
    resolution: Resolution,
    (from, to): (&str, &str),
) -> History {
    let all = |_: &TableKey| true;
    let query = HistoryQuery {
        from: at(from),
        to: at(to),
        resolution,
        tables: Some(&all),
        with_parts: true,
        limit: 1_000_000,
    };
    let reader = HistoryReader::new(Arc::clone(store));
    reader
        .read(Kind::Database, &target(), &query)
        .await
        .unwrap()
}

/// Returns a store that has the snapshots of another, and nothing else that could be made from them.
pub(super) async fn only_snapshots(store: &MemoryStore) -> Arc<dyn ItemStore> {
    let copy = memory();
    for item in store.dump() {
        let partition = item.key.partition.as_str();
        if partition.starts_with("SNAP#") || partition.starts_with("PART#") {
            put(&*copy, item).await;
        } else if partition.starts_with("LATEST#") {
            let without_trend = changed(item, |content| drop(content.remove("trend")));
            put(&*copy, without_trend).await;
        }
    }
    copy
}

/// What a latest holds.
pub(super) type Content = serde_json::Map<String, serde_json::Value>;

/// Returns what a latest holds.
pub(super) fn content(latest: &Item) -> Content {
    serde_json::from_reader(GzDecoder::new(latest.body.as_deref().unwrap())).unwrap()
}

/// Returns a latest that holds something else.
pub(super) fn changed(mut latest: Item, change: impl FnOnce(&mut Content)) -> Item {
    let mut content = content(&latest);
    change(&mut content);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    serde_json::to_writer(&mut encoder, &content).unwrap();
    latest.body = Some(encoder.finish().unwrap());
    latest
}

pub(super) async fn put(store: &dyn ItemStore, item: Item) {
    let expect = Expect::Anything;
    store.put(Put { item, expect }).await.unwrap();
}

/// Lets other tasks go first at every call, so that writers meet each other.
pub(super) struct Interleaving {
    pub(super) inner: Arc<dyn ItemStore>,
    pub(super) random: Mutex<Random>,
}

impl Interleaving {
    async fn wait(&self) {
        let turns = self.random.lock().await.below(6);
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
    }
}

#[async_trait]
impl ItemStore for Interleaving {
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        self.wait().await;
        self.inner.get(key).await
    }

    async fn put(&self, put: Put) -> Result<Written, StoreError> {
        self.wait().await;
        self.inner.put(put).await
    }

    async fn put_all(&self, puts: Vec<Put>) -> Result<Written, StoreError> {
        self.wait().await;
        self.inner.put_all(puts).await
    }

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        self.wait().await;
        self.inner.query(query).await
    }
}
