//! Storage other than buckets: metrics and descriptions from emulators. Their failures: `faults.rs`.

mod faults;

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lambda_events::event::sqs::SqsEvent;
use aws_sdk_cloudwatch::primitives::DateTime as SdkTime;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ScalarAttributeType,
};
use chrono::{DateTime, TimeDelta, Utc};
use collector::{BatchHandler, Collector, MeasureError, Progress, measure_bucket};
use serde_json::json;
use shared::aws::Aws;
use shared::clock::{Clock, SystemClock};
use shared::fleet::{BucketTarget, StorageKind, TargetId};
use shared::location::AwsScope;
use shared::snapshot::bucket_size::{Definition, Method, ResourceSize};
use shared::snapshot::{BucketSize, Completeness, Measurement};
use shared::testing;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::services;
use crate::support::{FleetFile, World};

const GIB: u64 = 1 << 30;
const FILE_SYSTEM: &str = "fs-0123456789abcdef0";
const VOLUME: &str = "vol-0123456789abcdef0";

fn target(kind: StorageKind, id: &str) -> BucketTarget {
    BucketTarget {
        allocated_gib: (kind == StorageKind::Rds).then_some(20),
        ..BucketTarget::resource("acme-prod", kind, id)
    }
}

async fn measure(aws: &Arc<Aws>, target: &BucketTarget) -> Result<BucketSize, MeasureError> {
    measure_bucket(Arc::clone(aws), target, &Progress::default()).await
}

/// Returns the size after the assertions that hold for all.
async fn measured(aws: &Arc<Aws>, target: &BucketTarget) -> (Method, ResourceSize) {
    let size = measure(aws, target).await.unwrap();
    assert_eq!(size.completeness(), Completeness::Complete);
    assert_eq!((&size.current, &size.listing), (&None, &None));
    (size.method, size.resource.unwrap())
}

/// Returns clients for a new account in an emulator; `None` to skip the test.
fn emulator(variable: &str) -> Option<(Arc<Aws>, String, String)> {
    let url = testing::service(variable)?;
    let account = services::unique_account();
    Some((Arc::new(Aws::at(&url, &account, "test")), url, account))
}

/// Returns the start of the period of `seconds` that is `periods` before the current one.
fn before(seconds: i64, periods: i64) -> DateTime<Utc> {
    let now = SystemClock.now().timestamp().div_euclid(seconds) * seconds;
    DateTime::from_timestamp(now, 0).unwrap() - TimeDelta::seconds(seconds * periods)
}

async fn put(
    aws: &Aws,
    (namespace, metric): (&str, &str),
    dimensions: &[(&str, &str)],
    (at, bytes): (DateTime<Utc>, u64),
) {
    let dimensions = dimensions
        .iter()
        .map(|(name, value)| Dimension::builder().name(*name).value(*value).build());
    #[expect(clippy::cast_precision_loss, reason = "sizes of tests are small")]
    let datum = MetricDatum::builder()
        .metric_name(metric)
        .set_dimensions(Some(dimensions.collect()))
        .timestamp(SdkTime::from_secs(at.timestamp()))
        .value(bytes as f64);
    let client = aws.cloudwatch(&AwsScope::default()).await;
    let request = client.put_metric_data().namespace(namespace);
    request.metric_data(datum.build()).send().await.unwrap();
}

async fn put_file_system(aws: &Aws, class: &str, at: DateTime<Utc>, bytes: u64) {
    let dimensions = [("FileSystemId", FILE_SYSTEM), ("StorageClass", class)];
    put(aws, ("AWS/EFS", "StorageBytes"), &dimensions, (at, bytes)).await;
}

