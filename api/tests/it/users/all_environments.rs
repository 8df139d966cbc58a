//! `/users` without an environment: all that the caller may read, each with its counts or its own problem.

use std::time::Duration;

use serde_json::{Value, json};
use shared::deployment_key::DeploymentKey;

use super::database::{ENGINES, SEED, TestDatabase};
use super::http::{SCOPE, server_with};
use crate::harness::{World, get};

const UNREACHABLE: &str = "[[environment]]\nname = \"c-down\"\n[environment.database]\nengine = \"postgres\"\n\
    host = \"127.0.0.1\"\nport = 9\nname = \"acme\"\nuser = \"mrt_ro\"\nauth = \"env:MRT_TEST_ROLE_PASSWORD\"\n\
    [[environment]]\nname = \"d-files\"\n";

#[tokio::test]
async fn each_environment_has_its_counts_or_its_own_problem() {
    let mut databases = Vec::new();
    let mut fleet = UNREACHABLE.to_owned();
    for (name, engine) in ["a-postgres", "b-mysql"].into_iter().zip(ENGINES) {
        let Some(database) = TestDatabase::on(engine, "all", SEED).await else {
            return;
        };
        fleet.push_str(&database.fleet(name));
        databases.push(database);
    }
    let world = World::new(&fleet);
    let server = server_with(&world, DeploymentKey::none());

    let all = server.ask(get("/users").scopes(SCOPE)).await;
    let some = server
        .ask(get("/users").scopes(SCOPE).environments("b-mysql d-files"))
        .await;
    let mut walked = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = server
            .ask(get(&format!("/users?limit=3{cursor}")).scopes(SCOPE))
            .await
            .json();
        walked.extend(page["items"].as_array().unwrap().clone());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }

    let body = all.json();
    let items = body["items"].as_array().unwrap();
    let names: Vec<_> = items.iter().map(|item| &item["environment"]).collect();
    assert_eq!(names, ["a-postgres", "b-mysql", "c-down", "d-files"]);
    for item in &items[..2] {
        assert_eq!(item["counts"]["named"]["total"], 5, "{item}");
        assert_eq!(item["counts"]["environment"], item["environment"]);
        assert_eq!(item["problem"], Value::Null);
    }
    assert_eq!(items[2]["counts"], Value::Null);
    assert_eq!(items[2]["problem"]["status"], 503, "{}", items[2]);
    assert_eq!(items[2]["problem"]["type"], "urn:mrt:problem:unreachable");
    // Nothing to count is no problem.
    let files =
        json!({"environment": "d-files", "has_database": false, "counts": null, "problem": null});
    assert_eq!(items[3], files);
    assert_eq!(body["distinct"], Value::Null, "without a key");
    let seen: Vec<_> = some.json()["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["environment"].clone())
        .collect();
    assert_eq!(json!(seen), json!(["b-mysql", "d-files"]));
    assert_eq!(walked, *items);
    for database in databases {
        database.remove().await;
    }
}

/// The databases accept a connection and never answer. The response arrives before the gateway gives up, and reports
/// a timeout for each of them.
#[tokio::test(start_paused = true)]
async fn databases_that_never_answer_do_not_delay_the_response_too_long() {
    use std::fmt::Write;

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut fleet = String::new();
    for number in 0..120 {
        write!(
            fleet,
            "[[environment]]\nname = \"mute-{number:03}\"\n[environment.database]\nengine = \"postgres\"\n\
             host = \"127.0.0.1\"\nport = {port}\nname = \"acme\"\nuser = \"mrt_ro\"\n\
             auth = \"env:MRT_TEST_ROLE_PASSWORD\"\n"
        )
        .unwrap();
    }
    let world = World::new(&fleet);
    let server = server_with(&world, DeploymentKey::none());

    let started = tokio::time::Instant::now();
    let reply = server.ask(get("/users?limit=1000").scopes(SCOPE)).await;

    assert!(started.elapsed() < Duration::from_secs(27));
    let body = reply.json();
    let items = body["items"].as_array().unwrap();
    assert_eq!(items.len(), 100, "the number per answer is limited");
    assert!(body["next"].is_string());
    for item in items {
        assert_eq!(item["problem"]["type"], "urn:mrt:problem:timeout", "{item}");
    }
}
