//! `/users/history?view=distinct`: each named user once over environments, by month, and when a limit will be reached.

use serde_json::{Value, json};
use shared::deployment_key::Key;

use super::history::{FLEET, active, collect, key, server};
use super::http::SCOPE;
use crate::harness::{World, get};

const PATH: &str = "/users/history?view=distinct";

/// Collects the same users on each day of a month of 2025.
async fn fill(
    world: &World,
    environment: &str,
    month: u32,
    users: std::ops::Range<u32>,
    key: &Key,
) {
    let days = match month {
        9 | 11 => 30,
        _ => 31,
    };
    for day in 1..=days {
        let time = format!("2025-{month:02}-{day:02}T06:00:00Z");
        collect(
            world,
            environment,
            &time,
            active(Some(key), users.clone(), 2),
        )
        .await;
    }
}

/// Collects users on the days of January up to yesterday.
async fn fill_january(world: &World, environment: &str, users: std::ops::Range<u32>, key: &Key) {
    for day in 1..=11 {
        let time = format!("2026-01-{day:02}T06:00:00Z");
        collect(
            world,
            environment,
            &time,
            active(Some(key), users.clone(), 3),
        )
        .await;
    }
}

async fn ask(world: &World, path: &str) -> Value {
    let reply = server(world).ask(get(path).scopes(SCOPE)).await;
    assert_eq!(reply.status, 200, "{path}: {}", reply.text);
    assert!(!reply.text.contains("NEVERLEAK"));
    reply.json()
}

fn numbers(body: &Value, group: usize, field: &str) -> Vec<Value> {
    let months = body["months"].as_array().unwrap().iter();
    months
        .map(|month| month["groups"][group][field].clone())
        .collect()
}

#[tokio::test]
async fn a_user_of_two_environments_counts_once_in_a_month() {
    let world = World::new(FLEET);
    let key = key("0123456789abcdef").await;
    for month in [11, 12] {
        fill(&world, "acme-prod", month, 0..month, &key).await;
        fill(&world, "acme-test", month, 6..15, &key).await;
    }
    fill_january(&world, "acme-prod", 0..3, &key).await;
    fill_january(&world, "acme-test", 1..4, &key).await;

    let body = ask(&world, PATH).await;

    assert_eq!(body["from"], "2025-02-01T00:00:00Z");
    assert_eq!(body["to"], "2026-02-01T00:00:00Z");
    assert_eq!(body["without_database"], json!(["files"]));
    let groups = &body["months"][0]["groups"];
    assert_eq!(
        json!([groups[0]["group"], groups[1]["group"], groups[2]["group"]]),
        json!(["all", "production", "other"])
    );
    assert_eq!(numbers(&body, 0, "named_user_count"), [15, 15, 4]);
    assert_eq!(numbers(&body, 0, "environment_sum"), [20, 21, 6]);
    assert_eq!(numbers(&body, 1, "named_user_count"), [11, 12, 3]);
    assert_eq!(numbers(&body, 2, "named_user_count"), [9, 9, 3]);
    assert_eq!(
        numbers(&body, 0, "internal"),
        [5, 5, 2],
        "of each three users, one"
    );
    for month in body["months"].as_array().unwrap() {
        assert_eq!(month["completeness"], "complete", "{month}");
        assert_eq!(month["partial"], json!([]));
    }
    let running = body["months"].as_array().unwrap().iter();
    let running: Vec<_> = running.map(|month| &month["is_running"]).collect();
    assert_eq!(running, [false, false, true]);

    let only = "&from=2025-12-01T00:00:00Z&to=2026-01-01T00:00:00Z";
    let only = ask(&world, &format!("{PATH}{only}")).await;
    assert_eq!(numbers(&only, 0, "named_user_count"), [15]);
}

#[tokio::test]
async fn users_that_are_not_known_make_a_month_partial_by_name_and_reason() {
    let world = World::new(FLEET);
    let (one, other) = (key("0123456789abcdef").await, key("fedcba9876543210").await);
    fill(&world, "acme-prod", 10, 0..4, &one).await;
    fill(&world, "acme-prod", 11, 0..4, &one).await;
    fill(&world, "acme-test", 11, 2..6, &one).await;
    fill(&world, "acme-prod", 12, 0..4, &one).await;
    let early = active(Some(&one), 9..10, 1);
    collect(&world, "acme-test", "2025-12-01T06:00:00Z", early).await;
    fill_january(&world, "acme-prod", 0..4, &other).await;
    let late = active(Some(&one), 0..4, 1);
    collect(&world, "acme-test", "2026-01-01T06:00:00Z", late).await;

    let body = ask(&world, PATH).await;

    let partial = body["months"].as_array().unwrap().iter();
    let partial: Vec<_> = partial.map(|month| month["partial"].clone()).collect();
    let of_test = |reason: &str| json!([{"environment": "acme-test", "reason": reason}]);
    assert_eq!(
        partial,
        [
            of_test("not_collected"),
            json!([]),
            of_test("missing_days"),
            // HMACs under different keys cannot be joined: the key that was used last counts.
            of_test("key_changed"),
        ]
    );
    assert_eq!(numbers(&body, 0, "named_user_count"), [4, 6, 5, 4]);
    assert_eq!(numbers(&body, 0, "partial_count"), [1, 0, 1, 1]);
    assert_eq!(numbers(&body, 1, "partial_count"), [0, 0, 0, 0]);
    let completeness = body["months"].as_array().unwrap().iter();
    let completeness: Vec<_> = completeness.map(|month| &month["completeness"]).collect();
    assert_eq!(completeness, ["partial", "complete", "partial", "partial"]);
}

