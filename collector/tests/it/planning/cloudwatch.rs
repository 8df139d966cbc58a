//! CloudWatch's daily metrics: read by `plan` for the whole fleet, and stored apart from the listings.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::primitives::DateTime as SdkTime;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum};
use aws_sdk_s3::primitives::ByteStream;
use chrono::TimeDelta;
use collector::measure_bucket;
use shared::clock::SystemClock;
use shared::fleet::{Kind, Measured, TargetId};
use shared::history::{HistoryQuery, HistoryReader, Resolution};
use shared::location::AwsScope;
use shared::snapshot::{Latest, Run, Snapshot, StorageMetrics};
use shared::testing;
use shared::testing::stand_in::{Response, StandIn};

use super::*;
use crate::services;

const MEASURE: &str = "measure = [\"current\", \"cloudwatch\"]";

/// Returns the start of the day `days` before today.
fn day(days: i64) -> DateTime<Utc> {
    let today = SystemClock.now().timestamp().div_euclid(86_400) * 86_400;
    DateTime::from_timestamp(today - days * 86_400, 0).unwrap()
}

/// Puts points of a bucket's daily storage metrics: storage type, days before today, value.
async fn put(aws: &Aws, region: Option<&str>, bucket: &str, points: &[(&str, i64, f64)]) {
    let scope = AwsScope {
        region: region.map(str::to_owned),
        ..AwsScope::default()
    };
    let client = aws.cloudwatch(&scope).await;
    for (storage_type, days, value) in points {
        let metric = match *storage_type {
            "AllStorageTypes" => "NumberOfObjects",
            _ => "BucketSizeBytes",
        };
        let dimension =
            |name: &str, value: &str| Dimension::builder().name(name).value(value).build();
        let datum = MetricDatum::builder()
            .metric_name(metric)
            .dimensions(dimension("BucketName", bucket))
            .dimensions(dimension("StorageType", storage_type))
            .timestamp(SdkTime::from_secs(day(*days).timestamp()))
            .value(*value);
        let request = client.put_metric_data().namespace("AWS/S3");
        request.metric_data(datum.build()).send().await.unwrap();
    }
}

async fn put_object(aws: &Aws, bucket: &str, key: &str) {
    let client = aws.s3(&AwsScope::default()).await;
    let object = client.put_object().bucket(bucket).key(key);
    let object = object.body(ByteStream::from_static(b"12345"));
    object.send().await.unwrap();
}

/// Returns half past the hour of today: hours 0, 6, 12 and 18 are when CloudWatch is read.
fn half_past(hour: i64) -> String {
    clock::rfc3339(day(0) + TimeDelta::minutes(hour * 60 + 30))
}

impl Scene {
    async fn metrics(&self, bucket: &str) -> Latest<StorageMetrics> {
        let id = BucketTarget::whole("acme-prod", bucket).id();
        let latest = self.world.reader.latest::<StorageMetrics>(&id).await;
        latest.unwrap().unwrap()
    }

    /// Returns the bytes of each run in the history of a bucket's metrics.
    async fn history(&self, bucket: &str) -> Vec<u64> {
        let query = HistoryQuery {
            from: day(10),
            to: day(-10),
            resolution: Resolution::Runs,
            tables: None,
            with_parts: false,
            limit: 1_000,
        };
        let id = BucketTarget::whole("acme-prod", bucket).id();
        let reader = HistoryReader::new(self.world.store.clone());
        let found = reader.read(Kind::StorageMetrics, &id, &query).await;
        let own = found.unwrap().own;
        let totals = own.iter().find(|(series, _)| series.class.is_none());
        let totals = totals.into_iter().flat_map(|(_, column)| column);
        totals.filter_map(|reading| reading.value()).collect()
    }

    /// Plans this hour and moves on to the next.
    async fn plan_hour(&self, aws: &Aws) -> PlanReport {
        let report = self.plan_with(&self.world.reader, aws).await.unwrap();
        self.world.clock.advance(HOUR);
        report
    }
}

