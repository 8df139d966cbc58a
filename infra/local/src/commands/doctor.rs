//! `mrt doctor`: looks at everything that a fleet file names, now, and says what to fix.
//!
//! Asks what collectors and endpoints ask, with their own code, so that what is well here is well there: given the
//! same network and the same rights.

mod checks;
mod report;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use api::constants::Sources;
use api::users::Users;
use futures::{StreamExt, stream};
use shared::clock::{Clock, SystemClock};
use shared::config::{DATABASE_CA_FILE, Reader};
use shared::database::Databases;
use shared::fleet::Environment;

use super::fleet;
use checks::{Check, Doctor};

/// Environments that are looked at at the same time.
const ENVIRONMENTS_AT_ONCE: usize = 8;

/// Looks at `fleet`, or at the fleet that a server on `data` runs, or at one environment of it, and prints what is
/// found. Exit codes: 0 all is well, 1 nothing could be looked at, 3 something is to be fixed.
pub(crate) async fn run(
    fleet: Option<String>,
    environment: Option<&str>,
    json: bool,
    data: &Path,
) -> anyhow::Result<ExitCode> {
    let known = fleet::read(fleet, data).await?;
    let is_meant = |found: &&Environment| environment.is_none_or(|name| found.name == name);
    let environments: Vec<&Environment> = known.fleet.environments().filter(is_meant).collect();
    if environments.is_empty() {
        let name = environment.unwrap_or_default();
        bail!("there is no environment {name} in {}", known.location);
    }
    let ca_file = Reader::new(&*known.variables).optional(DATABASE_CA_FILE);
    let (aws, clock) = (known.aws, Arc::new(SystemClock));
    let databases = Databases::new(
        Arc::clone(&aws),
        known.variables,
        clock.clone(),
        ca_file.map(Into::into),
    );
    let doctor = Doctor {
        users: Users::new(databases, Duration::ZERO),
        sources: Sources::new(Arc::clone(&aws)),
        aws,
        now: clock.now(),
    };
    let looking = environments.into_iter().map(|environment| async {
        let checks = Box::pin(doctor.look_at(environment)).await;
        (environment.name.clone(), checks)
    });
    let looking: Vec<_> = looking.collect();
    let mut found: Vec<(String, Vec<Check>)> = stream::iter(looking)
        .buffer_unordered(ENVIRONMENTS_AT_ONCE)
        .collect()
        .await;
    found.sort_by(|one, other| one.0.cmp(&other.0));
    if json {
        report::print_json(&found)?;
    } else {
        report::print(&found);
    }
    let mut checks = found.iter().flat_map(|(_, checks)| checks);
    let is_ill = checks.any(|check| check.fix.is_some());
    Ok(ExitCode::from(if is_ill { 3 } else { 0 }))
}
