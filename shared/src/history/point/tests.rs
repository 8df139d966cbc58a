use chrono::DateTime;

use super::*;
use crate::fleet::{Engine, TargetId};
use crate::history::TableMeasure;
use crate::snapshot::bucket_size::{Unmeasured, Uploads};
use crate::snapshot::{Completeness, Method, Quality, Run, TableName};

fn bucket() -> BucketSize {
    let mut size = BucketSize::empty(Method::Listing);
    size.add("STANDARD", 5);
    size.add("GLACIER", 7);
    size
}

fn failed(part: Part) -> Unmeasured {
    Unmeasured {
        part,
        code: "access_denied".into(),
        reason: String::new(),
    }
}

fn reading(size: &impl Historic, measure: Measure, class: Option<&str>) -> Reading {
    let class = class.map(str::to_owned);
    let wanted = OwnSeries { measure, class };
    let own = size.own_series();
    let found = own.iter().find(|(series, _)| *series == wanted);
    found.map(|(_, reading)| *reading).unwrap_or_default()
}

#[test]
fn a_bucket_has_its_size_and_its_parts_by_class() {
    let mut size = bucket();
    size.multipart = Some(Uploads {
        upload_count: 1,
        total_bytes: 9,
        by_storage_class: BTreeMap::from([("STANDARD".to_owned(), 9)]),
        ..Uploads::default()
    });

    let cases = [
        (Measure::TotalBytes, None, Reading::of(12)),
        (Measure::ObjectCount, None, Reading::of(2)),
        (Measure::CurrentBytes, None, Reading::of(12)),
        (Measure::CurrentBytes, Some("GLACIER"), Reading::of(7)),
        (Measure::CurrentObjects, Some("GLACIER"), Reading::of(1)),
        (Measure::MultipartBytes, Some("STANDARD"), Reading::of(9)),
        (Measure::MultipartUploads, None, Reading::of(1)),
        (Measure::NoncurrentBytes, None, Reading::ABSENT),
        (Measure::DeleteMarkers, None, Reading::ABSENT),
        (Measure::UsedBytes, None, Reading::ABSENT),
    ];
    for (measure, class, expected) in cases {
        assert_eq!(reading(&size, measure, class), expected, "{measure:?}");
    }
}

#[test]
fn a_part_that_failed_is_unsized_and_breaks_nothing() {
    let mut whole = bucket();
    whole.multipart = Some(Uploads::default());
    let mut partial = bucket();
    partial.unmeasured = vec![failed(Part::Multipart)];

    assert_eq!(
        reading(&whole, Measure::MultipartBytes, None),
        Reading::of(0)
    );
    let missing = reading(&partial, Measure::MultipartBytes, None);
    assert_eq!(missing, Reading::UNSIZED);
    assert_eq!(whole.basis(), partial.basis());
}

#[test]
fn another_method_definition_or_set_of_parts_is_another_basis() {
    let listing = bucket();
    let mut versions = bucket();
    versions.noncurrent = Some(Objects::default());
    let resource = |used_bytes, provisioned_bytes| {
        BucketSize::of_resource(
            Method::Service,
            ResourceSize {
                used_bytes,
                provisioned_bytes,
                item_count: None,
                by_storage_class: BTreeMap::new(),
                as_of: None,
            },
        )
    };
    let (used, provisioned) = (resource(Some(1), Some(2)), resource(None, Some(2)));

    let changed = |one: &BucketSize, other: &BucketSize| {
        let (one, other) = (one.basis(), other.basis());
        one.changed_keys(&other).join(" ")
    };
    assert_eq!(changed(&listing, &versions), "measure");
    assert_eq!(changed(&listing, &used), "definition measure method");
    assert_eq!(changed(&used, &provisioned), "definition");
}

#[test]
fn storage_without_any_number_is_unsized_and_not_empty() {
    let size = BucketSize::of_resource(
        Method::Service,
        ResourceSize {
            used_bytes: None,
            provisioned_bytes: None,
            item_count: None,
            by_storage_class: BTreeMap::new(),
            as_of: None,
        },
    );

    let total = reading(&size, Measure::TotalBytes, None);

    assert_eq!(total, Reading::UNSIZED);
}