/// Returns the fleet's entries of `buckets` with their metrics.
fn entries(buckets: &[&str]) -> String {
    buckets
        .iter()
        .map(|name| format!("[[environment.storage]]\nbucket = \"{name}\"\n{MEASURE}\n"))
        .collect()
}

#[tokio::test]
async fn metrics_are_stored_apart_from_the_listing_and_only_where_they_are_new() {
    let Some(url) = testing::service(testing::MINISTACK) else {
        return;
    };
    let account = services::unique_account();
    let aws = Arc::new(Aws::at(&url, &account, "test"));
    let (name, other) = (format!("metrics-{account}"), format!("other-{account}"));
    let client = aws.s3(&AwsScope::default()).await;
    client.create_bucket().bucket(&name).send().await.unwrap();
    put_object(&aws, &name, "a").await;
    let points = [
        ("StandardStorage", 2, 70.0),
        ("StandardStorage", 3, 60.0),
        // The other types of that day are still to come: it is not shown.
        ("StandardStorage", 1, 90.0),
        // Emptied since: an older day's bytes are no part of a newer one's.
        ("GlacierStorage", 4, 5_000.0),
        ("IntelligentTieringAAStorage", 2, 400.0),
        ("IntAAObjectOverhead", 2, 8.0),
        ("AllStorageTypes", 2, 3.0),
        ("AllStorageTypes", 3, 9.0),
    ];
    put(&aws, None, &name, &points).await;
    put(&aws, None, "another", &[("StandardStorage", 1, 1.0)]).await;
    let scene = Scene::at(&half_past(4), 1_000, &entries(&[&name, &other]));

    let report = scene.plan_hour(&aws).await;

    assert_eq!(
        (report.metrics_requested_count, report.metrics_stored_count),
        (2, 2)
    );
    let first = scene.metrics(&name).await.good.unwrap();
    let metrics = &first.summary;
    assert_eq!(metrics.as_of, day(2));
    assert_eq!((metrics.total_bytes, metrics.overhead_bytes), (478, 8));
    let types = [
        ("IntAAObjectOverhead", 8),
        ("IntelligentTieringAAStorage", 400),
        ("StandardStorage", 70),
    ];
    let types = types.map(|(name, bytes)| (name.to_owned(), bytes));
    assert_eq!(metrics.by_storage_type, BTreeMap::from(types));
    assert_eq!((metrics.object_count, metrics.metric_count), (Some(3), 27));
    assert_eq!(first.run.next_due_at, day(0) + TimeDelta::hours(6));
    let without = scene.metrics(&other).await;
    assert_eq!(without.good, None);
    assert_eq!(without.last_failure.unwrap().code, "no_metrics");

    // A person who waits has both at once, by the machine's own clock.
    let target = BucketTarget {
        measure: Measured {
            cloudwatch: true,
            ..Measured::current()
        },
        ..BucketTarget::whole("acme-prod", &name)
    };
    let waited = measure_bucket(Arc::clone(&aws), &target, &Progress::default()).await;
    let waited = waited.unwrap();
    assert_eq!(waited.total_bytes(), 5);
    assert_eq!(waited.cloudwatch.unwrap().total_bytes, 478);

    // Half past five: CloudWatch is not read, though it has something new.
    let late = [
        ("IntelligentTieringAAStorage", 1, 400.0),
        ("IntAAObjectOverhead", 1, 8.0),
    ];
    put(&aws, None, &name, &late).await;
    let report = scene.plan_hour(&aws).await;
    assert_eq!(report.metrics_requested_count, 0);

    // Half past six: there is a newer whole day of the one and still nothing of the other.
    let seen_at = scene.world.clock.now();
    let report = scene.plan_hour(&aws).await;
    assert_eq!(
        (report.metrics_requested_count, report.metrics_stored_count),
        (2, 1)
    );
    let second = scene.metrics(&name).await;
    let good = second.good.clone().unwrap();
    assert_eq!(
        (good.summary.as_of, good.summary.total_bytes),
        (day(1), 498)
    );
    assert_eq!(
        (good.summary.asked_at, good.run.scheduled_at),
        (seen_at, seen_at)
    );

    // Half past five arrives late, half past six arrives twice.
    for time in [seen_at - TimeDelta::hours(1), seen_at] {
        let report = scene.plan_at(time, &scene.world.reader, &aws).await;
        assert_eq!(report.unwrap().metrics_stored_count, 0);
        assert_eq!(scene.metrics(&name).await, second);
    }
    for _ in 7..12 {
        assert_eq!(scene.plan_hour(&aws).await.metrics_requested_count, 0);
    }

    // Both are in the history, where the one without metrics has none.
    assert_eq!(scene.history(&name).await, [478, 498]);
    assert_eq!(scene.history(&other).await, [0; 0]);
    assert!(scene.metrics(&other).await.trend.is_some());
}

