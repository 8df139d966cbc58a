//! How other commands find a running server: a lock and a description in the data folder.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use crate::secret_file::write_secret;

const RUNNING_FILE: &str = "running.json";
const LOCK_FILE: &str = "lock";

/// How the other commands reach a running server.
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
    /// The fleet file that it serves.
    pub(crate) fleet: PathBuf,
    /// Stand-in for AWS, in the demo.
    pub(crate) aws: Option<AwsStandIn>,
    /// Variables that its fleet file names.
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
    /// Leaves the note in `data`.
    pub(crate) fn write(&self, data: &Path) -> anyhow::Result<()> {
        write_secret(
            &data.join(RUNNING_FILE),
            &serde_json::to_string_pretty(self)?,
        )
    }

    /// Returns the note of the server that runs on `data`; `None` when none does.
    pub(crate) fn read(data: &Path) -> anyhow::Result<Option<Self>> {
        if try_lock(data)?.is_some() {
            return Ok(None);
        }
        let path = data.join(RUNNING_FILE);
        let text = match std::fs::read_to_string(&path) {
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

    /// Takes the note away.
    pub(crate) fn remove(data: &Path) {
        // The note is only believed while the lock is held, so one that stays does no harm.
        let _ = std::fs::remove_file(data.join(RUNNING_FILE));
    }
}

/// Takes `data` for one server; the lock goes with the process.
pub(crate) fn lock(data: &Path) -> anyhow::Result<File> {
    match try_lock(data)? {
        Some(file) => Ok(file),
        None => bail!(
            "another mrt serve is running on {}: stop it or name another folder with --data",
            data.display()
        ),
    }
}

fn try_lock(data: &Path) -> anyhow::Result<Option<File>> {
    if !data.exists() {
        return Ok(None);
    }
    let path = data.join(LOCK_FILE);
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path);
    let file = file.with_context(|| format!("could not open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(std::fs::TryLockError::WouldBlock) => Ok(None),
        Err(std::fs::TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("could not lock {}", path.display()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_believed_only_while_its_server_runs() {
        let folder = tempfile::tempdir().unwrap();
        let note = RunningServer {
            url: "http://127.0.0.1:8080".into(),
            pid: 1,
            client_id: "c".into(),
            client_secret: "s".into(),
            fleet: "fleet.toml".into(),
            aws: None,
            variables: BTreeMap::new(),
        };
        let server = lock(folder.path()).unwrap();
        note.write(folder.path()).unwrap();

        assert_eq!(RunningServer::read(folder.path()).unwrap(), Some(note));
        assert!(
            lock(folder.path())
                .unwrap_err()
                .to_string()
                .contains("another mrt serve is running")
        );
        drop(server);
        assert_eq!(RunningServer::read(folder.path()).unwrap(), None);
    }
}
