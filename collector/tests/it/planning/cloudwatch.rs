//! CloudWatch's figures: asked for by `plan` for the whole fleet, carried to the snapshots by collectors.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::primitives::DateTime as SdkTime;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum};
use aws_sdk_s3::primitives::ByteStream;
use chrono::TimeDelta;
use collector::plan::budget;
use collector::plan::due::{Due, Known, due};
use collector::{Asked, measure_bucket};
use shared::clock::SystemClock;
use shared::fleet::Measured;
use shared::snapshot::bucket_size::{Part, Refresh, RefreshReason};
use shared::snapshot::{Completeness, Measurement};
use shared::testing;

use super::*;
use crate::services;
use crate::stand_in::{Answer, StandIn};

const MEASURE: &str = "measure = [\"current\", \"cloudwatch\"]";

/// Returns the begin of the day `days` before today.
fn day(days: i64) -> DateTime<Utc> {
    let today = SystemClock.now().timestamp().div_euclid(86_400) * 86_400;
    DateTime::from_timestamp(today - days * 86_400, 0).unwrap()
}

/// Puts points of a bucket's daily storage metrics: storage type, days before today, value.
async fn put(aws: &Aws, (region, bucket): (Option<&str>, &str), points: &[(&str, i64, f64)]) {
    let client = aws.cloudwatch(region, None).await;
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
    let client = aws.s3(None, None).await;
    let object = client.put_object().bucket(bucket).key(key);
    let object = object.body(ByteStream::from_static(b"12345"));
    object.send().await.unwrap();
}

/// Returns half past the hour of today: hours 0, 6, 12 and 18 are when CloudWatch is asked.
fn half_past(hour: i64) -> String {
    clock::rfc3339(day(0) + TimeDelta::minutes(hour * 60 + 30))
}

/// Returns a bucket's name, of those that begin so, that is listed for the second time half a day after the first at the
/// earliest: where in its interval that is, the name decides.
fn listed_late(begin: &str) -> String {
    let first = day(0);
    let known = Known {
        measured_at: first,
        refresh: Some(Refresh {
            interval_seconds: HOUR.as_secs(),
            reason: RefreshReason::EveryTick,
            next_full_at: clock::after(first, HOUR),
        }),
        failed_at: None,
        lacks_a_part: false,
    };
    let is_late = |name: &String| {
        let target = BucketTarget::whole("acme-prod", name).id();
        // Of two buckets that take one request each, and one request a day for both.
        let ticks = budget::share(&[1, 1], HOUR, 1).ticks;
        let interval = budget::interval(ticks[0], HOUR);
        let now = clock::after(first, HOUR);
        match due(&target, Some(known), interval, (now, HOUR)) {
            Due::Later { refresh, .. } => refresh.next_full_at > first + TimeDelta::hours(12),
            Due::Now(_) => false,
        }
    };
    let mut names = (0..).map(|number| format!("{begin}-{number}"));
    names.find(is_late).unwrap()
}

