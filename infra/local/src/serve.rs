//! `mrt serve`: runs gateway, schedule, queues and store in one process until a signal stops it.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use api::dashboard::Login;
use collector::{BatchHandler, Collector, DatabaseCollector};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::backend::Backend;
use crate::demo::{Demo, past};
use crate::gateway::{self, Gateway};
use crate::identity::{self, BrowserClient, Identity};
use crate::output;
use crate::running_server::{self, AwsStandIn, RunningServer};
use crate::scheduler::{self, Deliveries, Schedule};
use crate::variables::VariableOverrides;
use crate::welcome::{self, Welcome};

/// Address to listen on by default.
const DEFAULT_ADDRESS: &str = "127.0.0.1:8080";
/// Time between collections in the demo: short, so that people see numbers change.
const DEMO_EVERY: Duration = Duration::from_secs(60);
/// Time between collections of a fleet file: the deployed default.
const FLEET_EVERY: Duration = Duration::from_secs(3600);
/// Time between removals of expired snapshots.
const CLEANUP_INTERVAL: Duration = Duration::from_secs(3600);
/// Longest wait for the tasks to end. Unfinished work is repeated by the next start.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Command-line options of `mrt serve`.
pub(crate) struct Options {
    /// Fleet file; `None` for the demo.
    pub(crate) fleet: Option<String>,
    /// Address to listen on; `None` for the default or the next free port.
    pub(crate) listen: Option<SocketAddr>,
    /// Time between collections.
    pub(crate) every: Option<Duration>,
    /// Days of history that a new demo starts with.
    pub(crate) past_days: u16,
    /// Folder for all data.
    pub(crate) data: PathBuf,
}

/// Serves until SIGINT or SIGTERM.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    create_folder(&options.data)
        .with_context(|| format!("could not create {}", options.data.display()))?;
    let _lock = running_server::lock(&options.data).await?;
    let mut stopping = Box::pin(stop_signal()?);
    // Bound before anything else starts, so that an unavailable address fails at once.
    let wanted = options.listen.map_or_else(|| DEFAULT_ADDRESS.parse(), Ok)?;
    let listener = gateway::bind(wanted, options.listen.is_none()).await?;

    let demo = match options.fleet {
        Some(_) => None,
        None => Some(tokio::select! {
            demo = Demo::start(&options.data) => demo?,
            () = &mut stopping => return Ok(()),
        }),
    };
    let served = serve(&options, demo.as_ref(), listener, stopping).await;
    RunningServer::remove(&options.data);
    if let Some(demo) = demo {
        demo.stop().await?;
    }
    served
}

/// Creates the data folder for its owner alone, if it does not exist.
///
/// The demo's PostgreSQL refuses to run as root and then runs as another user, who must reach its own files in there.
fn create_folder(path: &Path) -> std::io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    std::fs::create_dir_all(path)?;
    let is_root = path.metadata()?.uid() == 0;
    let mode = if is_root { 0o711 } else { 0o700 };
    std::fs::set_permissions(path, Permissions::from_mode(mode))
}

