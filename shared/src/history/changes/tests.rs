mod any;

use serde_json::json;

use super::*;
use crate::history::{Basis, Measure, Moment, OwnSeries, Reading, TableKey, TableReadings};
use crate::snapshot::Completeness;

const MIB: u64 = 1 << 20;

/// A measurement under construction.
struct World(Point);

impl World {
    fn at(hour: u32) -> Self {
        let time = format!("2026-11-28T{hour:02}:00:00Z").parse().unwrap();
        Self(Point {
            moment: Moment {
                scheduled_at: time,
                taken_at: time,
                completeness: Completeness::Complete,
                basis: Basis::new(&[("method", "listing")]),
            },
            own: Vec::new(),
            tables: Vec::new(),
        })
    }

    fn own(mut self, measure: Measure, reading: Reading) -> Self {
        self.0.own.push((OwnSeries::all(measure), reading));
        self
    }

    fn class(mut self, measure: Measure, class: &str, bytes: u64) -> Self {
        let series = OwnSeries::of_class(measure, class);
        self.0.own.push((series, Reading::of(bytes)));
        self
    }

    fn total(self, bytes: u64) -> Self {
        self.own(Measure::TotalBytes, Reading::of(bytes))
    }

    /// Adds a table of `module.table`; one without a size for `None`.
    fn table(mut self, name: &str, id: Option<u64>, bytes: Option<u64>) -> Self {
        let (module, table) = name.split_once('.').unwrap();
        let key = TableKey {
            schema: "public".into(),
            table: table.into(),
            table_id: id,
            module: (!module.is_empty()).then(|| module.into()),
            is_partition: false,
        };
        let readings = TableReadings {
            total_bytes: Reading::or_unsized(bytes),
            ..TableReadings::default()
        };
        self.0.tables.push((key, readings));
        self
    }
}

fn by_table(from: &World, to: &World, top: usize) -> Changes {
    let changes = Changes::of_database(&from.0, &to.0, Grouping::Table, top).unwrap();
    assert_adds_up(&changes);
    changes
}

fn assert_adds_up(changes: &Changes) {
    let parts = changes
        .parts
        .iter()
        .map(|part| i128::from(part.change_bytes));
    let sum = parts.sum::<i128>() + i128::from(changes.other_bytes);
    assert_eq!(sum, i128::from(changes.change_bytes), "{changes:?}");
    let totals = i128::from(changes.to_bytes) - i128::from(changes.from_bytes);
    assert_eq!(totals, i128::from(changes.change_bytes), "{changes:?}");
}

/// Returns name, change and bytes of each part.
fn parts(changes: &Changes) -> Vec<(&str, Change, i64)> {
    let part = |part: &'_ PartChange| (part.change, part.change_bytes);
    let parts = changes.parts.iter();
    parts
        .map(|each| (each.name.as_str(), part(each).0, part(each).1))
        .collect()
}

#[test]
fn grown_shrunk_new_and_gone_tables_explain_the_change() {
    let from = World::at(1)
        .total(1000)
        .own(Measure::SystemBytes, Reading::of(100))
        .table("Sales.order", Some(1), Some(300))
        .table("Sales.line", Some(2), Some(200))
        .table("Audit.log", Some(3), Some(50))
        .table(".same", Some(4), Some(7));
    let to = World::at(2)
        .total(1500)
        .own(Measure::SystemBytes, Reading::of(110))
        .table("Sales.order", Some(1), Some(700))
        .table("Sales.line", Some(2), Some(150))
        .table("Audit.archive", Some(5), Some(60))
        .table(".same", Some(4), Some(7));

    let changes = by_table(&from, &to, 10);

    let expected = [
        ("order", Change::Grown, 400),
        ("unattributed", Change::Grown, 130),
        ("archive", Change::New, 60),
        ("line", Change::Shrunk, -50),
        ("log", Change::Gone, -50),
        ("system", Change::Grown, 10),
    ];
    assert_eq!(parts(&changes).len(), expected.len());
    for part in expected {
        assert!(parts(&changes).contains(&part), "{part:?}: {changes:?}");
    }
    assert_eq!((changes.other_bytes, changes.other_count), (0, 0));
    assert_eq!(
        serde_json::to_value(&changes.parts[0]).unwrap(),
        json!({
            "name": "order", "part": "table", "schema": "public", "table": "order", "module": "Sales",
            "change": "grown", "renamed_from": null, "is_probable": false,
            "from_bytes": 300, "to_bytes": 700, "change_bytes": 400
        })
    );
}

