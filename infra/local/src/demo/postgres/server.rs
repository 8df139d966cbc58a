//! The server's process: its settings, its start and its end, also of one that an earlier run left.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};

use super::cluster_folder::ClusterFolder;
use super::process::{self, Process};
use super::programs::Programs;
use super::server_user::ServerUser;

/// Seconds that `pg_ctl` waits for a fast shutdown: open transactions are rolled back, it takes 0.1 s.
const STOP_SECONDS: &str = "10";
/// Longest wait for `pg_ctl` itself, above what it waits for.
const STOP_TIMEOUT: Duration = Duration::from_secs(12);
/// Longest wait for a process that was killed.
const KILL_TIMEOUT: Duration = Duration::from_secs(2);

/// Settings of the server; each start gives them anew, so that an old folder follows a new version.
const SETTINGS: &[(&str, &str)] = &[
    ("listen_addresses", "127.0.0.1"),
    ("unix_socket_directories", ""),
    ("max_connections", "50"),
    // Small beside what else runs on a laptop; all of the demo's data fit.
    ("shared_buffers", "32MB"),
    // The data can be made again: speed is worth more than surviving a power cut.
    ("fsync", "off"),
    ("synchronous_commit", "off"),
    ("full_page_writes", "off"),
    // No replica, so little write-ahead log, which otherwise would be most of the disk space.
    ("wal_level", "minimal"),
    ("max_wal_senders", "0"),
    ("min_wal_size", "2MB"),
    ("max_wal_size", "16MB"),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
    ("log_min_messages", "warning"),
    ("log_checkpoints", "off"),
    // A small write-ahead log means many checkpoints, which cost little without fsync.
    ("checkpoint_warning", "0"),
    // Statements may hold passwords.
    ("log_statement", "none"),
    ("log_min_error_statement", "panic"),
];

/// The server's process and how to end it.
#[derive(Debug)]
pub(super) struct Server {
    /// Its process.
    pub(super) process: Process,
    programs: Programs,
    user: ServerUser,
    /// The folder that it serves.
    pub(super) cluster: PathBuf,
}

impl Server {
    /// Starts a server of the cluster in `folder` at `port`.
    pub(super) async fn spawn(
        programs: &Programs,
        user: &ServerUser,
        folder: &ClusterFolder,
        port: u16,
        log: &File,
    ) -> anyhow::Result<Self> {
        let cluster = folder.cluster();
        let mut command = user.tied_command(&programs.postgres(), folder.path());
        command
            .arg("-D")
            .arg(&cluster)
            .arg("-p")
            .arg(port.to_string());
        for (name, value) in SETTINGS {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        command.stdout(log.try_clone()?).stderr(log.try_clone()?);
        Ok(Self {
            process: Process::spawn(command).await?,
            programs: programs.clone(),
            user: user.clone(),
            cluster,
        })
    }

    /// Stops it and waits for its end.
    pub(super) async fn stop(&mut self) -> anyhow::Result<()> {
        if self.process.exit_status().is_some() {
            return Ok(());
        }
        let stopping = stop_command(&self.programs, &self.user, &self.cluster, "fast");
        if let Err(error) = process::run(stopping, STOP_TIMEOUT).await {
            tracing::warn!(error = %format!("{error:#}"), "the demo's PostgreSQL did not stop when asked, it is killed");
            let mut kill = self.user.command(&self.programs.pg_ctl(), Path::new("/"));
            kill.args(["kill", "KILL"])
                .arg(self.process.id().to_string());
            process::run(kill, KILL_TIMEOUT).await?;
        }
        let ended = self.process.wait(KILL_TIMEOUT).await;
        ensure!(
            ended,
            "PostgreSQL's process {} does not end",
            self.process.id()
        );
        Ok(())
    }
}

impl Drop for Server {
    /// Asks a server that nobody stopped to stop: its start was given up half-way.
    fn drop(&mut self) {
        if self.process.exit_status().is_none() {
            let mut command = stop_command(&self.programs, &self.user, &self.cluster, "fast");
            // Not waited for: the process that waits for the server sees it end.
            let _asked = command.arg("--no-wait").spawn();
        }
    }
}

fn stop_command(programs: &Programs, user: &ServerUser, cluster: &Path, mode: &str) -> Command {
    let mut command = user.command(&programs.pg_ctl(), Path::new("/"));
    command.args([
        "stop",
        "--silent",
        "--mode",
        mode,
        "--timeout",
        STOP_SECONDS,
    ]);
    command.arg("-D").arg(cluster);
    command
}

/// Ends a server that an earlier run left on the same folder.
pub(super) async fn end_leftover(
    programs: &Programs,
    user: &ServerUser,
    folder: &ClusterFolder,
) -> anyhow::Result<()> {
    let cluster = folder.cluster();
    let lock = cluster.join("postmaster.pid");
    let Some(pid) = process::pid_in(&lock)? else {
        return Ok(());
    };
    if !process::command_line_names(pid, &cluster).await {
        // Left by a crash; the number may belong to any other process by now, even to another PostgreSQL.
        return std::fs::remove_file(&lock)
            .with_context(|| format!("could not remove {}", lock.display()));
    }
    tracing::info!(
        process.id = pid,
        "stopping a PostgreSQL that an earlier demo left"
    );
    let fast = stop_command(programs, user, &cluster, "fast");
    if process::run(fast, STOP_TIMEOUT).await.is_ok() {
        return Ok(());
    }
    let immediate = stop_command(programs, user, &cluster, "immediate");
    process::run(immediate, STOP_TIMEOUT)
        .await
        .with_context(|| {
            format!("PostgreSQL's process {pid}, left by an earlier demo, does not end")
        })
}
