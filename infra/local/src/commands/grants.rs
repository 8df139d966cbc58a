//! `mrt grants`: the script that makes an environment's database role with the least rights. Runs nothing itself.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use shared::aws::Aws;
use shared::clock::SystemClock;
use shared::document::Location;
use shared::fleet::{Environment, FleetSource};

/// Prints the script for `environment` of `fleet`, in the SQL of its database's engine. Holds no password.
#[expect(clippy::print_stdout, reason = "the answer to a person or a script")]
pub(crate) async fn run(environment: &str, fleet: &str) -> anyhow::Result<ExitCode> {
    let location =
        Location::parse(fleet).map_err(|reason| anyhow::anyhow!("--fleet {fleet}: {reason}"))?;
    // A file on this machine needs no credentials, and looking for some takes seconds where there are none.
    let aws = match location {
        Location::File(_) => Aws::at("http://127.0.0.1:9", "none", "none"),
        _ => Aws::load().await,
    };
    let source = FleetSource::new(Arc::new(aws), location, Arc::new(SystemClock));
    let fleet = source.current().await;
    let fleet = fleet.map_err(|error| anyhow::anyhow!(shared::telemetry::error_chain(&error)))?;
    let Some(found) = fleet.environment(environment) else {
        let names: Vec<_> = fleet
            .environments()
            .map(|known| known.name.clone())
            .collect();
        bail!(
            "there is no environment {environment}; the fleet file has {}",
            names.join(", ")
        );
    };
    print!("{}", script(found)?);
    Ok(ExitCode::SUCCESS)
}

fn script(environment: &Environment) -> anyhow::Result<String> {
    let database = environment.database.as_ref();
    let database = database
        .with_context(|| format!("the fleet file names no database for {}", environment.name))?;
    Ok(api::users::grants_script(database))
}
