//! A private PostgreSQL cluster on loopback, run with the programs that this machine has installed.
//!
//! Never an existing server: its folder, port and password are its own, and a connection is only used after
//! the server said that it serves this very folder.

mod cluster_folder;
mod process;
mod programs;
mod server;
mod server_user;

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{ConnectOptions, Connection};
use tokio::time::Instant;

use cluster_folder::ClusterFolder;
use programs::Programs;
use server::Server;
use server_user::ServerUser;

/// The cluster's superuser.
const SUPERUSER: &str = "postgres";
/// Longest wait for the first connection. It takes 0.2 s, and some seconds after a power cut.
const READY_TIMEOUT: Duration = Duration::from_secs(20);
/// Pause between two looks at whether it is ready.
const READY_POLL: Duration = Duration::from_millis(20);
/// Longest wait for one connection on loopback.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Ports that are tried: between our look at a free one and the server's use, another program may take it.
const PORT_ATTEMPTS: u32 = 3;
/// A running private cluster.
pub(super) struct Postgres {
    server: Server,
    port: u16,
    password: String,
}

impl Postgres {
    /// Starts the cluster whose traces are in `demo`, making it when there is none yet.
    ///
    /// # Errors
    ///
    /// When PostgreSQL is not installed, or the server is not ready within [`READY_TIMEOUT`].
    pub(super) async fn start(demo: &Path) -> anyhow::Result<Self> {
        let programs = Programs::find()?;
        let user = ServerUser::find()?;
        let folder = ClusterFolder::open(demo, &user)?;
        server::end_leftover(&programs, &user, &folder).await?;
        let password = cluster_folder::prepare(&programs, &user, &folder, demo).await?;
        let log = demo.join("postgres.log");
        let log_file =
            File::create(&log).with_context(|| format!("could not create {}", log.display()))?;
        for attempt in 1..=PORT_ATTEMPTS {
            let port = free_port()?;
            let server = Server::spawn(&programs, &user, &folder, port, &log_file).await?;
            let mut started = Self {
                server,
                port,
                password: password.clone(),
            };
            match started.wait_until_ready().await {
                Ok(()) => return Ok(started),
                Err(error) => {
                    let is_running = started.server.process.exit_status().is_none();
                    started.stop().await?;
                    if is_running || attempt == PORT_ATTEMPTS {
                        let hint = format!("its log is {}", log.display());
                        return Err(error.context(hint));
                    }
                }
            }
        }
        bail!("PostgreSQL could not be started")
    }

    /// Returns the port on 127.0.0.1.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Opens a superuser's connection to `database`.
    pub(super) async fn connect(&self, database: &str) -> Result<PgConnection, sqlx::Error> {
        connect(&self.options(database)).await
    }

    /// Returns how the superuser connects to `database`.
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

    /// Stops the server and waits for its end; at most about 15 s, 0.1 s as a rule.
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

    /// Makes sure that the server at the port is the one that was started.
    async fn check_folder(&self, mut connection: PgConnection) -> anyhow::Result<()> {
        let folder: String = sqlx::query_scalar("SHOW data_directory")
            .fetch_one(&mut connection)
            .await?;
        connection.close().await?;
        ensure!(
            Path::new(&folder) == self.server.cluster,
            "another PostgreSQL answers at port {}",
            self.port
        );
        Ok(())
    }
}

/// Returns why this machine cannot run the demo's PostgreSQL, `None` when it can.
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

/// Returns whether the server may only need more time: nothing listens yet, or it says so itself.
fn is_starting(error: &sqlx::Error) -> bool {
    // https://www.postgresql.org/docs/current/errcodes-appendix.html: cannot_connect_now
    let says_so = error
        .as_database_error()
        .is_some_and(|error| error.code().as_deref() == Some("57P03"));
    says_so || matches!(error, sqlx::Error::Io(_))
}
