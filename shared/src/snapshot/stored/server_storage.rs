//! Stored form of a server's storage: a part of the body of a database's tables since their version 3.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::tables::of_word;
use crate::snapshot::{ServerKind, ServerStorage};

#[derive(Serialize, Deserialize)]
pub(super) struct StoredStorage {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    allocated_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    free_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    used_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    as_of: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl StoredStorage {
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

    pub(super) fn read(self) -> Result<ServerStorage, String> {
        let kind = self.kind.as_deref();
        let kind = kind.map(|word| {
            of_word("kind of server", word, &ServerKind::ALL, |each| {
                each.as_str()
            })
        });
        Ok(ServerStorage {
            kind: kind.transpose()?,
            allocated_bytes: self.allocated_bytes,
            free_bytes: self.free_bytes,
            used_bytes: self.used_bytes,
            as_of: self.as_of,
            reason: self.reason,
        })
    }
}
