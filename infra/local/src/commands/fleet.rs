//! The fleet of a command, and the clients and variables to reach its targets with.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use shared::aws::Aws;
use shared::clock::SystemClock;
use shared::config::{FLEET, ProcessVariables, Variables};
use shared::fleet::{Fleet, FleetSource};
use shared::location::Location;
use shared::telemetry::error_chain;

use crate::running_server::RunningServer;
use crate::variables::VariableOverrides;

/// A fleet, and what is needed to reach its targets.
pub(super) struct FleetContext {
    pub(super) fleet: Arc<Fleet>,
    /// Where the fleet file is.
    pub(super) location: String,
    pub(super) aws: Arc<Aws>,
    pub(super) variables: Arc<VariableOverrides>,
}

/// Reads the fleet file `fleet`, or else that of the server running on `data`, or else the one in `MRT_FLEET`.
pub(super) async fn read(fleet: Option<String>, data: &Path) -> anyhow::Result<FleetContext> {
    let running = RunningServer::read(data)?;
    let served = running.as_ref();
    let served = served.map(|running| running.fleet.display().to_string());
    let Some(location) = fleet.or(served).or_else(|| ProcessVariables.get(FLEET)) else {
        bail!("no fleet file: use --fleet, set {FLEET}, or start mrt serve --demo");
    };
    let (stand_in, variables) = running.map_or((None, BTreeMap::new()), |running| {
        (running.aws, running.variables)
    });
    let aws = Arc::new(match &stand_in {
        Some(stand_in) => Aws::at(
            &stand_in.endpoint,
            &stand_in.access_key,
            &stand_in.secret_key,
        ),
        None => Aws::load().await?,
    });
    let parsed = Location::parse(&location);
    let parsed = parsed.map_err(|reason| anyhow::anyhow!("--fleet {location}: {reason}"))?;
    let source = FleetSource::new(Arc::clone(&aws), parsed, Arc::new(SystemClock));
    let fleet = source.current().await;
    let fleet = fleet.map_err(|error| anyhow::anyhow!(error_chain(&error)));
    Ok(FleetContext {
        fleet: fleet.context("could not read the fleet")?,
        location,
        aws,
        variables: Arc::new(VariableOverrides(variables)),
    })
}
