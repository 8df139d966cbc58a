//! What earlier releases stored is taken into history, and what this one stores of it stays readable.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use shared::clock::FixedClock;
use shared::config::{ProcessVariables, Variables};
use shared::history::{Measure, OwnSeries, Reading, Resolution};
use shared::snapshot::{DatabaseSize, Snapshot};
use shared::store::memory::MemoryStore;
use shared::store::{ItemStore, Key};

use super::world::{
    Content, collect, content, history, keep, memory, put, run, target, trend, writer,
};
use crate::golden::golden_items;
use crate::stored_forms::{database_v1, database_v2, database_v3};

/// Runs of three days, the second of which has a late run after it was closed.
async fn runs_of_three_days() -> Arc<dyn ItemStore> {
    let store: Arc<dyn ItemStore> = memory();
    for time in [
        "2028-02-28T06:00:00Z",
        "2028-02-28T18:00:00Z",
        "2028-02-29T06:00:00Z",
        "2028-03-01T06:00:00Z",
    ] {
        let bytes = Some(time.len() as u64);
        let tables = [("a", Some(1), bytes), ("b", Some(2), None)];
        collect(&store, &run(time, &tables)).await.unwrap();
    }
    // Only kept: its day is marked, and the next run closes it again.
    let late = run("2028-02-29T12:00:00Z", &[("a", Some(1), Some(5))]);
    keep(&store, &late).await.unwrap();
    store
}

fn golden_latest(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/history/golden")
        .join(version)
        .join("latest-with-trend.json")
}

/// `MRT_TEST_WRITE_GOLDEN=latest-with-trend` writes the file anew.
#[tokio::test]
async fn a_latest_with_a_trend_is_what_is_written_and_read() {
    let name = "latest-with-trend";
    let path = golden_latest("v3");
    let store = runs_of_three_days().await;
    let expected = trend(&store).await;
    let key = Key {
        partition: "LATEST#database".into(),
        sort: target().to_string(),
    };
    let mut latest = store.get(&key).await.unwrap().unwrap();
    let content = content(&latest);
    if ProcessVariables.get("MRT_TEST_WRITE_GOLDEN").as_deref() == Some(name) {
        let json = serde_json::to_string_pretty(&content).unwrap();
        std::fs::write(&path, json + "\n").unwrap();
    }

    let golden: Content = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();

    assert_eq!(content, golden);
    assert_eq!(expected.refold.len(), 1);
    // Before version 3 the content was not packed; version 1 has its totals as a list.
    latest.body = None;
    for version in ["v1", "v2"] {
        let older = std::fs::read_to_string(golden_latest(version)).unwrap();
        latest.attributes = serde_json::from_str(&older).unwrap();
        let read: Arc<dyn ItemStore> = memory();
        put(&*read, latest.clone()).await;
        assert_eq!(trend(&read).await, expected, "{version}");
    }
}

/// Their tables have no ids, which is no reason to break a series when they get one.
#[tokio::test]
async fn snapshots_of_every_earlier_release_are_closed_with_their_day() {
    for (folder, snapshot) in [
        ("v1", database_v1()),
        ("database-v2", database_v2()),
        ("database-v3", database_v3()),
    ] {
        // The day after the snapshots: none of them has expired.
        let clock = Arc::new(FixedClock::at("2026-01-13T10:00:00Z"));
        let store: Arc<dyn ItemStore> = Arc::new(MemoryStore::new(clock));
        for item in golden_items(folder) {
            put(&*store, item).await;
        }
        assert_eq!(snapshot.target, target(), "{folder}");
        let size = &snapshot.measurement;

        // The first run of this release is on the day after.
        let next = next_day_with_ids(&snapshot);
        collect(&store, &next).await.unwrap();

        let range = ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z");
        let found = history(&store, Resolution::Days, range).await;
        assert_eq!(found.gaps, [], "{folder}");
        let totals = &found.own[&OwnSeries::all(Measure::TotalBytes)];
        let total = Reading::of(size.total_bytes);
        assert_eq!(totals, &[total, total], "{folder}");
        let sized: Vec<_> = size.tables.iter().map(|table| &*table.table).collect();
        for table in &found.tables {
            let is_sized = sized.contains(&&*table.table);
            assert_eq!(table.total_bytes[0].value().is_some(), is_sized, "{folder}");
            assert_eq!(table.breaks(), [0; 0], "{folder}: {}", table.table);
            assert_eq!(table.identities[0].1.table_id, None, "{folder}");
        }
        let count = size.tables.len() + size.unsized_tables.len();
        assert_eq!(found.tables.len(), count, "{folder}");
        let (first, _) = trend(&store).await.totals().next().unwrap();
        assert_eq!(first.to_string(), "2026-01-12", "{folder}");
        let days = "2026-01-01".parse().unwrap()..="2026-01-31".parse().unwrap();
        let today = "2026-01-13".parse().unwrap();
        let rebuilt = writer(&store)
            .rebuild::<DatabaseSize>(&target(), days, today)
            .await;
        assert_eq!(rebuilt.unwrap().runs, 1, "{folder}");
    }
}

/// Returns the same sizes a day later, with ids of the tables.
fn next_day_with_ids(snapshot: &Snapshot<DatabaseSize>) -> Snapshot<DatabaseSize> {
    let mut next = snapshot.clone();
    next.run.scheduled_at += chrono::TimeDelta::days(1);
    next.run.next_due_at += chrono::TimeDelta::days(1);
    for (table, id) in next.measurement.tables.iter_mut().zip(16_384..) {
        table.table_id = Some(id);
    }
    next
}
