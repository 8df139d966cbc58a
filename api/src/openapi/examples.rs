//! Examples of answers. Those of routes are real answers of the demo, shortened, which
//! `infra/local/tests/it/examples.rs` writes and compares; problems are made by their own constructors.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::http::problem::{Code, Problem, ProblemView};

/// Answers by path, or path and view, and media type.
const ANSWERS: &str = include_str!("examples.json");

/// What stands between a path and the name of a view.
const VIEW: &str = "?view=";
const REQUEST_ID: &str = "7f3c5a0e-3f0b-4d8a-9a55-0f6a3a5d2b11";

/// Examples of answers of all routes.
pub(super) struct Examples(BTreeMap<String, BTreeMap<String, Value>>);

impl Examples {
    pub(super) fn new() -> Self {
        Self(serde_json::from_str(ANSWERS).unwrap_or_default())
    }

    /// Adds the answers of a route to `content`: `example`, or `examples` by name if it has several views. A page has
    /// none.
    pub(super) fn add_to(&self, content: &mut Value, path: &str, media_type: &str) {
        let Some(answer) = self.0.get(path).and_then(|answers| answers.get(media_type)) else {
            return;
        };
        let start = format!("{path}{VIEW}");
        let views = self.0.iter().filter_map(|(asked, answers)| {
            let view = asked.strip_prefix(&start)?;
            Some((view.to_owned(), json!({"value": answers.get(media_type)?})))
        });
        let mut examples: serde_json::Map<_, _> = views.collect();
        if examples.is_empty() {
            content["example"] = answer.clone();
        } else {
            examples.insert("environment".to_owned(), json!({"value": answer}));
            content["examples"] = examples.into();
        }
    }
}

/// Returns a problem of each of `codes` by its name, in the form of the document's `examples`.
pub(super) fn problems(codes: &[Code]) -> Value {
    let examples = codes.iter().map(|code| {
        let value = problem(*code).view(REQUEST_ID);
        (code.as_str().to_owned(), json!({"value": value}))
    });
    examples.collect::<serde_json::Map<_, _>>().into()
}

/// Returns the answer of the gateway to too many requests, which the deployment's template has.
pub(super) fn throttled() -> Value {
    let value = ProblemView {
        type_uri: "urn:mrt:problem:throttled".to_owned(),
        title: "Too many requests".to_owned(),
        status: 429,
        detail: "ask again after Retry-After".to_owned(),
        request_id: REQUEST_ID.to_owned(),
        members: serde_json::Map::new(),
    };
    json!({"throttled": {"value": value}})
}

fn problem(code: Code) -> Problem {
    match code {
        Code::BadParameter => Problem::bad_parameter("colour", "colour is unknown")
            .with("allowed", ["environment"].to_vec()),
        Code::Unauthorized => Problem::unauthorized(),
        Code::ScopeMissing => Problem::scope_missing("mrt/users.read"),
        Code::NotFound => Problem::not_found("such environment in the fleet"),
        Code::MethodNotAllowed => Problem::method_not_allowed(),
        Code::SnapshotPending => Problem::snapshot_pending(
            60,
            json!([{"environment": "acme-prod", "database": "acme"}]),
        ),
        Code::NotConfigured => Problem::not_configured("database"),
        Code::GrantsMissing => {
            Problem::grants_missing(&["GRANT SELECT ON \"system$user\" TO mrt_ro;".to_owned()])
        }
        Code::NotAMendixDatabase => Problem::not_a_mendix_database(),
        Code::DocumentUnreadable => {
            Problem::document_unreadable("the model's metadata.json", "missing")
        }
        Code::TooLarge => Problem::too_large("ask for fewer tables"),
        Code::Unreachable => Problem::unreachable("example"),
        Code::Timeout => Problem::timeout("example"),
        Code::Unavailable => Problem::unavailable("example"),
        Code::Internal => Problem::internal("example"),
    }
}