#[tokio::test]
async fn a_file_system_has_the_bytes_of_its_newest_report_by_class() {
    let Some((aws, ..)) = emulator(testing::MINISTACK) else {
        return;
    };
    let newest = before(900, 1);
    for (class, at, bytes) in [
        ("Total", before(900, 2), 900),
        ("Archive", before(900, 2), 800),
        ("Total", newest, 70),
        ("Standard", newest, 30),
        ("IA", newest, 25),
        ("IASizeOverhead", newest, 15),
    ] {
        put_file_system(&aws, class, at, bytes).await;
    }

    let (method, size) = measured(&aws, &target(StorageKind::Efs, FILE_SYSTEM)).await;

    let classes = [("IA", 25), ("IASizeOverhead", 15), ("Standard", 30)];
    let expected = ResourceSize {
        used_bytes: Some(70),
        provisioned_bytes: None,
        item_count: None,
        by_storage_class: classes
            .map(|(class, bytes)| (class.to_owned(), bytes))
            .into(),
        as_of: Some(newest),
    };
    assert_eq!((method, size), (Method::CloudWatch, expected));
}

#[tokio::test]
async fn servers_have_used_bytes_and_an_instance_allocated_ones() {
    let Some((aws, ..)) = emulator(testing::MINISTACK) else {
        return;
    };
    let (free_at, used_at) = (before(60, 2), before(60, 120));
    let free = ("AWS/RDS", "FreeStorageSpace");
    for (name, bytes) in [("acme", 15 * GIB), ("grown", 21 * GIB)] {
        let instance = [("DBInstanceIdentifier", name)];
        put(&aws, free, &instance, (free_at, bytes)).await;
    }
    let cluster = [("DBClusterIdentifier", "acme")];
    let used = ("AWS/RDS", "VolumeBytesUsed");
    put(&aws, used, &cluster, (used_at, 7 * GIB)).await;

    let instance = measured(&aws, &target(StorageKind::Rds, "acme")).await;
    let cluster = measured(&aws, &target(StorageKind::Aurora, "acme")).await;
    let grown = measure(&aws, &target(StorageKind::Rds, "grown")).await;

    let expected = ResourceSize {
        used_bytes: Some(5 * GIB),
        provisioned_bytes: Some(20 * GIB),
        item_count: None,
        by_storage_class: BTreeMap::new(),
        as_of: Some(free_at),
    };
    assert_eq!(instance, (Method::CloudWatch, expected.clone()));
    let expected = ResourceSize {
        used_bytes: Some(7 * GIB),
        provisioned_bytes: None,
        as_of: Some(used_at),
        ..expected
    };
    assert_eq!(cluster, (Method::CloudWatch, expected));
    assert_eq!(grown.unwrap_err().code, "allocated_outdated");
}

#[tokio::test]
async fn without_a_metric_there_is_no_size_instead_of_zero() {
    let Some((aws, ..)) = emulator(testing::MINISTACK) else {
        return;
    };
    // Older than any that counts.
    put_file_system(&aws, "Total", before(900, 20), 70).await;

    for (kind, id) in [
        (StorageKind::Efs, FILE_SYSTEM),
        (StorageKind::Rds, "never"),
        (StorageKind::Aurora, "never"),
    ] {
        let error = measure(&aws, &target(kind, id)).await.unwrap_err();
        assert_eq!(
            (error.code, error.is_transient),
            ("no_metrics", false),
            "{kind:?}"
        );
    }
}

/// Makes a table of three items in the account of `aws`.
async fn make_table(aws: &Aws, name: &str) -> aws_sdk_dynamodb::Client {
    let client = aws_sdk_dynamodb::Client::new(aws.config());
    let id = AttributeDefinition::builder()
        .attribute_name("id")
        .attribute_type(ScalarAttributeType::S);
    let key = KeySchemaElement::builder()
        .attribute_name("id")
        .key_type(KeyType::Hash);
    let request = client.create_table().table_name(name);
    let request = request.billing_mode(BillingMode::PayPerRequest);
    let request = request.attribute_definitions(id.build().unwrap());
    request
        .key_schema(key.build().unwrap())
        .send()
        .await
        .unwrap();
    for number in 0..3 {
        let request = client.put_item().table_name(name);
        let id = AttributeValue::S(format!("item {number}"));
        request.item("id", id).send().await.unwrap();
    }
    client
}

