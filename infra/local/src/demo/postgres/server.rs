//! Starts and stops the server's process, and stops one that an earlier run left behind.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};

use super::cluster_folder::ClusterFolder;
use super::process::{self, Process};
use super::programs::Programs;
use super::server_user::ServerUser;

/// Seconds that `pg_ctl` waits for a fast shutdown, which rolls back open transactions and takes 0.1 s.
const STOP_SECONDS: &str = "10";
/// Longest wait for `pg_ctl` itself: longer than it waits.
const STOP_TIMEOUT: Duration = Duration::from_secs(12);
/// Longest wait for a process that was killed.
const KILL_TIMEOUT: Duration = Duration::from_secs(2);

/// Settings of the server. They are passed at each start, so they also apply to an existing folder.
const SETTINGS: &[(&str, &str)] = &[
    ("listen_addresses", "127.0.0.1"),
    ("unix_socket_directories", ""),
    ("max_connections", "50"),
    // Small for a laptop, and enough for all of the demo's data.
    ("shared_buffers", "32MB"),
    // The data can be created again: speed is worth more than surviving a power failure.
    ("fsync", "off"),
    ("synchronous_commit", "off"),
    ("full_page_writes", "off"),
    // Without replicas, a small write-ahead log is enough; it would take most of the disk space.
    ("wal_level", "minimal"),
    ("max_wal_senders", "0"),
    ("min_wal_size", "2MB"),
    ("max_wal_size", "16MB"),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
    ("log_min_messages", "warning"),
    ("log_checkpoints", "off"),
    // A small write-ahead log causes many checkpoints, which are cheap without fsync.
    ("checkpoint_warning", "0"),
    // Statements may contain passwords.
    ("log_statement", "none"),
    ("log_min_error_statement", "panic"),
];

/// A running server.
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
    /// Starts a server for the cluster in `folder` on `port`.
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
            tracing::warn!(error = %format!("{error:#}"), "the demo's PostgreSQL did not stop; killing it");
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
    /// Stops a server whose start was abandoned.
    fn drop(&mut self) {
        if self.process.exit_status().is_none() {
            let mut command = stop_command(&self.programs, &self.user, &self.cluster, "fast");
            // Not awaited: the thread that waits for the server sees its end.
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

/// Stops a server that an earlier run left behind on the same folder.
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
        // Left by a crash. The id may belong to another process by now, even to another PostgreSQL.
        return std::fs::remove_file(&lock)
            .with_context(|| format!("could not remove {}", lock.display()));
    }
    tracing::info!(
        process.id = pid,
        "stopping a PostgreSQL that an earlier demo left behind"
    );
    let fast = stop_command(programs, user, &cluster, "fast");
    if process::run(fast, STOP_TIMEOUT).await.is_ok() {
        return Ok(());
    }
    let immediate = stop_command(programs, user, &cluster, "immediate");
    process::run(immediate, STOP_TIMEOUT)
        .await
        .with_context(|| {
            format!("PostgreSQL's process {pid}, which an earlier demo left behind, does not end")
        })
}
