//! `mrt discover`: asks the accounts of a fleet for tagged resources, and prints `discovered.toml`.

use std::process::ExitCode;
use std::sync::Arc;

use collector::discover::{Discovery, find};
use shared::aws::Aws;
use shared::clock::{Clock, SystemClock};
use shared::config::ProcessVariables;
use shared::fleet::Environment;
use shared::location::Location;

use super::doctor;
use super::format::printable;
use crate::output;

/// Prints the environments that the accounts of the fleet file at `fleet` have by their tags, and on standard error what
/// is missing. With `write`, the file beside the fleet file is replaced instead. With `check`, everything in it that is not
/// gone is read as the collectors read it, and the rights and grants that are missing are printed too.
pub(crate) async fn run(
    fleet: &str,
    (write, check): (bool, bool),
    retention_days: u32,
) -> anyhow::Result<ExitCode> {
    let location = Location::parse(fleet).map_err(|reason| anyhow::anyhow!("{fleet}: {reason}"))?;
    let aws = Arc::new(Aws::load().await?);
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
    let mut problem_count = found.failed_count;
    if check {
        let present: Vec<_> = update.environments().map(without_gone).collect();
        let present: Vec<_> = present.iter().filter(|each| !each.is_empty()).collect();
        problem_count += doctor::print_problems(aws, Arc::new(ProcessVariables), &present).await;
    }
    Ok(ExitCode::from(if problem_count == 0 { 0 } else { 3 }))
}

/// Returns `environment` without what cannot be read any more.
fn without_gone(environment: &Environment) -> Environment {
    let mut present = environment.clone();
    let gone = &environment.gone;
    present
        .storage
        .retain(|target| !gone.contains_key(&target.id()));
    present.database = present
        .database
        .filter(|target| !gone.contains_key(&target.id()));
    present
}

fn summary(found: &Discovery) -> String {
    format!(
        "mrt: {} environments, {} targets gone; {} accounts and regions answered, {} did not. \
         --check tells which rights and grants are missing",
        found.environment_count, found.gone_count, found.asked_count, found.failed_count
    )
}
