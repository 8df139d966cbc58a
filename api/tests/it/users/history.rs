//! `/users/history`: months as a collector keeps them.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use shared::deployment_key::{DeploymentKey, Key};
use shared::fleet::TargetId;
use shared::identities::{Identities, UserType};
use shared::snapshot::{ConcurrentUsers, KeyedIdentities, Run, Snapshot, UserActivity, UserCounts};
use shared::user_months::{ActiveRun, UserMonthReader, UserMonthWriter};

use super::http::SCOPE;
use crate::harness::{EVERY, TestServer, World, get};

pub(super) const FLEET: &str = r#"
[licence]
named = 10
expires = "2027-06-30"
[[environment]]
name = "acme-prod"
production = true
[environment.database]
engine = "postgres"
host = "127.0.0.1"
port = 9
name = "acme"
user = "mrt_ro"
auth = "env:MRT_TEST_ROLE_PASSWORD"
[[environment]]
name = "acme-test"
[environment.database]
engine = "postgres"
host = "127.0.0.1"
port = 9
name = "acme"
user = "mrt_ro"
auth = "env:MRT_TEST_ROLE_PASSWORD"
[[environment]]
name = "files"
"#;

pub(super) fn at(time: &str) -> DateTime<Utc> {
    time.parse().unwrap()
}

pub(super) async fn key(text: &str) -> Key {
    let key = DeploymentKey::from_value(text).key().await;
    key.unwrap_or_else(|why| panic!("{why}"))
}

/// Returns the users with these names; of each three, one is internal, one external and one unclassified.
pub(super) fn active(
    key: Option<&Key>,
    users: impl Iterator<Item = u32>,
    sessions: u64,
) -> UserActivity {
    let mut identities = Identities::default();
    // A number of users does not depend on the key.
    for user in users {
        let types = [
            UserType::Internal,
            UserType::External,
            UserType::Unclassified,
        ];
        let name = format!("NEVERLEAK-{user}@example.org");
        if let Some(key) = key {
            identities.add(key.identity_mac(&name), types[user as usize % 3]);
        }
    }
    UserActivity {
        counts: UserCounts {
            named: identities.counts(),
            licensed: 1,
            anonymous: 2,
        },
        concurrent: Some(ConcurrentUsers {
            named_users: sessions,
            named_user_sessions: sessions + 1,
            anonymous_sessions: 0,
        }),
        identities: key.map(|key| KeyedIdentities {
            key_id: key.id(),
            identities,
        }),
    }
}

/// Keeps a run of an environment's users as a collector does.
pub(super) async fn collect(world: &World, environment: &str, time: &str, activity: UserActivity) {
    let target = TargetId::from_text(&format!("{environment}/db/acme"));
    collect_of(world, target, time, activity).await;
}

/// Keeps a run of a database's users.
pub(super) async fn collect_of(
    world: &World,
    target: TargetId,
    time: &str,
    activity: UserActivity,
) {
    let snapshot = Snapshot {
        target,
        run: Run::at(at(time), EVERY * 24),
        measurement: activity,
    };
    let months = UserMonthWriter::new(world.items.clone(), None);
    let run = ActiveRun::new(&snapshot.run, &snapshot.measurement);
    months.take_in(&snapshot.target, &run).await.unwrap();
    world.writer().keep(&snapshot).await.unwrap();
}

pub(super) fn server(world: &World) -> TestServer {
    let months = UserMonthReader::new(world.items.clone());
    let endpoint = api::users::history::endpoint(world.fleet.clone(), world.reader(), months);
    world.server(vec![endpoint])
}

/// Returns a world with a full December and a running January of `acme-prod`; now is the 12th.
async fn two_months() -> World {
    let world = World::new(FLEET);
    let key = key("0123456789abcdef").await;
    for day in 1..=31_u32 {
        let time = format!("2025-12-{day:02}T06:00:00Z");
        // Everyone is active for a week.
        let users = active(Some(&key), day..day + 7, u64::from(day % 5));
        collect(&world, "acme-prod", &time, users).await;
    }
    for day in (1..=11_u32).filter(|day| *day != 5) {
        let time = format!("2026-01-{day:02}T06:00:00Z");
        let users = active(Some(&key), 0..3 + day / 4, 1);
        collect(&world, "acme-prod", &time, users).await;
    }
    world
}

