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

#[tokio::test]
async fn every_response_names_the_headers_that_clients_act_on() {
    let document = document().await;
    let tags: Vec<&str> = document["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| tag["name"].as_str().unwrap())
        .collect();

    for route in ROUTES {
        let operation = &document["paths"][route.path]["get"];
        let header = |status: &str, name: &str| {
            operation["responses"][status]["headers"][name]["schema"].is_object()
        };
        let path = route.path;
        assert!(
            tags.contains(&operation["tags"][0].as_str().unwrap()),
            "{path}"
        );
        for name in ["ETag", "Vary", "Cache-Control", "X-Request-Id"] {
            assert!(header("200", name) && header("304", name), "{path}: {name}");
        }
        assert!(
            header("405", "Allow") && header("429", "Retry-After"),
            "{path}"
        );
        if route.scope.is_some() {
            assert!(header("401", "WWW-Authenticate"), "{path}");
            assert!(header("503", "Retry-After"), "{path}");
        }
        let parameters = operation["parameters"].as_array().unwrap();
        let cursor = parameters.iter().find(|each| each["name"] == "cursor");
        assert_eq!(cursor.is_some(), header("200", "Link"), "{path}");
        if let Some(cursor) = cursor {
            assert_eq!(cursor["schema"]["pattern"], "^[A-Za-z0-9_-]+$");
        }
        for parameter in parameters {
            let words = parameter["schema"]["enum"].to_string();
            assert!(
                !words.contains("\"true\""),
                "a boolean is a boolean: {parameter}"
            );
        }
    }
    let sizes = &document["paths"]["/bucket_size"]["get"]["responses"]["200"]["headers"];
    assert!(!sizes["Age"].is_null() && !sizes["Last-Modified"].is_null());
    assert!(document["info"]["contact"].is_object());
}
