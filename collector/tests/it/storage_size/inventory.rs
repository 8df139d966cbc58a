//! Reports of S3 Inventory in S3 emulators: the reports that `s3-inventory` keeps for its tests, as S3 lays them out.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use collector::run::{Task, run};
use collector::{BucketSource, MeasureError, Part, Progress, Source, Tick};
use md5::{Digest, Md5};
use serde_json::{Value, json};
use shared::aws::Aws;
use shared::fleet::{BucketTarget, ByPrefix, InventoryLocation, Measured};
use shared::location::AwsScope;
use shared::snapshot::{BucketSize, Method};
use shared::testing;
use shared::testing::time::at;
use tokio::time::Instant;

use crate::services;
use crate::support::{HOUR, World};

const NOW: &str = "2026-11-28T10:00:00Z";
/// When the scan for the kept reports started, by their manifests.
const SCANNED: &str = "2026-11-30T00:53:20Z";
const FOLDER: &str = "acme-prod-files/daily";

/// Bytes, objects, noncurrent bytes and delete markers of the kept reports, by `expected.json` next to them.
fn expected() -> [u64; 4] {
    let expected: Value = serde_json::from_slice(&kept("expected.json")).unwrap();
    let classes = expected["classes"].as_object().unwrap().values();
    let mut sums = [0, 0, 0, expected["delete_markers"].as_u64().unwrap()];
    for class in classes {
        sums[0] += class["current"][0].as_u64().unwrap();
        sums[1] += class["current"][1].as_u64().unwrap();
        sums[2] += class["noncurrent"][0].as_u64().unwrap();
    }
    sums
}

fn kept(path: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("s3-inventory/tests/reports");
    fs::read(folder.join(path)).unwrap()
}

