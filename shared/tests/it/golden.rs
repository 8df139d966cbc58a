//! Every stored form that was ever released is still read, and the newest is what is written.
//!
//! A golden file holds the items of one store: key, attributes and the body unpacked. Files of past versions
//! are never changed. `MRT_TEST_WRITE_GOLDEN=<folder>` writes the file of that newest version anew.

use std::collections::BTreeMap;
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
use shared::fleet::{Engine, Kind, TargetId};
use shared::snapshot::StorageMetrics;
use shared::snapshot::bucket_size::{
    ListingRun, Part, Refresh, RefreshReason, ResourceSize, Unmeasured, Uploads,
};
use shared::snapshot::{
    BucketSize, DatabaseSize, Failure, MendixCatalogue, Method, Objects, Persistence, Quality, Run,
    ServerKind, ServerStorage, Snapshot, Stored, TableKind, TableName, TableSize, UnsizedTable,
};
use shared::store::memory::MemoryStore;
use shared::store::{
    Attributes, Expect, Item, ItemStore, Key, Put, SnapshotReader, SnapshotWriter,
};

/// Folder of the newest form of each kind. Kinds have versions of their own.
const NEWEST: [(Kind, &str); 3] = [
    (Kind::Bucket, "bucket-v2"),
    (Kind::Database, "database-v4"),
    (Kind::StorageMetrics, "storage_metrics-v1"),
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

/// The first form: current objects only.
fn bucket_v1() -> Snapshot<BucketSize> {
    let mut measurement = BucketSize::empty(Method::Listing);
    measurement.add("STANDARD", 5_368_709_120);
    measurement.add("GLACIER", 42);
    Snapshot {
        target: TargetId::from_text("acme-prod/s3/acme-prod-files//"),
        run: run(),
        measurement,
    }
}

/// The first form of CloudWatch's metrics, also inside of the second form of a bucket.
fn metrics() -> Snapshot<StorageMetrics> {
    let measurement = StorageMetrics {
        as_of: "2026-01-10T00:00:00Z".parse().unwrap(),
        total_bytes: 5_400_000_000,
        overhead_bytes: 40,
        by_storage_type: BTreeMap::from([
            ("StandardStorage".to_owned(), 5_399_999_960),
            ("GlacierObjectOverhead".to_owned(), 40),
        ]),
        object_count: Some(11),
        asked_at: "2026-01-12T08:00:00Z".parse().unwrap(),
        metric_count: 26,
    };
    Snapshot {
        target: bucket_v1().target,
        run: run(),
        measurement,
    }
}

/// The second form: every part of what is billed.
fn bucket() -> Snapshot<BucketSize> {
    let mut snapshot = bucket_v1();
    let size = &mut snapshot.measurement;
    let mut noncurrent = Objects::default();
    noncurrent.add("STANDARD_IA", 4096);
    size.noncurrent = Some(noncurrent);
    size.delete_markers = Some(3);
    size.multipart = Some(Uploads {
        upload_count: 2,
        part_count: 5,
        total_bytes: 26_214_400,
        by_storage_class: BTreeMap::from([("STANDARD".to_owned(), 26_214_400)]),
        oldest_initiated_at: Some("2025-03-04T05:06:07Z".parse().unwrap()),
    });
    size.cloudwatch = Some(metrics().measurement);
    size.unmeasured = vec![Unmeasured {
        part: Part::CloudWatch,
        code: "throttled".into(),
        reason: "CloudWatch asked for fewer requests".into(),
    }];
    size.listing = Some(ListingRun {
        scheduled_at: scheduled_at(),
        taken_at: run().taken_at,
        finished_at: "2026-01-12T10:00:03.579Z".parse().unwrap(),
        request_count: 4,
    });
    size.refresh = Some(Refresh {
        interval_seconds: 3600,
        reason: RefreshReason::EveryTick,
        next_full_at: "2026-01-12T11:00:00Z".parse().unwrap(),
    });
    snapshot
}

/// The second form of storage that is no bucket.
fn resource() -> Snapshot<BucketSize> {
    let resource = ResourceSize {
        used_bytes: Some(70_000),
        provisioned_bytes: Some(107_374_182_400),
        item_count: Some(12),
        by_storage_class: BTreeMap::from([("IA".to_owned(), 70_000)]),
        as_of: Some("2026-01-12T09:45:00Z".parse().unwrap()),
    };
    Snapshot {
        target: TargetId::from_text("acme-prod/efs/fs-0123//"),
        run: run(),
        measurement: BucketSize::of_resource(Method::CloudWatch, resource),
    }
}

/// The first form: ordinary tables with all their parts.
fn database_v1() -> Snapshot<DatabaseSize> {
    let order = TableSize {
        entity: Some("Sales.Order".into()),
        module: Some("Sales".into()),
        heap_bytes: Some(1_818_624),
        toast_bytes: Some(8192),
        index_bytes: Some(950_272),
        total_bytes: 2_777_088,
        row_estimate: Some(20_000),
        ..TableSize::named("public", "sales$order")
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
        system_bytes: None,
        mendix_catalogue: None,
        tables: vec![order, locked],
        unsized_tables: vec![UnsizedTable {
            schema: "public".into(),
            table: "gone".into(),
            reason: "dropped".into(),
        }],
        storage: ServerStorage::not_asked(),
    };
    Snapshot {
        target: TargetId::from_text("acme-prod/db/acme"),
        run: run(),
        measurement,
    }
}

/// The second form: everything that is known of a table.
fn database_v2() -> Snapshot<DatabaseSize> {
    let mut snapshot = database_v1();
    let size = &mut snapshot.measurement;
    size.system_bytes = Some(7_654_321);
    size.mendix_catalogue = Some(MendixCatalogue::Read);
    let parent = TableName {
        schema: "public".into(),
        table: "log".into(),
    };
    let order = size.tables[0].clone();
    size.tables.extend([
        TableSize {
            table: "sales$order_customer".into(),
            entity: None,
            association: Some("Sales.Order_Customer".into()),
            persistence: Persistence::Unlogged,
            dead_row_estimate: Some(12),
            last_vacuum_at: Some("2026-01-11T03:04:05.678Z".parse().unwrap()),
            last_analyze_at: Some("2026-01-12T03:04:05Z".parse().unwrap()),
            ..order
        },
        TableSize {
            kind: TableKind::Partitioned,
            total_bytes: 16_384,
            ..TableSize::named("public", "log")
        },
        TableSize {
            partition_of: Some(parent),
            heap_bytes: Some(16_384),
            total_bytes: 16_384,
            free_bytes: Some(4096),
            ..TableSize::named("audit", "log_1")
        },
        TableSize {
            kind: TableKind::MaterializedView,
            ..TableSize::named("public", "daily")
        },
        TableSize {
            persistence: Persistence::Temporary,
            is_transient: true,
            ..TableSize::named("pg_temp_3", "aca220e2aca220e2aca220e2aca220e2")
        },
    ]);
    snapshot
}

/// The third form: the server's storage, and parts that do not add up.
fn database_v3() -> Snapshot<DatabaseSize> {
    let mut snapshot = database_v2();
    let size = &mut snapshot.measurement;
    size.tables[2].are_parts_estimated = true;
    size.storage = ServerStorage {
        kind: Some(ServerKind::Instance),
        allocated_bytes: Some(21_474_836_480),
        free_bytes: Some(16_106_127_360),
        used_bytes: Some(5_368_709_120),
        as_of: Some("2026-01-12T09:58:00Z".parse().unwrap()),
        reason: None,
    };
    snapshot
}

/// The fourth form: the engine's own number of a table.
fn database() -> Snapshot<DatabaseSize> {
    let mut snapshot = database_v3();
    snapshot.measurement.tables[0].table_id = Some(16_402);
    snapshot
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
    writer.keep(&resource()).await.unwrap();
    writer.keep(&database()).await.unwrap();
    writer.keep(&metrics()).await.unwrap();
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
        let text = std::fs::read_to_string(version.path().join("items.json")).unwrap();
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

        let buckets = match folder_name.as_str() {
            "v1" => vec![bucket_v1()],
            "bucket-v2" => vec![bucket(), resource()],
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
            "database-v4" => vec![database()],
            _ => vec![],
        };
        for expected in databases {
            assert_reads(&reader, &expected).await;
            versions += 1;
        }
        if folder_name == "storage_metrics-v1" {
            assert_reads(&reader, &metrics()).await;
            versions += 1;
        } else if !folder_name.starts_with("database-") {
            let latest = reader.latest::<BucketSize>(&bucket().target).await.unwrap();
            assert_eq!(latest.unwrap().last_failure, Some(failure()));
        }
    }
    assert!(versions >= 8);
}

async fn assert_reads<M: Stored + PartialEq + std::fmt::Debug>(
    reader: &SnapshotReader,
    expected: &Snapshot<M>,
) where
    Snapshot<M>: Clone,
{
    let latest = reader.latest::<M>(&expected.target).await.unwrap().unwrap();
    let good = latest.good.unwrap();
    assert_eq!(good.run, expected.run);
    assert_eq!(good.summary, expected.measurement.summary());
    let snapshot = reader.snapshot(&expected.target, scheduled_at()).await;
    assert_eq!(snapshot.unwrap(), Some(expected.clone()));
}
