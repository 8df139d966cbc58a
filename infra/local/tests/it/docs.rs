//! The documents' commands, examples, tables, links and paths, run and compared.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use api::http::problem::Code;
use api::metrics::{METRICS, Metric};
use api::routes::ROUTES;
use serde_json::Value;
use shared::config::{self, Reader};
use shared::fleet::Fleet;

use crate::harness::{MRT, Server, data_folder, has_postgres};

/// Documents whose `sh` blocks are commands to run next to the demo.
const WITH_COMMANDS: [&str; 2] = ["README.md", "docs/API.md"];
/// Documents that lead through the code: each path in them must exist.
const WITH_PATHS: [&str; 2] = ["ARCHITECTURE.md", "CONTRIBUTING.md"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

fn text_of(document: &str) -> String {
    std::fs::read_to_string(root().join(document)).unwrap()
}

/// Returns all documents, relative to the repository.
fn documents() -> Vec<String> {
    let folders = [
        "",
        "docs/",
        "api/",
        "collector/",
        "collector/s3-listing/",
        "shared/",
        "infra/",
    ];
    let mut documents = Vec::new();
    for folder in folders {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".md") {
                documents.push(format!("{folder}{name}"));
            }
        }
    }
    documents
}

/// Returns the fenced blocks of a document with their languages, in order.
fn blocks(document: &str) -> Vec<(String, String)> {
    let text = text_of(document);
    let fenced = text.split("```").skip(1).step_by(2);
    fenced
        .map(|block| {
            let (language, body) = block.split_once('\n').unwrap();
            (language.to_owned(), body.to_owned())
        })
        .collect()
}

/// Returns the cells of all table rows of a document that start with a backquoted word, by that word.
fn rows(document: &str) -> Vec<(String, Vec<String>)> {
    let text = text_of(document);
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    rows.map(|line| {
        let cells = line.trim_matches('|').split('|');
        let cells: Vec<String> = cells.map(|cell| cell.trim().to_owned()).collect();
        (words(&cells[0])[0].clone(), cells)
    })
    .collect()
}

/// Returns the backquoted words of a text.
fn words(text: &str) -> Vec<String> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.map(str::to_owned).collect()
}

/// Runs a line of a document as a person would, next to a running server.
fn run(server: &Server, folder: &Path, line: &str, token: Option<&str>) -> Output {
    let line = line.replace("http://127.0.0.1:8080", &server.url);
    let mut command = Command::new("bash");
    command.args(["-euc", &line]).current_dir(folder);
    if let Some(token) = token {
        command.env("TOKEN", token);
    }
    command.output().unwrap()
}

/// Asserts that `actual` has the fields of `example`, everywhere, and no others.
fn assert_same_shape(path: &str, example: &Value, actual: &Value) {
    match (example, actual) {
        // Storage classes are data: only their values have a shape.
        (Value::Object(example), Value::Object(actual)) if path.ends_with("by_storage_class") => {
            if let (Some(example), Some(actual)) = (example.values().next(), actual.values().next())
            {
                assert_same_shape(&format!("{path}.*"), example, actual);
            }
        }
        (Value::Object(example), Value::Object(actual)) => {
            let names = |object: &serde_json::Map<String, Value>| {
                object.keys().cloned().collect::<BTreeSet<_>>()
            };
            assert_eq!(names(example), names(actual), "{path}");
            for (name, example) in example {
                assert_same_shape(&format!("{path}.{name}"), example, &actual[name]);
            }
        }
        // Which days of a month are missing depends on the day of the test.
        (Value::Array(_), Value::Array(_))
            if path.ends_with("missing_days") || path.ends_with(".partial") => {}
        (Value::Array(example), Value::Array(actual)) => {
            assert_eq!(example.is_empty(), actual.is_empty(), "{path}");
            for actual in actual {
                assert_same_shape(&format!("{path}[]"), &example[0], actual);
            }
        }
        (Value::Null, _) | (_, Value::Null) => {}
        (example, actual) => {
            assert_eq!(
                std::mem::discriminant(example),
                std::mem::discriminant(actual),
                "{path}: {actual}"
            );
        }
    }
}

