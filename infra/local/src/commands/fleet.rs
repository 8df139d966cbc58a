//! The fleet that a command is about, and how to reach what it names: as the running server does, or as AWS tools do.

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

/// A fleet with its surroundings.
pub(super) struct Known {
    pub(super) fleet: Arc<Fleet>,
    /// Where it was read.
    pub(super) location: String,
    pub(super) aws: Arc<Aws>,
    pub(super) variables: Arc<VariableOverrides>,
}

/// Reads `fleet`, the one that a server on `data` runs, or the one that `MRT_FLEET` names.
pub(super) async fn read(fleet: Option<String>, data: &Path) -> anyhow::Result<Known> {
    let running = RunningServer::read(data)?;
    let served = running.as_ref();
    let served = served.map(|running| running.fleet.display().to_string());
    let Some(location) = fleet.or(served).or_else(|| ProcessVariables.get(FLEET)) else {
        bail!("which fleet? Name it with --fleet or {FLEET}, or start mrt serve --demo");
    };
    let (stand_in, variables) = running.map_or((None, BTreeMap::new()), |running| {
        (running.aws, running.variables)
    });
    let aws = Arc::new(match &stand_in {
        Some(one) => Aws::at(&one.endpoint, &one.access_key, &one.secret_key),
        None => Aws::load().await,
    });
    let place = Location::parse(&location);
    let place = place.map_err(|reason| anyhow::anyhow!("--fleet {location}: {reason}"))?;
    let source = FleetSource::new(Arc::clone(&aws), place, Arc::new(SystemClock));
    let fleet = source.current().await;
    let fleet = fleet.map_err(|error| anyhow::anyhow!(error_chain(&error)));
    Ok(Known {
        fleet: fleet.context("the fleet cannot be looked at")?,
        location,
        aws,
        variables: Arc::new(VariableOverrides(variables)),
    })
}