#[tokio::test]
async fn a_figure_comes_with_the_first_listing_and_the_next_days_without_one() {
    let Some(url) = testing::service(testing::MINISTACK) else {
        return;
    };
    let account = services::unique_account();
    let aws = Arc::new(Aws::at(&url, &account, "test"));
    let (name, other) = (
        listed_late(&format!("figure-{account}")),
        listed_late(&format!("other-{account}")),
    );
    for bucket in [&name, &other] {
        let client = aws.s3(None, None).await;
        client.create_bucket().bucket(bucket).send().await.unwrap();
        put_object(&aws, bucket, "a").await;
    }
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
    put(&aws, (None, &name), &points).await;
    put(&aws, (None, "another"), &[("StandardStorage", 1, 1.0)]).await;
    let entries = [&name, &other]
        .map(|name| format!("[[environment.storage]]\nbucket = \"{name}\"\n{MEASURE}\n"));
    // One request a day: no bucket is listed twice in the hours of this test.
    let scene = Scene::at(&half_past(4), 1, &entries.concat());
    let tick = async || {
        let report = scene.plan_with(&scene.world.reader, &aws).await.unwrap();
        let messages = scene.queue.take_buckets();
        let collector = Collector::of_buckets(scene.world.ports(&scene.fleet), Arc::clone(&aws));
        for message in &messages {
            let body = message.to_json().unwrap();
            let record = json!({"messageId": "one", "body": body, "attributes": {}, "messageAttributes": {}});
            let event = serde_json::from_value(json!({"Records": [record]})).unwrap();
            let response = collector.handle(event).await.unwrap();
            assert!(response.batch_item_failures.is_empty(), "{body}");
        }
        scene.world.clock.advance(HOUR);
        (report, messages)
    };

    let (report, _) = tick().await;

    assert_eq!((report.bucket_count, report.asked_count), (2, 2));
    let first = scene.good(&name).await;
    let figure = first.summary.cloudwatch.clone().unwrap();
    assert_eq!(figure.as_of, day(2));
    assert_eq!((figure.total_bytes, figure.overhead_bytes), (478, 8));
    let types = [
        ("IntAAObjectOverhead", 8),
        ("IntelligentTieringAAStorage", 400),
        ("StandardStorage", 70),
    ];
    let types = types.map(|(name, bytes)| (name.to_owned(), bytes));
    assert_eq!(figure.by_storage_type, BTreeMap::from(types));
    assert_eq!((figure.object_count, figure.metric_count), (Some(3), 27));
    // It is beside the listing and in none of its numbers.
    assert_eq!(first.summary.total_bytes(), 5);
    assert!(first.summary.unmeasured.is_empty());
    let without = scene.good(&other).await.summary;
    assert_eq!((without.total_bytes(), &without.cloudwatch), (5, &None));
    let [missing] = without.unmeasured.as_slice() else {
        panic!("{:?}", without.unmeasured);
    };
    assert_eq!(
        (missing.part, missing.code.as_str()),
        (Part::CloudWatch, "no_metrics")
    );
    assert_eq!(without.completeness(), Completeness::Complete);

    // Somebody who waits has both at once, by the machine's own clock.
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

    // Half past five: both are told when they are listed next, and CloudWatch is not asked.
    let late = [
        ("IntelligentTieringAAStorage", 1, 400.0),
        ("IntAAObjectOverhead", 1, 8.0),
    ];
    put(&aws, (None, &name), &late).await;
    put_object(&aws, &name, "b").await;
    let (report, _) = tick().await;
    assert_eq!((report.carried_count, report.asked_count), (2, 0));

    // Half past six: there is a newer whole day of the one and still nothing of the other.
    let (report, messages) = tick().await;
    assert_eq!((report.bucket_count, report.asked_count), (0, 2));
    assert_eq!(messages.len(), 1);
    let second = scene.good(&name).await;
    let figure = second.summary.cloudwatch.clone().unwrap();
    assert_eq!((figure.as_of, figure.total_bytes), (day(1), 498));
    // The listing is as old as it was.
    assert_eq!(second.summary.current, first.summary.current);
    assert_eq!(second.summary.listing, first.summary.listing);
    assert_eq!(second.run.taken_at, first.run.taken_at);
    let asked_at = second.run.scheduled_at;
    assert_eq!(second.run.next_due_at, day(0) + TimeDelta::hours(12));
    assert_eq!(figure.asked_at, asked_at);

    for _ in 7..12 {
        let (report, messages) = tick().await;
        assert_eq!((report.asked_count, messages.len()), (0, 0));
    }
}

