//! Writes the demo's fleet file, with the ports of this run.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::buckets::CONFIGURATION_BUCKET;
use super::environments::{DemoEnvironment, ENVIRONMENTS, FILLING};
use super::reader::{PASSWORD_VARIABLE, READER};
use super::volume::{ALLOCATED_GIB, INSTANCE};

/// Named users of the demo's licence.
const LICENSED_USERS: u32 = 1_300;

/// Writes `fleet.toml` into `folder` and returns its path.
pub(super) fn write(folder: &Path, database_port: u16) -> anyhow::Result<PathBuf> {
    let path = folder.join("fleet.toml");
    let new = folder.join("fleet.toml.new");
    let written =
        std::fs::write(&new, text(database_port)).and_then(|()| std::fs::rename(&new, &path));
    written.with_context(|| format!("could not write {}", path.display()))?;
    Ok(path)
}

fn text(database_port: u16) -> String {
    let mut text = String::from(
        "# The demo's fleet. Each start writes this file again because the ports change.\n",
    );
    // Requests to the stand-in cost nothing, so every bucket is listed at every tick.
    text.push_str("\n[refresh]\nlist_requests_per_day = 1_000_000_000\nmax_error_percent = 0\n");
    // What the demo's licence manager has bought: the limit is some months away.
    let _ = write!(text, "\n[licence]\nnamed = {LICENSED_USERS}\n");
    for environment in &ENVIRONMENTS {
        text.push_str(&section(environment, database_port));
    }
    text
}

fn section(environment: &DemoEnvironment, database_port: u16) -> String {
    let DemoEnvironment { name, database, .. } = environment;
    let server = match *name {
        FILLING => format!("\n  instance = \"{INSTANCE}\"\n  allocated_gib = {ALLOCATED_GIB}"),
        _ => String::new(),
    };
    let production = match name.ends_with("-prod") {
        true => "\nproduction = true",
        false => "",
    };
    let storage: String = environment
        .storage
        .iter()
        .map(|lines| format!("\n  [[environment.storage]]\n  {lines}\n"))
        .collect();
    let layers: Vec<String> = environment
        .layers
        .iter()
        .map(|document| format!("\"s3://{CONFIGURATION_BUCKET}/{name}/{document}\""))
        .collect();
    let layers = layers.join(", ");
    format!(
        r#"
[[environment]]
name = "{name}"{production}
{storage}
  [environment.database]
  engine = "postgres"
  host = "127.0.0.1"
  port = {database_port}
  name = "{database}"
  user = "{READER}"
  auth = "env:{PASSWORD_VARIABLE}"{server}

  [environment.constants]
  model = "s3://{CONFIGURATION_BUCKET}/{name}/metadata.json"
  layers = [{layers}]
"#
    )
}

#[cfg(test)]
mod tests {
    use shared::fleet::Fleet;

    use super::*;

    #[test]
    fn the_fleet_file_is_valid_and_names_every_environment() {
        let fleet = Fleet::parse("fleet.toml", &text(5432)).unwrap();

        let names: Vec<_> = fleet
            .environments()
            .map(|environment| environment.name.as_str())
            .collect();
        assert_eq!(
            names,
            ["acme-prod", "acme-test", "globex-prod", "globex-test"]
        );
        assert_eq!(fleet.buckets().len(), 5);
        assert_eq!(fleet.databases().len(), 4);
        assert!(
            fleet
                .environments()
                .all(|environment| environment.constants.is_some())
        );
    }
}