#[tokio::test]
async fn the_licence_says_when_its_limit_will_be_reached() {
    let world = World::new(FLEET);
    let key = key("0123456789abcdef").await;
    for (month, users) in [(9, 2), (10, 3), (11, 4), (12, 5)] {
        fill(&world, "acme-prod", month, 0..users, &key).await;
    }
    fill_january(&world, "acme-prod", 0..6, &key).await;

    let body = ask(&world, PATH).await;

    let licence = &body["licence"];
    assert_eq!(licence["group"], "production");
    assert_eq!(licence["expires"], "2027-06-30");
    assert_eq!(licence["concurrent_peak_sum"], 3);
    assert_eq!(
        licence["named"],
        json!({
            "limit": 10, "used": 6, "free": 4, "used_percent": 60.0, "is_at_least": false,
            "month": "2026-01", "per_month": 1.0, "reached_in": "2026-05", "is_tentative": false,
            "reason": null
        })
    );

    let two = "&from=2025-11-01T00:00:00Z";
    let two = ask(&world, &format!("{PATH}{two}")).await;
    assert_eq!(two["licence"]["named"]["reached_in"], "2026-05");
    assert_eq!(two["licence"]["named"]["is_tentative"], true);
    let none = "&from=2026-01-01T00:00:00Z";
    let none = ask(&world, &format!("{PATH}{none}")).await;
    assert_eq!(none["licence"]["named"]["reached_in"], Value::Null);
    assert_eq!(none["licence"]["named"]["reason"], "too_few_months");
}

#[tokio::test]
async fn the_example_of_the_document_has_the_fields_of_an_answer() {
    let world = World::new(FLEET);
    let key = key("0123456789abcdef").await;
    fill_january(&world, "acme-prod", 0..6, &key).await;

    let body = ask(&world, PATH).await;

    let source = include_str!("../../../src/users/history/distinct_view.rs");
    let example = source.split("```json").nth(1).unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let example: Value = serde_json::from_str(&example.replace("///", "")).unwrap();
    let names = |value: &Value| {
        let object = value.as_object().unwrap().keys().cloned();
        object.collect::<Vec<_>>()
    };
    for pointer in [
        "",
        "/months/0",
        "/months/0/groups/0",
        "/months/0/partial/0",
        "/licence",
        "/licence/named",
    ] {
        let [documented, actual] = [&example, &body].map(|body| body.pointer(pointer).unwrap());
        assert_eq!(names(documented), names(actual), "{pointer}");
    }
}

#[tokio::test]
async fn callers_count_their_environments_only_and_see_no_licence() {
    let world = World::new(FLEET);
    let key = key("0123456789abcdef").await;
    fill(&world, "acme-prod", 12, 0..9, &key).await;
    fill(&world, "acme-test", 12, 0..3, &key).await;
    let server = server(&world);

    let limited = get(PATH).scopes(SCOPE).environments("acme-test");
    let body = server.ask(limited).await.json();
    assert_eq!(body["licence"], Value::Null);
    assert_eq!(numbers(&body, 0, "named_user_count"), [3, 0]);
    assert!(!body.to_string().contains("acme-prod"));

    for parameter in ["environment=acme-prod", "step=day", "cursor=x"] {
        let wrong = get(&format!("{PATH}&{parameter}")).scopes(SCOPE);
        server.ask(wrong).await.problem(400, "bad_parameter");
    }
    let other = get(PATH).scopes("mrt/table_size.read");
    server.ask(other).await.problem(403, "scope_missing");
}

#[tokio::test]
async fn lines_of_csv_are_groups_of_months() {
    let world = World::new(FLEET);
    let key = key("0123456789abcdef").await;
    fill(&world, "acme-prod", 12, 0..6, &key).await;
    fill(&world, "acme-test", 12, 3..9, &key).await;

    let ask = get(&format!("{PATH}&to=2026-01-01T00:00:00Z")).scopes(SCOPE);
    let reply = server(&world).ask(ask.header("accept", "text/csv")).await;

    let lines: Vec<_> = reply.text.lines().collect();
    assert_eq!(
        lines,
        [
            "month,is_running,completeness,group,environment_count,partial_count,named_user_count,internal,external,unclassified,environment_sum",
            "2025-12,false,complete,all,2,0,9,3,3,3,12",
            "2025-12,false,complete,production,1,0,6,2,2,2,6",
            "2025-12,false,complete,other,1,0,6,2,2,2,6",
        ]
    );
}
