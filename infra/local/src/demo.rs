//! The demo: an S3 server over a folder and a private PostgreSQL, both real, with data that keeps moving.
//!
//! `mrt serve --demo` starts it, reads its fleet file and stops it. Everything is below `<data>/demo/`:
//! `buckets/` (a folder for each bucket), `postgres/` and `postgres.log`, `fleet.toml`. What reads them is the
//! same code that reads AWS; nothing here knows of collectors or endpoints.

mod activity;
mod buckets;
mod environments;
mod fleet;
mod objects;
mod postgres;
mod random;
mod reader;
mod seed;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use shared::config::DEPLOYMENT_KEY;
use tokio::time::Instant;
use uuid::Uuid;

use crate::secret_file::load_or_create_secret;
use activity::Activity;
use objects::ObjectServer;
use postgres::Postgres;

/// Longest wait for another demo to let go of the folder: one that was ended a moment ago does so in 0.2 s.
const LOCK_TIMEOUT: Duration = Duration::from_secs(1);
/// Pause between two attempts to lock.
const LOCK_POLL: Duration = Duration::from_millis(50);

/// Everything that the demo runs, and how to reach it. Holds secrets, so it cannot be printed.
pub(crate) struct Demo {
    /// The fleet file, written anew at each start because ports change.
    pub(crate) fleet_path: PathBuf,
    /// Folder with a folder for each bucket: a file dropped into one is an object at once.
    pub(crate) buckets_path: PathBuf,
    /// URL of the S3 server, which wants bucket names in the path.
    pub(crate) s3_endpoint: String,
    /// Access key of the S3 server.
    pub(crate) access_key: String,
    /// Secret key of the S3 server, new at each start.
    pub(crate) secret_key: String,
    /// The database password that the fleet file names, new at each start, and the deployment's key, which stays:
    /// a user's pseudonym is the same tomorrow.
    pub(crate) variables: BTreeMap<String, String>,
    activity: Activity,
    objects: ObjectServer,
    postgres: Postgres,
    /// Held until everything has ended.
    _lock: File,
}

impl Demo {
    /// Starts everything below `data/demo/`, making what is not there yet.
    ///
    /// Takes some seconds the first time and one later on.
    ///
    /// # Errors
    ///
    /// A sentence for the person at the terminal: PostgreSQL is not installed, another demo uses the folder,
    /// or what could not be started. Nothing keeps running then.
    pub(crate) async fn start(data: &Path) -> anyhow::Result<Self> {
        let folder = data.join("demo");
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("could not create {}", folder.display()))?;
        let lock = lock(&folder).await?;
        let buckets_path = folder.join("buckets");
        buckets::prepare(&buckets_path)?;
        let key = deployment_key(&folder)?;
        let objects = ObjectServer::start(&buckets_path).await?;
        let postgres = Postgres::start(&folder).await?;
        let prepared = async {
            let password = seed::seed(&postgres).await?;
            let fleet_path = fleet::write(&folder, postgres.port())?;
            anyhow::Ok((password, fleet_path))
        };
        let (password, fleet_path) = match prepared.await {
            Ok(prepared) => prepared,
            Err(error) => {
                // The reason of the failed start says more than one of a failed stop.
                let _stopped = postgres.stop().await;
                return Err(error);
            }
        };
        Ok(Self {
            fleet_path,
            s3_endpoint: objects.endpoint(),
            access_key: objects.access_key().to_owned(),
            secret_key: objects.secret_key().to_owned(),
            variables: BTreeMap::from([
                (reader::PASSWORD_VARIABLE.to_owned(), password),
                (DEPLOYMENT_KEY.to_owned(), key),
            ]),
            activity: Activity::start(&buckets_path, &postgres),
            buckets_path,
            objects,
            postgres,
            _lock: lock,
        })
    }

    /// Ends everything that was started; the data stay for the next start.
    ///
    /// Takes 0.2 s as a rule and 20 s at the very most.
    ///
    /// # Errors
    ///
    /// When PostgreSQL does not end even when killed.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.activity.stop().await;
        self.objects.stop().await;
        self.postgres.stop().await
    }
}

/// Returns the key in `folder`, a new one when there is none yet.
fn deployment_key(folder: &Path) -> anyhow::Result<String> {
    let path = folder.join("deployment.key");
    load_or_create_secret(&path, || Ok(Uuid::new_v4().simple().to_string()))
}

/// Makes sure that this is the only demo in `folder`, for as long as the result lives.
async fn lock(folder: &Path) -> anyhow::Result<File> {
    let path = folder.join("lock");
    let file =
        File::create(&path).with_context(|| format!("could not create {}", path.display()))?;
    let deadline = Instant::now() + LOCK_TIMEOUT;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                tokio::time::sleep(LOCK_POLL).await;
            }
            Err(TryLockError::WouldBlock) => {
                bail!("another mrt runs the demo in {}", folder.display())
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("could not lock {}", path.display()));
            }
        }
    }
}
