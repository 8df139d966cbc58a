//! Stored form of the file documents of an app: all of it is summary.

use serde::{Deserialize, Serialize};

use super::{Stored, is_default, without_body};
use crate::snapshot::FileDocuments;

/// Stored form of [`FileDocuments`].
#[derive(Serialize, Deserialize)]
pub struct StoredFileDocuments(#[serde(with = "FileDocumentsFields")] FileDocuments);

#[derive(Serialize, Deserialize)]
#[serde(remote = "FileDocuments")]
struct FileDocumentsFields {
    document_count: u64,
    document_bytes: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    unsized_count: u64,
}

impl Stored for FileDocuments {
    const VERSION: u64 = 2;
    type StoredSummary = StoredFileDocuments;

    fn store_summary(summary: &Self) -> StoredFileDocuments {
        StoredFileDocuments(*summary)
    }

    fn read_summary(stored: StoredFileDocuments) -> Result<Self, String> {
        Ok(stored.0)
    }

    fn read_body(summary: Self, body: Option<&[u8]>) -> Result<Self, String> {
        without_body(summary, body)
    }
}
