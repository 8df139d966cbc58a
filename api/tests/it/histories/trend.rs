//! `include=trend`: daily totals, growth and when storage is full, from the latest alone.

use std::sync::Arc;

use shared::snapshot::{DatabaseSize, ServerKind, ServerStorage};
use shared::store::ItemStore;
use shared::store::failing::FailingStore;

use super::*;

/// Returns a database with room for 20 kB more.
fn limited(bytes: u64) -> DatabaseSize {
    DatabaseSize {
        storage: ServerStorage {
            kind: Some(ServerKind::Instance),
            allocated_bytes: Some(1_000_000),
            free_bytes: Some(20_000),
            used_bytes: Some(980_000),
            as_of: Some(at("2026-01-12T10:00:00Z")),
            reason: None,
        },
        ..database_size("acme", vec![table("public", "a", bytes)])
    }
}

#[tokio::test]
async fn daily_totals_have_a_null_for_a_day_without_a_measurement() {
    let world = two_weeks().await;
    let server = server(&world);

    let body = ask(&server, "/table_size?environment=acme-prod&include=trend").await;
    let plain = ask(&server, "/table_size?environment=acme-prod").await;

    let item = &body["items"][0];
    let totals = item["trend"]["totals"].as_array().unwrap();
    let total = |run: u64| json!(1_000 + 10_000 + 100 * run + 5_000 + 2_000 + 10);
    assert_eq!(item["trend"]["from"], "2025-12-29");
    assert_eq!(totals.len(), 13, "until yesterday, which is closed by now");
    assert_eq!(
        totals[..5],
        [total(3), total(7), total(11), Value::Null, total(19)]
    );
    assert_eq!(item["growth"]["bytes_per_day"], 400);
    assert_eq!(item["growth"]["confidence"], "tentative");
    assert_eq!(item["full"]["reason"], "limit_unknown");
    for field in ["trend", "growth", "full"] {
        assert_eq!(plain["items"][0][field], Value::Null, "{field}");
    }
}

#[tokio::test]
async fn storage_is_full_at_the_growth_of_the_database() {
    let world = World::new(FLEET);
    for day in 0..14 {
        let time = at("2025-12-30T10:00:00Z") + TimeDelta::days(day);
        let size = limited(900_000 + 2_000 * u64::try_from(day).unwrap());
        world.collect(database_ids()[0].clone(), time, size).await;
    }
    let server = server(&world);

    let body = ask(
        &server,
        "/table_size?environment=acme-prod&include=trend,partitions",
    )
    .await;

    let item = &body["items"][0];
    assert_eq!(item["growth"]["bytes_per_day"], 2_000);
    assert_eq!(
        item["full"],
        json!({"limit_bytes": 1_000_000, "limit_source": "fleet_file", "at": "2026-01-22",
               "at_earliest": "2026-01-22", "at_latest": "2026-01-22", "reason": null})
    );
    for query in [
        "from=-1d&step=1d",
        "from=-9d&to=-5d&group=table",
        "measure=rows",
    ] {
        let path = format!("/table_size/history?{query}");
        let histories = ask(&server, &path).await;
        assert_eq!(histories["items"][0]["full"], item["full"], "{query}");
        assert_eq!(histories["items"][1]["full"], Value::Null, "never measured");
    }
    let metrics = world.server(vec![api::metrics::endpoint(world.ports())]);
    let reply = metrics
        .ask(get("/metrics").scopes("mrt/metrics.read"))
        .await;
    let full_at = at("2026-01-22T00:00:00Z").timestamp();
    for (name, value) in [
        ("storage_allocated_bytes", 1_000_000),
        ("storage_free_bytes", 20_000),
        ("storage_used_bytes", 980_000),
        ("full_timestamp_seconds", full_at),
    ] {
        let name = format!("\nmrt_database_{name}{{");
        let sample = reply.text.split_once(&name).unwrap().1.lines().next();
        let value = format!("engine=\"postgres\"}} {value}");
        assert!(sample.unwrap().ends_with(&value), "{name} {sample:?}");
    }
}

#[tokio::test]
async fn trends_take_no_further_call_to_the_store() {
    let world = two_weeks().await;
    for (path, include) in [
        ("/bucket_size?", "include=trend"),
        ("/table_size?", "include=trend"),
    ] {
        let mut calls = Vec::new();
        for path in [path.to_owned(), format!("{path}{include}")] {
            let counting = Arc::new(FailingStore::new(Arc::clone(&world.items), []));
            let items = Arc::clone(&counting) as Arc<dyn ItemStore>;
            let counted = World::with_store(FLEET, world.clock.clone(), items);
            ask(&server(&counted), &path).await;
            calls.push(counting.calls());
        }

        assert_eq!(calls[0], calls[1], "{path}");
    }
}
