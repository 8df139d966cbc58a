//! The whole product on one machine: start, collect, query, change, query again, restart, kill.

use std::fs;
use std::io::Read;
use std::path::Path;

use flate2::read::{DeflateDecoder, GzDecoder};
use serde_json::{Value, json};
use sqlx::Row;

use crate::harness::{ORIGIN, Reply, Server, close, data_folder, eventually, has_postgres};

const BUCKET: &str = "/bucket_size?environment=globex-test";
const TABLE: &str = "/table_size?environment=globex-test&table=e2e_rows";

/// Returns the names of processes that use `data`, from their command lines.
fn processes_on(data: &Path) -> Vec<String> {
    let needle = data.to_str().unwrap();
    let lines = fs::read_dir("/proc").unwrap().filter_map(|process| {
        let line = fs::read(process.ok()?.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&line).replace('\0', " "))
    });
    lines.filter(|line| line.contains(needle)).collect()
}

#[tokio::test]
async fn changes_of_buckets_and_tables_appear_in_responses() {
    if !has_postgres() {
        return;
    }
    let data = data_folder();
    let server = Server::start(data.path(), "1s").await;
    let token = server.token(&[]);

    let before = server.item(BUCKET, &token, |_| true).await;
    let file = data
        .path()
        .join("demo/buckets/shared-files/globex-test/new file ü.bin");
    fs::write(&file, vec![7; 1_234_567]).unwrap();
    let number = |item: &Value, name: &str| item[name].as_u64().unwrap();
    let wanted = number(&before, "total_bytes") + 1_234_567;
    let after = server
        .item(BUCKET, &token, |item| {
            item["total_bytes"] == wanted && item["stale"] == false
        })
        .await;
    assert_eq!(
        number(&after, "object_count"),
        number(&before, "object_count") + 1
    );
    assert_eq!(
        (&after["completeness"], &after["method"]),
        (&json!("complete"), &json!("listing"))
    );
    assert_eq!(after["last_failure"], Value::Null);

    let mut connection = server.superuser("globex-test").await;
    let create = "CREATE TABLE e2e_rows AS SELECT g AS id, repeat('x', 100) AS text FROM generate_series(1, 1000) g";
    sqlx::raw_sql(create)
        .execute(&mut connection)
        .await
        .unwrap();
    let small = server.item(TABLE, &token, |_| true).await;
    let insert = "INSERT INTO e2e_rows SELECT g, repeat('y', 100) FROM generate_series(1, 50000) g";
    sqlx::raw_sql(insert)
        .execute(&mut connection)
        .await
        .unwrap();
    let size = sqlx::query("SELECT pg_total_relation_size('e2e_rows')")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    let size = u64::try_from(size.get::<i64, _>(0)).unwrap();
    let table_bytes = |item: &Value| item["tables"][0]["total_bytes"].as_u64().unwrap();
    let large = server
        .item(TABLE, &token, |item| table_bytes(item) == size)
        .await;
    assert!(table_bytes(&small) < size);
    assert_eq!(large["tables"][0]["entity"], Value::Null);
    assert!(number(&large, "total_bytes") > number(&small, "total_bytes"));
    close(connection).await;

    // Beside the running server, whose first day is not over.
    let folder = data.path().to_str().unwrap();
    let arguments = ["--environment", "globex-test", "--json", "--data", folder];
    let rebuilt = server.mrt(&[["history", "rebuild"].as_slice(), &arguments].concat());
    assert!(rebuilt.status.success(), "{rebuilt:?}");
    let rebuilt: Value = serde_json::from_slice(&rebuilt.stdout).unwrap();
    let targets = rebuilt["targets"].as_array().unwrap().iter();
    let kinds: Vec<_> = targets.filter_map(|each| each["kind"].as_str()).collect();
    assert!(
        kinds.contains(&"bucket") && kinds.contains(&"database"),
        "{rebuilt}"
    );

    assert!(server.stop("INT").await.success());
    assert_eq!(processes_on(data.path()), Vec::<String>::new());
}

