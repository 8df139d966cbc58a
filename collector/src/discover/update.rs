//! Discovery into the file beside the fleet file: what the daily function and `mrt discover` do.

use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use serde::Serialize;
use shared::aws::{Aws, failure_of};
use shared::clock::Clock;
use shared::document::{self, Document, DocumentError};
use shared::fleet::{DISCOVERED, Environment, FLEET_LIMIT_BYTES, Fault, Fleet, FleetFaults};
use shared::location::{AwsScope, Location};

use super::{Before, Discovery, discover};

/// Why nothing was discovered, or it was not written.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// The fleet file, or that of the last discovery, could not be read.
    #[error("could not read what is discovered for")]
    Unreadable(#[from] DocumentError),
    /// The fleet file, or that of the last discovery, has faults.
    #[error("the file has errors:\n{0}")]
    Faulty(#[from] FleetFaults),
    /// The fleet file does not say what is to be discovered.
    #[error("the fleet file has no section [discover]")]
    NotWanted,
    /// No account answered in any region, so nothing is known.
    #[error("none of {count} accounts and regions answered; the first: {first}")]
    NobodyAnswered {
        /// Accounts and regions.
        count: usize,
        /// Why the first did not.
        first: String,
    },
    /// The new file was not written; the earlier one is whole.
    #[error("could not write {location}: {reason}")]
    NotWritten {
        /// The file.
        location: Location,
        /// What failed.
        reason: String,
    },
}

/// What discovery found, and the file that it replaces.
#[derive(Debug)]
pub struct Update {
    /// What was found.
    pub found: Discovery,
    /// Faults of the earlier file; environments with one are found anew.
    pub faults: Vec<Fault>,
    /// The file beside the fleet file.
    pub location: Location,
    fleet: Fleet,
    before: Option<Document>,
}

/// What one daily run did.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct DailyReport {
    /// Environments in the file.
    pub environment_count: usize,
    /// Targets in it that are gone.
    pub gone_count: usize,
    /// Accounts and regions that answered.
    pub asked_count: usize,
    /// Accounts and regions that did not.
    pub failed_count: usize,
    /// Whether the file changed.
    pub is_written: bool,
    /// What a person should look at.
    pub notes: Vec<String>,
}

/// Discovers once, writes what changed, and logs what a person should look at.
///
/// # Errors
///
/// See [`UpdateError`]; the earlier file is whole then.
pub async fn daily(
    aws: &Aws,
    fleet: &Location,
    retention_days: u32,
    clock: &dyn Clock,
) -> Result<DailyReport, UpdateError> {
    let today = clock.now().date_naive();
    let update = find(aws, fleet, today, retention_days).await?;
    let found = &update.found;
    for note in &found.notes {
        tracing::warn!(about = note.about, "discovery: {}", note.text);
    }
    if found.asked_count == 0 {
        return Err(UpdateError::NobodyAnswered {
            count: found.failed_count,
            first: found
                .notes
                .first()
                .map(ToString::to_string)
                .unwrap_or_default(),
        });
    }
    let is_written = update.write(aws).await?;
    tracing::info!(
        environment_count = found.environment_count,
        gone_count = found.gone_count,
        asked_count = found.asked_count,
        failed_count = found.failed_count,
        is_written,
        "environments discovered"
    );
    Ok(DailyReport {
        environment_count: found.environment_count,
        gone_count: found.gone_count,
        asked_count: found.asked_count,
        failed_count: found.failed_count,
        is_written,
        notes: found.notes.iter().map(ToString::to_string).collect(),
    })
}

/// Discovers what the fleet file at `fleet` asks for, and compares with the file beside it.
///
/// # Errors
///
/// See [`UpdateError`].
pub async fn find(
    aws: &Aws,
    fleet: &Location,
    today: NaiveDate,
    retention_days: u32,
) -> Result<Update, UpdateError> {
    let text = read(aws, fleet).await?;
    let text = text.ok_or_else(|| DocumentError::NotFound(fleet.clone()))?;
    let fleet_file = Fleet::parse(&fleet.to_string(), &String::from_utf8_lossy(&text.bytes))?;
    let wanted = fleet_file.discover().ok_or(UpdateError::NotWanted)?;
    let location = fleet.sibling(DISCOVERED);
    let before = match read(aws, &location).await {
        Err(DocumentError::NotFound(_)) => None,
        // S3 denies what does not exist to who may not list. If it exists after all, it is not replaced: see write().
        Err(DocumentError::Denied(_)) if matches!(location, Location::S3 { .. }) => None,
        read => read?,
    };
    let earlier = before.as_ref().map(|document| document.bytes.as_slice());
    let earlier = String::from_utf8_lossy(earlier.unwrap_or_default());
    let (earlier, faults) = Fleet::parse_discovered(&location.to_string(), &earlier, &fleet_file)?;
    let compared = Before {
        fleet: &earlier,
        today,
        retention_days,
    };
    let found = discover(aws, &fleet_file, wanted, compared).await;
    let (fleet, _) = Fleet::parse_discovered(&location.to_string(), &found.file, &fleet_file)?;
    Ok(Update {
        found,
        fleet,
        faults,
        location,
        before,
    })
}

async fn read(aws: &Aws, location: &Location) -> Result<Option<Document>, DocumentError> {
    document::read(aws, location, None, FLEET_LIMIT_BYTES).await
}

impl Update {
    /// Returns the environments of the new file, by name; what is gone is among them, and marked.
    pub fn environments(&self) -> impl Iterator<Item = &Environment> {
        self.fleet.environments()
    }

    /// Writes the file if it changed; returns whether it did. Readers have the earlier file or the new one, and a file that
    /// somebody else wrote meanwhile stays.
    ///
    /// # Errors
    ///
    /// [`UpdateError::NotWritten`].
    pub async fn write(&self, aws: &Aws) -> Result<bool, UpdateError> {
        let text = &self.found.file;
        let before = self.before.as_ref();
        if before.is_some_and(|before| before.bytes == text.as_bytes()) {
            return Ok(false);
        }
        let written = match &self.location {
            Location::S3 { bucket, key } => {
                let client = aws.s3(&AwsScope::default()).await;
                let put = client.put_object().bucket(bucket).key(key);
                let put = put.body(text.clone().into_bytes().into());
                let put = match before {
                    Some(before) => put.if_match(&before.tag),
                    None => put.if_none_match("*"),
                };
                let sent = put.content_type("application/toml").send().await;
                sent.map(drop).map_err(|error| failure_of(&error))
            }
            Location::File(path) => replace(path, text).map_err(|error| error.to_string()),
        };
        let not_written = |reason| UpdateError::NotWritten {
            location: self.location.clone(),
            reason,
        };
        written.map(|()| true).map_err(not_written)
    }
}

/// Replaces a file whole: whoever reads it meanwhile has the earlier or the new one.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, path))
}
