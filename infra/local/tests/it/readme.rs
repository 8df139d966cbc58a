//! The README's commands, examples and tables, run and compared.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use api::http::problem::Code;
use api::routes::ROUTES;
use serde_json::Value;
use shared::fleet::Fleet;

use crate::harness::{MRT, Server, data_folder, has_postgres};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).unwrap()
}

/// Returns the fenced blocks with their languages, in order.
fn blocks() -> Vec<(String, String)> {
    let text = readme();
    let parts: Vec<&str> = text.split("```").collect();
    let fenced = parts.iter().skip(1).step_by(2);
    fenced
        .map(|block| {
            let (language, body) = block.split_once('\n').unwrap();
            (language.to_owned(), body.to_owned())
        })
        .collect()
}

/// Returns the cells of all table rows that begin with a backquoted word.
fn rows() -> Vec<Vec<String>> {
    let text = readme();
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    rows.map(|line| {
        line.trim_matches('|')
            .split('|')
            .map(|cell| cell.trim().to_owned())
            .collect()
    })
    .collect()
}

/// Returns the backquoted words of a cell.
fn words(cell: &str) -> Vec<String> {
    cell.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// Runs a line of the README as a person would, beside a running server.
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
fn assert_same_shape(place: &str, example: &Value, actual: &Value) {
    match (example, actual) {
        // Storage classes are data: only their values have a shape.
        (Value::Object(example), Value::Object(actual)) if place.ends_with("by_storage_class") => {
            if let (Some(example), Some(actual)) = (example.values().next(), actual.values().next())
            {
                assert_same_shape(&format!("{place}.*"), example, actual);
            }
        }
        (Value::Object(example), Value::Object(actual)) => {
            let names = |object: &serde_json::Map<String, Value>| {
                object.keys().cloned().collect::<BTreeSet<_>>()
            };
            assert_eq!(names(example), names(actual), "{place}");
            for (name, example) in example {
                assert_same_shape(&format!("{place}.{name}"), example, &actual[name]);
            }
        }
        (Value::Array(example), Value::Array(actual)) => {
            assert_eq!(example.is_empty(), actual.is_empty(), "{place}");
            for actual in actual {
                assert_same_shape(&format!("{place}[]"), &example[0], actual);
            }
        }
        (Value::Null, _) | (_, Value::Null) => {}
        (example, actual) => {
            assert_eq!(
                std::mem::discriminant(example),
                std::mem::discriminant(actual),
                "{place}: {actual}"
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
    for (language, body) in blocks() {
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
    assert_eq!((commands, examples), (16, 4));
    assert!(server.stop("INT").await.success());
}

#[test]
fn the_fleet_file_is_a_good_one() {
    let toml = blocks()
        .into_iter()
        .find(|(language, _)| language == "toml")
        .unwrap()
        .1;

    let fleet = Fleet::parse("README.md", &toml).unwrap();

    let environment = fleet.environment("acme-prod").unwrap();
    assert_eq!(
        (environment.storage.len(), environment.database.is_some()),
        (4, true)
    );
}

#[test]
fn the_tables_of_routes_problems_and_variables_are_complete() {
    let rows = rows();
    let routes: Vec<_> = rows.iter().filter(|row| row[0].starts_with("`/")).collect();
    assert_eq!(routes.len(), ROUTES.len());
    for (row, route) in routes.iter().zip(ROUTES) {
        let parameters: Vec<_> = route
            .parameters
            .iter()
            .map(|parameter| parameter.name.to_owned())
            .collect();
        assert_eq!(words(&row[0]), [route.path]);
        assert_eq!(
            words(&row[1]),
            route.scope.into_iter().collect::<Vec<_>>(),
            "{}",
            route.path
        );
        assert_eq!(words(&row[2]), parameters, "{}", route.path);
    }

    let documented: BTreeMap<String, String> = rows
        .iter()
        .filter(|row| row.len() == 3)
        .map(|row| (row[0].trim_matches('`').to_owned(), row[1].clone()))
        .collect();
    for code in Code::ALL {
        assert_eq!(
            documented.get(code.as_str()),
            Some(&code.status().to_string()),
            "{}",
            code.as_str()
        );
    }

    let config = std::fs::read_to_string(root().join("shared/src/config.rs")).unwrap();
    let variables: BTreeSet<&str> = config
        .split('"')
        .filter(|text| text.starts_with("MRT_") && !text.contains(' '))
        .collect();
    for variable in variables {
        assert!(documented.contains_key(variable), "{variable}");
    }
}

#[test]
fn every_link_and_target_exists() {
    let text = readme();
    for link in text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
    {
        assert!(root().join(link).exists(), "{link}");
    }
    let makefile = std::fs::read_to_string(root().join("Makefile")).unwrap();
    for target in text
        .split("make ")
        .skip(1)
        .filter_map(|rest| rest.split(['`', '\n', ' ']).next())
    {
        let is_word = target
            .chars()
            .all(|character| character.is_ascii_lowercase());
        assert!(
            !is_word || makefile.contains(&format!("\n{target}:")),
            "make {target}"
        );
    }
}
