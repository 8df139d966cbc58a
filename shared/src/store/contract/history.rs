//! The part of the exam about history: its points, blocks and lists of names, in partitions of their own.

#![expect(
    clippy::unwrap_used,
    reason = "test support: a case that cannot go on has failed"
)]

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::world::{EVERY, RETENTION};
use super::{Candidate, Case};
use crate::clock::{Clock, after};
use crate::fleet::{Engine, Kind, TargetId};
use crate::history::{
    Gap, History, HistoryQuery, HistoryReader, HistoryRetention, HistoryWriter, Measure, OwnSeries,
    Reading, Resolution, TableKey,
};
use crate::snapshot::{DatabaseSize, Run, ServerStorage, Snapshot, TableSize};
use crate::store::failing::FailingStore;
use crate::store::{Item, ItemStore, Order, Query, SnapshotWriter, StoreError};

pub(super) const CASES: [(&str, Case); 5] = [
    ("runs are points until their day is closed", |c| {
        Box::pin(points_and_blocks(c))
    }),
    (
        "points expire, then hours do, and days and names never",
        |c| Box::pin(expiry(c)),
    ),
    ("writers of one day lose nothing", |c| {
        Box::pin(concurrent(c))
    }),
    ("a block above the item limit comes back whole", |c| {
        Box::pin(large_block(c))
    }),
    ("any failing call leaves a history that heals", |c| {
        Box::pin(failing_calls(c))
    }),
];

const DAY: Duration = Duration::from_secs(86_400);

/// A database with two tables that grow, and its history.
struct Scene {
    c: Candidate,
    target: TargetId,
}

impl Scene {
    fn new(c: Candidate) -> Self {
        let target = TargetId::from_text(&format!("{}/db/acme", c.name));
        Self { c, target }
    }

    fn run(&self, scheduled_at: DateTime<Utc>) -> Snapshot<DatabaseSize> {
        let bytes = scheduled_at.timestamp().unsigned_abs() % 1_000_000 * 8192;
        let table = |(name, table_id)| TableSize {
            table_id: Some(table_id),
            heap_bytes: Some(bytes),
            total_bytes: bytes,
            ..TableSize::named("public", name)
        };
        let tables: Vec<_> = [("a", 1), ("b", 2)].map(table).into();
        Snapshot {
            target: self.target.clone(),
            run: Run::at(scheduled_at, EVERY),
            measurement: DatabaseSize {
                engine: Engine::Postgres,
                database: "acme".into(),
                total_bytes: 2 * bytes,
                system_bytes: Some(0),
                server_role: None,
                mendix_catalogue: None,
                tables,
                unsized_tables: Vec::new(),
                storage: ServerStorage::not_asked(),
            },
        }
    }

    /// Returns runs of every eight hours from now on.
    fn runs(&self, count: i32) -> Vec<Snapshot<DatabaseSize>> {
        let now = self.c.clock.now();
        let times = (0..count).map(|run| now + TimeDelta::hours(8) * run);
        times.map(|time| self.run(time)).collect()
    }

    async fn collect(&self, snapshot: &Snapshot<DatabaseSize>) {
        collect(&self.c.store, snapshot).await.unwrap();
    }

    /// Returns the items of one of the target's partitions.
    async fn items(&self, name: &str) -> Vec<Item> {
        let query = Query {
            partition: format!("{name}#{}", self.target),
            from: "!".into(),
            to: "~".into(),
            order: Order::Ascending,
            after: None,
            limit: 1000,
        };
        self.c.store.query(&query).await.unwrap().items
    }

    async fn history(&self, resolution: Resolution) -> History {
        let all = |_: &TableKey| true;
        let now = self.c.clock.now();
        let query = HistoryQuery {
            from: now - TimeDelta::days(4000),
            to: now + TimeDelta::days(4000),
            resolution,
            tables: Some(&all),
            with_parts: true,
            limit: 1_000_000,
        };
        let reader = HistoryReader::new(Arc::clone(&self.c.store));
        reader
            .read(Kind::Database, &self.target, &query)
            .await
            .unwrap()
    }

    /// Asserts that the history has these runs with their totals, and nothing else.
    async fn assert_has(&self, runs: &[Snapshot<DatabaseSize>]) {
        let found = self.history(Resolution::Runs).await;
        let nothing: [Gap; 0] = [];
        assert_eq!(found.gaps, nothing);
        let times: Vec<_> = found
            .moments
            .iter()
            .map(|moment| moment.scheduled_at)
            .collect();
        let expected: Vec<_> = runs.iter().map(|run| run.run.scheduled_at).collect();
        assert_eq!(times, expected);
        let totals = runs
            .iter()
            .map(|run| Reading::of(run.measurement.total_bytes));
        let total = &found.own[&OwnSeries::all(Measure::TotalBytes)];
        assert_eq!(total, &totals.collect::<Vec<_>>());
        for table in &found.tables {
            let sizes = runs.iter().map(|run| run.measurement.tables[0].total_bytes);
            assert_eq!(
                table.total_bytes[..],
                sizes.map(Reading::of).collect::<Vec<_>>()
            );
        }
        assert_eq!(found.tables.len(), 2);
    }
}

/// Keeps a run and its history, as a collector does.
async fn collect(
    store: &Arc<dyn ItemStore>,
    snapshot: &Snapshot<DatabaseSize>,
) -> Result<(), StoreError> {
    let writer = SnapshotWriter::new(Arc::clone(store), RETENTION);
    writer.keep(snapshot).await?;
    let history = HistoryWriter::new(Arc::clone(store), HistoryRetention::default());
    history.record(snapshot).await
}

