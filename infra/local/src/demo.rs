//! The demo: an S3 server over a folder and a private PostgreSQL, both real, with data that keeps moving.
//!
//! Not a stand-in for anything of ours: what runs against it is the same code that runs against AWS.
//! `mrt serve --demo` starts it, takes its fleet file and stops it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// Everything that the demo runs, and how to reach it.
pub(crate) struct Demo {
    /// The fleet file, written anew at each start because ports change.
    pub(crate) fleet_path: PathBuf,
    /// URL of the S3 server.
    pub(crate) s3_endpoint: String,
    /// Access key of the S3 server.
    pub(crate) access_key: String,
    /// Secret key of the S3 server, new at each start.
    pub(crate) secret_key: String,
    /// Variables that the fleet file names: database passwords.
    pub(crate) variables: BTreeMap<String, String>,
}

impl Demo {
    /// Starts everything below `data/demo/`, seeding it the first time.
    pub(crate) async fn start(data: &Path) -> anyhow::Result<Self> {
        let folder = data.join("demo");
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("could not create {}", folder.display()))?;
        anyhow::bail!("the demo is not wired yet")
    }

    /// Ends everything that was started. The data stays for the next start.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        Ok(())
    }
}
