//! Every stored form that was ever released is still read, and the newest is what is written.
//!
//! A golden file holds the items of one store: key, attributes and the body unpacked. Files of past versions
//! are never changed. `MRT_TEST_WRITE_GOLDEN=1` writes the files of the newest version anew.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use shared::clock::FixedClock;
use shared::config::{ProcessVariables, Variables};
use shared::fleet::{Engine, TargetId};
use shared::snapshot::{
    BucketSize, DatabaseSize, Failure, Method, Quality, Run, Snapshot, TableSize, UnsizedTable,
};
use shared::store::memory::MemoryStore;
use shared::store::{
    Attributes, Expect, Item, ItemStore, Key, Put, SnapshotReader, SnapshotWriter,
};

const NEWEST: &str = "v1";

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct GoldenItem {
    partition: String,
    sort: String,
    version: u64,
    attributes: Attributes,
    body: Option<serde_json::Value>,
    expires_at: Option<DateTime<Utc>>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden")
}

fn scheduled_at() -> DateTime<Utc> {
    "2026-01-12T10:00:00Z".parse().unwrap()
}

fn run() -> Run {
    let taken_at = "2026-01-12T10:00:02.345Z".parse().unwrap();
    Run {
        taken_at,
        duration: Duration::from_millis(1234),
        ..Run::at(scheduled_at(), Duration::from_secs(3600))
    }
}

fn bucket() -> Snapshot<BucketSize> {
    let mut measurement = BucketSize::empty(Method::Listing);
    measurement.add("STANDARD", 5_368_709_120);
    measurement.add("GLACIER", 42);
    Snapshot {
        target: TargetId::from_text("acme-prod/s3/acme-prod-files//"),
        run: run(),
        measurement,
    }
}

fn database() -> Snapshot<DatabaseSize> {
    let order = TableSize {
        schema: "public".into(),
        table: "sales$order".into(),
        entity: Some("Sales.Order".into()),
        module: Some("Sales".into()),
        is_system: false,
        heap_bytes: 1_818_624,
        toast_bytes: 8192,
        index_bytes: 950_272,
        total_bytes: 2_777_088,
        row_estimate: Some(20_000),
        quality: Quality::Exact,
    };
    let locked = TableSize {
        table: "system$session".into(),
        entity: None,
        module: None,
        is_system: true,
        row_estimate: None,
        quality: Quality::Estimated {
            reason: "locked".into(),
        },
        ..order.clone()
    };
    let measurement = DatabaseSize {
        engine: Engine::Postgres,
        database: "acme".into(),
        total_bytes: 12_345_678,
        tables: vec![order, locked],
        unsized_tables: vec![UnsizedTable {
            schema: "public".into(),
            table: "gone".into(),
            reason: "dropped".into(),
        }],
    };
    Snapshot {
        target: TargetId::from_text("acme-prod/db/acme"),
        run: run(),
        measurement,
    }
}

fn failure() -> Failure {
    Failure {
        scheduled_at: "2026-01-12T11:00:00Z".parse().unwrap(),
        failed_at: "2026-01-12T11:00:01Z".parse().unwrap(),
        code: "access_denied".into(),
        reason: "the bucket refused to be listed".into(),
    }
}

async fn written_now() -> Vec<GoldenItem> {
    let store = Arc::new(MemoryStore::new(Arc::new(FixedClock::at(
        "2026-01-12T12:00:00Z",
    ))));
    let writer = SnapshotWriter::new(store.clone(), Duration::from_secs(35 * 86_400));
    writer.keep(&bucket()).await.unwrap();
    writer.keep(&database()).await.unwrap();
    writer
        .record_failure::<BucketSize>(&bucket().target, failure())
        .await
        .unwrap();
    store.dump().into_iter().map(golden).collect()
}

fn golden(item: Item) -> GoldenItem {
    let body = item.body.map(|packed| {
        let mut text = String::new();
        GzDecoder::new(packed.as_slice())
            .read_to_string(&mut text)
            .unwrap();
        serde_json::from_str(&text).unwrap()
    });
    let Item {
        key,
        version,
        attributes,
        expires_at,
        ..
    } = item;
    GoldenItem {
        partition: key.partition,
        sort: key.sort,
        version,
        attributes,
        body,
        expires_at,
    }
}

fn item(golden: GoldenItem) -> Item {
    let body = golden.body.map(|body| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(body.to_string().as_bytes()).unwrap();
        encoder.finish().unwrap()
    });
    let key = Key {
        partition: golden.partition,
        sort: golden.sort,
    };
    Item {
        key,
        version: golden.version,
        attributes: golden.attributes,
        body,
        expires_at: golden.expires_at,
    }
}

#[tokio::test]
async fn the_newest_form_is_what_is_written() {
    let path = folder().join(NEWEST).join("items.json");
    let now = written_now().await;
    if ProcessVariables.get("MRT_TEST_WRITE_GOLDEN").is_some() {
        std::fs::write(&path, serde_json::to_string_pretty(&now).unwrap() + "\n").unwrap();
    }

    let kept: Vec<GoldenItem> =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();

    assert_eq!(now, kept);
}

#[tokio::test]
async fn every_form_that_was_ever_written_is_read() {
    let mut versions = 0;
    for version in std::fs::read_dir(folder()).unwrap() {
        let text = std::fs::read_to_string(version.unwrap().path().join("items.json")).unwrap();
        let store = Arc::new(MemoryStore::new(Arc::new(FixedClock::at(
            "2026-01-12T12:00:00Z",
        ))));
        for golden in serde_json::from_str::<Vec<GoldenItem>>(&text).unwrap() {
            store
                .put(Put {
                    item: item(golden),
                    expect: Expect::Anything,
                })
                .await
                .unwrap();
        }
        let reader = SnapshotReader::new(store);

        let latest = reader
            .latest::<BucketSize>(&bucket().target)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(latest.last_failure, Some(failure()));
        assert_eq!(latest.good.unwrap().summary, bucket().measurement);
        assert_eq!(
            reader
                .snapshot(&bucket().target, scheduled_at())
                .await
                .unwrap(),
            Some(bucket())
        );
        assert_eq!(
            reader
                .snapshot(&database().target, scheduled_at())
                .await
                .unwrap(),
            Some(database())
        );
        versions += 1;
    }
    assert!(versions >= 1);
}
