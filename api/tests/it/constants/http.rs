//! The endpoint over HTTP: its answers and the requests that it rejects.

use std::sync::Arc;
use std::time::Duration;

use api::constants::{Sources, Status};
use shared::aws::Aws;
use shared::deployment_key::DeploymentKey;

use super::errors::denying_s3;
use super::{LAYER, MODEL, nowhere};
use crate::harness::{TestServer, World, get};

pub(super) const SCOPE: &str = "mrt/constants.read";

fn server(world: &World, aws: Arc<Aws>) -> TestServer {
    server_with(world, aws, DeploymentKey::none())
}

pub(super) fn server_with(world: &World, aws: Arc<Aws>, key: DeploymentKey) -> TestServer {
    world.server(vec![api::constants::endpoint(
        Arc::clone(&world.fleet),
        Sources::new(aws),
        key,
    )])
}

#[tokio::test]
async fn the_answer_is_live_and_keeps_its_etag_while_nothing_changes() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("metadata.json"), MODEL).unwrap();
    std::fs::write(path("m2ee.yaml"), LAYER).unwrap();
    let fleet = format!(
        "[[environment]]\nname = \"acme-prod\"\n[environment.constants]\nmodel = {:?}\nlayers = [{:?}]\n",
        path("metadata.json"),
        path("m2ee.yaml")
    );
    let world = World::new(&fleet);
    let server = server(&world, nowhere());
    let ask = || get("/micro_flow_constants?environment=acme-prod").scopes(SCOPE);

    let first = server.ask(ask()).await;
    world.clock.advance(Duration::from_secs(1));
    let second = server
        .ask(ask().header("If-None-Match", first.header("etag")))
        .await;
    std::fs::write(path("m2ee.yaml"), LAYER.replace("yes", "no")).unwrap();
    let third = server
        .ask(ask().header("If-None-Match", first.header("etag")))
        .await;

    assert_eq!(first.json()["counts"]["total"], 7, "{}", first.text);
    assert_eq!(first.header("cache-control"), "private, no-cache");
    assert_eq!(second.status, 304);
    assert_eq!(third.json()["constants"][2]["value"], "false");
}

#[tokio::test]
async fn each_rejected_request_has_its_problem() {
    let world = World::new(
        r#"
[[environment]]
name = "acme-prod"
[environment.constants]
model = "s3://acme-config/metadata.json"

[[environment]]
name = "files-only"

[[environment]]
name = "gone"
[environment.constants]
model = "/nowhere/NEVERLEAK/metadata.json"
"#,
    );
    let server = server(&world, denying_s3().await);
    let path = |environment: &str| get(&format!("/micro_flow_constants?environment={environment}"));
    let cases = [
        (
            get("/micro_flow_constants").scopes(SCOPE),
            400,
            "bad_parameter",
        ),
        (path("acme-prod"), 401, "unauthorized"),
        (
            path("acme-prod").scopes("mrt/users.read"),
            403,
            "scope_missing",
        ),
        (path("nowhere").scopes(SCOPE), 404, "not_found"),
        (
            path("acme-prod").scopes(SCOPE).environments("files-only"),
            404,
            "not_found",
        ),
        (path("files-only").scopes(SCOPE), 404, "not_configured"),
        (path("acme-prod").scopes(SCOPE), 409, "document_unreadable"),
        (path("gone").scopes(SCOPE), 409, "document_unreadable"),
    ];
    for (ask, status, code) in cases {
        server.ask(ask).await.problem(status, code);
    }
    assert_eq!(serde_json::to_value(Status::Missing).unwrap(), "missing");
}
