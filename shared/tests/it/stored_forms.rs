//! What the golden files hold: each kind in all the forms it was ever stored in.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use shared::fleet::{Engine, TargetId};
use shared::identities::TypeCounts;
use shared::snapshot::bucket_size::{
    ListingRun, Part, Refresh, RefreshReason, ResourceSize, Unmeasured, Uploads,
};
use shared::snapshot::{
    BucketSize, ChildTables, ConcurrentUsers, DatabaseSize, Failure, FileDocuments,
    MendixCatalogue, Method, Objects, Persistence, Quality, Run, ServerKind, ServerRole,
    ServerStorage, Snapshot, StorageMetrics, TableKind, TableName, TableSize, UnsizedTable,
    UserActivity, UserCounts,
};

pub(crate) fn scheduled_at() -> DateTime<Utc> {
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
pub(crate) fn bucket_v1() -> Snapshot<BucketSize> {
    let mut measurement = BucketSize::empty(Method::Listing);
    measurement.add("STANDARD", 5_368_709_120);
    measurement.add("GLACIER", 42);
    Snapshot {
        target: TargetId::from_text("acme-prod/s3/acme-prod-files//"),
        run: run(),
        measurement,
    }
}

/// The first form of CloudWatch's metrics, also inside the second form of a bucket.
pub(crate) fn metrics() -> Snapshot<StorageMetrics> {
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

/// The first form of the file documents of an app.
pub(crate) fn documents() -> Snapshot<FileDocuments> {
    Snapshot {
        target: database_v1().target,
        run: run(),
        measurement: FileDocuments {
            document_count: 1200,
            document_bytes: 5_000_000_000,
            unsized_count: 3,
        },
    }
}

/// The first form of the users of an app.
pub(crate) fn users() -> Snapshot<UserActivity> {
    Snapshot {
        target: database_v1().target,
        run: run(),
        measurement: UserActivity {
            counts: UserCounts {
                named: TypeCounts {
                    internal: 40,
                    external: 7,
                    unclassified: 3,
                },
                licensed: 52,
                anonymous: 11,
            },
            concurrent: Some(ConcurrentUsers {
                named_users: 5,
                named_user_sessions: 6,
                anonymous_sessions: 2,
            }),
            identities: None,
        },
    }
}

/// The second form: every part of what is billed.
pub(crate) fn bucket() -> Snapshot<BucketSize> {
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

/// The second form of storage other than S3.
pub(crate) fn resource() -> Snapshot<BucketSize> {
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
pub(crate) fn database_v1() -> Snapshot<DatabaseSize> {
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
        server_role: None,
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

/// The second form: everything that is known about a table.
pub(crate) fn database_v2() -> Snapshot<DatabaseSize> {
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
pub(crate) fn database_v3() -> Snapshot<DatabaseSize> {
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
pub(crate) fn database_v4() -> Snapshot<DatabaseSize> {
    let mut snapshot = database_v3();
    snapshot.measurement.tables[0].table_id = Some(16_402);
    snapshot
}

/// The fifth form: the server's role. The sixth differs in its summary only.
pub(crate) fn database_v5() -> Snapshot<DatabaseSize> {
    let mut snapshot = database_v4();
    snapshot.measurement.server_role = Some(ServerRole::Replica);
    snapshot
}

/// The seventh form: child tables. The eighth differs in its summary only.
pub(crate) fn database() -> Snapshot<DatabaseSize> {
    let mut snapshot = database_v5();
    snapshot.measurement.server_role = Some(ServerRole::ReadOnly);
    snapshot.measurement.tables[0].child_tables = Some(ChildTables {
        table_count: 3,
        total_bytes: Some(49_152),
        schemas: vec!["_timescaledb_internal".into()],
    });
    snapshot.measurement.tables[1].child_tables = Some(ChildTables {
        table_count: 1,
        total_bytes: None,
        schemas: vec!["archive".into(), "public".into()],
    });
    snapshot
}

pub(crate) fn failure() -> Failure {
    Failure {
        scheduled_at: "2026-01-12T11:00:00Z".parse().unwrap(),
        failed_at: "2026-01-12T11:00:01Z".parse().unwrap(),
        failing_since: "2026-01-12T11:00:01Z".parse().unwrap(),
        code: "access_denied".into(),
        reason: "the bucket refused to be listed".into(),
    }
}
