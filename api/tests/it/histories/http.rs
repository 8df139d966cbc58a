//! HTTP around histories: authorization, rejections, caching, pages.

use super::*;

const PATHS: [(&str, &str); 4] = [
    ("/bucket_size/changes", BUCKET_SCOPE),
    ("/table_size/changes", TABLE_SCOPE),
    ("/bucket_size/history", BUCKET_SCOPE),
    ("/table_size/history", TABLE_SCOPE),
];

#[tokio::test]
async fn a_limited_token_sees_only_its_environments() {
    let world = two_weeks().await;
    let server = server(&world);

    for (path, scope) in PATHS {
        let limited = |path: &str| get(path).scopes(scope).environments("acme-test");

        let seen = server.ask(limited(path)).await.json();
        let hidden = format!("{path}?environment=acme-prod");
        let hidden = server.ask(limited(&hidden)).await;

        let items = seen["items"].as_array().unwrap().iter();
        assert!(items.clone().all(|item| item["environment"] == "acme-test"));
        assert_eq!(items.len(), 1, "{path}");
        hidden.problem(404, "not_found");
        server.ask(get(path)).await.problem(401, "unauthorized");
        let other = server.ask(get(path).scopes("mrt/users.read")).await;
        other.problem(403, "scope_missing");
    }
}

#[tokio::test]
async fn a_range_that_is_none_is_rejected_with_what_is_allowed() {
    let world = World::new(FLEET);
    let server = server(&world);

    for (query, expected) in [
        ("from=yesterday", "allowed is an RFC 3339 time"),
        ("to=7d", "allowed is an RFC 3339 time"),
        ("from=-1d&to=-1d", "the range is empty"),
        ("from=-1d&to=-2d", "the range is empty"),
        ("from=2027-01-01T00:00:00Z", "the range is empty"),
        ("from=-3654d", "more than 3653 days"),
        ("step=2h", "allowed is auto or raw or 1h or 1d"),
        ("aggregate=sum", "allowed is last or min or max or mean"),
        ("part=overhead", "allowed is total or current"),
        ("limit=101", "from 1 to 100"),
    ] {
        let path = format!("/bucket_size/history?{query}");
        let reply = server.ask(get(&path).scopes(BUCKET_SCOPE)).await;

        let detail = reply.problem(400, "bad_parameter");
        assert!(detail.contains(expected), "{query}: {detail}");
    }
}

#[tokio::test]
async fn an_answer_is_the_same_until_a_measurement_is_added() {
    let world = two_weeks().await;
    let server = server(&world);
    let path = "/table_size/history?environment=acme-prod&step=1h&from=-1d";
    let first = server.ask(get(path).scopes(TABLE_SCOPE)).await;
    assert_eq!(
        first.header("last-modified"),
        "Sun, 11 Jan 2026 18:00:00 GMT"
    );
    let again = || {
        let ask = get(path).scopes(TABLE_SCOPE);
        ask.header("If-None-Match", first.header("etag"))
    };

    world.clock.advance(std::time::Duration::from_secs(50));
    let same = server.ask(again()).await;
    let head = server
        .ask(get(path).scopes(TABLE_SCOPE).method("HEAD"))
        .await;
    let size = database_size("acme", vec![table("public", "plain", 10)]);
    let (id, time) = (database_ids()[0].clone(), at("2026-01-12T11:00:00Z"));
    world.collect(id, time, size).await;
    let changed = server.ask(again()).await;

    assert_eq!(same.status, 304);
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    assert_eq!(changed.status, 200);
}

#[tokio::test]
async fn pages_continue_where_the_one_before_ended() {
    let world = two_weeks().await;
    let server = server(&world);

    let mut path = "/bucket_size/history?from=-1d&limit=2".to_owned();
    let mut buckets = Vec::new();
    loop {
        let body = ask(&server, &path).await;
        let items = body["items"].as_array().unwrap().clone();
        buckets.extend(items.iter().map(|item| item["prefix"].clone()));
        let Some(next) = body["next"].as_str() else {
            break;
        };
        path = format!("/bucket_size/history?from=-1d&limit=2&cursor={next}");
    }

    assert_eq!(buckets, ["", "acme prod/", "acme-test/"]);
}

#[tokio::test]
async fn more_values_than_an_answer_holds_end_a_page_or_are_too_large() {
    let world = World::new(FLEET);
    let tables: Vec<_> = (0..1_000)
        .map(|index| table("public", &format!("t{index}"), index))
        .collect();
    for id in database_ids() {
        for hour in [0, 299] {
            let time = at("2025-12-30T12:00:00Z") + TimeDelta::hours(hour);
            let size = database_size("acme", tables.clone());
            world.collect(id.clone(), time, size).await;
        }
    }
    let server = server(&world);

    let path = "/table_size/history?group=table&top=1000&step=1h";
    let large = server.ask(get(path).scopes(TABLE_SCOPE)).await;
    let path = "/table_size/history?group=table&top=400&step=1h";
    let cut = ask(&server, path).await;

    let detail = large.problem(422, "too_large");
    assert!(
        detail.contains("choose fewer series, a longer step"),
        "{detail}"
    );
    assert_eq!(cut["items"].as_array().unwrap().len(), 1);
    assert!(cut["next"].is_string());
}
