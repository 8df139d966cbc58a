//! How other commands find a running server: a lock and a description in the data folder.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use shared::file;

use crate::secret_file::write_secret;

const RUNNING_FILE: &str = "running.json";
const LOCK_FILE: &str = "lock";
/// How often a server tries to get the lock: other commands hold it for less than a millisecond.
const LOCK_ATTEMPTS: u32 = 20;
/// Pause between two attempts.
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// How other commands reach a running server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunningServer {
    /// URL of the gateway.
    pub(crate) url: String,
    /// Process id of the server.
    pub(crate) pid: u32,
    /// Id of the machine client.
    pub(crate) client_id: String,
    /// Secret of the machine client.
    pub(crate) client_secret: String,
    /// Fleet file that it serves.
    pub(crate) fleet: PathBuf,
    /// Stand-in for AWS; only in the demo.
    pub(crate) aws: Option<AwsStandIn>,
    /// Variables that its fleet file refers to.
    pub(crate) variables: BTreeMap<String, String>,
}

/// A stand-in for AWS and its key pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AwsStandIn {
    pub(crate) endpoint: String,
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
}

impl RunningServer {
    /// Writes the description into `data`.
    pub(crate) fn write(&self, data: &Path) -> anyhow::Result<()> {
        write_secret(
            &data.join(RUNNING_FILE),
            &serde_json::to_string_pretty(self)?,
        )
    }

    /// Returns the description of the server that runs on `data`; `None` when there is none.
    pub(crate) fn read(data: &Path) -> anyhow::Result<Option<Self>> {
        if !is_served(data)? {
            return Ok(None);
        }
        let path = data.join(RUNNING_FILE);
        let text = match file::read_text(&path, file::SETTINGS_LIMIT_BYTES) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(error).with_context(|| format!("could not read {}", path.display()));
            }
        };
        serde_json::from_str(&text)
            .map(Some)
            .with_context(|| format!("{} is damaged", path.display()))
    }

    /// Removes the description from `data`.
    pub(crate) fn remove(data: &Path) {
        // Commands ignore it unless the lock is held, so a leftover file is harmless.
        let _ = std::fs::remove_file(data.join(RUNNING_FILE));
    }
}

/// Locks `data` for one server until the returned file is closed.
pub(crate) async fn lock(data: &Path) -> anyhow::Result<File> {
    let file = open_lock(data)?;
    for _ in 0..LOCK_ATTEMPTS {
        if is_locked(file.try_lock(), data)? {
            return Ok(file);
        }
        tokio::time::sleep(LOCK_PAUSE).await;
    }
    bail!(
        "another mrt serve uses {}: stop it, or choose another folder with --data",
        data.display()
    )
}

/// Returns whether a server holds the lock of `data`.
fn is_served(data: &Path) -> anyhow::Result<bool> {
    if !data.exists() {
        return Ok(false);
    }
    // Shared, so that commands do not take each other for a server. Released at once.
    Ok(!is_locked(open_lock(data)?.try_lock_shared(), data)?)
}

fn open_lock(data: &Path) -> anyhow::Result<File> {
    let path = data.join(LOCK_FILE);
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path);
    file.with_context(|| format!("could not open {}", path.display()))
}

fn is_locked(attempt: Result<(), TryLockError>, data: &Path) -> anyhow::Result<bool> {
    match attempt {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("could not lock {}", data.display()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_description_counts_only_while_its_server_runs() {
        let folder = tempfile::tempdir().unwrap();
        let description = RunningServer {
            url: "http://127.0.0.1:8080".into(),
            pid: 1,
            client_id: "c".into(),
            client_secret: "s".into(),
            fleet: "fleet.toml".into(),
            aws: None,
            variables: BTreeMap::new(),
        };
        let server = lock(folder.path()).await.unwrap();
        description.write(folder.path()).unwrap();

        assert_eq!(
            RunningServer::read(folder.path()).unwrap(),
            Some(description)
        );
        assert!(
            lock(folder.path())
                .await
                .unwrap_err()
                .to_string()
                .contains("another mrt serve uses")
        );
        drop(server);
        assert_eq!(RunningServer::read(folder.path()).unwrap(), None);
    }

    #[tokio::test]
    async fn commands_that_look_for_a_server_do_not_keep_one_from_starting() {
        let folder = tempfile::tempdir().unwrap();
        let looking = open_lock(folder.path()).unwrap();
        looking.try_lock_shared().unwrap();

        assert!(!is_served(folder.path()).unwrap());
        let (starting, ()) = tokio::join!(lock(folder.path()), async { drop(looking) });

        assert!(starting.is_ok(), "{starting:?}");
        assert!(is_served(folder.path()).unwrap());
    }
}
