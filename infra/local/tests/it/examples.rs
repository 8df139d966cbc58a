//! The examples in the OpenAPI document are answers of a running demo: every route has one of each media type.
//!
//! With `MRT_WRITE_EXAMPLES=1`, writes `api/src/openapi/examples.json` anew, with lists shortened.

use std::collections::BTreeSet;
use std::path::Path;

use api::routes::ROUTES;
use serde_json::{Map, Value, json};
use shared::config::{ProcessVariables, Variables};

use super::harness::{Reply, Server, data_folder, has_postgres};

/// Objects whose names are data: storage classes, roles, names of apps.
const DATA_NAMES: [&str; 4] = ["by_storage_class", "by_role", "by_app", "members"];
/// Views of routes that answer in another form.
const VIEWS: [&str; 2] = ["/users?view=distinct", "/users/history?view=distinct"];
const LIST_LENGTH: usize = 2;
const LINE_COUNT: usize = 3;

/// Returns the request whose answer is the example of a route.
fn request_of(path: &str) -> String {
    match path {
        "/bucket_size" | "/users/list" | "/users/history" | "/micro_flow_constants" => {
            format!("{path}?environment=acme-prod")
        }
        "/users" => "/users?environment=acme-prod".to_owned(),
        "/table_size" => "/table_size?environment=acme-prod&tables=2".to_owned(),
        "/bucket_size/history" | "/table_size/history" => {
            format!("{path}?environment=acme-prod&step=1d")
        }
        "/bucket_size/changes" | "/table_size/changes" => format!("{path}?environment=acme-prod"),
        other => other.to_owned(),
    }
}

async fn ask(server: &Server, token: &str, path: &str, accept: &str) -> Reply {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("accept", accept)];
    let reply = server.get(path, &headers).await;
    assert_eq!(reply.status, 200, "{path}: {}", reply.text);
    assert!(reply.headers["content-type"].starts_with(accept), "{path}");
    reply
}

/// Returns an answer with at most two items in each list, and some lines of a text.
fn shortened(reply: &Reply, accept: &str) -> Value {
    if accept == "application/json" {
        return short(reply.json());
    }
    let lines: Vec<&str> = reply.text.split_inclusive('\n').take(LINE_COUNT).collect();
    lines.concat().into()
}

fn short(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().take(LIST_LENGTH).map(short).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name, short(value)))
            .collect(),
        other => other,
    }
}

/// Asserts that `actual` has the names of `example`, everywhere.
fn assert_same_names(path: &str, example: &Value, actual: &Value) {
    match (example, actual) {
        (Value::Object(example), Value::Object(actual)) => {
            let names =
                |object: &Map<String, Value>| object.keys().cloned().collect::<BTreeSet<_>>();
            if DATA_NAMES.iter().any(|name| path.ends_with(name)) {
                return;
            }
            assert_eq!(names(example), names(actual), "{path}");
            for (name, example) in example {
                assert_same_names(&format!("{path}.{name}"), example, &actual[name]);
            }
        }
        (Value::Array(example), Value::Array(actual)) => {
            if let (Some(example), Some(actual)) = (example.first(), actual.first()) {
                assert_same_names(&format!("{path}[]"), example, actual);
            }
        }
        (Value::Null, _) | (_, Value::Null) => {}
        _ => assert_eq!(
            std::mem::discriminant(example),
            std::mem::discriminant(actual),
            "{path}: {actual}"
        ),
    }
}

/// Returns the example of an answer that the document has for a path, or for a view of it such as
/// `/users?view=distinct`.
fn example<'d>(document: &'d Value, asked: &str, media_type: &str) -> &'d Value {
    let (path, view) = asked.split_once("?view=").unwrap_or((asked, "environment"));
    let content = &document["paths"][path]["get"]["responses"]["200"]["content"][media_type];
    match content.get("examples") {
        Some(examples) => &examples[view]["value"],
        None => &content["example"],
    }
}

