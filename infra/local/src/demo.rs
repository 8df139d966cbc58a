//! The demo: a real S3 server over a folder and a real, private PostgreSQL, with data that keeps changing, and a stand-in
//! for CloudWatch that has the free storage of one database's server.
//!
//! `mrt serve --demo` starts it, reads its fleet file and stops it. All files are in `<data>/demo/`: `buckets/` (a
//! folder for each bucket), `postgres/`, `postgres.log` and `fleet.toml`. The production code reads them as it reads
//! AWS; the demo knows nothing about collectors or endpoints, except for its past (`demo/past.rs`), which stands for
//! collections that never were.

mod activity;
mod buckets;
mod environments;
mod fleet;
mod objects;
pub(crate) mod past;
mod postgres;
mod random;
mod reader;
mod seed;
#[cfg(test)]
mod tests;
mod volume;

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
use postgres::{Postgres, Supervisor};
use volume::Volume;

/// Longest wait for another demo to release the folder. A demo that was just stopped does so within 0.2 s.
const LOCK_TIMEOUT: Duration = Duration::from_secs(1);
/// Pause between two attempts to lock.
const LOCK_POLL: Duration = Duration::from_millis(50);

/// A running demo, and how to reach it. Has no `Debug` because it contains secrets.
pub(crate) struct Demo {
    /// Fleet file. Each start writes it again because the ports change.
    pub(crate) fleet_path: PathBuf,
    /// Contains a folder for each bucket. A file in such a folder is an object of the bucket.
    pub(crate) buckets_path: PathBuf,
    /// URL of the S3 server, which expects bucket names in the path.
    pub(crate) s3_endpoint: String,
    /// Access key of the S3 server.
    pub(crate) access_key: String,
    /// Secret key of the S3 server, new at each start.
    pub(crate) secret_key: String,
    /// The database password that the fleet file refers to, which is new at each start, and the deployment key, which
    /// is kept so that pseudonyms of users stay the same.
    pub(crate) variables: BTreeMap<String, String>,
    activity: Activity,
    objects: ObjectServer,
    postgres: Supervisor,
    /// Released when the demo is dropped.
    _lock: File,
}

impl Demo {
    /// Starts the demo in `data/demo/`, and creates what does not exist yet.
    ///
    /// Takes some seconds the first time, and one second later.
    ///
    /// # Errors
    ///
    /// PostgreSQL is not installed, another demo uses the folder, or something could not be started. No process is left
    /// running.
    pub(crate) async fn start(data: &Path) -> anyhow::Result<Self> {
        let folder = data.join("demo");
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("could not create {}", folder.display()))?;
        let lock = lock(&folder).await?;
        let buckets_path = folder.join("buckets");
        buckets::prepare(&buckets_path)?;
        let key = deployment_key(&folder)?;
        let postgres = Postgres::start(&folder).await?;
        let prepared = async {
            let password = seed::seed(&postgres).await?;
            let volume = Volume::open(&folder, &postgres.cluster())?;
            let fleet_path = fleet::write(&folder, postgres.port())?;
            let objects = ObjectServer::start(&buckets_path, volume).await?;
            anyhow::Ok((password, fleet_path, objects))
        };
        let (password, fleet_path, objects) = match prepared.await {
            Ok(prepared) => prepared,
            Err(error) => {
                // The error of the start matters more than an error of the stop.
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
            postgres: Supervisor::start(postgres),
            _lock: lock,
        })
    }

    /// Stops everything. The data stay for the next start.
    ///
    /// Usually takes 0.2 s, at most 20 s.
    ///
    /// # Errors
    ///
    /// If PostgreSQL does not end even when it is killed.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.activity.stop().await;
        self.objects.stop().await;
        self.postgres.stop().await
    }
}

/// Returns the key in `folder`, and creates it the first time.
fn deployment_key(folder: &Path) -> anyhow::Result<String> {
    let path = folder.join("deployment.key");
    load_or_create_secret(&path, || Ok(Uuid::new_v4().simple().to_string()))
}

/// Locks `folder` for one demo until the returned file is closed.
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
