//! `storage` of a database: that of the server it is on, beside its own sizes.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;
use shared::snapshot::ServerStorage;

/// Storage of the instance or cluster of RDS that the database is on, with everything else there; in no sum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StorageView {
    /// `instance` of RDS or Aurora `cluster`; null when it is not known which server it is.
    pub kind: Option<String>,
    /// Bytes that are allocated, by the fleet file; null when it does not tell, and of a cluster, which grows by itself.
    pub allocated_bytes: Option<u64>,
    /// Bytes of them that are free, by CloudWatch; null when unknown, and of a cluster.
    pub free_bytes: Option<u64>,
    /// Bytes in use: allocated and not free, or the cluster's volume; null when unknown.
    pub used_bytes: Option<u64>,
    /// Minute that CloudWatch's figure is of, RFC 3339 UTC; null without a figure.
    pub as_of: Option<DateTime<Utc>>,
    /// Why something is unknown, such as `server_unknown`, `allocated_unknown`, `allocated_outdated`, `no_metrics`,
    /// `access_denied` or `timeout`; null when nothing is.
    pub reason: Option<String>,
}

impl StorageView {
    pub(super) fn of(storage: &ServerStorage) -> Self {
        Self {
            kind: storage.kind.map(|kind| kind.as_str().to_owned()),
            allocated_bytes: storage.allocated_bytes,
            free_bytes: storage.free_bytes,
            used_bytes: storage.used_bytes,
            as_of: storage.as_of,
            reason: storage.reason.clone(),
        }
    }
}
