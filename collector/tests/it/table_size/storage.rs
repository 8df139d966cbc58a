//! Storage of the server beside the sizes of tables: figures of an emulator, and what is in the way of them.

use std::sync::Arc;

use aws_sdk_cloudwatch::primitives::DateTime as SdkTime;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum};
use chrono::{DateTime, TimeDelta, Utc};
use collector::{Progress, Source, TableSource};
use shared::aws::Aws;
use shared::clock::{Clock, SystemClock};
use shared::fleet::{DatabaseServer, DatabaseTarget};
use shared::snapshot::{Completeness, DatabaseSize, Measurement, ServerKind, ServerStorage};
use shared::testing;
use tokio::time::Instant;

use super::postgres::{PASSWORD, TestDatabase, databases_beside, table};
use crate::services;
use crate::stand_in::{Answer, StandIn};
use crate::support::NOWHERE;

const GIB: u64 = 1 << 30;

/// Returns clients of an account of its own in the emulator; `None` when the test is to be skipped.
fn emulator() -> Option<Arc<Aws>> {
    let url = testing::service(testing::MINISTACK)?;
    let account = services::unique_account();
    Some(Arc::new(Aws::at(&url, &account, "test")))
}

/// Returns the begin of the minute `minutes` before this one.
fn minute(minutes: i64) -> DateTime<Utc> {
    let now = SystemClock.now().timestamp().div_euclid(60) * 60;
    DateTime::from_timestamp(now, 0).unwrap() - TimeDelta::minutes(minutes)
}

/// Puts a point of a metric of RDS.
async fn put(
    aws: &Aws,
    metric: &str,
    (dimension, name): (&str, &str),
    (at, bytes): (DateTime<Utc>, u64),
) {
    let dimension = Dimension::builder().name(dimension).value(name).build();
    #[expect(clippy::cast_precision_loss, reason = "sizes of tests are small")]
    let datum = MetricDatum::builder()
        .metric_name(metric)
        .dimensions(dimension)
        .timestamp(SdkTime::from_secs(at.timestamp()))
        .value(bytes as f64);
    let client = aws.cloudwatch(None, None).await;
    let request = client.put_metric_data().namespace("AWS/RDS");
    request.metric_data(datum.build()).send().await.unwrap();
}

fn source(aws: &Arc<Aws>) -> TableSource {
    let databases = databases_beside(Arc::clone(aws), PASSWORD);
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

/// Asserts that all tables are there, and returns the storage beside them.
fn beside_tables(size: &DatabaseSize) -> ServerStorage {
    assert!(table(size, "sales$order").unwrap().total_bytes > 0);
    assert_eq!(size.completeness(), Completeness::Complete);
    assert!(size.total_bytes < GIB, "storage is in no sum");
    size.storage.clone()
}

#[tokio::test]
async fn an_instance_shows_what_is_allocated_free_and_used_beside_its_tables() {
    let (Some(aws), Some(database)) = (emulator(), TestDatabase::mendix().await) else {
        return;
    };
    let acme = ("DBInstanceIdentifier", "acme-db");
    let newest = minute(2);
    put(&aws, "FreeStorageSpace", acme, (minute(5), 16 * GIB)).await;
    put(&aws, "FreeStorageSpace", acme, (newest, 15 * GIB)).await;
    let other = ("DBInstanceIdentifier", "other");
    put(&aws, "FreeStorageSpace", other, (minute(1), GIB)).await;

    let known = measured(&aws, &on_instance(&database, "acme-db", 20)).await;
    let outdated = measured(&aws, &on_instance(&database, "acme-db", 14)).await;
    let unallocated = DatabaseTarget {
        allocated_gib: None,
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
    assert_eq!(beside_tables(&known), expected);
    let outdated_expected = ServerStorage {
        allocated_bytes: Some(14 * GIB),
        used_bytes: None,
        reason: Some("allocated_outdated".into()),
        ..expected.clone()
    };
    assert_eq!(beside_tables(&outdated), outdated_expected);
    let unallocated_expected = ServerStorage {
        allocated_bytes: None,
        used_bytes: None,
        reason: Some("allocated_unknown".into()),
        ..expected
    };
    assert_eq!(beside_tables(&unallocated), unallocated_expected);
    database.drop().await;
}

#[tokio::test]
async fn a_cluster_shows_its_volume_of_up_to_three_hours_ago() {
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
        let cluster = ("DBClusterIdentifier", name);
        put(&aws, "VolumeBytesUsed", cluster, (at, bytes)).await;
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
    assert_eq!(beside_tables(&known), expected);
    let without = ServerStorage {
        used_bytes: None,
        as_of: None,
        reason: Some("no_metrics".into()),
        ..expected
    };
    assert_eq!(beside_tables(&silent), without);
    database.drop().await;
}

#[tokio::test]
async fn a_server_without_points_has_no_figure_and_one_without_a_name_is_not_asked_about() {
    let (Some(aws), Some(database)) = (emulator(), TestDatabase::mendix().await) else {
        return;
    };
    // A point of an hour ago is not what is free now.
    let acme = ("DBInstanceIdentifier", "acme-db");
    put(&aws, "FreeStorageSpace", acme, (minute(60), GIB)).await;

    let old = measured(&aws, &on_instance(&database, "acme-db", 20)).await;
    let never = measured(&aws, &on_instance(&database, "never", 20)).await;
    let nameless = measured(&aws, &database.target).await;

    for size in [old, never] {
        let storage = beside_tables(&size);
        assert_eq!(storage.reason.as_deref(), Some("no_metrics"));
        assert_eq!(storage.allocated_bytes, Some(20 * GIB));
        assert_eq!((storage.free_bytes, storage.used_bytes), (None, None));
    }
    assert_eq!(
        beside_tables(&nameless),
        ServerStorage::unknown("server_unknown")
    );
    database.drop().await;
}

#[tokio::test]
async fn whatever_is_in_the_way_of_cloudwatch_takes_nothing_from_the_tables() {
    let Some(database) = TestDatabase::mendix().await else {
        return;
    };
    let target = on_instance(&database, "acme-db", 20);
    let refusing = StandIn::start(|_, _| Answer::error(403, "AccessDenied")).await;
    let closed = Arc::new(Aws::for_tests(NOWHERE));

    for (aws, reason) in [(&refusing.aws, "access_denied"), (&closed, "unreachable")] {
        let size = measured(aws, &target).await;

        let storage = beside_tables(&size);
        assert_eq!(storage.reason.as_deref(), Some(reason));
        assert_eq!((storage.free_bytes, storage.used_bytes), (None, None));
        assert!(!format!("{size:?}").contains("NEVERLEAK"));
    }
    // No time is left once the tables are measured.
    let late = source(&closed)
        .measure_by(&target, Instant::now(), &Progress::default())
        .await
        .unwrap();
    assert_eq!(beside_tables(&late).reason.as_deref(), Some("timeout"));
    database.drop().await;
}