async fn ask(world: &World, path: &str) -> Value {
    let reply = server(world).ask(get(path).scopes(SCOPE)).await;
    assert_eq!(reply.status, 200, "{path}: {}", reply.text);
    assert!(!reply.text.contains("NEVERLEAK"));
    reply.json()
}

#[tokio::test]
async fn a_month_counts_everybody_who_was_active_on_any_day() {
    let world = two_months().await;

    let body = ask(&world, "/users/history").await;

    assert_eq!(body["from"], "2025-02-01T00:00:00Z");
    assert_eq!(body["to"], "2026-02-01T00:00:00Z");
    assert_eq!(body["time_zone"], "UTC");
    let items = body["items"].as_array().unwrap();
    assert_eq!(
        items.len(),
        2,
        "an environment without a database has no users"
    );
    let prod = &items[0];
    assert_eq!(prod["as_of"], "2026-01-11T06:00:00Z");
    assert_eq!(prod["production"], true);
    let months = prod["months"].as_array().unwrap();
    assert_eq!(months.len(), 2);
    let (december, january) = (&months[0], &months[1]);
    // Users 1 to 37.
    assert_eq!(december["named_user_count"], 37);
    assert_eq!(
        json!([
            december["internal"],
            december["external"],
            december["unclassified"]
        ]),
        json!([12, 13, 12])
    );
    assert_eq!(december["is_running"], false);
    assert_eq!(december["completeness"], "complete");
    assert_eq!(december["concurrent_peak"]["named_users"], 4);
    assert_eq!(december["concurrent_peak"]["run_count"], 31);
    let days = december["days"].as_array().unwrap();
    assert_eq!(days.len(), 31);
    for (number, day) in days.iter().enumerate() {
        assert_eq!(day["month_so_far"], 7 + number, "{day}");
        assert_eq!(day["named_user_count"], 7);
    }
    assert_eq!(january["named_user_count"], 5);
    assert_eq!(january["is_running"], true);
    assert_eq!(january["completeness"], "partial");
    assert_eq!(january["missing_days"], json!(["2026-01-05"]));
    assert_eq!(items[1]["months"], json!([]));
    assert_eq!(items[1]["as_of"], Value::Null);
}

#[tokio::test]
async fn months_and_their_days_are_chosen_and_gaps_are_null() {
    let world = two_months().await;
    let key = key("0123456789abcdef").await;
    let early = active(Some(&key), 0..3, 1);
    collect(&world, "acme-prod", "2025-10-31T06:00:00Z", early).await;

    let all = ask(&world, "/users/history?step=month&environment=acme-prod").await;
    let months = all["items"][0]["months"].as_array().unwrap();
    let names: Vec<_> = months.iter().map(|month| &month["month"]).collect();
    assert_eq!(names, ["2025-10", "2025-11", "2025-12", "2026-01"]);
    assert_eq!(months[0]["completeness"], "partial");
    assert_eq!(months[0]["named_user_count"], 3);
    assert_eq!(months[0]["missing_days"].as_array().unwrap().len(), 30);
    assert_eq!(months[1]["named_user_count"], Value::Null);
    assert_eq!(months[1]["reason"], "not_collected");
    assert!(months.iter().all(|month| month["days"] == Value::Null));

    let path =
        "/users/history?environment=acme-prod&from=2025-12-15T00:00:00Z&to=2026-01-01T00:00:00Z";
    let december = ask(&world, path).await;
    assert_eq!(december["from"], "2025-12-01T00:00:00Z");
    assert_eq!(december["to"], "2026-01-01T00:00:00Z");
    let months = december["items"][0]["months"].as_array().unwrap();
    assert_eq!((months.len(), &months[0]["month"]), (1, &json!("2025-12")));
}

