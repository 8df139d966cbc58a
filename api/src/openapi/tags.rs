//! Groups of routes in the document.

use serde_json::{Value, json};

/// Tags with the start of their paths.
const TAGS: [(&str, &str, &str); 7] = [
    (
        "storage",
        "/bucket_size",
        "Sizes of buckets and other storage, now and over time.",
    ),
    (
        "databases",
        "/table_size",
        "Sizes of databases and their tables, now and over time.",
    ),
    ("users", "/users", "Users of environments, read live."),
    (
        "constants",
        "/micro_flow_constants",
        "Constants of environments, read live.",
    ),
    ("metrics", "/metrics", "Everything for Prometheus."),
    ("service", "/health", "Health, and this document."),
    ("dashboard", "/", "The page for people."),
];

/// Returns all tags, as the document lists them.
pub(super) fn all() -> Vec<Value> {
    let tags = TAGS.iter();
    tags.map(|(name, _, description)| json!({"name": name, "description": description}))
        .collect()
}

/// Returns the tag of the route at `path`.
pub(super) fn of(path: &str) -> &'static str {
    if path == "/openapi.json" {
        return "service";
    }
    let found = TAGS.iter().find(|(_, start, _)| path.starts_with(start));
    found.map_or("dashboard", |(name, ..)| name)
}
