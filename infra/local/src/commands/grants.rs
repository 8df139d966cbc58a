//! `mrt grants`: prints the script that grants an environment's database role its privileges. Runs nothing.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;

use super::fleet;
use crate::output;

/// Prints the script for `environment`. See [`fleet::read`] for `fleet` and `data`.
pub(crate) async fn run(
    environment: &str,
    fleet: Option<String>,
    data: &Path,
) -> anyhow::Result<ExitCode> {
    let context = fleet::read(fleet, data).await?;
    let found = context.fleet.environment(environment);
    let found = found.with_context(|| {
        let names: Vec<&str> = context
            .fleet
            .environments()
            .map(|environment| environment.name.as_str())
            .collect();
        format!(
            "{} has no environment {environment}; it has {}",
            context.location,
            names.join(", ")
        )
    })?;
    let database = found.database.as_ref();
    let database = database.with_context(|| format!("{environment} has no database"))?;
    output::print(&shared::users::grants_script(database))?;
    Ok(ExitCode::SUCCESS)
}
