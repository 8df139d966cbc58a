//! Storage of the database server from an emulator's metrics, and the errors that leave it unknown.

use std::sync::Arc;

use aws_sdk_cloudwatch::primitives::DateTime as SdkTime;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum};
use chrono::{DateTime, TimeDelta, Utc};
use collector::{Progress, Source, TableSource};
use shared::aws::Aws;
use shared::clock::{Clock, SystemClock};
use shared::fleet::{DatabaseServer, DatabaseTarget};
use shared::location::AwsScope;
use shared::snapshot::{Completeness, DatabaseSize, Measurement, ServerKind, ServerStorage};
use shared::testing;
use shared::testing::stand_in::{Response, StandIn};
use tokio::time::Instant;

use super::postgres::{PASSWORD, TestDatabase, databases_with_aws, table};
use crate::services;
use crate::support::NOWHERE;

const GIB: u64 = 1 << 30;

/// Returns clients for a new account of the emulator; `None` if the test is skipped.
fn emulator() -> Option<Arc<Aws>> {
    let url = testing::service(testing::MINISTACK)?;
    let account = services::unique_account();
    Some(Arc::new(Aws::at(&url, &account, "test")))
}

/// Returns the start of the minute `minutes` before the current one.
fn minute(minutes: i64) -> DateTime<Utc> {
    let now = SystemClock.now().timestamp().div_euclid(60) * 60;
    DateTime::from_timestamp(now, 0).unwrap() - TimeDelta::minutes(minutes)
}

/// A data point of an RDS metric.
struct Point<'a> {
    metric: &'a str,
    server: ServerName<'a>,
    at: DateTime<Utc>,
    bytes: u64,
}

