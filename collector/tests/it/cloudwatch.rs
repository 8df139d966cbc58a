//! Metrics in an emulator: values that were put are read back, others are absent.

use std::time::Duration;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime as SdkTime;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum};
use chrono::{DateTime, Utc};
use collector::aws::cloudwatch::{self, MetricQuery};
use shared::aws::Aws;
use shared::clock::{Clock, SystemClock};
use shared::location::AwsScope;
use shared::testing;

use crate::services;
use crate::support::NOWHERE;

const DAY: Duration = Duration::from_secs(86_400);

/// Returns a client for a new account; `None` to skip the test.
async fn client() -> Option<Client> {
    let url = testing::service(testing::MINISTACK)?;
    let aws = Aws::at(&url, &services::unique_account(), "test");
    Some(aws.cloudwatch(&AwsScope::default()).await)
}

/// Returns the start of the day `days` before today.
fn day(days: i64) -> DateTime<Utc> {
    let today = SystemClock.now().timestamp().div_euclid(86_400) * 86_400;
    DateTime::from_timestamp(today - days * 86_400, 0).unwrap()
}

async fn put(client: &Client, bucket: &str, at: DateTime<Utc>, value: f64) {
    let dimension = |name: &str, value: &str| Dimension::builder().name(name).value(value).build();
    let datum = MetricDatum::builder()
        .metric_name("BucketSizeBytes")
        .dimensions(dimension("BucketName", bucket))
        .dimensions(dimension("StorageType", "StandardStorage"))
        .timestamp(SdkTime::from_secs(at.timestamp()))
        .value(value);
    let request = client.put_metric_data().namespace("AWS/S3");
    request.metric_data(datum.build()).send().await.unwrap();
}

fn query(bucket: &str, look_back: Duration) -> MetricQuery {
    MetricQuery {
        namespace: "AWS/S3",
        metric: "BucketSizeBytes",
        dimensions: vec![
            ("BucketName", bucket.to_owned()),
            ("StorageType", "StandardStorage".to_owned()),
        ],
        statistic: "Average",
        period: DAY,
        look_back,
    }
}

#[tokio::test]
async fn the_newest_point_of_each_query_is_read_with_its_day_and_absence_is_not_zero() {
    let Some(client) = client().await else {
        return;
    };
    put(&client, "two-days", day(1), 700.0).await;
    put(&client, "two-days", day(2), 600.0).await;
    put(&client, "zero", day(1), 0.0).await;
    put(&client, "old", day(9), 5.0).await;
    let queries = [
        query("two-days", DAY * 4),
        query("never", DAY * 4),
        query("zero", DAY * 4),
        query("old", DAY * 4),
        query("old", DAY * 14),
    ];

    let found = cloudwatch::newest(&client, &queries, SystemClock.now())
        .await
        .unwrap();
    let all = cloudwatch::points(&client, &queries, SystemClock.now())
        .await
        .unwrap();

    let shown: Vec<_> = found
        .iter()
        .map(|point| point.map(|point| (point.at, point.whole().unwrap())))
        .collect();
    let expected = [
        Some((day(1), 700)),
        None,
        Some((day(1), 0)),
        None,
        Some((day(9), 5)),
    ];
    assert_eq!(shown, expected);
    let days: Vec<_> = all[0].iter().map(|point| point.at).collect();
    assert_eq!(days, [day(1), day(2)]);
}

#[tokio::test]
async fn more_queries_than_one_call_takes_keep_their_order() {
    let Some(client) = client().await else {
        return;
    };
    put(&client, "bucket-0", day(1), 10.0).await;
    put(&client, "bucket-1100", day(1), 20.0).await;
    let queries: Vec<_> = (0..=1100)
        .map(|number| query(&format!("bucket-{number}"), DAY * 4))
        .collect();

    let found = cloudwatch::newest(&client, &queries, SystemClock.now())
        .await
        .unwrap();

    let values: Vec<_> = found
        .iter()
        .enumerate()
        .filter_map(|(number, point)| Some((number, point.as_ref()?.whole()?)))
        .collect();
    assert_eq!(found.len(), 1101);
    assert_eq!(values, [(0, 10), (1100, 20)]);
}

#[tokio::test]
async fn no_queries_make_no_call() {
    let client = Aws::at(NOWHERE, "test", "test")
        .cloudwatch(&AwsScope::default())
        .await;

    let found = cloudwatch::newest(&client, &[], SystemClock.now()).await;

    assert!(found.unwrap().is_empty());
}

#[tokio::test]
async fn a_closed_port_is_a_transient_failure() {
    let client = Aws::at(NOWHERE, "test", "test")
        .cloudwatch(&AwsScope::default())
        .await;

    let error = cloudwatch::newest(&client, &[query("files", DAY)], SystemClock.now())
        .await
        .unwrap_err();

    assert_eq!((error.code, error.is_transient), ("unreachable", true));
}
