//! Headers of responses, as the document describes them.

use serde_json::{Map, Value, json};

use crate::http::endpoint::Route;
use crate::http::parameter::ParameterKind;

const CACHE_CONTROL: (&str, &str) = (
    "Cache-Control",
    "How long the answer is fresh: until the next collection is due.",
);
const ETAG: (&str, &str) = (
    "ETag",
    "Changes with the answer, but not with its age alone. Send it as `If-None-Match`.",
);
const VARY: (&str, &str) = (
    "Vary",
    "The headers of the request that the answer depends on.",
);
const REQUEST_ID: (&str, &str) = ("X-Request-Id", "The id that the gateway gave the request.");

/// Returns those of a 200 answer.
pub(super) fn of_answer(route: &Route) -> Map<String, Value> {
    let mut headers = texts(&[CACHE_CONTROL, ETAG, VARY, REQUEST_ID]);
    if route.path.contains("_size") || route.path == "/metrics" {
        headers.extend(texts(&[(
            "Last-Modified",
            "When the newest number was measured; absent without any.",
        )]));
        let age = "Seconds since the oldest number was measured; absent without any.";
        headers.insert("Age".to_owned(), number(age));
    }
    let is_paged = |kind| kind == ParameterKind::Cursor;
    if route.parameters.iter().any(|each| is_paged(each.kind)) {
        let link = "The next page, with `rel=\"next\"`; absent on the last one.";
        headers.extend(texts(&[("Link", link)]));
    }
    headers
}

/// Returns those of a 304 answer.
pub(super) fn of_unchanged() -> Map<String, Value> {
    texts(&[CACHE_CONTROL, ETAG, VARY, REQUEST_ID])
}

/// Returns those of a problem.
pub(super) fn of_problem(status: u16) -> Map<String, Value> {
    let mut headers = texts(&[VARY, REQUEST_ID]);
    match status {
        401 => headers.extend(texts(&[(
            "WWW-Authenticate",
            "The scheme of the token: `Bearer`.",
        )])),
        405 => headers.extend(texts(&[("Allow", "The methods of the path.")])),
        404 | 429 | 503 | 504 => {
            let seconds =
                "Seconds to wait before the next attempt; absent if waiting does not help.";
            headers.insert("Retry-After".to_owned(), number(seconds));
        }
        _ => {}
    }
    headers
}

fn texts(described: &[(&str, &str)]) -> Map<String, Value> {
    let text = |description| json!({"description": description, "schema": {"type": "string"}});
    let headers = described.iter();
    headers
        .map(|(name, description)| ((*name).to_owned(), text(*description)))
        .collect()
}

fn number(description: &str) -> Value {
    json!({"description": description, "schema": {"type": "integer", "minimum": 0}})
}