/// The jobs are queued and the metrics are stored: that is what the tick is for.
#[tokio::test]
async fn a_history_of_metrics_that_cannot_be_written_fails_nothing_and_follows_later() {
    let Some(url) = testing::service(testing::MINISTACK) else {
        return;
    };
    let aws = Aws::at(&url, &services::unique_account(), "test");
    put(&aws, None, "files-1", &[("StandardStorage", 2, 70.0)]).await;
    let scene = Scene::at(&half_past(4), 1_000, &entries(&["files-1"]));
    let (now, reader) = (scene.world.clock.now(), &scene.world.reader);
    // A snapshot takes three calls.
    let broken = FailingStore::new(scene.world.store.clone(), 4..1_000);

    let report = scene
        .plan_storing(now, reader, &writers(Arc::new(broken)), &aws)
        .await;

    assert_eq!(report.unwrap().metrics_stored_count, 1);
    assert_eq!(scene.history("files-1").await, [0; 0]);
    put(&aws, None, "files-1", &[("StandardStorage", 1, 90.0)]).await;
    scene.world.clock.advance(HOUR * 26);
    scene.plan_hour(&aws).await;
    assert_eq!(scene.history("files-1").await, [70, 90]);
}

#[tokio::test]
async fn each_region_and_account_is_read_for_its_own_buckets() {
    let Some(url) = testing::service(testing::MINISTACK) else {
        return;
    };
    let (account, elsewhere) = (services::unique_account(), services::unique_account());
    let aws = Aws::at(&url, &account, "test");
    let there = Aws::at(&url, &elsewhere, "test");
    let role_arn = format!("arn:aws:iam::{elsewhere}:role/mrt-target");
    let west = Some("eu-west-1");
    put(&aws, None, "files", &[("StandardStorage", 1, 10.0)]).await;
    put(&aws, west, "files-west", &[("StandardStorage", 1, 20.0)]).await;
    put(&there, None, "files-there", &[("StandardStorage", 1, 30.0)]).await;
    // In another region than the fleet file names.
    put(&aws, None, "files-lost", &[("StandardStorage", 1, 40.0)]).await;
    let entry = |bucket: &str, scope: &str| {
        format!("[[environment.storage]]\nbucket = \"{bucket}\"\n{MEASURE}\n{scope}\n")
    };
    let entries = [
        entry("files", ""),
        entry("files-west", "region = \"eu-west-1\""),
        entry("files-there", &format!("role_arn = \"{role_arn}\"")),
        entry("files-lost", "region = \"eu-west-1\""),
    ];
    let scene = Scene::at(&half_past(4), 1, &entries.concat());

    scene.plan_hour(&aws).await;

    for (bucket, bytes) in [("files", 10), ("files-west", 20), ("files-there", 30)] {
        let good = scene.metrics(bucket).await.good.unwrap();
        assert_eq!(good.summary.total_bytes, bytes, "{bucket}");
    }
    let lost = scene.metrics("files-lost").await;
    assert_eq!(lost.last_failure.unwrap().code, "no_metrics");
}

/// Returns a stand-in that denies every request.
async fn denying() -> StandIn {
    StandIn::start(|_, _| Response::error(403, "AccessDenied")).await
}

