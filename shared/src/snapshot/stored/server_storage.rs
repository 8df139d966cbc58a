//! Stored form of a server's storage: part of the body of a database's tables since their version 3.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::is_default;
use crate::snapshot::{ServerKind, ServerStorage};

#[derive(Serialize, Deserialize)]
#[serde(remote = "ServerStorage")]
pub(super) struct StoredServerStorage {
    #[serde(default, skip_serializing_if = "is_default")]
    kind: Option<ServerKind>,
    #[serde(default, skip_serializing_if = "is_default")]
    allocated_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    free_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    used_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    as_of: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "is_default")]
    reason: Option<String>,
}
