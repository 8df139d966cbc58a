//! `/bucket_size` and `/table_size`: what they answer from snapshots, and HTTP around it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use shared::clock::FixedClock;
use shared::fleet::{Engine, Fleet, TargetId};
use shared::snapshot::{BucketSize, DatabaseSize, Method, Quality, TableSize};
use shared::store::failing::FailingStore;
use shared::store::memory::MemoryStore;

use crate::harness::{NOW, ORIGIN, TestServer, World, get};

const FLEET: &str = r#"
[[environment]]
name = "acme-prod"
  [[environment.storage]]
  bucket = "acme-prod-files"
  [[environment.storage]]
  bucket = "shared-files"
  prefix = "acme prod/"
  [environment.database]
  engine = "postgres"
  host = "db.example.com"
  name = "acme"
  user = "mrt_ro"

[[environment]]
name = "acme-test"
  [[environment.storage]]
  bucket = "shared-files"
  prefix = "acme-test/"
  [environment.database]
  engine = "postgres"
  host = "db.example.com"
  name = "acme_test"
  user = "mrt_ro"
"#;

const BUCKET_SCOPE: &str = "mrt/bucket_size.read";
const TABLE_SCOPE: &str = "mrt/table_size.read";

fn server(world: &World) -> TestServer {
    world.server(vec![
        api::bucket_size::endpoint(Arc::clone(&world.fleet), world.reader()),
        api::table_size::endpoint(Arc::clone(&world.fleet), world.reader()),
        api::health::endpoint(),
        api::openapi::endpoint(),
    ])
}

fn bucket_ids() -> Vec<TargetId> {
    Fleet::parse("fleet.toml", FLEET)
        .unwrap()
        .buckets()
        .iter()
        .map(|target| target.id())
        .collect()
}

fn database_ids() -> Vec<TargetId> {
    Fleet::parse("fleet.toml", FLEET)
        .unwrap()
        .databases()
        .iter()
        .map(|target| target.id())
        .collect()
}

fn bucket_size(bytes: &[u64]) -> BucketSize {
    let mut size = BucketSize::empty(Method::Listing);
    for bytes in bytes {
        size.add("STANDARD", *bytes);
    }
    size
}

fn table(schema: &str, name: &str, bytes: u64) -> TableSize {
    TableSize {
        schema: schema.into(),
        table: name.into(),
        entity: None,
        module: None,
        is_system: false,
        heap_bytes: bytes,
        toast_bytes: 0,
        index_bytes: 0,
        total_bytes: bytes,
        row_estimate: None,
        quality: Quality::Exact,
    }
}

fn database_size(database: &str, tables: Vec<TableSize>) -> DatabaseSize {
    let total_bytes = 1000 + tables.iter().map(|table| table.total_bytes).sum::<u64>();
    DatabaseSize {
        engine: Engine::Postgres,
        database: database.into(),
        total_bytes,
        tables,
        unsized_tables: vec![],
    }
}

async fn world_with_snapshots() -> World {
    let world = World::new(FLEET);
    for (index, id) in bucket_ids().into_iter().enumerate() {
        world
            .keep(id, "2026-01-12T10:00:00Z", bucket_size(&[1, index as u64]))
            .await;
    }
    let tables = vec![
        table("public", "big", 300),
        table("audit", "log", 200),
        table("public", "small", 100),
    ];
    for id in database_ids() {
        let name = id.as_str().rsplit('/').next().unwrap().to_owned();
        world
            .keep(
                id,
                "2026-01-12T10:00:00Z",
                database_size(&name, tables.clone()),
            )
            .await;
    }
    world
}

#[tokio::test]
async fn a_bucket_item_has_its_numbers_and_their_age() {
    let world = world_with_snapshots().await;

    let reply = server(&world)
        .ask(get("/bucket_size?bucket=acme-prod-files").scopes(BUCKET_SCOPE))
        .await;

    assert_eq!(
        reply.json(),
        json!({
            "items": [{
                "environment": "acme-prod", "bucket": "acme-prod-files", "prefix": "", "suffix": "",
                "total_bytes": 1, "object_count": 2,
                "by_storage_class": {"STANDARD": {"total_bytes": 1, "object_count": 2}},
                "method": "listing", "completeness": "complete",
                "scheduled_at": "2026-01-12T10:00:00Z", "taken_at": "2026-01-12T10:00:00Z",
                "age_seconds": 3600, "stale": false, "last_failure": null,
            }],
            "pending": [],
            "next": null,
        })
    );
    assert_eq!(reply.header("age"), "3600");
    assert_eq!(reply.header("cache-control"), "private, max-age=3600");
    assert_eq!(
        reply.header("last-modified"),
        "Mon, 12 Jan 2026 10:00:00 GMT"
    );
}

