//! Answers of `/bucket_size/history` and `/table_size/history` from what a collector wrote.

mod changes;
mod csv;
mod gaps;
mod http;
mod steps;
mod trend;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use shared::snapshot::{BucketSize, ClassSize, TableSize};

use crate::harness::{TestServer, World, get};
use crate::sizes::{
    BUCKET_SCOPE, FLEET, TABLE_SCOPE, bucket_ids, bucket_size, database_ids, database_size, server,
    table,
};

/// Start of the history of most tests, on a Monday two weeks before now.
const START: &str = "2025-12-29T00:00:00Z";

fn at(time: &str) -> DateTime<Utc> {
    time.parse().unwrap()
}

fn in_module(module: &str, name: &str, bytes: u64) -> TableSize {
    TableSize {
        module: Some(module.into()),
        ..table("public", name, bytes)
    }
}

/// Returns a world with two weeks of a database of four tables that is measured every six hours, but not on the fourth day.
async fn two_weeks() -> World {
    let world = World::new(FLEET);
    for run in 0..56 {
        let time = at(START) + TimeDelta::hours(6 * run);
        if time.date_naive() == at("2026-01-01T00:00:00Z").date_naive() {
            continue;
        }
        let run = u64::try_from(run).unwrap();
        let tables = vec![
            in_module("Sales", "sales$order", 10_000 + 100 * run),
            in_module("Sales", "sales$line", 5_000),
            in_module("Audit", "audit$log", 2_000),
            table("public", "plain", 10),
        ];
        let size = database_size("acme", tables);
        world.collect(database_ids()[0].clone(), time, size).await;
        let size = bucket_size(&[1_000, run]);
        world.collect(bucket_ids()[0].clone(), time, size).await;
    }
    world
}

async fn ask(server: &TestServer, path: &str) -> Value {
    let scope = if path.starts_with("/bucket") {
        BUCKET_SCOPE
    } else {
        TABLE_SCOPE
    };
    let reply = server.ask(get(path).scopes(scope)).await;
    assert_eq!(reply.status, 200, "{path}: {}", reply.text);
    reply.json()
}

fn series<'a>(item: &'a Value, name: &str) -> &'a Value {
    let mut all = item["series"].as_array().unwrap().iter();
    all.find(|series| series["name"] == name).unwrap()
}

