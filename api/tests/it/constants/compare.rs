//! `compare`: the differences between two environments, and what is never revealed.

use std::sync::Arc;

use serde_json::{Value, json};
use shared::deployment_key::DeploymentKey;

use super::http::{SCOPE, server_with};
use super::{MODEL, nowhere};
use crate::harness::{World, get};

const KEY: &str = "0123456789abcdef";

fn layer(lines: &str) -> String {
    format!("mxruntime:\n  MicroflowConstants:\n{lines}")
}

/// Returns two environments with the fixture's model and a layer each.
fn fleet(folder: &std::path::Path, here: &str, there: &str) -> String {
    let mut fleet = String::new();
    std::fs::write(folder.join("metadata.json"), MODEL).unwrap();
    for (name, lines) in [("acme-prod", here), ("acme-test", there)] {
        let path = folder.join(format!("{name}.yaml"));
        std::fs::write(&path, layer(lines)).unwrap();
        fleet.push_str(&format!(
            "[[environment]]\nname = \"{name}\"\n[environment.constants]\nmodel = {:?}\nlayers = [{path:?}]\n",
            folder.join("metadata.json")
        ));
    }
    fleet
}

const HERE: &str = "    Encryption.EncryptionKey: NEVERLEAK-1\n    Sales.Greeting: hello\n    Sales.Region: eu\n    \
    Sales.UploadTo: https://a:NEVERLEAK@x.example.com\n    Old.Here: NEVERLEAK\n";
const THERE: &str = "    Encryption.EncryptionKey: NEVERLEAK-2\n    Sales.Greeting: hello\n    Sales.Region: us\n    \
    Sales.UploadTo: https://a:NEVERLEAK@x.example.com\n    Old.There: NEVERLEAK\n";

async fn compared(query: &str, key: DeploymentKey) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(&fleet(folder.path(), HERE, THERE));
    let server = server_with(&world, nowhere(), key);
    let path = format!("/micro_flow_constants?environment=acme-prod&compare=acme-test{query}");
    let reply = server.ask(get(&path).scopes(SCOPE)).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()
}

fn differences(body: &Value) -> Vec<String> {
    let line = |difference: &Value| {
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        format!(
            "{} {} {} {}",
            text(&difference["name"]),
            text(&difference["difference"]),
            text(&difference["here"]["value"]),
            text(&difference["there"]["value"])
        )
    };
    let list = body["comparison"]["differences"].as_array().unwrap();
    list.iter().map(line).collect()
}

#[tokio::test]
async fn differences_are_listed_and_masked_values_are_not_shown() {
    let body = compared("", DeploymentKey::from_value(KEY)).await;

    assert_eq!(
        differences(&body),
        [
            "Encryption.EncryptionKey different - -",
            "Old.Here only_here - -",
            "Old.There only_there - -",
            "Sales.Region different eu us",
        ]
    );
    let comparison = &body["comparison"];
    assert_eq!(
        comparison["counts"],
        json!({"same": 4, "different": 2, "only_here": 1, "only_there": 1, "unknown": 0})
    );
    assert_eq!(comparison["environment"], "acme-test");
    assert_eq!(
        comparison["differences"][0]["here"]["mask_reason"],
        "secret_name"
    );
    assert_eq!(body["warnings"], json!([]));
}

#[tokio::test]
async fn without_a_key_masked_values_are_not_compared() {
    let body = compared("", DeploymentKey::none()).await;

    assert_eq!(
        body["comparison"]["counts"],
        json!({"same": 3, "different": 1, "only_here": 1, "only_there": 1, "unknown": 2})
    );
    assert_eq!(
        body["warnings"],
        json!(["masked values are not compared: this deployment has no key"])
    );
}

#[tokio::test]
async fn filters_apply_to_both_sides() {
    let body = compared("&name=Sales.*", DeploymentKey::from_value(KEY)).await;
    assert_eq!(differences(&body), ["Sales.Region different eu us"]);
    assert_eq!(body["counts"]["total"], 5);

    let body = compared("&status=obsolete", DeploymentKey::from_value(KEY)).await;
    assert_eq!(
        differences(&body),
        ["Old.Here only_here - -", "Old.There only_there - -"]
    );
    assert_eq!(body["counts"]["total"], 1);

    let body = compared("&module=Encryption", DeploymentKey::from_value(KEY)).await;
    assert_eq!(
        differences(&body),
        ["Encryption.EncryptionKey different - -"]
    );
    let names: Vec<_> = body["constants"]
        .as_array()
        .unwrap()
        .iter()
        .map(|constant| constant["name"].clone())
        .collect();
    assert_eq!(names, ["Encryption.EncryptionKey"]);
}

#[tokio::test]
async fn the_caller_must_be_allowed_to_read_both_environments() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = fleet(folder.path(), HERE, THERE);
    text.push_str("[[environment]]\nname = \"files-only\"\n");
    let world = World::new(&text);
    let server = server_with(&world, nowhere(), DeploymentKey::from_value(KEY));
    let path = "/micro_flow_constants?environment=acme-prod&compare=";

    for (other, environments, status, code) in [
        ("acme-test", "acme-prod", 404, "not_found"),
        ("acme-test", "acme-test", 404, "not_found"),
        ("nowhere", "acme-prod acme-test", 404, "not_found"),
        ("files-only", "acme-prod files-only", 404, "not_configured"),
    ] {
        let ask = get(&format!("{path}{other}")).scopes(SCOPE);
        let reply = server.ask(ask.environments(environments)).await;
        reply.problem(status, code);
    }
    let both = get(&format!("{path}acme-test")).scopes(SCOPE);
    let both = server.ask(both.environments("acme-prod acme-test")).await;
    assert_eq!(both.status, 200);
}

#[tokio::test]
async fn a_partial_environment_adds_a_warning_to_the_comparison() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(&fleet(folder.path(), HERE, THERE));
    std::fs::remove_file(folder.path().join("acme-test.yaml")).unwrap();
    let key = DeploymentKey::from_value(KEY);
    let server = server_with(&world, Arc::clone(&nowhere()), key);

    let path = "/micro_flow_constants?environment=acme-prod&compare=acme-test";
    let body = server.ask(get(path).scopes(SCOPE)).await.json();

    assert_eq!(body["completeness"], "complete");
    assert_eq!(body["comparison"]["completeness"], "partial");
    assert!(
        body["warnings"][0]
            .as_str()
            .unwrap()
            .contains("acme-test is partial"),
        "{body}"
    );
}
