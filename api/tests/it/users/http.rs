//! The endpoint over HTTP: its answers and the requests that it rejects.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use shared::deployment_key::DeploymentKey;
use shared::user_months::UserMonthReader;
use shared::users::UsersError;

use super::count;
use super::database::{SEED, TestDatabase, environment, users};
use crate::harness::{TestServer, World, get};

pub(super) const SCOPE: &str = "mrt/users.read";

fn server(world: &World) -> TestServer {
    server_with(world, DeploymentKey::none())
}

/// Returns a server that keeps no counts.
pub(super) fn server_with(world: &World, key: DeploymentKey) -> TestServer {
    let fleet = Arc::clone(&world.fleet);
    let months = UserMonthReader::new(world.items.clone());
    world.server(api::users::endpoints(fleet, users(), key, months))
}

#[tokio::test]
async fn the_answer_is_live_and_keeps_its_tag_while_nothing_changes() {
    let Some(database) = TestDatabase::new("http", SEED).await else {
        return;
    };
    let world = World::new(&database.fleet("acme-prod"));
    let server = server(&world);
    let ask = || get("/users?environment=acme-prod").scopes(SCOPE);

    let first = server.ask(ask()).await;
    world.clock.advance(Duration::from_secs(1));
    let second = server
        .ask(ask().header("If-None-Match", first.header("etag")))
        .await;
    database
        .run(r#"UPDATE "system$user" SET "blocked" = true"#)
        .await;
    let third = server
        .ask(ask().header("If-None-Match", first.header("etag")))
        .await;

    assert_eq!(first.status, 200, "{}", first.text);
    assert_eq!(first.json()["named"]["total"], 5);
    assert_eq!(first.header("cache-control"), "private, no-cache");
    assert_eq!(second.status, 304);
    assert_eq!(third.json()["named"]["blocked"], 5);
    database.remove().await;
}

#[tokio::test]
async fn missing_rights_are_a_problem_with_the_statements_that_give_them() {
    let Some(database) = TestDatabase::new("http_rights", SEED).await else {
        return;
    };
    let role = &database.target.user;
    database
        .run(&format!(
            r#"REVOKE SELECT ("active") ON "system$user" FROM "{role}""#
        ))
        .await;
    let world = World::new(&database.fleet("acme-prod"));

    let reply = server(&world)
        .ask(get("/users?environment=acme-prod").scopes(SCOPE))
        .await;

    reply.problem(409, "grants_missing");
    let statement = format!(r#"GRANT SELECT ("active") ON public."system$user" TO "{role}";"#);
    assert_eq!(reply.json()["statements"], json!([statement]));
    database.remove().await;
}

#[tokio::test]
async fn requests_that_cannot_be_answered_say_why() {
    let world = World::new(
        r#"
[[environment]]
name = "acme-prod"
[environment.database]
engine = "postgres"
host = "127.0.0.1"
port = 9
name = "acme"
user = "mrt_ro"
auth = "env:MRT_TEST_ROLE_PASSWORD"

[[environment]]
name = "acme-mysql"
[environment.database]
engine = "mysql"
host = "127.0.0.1"
port = 9
name = "acme"
user = "mrt_ro"
auth = "env:MRT_TEST_ROLE_PASSWORD"

[[environment]]
name = "files-only"
"#,
    );
    let server = server(&world);
    let cases = [
        (get("/users?kind=human").scopes(SCOPE), 400, "bad_parameter"),
        (get("/users/list").scopes(SCOPE), 400, "bad_parameter"),
        (
            get("/users/list?environment=acme-prod&names=clear").scopes(SCOPE),
            403,
            "scope_missing",
        ),
        (get("/users?view=list").scopes(SCOPE), 400, "bad_parameter"),
        (
            get("/users?view=list&environment=acme-prod&cursor=x").scopes(SCOPE),
            400,
            "bad_parameter",
        ),
        (
            get("/users?view=list&environment=acme-prod&names=clear").scopes(SCOPE),
            403,
            "scope_missing",
        ),
        (
            get("/users?view=list&environment=acme-prod&names=clear").scopes("mrt/users.pii"),
            403,
            "scope_missing",
        ),
        (get("/users?environment=acme-prod"), 401, "unauthorized"),
        (
            get("/users?environment=acme-prod").scopes("mrt/constants.read"),
            403,
            "scope_missing",
        ),
        (
            get("/users?environment=nowhere").scopes(SCOPE),
            404,
            "not_found",
        ),
        (
            get("/users?environment=acme-prod")
                .scopes(SCOPE)
                .environments("files-only"),
            404,
            "not_found",
        ),
        (
            get("/users?environment=files-only").scopes(SCOPE),
            404,
            "not_configured",
        ),
        (
            get("/users?environment=acme-mysql").scopes(SCOPE),
            503,
            "unreachable",
        ),
        (
            get("/users?environment=acme-prod").scopes(SCOPE),
            503,
            "unreachable",
        ),
    ];
    for (ask, status, code) in cases {
        let reply = server.ask(ask).await;
        reply.problem(status, code);
        if code == "unreachable" {
            assert_eq!(reply.json()["cause"], "connection_refused");
        }
    }
    assert!(matches!(
        count(&environment(None)).await,
        Err(UsersError::NoDatabase)
    ));
}