async fn serve(
    options: &Options,
    demo: Option<&Demo>,
    listener: TcpListener,
    mut stopping: impl Future<Output = ()> + Unpin,
) -> anyhow::Result<()> {
    let (fleet, stand_in, variables) = match demo {
        Some(demo) => {
            let stand_in = AwsStandIn {
                endpoint: demo.s3_endpoint.clone(),
                access_key: demo.access_key.clone(),
                secret_key: demo.secret_key.clone(),
            };
            (
                demo.fleet_path.display().to_string(),
                Some(stand_in),
                demo.variables.clone(),
            )
        }
        None => (
            options.fleet.clone().unwrap_or_default(),
            None,
            BTreeMap::new(),
        ),
    };
    let every = options.every.unwrap_or(if demo.is_some() {
        DEMO_EVERY
    } else {
        FLEET_EVERY
    });
    let overrides = Arc::new(VariableOverrides(variables.clone()));
    let backend = Backend::open(&options.data, &fleet, stand_in.as_ref(), overrides, every).await?;
    let origins = backend.allowed_origins.clone();
    // An unreadable fleet file fails here instead of at the first collection.
    let targets = backend.fleet.current().await;
    let targets =
        targets.map_err(|error| anyhow::anyhow!(shared::telemetry::error_chain(&error)))?;

    let url = format!("http://{}", listener.local_addr()?);
    let scopes = api::routes::scopes();
    let browser_client = BrowserClient {
        redirect_uris: redirect_uris(listener.local_addr()?, &origins),
        scopes: api::routes::dashboard_scopes(),
    };
    let identity = Identity::load(
        &options.data,
        &url,
        scopes,
        browser_client,
        identity::accounts_of(&targets),
        Arc::clone(&backend.clock),
    )?;
    let client = identity.client();
    let running = RunningServer {
        url: url.clone(),
        pid: std::process::id(),
        client_id: client.id,
        client_secret: client.secret,
        fleet: fleet.into(),
        aws: stand_in,
        variables,
    };
    running.write(&options.data)?;
    let buckets_path = demo.map(|demo| demo.buckets_path.as_path());
    let welcome = Welcome {
        running: &running,
        fleet: &targets,
        data: &options.data,
        every,
        buckets_path,
    };
    // A server goes on without its terminal.
    if let Err(error) = output::print(&welcome::text(&identity, &welcome)?) {
        tracing::warn!(error = %error, "could not print the start message");
    }

    let (stop, stopped) = watch::channel(false);
    let login = Login::new(identity::issuer(&url), url.clone());
    let server = backend.server(Some(login));
    let gateway = Gateway::new(server, identity, url, origins);
    let mut tasks = JoinSet::new();
    tasks.spawn(Arc::new(gateway).serve(listener, stopped.clone()));
    if demo.is_some() {
        // The page is there meanwhile. Collections would leave a store that is not fresh any more.
        tokio::select! {
            written = past::write(&backend, &targets, options.past_days) => written?,
            () = &mut stopping => return Ok(()),
        }
    }
    start_collecting(&mut tasks, &backend, every, &stopped);

    let served = tokio::select! {
        () = stopping => {
            tracing::info!("stopping");
            Ok(())
        }
        // A task ends before the stop only when it panics.
        ended = tasks.join_next() => Err(anyhow::anyhow!("a task of the server ended unexpectedly: {ended:?}")),
    };
    let _ = stop.send(true);
    let ending = async { while tasks.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(STOP_TIMEOUT, ending).await;
    served
}

/// Returns the URLs that a login may return to: the page's own under both names of this machine, and `origins`.
fn redirect_uris(address: SocketAddr, origins: &[String]) -> Vec<String> {
    let own = [
        format!("http://{address}/"),
        format!("http://localhost:{}/", address.port()),
    ];
    own.into_iter().chain(origins.iter().cloned()).collect()
}

fn start_collecting(
    tasks: &mut JoinSet<()>,
    backend: &Backend,
    every: Duration,
    stopped: &watch::Receiver<bool>,
) {
    let (queue, bucket_end, database_end) = scheduler::queues();
    let schedule = Schedule {
        fleet: Arc::clone(&backend.fleet),
        snapshots: backend.snapshots(),
        writers: backend.writers(),
        aws: Arc::clone(&backend.aws),
        clock: Arc::clone(&backend.clock),
        notifier: backend.notifier(),
        every,
    };
    tasks.spawn(schedule.run(queue.clone(), stopped.clone()));
    let mut ports = backend.collector_ports();
    ports.queue = Some(Arc::new(queue));
    let buckets = Collector::of_buckets(ports, Arc::clone(&backend.aws));
    tasks.spawn(deliver(bucket_end, buckets, stopped.clone()));
    let databases = DatabaseCollector::new(
        backend.collector_ports(),
        backend.databases.clone(),
        backend.deployment_key.clone(),
    );
    tasks.spawn(deliver(database_end, databases, stopped.clone()));
    let (store, mut stopped) = (Arc::clone(&backend.store), stopped.clone());
    tasks.spawn(async move {
        let mut cleanups = tokio::time::interval(CLEANUP_INTERVAL);
        loop {
            tokio::select! {
                _ = cleanups.tick() => {}
                _ = stopped.wait_for(|stopped| *stopped) => return,
            }
            if let Err(error) = store.remove_expired().await {
                tracing::warn!(error = %shared::telemetry::error_chain(&error), "could not remove expired snapshots");
            }
        }
    });
}

/// Delivers the messages of one queue to `collector` as events.
async fn deliver(
    end: Deliveries,
    collector: impl BatchHandler + 'static,
    stopped: watch::Receiver<bool>,
) {
    let collector = Arc::new(collector);
    let handle = move |event| {
        let collector = Arc::clone(&collector);
        async move {
            let event = serde_json::from_value(event)?;
            Ok(serde_json::to_value(collector.handle(event).await?)?)
        }
    };
    // Boxed: the future contains the measurements of a whole batch.
    Box::pin(end.deliver(handle, stopped)).await;
}

/// Returns a future that ends at Ctrl-C or SIGTERM.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