fn sorts(items: &[Item]) -> Vec<&str> {
    items.iter().map(|item| item.key.sort.as_str()).collect()
}

async fn points_and_blocks(c: Candidate) {
    let scene = Scene::new(c);
    let runs = scene.runs(5);
    for run in &runs[..2] {
        scene.collect(run).await;
    }

    let items = scene.items("POINT").await;
    let times = ["2026-01-12T11:00:00Z", "2026-01-12T19:00:00Z"];
    assert_eq!(sorts(&items), times);
    assert!(items.iter().all(|item| item.body.is_some()));
    assert_eq!(scene.items("HOURS").await, []);
    scene.assert_has(&runs[..2]).await;

    for run in &runs[2..] {
        scene.collect(run).await;
    }

    for partition in ["HOURS", "HOURS_PARTS"] {
        assert_eq!(sorts(&scene.items(partition).await), ["2026-01-12"]);
    }
    for partition in ["DAYS", "DAYS_PARTS"] {
        assert_eq!(sorts(&scene.items(partition).await), ["2026-01"]);
    }
    assert_eq!(scene.items("NAMES").await.len(), 1);
    scene.assert_has(&runs).await;
    let days = scene.history(Resolution::Days).await;
    assert_eq!(days.moments.len(), 2);
}

async fn expiry(c: Candidate) {
    let scene = Scene::new(c);
    let runs = scene.runs(5);
    for run in &runs {
        scene.collect(run).await;
    }
    let closed = scene.history(Resolution::Days).await.moments[0].clone();

    scene.c.clock.advance(DAY * 10);
    assert_eq!(scene.items("POINT").await, []);
    assert_eq!(scene.items("HOURS").await.len(), 1);
    scene.c.clock.advance(DAY * 90);
    assert_eq!(scene.items("HOURS").await, []);
    assert_eq!(scene.items("HOURS_PARTS").await, []);
    scene.c.clock.advance(DAY * 3650);
    assert_eq!(scene.items("NAMES").await.len(), 1);
    let days = scene.history(Resolution::Days).await;
    assert_eq!(days.moments, [closed]);
    assert_eq!(days.tables.len(), 2);
}

async fn concurrent(c: Candidate) {
    let scene = Scene::new(c);
    let runs = scene.runs(5);
    scene.collect(&runs[0]).await;

    // The last two close the days of the others, which are kept meanwhile.
    let writers = runs.iter().cloned().map(|run| {
        let store = Arc::clone(&scene.c.store);
        tokio::spawn(async move {
            // A writer that loses every race returns an error; here it tries again.
            while let Err(error) = collect(&store, &run).await {
                assert!(matches!(error, StoreError::Contended { .. }), "{error}");
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let last = scene.run(after(runs[4].run.scheduled_at, DAY));
    scene.collect(&last).await;

    scene.assert_has(&[runs, vec![last]].concat()).await;
}

/// Names that do not pack: a list and a block of so many tables are above the limit of an item.
async fn large_block(c: Candidate) {
    const TABLES: u64 = 1_800;
    let scene = Scene::new(c);
    let mut seed = 1_u64;
    let mut word = || {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        format!("{seed:016x}")
    };
    let name = |_| -> String { (0..32).map(|_| word()).collect() };
    let names: Vec<_> = (0..TABLES).map(name).collect();
    let large = |scheduled_at| {
        let mut snapshot = scene.run(scheduled_at);
        let tables = names.iter().zip(1..).map(|(name, number)| TableSize {
            table_id: Some(number),
            total_bytes: number * 8192,
            ..TableSize::named("public", name)
        });
        snapshot.measurement.tables = tables.collect();
        snapshot
    };
    let now = scene.c.clock.now();
    for time in [now, after(now, DAY)] {
        scene.collect(&large(time)).await;
    }

    assert!(scene.items("NAMES").await.len() > 1);
    let pieces = scene.items("HOURS").await;
    assert_eq!(sorts(&pieces)[..2], ["2026-01-12", "2026-01-12#01"]);
    let found = scene.history(Resolution::Runs).await;
    assert_eq!(found.tables.len() as u64, TABLES);
    let bytes = found
        .tables
        .iter()
        .filter_map(|table| table.total_bytes[0].value());
    assert_eq!(bytes.sum::<u64>(), TABLES * (TABLES + 1) / 2 * 8192);
}

async fn failing_calls(c: Candidate) {
    let name = c.name.clone();
    for failing_call in [1, 2, 3, 5, 7, 9, 11, 13] {
        let c = Candidate {
            name: format!("{name}-{failing_call}"),
            ..c.clone()
        };
        let scene = Scene::new(c);
        let runs = scene.runs(6);
        let runs = [&runs[..3], &runs[5..]].concat();
        for run in &runs[..2] {
            scene.collect(run).await;
        }
        let writer = SnapshotWriter::new(Arc::clone(&scene.c.store), RETENTION);
        writer.keep(&runs[2]).await.unwrap();
        let failing = FailingStore::new(Arc::clone(&scene.c.store), [failing_call]);
        let history = HistoryWriter::new(Arc::new(failing), HistoryRetention::default());
        // The run that closes the first day.
        let recorded = history.record(&runs[2]).await;
        scene.collect(&runs[3]).await;

        if failing_call < 8 {
            assert!(recorded.is_err(), "call {failing_call}");
        }
        scene.assert_has(&runs).await;
    }
}