#[test]
fn what_is_not_shown_is_in_other_bytes_but_system_and_unattributed_always_are() {
    let from = World::at(1)
        .total(100)
        .own(Measure::SystemBytes, Reading::of(10));
    let from = from
        .table(".a", None, Some(1))
        .table(".b", None, Some(1))
        .table(".c", None, Some(1));
    let to = World::at(2)
        .total(200)
        .own(Measure::SystemBytes, Reading::of(11));
    let to = to
        .table(".a", None, Some(21))
        .table(".b", None, Some(31))
        .table(".c", None, Some(6));

    let changes = by_table(&from, &to, 1);

    let shown = [
        ("unattributed", Change::Grown, 44),
        ("b", Change::Grown, 30),
        ("system", Change::Grown, 1),
    ];
    assert_eq!(parts(&changes), shown);
    assert_eq!((changes.other_bytes, changes.other_count), (25, 2));
}

#[test]
fn a_table_with_the_same_number_and_another_name_is_renamed() {
    let from = World::at(1).total(10).table("Sales.old", Some(7), Some(5));
    let to = World::at(2).total(12).table("Sales.new", Some(7), Some(7));

    let changes = by_table(&from, &to, 10);

    assert_eq!(parts(&changes), [("new", Change::Renamed, 2)]);
    let before = changes.parts[0].renamed_from.as_ref().unwrap();
    assert_eq!(before.table.as_deref(), Some("old"));
    assert!(!changes.parts[0].is_probable);
}

#[test]
fn two_tables_that_swap_their_names_are_both_renamed() {
    let from = World::at(1)
        .total(10)
        .table(".a", Some(1), Some(3))
        .table(".b", Some(2), Some(4));
    let to = World::at(2)
        .total(10)
        .table(".b", Some(1), Some(3))
        .table(".a", Some(2), Some(4));

    let changes = by_table(&from, &to, 10);

    let expected = [("a", Change::Renamed, 0), ("b", Change::Renamed, 0)];
    assert_eq!(parts(&changes), expected);
}

#[test]
fn a_table_that_was_dropped_and_created_under_its_name_is_gone_and_new() {
    let from = World::at(1).total(10).table(".log", Some(1), Some(9));
    let to = World::at(2).total(3).table(".log", Some(2), Some(2));

    let changes = by_table(&from, &to, 10);

    let expected = [("log", Change::Gone, -9), ("log", Change::New, 2)];
    assert_eq!(parts(&changes), expected);
}

#[test]
fn an_unknown_number_does_not_make_another_table_of_the_same_name() {
    let from = World::at(1).total(10).table(".log", None, Some(9));
    let to = World::at(2).total(11).table(".log", Some(2), Some(10));

    assert_eq!(
        parts(&by_table(&from, &to, 10)),
        [("log", Change::Grown, 1)]
    );
}

#[test]
fn without_numbers_one_large_table_of_the_same_module_and_size_is_probably_renamed() {
    let large = Some(5 * MIB);
    let from = || World::at(1).total(20 * MIB).table("Sales.old", None, large);
    let to = || World::at(2).total(20 * MIB).table("Sales.new", None, large);
    let probable = by_table(&from(), &to(), 10);
    let ambiguous = by_table(&from(), &to().table("Sales.other", None, large), 10);
    let numbered = World::at(1)
        .total(20 * MIB)
        .table("Sales.old", Some(1), large);
    let other = World::at(2)
        .total(20 * MIB)
        .table("Sales.new", Some(2), large);
    let different = by_table(&numbered, &other, 10);
    let small = Some(MIB - 1);
    let tiny = by_table(
        &World::at(1).total(20 * MIB).table("Sales.old", None, small),
        &World::at(2).total(20 * MIB).table("Sales.new", None, small),
        10,
    );
    let module = World::at(2).total(20 * MIB).table("Audit.new", None, large);

    assert_eq!(parts(&probable), [("new", Change::Renamed, 0)]);
    assert!(probable.parts[0].is_probable);
    for changes in [ambiguous, different, tiny, by_table(&from(), &module, 10)] {
        let is_renamed = |part: &PartChange| part.change == Change::Renamed;
        assert!(!changes.parts.iter().any(is_renamed), "{changes:?}");
        assert!(changes.parts.iter().any(|part| part.change == Change::Gone));
    }
}

