//! What explains the change between two dates: it adds up to the byte.

use shared::snapshot::{DatabaseSize, UnsizedTable};

use super::*;

fn with_id(table_id: u64, module: &str, name: &str, bytes: u64) -> TableSize {
    TableSize {
        table_id: Some(table_id),
        ..in_module(module, name, bytes)
    }
}

/// Asserts that the parts add up to the change, and returns the change.
fn checked(item: &Value) -> &Value {
    assert_eq!(item["reason"], Value::Null, "{item}");
    let changes = &item["changes"];
    let parts = changes["parts"].as_array().unwrap().iter();
    let parts: i64 = parts
        .map(|part| part["change_bytes"].as_i64().unwrap())
        .sum();
    let sum = parts + changes["other_bytes"].as_i64().unwrap();
    assert_eq!(changes["change_bytes"], sum, "{changes}");
    let change = changes["to_bytes"].as_i64().unwrap() - changes["from_bytes"].as_i64().unwrap();
    assert_eq!(changes["change_bytes"], change, "{changes}");
    changes
}

/// Returns the names of all parts with what happened to them and by how much they changed.
fn parts(changes: &Value) -> Vec<(&str, &str, i64)> {
    let parts = changes["parts"].as_array().unwrap().iter();
    let part = |part: &'_ Value| part["change_bytes"].as_i64().unwrap();
    parts
        .map(|each| {
            let word = |name: &str| each[name].as_str().unwrap();
            (word("name"), word("change"), part(each))
        })
        .collect()
}

/// Returns a world in which a database was measured at the times that are given.
async fn measured(runs: &[(&str, DatabaseSize)]) -> World {
    let world = World::new(FLEET);
    for (time, size) in runs {
        world
            .collect(database_ids()[0].clone(), at(time), size.clone())
            .await;
    }
    world
}

/// Tables that grow, shrink, come, go, are renamed and cannot be sized.
async fn a_week_of_changes() -> World {
    let before = DatabaseSize {
        unsized_tables: vec![UnsizedTable {
            schema: "public".into(),
            table: "locked".into(),
            reason: "locked".into(),
        }],
        ..database_size(
            "acme",
            vec![
                with_id(1, "Sales", "grows", 1_000),
                with_id(2, "Sales", "shrinks", 900),
                with_id(3, "Audit", "goes", 500),
                with_id(4, "Audit", "old_name", 300),
                with_id(5, "Audit", "stays", 77),
            ],
        )
    };
    let after = database_size(
        "acme",
        vec![
            with_id(1, "Sales", "grows", 8_000),
            with_id(2, "Sales", "shrinks", 100),
            with_id(4, "Audit", "new_name", 310),
            with_id(5, "Audit", "stays", 77),
            with_id(6, "Sales", "comes", 40),
            with_id(7, "Sales", "locked", 70_000),
        ],
    );
    let between = database_size("acme", vec![with_id(1, "Sales", "grows", 1)]);
    measured(&[
        ("2026-01-03T10:00:00Z", before),
        ("2026-01-07T10:00:00Z", between),
        ("2026-01-11T10:00:00Z", after),
    ])
    .await
}

#[tokio::test]
async fn the_changes_of_tables_add_up_and_what_has_no_size_is_named() {
    let world = a_week_of_changes().await;
    let server = server(&world);

    let body = ask(&server, "/table_size/changes?environment=acme-prod").await;

    assert_eq!(body["available_from"], "2026-01-03T10:00:00Z");
    let changes = checked(&body["items"][0]);
    assert_eq!(
        (&changes["from_taken_at"], &changes["to_taken_at"]),
        (
            &json!("2026-01-03T10:00:00Z"),
            &json!("2026-01-11T10:00:00Z")
        )
    );
    assert_eq!(
        parts(changes),
        [
            ("unattributed", "grown", 70_000),
            ("grows", "grown", 7_000),
            ("shrinks", "shrunk", -800),
            ("goes", "gone", -500),
            ("comes", "new", 40),
            ("new_name", "renamed", 10),
        ]
    );
    assert_eq!(changes["parts"][5]["renamed_from"]["table"], "old_name");
    assert_eq!(
        changes["unsized"],
        json!([{"name": "locked", "part": "table", "schema": "public", "table": "locked",
                "module": "Sales", "from_bytes": null, "to_bytes": 70_000}])
    );
}

#[tokio::test]
async fn the_rest_and_the_modules_add_up_too() {
    let world = a_week_of_changes().await;
    let server = server(&world);

    let top = ask(&server, "/table_size/changes?environment=acme-prod&top=1").await;
    let modules = ask(
        &server,
        "/table_size/changes?environment=acme-prod&group=module",
    )
    .await;

    let top = checked(&top["items"][0]);
    assert_eq!(
        parts(top),
        [("unattributed", "grown", 70_000), ("grows", "grown", 7_000)]
    );
    assert_eq!(
        (&top["other_bytes"], &top["other_count"]),
        (&json!(-1_250), &json!(4))
    );
    let modules = checked(&modules["items"][0]);
    assert_eq!(
        parts(modules),
        [
            ("unattributed", "grown", 70_000),
            ("Sales", "grown", 6_240),
            ("Audit", "shrunk", -490)
        ]
    );
}

#[tokio::test]
async fn a_range_that_starts_and_ends_anywhere_compares_the_measurements_in_it() {
    let world = a_week_of_changes().await;
    let server = server(&world);

    let changes = async |from: &str, to: &str| {
        let path = format!("/table_size/changes?environment=acme-prod&from={from}&to={to}");
        ask(&server, &path).await["items"][0].clone()
    };
    let later = changes("2026-01-03T10:00:01Z", "2026-01-11T10:00:01Z").await;
    let one = changes("2026-01-04T00:00:00Z", "2026-01-11T10:00:00Z").await;
    let none = changes("2026-01-04T00:00:00Z", "2026-01-07T00:00:00Z").await;

    assert_eq!(checked(&later)["from_taken_at"], "2026-01-07T10:00:00Z");
    assert_eq!(checked(&later)["to_taken_at"], "2026-01-11T10:00:00Z");
    let one = checked(&one);
    assert_eq!(
        (&one["from_taken_at"], &one["parts"]),
        (&one["to_taken_at"], &json!([]))
    );
    assert_eq!(
        (&none["changes"], &none["reason"]),
        (&Value::Null, &json!("no_measurement"))
    );
}

#[tokio::test]
async fn storage_changes_by_part_and_class() {
    let world = World::new(FLEET);
    for (time, glacier) in [
        ("2026-01-04T10:00:00Z", 100),
        ("2026-01-12T10:00:00Z", 4_000),
    ] {
        let mut size = bucket_size(&[50]);
        size.add("GLACIER", glacier);
        world.collect(bucket_ids()[0].clone(), at(time), size).await;
    }
    let server = server(&world);

    let path = "/bucket_size/changes?environment=acme-prod&from=-9d&limit=1";
    let body = ask(&server, path).await;

    let changes = checked(&body["items"][0]);
    assert_eq!(parts(changes), [("GLACIER", "grown", 3_900)]);
    assert_eq!(changes["parts"][0]["part"], "current");
    assert!(body["next"].is_string());
    let path = format!("{path}&cursor={}", body["next"].as_str().unwrap());
    let rest = ask(&server, &path).await;
    assert_eq!(rest["items"][0]["reason"], "no_measurement");
    assert_eq!(rest["next"], Value::Null);
}