fn names(item: &Value) -> Vec<&str> {
    let all = item["series"].as_array().unwrap().iter();
    all.map(|series| series["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_day_without_a_measurement_is_null_and_a_named_gap() {
    let world = two_weeks().await;
    let server = server(&world);

    let path = "/table_size/history?environment=acme-prod&step=1d&to=2026-01-04T00:00:00Z";
    let body = ask(&server, path).await;

    assert_eq!(
        (&body["from"], &body["to"], &body["step_seconds"]),
        (
            &json!(START),
            &json!("2026-01-04T00:00:00Z"),
            &json!(86_400)
        ),
        "the range of 35 days is cut to what there is"
    );
    assert_eq!(body["available_from"], START);
    let item = &body["items"][0];
    assert_eq!(
        (
            &item["environment"],
            &item["database"],
            &item["unit"],
            &item["start"],
            &item["times"]
        ),
        (
            &json!("acme-prod"),
            &json!("acme"),
            &json!("bytes"),
            &json!(START),
            &Value::Null
        )
    );
    let total = |run: u64| 1_000 + 10_000 + 100 * run + 5_000 + 2_000 + 10;
    assert_eq!(
        series(item, "total_bytes")["values"],
        json!([total(3), total(7), total(11), null, total(19), total(23)])
    );
    assert_eq!(
        item["gaps"],
        json!([{"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z",
                "scope": "everything", "reason": "no_runs"}])
    );
}

#[tokio::test]
async fn the_largest_tables_have_a_series_and_all_others_are_one() {
    let world = two_weeks().await;
    let server = server(&world);

    let path = "/table_size/history?environment=acme-prod&group=table&top=2&step=1d&from=-2d";
    let body = ask(&server, path).await;

    let item = &body["items"][0];
    assert_eq!(names(item), ["sales$order", "sales$line", "other"]);
    let first = series(item, "sales$order");
    assert_eq!(
        (&first["schema"], &first["table"], &first["module"]),
        (&json!("public"), &json!("sales$order"), &json!("Sales"))
    );
    let last = |name| series(item, name)["values"].as_array().unwrap()[1].clone();
    assert_eq!(
        (last("sales$order"), last("sales$line"), last("other")),
        (json!(10_000 + 5_500), json!(5_000), json!(2_010))
    );
    assert_eq!(series(item, "other")["table_count"], 2);
    assert_eq!(first["growth"]["bytes_per_day"], 400);
    assert_eq!(series(item, "other")["growth"]["bytes_per_day"], 0);
    assert_eq!(item["growth"]["bytes_per_day"], 400);
}

#[tokio::test]
async fn modules_are_sums_of_their_tables_and_tables_without_one_have_their_own() {
    let world = two_weeks().await;
    let server = server(&world);

    let path = "/table_size/history?environment=acme-prod&group=module&step=1d&from=-1d";
    let modules = ask(&server, path).await;
    let path = "/table_size/history?environment=acme-prod&module=Sales&step=1d&from=-1d";
    let sales = ask(&server, path).await;

    let item = &modules["items"][0];
    assert_eq!(names(item), ["Sales", "Audit", "no_module"]);
    assert_eq!(series(item, "Sales")["module"], "Sales");
    assert_eq!(series(item, "no_module").get("module"), None);
    assert_eq!(series(item, "Sales")["values"][0], 10_000 + 5_500 + 5_000);
    let sum = series(&sales["items"][0], "table_bytes");
    assert_eq!(sum["values"], series(item, "Sales")["values"]);
}

#[tokio::test]
async fn raw_values_have_the_times_of_their_measurements() {
    let world = two_weeks().await;
    let server = server(&world);

    let path = "/bucket_size/history?bucket=acme-prod-files&step=raw\
                &from=2026-01-11T06:00:00Z&to=2026-01-11T18:00:00Z";
    let body = ask(&server, path).await;

    let item = &body["items"][0];
    assert_eq!(body["step_seconds"], Value::Null);
    assert_eq!(
        item["times"],
        json!(["2026-01-11T06:00:00Z", "2026-01-11T12:00:00Z"])
    );
    assert_eq!(series(item, "total_bytes")["values"], json!([1_053, 1_054]));
}

#[tokio::test]
async fn an_hour_holds_the_runs_that_were_scheduled_in_it() {
    let world = two_weeks().await;
    let server = server(&world);

    let path = "/bucket_size/history?bucket=acme-prod-files&from=2026-01-11T05:30:00Z&to=2026-01-11T08:30:00Z";
    let body = ask(&server, path).await;

    assert_eq!(
        (&body["from"], &body["to"], &body["step_seconds"]),
        (
            &json!("2026-01-11T05:00:00Z"),
            &json!("2026-01-11T09:00:00Z"),
            &json!(3600)
        )
    );
    let values = &series(&body["items"][0], "total_bytes")["values"];
    assert_eq!(*values, json!([null, 1_053, null, null]));
}

#[tokio::test]
async fn storage_classes_and_what_has_none_add_up_to_the_total() {
    let world = World::new(FLEET);
    let mut size = BucketSize::empty(shared::snapshot::Method::Listing);
    size.add("STANDARD", 7);
    size.add("GLACIER", 30);
    let current = size.current.as_mut().unwrap();
    current.total_bytes += 5;
    let glacier = current.by_storage_class["GLACIER"];
    assert_eq!(
        glacier,
        ClassSize {
            total_bytes: 30,
            object_count: 1
        }
    );
    let (id, time) = (bucket_ids()[0].clone(), at("2026-01-12T10:00:00Z"));
    world.collect(id, time, size).await;
    let server = server(&world);

    let path = "/bucket_size/history?bucket=acme-prod-files&group=storage_class&from=-1h";
    let body = ask(&server, path).await;

    let item = &body["items"][0];
    assert_eq!(names(item), ["GLACIER", "STANDARD", "other"]);
    assert_eq!(series(item, "GLACIER")["storage_class"], "GLACIER");
    let values =
        ["GLACIER", "STANDARD", "other"].map(|name| series(item, name)["values"][0].clone());
    assert_eq!(values, [json!(30), json!(7), json!(5)]);
}

#[tokio::test]
async fn a_target_without_history_has_nulls_and_says_that_nothing_is_available() {
    let world = World::new(FLEET);
    let server = server(&world);

    let body = ask(
        &server,
        "/table_size/history?environment=acme-prod&from=-2h",
    )
    .await;

    assert_eq!(body["available_from"], Value::Null);
    let item = &body["items"][0];
    assert_eq!(
        series(item, "total_bytes")["values"],
        json!([null, null, null])
    );
    assert_eq!(item["growth"]["reason"], "no_points");
    assert_eq!(item["growth"]["bytes_per_day"], Value::Null);
}