#[tokio::test]
async fn every_command_works_and_every_example_has_the_answers_shape() {
    if !has_postgres() {
        return;
    }
    let folder = data_folder();
    let data = folder.path().join(".mrt");
    std::fs::create_dir_all(folder.path().join("target/debug")).unwrap();
    std::os::unix::fs::symlink(MRT, folder.path().join("target/debug/mrt")).unwrap();
    for krate in ["api", "collector"] {
        std::os::unix::fs::symlink(root().join(krate), folder.path().join(krate)).unwrap();
    }
    let server = Server::start(&data, "1s").await;
    let token = server.token(&[]);
    server
        .item("/bucket_size?environment=acme-prod", &token, |_| true)
        .await;
    server
        .item("/table_size?environment=acme-prod", &token, |_| true)
        .await;

    let (mut commands, mut examples, mut last) = (0, 0, String::new());
    for (language, body) in WITH_COMMANDS.into_iter().flat_map(blocks) {
        match language.as_str() {
            "sh" => {
                for line in body.lines() {
                    let output = run(&server, folder.path(), line, Some(&token));
                    assert!(
                        output.status.success(),
                        "{line}: {}",
                        String::from_utf8_lossy(&output.stderr)
                    );
                    last = String::from_utf8(output.stdout).unwrap();
                    assert!(!last.contains("urn:mrt:problem"), "{line}: {last}");
                    commands += 1;
                }
            }
            "json" => {
                let example: Value = serde_json::from_str(&body).unwrap();
                let actual: Value = serde_json::from_str(&last).unwrap();
                assert_same_shape("answer", &example, &actual);
                examples += 1;
            }
            _ => {}
        }
    }
    assert_eq!((commands, examples), (27, 8));
    assert!(server.stop("INT").await.success());
}

#[test]
fn the_fleet_file_is_valid() {
    let toml = blocks("docs/FLEET_FILE.md")
        .into_iter()
        .find(|(language, _)| language == "toml")
        .unwrap()
        .1;

    let fleet = Fleet::parse("docs/FLEET_FILE.md", &toml).unwrap();

    let environment = fleet.environment("acme-prod").unwrap();
    assert_eq!(
        (environment.storage.len(), environment.database.is_some()),
        (4, true)
    );
}

#[test]
fn the_table_of_routes_is_complete() {
    let rows = rows("README.md");
    let routes: Vec<_> = rows
        .iter()
        .filter(|(path, _)| path.starts_with('/'))
        .collect();

    assert_eq!(routes.len(), ROUTES.len());
    for ((path, row), route) in routes.into_iter().zip(ROUTES) {
        let parameters: Vec<_> = route
            .parameters
            .iter()
            .map(|parameter| parameter.name.to_owned())
            .collect();
        let scope: Vec<_> = route.scope.into_iter().collect();
        assert_eq!(path, route.path);
        assert_eq!(words(&row[1]), scope, "{path}");
        assert_eq!(words(&row[2]), parameters, "{path}");
    }
}

#[test]
fn the_table_of_metrics_is_complete() {
    let text = text_of("docs/METRICS.md");
    let rows: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("| `mrt_"))
        .collect();

    let expected: Vec<_> = METRICS.iter().map(row_of_metric).collect();

    assert_eq!(rows, expected);
}

fn row_of_metric(metric: &Metric) -> String {
    let storage = ["environment", "kind", "bucket", "prefix", "suffix"];
    let (start, more) = match metric.labels {
        [] => ("none", &[][..]),
        ["runs"] => ("`runs`", &[][..]),
        ["those of the target", more @ ..] => ("those of the target", more),
        ["environment", "database", "engine", more @ ..] => ("those of a database", more),
        labels => {
            assert_eq!(labels[..5], storage);
            ("those of storage", &labels[5..])
        }
    };
    let more: String = more.iter().map(|label| format!(", `{label}`")).collect();
    format!("| `{}` | {start}{more} | {} |", metric.name, metric.help)
}

#[test]
fn the_table_of_problems_is_complete() {
    let documented: BTreeMap<_, _> = rows("docs/API.md").into_iter().collect();

    for code in Code::ALL {
        let row = documented.get(code.as_str());
        let status = row.map(|row| row[1].clone());
        assert_eq!(status, Some(code.status().to_string()), "{}", code.as_str());
    }
}

#[test]
fn every_variable_is_documented_and_no_other() {
    let config = text_of("shared/src/config.rs");
    let variables: BTreeSet<&str> = config
        .split('"')
        .filter(|text| text.starts_with("MRT_") && !text.contains(' '))
        .collect();
    let rows = rows("docs/CONFIGURATION.md");

    let documented: BTreeSet<&str> = rows.iter().map(|(name, _)| name.as_str()).collect();

    assert_eq!(documented, variables);
}

