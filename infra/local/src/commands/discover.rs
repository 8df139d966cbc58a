//! `mrt discover`: asks the accounts of a fleet for tagged resources, and prints `discovered.toml`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use collector::discover::{Before, Discovery, discover};
use shared::aws::Aws;
use shared::clock::{Clock, SystemClock};
use shared::fleet::{DISCOVERED, FLEET_LIMIT_BYTES, Fleet};
use shared::location::Location;
use shared::telemetry::error_chain;

use super::format::printable;
use crate::output;

/// Prints the environments that the accounts of the fleet file at the path `fleet` have by their tags, and on standard
/// error what is missing. With `write`, the file beside the fleet file is replaced instead.
pub(crate) async fn run(fleet: &str, write: bool, retention_days: u32) -> anyhow::Result<ExitCode> {
    let location = Location::parse(fleet).map_err(|reason| anyhow::anyhow!("{fleet}: {reason}"))?;
    let Location::File(path) = &location else {
        bail!("--fleet {fleet}: discovery on one machine needs a path");
    };
    let text = read(path)?.with_context(|| format!("there is no file {fleet}"))?;
    let fleet = Fleet::parse(fleet, &text)?;
    let Some(wanted) = fleet.discover() else {
        bail!("the fleet file has no section [discover]");
    };
    let beside = path.with_file_name(DISCOVERED);
    let name = beside.display().to_string();
    let before = match read(&beside)? {
        Some(text) => Fleet::parse_discovered(&name, &text, &fleet)?,
        None => (Fleet::default(), Vec::new()),
    };
    for fault in &before.1 {
        let line = format!("mrt: {name}:{}: {}", fault.line, fault.reason);
        output::print_error(&printable(&line));
    }
    let aws = Aws::load().await?;
    let before = Before {
        fleet: &before.0,
        today: SystemClock.now().date_naive(),
        retention_days,
    };
    let found = discover(&aws, &fleet, wanted, before).await;
    for note in &found.notes {
        output::print_error(&printable(&format!("mrt: {note}")));
    }
    output::print_error(&summary(&found));
    if write {
        replace(&beside, &found.file)?;
    } else {
        output::print(&found.file)?;
    }
    Ok(ExitCode::from(if found.failed_count == 0 { 0 } else { 3 }))
}

/// Returns the text of a file; `None` if it does not exist.
fn read(path: &Path) -> anyhow::Result<Option<String>> {
    if !path.exists() {
        return Ok(None);
    }
    let text = shared::file::read_text(path, FLEET_LIMIT_BYTES);
    let text = text.map_err(|error| anyhow::anyhow!(error_chain(&error)));
    text.map(Some)
        .with_context(|| format!("could not read {}", path.display()))
}

/// Replaces a file whole: whoever reads it meanwhile has the earlier or the new one.
fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    let written = std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, path));
    written.with_context(|| format!("could not write {}", path.display()))
}

fn summary(found: &Discovery) -> String {
    format!(
        "mrt: {} environments, {} targets gone; {} accounts and regions answered, {} did not. \
         `mrt doctor` checks access to what was found, `mrt grants` prints a database's grants",
        found.environment_count, found.gone_count, found.asked_count, found.failed_count
    )
}
