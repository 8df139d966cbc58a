//! The manifest of a report: what it is of, when its scan started, and which files belong to it.

use md5::{Digest, Md5};
use serde::Deserialize;

use crate::digest::is_digest;
use crate::error::{InventoryError, damaged, unsupported};

/// Most files of a report. S3 writes a file for each few million objects.
const MAX_FILES: usize = 100_000;

/// Format of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// CSV as gzip, read whole.
    Csv,
    /// Parquet, of which the needed columns are read.
    Parquet,
}

/// One file of a report.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct File {
    /// Key in the destination bucket.
    pub key: String,
    /// Size in bytes.
    pub size: u64,
    /// MD5 of the file, in hexadecimal.
    #[serde(rename = "MD5checksum")]
    pub md5: String,
}

/// A report, as its `manifest.json` describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The bucket that the report is of.
    pub source_bucket: String,
    /// The bucket that has the files.
    pub destination_bucket: String,
    /// When the scan of the bucket started, in milliseconds since 1970. Later changes may be missing.
    pub scan_started_at_ms: i64,
    /// Format of the files.
    pub format: Format,
    /// The files, all of which belong to the report.
    pub files: Vec<File>,
    schema: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawManifest {
    source_bucket: String,
    destination_bucket: String,
    creation_timestamp: String,
    file_format: String,
    file_schema: String,
    files: Vec<File>,
}

impl Manifest {
    /// Parses `manifest`, the bytes of `manifest.json`, after comparing them with `checksum`, the text of
    /// `manifest.checksum`.
    ///
    /// # Errors
    ///
    /// [`InventoryError`] if the checksum differs, the manifest is malformed, or the format is not read.
    pub fn parse(manifest: &[u8], checksum: &str) -> Result<Self, InventoryError> {
        if !is_digest(&Md5::digest(manifest), checksum.trim()) {
            return Err(damaged("manifest.json differs from manifest.checksum"));
        }
        let raw: RawManifest = serde_json::from_slice(manifest)
            .map_err(|error| damaged(format!("manifest.json cannot be parsed: {error}")))?;
        let format = match raw.file_format.to_ascii_lowercase().as_str() {
            "csv" => Format::Csv,
            "parquet" => Format::Parquet,
            _ => {
                return Err(unsupported(format!(
                    "its format is {}; Parquet and CSV are read",
                    raw.file_format
                )));
            }
        };
        if raw.files.len() > MAX_FILES {
            return Err(unsupported("it has over 100,000 files"));
        }
        let started_at = raw.creation_timestamp.parse();
        Ok(Self {
            source_bucket: bucket_name(raw.source_bucket),
            destination_bucket: bucket_name(raw.destination_bucket),
            scan_started_at_ms: started_at
                .map_err(|_| damaged("`creationTimestamp` of manifest.json is not a number"))?,
            format,
            files: raw.files,
            schema: raw.file_schema,
        })
    }

    /// Returns whether the report has all versions, and not current objects alone.
    pub fn has_versions(&self) -> bool {
        // Of the field's names in CSV and in Parquet.
        ["IsLatest", "is_latest"].iter().any(|name| {
            let mut words = self
                .schema
                .split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
            words.any(|word| word == *name)
        })
    }

    /// Returns the names of the fields of a CSV record.
    pub(crate) fn csv_fields(&self) -> impl Iterator<Item = &str> {
        self.schema.split(',').map(str::trim)
    }
}

/// Returns the name of a bucket that is given as a name or as an ARN.
fn bucket_name(bucket: String) -> String {
    match bucket.rsplit_once(":::") {
        Some((_, name)) => name.to_owned(),
        None => bucket,
    }
}
