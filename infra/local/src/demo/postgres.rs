//! A private PostgreSQL cluster on loopback, run with the programs installed on this machine.
//!
//! It never touches another server: it has its own folder, port and password, and a connection is used only after the
//! server confirms that it serves this folder.

mod cluster_folder;
mod process;
mod programs;
mod server;
mod server_user;
mod supervisor;

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{ConnectOptions, Connection};
use tokio::time::Instant;

use cluster_folder::ClusterFolder;
use programs::Programs;
use server::Server;
use server_user::ServerUser;

pub(super) use supervisor::Supervisor;

/// The cluster's superuser.
const SUPERUSER: &str = "postgres";
/// Longest wait for the first connection. It takes 0.2 s, or some seconds after a power failure.
const READY_TIMEOUT: Duration = Duration::from_secs(20);
/// Pause between two checks whether it is ready.
const READY_POLL: Duration = Duration::from_millis(20);
/// Longest wait for one connection on loopback.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Ports to try: another program may take a free port before the server does.
const PORT_ATTEMPTS: u32 = 3;
/// A running private cluster.
pub(super) struct Postgres {
    server: Server,
    programs: Programs,
    user: ServerUser,
    folder: ClusterFolder,
    log: PathBuf,
    port: u16,
    password: String,
}

impl Postgres {
    /// Starts the cluster of the demo in `demo`, and creates it the first time.
    ///
    /// # Errors
    ///
    /// If PostgreSQL is not installed, or the server is not ready within [`READY_TIMEOUT`].
    pub(super) async fn start(demo: &Path) -> anyhow::Result<Self> {
        let programs = Programs::find()?;
        let user = ServerUser::find()?;
        let folder = ClusterFolder::open(demo, &user)?;
        server::end_leftover(&programs, &user, &folder).await?;
        let password = cluster_folder::prepare(&programs, &user, &folder, demo).await?;
        let log = demo.join("postgres.log");
        let log_file =
            File::create(&log).with_context(|| format!("could not create {}", log.display()))?;
        let port = free_port()?;
        let server = Server::spawn(&programs, &user, &folder, port, &log_file).await?;
        let mut started = Self {
            server,
            programs,
            user,
            folder,
            log,
            port,
            password,
        };
        for attempt in 1..=PORT_ATTEMPTS {
            let Err(error) = started.wait_until_ready().await else {
                return Ok(started);
            };
            let is_running = started.is_running();
            started.server.stop().await?;
            if is_running || attempt == PORT_ATTEMPTS {
                let hint = format!("its log is {}", started.log.display());
                return Err(error.context(hint));
            }
            started.port = free_port()?;
            started.spawn(&log_file).await?;
        }
        bail!("PostgreSQL could not be started")
    }

    /// Starts the server, after its end, on the same port.
    ///
    /// # Errors
    ///
    /// If it is not ready within [`READY_TIMEOUT`]; it does not run then.
    async fn restart(&mut self) -> anyhow::Result<()> {
        server::end_leftover(&self.programs, &self.user, &self.folder).await?;
        let log = File::options().append(true).create(true).open(&self.log)?;
        self.spawn(&log).await?;
        let ready = self.wait_until_ready().await;
        if ready.is_err() {
            self.server.stop().await?;
        }
        ready
    }

    async fn spawn(&mut self, log: &File) -> anyhow::Result<()> {
        let (programs, user, folder) = (&self.programs, &self.user, &self.folder);
        self.server = Server::spawn(programs, user, folder, self.port, log).await?;
        Ok(())
    }

    fn is_running(&self) -> bool {
        self.server.process.exit_status().is_none()
    }

    /// Waits until the server ends.
    async fn ended(&mut self) {
        self.server.process.ended().await;
    }

    /// Returns the folder of the cluster.
    pub(super) fn cluster(&self) -> PathBuf {
        self.folder.cluster()
    }

    /// Returns the port on 127.0.0.1.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Connects to `database` as the superuser.
    pub(super) async fn connect(&self, database: &str) -> Result<PgConnection, sqlx::Error> {
        connect(&self.options(database)).await
    }

    /// Returns the superuser's options for connections to `database`.
    pub(super) fn options(&self, database: &str) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .host(&Ipv4Addr::LOCALHOST.to_string())
            .port(self.port)
            .database(database)
            .username(SUPERUSER)
            .password(&self.password)
            .ssl_mode(PgSslMode::Disable)
            .application_name("mrt-demo")
            .disable_statement_logging()
    }

    /// Stops the server and waits for its end, usually 0.1 s and at most about 15 s.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        self.server.stop().await
    }

    async fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + READY_TIMEOUT;
        loop {
            if let Some(status) = self.server.process.exit_status() {
                bail!("PostgreSQL ended while it started ({status})");
            }
            match self.connect("postgres").await {
                Ok(connection) => return self.check_folder(connection).await,
                Err(error) if is_starting(&error) => {
                    let late = format!("PostgreSQL is not ready after {READY_TIMEOUT:?}");
                    ensure!(Instant::now() < deadline, late);
                }
                Err(error) => return Err(error).context("could not log in to PostgreSQL"),
            }
            tokio::time::sleep(READY_POLL).await;
        }
    }

    /// Checks that the server on the port is the one that was started.
    async fn check_folder(&self, mut connection: PgConnection) -> anyhow::Result<()> {
        let folder: String = sqlx::query_scalar("SHOW data_directory")
            .fetch_one(&mut connection)
            .await?;
        connection.close().await?;
        ensure!(
            Path::new(&folder) == self.server.cluster,
            "another PostgreSQL listens on port {}",
            self.port
        );
        Ok(())
    }
}

/// Returns why this machine cannot run the demo's PostgreSQL; `None` if it can.
#[cfg(test)]
pub(super) fn missing() -> Option<String> {
    let found = Programs::find().and_then(|_| ServerUser::find());
    found.err().map(|error| format!("{error:#}"))
}

/// Opens a connection within [`CONNECT_TIMEOUT`].
pub(super) async fn connect(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    tokio::time::timeout(CONNECT_TIMEOUT, options.connect())
        .await
        .unwrap_or_else(|_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())))
}

fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .context("could not find a free port on 127.0.0.1")?;
    Ok(listener.local_addr()?.port())
}

/// Returns whether the server is still starting: nothing listens yet, or it reports that itself.
fn is_starting(error: &sqlx::Error) -> bool {
    // https://www.postgresql.org/docs/current/errcodes-appendix.html: cannot_connect_now
    let reports_start = error
        .as_database_error()
        .is_some_and(|error| error.code().as_deref() == Some("57P03"));
    reports_start || matches!(error, sqlx::Error::Io(_))
}
