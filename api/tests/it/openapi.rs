//! `GET /openapi.json`: complete, with references that resolve and examples.

use api::routes::{EXTRA_SCOPES, ROUTES};
use serde_json::Value;

use crate::harness::{World, get};

async fn document() -> Value {
    let endpoint = api::openapi::endpoint(ROUTES, EXTRA_SCOPES);
    let server = World::new("").server(vec![endpoint]);
    server.ask(get("/openapi.json")).await.json()
}

#[tokio::test]
async fn every_reference_in_the_document_resolves() {
    let document = document().await;
    let text = document.to_string();

    let mut references = 0;
    for part in text.split("\"$ref\":\"#").skip(1) {
        let pointer = part.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
        references += 1;
    }
    assert!(references > 10, "{references}");
}

#[tokio::test]
async fn every_route_is_documented_with_its_scope_and_its_fields() {
    let document = document().await;

    for route in ROUTES {
        let operation = &document["paths"][route.path]["get"];
        assert_eq!(operation["summary"], route.summary, "{}", route.path);
        assert_eq!(
            operation["security"].as_array().unwrap().is_empty(),
            route.scope.is_none()
        );
    }
    let item = &document["components"]["schemas"]["BucketItem"];
    let properties = item["properties"].as_object().unwrap();
    assert_eq!(
        properties["total_bytes"]["description"],
        "The size, in bytes: `definition` states what it adds up."
    );
    assert!(properties.contains_key("last_failure"));
}

/// Other tests compare the examples themselves with real answers.
#[tokio::test]
async fn json_in_a_description_becomes_the_example_of_its_schema() {
    let document = document().await;
    let schemas = &document["components"]["schemas"];

    for (name, field) in [
        ("UserCounts", "metering"),
        ("UserList", "users"),
        ("Constants", "constants"),
    ] {
        let schema = &schemas[name];
        assert!(!schema["examples"][0][field].is_null(), "{name}: {schema}");
        let description = schema["description"].as_str().unwrap();
        assert!(!description.contains("```"), "{description}");
    }
}