#[test]
fn defaults_and_bounds_of_numbers_are_those_of_the_program() {
    type Read = fn(&mut Reader<'_>) -> Duration;
    let numbers: [(&str, Read, u64); 5] = [
        (
            config::SNAPSHOT_RETENTION_DAYS,
            |reader| reader.retention(),
            86_400,
        ),
        (
            config::HISTORY_HOURS_DAYS,
            |reader| reader.history_retention().hours,
            86_400,
        ),
        (
            config::SCHEDULE_EVERY_SECONDS,
            |reader| reader.schedule(),
            1,
        ),
        (
            config::USERS_CACHE_SECONDS,
            |reader| reader.users_cache(),
            1,
        ),
        (config::WARMUP_SECONDS, |reader| reader.warm_up(), 1),
    ];
    let documented: BTreeMap<_, _> = rows("docs/CONFIGURATION.md").into_iter().collect();

    for (name, read, unit_seconds) in numbers {
        let row = &documented[name];
        let unset = BTreeMap::new();
        let default = read(&mut Reader::new(&unset)).as_secs() / unit_seconds;
        assert_eq!(row[3], default.to_string(), "{name}");

        let wrong = BTreeMap::from([(name.to_owned(), "-".to_owned())]);
        let mut reader = Reader::new(&wrong);
        read(&mut reader);
        let error = reader.finish(()).unwrap_err().to_string();
        assert!(error.ends_with(&format!("from {}", row[4])), "{error}");
    }
}

/// Returns a heading as the fragment that leads to it.
fn fragment(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().chars();
    kept.filter_map(|character| match character {
        ' ' => Some('-'),
        '-' | '_' => Some(character),
        _ if character.is_alphanumeric() => Some(character.to_ascii_lowercase()),
        _ => None,
    })
    .collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut count = 0;
    for document in documents() {
        let text = text_of(&document);
        let folder = root().join(&document).parent().unwrap().to_owned();
        let links = text.split("](").skip(1);
        for link in links.filter_map(|rest| rest.split(')').next()) {
            if link.starts_with("https://") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => root().join(&document),
                _ => folder.join(file),
            };
            assert!(target.exists(), "{document}: {link}");
            if !heading.is_empty() {
                let target = std::fs::read_to_string(&target).unwrap();
                let mut headings = target.lines().filter(|line| line.starts_with('#'));
                let exists = headings.any(|line| fragment(line) == heading);
                assert!(exists, "{document}: {link}");
            }
            count += 1;
        }
    }
    assert!(count > 40, "found only {count}");
}

#[test]
fn every_make_target_exists() {
    let makefile = text_of("Makefile");
    for document in documents() {
        let text = text_of(&document);
        for before in ["`make ", "\nmake "] {
            let named = text.split(before).skip(1);
            for target in named.filter_map(|rest| rest.split(['`', '\n', ' ']).next()) {
                let exists = makefile.contains(&format!("\n{target}:"));
                assert!(exists, "{document}: make {target}");
            }
        }
    }
}

/// `make help` prints one line for every target, and every target can be made.
#[test]
fn the_help_of_make_lists_every_target_and_no_other() {
    let make = |arguments: &[&str]| {
        Command::new("make")
            .current_dir(root())
            // Below `make test`, make would name the directories that it enters.
            .env_remove("MAKELEVEL")
            .env_remove("MAKEFLAGS")
            .args(arguments)
            .output()
            .unwrap()
    };
    let makefile = text_of("Makefile");
    let is_name = |text: &&str| {
        text.bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    };
    let rules = makefile.lines().filter_map(|line| line.split_once(':'));
    let targets: Vec<&str> = rules.map(|(name, _)| name).filter(is_name).collect();

    let help = String::from_utf8(make(&["help"]).stdout).unwrap();
    let mut listed = Vec::new();
    for line in help.lines() {
        let (target, text) = line.trim_start_matches("make ").split_once(' ').unwrap();
        assert!(text.trim().len() > 10, "{line}");
        listed.push(target);
    }

    assert_eq!(listed, targets);
    let phony = makefile.lines().find(|line| line.starts_with(".PHONY:"));
    let phony: BTreeSet<&str> = phony.unwrap().split(' ').skip(1).collect();
    assert_eq!(phony, targets.iter().copied().collect());
    for target in targets {
        let dry = make(&["--dry-run", target]);
        assert!(dry.status.success(), "{target}");
    }
}

#[test]
fn every_path_through_the_code_exists() {
    let top = [
        "api/",
        "collector/",
        "docs/",
        "infra/",
        "shared/",
        ".github/",
        ".ci/",
    ];
    let mut count = 0;
    for document in WITH_PATHS {
        for path in words(&text_of(document)) {
            let is_path = top.iter().any(|folder| path.starts_with(folder));
            if is_path && !path.contains(['*', '<', ' ']) {
                assert!(root().join(&path).exists(), "{document}: {path}");
                count += 1;
            }
        }
    }
    assert!(count > 40, "found only {count}");
}

/// A first page is read to its end only if it is short.
#[test]
fn the_first_documents_are_short() {
    assert!(text_of("README.md").len() <= 10_000);
    assert!(text_of("ARCHITECTURE.md").lines().count() <= 200);
}