#[tokio::test]
async fn a_new_demo_has_a_past_that_a_second_start_leaves_alone() {
    if !has_postgres() {
        return;
    }
    let data = data_folder();
    let path = "/bucket_size/history?environment=globex-prod&from=-2d&step=1h";
    let all_hours = |item: &Value| {
        let values = item["series"][0]["values"].as_array();
        let known = values.iter().flat_map(|values| values.iter());
        known.filter(|value| value.is_u64()).count() >= 47
    };
    for _ in 0..2 {
        let server = Server::start_with_past(data.path(), "10m", 3).await;
        let token = server.token(&[]);

        server.item(path, &token, all_hours).await;
        let has_room = |item: &Value| item["storage"]["free_bytes"].as_u64() > Some(0);
        let path = "/table_size?environment=acme-prod&include=trend&tables=0";
        let item = server.item(path, &token, has_room).await;
        assert_eq!(item["storage"]["allocated_bytes"], 1_u64 << 30);
        assert_eq!(item["full"]["reason"], "under_a_week");

        assert!(!server.output().contains("no past"), "{}", server.output());
        let folder = data.path().to_str().unwrap();
        let shown = server.mrt(&["history", "--environment", "globex-prod", "--data", folder]);
        let shown = String::from_utf8(shown.stdout).unwrap();
        assert!(
            shown.starts_with("globex-prod/db/globex_prod\n\nDAY"),
            "{shown}"
        );
        assert!(
            shown.contains("globex-prod/s3/shared-files/globex-prod%2F/\n"),
            "{shown}"
        );
        assert!(
            shown.contains("growth: not known, the days cover less than a week\n"),
            "{shown}"
        );
        let part = "s3://shared-files/globex-prod/";
        let rows = server.mrt(&["history", part, "--from", "-2d", "--csv", "--data", folder]);
        let rows = String::from_utf8(rows.stdout).unwrap();
        assert_eq!(rows.lines().count(), 4, "{rows}");
        let unknown = server.mrt(&["history", "s3://no-such-bucket", "--data", folder]);
        assert_eq!(unknown.status.code(), Some(1));
        let error = String::from_utf8(unknown.stderr).unwrap();
        assert!(
            error.contains("there is: acme-prod/db/acme_prod"),
            "{error}"
        );
        assert!(server.stop("INT").await.success());
    }
}

#[tokio::test]
async fn every_route_accepts_valid_tokens_only() {
    if !has_postgres() {
        return;
    }
    let data = data_folder();
    let server = Server::start(data.path(), "1h").await;
    let token = server.token(&[]);
    server.item("/bucket_size", &token, |_| true).await;
    server.item("/table_size", &token, |_| true).await;

    let users = server.ask("/users?environment=acme-prod", &token).await;
    assert_eq!(users.status, 200, "{}", users.text);
    assert!(users.json()["named"]["total"].as_u64().unwrap() > 0);
    let constants = server
        .ask("/micro_flow_constants?environment=acme-prod", &token)
        .await;
    assert_eq!(constants.status, 200, "{}", constants.text);
    assert!(constants.json()["counts"]["overridden"].as_u64().unwrap() > 0);
    assert_eq!(
        server.get("/openapi.json", &[]).await.json()["openapi"],
        "3.1.0"
    );

    for path in [
        "/bucket_size",
        "/table_size",
        "/users",
        "/micro_flow_constants",
    ] {
        let anonymous = server.get(path, &[]).await;
        assert_eq!(
            (anonymous.status, anonymous.json()["type"].as_str()),
            (401, Some("urn:mrt:problem:unauthorized")),
            "{path}"
        );
        assert_eq!(anonymous.headers["www-authenticate"], "Bearer");
    }
    let mut tampered = token.clone();
    tampered.replace_range(token.len() - 6..token.len() - 2, "AAAA");
    assert_eq!(server.ask("/bucket_size", &tampered).await.status, 401);
    eventually("the line of the refused token", async || {
        let output = server.output();
        let line = output
            .lines()
            .find(|line| line.contains("refused a token"))?;
        assert!(line.contains("its signature is wrong"), "{line}");
        assert!(
            line.contains("key.id=\"") && !line.contains("key.id=\"\""),
            "{line}"
        );
        let parts = tampered.split('.');
        assert!(
            parts.clone().count() == 3 && parts.into_iter().all(|part| !line.contains(part)),
            "{line}"
        );
        Some(())
    })
    .await;
    let other_scope = server.token(&["--scope", "mrt/users.read"]);
    assert_eq!(
        server.ask("/bucket_size", &other_scope).await.status,
        401,
        "as API Gateway's authorizer does"
    );
    let limited = server.token(&["--environments", "acme-test"]);
    let seen = server.ask("/bucket_size", &limited).await.json();
    assert!(
        seen["items"]
            .as_array()
            .unwrap()
            .iter()
            .all(|item| item["environment"] == "acme-test")
    );
    assert_eq!(
        server
            .ask("/users?environment=acme-prod", &limited)
            .await
            .status,
        404
    );

    let unknown = server.ask("/bucket_size?colour=blue", &token).await;
    assert_eq!(
        (unknown.status, &unknown.json()["allowed"][0]),
        (400, &json!("environment"))
    );
    assert_eq!(
        server
            .ask("/bucket_size?environment=nowhere", &token)
            .await
            .status,
        404
    );
    assert_eq!(server.ask("/nowhere", &token).await.status, 404);
    let first = server.ask("/bucket_size?limit=2", &token).await;
    assert!(first.headers["link"].ends_with("rel=\"next\""));
    let next = format!(
        "/bucket_size?limit=2&cursor={}",
        first.json()["next"].as_str().unwrap()
    );
    assert_ne!(
        server.ask(&next, &token).await.json()["items"][0],
        first.json()["items"][0]
    );
    let bearer = format!("Bearer {token}");
    let again = [
        ("authorization", bearer.as_str()),
        ("if-none-match", first.headers["etag"].as_str()),
    ];
    assert_eq!(server.get("/bucket_size?limit=2", &again).await.status, 304);
    assert!(server.stop("TERM").await.success());
}

