//! `view=distinct`: each named user once over environments, on both engines; and CSV.

use serde_json::{Value, json};
use shared::deployment_key::DeploymentKey;
use shared::users::{Connection, Question, read_activity, read_identities};

use super::database::{COLUMNS, ENGINES, SEED, TestDatabase, databases};
use super::history;
use super::http::{SCOPE, server_with};
use crate::harness::{NOW, TestServer, World, get};

const KEY: &str = "0123456789abcdef";
const LICENCE: &str = "[licence]\nnamed = 5_000\nexpires = \"2027-06-30\"\n";
const DOWN: &str = "[[environment]]\nname = \"c-down\"\nproduction = true\n[environment.database]\n\
    engine = \"postgres\"\nhost = \"127.0.0.1\"\nport = 9\nname = \"acme\"\nuser = \"mrt_ro\"\n\
    auth = \"env:MRT_TEST_ROLE_PASSWORD\"\n[[environment]]\nname = \"d-files\"\n";

fn server(world: &World) -> TestServer {
    server_with(world, DeploymentKey::from_value(KEY))
}

/// Returns a database of each engine, and the fleet of both: `acme-prod`, which is production, and `acme-test`.
async fn two(suffix: &str, seeds: [&str; 2]) -> Option<(Vec<TestDatabase>, String)> {
    let mut databases = Vec::new();
    let mut fleet = LICENCE.to_owned();
    let names = ["acme-prod", "acme-test"];
    for ((name, seed), engine) in names.into_iter().zip(seeds).zip(ENGINES) {
        let database = TestDatabase::on(engine, suffix, seed).await?;
        let section = database.fleet(name);
        fleet.push_str(&match name {
            "acme-prod" => section.replacen(
                "[[environment]]\n",
                "[[environment]]\nproduction = true\n",
                1,
            ),
            _ => section,
        });
        databases.push(database);
    }
    Some((databases, fleet))
}

async fn remove(databases: Vec<TestDatabase>) {
    for database in databases {
        database.remove().await;
    }
}

async fn distinct(world: &World, environments: Option<&str>) -> Value {
    let mut ask = get("/users?view=distinct").scopes(SCOPE);
    if let Some(environments) = environments {
        ask = ask.environments(environments);
    }
    let reply = server(world).ask(ask).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    for secret in ["NEVERLEAK", "example.org", "MxAdmin", "u_"] {
        assert!(!reply.text.contains(secret), "{secret}: {}", reply.text);
    }
    reply.json()
}

#[tokio::test]
async fn a_user_of_two_environments_counts_once_as_documented() {
    let Some((databases, fleet)) = two("distinct", [SEED, SEED]).await else {
        return;
    };
    let world = World::new(&fleet);

    let body = distinct(&world, None).await;

    let source = include_str!("../../../src/users/distinct_view.rs");
    let example = source.split("```json").nth(1).unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let mut expected: Value = serde_json::from_str(&example.replace("///", "")).unwrap();
    expected["as_of"] = NOW.into();
    assert_eq!(body, expected);
    let fleet = server(&world).ask(get("/users").scopes(SCOPE)).await.json();
    let mut expected = body;
    expected["licence"]["by_month_reason"] = "not_asked".into();
    assert_eq!(
        fleet["distinct"], expected,
        "the fleet's answer has the same"
    );
    remove(databases).await;
}