#[test]
fn a_table_that_was_not_sized_once_is_named_and_its_bytes_stay_unattributed() {
    let from = World::at(1)
        .total(1000)
        .table(".big", Some(1), Some(900))
        .table(".a", Some(2), Some(50));
    let to = World::at(2)
        .total(1110)
        .table(".big", None, None)
        .table(".a", Some(2), Some(60));

    let changes = by_table(&from, &to, 10);

    let expected = [
        ("unattributed", Change::Grown, 100),
        ("a", Change::Grown, 10),
    ];
    assert_eq!(parts(&changes), expected);
    let unattributed = &changes.parts[0];
    assert_eq!(
        (unattributed.from_bytes, unattributed.to_bytes),
        (Some(950), Some(1050))
    );
    assert_eq!(
        serde_json::to_value(&changes).unwrap()["unsized"],
        json!([{
            "name": "big", "part": "table", "schema": "public", "table": "big",
            "from_bytes": 900, "to_bytes": null
        }])
    );
}

#[test]
fn system_bytes_that_are_known_once_only_are_named_and_not_new() {
    let from = World::at(1).total(100);
    let to = World::at(2)
        .total(100)
        .own(Measure::SystemBytes, Reading::of(40));

    let changes = by_table(&from, &to, 10);

    assert_eq!(changes.parts, []);
    assert_eq!(changes.unsized_parts[0].name, "system");
    assert_eq!(changes.unsized_parts[0].to_bytes, Some(40));
}

#[test]
fn tables_that_are_more_than_the_total_still_add_up() {
    let from = World::at(1).total(100).table(".a", None, Some(150));
    let to = World::at(2).total(300).table(".a", None, Some(160));

    let changes = by_table(&from, &to, 10);

    assert_eq!(changes.parts[0].name, "unattributed");
    assert_eq!(
        (changes.parts[0].from_bytes, changes.parts[0].to_bytes),
        (None, Some(140))
    );
    assert_eq!(changes.parts[0].change_bytes, 190);
}

#[test]
fn modules_are_the_sums_of_their_tables() {
    let from = World::at(1)
        .total(100)
        .table("Sales.a", Some(1), Some(10))
        .table("Sales.b", Some(2), Some(20))
        .table("Audit.log", Some(3), Some(5))
        .table("Old.x", Some(4), Some(1))
        .table(".raw", Some(5), Some(3));
    let to = World::at(2)
        .total(130)
        .table("Sales.a", Some(1), Some(15))
        .table("Sales.c", Some(2), Some(20))
        // The list of entities could not be read: the module is the one that is known.
        .table(".log", Some(3), Some(9))
        .table(".raw", Some(5), Some(2));

    let changes = Changes::of_database(&from.0, &to.0, Grouping::Module, 10).unwrap();

    assert_adds_up(&changes);
    let expected = [
        ("unattributed", Change::Grown, 23),
        ("Sales", Change::Grown, 5),
        ("Audit", Change::Grown, 4),
        ("no_module", Change::Shrunk, -1),
        ("Old", Change::Gone, -1),
    ];
    assert_eq!(parts(&changes), expected);
}

#[test]
fn partitions_are_in_their_table() {
    let mut from =
        World::at(1)
            .total(10)
            .table(".log", None, Some(8))
            .table(".log_1", None, Some(8));
    let mut to = World::at(2)
        .total(13)
        .table(".log", None, Some(9))
        .table(".log_1", None, Some(9));
    for world in [&mut from, &mut to] {
        world.0.tables[1].0.is_partition = true;
    }

    let changes = by_table(&from, &to, 10);

    let expected = [
        ("unattributed", Change::Grown, 2),
        ("log", Change::Grown, 1),
    ];
    assert_eq!(parts(&changes), expected);
}