/// Name of a server, by the dimension of its metrics.
#[derive(Clone, Copy)]
enum ServerName<'a> {
    Instance(&'a str),
    Cluster(&'a str),
}

async fn put(aws: &Aws, point: Point<'_>) {
    let Point { at, bytes, .. } = point;
    let (dimension, name) = match point.server {
        ServerName::Instance(name) => ("DBInstanceIdentifier", name),
        ServerName::Cluster(name) => ("DBClusterIdentifier", name),
    };
    let dimension = Dimension::builder().name(dimension).value(name).build();
    #[expect(clippy::cast_precision_loss, reason = "sizes of tests are small")]
    let datum = MetricDatum::builder()
        .metric_name(point.metric)
        .dimensions(dimension)
        .timestamp(SdkTime::from_secs(at.timestamp()))
        .value(bytes as f64);
    let client = aws.cloudwatch(&AwsScope::default()).await;
    let request = client.put_metric_data().namespace("AWS/RDS");
    request.metric_data(datum.build()).send().await.unwrap();
}

async fn put_free(aws: &Aws, instance: &str, at: DateTime<Utc>, bytes: u64) {
    let server = ServerName::Instance(instance);
    let point = Point {
        metric: "FreeStorageSpace",
        server,
        at,
        bytes,
    };
    put(aws, point).await;
}

fn source(aws: &Arc<Aws>) -> TableSource {
    let databases = databases_with_aws(Arc::clone(aws), PASSWORD);
    TableSource::new(databases).with_storage(Arc::new(SystemClock))
}

async fn measured(aws: &Arc<Aws>, target: &DatabaseTarget) -> DatabaseSize {
    let size = source(aws).measure(target, &Progress::default()).await;
    size.unwrap()
}

fn on_instance(database: &TestDatabase, name: &str, allocated_gib: u64) -> DatabaseTarget {
    DatabaseTarget {
        server: Some(DatabaseServer::Instance(name.to_owned())),
        allocated_gib: Some(allocated_gib),
        ..database.target.clone()
    }
}

/// Asserts that the table sizes are complete, and returns the server's storage.
fn storage_of_complete(size: &DatabaseSize) -> ServerStorage {
    assert!(table(size, "sales$order").unwrap().total_bytes > 0);
    assert_eq!(size.completeness(), Completeness::Complete);
    assert!(
        size.total_bytes < GIB,
        "the server's storage is not part of any sum"
    );
    size.storage.clone()
}

#[tokio::test]
async fn an_instance_has_allocated_free_and_used_bytes() {
    let (Some(aws), Some(database)) = (emulator(), TestDatabase::mendix().await) else {
        return;
    };
    let newest = minute(2);
    put_free(&aws, "acme-db", minute(5), 16 * GIB).await;
    put_free(&aws, "acme-db", newest, 15 * GIB).await;
    put_free(&aws, "other", minute(1), GIB).await;

    let known = measured(&aws, &on_instance(&database, "acme-db", 20)).await;
    let outdated = measured(&aws, &on_instance(&database, "acme-db", 14)).await;
    let unallocated = DatabaseTarget {
        allocated_gib: None,
        tls_server_name: None,
        max_error: None,
        ..on_instance(&database, "acme-db", 1)
    };
    let unallocated = measured(&aws, &unallocated).await;

    let expected = ServerStorage {
        kind: Some(ServerKind::Instance),
        allocated_bytes: Some(20 * GIB),
        free_bytes: Some(15 * GIB),
        used_bytes: Some(5 * GIB),
        as_of: Some(newest),
        reason: None,
    };
    assert_eq!(storage_of_complete(&known), expected);
    let outdated_expected = ServerStorage {
        allocated_bytes: Some(14 * GIB),
        used_bytes: None,
        reason: Some("allocated_outdated".into()),
        ..expected.clone()
    };
    assert_eq!(storage_of_complete(&outdated), outdated_expected);
    let unallocated_expected = ServerStorage {
        allocated_bytes: None,
        used_bytes: None,
        reason: Some("allocated_unknown".into()),
        ..expected
    };
    assert_eq!(storage_of_complete(&unallocated), unallocated_expected);
    database.drop().await;
}

#[tokio::test]
async fn a_cluster_has_the_used_bytes_of_the_last_three_hours() {
    let (Some(aws), Some(database)) = (emulator(), TestDatabase::mendix().await) else {
        return;
    };
    let on_cluster = |name: &str| DatabaseTarget {
        server: Some(DatabaseServer::Cluster(name.to_owned())),
        ..database.target.clone()
    };
    let newest = minute(120);
    for (name, at, bytes) in [
        ("acme", minute(150), 6 * GIB),
        ("acme", newest, 7 * GIB),
        ("silent", minute(240), 8 * GIB),
    ] {
        let point = Point {
            metric: "VolumeBytesUsed",
            server: ServerName::Cluster(name),
            at,
            bytes,
        };
        put(&aws, point).await;
    }

    let known = measured(&aws, &on_cluster("acme")).await;
    let silent = measured(&aws, &on_cluster("silent")).await;

    let expected = ServerStorage {
        kind: Some(ServerKind::Cluster),
        allocated_bytes: None,
        free_bytes: None,
        used_bytes: Some(7 * GIB),
        as_of: Some(newest),
        reason: None,
    };
    assert_eq!(storage_of_complete(&known), expected);
    let without = ServerStorage {
        used_bytes: None,
        as_of: None,
        reason: Some("no_metrics".into()),
        ..expected
    };
    assert_eq!(storage_of_complete(&silent), without);
    database.drop().await;
}

#[tokio::test]
async fn a_server_without_recent_points_has_no_metrics_and_an_unknown_server_is_not_queried() {
    let (Some(aws), Some(database)) = (emulator(), TestDatabase::mendix().await) else {
        return;
    };
    // An hour-old point does not show the current free bytes.
    put_free(&aws, "acme-db", minute(60), GIB).await;

    let old = measured(&aws, &on_instance(&database, "acme-db", 20)).await;
    let never = measured(&aws, &on_instance(&database, "never", 20)).await;
    let nameless = measured(&aws, &database.target).await;

    for size in [old, never] {
        let storage = storage_of_complete(&size);
        assert_eq!(storage.reason.as_deref(), Some("no_metrics"));
        assert_eq!(storage.allocated_bytes, Some(20 * GIB));
        assert_eq!((storage.free_bytes, storage.used_bytes), (None, None));
    }
    assert_eq!(
        storage_of_complete(&nameless),
        ServerStorage::unknown("server_unknown")
    );
    database.drop().await;
}

#[tokio::test]
async fn cloudwatch_errors_never_affect_the_table_sizes() {
    let Some(database) = TestDatabase::mendix().await else {
        return;
    };
    let target = on_instance(&database, "acme-db", 20);
    let refusing = StandIn::start(|_, _| Response::error(403, "AccessDenied")).await;
    let closed = Arc::new(Aws::for_tests(NOWHERE));

    for (aws, reason) in [(&refusing.aws, "access_denied"), (&closed, "unreachable")] {
        let size = measured(aws, &target).await;

        let storage = storage_of_complete(&size);
        assert_eq!(storage.reason.as_deref(), Some(reason));
        assert_eq!((storage.free_bytes, storage.used_bytes), (None, None));
        assert!(!format!("{size:?}").contains("NEVERLEAK"));
    }
    // The time is up as soon as the tables are measured.
    let late = source(&closed)
        .measure_by(&target, Instant::now(), &Progress::default())
        .await
        .unwrap();
    assert_eq!(
        storage_of_complete(&late).reason.as_deref(),
        Some("timeout")
    );
    database.drop().await;
}