#[tokio::test]
async fn a_table_has_the_bytes_and_items_that_dynamodb_reports() {
    for variable in [testing::MINISTACK, testing::MOTO] {
        let Some((aws, _, account)) = emulator(variable) else {
            return;
        };
        let name = format!("sessions-{account}");
        let client = make_table(&aws, &name).await;
        let described = client.describe_table().table_name(&name).send().await;
        let described = described.unwrap().table.unwrap();

        let (method, size) = measured(&aws, &target(StorageKind::DynamoDb, &name)).await;
        let missing = measure(&aws, &target(StorageKind::DynamoDb, "never-made")).await;

        let bytes = described.table_size_bytes().unwrap().unsigned_abs();
        let expected = ResourceSize {
            used_bytes: Some(bytes),
            provisioned_bytes: None,
            item_count: Some(3),
            by_storage_class: [("STANDARD".to_owned(), bytes)].into(),
            as_of: None,
        };
        assert_eq!((method, size), (Method::Service, expected));
        let missing = missing.unwrap_err();
        assert_eq!(
            (missing.code, missing.is_transient),
            ("resource_missing", false)
        );
    }
}

/// Calls EC2 of an emulator for the set-up; returns the response.
async fn ask_ec2(url: &str, account: &str, form: &str) -> String {
    let host = url.trim_start_matches("http://");
    let mut connection = TcpStream::connect(host).await.unwrap();
    let request = format!(
        "POST / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\
         authorization: AWS4-HMAC-SHA256 Credential={account}/20260101/us-east-1/ec2/aws4_request, \
         SignedHeaders=host, Signature=0\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_volume_has_provisioned_bytes_and_no_used_ones() {
    for variable in [testing::MINISTACK, testing::MOTO] {
        let Some((aws, url, account)) = emulator(variable) else {
            return;
        };
        let form = "Action=CreateVolume&Version=2016-11-15&AvailabilityZone=us-east-1a&Size=30&VolumeType=gp3";
        let made = ask_ec2(&url, &account, form).await;
        let id = made.split("<volumeId>").nth(1);
        let id = id
            .and_then(|rest| rest.split('<').next())
            .unwrap_or_else(|| panic!("{made}"));
        StorageKind::Ebs.check_id(id).unwrap();

        let size = measure(&aws, &target(StorageKind::Ebs, id)).await.unwrap();
        let missing = measure(&aws, &target(StorageKind::Ebs, VOLUME)).await;

        assert_eq!(size.total(), (30 * GIB, Definition::Provisioned));
        assert_eq!(size.method, Method::Service);
        let expected = ResourceSize {
            used_bytes: None,
            provisioned_bytes: Some(30 * GIB),
            item_count: None,
            by_storage_class: [("gp3".to_owned(), 30 * GIB)].into(),
            as_of: None,
        };
        assert_eq!(size.resource, Some(expected));
        let missing = missing.unwrap_err();
        assert_eq!(
            (missing.code, missing.is_transient),
            ("resource_missing", false)
        );
    }
}

#[tokio::test]
async fn a_job_for_other_storage_becomes_its_snapshot() {
    let Some((aws, _, account)) = emulator(testing::MINISTACK) else {
        return;
    };
    let name = format!("sessions-{account}");
    make_table(&aws, &name).await;
    let world = World::at("2026-01-01T10:00:00Z");
    let fleet = FleetFile::with(&format!(
        "[[environment]]\nname = \"acme-prod\"\n[[environment.storage]]\nkind = \"dynamodb\"\nid = \"{name}\"\n"
    ));
    let id = format!("acme-prod/dynamodb/{name}//");
    let body = json!({"target": id, "scheduled_at": "2026-01-01T10:00:00Z"}).to_string();
    let event: SqsEvent = serde_json::from_value(json!({
        "Records": [{"messageId": "one", "body": body, "attributes": {}, "messageAttributes": {}}]
    }))
    .unwrap();

    let handled = Collector::of_buckets(world.ports(&fleet), aws)
        .handle(event)
        .await;

    assert!(handled.unwrap().batch_item_failures.is_empty());
    let id = TargetId::from_text(&id);
    let latest = world.reader.latest::<BucketSize>(&id).await;
    let good = latest.unwrap().unwrap().good.unwrap();
    assert_eq!(good.summary.object_count(), Some(3));
    assert_eq!(good.summary.method, Method::Service);
}
