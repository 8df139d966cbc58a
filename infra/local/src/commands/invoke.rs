//! `mrt invoke`: calls one handler or collector with a recorded event, as Lambda does.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use api::routes::ROUTES;
use async_trait::async_trait;
use collector::discover;
use collector::plan::{self, PLAN_TIMEOUT};
use collector::{
    BatchHandler, Collector, DatabaseCollector, Job, JobKind, JobQueue, PlanPorts, QueueError,
};
use serde_json::{Value, json};
use shared::config::{FLEET, ProcessVariables, Variables};
use shared::file;
use shared::location::Location;
use shared::telemetry::Metrics;

use crate::backend::Backend;
use crate::output;
use crate::running_server::RunningServer;
use crate::variables::VariableOverrides;

const PLAN: &str = "plan";
const COLLECT_BUCKET_SIZE: &str = "collect-bucket-size";
const COLLECT_TABLE_SIZE: &str = "collect-table-size";
const DISCOVER: &str = "discover";
/// Most bytes of an event: Lambda's limit for a request.
const EVENT_LIMIT_BYTES: u64 = 6 << 20;
/// Schedule interval of invoked collectors: the deployed default.
const EVERY: Duration = Duration::from_secs(3600);

/// Calls `function` with the event in `event_path` and prints its response.
///
/// Uses the fleet file `fleet`, or else that of the server running on `data`, or else the one in `MRT_FLEET`.
pub(crate) async fn run(
    function: &str,
    event_path: &Path,
    fleet: Option<String>,
    data: &Path,
) -> anyhow::Result<ExitCode> {
    let text = file::read_text(event_path, EVENT_LIMIT_BYTES)
        .with_context(|| format!("could not read {}", event_path.display()))?;
    let event: Value = serde_json::from_str(&text)
        .with_context(|| format!("{} is not JSON", event_path.display()))?;
    if !functions().contains(&function) {
        bail!(
            "there is no function {function}; the functions are {}",
            functions().join(", ")
        );
    }
    let running = RunningServer::read(data)?;
    let configured = ProcessVariables.get(FLEET);
    let served = running
        .as_ref()
        .map(|running| running.fleet.display().to_string());
    let Some(fleet) = fleet.or(served).or(configured) else {
        bail!("no fleet file: use --fleet, set {FLEET}, or start mrt serve --demo");
    };
    std::fs::create_dir_all(data)
        .with_context(|| format!("could not create {}", data.display()))?;
    let (stand_in, variables) = running.map_or((None, BTreeMap::new()), |running| {
        (running.aws, running.variables)
    });
    let backend = Backend::open(
        data,
        &fleet,
        stand_in.as_ref(),
        Arc::new(VariableOverrides(variables)),
        EVERY,
    )
    .await?;
    let response = match function {
        DISCOVER => {
            let location =
                Location::parse(&fleet).map_err(|reason| anyhow::anyhow!("{fleet}: {reason}"))?;
            let days = backend.retention_days();
            let report = discover::daily(&backend.aws, &location, days, &*backend.clock).await?;
            serde_json::to_value(report)?
        }
        _ => call(function, event, &backend).await?,
    };
    output::print_json(&response)?;
    Ok(ExitCode::SUCCESS)
}

fn functions() -> Vec<&'static str> {
    let mut functions: Vec<_> = ROUTES.iter().map(|route| route.function).collect();
    functions.extend([PLAN, COLLECT_BUCKET_SIZE, COLLECT_TABLE_SIZE, DISCOVER]);
    functions.sort_unstable();
    functions.dedup();
    functions
}

async fn call(function: &str, event: Value, backend: &Backend) -> anyhow::Result<Value> {
    let not_its_event = || format!("the event is not one of {function}");
    Ok(match function {
        PLAN => {
            let queue = PrintedQueue::default();
            let (snapshots, writers) = (backend.snapshots(), backend.writers());
            let ports = PlanPorts {
                notifier: None,
                fleet: &backend.fleet,
                snapshots: &snapshots,
                writers: &writers,
                aws: &backend.aws,
                clock: &*backend.clock,
                every: backend.every,
                metrics: &Metrics::Off,
            };
            if let Some(report) = plan::handle(event, ports, &queue, PLAN_TIMEOUT).await? {
                return Ok(serde_json::to_value(report)?);
            }
            let messages = queue.0.into_inner().unwrap_or_else(PoisonError::into_inner);
            json!({"messages": messages})
        }
        COLLECT_BUCKET_SIZE => {
            let collector =
                Collector::of_buckets(backend.collector_ports(), Arc::clone(&backend.aws));
            let event = serde_json::from_value(event).with_context(not_its_event)?;
            serde_json::to_value(collector.handle(event).await?)?
        }
        COLLECT_TABLE_SIZE => {
            let collector = DatabaseCollector::new(
                backend.collector_ports(),
                backend.databases.clone(),
                backend.deployment_key.clone(),
            );
            let event = serde_json::from_value(event).with_context(not_its_event)?;
            serde_json::to_value(collector.handle(event).await?)?
        }
        _ => {
            let event = serde_json::from_value(event).with_context(not_its_event)?;
            serde_json::to_value(backend.server(None).handle(event).await)?
        }
    })
}

/// A queue that collects the messages for the output.
#[derive(Default)]
struct PrintedQueue(Mutex<Vec<Value>>);

#[async_trait]
impl JobQueue for PrintedQueue {
    async fn send(&self, kind: JobKind, messages: Vec<Job>) -> Result<(), QueueError> {
        let of = messages.len();
        for message in messages {
            let failed = |error: serde_json::Error| QueueError {
                kind,
                refused: 1,
                of,
                source: error.into(),
            };
            let body = message.to_json().map_err(failed)?;
            let shown = json!({"queue": kind.as_str(), "body": body});
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(shown);
        }
        Ok(())
    }
}