#[tokio::test]
async fn each_region_and_account_is_asked_of_its_own_buckets() {
    let Some(url) = testing::service(testing::MINISTACK) else {
        return;
    };
    let (account, elsewhere) = (services::unique_account(), services::unique_account());
    let aws = Aws::at(&url, &account, "test");
    let there = Aws::at(&url, &elsewhere, "test");
    let role_arn = format!("arn:aws:iam::{elsewhere}:role/mrt-target");
    put(&aws, (None, "files"), &[("StandardStorage", 1, 10.0)]).await;
    let west = Some("eu-west-1");
    put(&aws, (west, "files-west"), &[("StandardStorage", 1, 20.0)]).await;
    put(
        &there,
        (None, "files-there"),
        &[("StandardStorage", 1, 30.0)],
    )
    .await;
    let entry = |bucket: &str, place: &str| {
        format!("[[environment.storage]]\nbucket = \"{bucket}\"\n{MEASURE}\n{place}\n")
    };
    let entries = [
        entry("files", ""),
        entry("files-west", "region = \"eu-west-1\""),
        entry("files-there", &format!("role_arn = \"{role_arn}\"")),
        // In the region that it is not in.
        entry("files-lost", "region = \"eu-west-1\""),
    ];
    put(&aws, (None, "files-lost"), &[("StandardStorage", 1, 40.0)]).await;
    let scene = Scene::at(&half_past(4), 1, &entries.concat());

    scene.plan_with(&scene.world.reader, &aws).await.unwrap();

    let found: Vec<_> = scene
        .queue
        .take_buckets()
        .into_iter()
        .map(|message| {
            let asked = match message.order.cloudwatch {
                Some(Asked::Found(figure)) => Ok(figure.total_bytes),
                Some(Asked::Missing { code, .. }) => Err(code),
                None => Err("not asked".to_owned()),
            };
            (bucket_of(&message.target), asked)
        })
        .collect();
    let expected = [
        ("files-lost", Err("no_metrics".to_owned())),
        ("files-there", Ok(30)),
        ("files-west", Ok(20)),
        ("files", Ok(10)),
    ];
    assert_eq!(
        found,
        expected.map(|(name, asked)| (name.to_owned(), asked))
    );
}

/// Returns a stand-in that refuses everything.
async fn refusing() -> StandIn {
    StandIn::start(|_, _| Answer::error(403, "AccessDenied")).await
}

#[tokio::test]
async fn a_fleet_takes_a_call_for_eighteen_buckets_of_one_place() {
    let cloudwatch = refusing().await;
    let entries: String = (0..60)
        .map(|number| {
            let place = if number < 40 { "eu-west-1" } else { "us-east-1" };
            format!(
                "[[environment.storage]]\nbucket = \"files-{number:02}-1\"\n{MEASURE}\nregion = \"{place}\"\n"
            )
        })
        .collect();
    let scene = Scene::at(&half_past(4), 1, &entries);

    let report = scene.plan_with(&scene.world.reader, &cloudwatch.aws).await;

    assert_eq!(report.unwrap().asked_count, 60);
    let mut sizes: Vec<_> = cloudwatch
        .asked()
        .iter()
        .map(|asked| {
            let names =
                (0..60).filter(|number| asked.body.contains(&format!("files-{number:02}-1")));
            let names: Vec<_> = names.collect();
            // No call is of two regions.
            assert!(names.iter().all(|number| (*number < 40) == (names[0] < 40)));
            names.len()
        })
        .collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [2, 4, 18, 18, 18]);
}

#[tokio::test]
async fn a_refusal_of_cloudwatch_is_told_and_stops_nothing() {
    let cloudwatch = refusing().await;
    let scene = Scene::of(1, &[("files-100", MEASURE), ("other-100", "")]);
    let tick = async || {
        let planned = scene.plan_with(&scene.world.reader, &cloudwatch.aws).await;
        let messages = scene.queue.take_buckets();
        scene.collect(&messages).await;
        scene.world.clock.advance(HOUR);
        planned.unwrap()
    };

    let first = tick().await;
    let second = tick().await;
    let third = tick().await;

    assert_eq!((first.bucket_count, first.asked_count), (2, 1));
    let size = scene.good("files-100").await.summary;
    assert_eq!(size.completeness(), Completeness::Complete);
    assert_eq!((size.total_bytes(), &size.cloudwatch), (100, &None));
    let [refused] = size.unmeasured.as_slice() else {
        panic!("{:?}", size.unmeasured);
    };
    assert_eq!(
        (refused.part, refused.code.as_str()),
        (Part::CloudWatch, "access_denied")
    );
    assert!(refused.reason.contains("cloudwatch:GetMetricData"));
    assert!(!refused.reason.contains("NEVERLEAK"));
    // Asked again at every tick, and told once.
    assert_eq!((second.carried_count, second.asked_count), (2, 1));
    assert_eq!((third.carried_count, third.asked_count), (0, 1));
}