#[tokio::test]
async fn a_fleet_takes_a_call_for_eighteen_buckets_of_one_region() {
    let cloudwatch = denying().await;
    let entries: String = (0..60)
        .map(|number| {
            let region = if number < 40 { "eu-west-1" } else { "us-east-1" };
            format!(
                "[[environment.storage]]\nbucket = \"files-{number:02}-1\"\n{MEASURE}\nregion = \"{region}\"\n"
            )
        })
        .collect();
    let scene = Scene::at(&half_past(4), 1, &entries);

    let report = scene.plan_hour(&cloudwatch.aws).await;

    assert_eq!(report.metrics_requested_count, 60);
    let mut sizes: Vec<_> = cloudwatch
        .requests()
        .iter()
        .map(|request| {
            let names =
                (0..60).filter(|number| request.body.contains(&format!("files-{number:02}-1")));
            let names: Vec<_> = names.collect();
            // No call is for two regions.
            assert!(names.iter().all(|number| (*number < 40) == (names[0] < 40)));
            names.len()
        })
        .collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [2, 4, 18, 18, 18]);
}

#[tokio::test]
async fn a_failing_cloudwatch_leaves_the_last_metrics_and_stops_nothing() {
    let cloudwatch = denying().await;
    let scene = Scene::of(1_000, &[("files-1", MEASURE), ("other-1", "")]);
    let id = BucketTarget::whole("acme-prod", "files-1").id();
    let known = StorageMetrics {
        as_of: clock::after(scene.world.clock.now(), HOUR) - TimeDelta::days(3),
        total_bytes: 70,
        overhead_bytes: 0,
        by_storage_type: BTreeMap::new(),
        object_count: None,
        asked_at: scene.world.clock.now(),
        metric_count: 27,
    };
    let snapshot = Snapshot {
        target: id,
        run: Run::at(scene.world.clock.now(), HOUR),
        measurement: known.clone(),
    };
    scene.world.writers.snapshots.keep(&snapshot).await.unwrap();
    // Until the next time to read it.
    scene.world.clock.advance(HOUR * 6);

    let first = scene.plan_hour(&cloudwatch.aws).await;
    let second = scene.plan_hour(&cloudwatch.aws).await;

    assert_eq!((first.bucket_count, first.metrics_stored_count), (2, 1));
    // Retried at the next tick, and stored once.
    assert_eq!(
        (second.metrics_requested_count, second.metrics_stored_count),
        (1, 0)
    );
    let latest = scene.metrics("files-1").await;
    assert_eq!(latest.good.unwrap().summary, known);
    let failure = latest.last_failure.unwrap();
    assert_eq!(failure.code, "access_denied");
    assert!(failure.reason.contains("cloudwatch:GetMetricData"));
    assert!(!failure.reason.contains("NEVERLEAK"));
}

#[tokio::test]
async fn metrics_that_cannot_be_stored_fail_the_invocation_after_the_jobs_are_queued() {
    let cloudwatch = denying().await;
    let scene = Scene::of(1_000, &[("files-1", MEASURE)]);
    let store = FailingStore::new(scene.world.store.clone(), [1]);
    let writers = writers(Arc::new(store));

    let (now, reader) = (scene.world.clock.now(), &scene.world.reader);
    let error = scene
        .plan_storing(now, reader, &writers, &cloudwatch.aws)
        .await;

    assert_eq!(error.unwrap_err().error_type(), "MetricsNotStored");
    assert_eq!(measured(&scene.queue.take_buckets()), ["files-1"]);
}

#[tokio::test]
async fn a_damaged_record_of_metrics_is_replaced() {
    let cloudwatch = denying().await;
    let scene = Scene::of(1_000, &[("files-1", MEASURE)]);
    scene.plan_hour(&cloudwatch.aws).await;
    scene
        .damage("LATEST#storage_metrics", "acme-prod/s3/files-1//")
        .await;
    let calls = cloudwatch.requests().len();

    let planned = scene.plan_with(&scene.world.reader, &cloudwatch.aws).await;

    assert!(planned.is_ok(), "{planned:?}");
    assert!(cloudwatch.requests().len() > calls);
    let target = TargetId::from_text("acme-prod/s3/files-1//");
    let metrics = scene.world.reader.latest::<StorageMetrics>(&target).await;
    assert!(metrics.unwrap().unwrap().last_failure.is_some());
}