fn database() -> DatabaseSize {
    let parent = TableName {
        schema: "public".into(),
        table: "log".into(),
    };
    let parts = TableSize {
        table_id: Some(16_385),
        module: Some("Sales".into()),
        heap_bytes: Some(600),
        toast_bytes: Some(100),
        index_bytes: Some(200),
        total_bytes: 900,
        row_estimate: Some(0),
        ..TableSize::named("public", "sales$order")
    };
    let estimated = TableSize {
        heap_bytes: Some(90),
        index_bytes: Some(40),
        total_bytes: 100,
        are_parts_estimated: true,
        quality: Quality::Estimated {
            reason: "locked".into(),
        },
        ..TableSize::named("public", "estimated")
    };
    let partition = TableSize {
        partition_of: Some(parent),
        total_bytes: 50,
        ..TableSize::named("public", "log_1")
    };
    DatabaseSize {
        engine: Engine::Postgres,
        database: "acme".into(),
        total_bytes: 5000,
        system_bytes: Some(3000),
        server_role: None,
        mendix_catalogue: None,
        tables: vec![parts, estimated, partition],
        unsized_tables: vec![UnsizedTable {
            schema: "public".into(),
            table: "locked".into(),
            reason: "locked".into(),
        }],
        storage: ServerStorage::not_asked(),
    }
}

#[test]
fn a_database_has_its_sums_and_every_table() {
    let size = database();

    for (measure, expected) in [
        (Measure::TotalBytes, Reading::of(5000)),
        (Measure::TableBytes, Reading::of(1000)),
        (Measure::SystemBytes, Reading::of(3000)),
        (Measure::OtherBytes, Reading::UNSIZED),
        (Measure::TableCount, Reading::of(2)),
        (Measure::UnsizedTableCount, Reading::of(1)),
        (Measure::StorageFreeBytes, Reading::ABSENT),
    ] {
        assert_eq!(reading(&size, measure, None), expected, "{measure:?}");
    }
    let tables = size.tables();
    assert_eq!(tables.len(), 4);
    let (order, readings) = &tables[0];
    assert_eq!((order.table_id, order.is_partition), (Some(16_385), false));
    assert_eq!(readings.rows, Reading::of(0));
    assert!(tables[2].0.is_partition);
    assert_eq!(tables[3].1.total_bytes, Reading::UNSIZED);
}

#[test]
fn the_heap_follows_from_the_other_parts_also_where_they_do_not_add_up() {
    let tables = database().tables();
    let heaps = tables.iter().map(|(_, readings)| readings.heap_bytes());

    let heaps: Vec<_> = heaps.collect();

    let (known, estimated) = (Reading::of(600), Reading::of(90));
    assert_eq!(heaps, [known, estimated, Reading::ABSENT, Reading::UNSIZED]);
    let differences = tables
        .iter()
        .map(|(_, readings)| readings.get(TableMeasure::HeapDifference));
    assert_eq!(
        differences.take(2).collect::<Vec<_>>(),
        [Reading::of(0), Reading::of(59)]
    );
}

#[test]
fn storage_of_a_server_that_could_not_be_read_is_unsized() {
    let mut size = database();
    size.storage = ServerStorage {
        allocated_bytes: Some(100),
        ..ServerStorage::unknown("throttled")
    };

    let free = reading(&size, Measure::StorageFreeBytes, None);
    let allocated = reading(&size, Measure::StorageAllocatedBytes, None);

    assert_eq!((free, allocated), (Reading::UNSIZED, Reading::of(100)));
}

#[test]
fn a_point_has_the_times_of_its_run() {
    let scheduled_at = DateTime::UNIX_EPOCH;
    let snapshot = Snapshot {
        target: TargetId::from_text("acme-prod/db/acme"),
        run: Run::at(scheduled_at, std::time::Duration::from_secs(3600)),
        measurement: database(),
    };

    let point = Point::of(&snapshot);

    assert_eq!(point.moment.scheduled_at, scheduled_at);
    assert_eq!(point.moment.completeness, Completeness::Partial);
    assert_eq!(point.moment.basis.as_str(), "engine=postgres");
}
