//! `mrt discover`: asks the accounts of a fleet for tagged resources, and prints `discovered.toml`.

use std::process::ExitCode;

use collector::discover::{Discovery, find};
use shared::aws::Aws;
use shared::clock::{Clock, SystemClock};
use shared::location::Location;

use super::format::printable;
use crate::output;

/// Prints the environments that the accounts of the fleet file at `fleet` have by their tags, and on standard error what
/// is missing. With `write`, the file beside the fleet file is replaced instead.
pub(crate) async fn run(fleet: &str, write: bool, retention_days: u32) -> anyhow::Result<ExitCode> {
    let location = Location::parse(fleet).map_err(|reason| anyhow::anyhow!("{fleet}: {reason}"))?;
    let aws = Aws::load().await?;
    let today = SystemClock.now().date_naive();
    let update = find(&aws, &location, today, retention_days).await?;
    for fault in &update.faults {
        let line = format!("mrt: {}:{}: {}", update.location, fault.line, fault.reason);
        output::print_error(&printable(&line));
    }
    let found = &update.found;
    for note in &found.notes {
        output::print_error(&printable(&format!("mrt: {note}")));
    }
    output::print_error(&summary(found));
    if write {
        update.write(&aws).await?;
    } else {
        output::print(&found.file)?;
    }
    Ok(ExitCode::from(if found.failed_count == 0 { 0 } else { 3 }))
}

fn summary(found: &Discovery) -> String {
    format!(
        "mrt: {} environments, {} targets gone; {} accounts and regions answered, {} did not. \
         `mrt doctor` checks access to what was found, `mrt grants` prints a database's grants",
        found.environment_count, found.gone_count, found.asked_count, found.failed_count
    )
}
