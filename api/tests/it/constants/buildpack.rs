//! Null in the buildpack's `CONSTANTS`: the default counts, from a running task in ministack to the answer over HTTP.

use std::sync::Arc;

use serde_json::{Value, json};
use shared::deployment_key::DeploymentKey;

use super::http::{SCOPE, server_with};
use super::layers::Deployment;
use crate::harness::{World, get};

#[tokio::test]
async fn a_null_in_constants_leaves_the_default_and_is_in_the_chain() {
    let Some(deployment) = Deployment::new("nulls") else {
        return;
    };
    let variables = [(
        "CONSTANTS",
        r#"{"Sales.ApiBaseUrl": null, "Sales.TokenMinutes": null, "Sales.Region": null, "Sales.Greeting": "set"}"#,
    )];
    deployment.service(&variables, &variables, &[]).await;
    deployment.secret("{}").await;
    let package = Box::pin(deployment.package()).await;
    let world = World::new(&deployment.entry("acme-prod", &package));
    let server = server_with(&world, Arc::clone(&deployment.aws), DeploymentKey::none());

    let asked = get("/micro_flow_constants?environment=acme-prod").scopes(SCOPE);
    let answer = server.ask(asked).await;

    assert_eq!(answer.status, 200, "{}", answer.text);
    let body = answer.json();
    let of = |name: &str| {
        let mut all = body["constants"].as_array().unwrap().iter();
        let found = all.find(|constant| constant["name"] == name);
        let constant = found.unwrap();
        let chain = constant["chain"].as_array().unwrap().iter();
        let nulls: Vec<Value> = chain.map(|link| link["is_null"].clone()).collect();
        json!([
            constant["status"],
            constant["value"],
            constant["source"]["layer"],
            nulls
        ])
    };
    assert_eq!(
        of("Sales.ApiBaseUrl"),
        json!([
            "default",
            "https://erp.example.com",
            "model_metadata",
            [false, true]
        ])
    );
    assert_eq!(
        of("Sales.TokenMinutes"),
        json!(["default", "15", "model_metadata", [false, true]])
    );
    assert_eq!(
        of("Sales.Region"),
        json!(["missing", null, "model_metadata", [true]])
    );
    assert_eq!(of("Sales.Greeting")[0], "overridden");
    // These two, and the two that nothing sets.
    assert_eq!(body["counts"]["default"], 4, "{body}");
}