#[tokio::test]
async fn identifiers_join_people_and_letter_case_does_not() {
    // Dana and Erik are one person here,
    let identified = format!("{SEED}{COLUMNS}");
    // who has a third account there, next to one that differs in case.
    let seed = SEED.replace(r#""name" varchar(100) UNIQUE"#, r#""name" varchar(100)"#);
    let named = format!(
        r#"{seed}
        UPDATE "system$user" SET "name" = 'NEVERLEAK-person' WHERE "id" = 844424930131970;
        UPDATE "system$user" SET "name" = 'neverleak-person' WHERE "id" = 844424930131971;"#
    );
    let Some((databases, fleet)) = two("identified", [&identified, &named]).await else {
        return;
    };
    let world = World::new(&fleet);

    let body = distinct(&world, None).await;

    // The person, the administrator, the web service, and the other spelling.
    assert_eq!(body["groups"][0]["named_user_count"], 4);
    assert_eq!(body["groups"][0]["environment_sum"], 7);
    let only_here: Vec<_> = body["environments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|environment| environment["only_here"].clone())
        .collect();
    assert_eq!(json!(only_here), json!([0, 1]));
    remove(databases).await;
}

#[tokio::test]
async fn an_environment_that_could_not_be_read_makes_the_number_partial_by_name() {
    let Some((databases, fleet)) = two("partial", [SEED, SEED]).await else {
        return;
    };
    let world = World::new(&format!("{fleet}{DOWN}"));

    let all = distinct(&world, None).await;
    let some = distinct(&world, Some("acme-test d-files")).await;

    assert_eq!(all["completeness"], "partial");
    assert_eq!(all["groups"][0]["named_user_count"], 4);
    assert_eq!(all["groups"][0]["unread_count"], 1);
    assert_eq!(all["unread"][0]["environment"], "c-down");
    assert_eq!(
        all["unread"][0]["problem"]["type"],
        "urn:mrt:problem:unreachable"
    );
    assert_eq!(all["without_database"], json!(["d-files"]));
    assert_eq!(all["licence"]["named"]["is_at_least"], true);
    // What a caller may not see is not in the answer, and the company's licence is not compared with a part of it.
    assert_eq!(some["completeness"], "complete");
    assert_eq!(some["groups"].as_array().unwrap().len(), 1);
    assert_eq!(some["unread"], json!([]));
    assert_eq!(some["licence"], Value::Null);
    remove(databases).await;
}

#[tokio::test]
async fn requests_that_make_no_sense_say_why() {
    let world = World::new(DOWN);

    let one = server(&world)
        .ask(get("/users?view=distinct&environment=c-down").scopes(SCOPE))
        .await;
    let without_key = server_with(&world, DeploymentKey::none())
        .ask(get("/users?view=distinct").scopes(SCOPE))
        .await;

    one.problem(400, "bad_parameter");
    without_key.problem(404, "not_configured");
    assert!(without_key.text.contains("this deployment has no key"));
}

#[tokio::test]
async fn every_view_answers_csv() {
    let Some((databases, fleet)) = two("csv", [SEED, SEED]).await else {
        return;
    };
    let world = World::new(&format!("{fleet}{DOWN}"));
    let server = server(&world);
    let ask = async |query: &str| {
        let ask = get(&format!("/users{query}")).scopes(SCOPE);
        let reply = server.ask(ask.header("Accept", "text/csv")).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        let lines: Vec<String> = reply.text.lines().map(str::to_owned).collect();
        let columns = lines[0].split(',').count();
        for line in &lines {
            assert_eq!(line.split(',').count(), columns, "{line}");
        }
        lines
    };

    let one = ask("?environment=acme-prod").await;
    let all = ask("").await;
    let list = ask("?environment=acme-prod&view=list&kind=human&limit=2").await;
    let distinct = ask("?view=distinct").await;

    let counts = "acme-prod,2026-01-12T11:00:00Z,5,4,1,1,3,1,0,3,4,3,1,2,0,4,1,2,1,1,2,";
    assert_eq!(one.len(), 2);
    assert_eq!(one[1], counts);
    assert_eq!(all.len(), 5);
    assert_eq!(all[1], counts);
    assert!(all[3].starts_with("c-down,,") && all[3].ends_with(",unreachable"));
    assert!(all[4].starts_with("d-files,,") && all[4].ends_with(",,"));
    assert_eq!(list.len(), 3);
    assert!(list[2].starts_with("844424930131970,u_c6777f54a1a735bb,,human,Administration.Account,true,false,,internal,Administrator; User,"), "{}", list[2]);
    assert_eq!(distinct.len(), 7);
    assert_eq!(distinct[1], "group,all,,4,1,1,2,8,,1,");
    assert_eq!(distinct[4], "environment,acme-prod,true,4,,,,,0,,");
    assert_eq!(distinct[6], "unread,c-down,true,,,,,,,,unreachable");
    remove(databases).await;
}

#[tokio::test]
async fn the_licence_says_by_the_months_when_its_limit_will_be_reached() {
    let Some((databases, fleet)) = two("by_month", [SEED, SEED]).await else {
        return;
    };
    let world = World::new(&fleet);
    let key = history::key(KEY).await;
    for (month, days, users) in [(9, 30, 100), (10, 31, 150), (11, 30, 200), (12, 31, 250)] {
        for day in 1..=days {
            let time = format!("2025-{month:02}-{day:02}T06:00:00Z");
            let users = history::active(Some(&key), 0..users, 1);
            history::collect_of(&world, databases[0].target.id(), &time, users).await;
        }
    }

    let body = distinct(&world, None).await;

    let licence = &body["licence"];
    assert_eq!(licence["named"]["used"], 4, "now");
    assert_eq!(licence["by_month"]["used"], 250, "in the newest month");
    assert_eq!(licence["by_month"]["month"], "2025-12");
    assert_eq!(licence["by_month"]["per_month"], 50.0);
    assert_eq!(licence["by_month"]["reached_in"], "2033-11");
    assert_eq!(licence["by_month_reason"], Value::Null);
    remove(databases).await;
}

/// The collectors read counts and identities from one state, with the rights of the script and no more.
#[tokio::test]
async fn a_month_is_read_with_the_rights_of_the_script_on_both_engines() {
    let key = DeploymentKey::from_value(KEY).key().await.unwrap();
    for engine in ENGINES {
        for (suffix, seed) in [
            ("m_a", SEED.to_owned()),
            ("m_c", format!("{SEED}\n{COLUMNS}")),
        ] {
            let Some(database) = TestDatabase::on(engine, suffix, &seed).await else {
                return;
            };
            let question = Question::of(&database.environment());
            let open = async || {
                Connection::open(&databases(), &database.target)
                    .await
                    .unwrap()
            };

            let mut connection = open().await;
            let now = NOW.parse().unwrap();
            let read = read_activity(
                &mut connection,
                &database.target,
                &question,
                Some(&key),
                now,
            );
            let (counts, identities) = read.await.unwrap();
            connection.close().await;

            let mut connection = open().await;
            let alone = read_identities(&mut connection, &database.target, &question, &key);
            assert_eq!(
                identities,
                Some(alone.await.unwrap()),
                "{engine:?} {suffix}"
            );
            connection.close().await;
            assert!(counts.accounts.total > 0, "{engine:?} {suffix}");
            database.remove().await;
        }
    }
}