/// Returns the example of a problem with `status` that the document has for `path`, by its code.
fn problem<'d>(document: &'d Value, path: &str, status: u16, code: &str) -> &'d Value {
    let content = &document["paths"][path]["get"]["responses"][status.to_string()]["content"];
    &content["application/problem+json"]["examples"][code]["value"]
}

#[tokio::test]
async fn examples_are_answers_of_a_running_server() {
    if !has_postgres() {
        return;
    }
    let data = data_folder();
    let server = Server::start_with_past(data.path(), "1h", 30).await;
    let token = server.token(&[]);
    for path in [
        "/bucket_size?environment=acme-prod",
        "/table_size?environment=acme-prod",
        "/users/history?environment=acme-prod",
    ] {
        server.item(path, &token, |_| true).await;
    }
    let document = ask(&server, &token, "/openapi.json", "application/json")
        .await
        .json();

    let mut written = Map::new();
    let is_written = ProcessVariables.get("MRT_WRITE_EXAMPLES").is_some();
    for route in ROUTES
        .iter()
        .filter(|route| !["/", "/openapi.json"].contains(&route.path))
    {
        for media_type in route.media_types {
            let (path, accept) = (route.path, media_type.essence());
            let reply = ask(&server, &token, &request_of(path), accept).await;
            let example = example(&document, path, accept);
            if is_written {
                written.entry(path).or_insert(json!({}))[accept] = shortened(&reply, accept);
            } else if accept == "application/json" {
                assert!(!example.is_null(), "{path} has no example");
                assert_same_names(path, example, &reply.json());
            } else {
                let first = |text: &str| text.lines().next().map(str::to_owned);
                let example = example
                    .as_str()
                    .unwrap_or_else(|| panic!("{path} has no example of {accept}"));
                assert_eq!(first(example), first(&reply.text), "{path}");
            }
        }
    }
    for view in VIEWS {
        let reply = ask(&server, &token, view, "application/json").await;
        if is_written {
            written.insert(
                view.to_owned(),
                json!({"application/json": shortened(&reply, "application/json")}),
            );
        } else {
            let example = example(&document, view, "application/json");
            assert!(!example.is_null(), "{view} has no example");
            assert_same_names(view, example, &reply.json());
        }
    }
    if is_written {
        let file =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../api/src/openapi/examples.json");
        let text = serde_json::to_string_pretty(&written).unwrap();
        std::fs::write(file, text + "\n").unwrap();
        return;
    }

    let bearer = format!("Bearer {token}");
    let token = [("authorization", bearer.as_str())];
    for (method, path, headers, status, code) in [
        ("GET", "/users", &[][..], 401, "unauthorized"),
        (
            "GET",
            "/users?colour=blue",
            &token[..],
            400,
            "bad_parameter",
        ),
        (
            "GET",
            "/users?environment=nowhere",
            &token[..],
            404,
            "not_found",
        ),
        ("POST", "/users", &token[..], 405, "method_not_allowed"),
    ] {
        let reply = server
            .send(method, path, headers, String::new())
            .await
            .unwrap();
        let (actual, example) = (reply.json(), problem(&document, "/users", status, code));
        assert_eq!(reply.status, status, "{path}");
        assert_same_names(code, example, &actual);
        for member in ["type", "title", "status"] {
            assert_eq!(example[member], actual[member], "{code}");
        }
        if code != "bad_parameter" {
            assert_eq!(example["detail"], actual["detail"], "{code}");
        }
    }
    let throttled = problem(&document, "/users", 429, "throttled");
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("../aws/template.yaml");
    let template = std::fs::read_to_string(template).unwrap();
    for member in ["type", "title", "detail"] {
        let text = format!("\"{member}\":{}", throttled[member]);
        assert!(template.contains(&text), "{text}");
    }
    assert!(server.stop("INT").await.success());
}