fn digest(bytes: &[u8]) -> String {
    let digest = Md5::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct Inventories {
    aws: Arc<Aws>,
    client: Client,
    bucket: String,
}

impl Inventories {
    /// Returns an empty destination bucket in each emulator; none if the tests are skipped.
    async fn everywhere() -> Vec<Self> {
        let mut found = Vec::new();
        for variable in [testing::MINISTACK, testing::MOTO] {
            let Some(url) = testing::service(variable) else {
                continue;
            };
            let account = services::unique_account();
            let aws = Arc::new(Aws::at(&url, &account, "test"));
            let client = aws.s3(&AwsScope::default()).await;
            let bucket = format!("inventories-{account}");
            client.create_bucket().bucket(&bucket).send().await.unwrap();
            found.push(Self {
                aws,
                client,
                bucket,
            });
        }
        found
    }

    async fn put(&self, key: &str, body: Vec<u8>) {
        let request = self.client.put_object().bucket(&self.bucket).key(key);
        request.body(ByteStream::from(body)).send().await.unwrap();
    }

    async fn delete(&self, key: &str) {
        let request = self.client.delete_object().bucket(&self.bucket);
        request.key(key).send().await.unwrap();
    }

    /// Puts the kept report `name` as that of `day`; `change` may change its manifest.
    async fn put_report(&self, name: &str, day: &str, change: impl Fn(&mut Value)) {
        let mut manifest: Value =
            serde_json::from_slice(&kept(&format!("{name}/manifest.json"))).unwrap();
        manifest["destinationBucket"] = json!(format!("arn:aws:s3:::{}", self.bucket));
        for file in manifest["files"].as_array_mut().unwrap() {
            let path = file["key"].as_str().unwrap().to_owned();
            let key = format!("{FOLDER}/data/{name}-{path}");
            self.put(&key, kept(&format!("{name}/{path}"))).await;
            file["key"] = json!(key);
        }
        change(&mut manifest);
        self.put_manifest(day, &manifest).await;
    }

    async fn put_manifest(&self, day: &str, manifest: &Value) {
        let text = manifest.to_string().into_bytes();
        let folder = format!("{FOLDER}/{day}T01-00Z");
        let checksum = format!("{}\n", digest(&text)).into_bytes();
        self.put(&format!("{folder}/manifest.json"), text).await;
        self.put(&format!("{folder}/manifest.checksum"), checksum)
            .await;
    }

    fn target(&self) -> BucketTarget {
        BucketTarget {
            inventory: Some(InventoryLocation {
                bucket: self.bucket.clone(),
                prefix: FOLDER.to_owned(),
            }),
            measure: Measured {
                noncurrent: true,
                delete_markers: true,
                ..Measured::current()
            },
            ..BucketTarget::whole("acme-prod", "acme-prod-files")
        }
    }

    fn source(&self, world: &World) -> BucketSource {
        BucketSource::new(Arc::clone(&self.aws), world.clock.clone())
    }

    async fn measure(&self, target: &BucketTarget) -> Result<BucketSize, MeasureError> {
        let source = self.source(&World::at(NOW));
        source.measure(target, &Progress::default()).await
    }

    async fn error(&self) -> MeasureError {
        self.measure(&self.target()).await.unwrap_err()
    }
}

fn sums(size: &BucketSize) -> [u64; 4] {
    [
        size.total_bytes(),
        size.object_count().unwrap(),
        size.noncurrent.as_ref().unwrap().total_bytes,
        size.delete_markers.unwrap(),
    ]
}

/// Returns current bytes and objects, then those of noncurrent versions, of each prefix.
fn by_prefix(size: &BucketSize) -> BTreeMap<String, [u64; 4]> {
    let sizes = size.by_prefix.as_ref().unwrap();
    let other = sizes.other.unwrap();
    assert_eq!((other.prefix_count, other.total_bytes), (0, 0));
    let prefixes = sizes.prefixes.iter().map(|each| {
        let noncurrent = each.noncurrent.unwrap();
        let numbers = [
            each.total_bytes,
            each.object_count,
            noncurrent.total_bytes,
            noncurrent.object_count,
        ];
        (each.prefix.clone(), numbers)
    });
    prefixes.collect()
}

fn expected_by_prefix() -> BTreeMap<String, [u64; 4]> {
    let expected: Value = serde_json::from_slice(&kept("expected.json")).unwrap();
    let prefixes = expected["prefixes"].as_object().unwrap().iter();
    let number = |sum: &Value, kind: &str, index: usize| sum[kind][index].as_u64().unwrap();
    let prefixes = prefixes.map(|(prefix, sum)| {
        let numbers = [
            ("current", 0),
            ("current", 1),
            ("noncurrent", 0),
            ("noncurrent", 1),
        ];
        let numbers = numbers.map(|(kind, index)| number(sum, kind, index));
        (prefix.clone(), numbers)
    });
    prefixes.collect()
}

#[tokio::test]
async fn a_report_of_each_writer_is_the_size_of_its_bucket() {
    for inventories in Inventories::everywhere().await {
        for (name, day) in [
            ("arrow-snappy", "2026-11-26"),
            ("duckdb", "2026-11-27"),
            ("csv", "2026-11-28"),
        ] {
            inventories.put_report(name, day, |_| {}).await;

            let size = inventories.measure(&inventories.target()).await.unwrap();

            assert_eq!(sums(&size), expected(), "{name}");
            assert_eq!(size.method, Method::Inventory);
            let report = size.inventory.unwrap();
            assert_eq!(report.as_of, at(SCANNED), "{name}");
            assert!(report.read_bytes > 0 && size.unmeasured.is_empty());
        }
    }
}

#[tokio::test]
async fn the_newest_complete_report_counts() {
    for inventories in Inventories::everywhere().await {
        inventories.put_report("duckdb", "2026-11-27", |_| {}).await;
        inventories
            .put(
                &format!("{FOLDER}/2026-11-28T01-00Z/manifest.json"),
                b"{".to_vec(),
            )
            .await;
        inventories
            .put(
                &format!("{FOLDER}/hive/dt=2026-11-28-01-00/symlink.txt"),
                Vec::new(),
            )
            .await;

        let size = inventories.measure(&inventories.target()).await.unwrap();

        assert_eq!(sums(&size), expected());
    }
}

#[tokio::test]
async fn a_small_bucket_and_one_without_a_report_are_listed_where_the_collector_chooses() {
    for inventories in Inventories::everywhere().await {
        let bucket = format!("{}-source", inventories.bucket);
        let client = &inventories.client;
        client.create_bucket().bucket(&bucket).send().await.unwrap();
        let object = client.put_object().bucket(&bucket).key("a");
        let object = object.body(ByteStream::from_static(b"four"));
        object.send().await.unwrap();
        let target = BucketTarget {
            bucket: bucket.clone(),
            chooses_source: true,
            measure: Measured::current(),
            ..inventories.target()
        };

        let without = inventories.measure(&target).await.unwrap();
        let of_source = |manifest: &mut Value| manifest["sourceBucket"] = json!(bucket);
        inventories
            .put_report("duckdb", "2026-11-27", of_source)
            .await;
        let small = inventories.measure(&target).await.unwrap();

        for size in [without, small] {
            assert_eq!((size.method, size.total_bytes()), (Method::Listing, 4));
        }
        let newest = collector::newest_inventory(&inventories.aws, &target, at(NOW)).await;
        assert_eq!(newest.unwrap(), at(SCANNED));
    }
}

#[tokio::test]
async fn without_a_recent_report_the_failure_says_where_one_was_searched() {
    for inventories in Inventories::everywhere().await {
        inventories.put_report("duckdb", "2026-10-01", |_| {}).await;

        let error = inventories.error().await;

        assert_eq!(error.code, "inventory_missing");
        assert!(
            error.reason.contains(&inventories.bucket),
            "{}",
            error.reason
        );
    }
}

#[tokio::test]
async fn a_report_with_a_missing_or_changed_file_is_a_failure() {
    for inventories in Inventories::everywhere().await {
        let file = format!("{FOLDER}/data/duckdb-data.parquet");
        inventories.put_report("duckdb", "2026-11-28", |_| {}).await;

        inventories.delete(&file).await;
        let missing = inventories.error().await;
        let mut changed = kept("duckdb/data.parquet");
        changed[100] ^= 1;
        inventories.put(&file, changed).await;
        let changed = inventories.error().await;
        inventories
            .put(&file, kept("fastparquet/data.parquet"))
            .await;
        let other = inventories.error().await;

        for (error, words) in [(missing, "missing"), (changed, "checksum"), (other, "size")] {
            assert_eq!(error.code, "inventory_damaged", "{error}");
            assert!(error.reason.contains(words), "{error}");
        }
    }
}

#[tokio::test]
async fn a_report_of_another_bucket_or_in_another_format_is_named() {
    for inventories in Inventories::everywhere().await {
        for (field, value) in [("sourceBucket", "acme-test-files"), ("fileFormat", "ORC")] {
            let change = |manifest: &mut Value| manifest[field] = json!(value);
            inventories.put_report("duckdb", "2026-11-28", change).await;

            let error = inventories.error().await;

            assert_eq!(error.code, "inventory_unsupported");
            assert!(error.reason.contains(value), "{error}");
        }
    }
}

#[tokio::test]
async fn versions_that_a_report_does_not_have_are_unmeasured() {
    for inventories in Inventories::everywhere().await {
        let change = |manifest: &mut Value| {
            manifest["files"] = json!([]);
            manifest["fileSchema"] = json!("Bucket, Key, Size, StorageClass");
        };
        inventories.put_report("csv", "2026-11-28", change).await;

        let size = inventories.measure(&inventories.target()).await.unwrap();

        assert_eq!(
            (size.total_bytes(), size.noncurrent, size.delete_markers),
            (0, None, None)
        );
        let codes: Vec<_> = size
            .unmeasured
            .iter()
            .map(|part| part.code.as_str())
            .collect();
        assert_eq!(codes, ["not_in_inventory", "not_in_inventory"]);
    }
}

#[tokio::test]
async fn only_keys_with_the_prefix_count() {
    let expected: Value = serde_json::from_slice(&kept("expected.json")).unwrap();
    let expected = expected["prefixes"]["tenant é/"]["current"][0]
        .as_u64()
        .unwrap();
    for inventories in Inventories::everywhere().await {
        inventories
            .put_report("arrow-snappy", "2026-11-28", |_| {})
            .await;
        let target = BucketTarget {
            prefix: "tenant é/".to_owned(),
            ..inventories.target()
        };

        let size = inventories.measure(&target).await.unwrap();

        assert_eq!(size.total_bytes(), expected);
    }
}

#[tokio::test]
async fn a_reading_that_pauses_continues_with_the_next_file() {
    for inventories in Inventories::everywhere().await {
        inventories.put_report("csv", "2026-11-28", |_| {}).await;
        let target = BucketTarget {
            by_prefix: Some(ByPrefix::Folders(1)),
            ..inventories.target()
        };
        let progress = Progress::default();
        let source = inventories.source(&World::at(NOW));
        let now = Instant::now();

        let Part::Paused(state) = source
            .measure_part(&target, None, now, &progress)
            .await
            .unwrap()
        else {
            panic!("the time was over");
        };
        // A newer report does not mix with the one that was started.
        inventories
            .put_report("duckdb", "2026-11-29", |manifest| {
                manifest["files"] = json!([])
            })
            .await;
        let rest = source
            .measure_part(&target, Some(&state), now, &progress)
            .await
            .unwrap();

        let Part::Whole(size) = rest else {
            panic!("one file was left");
        };
        assert_eq!(sums(&size), expected());
        assert_eq!(by_prefix(&size), expected_by_prefix());
    }
}

#[tokio::test]
async fn a_snapshot_is_as_old_as_the_scan_for_its_report() {
    for inventories in Inventories::everywhere().await {
        let scanned = at("2026-11-28T01:02:03Z");
        let change = |manifest: &mut Value| {
            manifest["creationTimestamp"] = json!(scanned.timestamp_millis().to_string());
        };
        inventories.put_report("duckdb", "2026-11-28", change).await;
        let world = World::at(NOW);
        let target = inventories.target();
        let task = Task {
            target: &target,
            id: &target.id(),
            tick: Tick {
                at: at(NOW),
                every: HOUR,
            },
            refresh: None,
            deadline: Instant::now() + HOUR,
            queue: None,
        };

        run(
            &inventories.source(&world),
            &world.writers,
            &*world.clock,
            task,
        )
        .await;

        let latest = world
            .reader
            .latest::<BucketSize>(&target.id())
            .await
            .unwrap();
        let good = latest.unwrap().good.unwrap();
        assert_eq!(sums(&good.summary), expected());
        assert_eq!(good.run.taken_at, scanned);
        assert_eq!(good.run.taken_at + good.run.duration, at(NOW));
    }
}