#[tokio::test]
async fn filters_narrow_and_what_they_miss_is_not_found() {
    let world = world_with_snapshots().await;
    let server = server(&world);
    let count = async |path: &str| {
        let reply = server.ask(get(path).scopes(BUCKET_SCOPE)).await;
        reply.json()["items"].as_array().map(Vec::len)
    };

    assert_eq!(count("/bucket_size").await, Some(3));
    assert_eq!(count("/bucket_size?environment=acme-prod").await, Some(2));
    assert_eq!(count("/bucket_size?bucket=shared-files").await, Some(2));
    assert_eq!(
        count("/bucket_size?bucket=shared-files&prefix=acme%20prod/").await,
        Some(1)
    );
    for path in [
        "/bucket_size?environment=globex",
        "/bucket_size?bucket=acme-prod-files&prefix=x",
    ] {
        server
            .ask(get(path).scopes(BUCKET_SCOPE))
            .await
            .problem(404, "not_found");
    }
}

#[tokio::test]
async fn pages_give_every_item_once_in_order() {
    let world = world_with_snapshots().await;
    let server = server(&world);
    let mut path = "/bucket_size?limit=1".to_owned();
    let mut seen = Vec::new();

    loop {
        let reply = server.ask(get(&path).scopes(BUCKET_SCOPE)).await;
        let body = reply.json();
        seen.extend(
            body["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["prefix"].clone()),
        );
        let Some(next) = body["next"].as_str() else {
            assert_eq!(reply.header("link"), "");
            break;
        };
        let link = reply.header("link").to_owned();
        assert!(
            link.contains(next) && link.ends_with("; rel=\"next\""),
            "{link}"
        );
        path = format!(
            "/bucket_size{}",
            link.trim_start_matches('<').split('>').next().unwrap()
        );
    }

    assert_eq!(seen, ["", "acme prod/", "acme-test/"]);
    let bad = server
        .ask(get("/bucket_size?cursor=nonsense").scopes(BUCKET_SCOPE))
        .await;
    assert!(bad.problem(400, "bad_parameter").contains("cursor"));
}

#[tokio::test]
async fn a_target_without_snapshot_is_pending_and_never_zero() {
    let world = World::new(FLEET);
    let server = server(&world);

    let none = server.ask(get("/bucket_size").scopes(BUCKET_SCOPE)).await;
    none.problem(404, "snapshot_pending");
    assert_eq!(none.header("retry-after"), "60");
    assert_eq!(none.json()["targets"].as_array().unwrap().len(), 3);

    let ids = bucket_ids();
    world
        .keep(ids[0].clone(), "2026-01-12T10:00:00Z", bucket_size(&[7]))
        .await;
    world
        .fail::<BucketSize>(&ids[1], "2026-01-12T10:00:00Z", "access_denied")
        .await;
    let some = server
        .ask(get("/bucket_size").scopes(BUCKET_SCOPE))
        .await
        .json();
    assert_eq!(some["items"].as_array().unwrap().len(), 1);
    assert_eq!(some["pending"][0]["last_failure"]["code"], "access_denied");
    assert_eq!(some["pending"][1]["last_failure"], Value::Null);
    assert!(some["pending"][0].get("total_bytes").is_none());
}

#[tokio::test]
async fn a_failure_stands_beside_the_last_good_numbers_until_a_run_is_good() {
    let world = world_with_snapshots().await;
    let server = server(&world);
    let id = bucket_ids().remove(0);
    let ask = async || {
        let reply = server
            .ask(get("/bucket_size?bucket=acme-prod-files").scopes(BUCKET_SCOPE))
            .await;
        reply.json()["items"][0].clone()
    };

    world
        .fail::<BucketSize>(&id, "2026-01-12T11:00:00Z", "bucket_missing")
        .await;
    let item = ask().await;
    assert_eq!(item["total_bytes"], 1);
    assert_eq!(item["last_failure"]["code"], "bucket_missing");
    world.clock.advance(Duration::from_secs(3600));
    assert_eq!(ask().await["stale"], true);
    world
        .keep(id, "2026-01-12T12:00:00Z", bucket_size(&[9]))
        .await;
    let item = ask().await;
    assert_eq!(
        (&item["total_bytes"], &item["last_failure"], &item["stale"]),
        (&json!(9), &Value::Null, &json!(false))
    );
}

#[tokio::test]
async fn an_unchanged_answer_is_304_and_a_changed_one_is_not() {
    let world = world_with_snapshots().await;
    let server = server(&world);
    let first = server.ask(get("/bucket_size").scopes(BUCKET_SCOPE)).await;
    let etag = first.header("etag").to_owned();
    let again = || {
        get("/bucket_size")
            .scopes(BUCKET_SCOPE)
            .header("If-None-Match", &etag)
    };

    world.clock.advance(Duration::from_secs(60));
    let same = server.ask(again()).await;
    assert_eq!((same.status, same.header("age")), (304, "3660"));
    let other_query = get("/bucket_size?limit=2")
        .scopes(BUCKET_SCOPE)
        .header("If-None-Match", &etag);
    assert_eq!(server.ask(other_query).await.status, 200);
    world
        .fail::<BucketSize>(&bucket_ids()[0], "2026-01-12T11:00:00Z", "access_denied")
        .await;
    assert_eq!(server.ask(again()).await.status, 200);
    world.clock.advance(Duration::from_secs(3600));
    assert_eq!(
        server
            .ask(get("/bucket_size").scopes(BUCKET_SCOPE))
            .await
            .json()["items"][2]["stale"],
        true
    );
}

#[tokio::test]
async fn tables_are_largest_first_and_what_is_left_out_is_counted() {
    let world = world_with_snapshots().await;
    let server = server(&world);

    let all = server
        .ask(get("/table_size?environment=acme-prod").scopes(TABLE_SCOPE))
        .await
        .json();
    let item = &all["items"][0];
    assert_eq!(
        (&item["database"], &item["engine"]),
        (&json!("acme"), &json!("postgres"))
    );
    assert_eq!(
        (&item["total_bytes"], &item["table_count"]),
        (&json!(1600), &json!(3))
    );
    let names: Vec<_> = item["tables"]
        .as_array()
        .unwrap()
        .iter()
        .map(|table| table["table"].clone())
        .collect();
    assert_eq!(names, ["big", "log", "small"]);
    assert_eq!(
        item["tables_omitted"],
        json!({"table_count": 0, "total_bytes": 0})
    );

    let one = server
        .ask(get("/table_size?environment=acme-prod&tables=1").scopes(TABLE_SCOPE))
        .await
        .json();
    assert_eq!(one["items"][0]["tables"].as_array().unwrap().len(), 1);
    assert_eq!(
        one["items"][0]["tables_omitted"],
        json!({"table_count": 2, "total_bytes": 300})
    );
    assert_eq!(one["items"][0]["table_count"], 3);

    let named = server
        .ask(get("/table_size?schema=public&table=small").scopes(TABLE_SCOPE))
        .await
        .json();
    assert_eq!(named["items"].as_array().unwrap().len(), 2);
    assert_eq!(named["items"][1]["tables"][0]["total_bytes"], 100);
    server
        .ask(get("/table_size?table=missing").scopes(TABLE_SCOPE))
        .await
        .problem(404, "not_found");
}

#[tokio::test]
async fn a_page_of_large_databases_ends_early_and_goes_on() {
    let world = World::new(FLEET);
    let wide = |index: u64| TableSize {
        entity: Some("E".repeat(900)),
        ..table("public", &format!("t{index:05}"), index)
    };
    let tables: Vec<_> = (0..3000).rev().map(wide).collect();
    for id in database_ids() {
        let name = id.as_str().rsplit('/').next().unwrap().to_owned();
        world
            .keep(
                id,
                "2026-01-12T10:00:00Z",
                database_size(&name, tables.clone()),
            )
            .await;
    }
    let server = server(&world);

    let first = server
        .ask(
            get("/table_size?tables=3000")
                .scopes(TABLE_SCOPE)
                .header("Accept-Encoding", "gzip"),
        )
        .await;
    let body = first.json();
    assert_eq!(body["items"].as_array().unwrap().len(), 1);
    let path = format!(
        "/table_size?tables=3000&cursor={}",
        body["next"].as_str().unwrap()
    );
    let second = server.ask(get(&path).scopes(TABLE_SCOPE)).await.json();
    assert_eq!(
        (&second["items"][0]["database"], &second["next"]),
        (&json!("acme_test"), &Value::Null)
    );
}

#[tokio::test]
async fn a_limited_token_knows_of_its_environments_only() {
    let world = world_with_snapshots().await;
    let server = server(&world);
    let limited = |path: &str, names: &str| get(path).scopes(BUCKET_SCOPE).environments(names);

    let seen = server
        .ask(limited("/bucket_size", "acme-test"))
        .await
        .json();
    assert_eq!(seen["items"].as_array().unwrap().len(), 1);
    server
        .ask(limited("/bucket_size?environment=acme-prod", "acme-test"))
        .await
        .problem(404, "not_found");
    let none = server.ask(limited("/bucket_size", "")).await.json();
    assert_eq!(none["items"], json!([]));
}

#[tokio::test]
async fn without_proof_of_the_scope_nothing_is_answered() {
    let world = world_with_snapshots().await;
    let server = server(&world);

    let nobody = server.ask(get("/bucket_size")).await;
    nobody.problem(401, "unauthorized");
    assert_eq!(nobody.header("www-authenticate"), "Bearer");
    let other = server.ask(get("/bucket_size").scopes(TABLE_SCOPE)).await;
    assert!(other.problem(403, "scope_missing").contains(BUCKET_SCOPE));
    assert_eq!(other.json()["scope"], BUCKET_SCOPE);
}

#[tokio::test]
async fn bad_requests_are_told_what_is_allowed() {
    let world = world_with_snapshots().await;
    let server = server(&world);

    let unknown = server
        .ask(get("/bucket_size?colour=blue").scopes(BUCKET_SCOPE))
        .await;
    assert!(
        unknown
            .problem(400, "bad_parameter")
            .contains("environment, bucket, prefix, limit, cursor")
    );
    assert_eq!(
        unknown.json()["allowed"],
        json!(["environment", "bucket", "prefix", "limit", "cursor"])
    );
    server
        .ask(get("/nowhere").scopes(BUCKET_SCOPE))
        .await
        .problem(404, "not_found");
    server
        .ask(get("/bucket_size").scopes(BUCKET_SCOPE).method("DELETE"))
        .await
        .problem(405, "method_not_allowed");
    server
        .ask(get("/health?x=1"))
        .await
        .problem(400, "bad_parameter");
}

#[tokio::test]
async fn only_allowed_origins_may_read_from_a_page() {
    let world = world_with_snapshots().await;
    let server = server(&world);
    let ask = |origin: &str| {
        get("/bucket_size")
            .scopes(BUCKET_SCOPE)
            .header("Origin", origin)
    };

    assert_eq!(
        server
            .ask(ask(ORIGIN))
            .await
            .header("access-control-allow-origin"),
        ORIGIN
    );
    assert_eq!(
        server
            .ask(ask("https://evil.example"))
            .await
            .header("access-control-allow-origin"),
        ""
    );
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_503_and_a_damaged_item_is_500() {
    let clock = Arc::new(FixedClock::at(NOW));
    let memory = Arc::new(MemoryStore::new(clock.clone()));
    let failing = Arc::new(FailingStore::new(memory, [1]));
    let world = World::with_store(FLEET, clock, failing);
    let answer = server(&world)
        .ask(get("/bucket_size").scopes(BUCKET_SCOPE))
        .await;
    answer.problem(503, "unavailable");
    assert_eq!(answer.header("retry-after"), "10");

    let world = world_with_snapshots().await;
    damage_latest(&world).await;
    server(&world)
        .ask(get("/bucket_size").scopes(BUCKET_SCOPE))
        .await
        .problem(500, "internal");
}

async fn damage_latest(world: &World) {
    use shared::store::{Expect, Key, Put, Value};
    let key = Key {
        partition: "LATEST#bucket".into(),
        sort: bucket_ids()[0].to_string(),
    };
    let mut item = world.items.get(&key).await.unwrap().unwrap();
    item.attributes
        .insert("good".into(), Value::Text("NEVERLEAK".into()));
    world
        .items
        .put(Put {
            item,
            expect: Expect::Anything,
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn health_and_the_document_need_no_token() {
    let world = World::new(FLEET);
    let server = server(&world);

    assert_eq!(
        server.ask(get("/health")).await.json(),
        json!({"status": "ok"})
    );
    let document = server
        .ask(get("/openapi.json").header("Accept-Encoding", "gzip"))
        .await;
    assert_eq!(document.header("content-encoding"), "gzip");
    assert_eq!(document.json()["openapi"], "3.1.0");
}
