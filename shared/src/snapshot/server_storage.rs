//! Storage of the server that hosts a database, next to the sizes of its tables. Domain types only.
//!
//! It is the whole disk of an RDS instance or the whole volume of an Aurora cluster: every database there, logs, and
//! what the engine stores for itself.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Storage of an RDS instance or of an Aurora cluster's volume.
///
/// An unknown value is `None`, never zero, and `reason` has the cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ServerStorage {
    /// `instance` of RDS or Aurora `cluster`; null when the server is unknown.
    pub kind: Option<ServerKind>,
    /// Bytes allocated to an instance, by the fleet file; null when it does not state them, and for a cluster, whose
    /// volume grows by itself.
    pub allocated_bytes: Option<u64>,
    /// Free bytes of them, by CloudWatch; null when unknown, and for a cluster.
    pub free_bytes: Option<u64>,
    /// Bytes in use: what an instance has allocated and not free, as accurate as `allocated_bytes`, or the cluster's
    /// volume; null when unknown.
    pub used_bytes: Option<u64>,
    /// Start of the minute that CloudWatch's value belongs to, RFC 3339 UTC; null without a value.
    pub as_of: Option<DateTime<Utc>>,
    /// Why something is unknown, such as `server_unknown`, `allocated_unknown`, `allocated_outdated`, `no_metrics`,
    /// `access_denied` or `timeout`; null when nothing is.
    pub reason: Option<String>,
}

/// Kinds of servers that have storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServerKind {
    /// An RDS instance with its own storage.
    Instance,
    /// An Aurora cluster.
    Cluster,
}

impl ServerStorage {
    /// Returns storage about which nothing is known, for the `reason` given.
    pub fn unknown(reason: &str) -> Self {
        Self {
            kind: None,
            allocated_bytes: None,
            free_bytes: None,
            used_bytes: None,
            as_of: None,
            reason: Some(reason.to_owned()),
        }
    }

    /// Returns storage that was not requested, as in snapshots older than the field.
    pub fn not_asked() -> Self {
        Self::unknown("not_asked")
    }
}
