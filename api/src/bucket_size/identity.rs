//! The fields that identify a storage target in its history and its changes.

use schemars::JsonSchema;
use serde::Serialize;
use shared::fleet::BucketTarget;

use crate::history::{Identity, SeriesName};
use crate::http::csv::Cell;

/// A storage target.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Bucket")]
pub(super) struct BucketIdentity {
    /// Environment that the storage belongs to.
    environment: String,
    /// Kind of storage: `s3`, `efs`, `ebs`, `rds`, `aurora` or `dynamodb`.
    kind: String,
    /// Bucket name; for other storage its id.
    bucket: String,
    /// Prefix of all counted keys; empty for all keys.
    prefix: String,
    /// Suffix of all counted keys; empty for all keys.
    suffix: String,
}

impl Identity for BucketIdentity {
    type Target = BucketTarget;
    const FIELDS: &'static [&'static str] = &["environment", "kind", "bucket", "prefix", "suffix"];
    const SERIES_FIELDS: &'static [&'static str] = &["storage_class"];

    fn of(target: &BucketTarget) -> Self {
        Self {
            environment: target.environment.clone(),
            kind: target.kind.as_str().to_owned(),
            bucket: target.bucket.clone(),
            prefix: target.prefix.clone(),
            suffix: target.suffix.clone(),
        }
    }

    fn cells(&self) -> Vec<Cell<'_>> {
        vec![
            (&self.environment).into(),
            (&self.kind).into(),
            (&self.bucket).into(),
            (&self.prefix).into(),
            (&self.suffix).into(),
        ]
    }

    fn series_cells(name: &SeriesName) -> Vec<Cell<'_>> {
        vec![name.storage_class.as_ref().into()]
    }
}
