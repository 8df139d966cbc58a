//! `mrt grants`: prints the script that gives an environment's database role its rights. Runs nothing.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;

use super::fleet;

/// Prints the script for `environment` of `fleet`, or of the fleet that a server on `data` runs.
#[expect(clippy::print_stdout, reason = "the answer to a person or a script")]
pub(crate) async fn run(
    environment: &str,
    fleet: Option<String>,
    data: &Path,
) -> anyhow::Result<ExitCode> {
    let known = fleet::read(fleet, data).await?;
    let found = known.fleet.environment(environment);
    let found = found.with_context(|| {
        let names: Vec<&str> = known
            .fleet
            .environments()
            .map(|environment| environment.name.as_str())
            .collect();
        format!(
            "there is no environment {environment} in {}, there are {}",
            known.location,
            names.join(", ")
        )
    })?;
    let database = found.database.as_ref();
    let database = database.with_context(|| format!("{environment} has no database"))?;
    print!("{}", api::users::grants_script(database));
    Ok(ExitCode::SUCCESS)
}
