//! HTTP around the sizes: authorization, rejections, caching, origins, errors of the store.

use super::*;

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
async fn a_page_changes_its_etag_when_something_follows_it() {
    let world = world_with_snapshots().await;
    let grown = FLEET
        .replace("acme-test", "zz-test")
        .replace("acme_test", "zz_test");
    let grown = format!(
        "{FLEET}{}",
        &grown[grown.rfind("[[environment]]").unwrap()..]
    );
    let grown = World::with_store(&grown, world.clock.clone(), Arc::clone(&world.items));
    for (path, scope) in [
        ("/bucket_size?limit=3", BUCKET_SCOPE),
        ("/table_size?limit=2", TABLE_SCOPE),
    ] {
        let whole = server(&world).ask(get(path).scopes(scope)).await;
        assert_eq!(whole.json()["next"], Value::Null, "{path}");

        let again = get(path)
            .scopes(scope)
            .header("If-None-Match", whole.header("etag"));
        let again = server(&grown).ask(again).await;

        assert_eq!(again.status, 200, "{path}");
        assert!(again.json()["next"].is_string(), "{path}");
    }
}

#[tokio::test]
async fn a_limited_token_sees_only_its_environments() {
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
async fn a_request_without_the_scope_is_rejected() {
    let world = world_with_snapshots().await;
    let server = server(&world);

    let anonymous = server.ask(get("/bucket_size")).await;
    anonymous.problem(401, "unauthorized");
    assert_eq!(anonymous.header("www-authenticate"), "Bearer");
    let other = server.ask(get("/bucket_size").scopes(TABLE_SCOPE)).await;
    assert!(other.problem(403, "scope_missing").contains(BUCKET_SCOPE));
    assert_eq!(other.json()["scope"], BUCKET_SCOPE);
}

#[tokio::test]
async fn bad_requests_are_answered_with_what_is_allowed() {
    let world = world_with_snapshots().await;
    let server = server(&world);

    let unknown = server
        .ask(get("/bucket_size?colour=blue").scopes(BUCKET_SCOPE))
        .await;
    assert!(
        unknown.problem(400, "bad_parameter").contains(
            "environment, kind, bucket, prefix, suffix, include, prefixes, limit, cursor"
        )
    );
    assert_eq!(
        unknown.json()["allowed"],
        json!([
            "environment",
            "kind",
            "bucket",
            "prefix",
            "suffix",
            "include",
            "prefixes",
            "limit",
            "cursor"
        ])
    );
    server
        .ask(get("/nowhere").scopes(BUCKET_SCOPE))
        .await
        .problem(404, "not_found");
    // The path of another program too: what is no GET of any path comes to the one that is public.
    for path in ["/bucket_size", "/users", "/health"] {
        let refused = server
            .ask(get(path).scopes(BUCKET_SCOPE).method("DELETE"))
            .await;
        refused.problem(405, "method_not_allowed");
        assert_eq!(refused.header("allow"), "GET, HEAD, OPTIONS");
    }
    server
        .ask(get("/health?x=1"))
        .await
        .problem(400, "bad_parameter");
}

#[tokio::test]
async fn only_allowed_origins_may_read_answers() {
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
async fn an_unavailable_store_is_503() {
    let clock = Arc::new(FixedClock::at(NOW));
    let memory = Arc::new(MemoryStore::new(clock.clone()));
    let failing = Arc::new(FailingStore::new(memory, [1]));
    let world = World::with_store(FLEET, clock, failing);
    let answer = server(&world)
        .ask(get("/bucket_size").scopes(BUCKET_SCOPE))
        .await;
    answer.problem(503, "unavailable");
    assert_eq!(answer.header("retry-after"), "10");
}

#[tokio::test]
async fn a_damaged_item_is_named_and_its_content_is_not_shown() {
    let world = world_with_snapshots().await;
    damage_latest(&world).await;

    let request = get("/bucket_size").scopes(BUCKET_SCOPE);
    let answer = server(&world).ask(request).await;

    let failure = &answer.json()["pending"][0]["last_failure"];
    assert_eq!(failure["code"], "record_unreadable");
    assert!(!answer.text.contains("NEVERLEAK"), "{}", answer.text);
}

/// Makes the latest item of the first bucket unreadable.
pub(crate) async fn damage_latest(world: &World) {
    use shared::store::{Expect, Key, Put};
    let key = Key {
        partition: "LATEST#bucket".into(),
        sort: bucket_ids()[0].to_string(),
    };
    let mut item = world.items.get(&key).await.unwrap().unwrap();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let content = serde_json::json!({"good": "NEVERLEAK"});
    serde_json::to_writer(&mut encoder, &content).unwrap();
    item.body = Some(encoder.finish().unwrap());
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

    let health = server.ask(get("/health")).await.json();
    assert_eq!(
        (&health["status"], &health["digest"]),
        (&json!("ok"), &Value::Null)
    );
    assert!(!health["version"].as_str().unwrap().is_empty(), "{health}");
    let document = server
        .ask(get("/openapi.json").header("Accept-Encoding", "gzip"))
        .await;
    assert_eq!(document.header("content-encoding"), "gzip");
    assert_eq!(document.json()["openapi"], "3.1.0");
}

#[tokio::test]
async fn a_head_request_gets_the_headers_of_get_and_no_body() {
    let world = world_with_snapshots().await;
    let server = server(&world);
    for path in ["/bucket_size", "/table_size", "/openapi.json"] {
        let ask = || get(path).scopes(&format!("{BUCKET_SCOPE} {TABLE_SCOPE}"));

        let whole = server.ask(ask()).await;
        let head = server.ask(ask().method("HEAD")).await;

        assert_eq!(
            (head.status, &head.headers),
            (200, &whole.headers),
            "{path}"
        );
        assert!(head.text.is_empty() && !whole.text.is_empty(), "{path}");
    }
}

#[tokio::test]
async fn a_client_reads_what_the_fleet_file_lists_for_it() {
    let limited = |names: &str| {
        format!("{FLEET}\n[[client]]\nid = \"test-client\"\nenvironments = {names}\n")
    };
    let world = world_with_snapshots().await;
    for (names, expected) in [
        ("[\"acme-test\"]", vec!["acme-test"]),
        ("[]", vec![]),
        ("[\"*\"]", vec!["acme-prod", "acme-test"]),
    ] {
        let world = World::with_store(
            &limited(names),
            world.clock.clone(),
            Arc::clone(&world.items),
        );

        let all = server(&world)
            .ask(get("/bucket_size").scopes(BUCKET_SCOPE))
            .await;
        let one = get("/bucket_size?environment=acme-prod").scopes(BUCKET_SCOPE);
        let one = server(&world).ask(one).await;

        let items = all.json()["items"].as_array().cloned().unwrap_or_default();
        let seen: std::collections::BTreeSet<&str> = items
            .iter()
            .map(|item| item["environment"].as_str().unwrap())
            .collect();
        assert_eq!(Vec::from_iter(seen), expected, "{names}");
        let may_read = expected.contains(&"acme-prod");
        assert_eq!(one.status, if may_read { 200 } else { 404 }, "{names}");
    }
}