#[tokio::test]
async fn allowed_origins_can_send_requests_and_read_errors() {
    if !has_postgres() {
        return;
    }
    let data = data_folder();
    let server = Server::start(data.path(), "1h").await;
    let allowed = |reply: &Reply| reply.headers.get("access-control-allow-origin").cloned();
    let preflight = async |origin: &str| {
        let headers = [("origin", origin), ("access-control-request-method", "GET")];
        let reply = server.send("OPTIONS", "/bucket_size", &headers, String::new());
        reply.await.unwrap()
    };

    let good = preflight(ORIGIN).await;
    assert_eq!(
        (good.status, allowed(&good).as_deref()),
        (204, Some(ORIGIN))
    );
    assert!(good.headers["access-control-allow-headers"].contains("Authorization"));
    assert_eq!(allowed(&preflight("https://evil.example").await), None);
    let refused = server.get("/bucket_size", &[("origin", ORIGIN)]).await;
    assert_eq!(
        (refused.status, allowed(&refused).as_deref()),
        (401, Some(ORIGIN))
    );
    let health = server.get("/health", &[("origin", ORIGIN)]).await;
    assert_eq!(allowed(&health).as_deref(), Some(ORIGIN));
    assert_eq!(
        allowed(
            &server
                .get("/health", &[("origin", "https://evil.example")])
                .await
        ),
        None
    );
}

#[tokio::test]
async fn the_issuer_has_the_form_of_cognito() {
    if !has_postgres() {
        return;
    }
    let data = data_folder();
    let server = Server::start(data.path(), "1h").await;
    let discovery = server
        .get("/local_mrt/.well-known/openid-configuration", &[])
        .await
        .json();
    assert_eq!(discovery["issuer"], format!("{}/local_mrt", server.url));
    let keys = server
        .get("/local_mrt/.well-known/jwks.json", &[])
        .await
        .json();
    assert_eq!(
        (&keys["keys"][0]["kty"], &keys["keys"][0]["alg"]),
        (&json!("RSA"), &json!("RS256"))
    );

    let form = |scope: &str| {
        let (id, secret) = (
            server.running["client_id"].as_str().unwrap(),
            server.running["client_secret"].as_str().unwrap(),
        );
        format!("grant_type=client_credentials&client_id={id}&client_secret={secret}&scope={scope}")
    };
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let token = server
        .send("POST", "/oauth2/token", &headers, form("mrt/users.read"))
        .await
        .unwrap();
    assert_eq!(
        (token.status, &token.json()["token_type"]),
        (200, &json!("Bearer"))
    );
    let refused = server
        .send("POST", "/oauth2/token", &headers, form("mrt/everything"))
        .await
        .unwrap();
    assert_eq!(
        (refused.status, &refused.json()["error"]),
        (400, &json!("invalid_scope"))
    );
}

