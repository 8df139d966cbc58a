//! The backend of `serve` and `invoke`: the production components, with SQLite as the store.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use api::client_limits::FleetClients;
use api::dashboard::Login;
use api::http::server::Server;
use api::routes::{self, Ports, ROUTES};
use collector::Writers;
use collector::alerts::Notifier;
use collector::collect::CollectorPorts;
use shared::aws::Aws;
use shared::clock::{Clock, SystemClock};
use shared::config::{ALLOWED_ORIGINS, DATABASE_CA_FILE, EnvironmentAccess, Reader, Variables};
use shared::database::Databases;
use shared::deployment_key::DeploymentKey;
use shared::fleet::FleetSource;
use shared::history::{HistoryReader, HistoryRetention};
use shared::location::Location;
use shared::secrets::Secrets;
use shared::store::{ItemStore, SnapshotReader};
use shared::telemetry::Metrics;
use shared::user_months::UserMonthReader;

use crate::running_server::AwsStandIn;
use crate::sqlite::SqliteStore;

/// File of the snapshot store in the data folder.
const STORE_FILE: &str = "mrt.db";

/// Returns whether a server has run on `data`.
pub(crate) fn has_store(data: &Path) -> bool {
    data.join(STORE_FILE).exists()
}

/// Opens the store of a server that has run on `data`.
///
/// # Errors
///
/// If there is none, or it cannot be opened.
pub(crate) async fn existing_store(
    data: &Path,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<SqliteStore> {
    let path = data.join(STORE_FILE);
    if !has_store(data) {
        bail!(
            "there is no store in {}: start mrt serve, or use --data",
            data.display()
        );
    }
    open_store(&path, clock).await
}

async fn open_store(path: &Path, clock: &Arc<dyn Clock>) -> anyhow::Result<SqliteStore> {
    let store = SqliteStore::open(path, Arc::clone(clock)).await;
    store.with_context(|| format!("could not open {}", path.display()))
}

/// Everything behind the gateway and the schedule.
pub(crate) struct Backend {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) fleet: Arc<FleetSource>,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) databases: Databases,
    pub(crate) aws: Arc<Aws>,
    variables: Arc<dyn Variables>,
    pub(crate) deployment_key: DeploymentKey,
    access: EnvironmentAccess,
    /// Origins that browsers may call from.
    pub(crate) allowed_origins: Vec<String>,
    users_cache: Duration,
    pub(crate) every: Duration,
    retention: Duration,
    history_retention: HistoryRetention,
}

impl Backend {
    /// Opens the store in `data` and creates the clients. Connects to no target.
    pub(crate) async fn open(
        data: &Path,
        fleet: &str,
        stand_in: Option<&AwsStandIn>,
        variables: Arc<dyn Variables>,
        every: Duration,
    ) -> anyhow::Result<Self> {
        let mut reader = Reader::new(&*variables);
        let retention = reader.retention();
        let history_retention = reader.history_retention();
        let users_cache = reader.users_cache();
        let ca_file = reader.readable_file(DATABASE_CA_FILE);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let aws = Arc::new(match stand_in {
            Some(stand_in) => Aws::at(
                &stand_in.endpoint,
                &stand_in.access_key,
                &stand_in.secret_key,
            ),
            None => Aws::load().await?,
        });
        let secrets = || Secrets::new(Arc::clone(&aws));
        let deployment_key = DeploymentKey::from_config(&mut reader, secrets);
        let access = reader.environment_access();
        let allowed_origins = reader.origins(ALLOWED_ORIGINS);
        reader.finish(())?;
        let location = Location::parse(fleet)
            .map_err(|reason| anyhow::anyhow!("--fleet {fleet}: {reason}"))?;
        let store = open_store(&data.join(STORE_FILE), &clock).await?;
        Ok(Self {
            fleet: Arc::new(FleetSource::new(
                Arc::clone(&aws),
                location,
                Arc::clone(&clock),
            )),
            databases: Databases::new(
                Arc::clone(&aws),
                Arc::clone(&variables),
                Arc::clone(&clock),
                ca_file,
            ),
            store: Arc::new(store),
            variables,
            clock,
            aws,
            deployment_key,
            access,
            allowed_origins,
            users_cache,
            every,
            retention,
            history_retention,
        })
    }

    /// Returns all endpoints behind one server, with a dashboard that logs its readers in at `login`.
    pub(crate) fn server(&self, login: Option<Login>) -> Server {
        let ports = Ports {
            fleet: Arc::clone(&self.fleet),
            snapshots: self.snapshots(),
            history: HistoryReader::new(self.store.clone()),
            user_months: UserMonthReader::new(self.store.clone()),
            databases: self.databases.clone(),
            aws: Arc::clone(&self.aws),
            deployment_key: self.deployment_key.clone(),
            users_cache: self.users_cache,
            login,
        };
        Server::new(
            ROUTES,
            routes::all(&ports),
            self.allowed_origins.clone(),
            Arc::clone(&self.clock),
            Metrics::Off,
        )
        .with_access(self.access.clone())
        .with_limits(Some(Arc::new(FleetClients(Arc::clone(&self.fleet)))))
    }

    /// Returns the reader of the snapshot store.
    pub(crate) fn snapshots(&self) -> SnapshotReader {
        SnapshotReader::new(self.store.clone())
    }

    /// Returns who tells alerts.
    pub(crate) fn notifier(&self) -> Notifier {
        let variables = Arc::clone(&self.variables);
        Notifier::new(Arc::clone(&self.aws), variables, Arc::clone(&self.clock))
    }

    /// Returns how many days snapshots are kept.
    pub(crate) fn retention_days(&self) -> u32 {
        u32::try_from(self.retention.as_secs() / 86_400).unwrap_or(u32::MAX)
    }

    /// Returns the writers of the snapshot store.
    pub(crate) fn writers(&self) -> Writers {
        self.writers_to(self.store.clone())
    }

    /// Returns writers to another store that keep everything as long as in the snapshot store.
    pub(crate) fn writers_to(&self, items: Arc<dyn ItemStore>) -> Writers {
        Writers::new(items, self.retention, self.history_retention)
    }

    /// Returns the dependencies of collectors.
    pub(crate) fn collector_ports(&self) -> CollectorPorts {
        CollectorPorts {
            fleet: Arc::clone(&self.fleet),
            writers: self.writers(),
            clock: Arc::clone(&self.clock),
            every: self.every,
            metrics: Metrics::Off,
            queue: None,
        }
    }
}
