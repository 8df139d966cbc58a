//! `mrt doctor`: checks everything that a fleet file names, and the records of a store, and prints how to fix problems.
//!
//! Runs the code of the collectors and endpoints, so a check that passes here passes there, given the same network and
//! permissions.

mod check;
mod checks;
pub(crate) mod deployment;
mod inventory;
mod report;
mod rights;
mod store;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use api::constants::Sources;
use api::users::Users;
use futures::{StreamExt, stream};
use shared::aws::Aws;
use shared::clock::{Clock, SystemClock};
use shared::config::{DATABASE_CA_FILE, Reader, Variables};
use shared::database::Databases;
use shared::fleet::Environment;

use super::fleet;
use crate::output;
use check::Check;
use checks::{Doctor, EnvironmentChecks};

/// Environments to check concurrently.
const CONCURRENT_ENVIRONMENTS: usize = 8;

/// Checks all environments, or only `environment`, and prints the results. See [`fleet::read`] for `fleet` and `data`.
///
/// Exit codes: 0 no problems, 1 the checks could not run, 3 problems.
pub(crate) async fn run(
    fleet: Option<String>,
    environment: Option<&str>,
    json: bool,
    data: &Path,
) -> anyhow::Result<ExitCode> {
    let context = fleet::read(fleet, data).await?;
    let is_selected = |found: &&Environment| environment.is_none_or(|name| found.name == name);
    let environments: Vec<&Environment> =
        context.fleet.environments().filter(is_selected).collect();
    if environments.is_empty() {
        let name = environment.unwrap_or_default();
        bail!("{} has no environment {name}", context.location);
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let results = check_all(context.aws, context.variables, &environments).await;
    let store = store::check(data, environment, clock).await;
    print(&results, ("records", &store), json)?;
    Ok(exit_code(&results, &store))
}

/// Prints the problems of `environments`, and returns how many of them have any.
pub(crate) async fn print_problems(
    aws: Arc<Aws>,
    variables: Arc<dyn Variables>,
    environments: &[&Environment],
) -> usize {
    let mut results = check_all(aws, variables, environments).await;
    for result in &mut results {
        result.checks.retain(|check| check.fix.is_some());
    }
    results.retain(|result| !result.checks.is_empty());
    output::print_error(report::text(&results, "", &[]).trim_end());
    results.len()
}

/// Returns the results of `environments`, by their names.
async fn check_all(
    aws: Arc<Aws>,
    variables: Arc<dyn Variables>,
    environments: &[&Environment],
) -> Vec<EnvironmentChecks> {
    let ca_file = Reader::new(&*variables).optional(DATABASE_CA_FILE);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let databases = Databases::new(
        Arc::clone(&aws),
        variables,
        Arc::clone(&clock),
        ca_file.map(Into::into),
    );
    let doctor = Doctor {
        users: Users::new(databases.clone(), Duration::ZERO),
        databases,
        sources: Sources::new(Arc::clone(&aws)),
        aws,
        now: clock.now(),
    };
    let checking = environments.iter().map(|environment| async {
        EnvironmentChecks {
            environment: environment.name.clone(),
            checks: Box::pin(doctor.check(environment)).await,
        }
    });
    let checking: Vec<_> = checking.collect();
    let mut results: Vec<EnvironmentChecks> = stream::iter(checking)
        .buffer_unordered(CONCURRENT_ENVIRONMENTS)
        .collect()
        .await;
    results.sort_by(|one, other| one.environment.cmp(&other.environment));
    results
}

/// Prints the results of environments, and then the others under their title.
fn print(
    results: &[EnvironmentChecks],
    (title, others): (&str, &[Check]),
    json: bool,
) -> anyhow::Result<()> {
    if json {
        let name = if title == "records" { "store" } else { title };
        output::print_json(&serde_json::json!({"environments": results, name: others}))?;
    } else {
        output::print(&report::text(results, title, others))?;
    }
    Ok(())
}

fn exit_code(results: &[EnvironmentChecks], others: &[Check]) -> ExitCode {
    let checks = results.iter().flat_map(|result| &result.checks);
    let mut checks = checks.chain(others);
    let has_problem = checks.any(|check| check.fix.is_some());
    ExitCode::from(if has_problem { 3 } else { 0 })
}