#[test]
fn storage_changes_by_part_and_class() {
    let from = World::at(1)
        .total(100)
        .own(Measure::CurrentBytes, Reading::of(100))
        .class(Measure::CurrentBytes, "STANDARD", 90)
        .class(Measure::CurrentBytes, "GLACIER", 10)
        .own(Measure::NoncurrentBytes, Reading::of(7))
        .own(Measure::MultipartBytes, Reading::UNSIZED);
    let to = World::at(2)
        .total(120)
        .own(Measure::CurrentBytes, Reading::of(120))
        .class(Measure::CurrentBytes, "STANDARD", 120)
        .own(Measure::NoncurrentBytes, Reading::of(9))
        .class(Measure::NoncurrentBytes, "STANDARD", 9)
        .own(Measure::MultipartBytes, Reading::of(3));

    let changes = Changes::of_storage(&from.0, &to.0, 10).unwrap();

    assert_adds_up(&changes);
    assert_eq!((changes.from_bytes, changes.to_bytes), (107, 129));
    let found: Vec<_> = changes
        .parts
        .iter()
        .map(|part| {
            (
                part.identity.part,
                part.name.as_str(),
                part.change,
                part.change_bytes,
            )
        })
        .collect();
    let expected = [
        (PartKind::Current, "STANDARD", Change::Grown, 30),
        (PartKind::Current, "GLACIER", Change::Gone, -10),
        (PartKind::Noncurrent, "STANDARD", Change::New, 9),
        (PartKind::Noncurrent, "noncurrent", Change::Gone, -7),
    ];
    assert_eq!(found, expected);
    assert_eq!(changes.unsized_parts.len(), 1);
    assert_eq!(changes.unsized_parts[0].name, "multipart");
    assert_eq!(changes.unsized_parts[0].to_bytes, Some(3));
}

#[test]
fn a_part_that_was_measured_once_only_is_in_no_total_and_not_new() {
    let from = World::at(1).own(Measure::CurrentBytes, Reading::of(5));
    let to = World::at(2)
        .own(Measure::CurrentBytes, Reading::of(6))
        .own(Measure::NoncurrentBytes, Reading::of(1000));

    let changes = Changes::of_storage(&from.0, &to.0, 10).unwrap();

    assert_adds_up(&changes);
    assert_eq!((changes.from_bytes, changes.to_bytes), (5, 6));
    assert_eq!(parts(&changes), [("current", Change::Grown, 1)]);
    assert_eq!(changes.unsized_parts[0].name, "noncurrent");
}

#[test]
fn storage_that_has_one_number_only_is_one_part() {
    let volume = |hour, bytes| {
        let world = World::at(hour).total(bytes);
        world.own(Measure::ProvisionedBytes, Reading::of(bytes))
    };
    let metrics = |hour, bytes| {
        World::at(hour)
            .total(bytes)
            .class(Measure::TotalBytes, "StandardStorage", bytes)
    };

    let volume = Changes::of_storage(&volume(1, 5).0, &volume(2, 8).0, 10).unwrap();
    let metrics = Changes::of_storage(&metrics(1, 5).0, &metrics(2, 8).0, 10).unwrap();

    assert_eq!(parts(&volume), [("provisioned", Change::Grown, 3)]);
    assert_eq!(parts(&metrics), [("StandardStorage", Change::Grown, 3)]);
}

#[test]
fn measurements_without_anything_in_common_are_not_compared() {
    let listed = World::at(1)
        .total(5)
        .own(Measure::CurrentBytes, Reading::of(5));
    let metrics = World::at(2).total(9);
    let unknown = World::at(2).own(Measure::TotalBytes, Reading::UNSIZED);

    let storage = Changes::of_storage(&listed.0, &metrics.0, 10);
    let database = Changes::of_database(&listed.0, &unknown.0, Grouping::Table, 10);

    assert_eq!(storage, Err(ChangesError::NothingInCommon));
    assert_eq!(database, Err(ChangesError::NothingInCommon));
}

#[test]
fn a_change_that_does_not_fit_is_an_error_and_one_that_fits_is_exact() {
    let world = |hour, bytes| World::at(hour).total(bytes).table(".a", None, Some(bytes));
    let most = u64::try_from(i64::MAX).unwrap();

    let fits = by_table(&world(1, most), &world(2, 0), 10);
    let changes = Changes::of_database(&world(1, 0).0, &world(2, most + 1).0, Grouping::Table, 10);

    assert_eq!(fits.change_bytes, -i64::MAX);
    assert_eq!(changes, Err(ChangesError::OutOfRange));
}

#[test]
fn another_way_of_measuring_is_reported() {
    let mut to = World::at(2).total(5);
    to.0.moment.basis = Basis::new(&[("method", "service")]);

    let changes = by_table(&World::at(1).total(5), &to, 10);

    assert_eq!(changes.breaks, ["method"]);
    assert_eq!(changes.parts, []);
}
