//! Every stored form that was ever released can still be read, and the newest is what is written.
//!
//! A golden file holds the items of one store: key, attributes and the unpacked body. Files of past versions never
//! change. `MRT_TEST_WRITE_GOLDEN=<folder>` rewrites the file of that newest version.

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
use shared::fleet::Kind;
use shared::snapshot::{BucketSize, DatabaseSummary, Measurement, Snapshot, Stored};
use shared::store::memory::MemoryStore;
use shared::store::{
    Attributes, Expect, Item, ItemStore, Key, Put, SnapshotReader, SnapshotWriter,
};

use crate::stored_forms::{
    bucket, bucket_v1, database, database_v1, database_v2, database_v3, database_v4, database_v5,
    documents, failure, metrics, resource, scheduled_at, users,
};

/// Folder of the newest form of each kind. Each kind counts its own versions.
const NEWEST: [(Kind, &str); 5] = [
    (Kind::Bucket, "bucket-v3"),
    (Kind::Database, "database-v9"),
    (Kind::StorageMetrics, "storage_metrics-v2"),
    (Kind::FileDocuments, "file_documents-v2"),
    (Kind::Users, "users-v2"),
];

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

async fn written_now() -> Vec<GoldenItem> {
    let store = Arc::new(MemoryStore::new(Arc::new(FixedClock::at(
        "2026-01-12T12:00:00Z",
    ))));
    let writer = SnapshotWriter::new(store.clone(), Duration::from_secs(35 * 86_400));
    writer.keep(&bucket()).await.unwrap();
    writer.keep(&resource()).await.unwrap();
    writer.keep(&database()).await.unwrap();
    writer.keep(&metrics()).await.unwrap();
    writer.keep(&documents()).await.unwrap();
    writer.keep(&users()).await.unwrap();
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

/// Returns the items of a golden file.
pub(crate) fn golden_items(version: &str) -> Vec<Item> {
    let text = std::fs::read_to_string(folder().join(version).join("items.json")).unwrap();
    let items: Vec<GoldenItem> = serde_json::from_str(&text).unwrap();
    items.into_iter().map(item).collect()
}

#[tokio::test]
async fn the_newest_form_is_what_is_written() {
    for (kind, version) in NEWEST {
        let path = folder().join(version).join("items.json");
        let now = of_kind(kind, written_now().await);
        if ProcessVariables.get("MRT_TEST_WRITE_GOLDEN").as_deref() == Some(version) {
            std::fs::write(&path, serde_json::to_string_pretty(&now).unwrap() + "\n").unwrap();
        }

        let kept = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();

        assert_eq!(now, of_kind(kind, kept), "{version}");
    }
}

fn of_kind(kind: Kind, items: Vec<GoldenItem>) -> Vec<GoldenItem> {
    let latest = format!("LATEST#{}", kind.as_str());
    let is_meant = |item: &GoldenItem| {
        let partition = item.partition.as_str();
        let target = partition.strip_prefix("SNAP#").unwrap_or_default();
        let is_of_kind = match kind {
            Kind::Bucket => {
                target.starts_with("acme-prod/s3/") || target.starts_with("acme-prod/efs/")
            }
            Kind::Database => target.starts_with("acme-prod/db/"),
            Kind::StorageMetrics => target.starts_with("storage_metrics#acme-prod/s3/"),
            Kind::FileDocuments => target.starts_with("file_documents#acme-prod/db/"),
            Kind::Users => target.starts_with("users#acme-prod/db/"),
        };
        partition == latest || is_of_kind
    };
    let items: Vec<_> = items.into_iter().filter(is_meant).collect();
    assert!(items.len() >= 2, "a latest and a snapshot");
    items
}

#[tokio::test]
async fn every_form_that_was_ever_written_is_read() {
    let mut versions = 0;
    for version in std::fs::read_dir(folder()).unwrap() {
        let version = version.unwrap();
        let folder_name = version.file_name().into_string().unwrap();
        let store = Arc::new(MemoryStore::new(Arc::new(FixedClock::at(
            "2026-01-12T12:00:00Z",
        ))));
        for item in golden_items(&folder_name) {
            let expect = Expect::Anything;
            store.put(Put { item, expect }).await.unwrap();
        }
        let reader = SnapshotReader::new(store);

        let buckets = match folder_name.as_str() {
            "v1" => vec![bucket_v1()],
            "bucket-v2" | "bucket-v3" => vec![bucket(), resource()],
            _ => vec![],
        };
        for expected in buckets {
            assert_reads(&reader, &expected).await;
            versions += 1;
        }
        let databases = match folder_name.as_str() {
            "v1" => vec![database_v1()],
            "database-v2" => vec![database_v2()],
            "database-v3" => vec![database_v3()],
            "database-v4" => vec![database_v4()],
            "database-v5" | "database-v6" => vec![database_v5()],
            "database-v7" | "database-v8" | "database-v9" => vec![database()],
            _ => vec![],
        };
        for expected in databases {
            let summary = expected.measurement.summary();
            let summary = match folder_name.as_str() {
                "database-v8" | "database-v9" => summary,
                "database-v6" | "database-v7" => DatabaseSummary {
                    modules: None,
                    ..summary
                },
                _ => summary.without_details(),
            };
            assert_reads_as(&reader, &expected, summary).await;
            versions += 1;
        }
        if folder_name.starts_with("storage_metrics-") {
            assert_reads(&reader, &metrics()).await;
            versions += 1;
        } else if folder_name.starts_with("file_documents-") {
            assert_reads(&reader, &documents()).await;
            versions += 1;
        } else if folder_name.starts_with("users-") {
            assert_reads(&reader, &users()).await;
            versions += 1;
        } else if !folder_name.starts_with("database-") {
            let latest = reader.latest::<BucketSize>(&bucket().target).await.unwrap();
            assert_eq!(latest.unwrap().last_failure, Some(failure()));
        }
    }
    assert!(versions >= 17);
}

async fn assert_reads<M: Stored + PartialEq + std::fmt::Debug>(
    reader: &SnapshotReader,
    expected: &Snapshot<M>,
) where
    Snapshot<M>: Clone,
{
    assert_reads_as(reader, expected, expected.measurement.summary()).await;
}

async fn assert_reads_as<M: Stored + PartialEq + std::fmt::Debug>(
    reader: &SnapshotReader,
    expected: &Snapshot<M>,
    summary: M::Summary,
) where
    Snapshot<M>: Clone,
{
    let latest = reader.latest::<M>(&expected.target).await.unwrap().unwrap();
    let good = latest.good.unwrap();
    assert_eq!(good.run, expected.run);
    assert_eq!(good.summary, summary);
    let snapshot = reader.snapshot(&expected.target, scheduled_at()).await;
    assert_eq!(snapshot.unwrap(), Some(expected.clone()));
}
