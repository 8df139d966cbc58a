//! `mrt alerts`: evaluates the alerts of the fleet file by the store of `mrt serve`, as `plan` does at each tick.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use collector::alerts::{self, AlertPorts, Notifier, Preview};
use shared::clock::{Clock, SystemClock};
use shared::store::{SnapshotReader, SnapshotWriter};
use shared::telemetry::error_chain;

use super::fleet;
use crate::backend;
use crate::commands::format::printable;
use crate::output;

/// Retention of snapshots, of which this command writes none.
const RETENTION: Duration = Duration::ZERO;

/// Tells what began or ended, or with `is_dry_run` prints what would be told. See [`fleet::read`] for `fleet` and `data`.
///
/// Exit codes: 0 everything was told, 3 something could not be.
pub(crate) async fn run(
    is_dry_run: bool,
    fleet: Option<String>,
    data: &Path,
) -> anyhow::Result<ExitCode> {
    let context = fleet::read(fleet, data).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = Arc::new(backend::existing_store(data, &clock).await?);
    let ports = AlertPorts {
        fleet: &context.fleet,
        snapshots: &SnapshotReader::new(store.clone()),
        states: &SnapshotWriter::new(store, RETENTION),
        now: clock.now(),
    };
    if is_dry_run {
        let previews = alerts::preview(ports).await;
        let previews = previews.map_err(|error| anyhow::anyhow!(error_chain(&error)));
        let previews = previews.context("could not evaluate the alerts")?;
        output::print(&text(context.fleet.alerts().len(), &previews))?;
        return Ok(ExitCode::SUCCESS);
    }
    let notifier = Notifier::new(context.aws, context.variables, Arc::clone(&clock));
    let report = alerts::check(ports, &notifier).await;
    let report = report.map_err(|error| anyhow::anyhow!(error_chain(&error)));
    let report = report.context("could not evaluate the alerts")?;
    output::print(&format!(
        "{} alerts: {} messages sent, {} not delivered, {} states unreadable\n",
        report.alert_count, report.sent_count, report.unsent_count, report.failed_count
    ))?;
    let is_whole = report.unsent_count == 0 && report.failed_count == 0;
    Ok(ExitCode::from(if is_whole { 0 } else { 3 }))
}

/// Returns the messages with who would get them.
fn text(alert_count: usize, previews: &[Preview]) -> String {
    if previews.is_empty() {
        return format!("{alert_count} alerts: nothing to tell\n");
    }
    let messages = previews.iter().map(|preview| {
        let lines = preview.text.lines().map(|line| printable(line) + "\n");
        let lines: String = lines.collect();
        format!("to {}:\n{lines}", preview.destinations.join(", "))
    });
    messages.collect::<Vec<_>>().join("\n")
}
