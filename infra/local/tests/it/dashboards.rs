//! `infra/grafana/`: the rules of dashboards, every expression against a real Prometheus, every URL against the API.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::harness::Server;

/// Dashboards for Prometheus, and the one for the Infinity data source.
const PROMETHEUS: [&str; 3] = ["fleet.json", "environment.json", "collection.json"];
const INFINITY: &str = "infinity.json";

/// What the demo has no metrics of, because they come from CloudWatch: their panels stay empty there.
const FROM_CLOUDWATCH: [&str; 3] = [
    "mrt_database_storage_",
    "mrt_database_full_",
    "mrt_bucket_cloudwatch_",
];

fn read(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../grafana");
    serde_json::from_str(&std::fs::read_to_string(folder.join(name)).unwrap()).unwrap()
}

fn list<'v>(value: &'v Value, key: &str) -> &'v Vec<Value> {
    value[key].as_array().unwrap()
}

/// Returns the expressions of the dashboards for Prometheus, with all environments selected.
pub(crate) fn expressions() -> Vec<String> {
    let mut found = Vec::new();
    for name in PROMETHEUS {
        for panel in list(&read(name), "panels") {
            for target in list(panel, "targets") {
                let expression = target["expr"].as_str().unwrap();
                found.push(expression.replace("$environment", ".*"));
            }
        }
    }
    found
}

/// Returns whether an expression has no answer without CloudWatch.
pub(crate) fn needs_cloudwatch(expression: &str) -> bool {
    let is_optional = !expression.contains("vector(0)");
    is_optional && FROM_CLOUDWATCH.iter().any(|name| expression.contains(name))
}

/// Follows a path of names and indices, as the data source does.
fn at<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.')
        .try_fold(value, |value, part| match part.parse::<usize>() {
            Ok(index) => value.get(index),
            Err(_) => value.get(part),
        })
}

/// Asks the API for every URL of the dashboard for Infinity, and looks for every column.
pub(crate) async fn assert_urls_answer(server: &Server, token: &str) {
    let dashboard = read(INFINITY);
    for panel in list(&dashboard, "panels") {
        for target in list(panel, "targets") {
            let url = target["url"].as_str().unwrap();
            let url = url.replace("${environment}", "acme-prod");
            let reply = server.ask(&url, token).await;
            assert_eq!(reply.status, 200, "{url}: {}", reply.text);
            let body = reply.json();
            let root = at(&body, target["root_selector"].as_str().unwrap());
            let row = &root.unwrap().as_array().unwrap()[0];
            for column in list(target, "columns") {
                let selector = column["selector"].as_str().unwrap();
                assert!(at(row, selector).is_some(), "{url}: {selector} in {row}");
            }
        }
    }
}

/// The rules of grafana/dashboard-linter that apply to a gauge of one API, and those of a file that others import.
#[test]
fn each_dashboard_can_be_imported_with_any_data_source() {
    let mut titles = BTreeSet::new();
    for name in PROMETHEUS.into_iter().chain([INFINITY]) {
        let dashboard = read(name);
        assert_eq!(dashboard["editable"], false, "{name}");
        for given in ["id", "uid", "version"] {
            assert!(dashboard.get(given).is_none(), "{name}: {given}");
        }
        assert!(titles.insert(dashboard["title"].as_str().unwrap().to_owned()));
        let variables = list(&dashboard["templating"], "list");
        let source = &variables[0];
        assert_eq!(
            (&source["name"], &source["type"], &source["label"]),
            (
                &"datasource".into(),
                &"datasource".into(),
                &"Data source".into()
            ),
            "{name}"
        );
        for variable in variables.iter().filter(|one| one["type"] == "query") {
            assert_eq!(variable["refresh"], 2, "{name}: new environments show");
            assert_eq!(variable["datasource"]["uid"], "${datasource}");
        }
        let (mut ids, mut cells) = (BTreeSet::new(), BTreeSet::new());
        for panel in list(&dashboard, "panels") {
            let title = format!("{name}: {}", panel["title"]);
            for text in ["title", "description"] {
                assert!(!panel[text].as_str().unwrap().is_empty(), "{title}");
            }
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}");
            let unit = panel["fieldConfig"]["defaults"]["unit"].as_str();
            assert!(unit.is_some_and(|unit| !unit.is_empty()), "{title}");
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
            let targets = list(panel, "targets");
            let references: BTreeSet<_> = targets.iter().map(|one| one["refId"].as_str()).collect();
            assert!(
                !targets.is_empty() && references.len() == targets.len(),
                "{title}"
            );
            for target in targets {
                assert_eq!(target["datasource"], panel["datasource"], "{title}");
            }
            let place = |key: &str| panel["gridPos"][key].as_u64().unwrap();
            assert!(place("x") + place("w") <= 24, "{title}");
            for x in place("x")..place("x") + place("w") {
                for y in place("y")..place("y") + place("h") {
                    assert!(cells.insert((x, y)), "{title} lies on another panel");
                }
            }
        }
    }
}

#[test]
fn expressions_use_only_metrics_of_the_catalogue() {
    let known: BTreeSet<_> = api::metrics::METRICS
        .iter()
        .map(|metric| metric.name)
        .collect();
    let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    for expression in expressions() {
        let words = expression.split(|character| !is_name(character));
        let names: Vec<_> = words.filter(|word| word.starts_with("mrt_")).collect();
        assert!(!names.is_empty(), "{expression}");
        for name in names {
            assert!(known.contains(name), "{expression}: {name}");
        }
    }
}
