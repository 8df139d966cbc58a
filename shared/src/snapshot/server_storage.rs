//! Storage of the server that a database is on, beside the sizes of its tables. Domain types only.
//!
//! It is all of an RDS instance's disk or of an Aurora cluster's volume: every database there, logs and what the engine
//! keeps for itself. Where it comes from is the collector's.

use chrono::{DateTime, Utc};

/// Storage of an instance of RDS, or of an Aurora cluster's volume.
///
/// What is not known is `None`, never zero, and `reason` says why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerStorage {
    /// Which kind of server was asked about; `None` where it is not known which server it is.
    pub kind: Option<ServerKind>,
    /// Bytes that are allocated to an instance, by the fleet file. Always `None` of a cluster: its volume grows by
    /// itself.
    pub allocated_bytes: Option<u64>,
    /// Bytes of them that are free. Always `None` of a cluster.
    pub free_bytes: Option<u64>,
    /// Bytes in use: of an instance what is allocated and not free, of a cluster its volume.
    pub used_bytes: Option<u64>,
    /// Begin of the minute that CloudWatch's figure is of; `None` without a figure.
    pub as_of: Option<DateTime<Utc>>,
    /// Stable word for why something is not known; `None` when everything is. The words are in the collector's README.
    pub reason: Option<String>,
}

/// Kinds of servers that have storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerKind {
    /// An instance of RDS with storage of its own.
    Instance,
    /// An Aurora cluster.
    Cluster,
}

impl ServerKind {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Instance, Self::Cluster];

    /// Returns the word for it in answers and stored items.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Instance => "instance",
            Self::Cluster => "cluster",
        }
    }
}

impl ServerStorage {
    /// Returns storage of which nothing is known, for the `reason` given.
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

    /// Returns storage that nobody asked for, as in snapshots from before it was.
    pub fn not_asked() -> Self {
        Self::unknown("not_asked")
    }
}
