//! CloudWatch's figure beside a listing: read from an emulator, and missing without harm.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_cloudwatch::primitives::DateTime as SdkTime;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum};
use aws_sdk_s3::primitives::ByteStream;
use chrono::{DateTime, Utc};
use collector::{Progress, measure_bucket};
use shared::aws::Aws;
use shared::clock::{Clock, SystemClock};
use shared::fleet::{BucketTarget, Measured};
use shared::snapshot::bucket_size::Part;
use shared::snapshot::{BucketSize, Completeness, Measurement};
use shared::testing;

use crate::services;
use crate::stand_in::{Answer, StandIn};
use crate::support::bucket;

fn target(name: &str) -> BucketTarget {
    BucketTarget {
        measure: Measured {
            cloudwatch: true,
            ..Measured::current()
        },
        ..bucket(name)
    }
}

async fn measured(aws: &Arc<Aws>, name: &str) -> BucketSize {
    measure_bucket(Arc::clone(aws), &target(name), &Progress::default())
        .await
        .unwrap()
}

/// Returns the begin of the day `days` before today.
fn day(days: i64) -> DateTime<Utc> {
    let today = SystemClock.now().timestamp().div_euclid(86_400) * 86_400;
    DateTime::from_timestamp(today - days * 86_400, 0).unwrap()
}

/// Puts a point of a daily storage metric of `bucket`.
async fn put(aws: &Aws, bucket: &str, storage_type: &str, (days, value): (i64, f64)) {
    let metric = match storage_type {
        "AllStorageTypes" => "NumberOfObjects",
        _ => "BucketSizeBytes",
    };
    let dimension = |name: &str, value: &str| Dimension::builder().name(name).value(value).build();
    let datum = MetricDatum::builder()
        .metric_name(metric)
        .dimensions(dimension("BucketName", bucket))
        .dimensions(dimension("StorageType", storage_type))
        .timestamp(SdkTime::from_secs(day(days).timestamp()))
        .value(value);
    let client = aws.cloudwatch(None, None).await;
    let request = client.put_metric_data().namespace("AWS/S3");
    request.metric_data(datum.build()).send().await.unwrap();
}

#[tokio::test]
async fn the_figure_is_of_the_newest_day_over_all_storage_types() {
    let Some(url) = testing::service(testing::MINISTACK) else {
        return;
    };
    let account = services::unique_account();
    let aws = Arc::new(Aws::at(&url, &account, "test"));
    let s3 = aws.s3(None, None).await;
    let (name, other) = (format!("figure-{account}"), format!("other-{account}"));
    for bucket in [&name, &other] {
        s3.create_bucket().bucket(bucket).send().await.unwrap();
        let object = s3.put_object().bucket(bucket).key("a");
        let object = object.body(ByteStream::from_static(b"12345"));
        object.send().await.unwrap();
    }
    for (storage_type, point) in [
        ("StandardStorage", (2, 70.0)),
        ("StandardStorage", (3, 60.0)),
        // Emptied since: an older day's bytes are no part of the newest.
        ("GlacierStorage", (3, 5_000.0)),
        ("IntelligentTieringAAStorage", (2, 400.0)),
        ("IntAAObjectOverhead", (2, 8.0)),
        ("AllStorageTypes", (2, 3.0)),
        ("AllStorageTypes", (3, 9.0)),
    ] {
        put(&aws, &name, storage_type, point).await;
    }
    put(&aws, "another", "StandardStorage", (1, 1.0)).await;

    let size = measured(&aws, &name).await;
    let without = measured(&aws, &other).await;

    let figure = size.cloudwatch.clone().unwrap();
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
    assert_eq!((size.total_bytes(), size.object_count()), (5, Some(1)));
    assert!(size.unmeasured.is_empty());

    assert_eq!((without.total_bytes(), &without.cloudwatch), (5, &None));
    let [missing] = without.unmeasured.as_slice() else {
        panic!("{:?}", without.unmeasured);
    };
    assert_eq!(
        (missing.part, missing.code.as_str()),
        (Part::CloudWatch, "no_metrics")
    );
}

#[tokio::test]
async fn a_refusal_of_cloudwatch_is_named_and_takes_nothing_from_the_listing() {
    let s3 = StandIn::start(|_, asked| {
        if asked.path.starts_with("/files") {
            Answer::new(
                200,
                "<ListBucketResult><KeyCount>1</KeyCount><IsTruncated>false</IsTruncated>\
                 <Contents><Key>a</Key><Size>7</Size></Contents></ListBucketResult>",
            )
        } else {
            Answer::error(403, "AccessDenied")
        }
    })
    .await;

    let size = measured(&s3.aws, "files").await;

    assert_eq!((size.total_bytes(), &size.cloudwatch), (7, &None));
    assert_eq!(size.completeness(), Completeness::Complete);
    let [refused] = size.unmeasured.as_slice() else {
        panic!("{:?}", size.unmeasured);
    };
    assert_eq!(
        (refused.part, refused.code.as_str()),
        (Part::CloudWatch, "access_denied")
    );
    assert!(
        refused.reason.contains("cloudwatch:GetMetricData"),
        "{}",
        refused.reason
    );
    assert!(!refused.reason.contains("NEVERLEAK"));
}
