//! Finds the newest complete report, and reads its manifest.

use aws_sdk_s3::Client;
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use s3_inventory::Manifest;
use shared::fleet::InventoryLocation;

use super::object;
use crate::error::MeasureError;
use crate::storage_size::s3::error::error_from_sdk;

/// Days back that a report is searched for. Weekly reports come every seven.
const SEARCHED_DAYS: i64 = 35;
/// Pages of folders that are listed. A page has 1,000, and a report a day makes one folder of that kind.
const MAX_PAGES: usize = 5;
/// Newest folders that are tried: the manifest is written last, so the newest report may still be under way.
const TRIED_FOLDERS: usize = 5;
/// How S3 names a report's folder: the time at which its scan started.
const FOLDER_FORMAT: &str = "%Y-%m-%dT%H-%MZ";
/// Longest manifest that is read: 100,000 files of 300 bytes.
const MANIFEST_LIMIT: u64 = 32 << 20;
/// Longest `manifest.checksum`: 32 digits, and a line break.
const CHECKSUM_LIMIT: u64 = 1 << 10;

/// One report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Report {
    /// Prefix of its manifest, without a slash at the end.
    pub(super) folder: String,
    /// What `manifest.checksum` has.
    pub(super) checksum: String,
}

/// Returns the newest report at `location` that is complete.
pub(super) async fn newest(
    client: &Client,
    location: &InventoryLocation,
    now: DateTime<Utc>,
) -> Result<Report, MeasureError> {
    let mut folders = folders(client, location, now).await?;
    folders.sort_unstable_by(|one, other| other.cmp(one));
    for folder in folders.into_iter().take(TRIED_FOLDERS) {
        let key = format!("{folder}/manifest.checksum");
        let found = object::small(client, &location.bucket, &key, CHECKSUM_LIMIT).await?;
        if let Some(checksum) = found {
            let checksum = String::from_utf8_lossy(&checksum).trim().to_owned();
            return Ok(Report { folder, checksum });
        }
    }
    Err(missing(&format!(
        "{location} has no complete one of the last {SEARCHED_DAYS} days; S3 writes the first one within 48 hours, and its \
         folders are below PREFIX/SOURCE-BUCKET/CONFIGURATION"
    )))
}

/// Returns the error for a target without a report.
pub(super) fn missing(reason: &str) -> MeasureError {
    MeasureError::permanent(
        "inventory_missing",
        format!("there is no inventory: {reason}"),
    )
}

/// Returns the prefixes of all reports, without slashes at their ends.
async fn folders(
    client: &Client,
    location: &InventoryLocation,
    now: DateTime<Utc>,
) -> Result<Vec<String>, MeasureError> {
    let oldest = now - TimeDelta::days(SEARCHED_DAYS);
    let prefix = format!("{}/", location.prefix);
    let mut folders = Vec::new();
    let mut token = None;
    for _ in 0..MAX_PAGES {
        let page = client
            .list_objects_v2()
            .bucket(&location.bucket)
            .prefix(&prefix)
            .delimiter("/")
            .start_after(format!("{prefix}{}", oldest.format("%Y-%m-%d")))
            .set_continuation_token(token)
            .send()
            .await
            .map_err(|error| object::about_location(error_from_sdk(error), "s3:ListBucket"))?;
        let found = page
            .common_prefixes()
            .iter()
            .filter_map(|found| found.prefix());
        let found = found.map(|folder| folder.trim_end_matches('/'));
        folders.extend(found.filter(|folder| is_report(folder)).map(str::to_owned));
        token = page.next_continuation_token;
        if token.is_none() {
            break;
        }
    }
    Ok(folders)
}

fn is_report(folder: &str) -> bool {
    let name = folder.rsplit('/').next().unwrap_or_default();
    NaiveDateTime::parse_from_str(name, FOLDER_FORMAT).is_ok()
}

/// Reads the manifest of `report`.
pub(super) async fn manifest(
    client: &Client,
    location: &InventoryLocation,
    report: &Report,
) -> Result<Manifest, MeasureError> {
    let key = format!("{}/manifest.json", report.folder);
    let manifest = object::small(client, &location.bucket, &key, MANIFEST_LIMIT).await?;
    let manifest = manifest.ok_or_else(|| super::damaged("its manifest.json is missing"))?;
    Manifest::parse(&manifest, &report.checksum).map_err(super::unusable)
}