#[tokio::test]
async fn a_month_without_a_number_says_why() {
    let world = World::new(FLEET);
    let (one, other) = (key("0123456789abcdef").await, key("fedcba9876543210").await);
    collect(
        &world,
        "acme-prod",
        "2025-11-01T06:00:00Z",
        active(None, 0..3, 1),
    )
    .await;
    collect(
        &world,
        "acme-prod",
        "2025-12-01T06:00:00Z",
        active(Some(&one), 0..3, 1),
    )
    .await;
    collect(
        &world,
        "acme-prod",
        "2025-12-02T06:00:00Z",
        active(Some(&other), 0..3, 1),
    )
    .await;

    let body = ask(&world, "/users/history?environment=acme-prod").await;

    let months = body["items"][0]["months"].as_array().unwrap();
    let reasons: Vec<_> = months.iter().map(|month| &month["reason"]).collect();
    assert_eq!(reasons, ["no_key", "key_changed", "not_collected"]);
    for month in months {
        assert_eq!(month["named_user_count"], Value::Null);
        assert_eq!(month["completeness"], "partial");
    }
    let day = &months[1]["days"][0];
    assert_eq!(
        (&day["named_user_count"], &day["month_so_far"]),
        (&json!(3), &Value::Null)
    );
}

#[tokio::test]
async fn lines_of_csv_are_days_or_months() {
    let world = two_months().await;
    let csv = async |path: &str| {
        let ask = get(path).scopes(SCOPE).header("accept", "text/csv");
        let reply = server(&world).ask(ask).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.text.lines().map(str::to_owned).collect::<Vec<_>>()
    };

    let days = csv("/users/history").await;
    let months = csv("/users/history?step=month").await;

    assert_eq!(days.len(), 1 + 31 + 10);
    assert!(days[0].starts_with("environment,production,month,day,named_user_count,"));
    assert_eq!(
        days[1],
        "acme-prod,true,2025-12,2025-12-01,7,2,3,2,7,1,2,1,2,0,1,complete,"
    );
    assert_eq!(
        months[1],
        "acme-prod,true,2025-12,,37,12,13,12,37,,,4,5,0,31,complete,"
    );
    assert_eq!(
        months[2],
        "acme-prod,true,2026-01,,5,2,2,1,5,,,1,2,0,10,partial,"
    );
}

#[tokio::test]
async fn callers_see_their_environments_only_and_pages_follow_each_other() {
    let world = two_months().await;
    let server = server(&world);

    let limited = get("/users/history")
        .scopes(SCOPE)
        .environments("acme-test");
    let seen = server.ask(limited).await.json();
    assert_eq!(seen["items"].as_array().unwrap().len(), 1);
    assert_eq!(seen["items"][0]["environment"], "acme-test");
    let hidden = get("/users/history?environment=acme-prod").scopes(SCOPE);
    let hidden = server.ask(hidden.environments("acme-test")).await;
    hidden.problem(404, "not_found");
    let without = get("/users/history?environment=files").scopes(SCOPE);
    server.ask(without).await.problem(404, "not_configured");
    let other = get("/users/history").scopes("mrt/table_size.read");
    server.ask(other).await.problem(403, "scope_missing");
    let empty = get("/users/history?from=-1d&to=-1d").scopes(SCOPE);
    server.ask(empty).await.problem(400, "bad_parameter");

    let first = ask(&world, "/users/history?limit=1").await;
    let next = first["next"].as_str().unwrap();
    let second = ask(&world, &format!("/users/history?limit=1&cursor={next}")).await;
    assert_eq!(first["items"][0]["environment"], "acme-prod");
    assert_eq!(second["items"][0]["environment"], "acme-test");
    assert_eq!(second["next"], Value::Null);
}

#[tokio::test]
async fn an_answer_is_fresh_until_the_next_run_and_keeps_its_tag() {
    let world = two_months().await;
    let server = server(&world);
    let path = "/users/history?environment=acme-prod";

    let first = server.ask(get(path).scopes(SCOPE)).await;
    let again = get(path)
        .scopes(SCOPE)
        .header("If-None-Match", first.header("etag"));
    let again = server.ask(again).await;

    assert_eq!(first.status, 200);
    assert_eq!(again.status, 304);
    assert_eq!(
        first.header("last-modified"),
        "Sun, 11 Jan 2026 06:00:00 GMT"
    );
}