#[tokio::test]
async fn a_killed_server_leaves_its_latest_snapshot_and_no_process() {
    if !has_postgres() {
        return;
    }
    let data = data_folder();
    let server = Server::start(data.path(), "1s").await;
    let token = server.token(&[]);
    let good = server.item(BUCKET, &token, |_| true).await;
    // Many files make the listing slow, so that the kill interrupts a collection. They appear at once, so that every
    // complete listing has all of them or none.
    let (staging, bucket) = (
        data.path().join("staging"),
        data.path().join("demo/buckets/shared-files"),
    );
    fs::create_dir_all(&staging).unwrap();
    for number in 0..5_000 {
        fs::write(staging.join(number.to_string()), "x").unwrap();
    }
    fs::rename(&staging, bucket.join("globex-test/many")).unwrap();
    let planned = server.output().matches("targets queued").count();
    eventually("another plan", async || {
        (server.output().matches("targets queued").count() > planned).then_some(())
    })
    .await;
    assert!(!server.stop("KILL").await.success());
    let ended = async || processes_on(data.path()).is_empty().then_some(());
    eventually("the end of the demo's processes", ended).await;

    let server = Server::start(data.path(), "1h").await;
    let first = server.ask(BUCKET, &token_of(&server)).await;
    assert_eq!(first.status, 200, "the snapshot survives: {}", first.text);
    let item = &first.json()["items"][0];
    assert!(item["scheduled_at"].as_str() >= good["scheduled_at"].as_str());
    let bytes = item["total_bytes"].as_u64().unwrap();
    let known = good["total_bytes"].as_u64().unwrap();
    assert!(
        bytes == known || bytes == known + 5_000,
        "never part of a listing: {bytes}"
    );
    assert!(server.stop("INT").await.success());
}

fn token_of(server: &Server) -> String {
    server.token(&["--scope", "mrt/bucket_size.read mrt/table_size.read"])
}

#[tokio::test]
async fn no_response_log_line_or_stored_item_contains_a_secret() {
    if !has_postgres() {
        return;
    }
    let data = data_folder();
    let server = Server::start(data.path(), "1s").await;
    let token = server.token(&[]);
    server
        .item("/table_size", &token, |item| {
            item["tables"]
                .as_array()
                .is_some_and(|tables| !tables.is_empty())
        })
        .await;
    let mut connection = server.superuser("acme-prod").await;
    let planted = "SELECT count(*) FROM \"system$user\" WHERE \"password\" LIKE '%NEVERLEAK%'";
    let planted: i64 = sqlx::query_scalar(planted)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert!(planted > 0, "there is something to leak");
    let names =
        "SELECT \"name\" FROM \"system$user\" WHERE \"name\" LIKE '%@%' ORDER BY \"id\" LIMIT 20";
    let names: Vec<String> = sqlx::query_scalar(names)
        .fetch_all(&mut connection)
        .await
        .unwrap();
    assert!(!names.is_empty());
    close(connection).await;

    let mut seen = Vec::new();
    for path in [
        "/bucket_size",
        "/table_size?tables=10000",
        "/openapi.json",
        "/nowhere",
    ] {
        seen.push(server.ask(path, &token).await.text);
    }
    for environment in ["acme-prod", "acme-test", "globex-prod", "globex-test"] {
        for route in ["users", "micro_flow_constants"] {
            seen.push(
                server
                    .ask(&format!("/{route}?environment={environment}"), &token)
                    .await
                    .text,
            );
        }
    }
    seen.push(server.output());
    assert!(server.stop("TERM").await.success());
    seen.push(stored_text(data.path()).await);
    for text in seen {
        for secret in ["NEVERLEAK", "{BCrypt}"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        let name = names.iter().find(|name| text.contains(name.as_str()));
        assert_eq!(name, None, "in {text}");
        // Only the token in the output of the start may appear.
        assert!(text.matches("eyJ").count() <= 3, "a token in {text}");
    }
}

/// Returns everything in the store as text, with decompressed bodies.
async fn stored_text(data: &Path) -> String {
    let url = format!("sqlite://{}", data.join("mrt.db").display());
    let pool = sqlx::sqlite::SqlitePool::connect(&url).await.unwrap();
    let rows = sqlx::query("SELECT partition, sort, attributes, body FROM item")
        .fetch_all(&pool)
        .await
        .unwrap();
    assert!(rows.len() > 10);
    let mut text = String::new();
    for row in rows {
        for column in 0..3 {
            text.push_str(row.get::<&str, _>(column));
        }
        if let Some(body) = row.get::<Option<Vec<u8>>, _>(3) {
            text.push_str(&String::from_utf8_lossy(&unpacked(&body)));
        }
    }
    text
}

/// Returns the content of a body: that of a snapshot is gzip, that of history deflate after an envelope of 5 bytes.
fn unpacked(body: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    match body {
        [0x1f, 0x8b, ..] => GzDecoder::new(body).read_to_end(&mut content),
        _ => DeflateDecoder::new(&body[5..]).read_to_end(&mut content),
    }
    .unwrap();
    content
}
