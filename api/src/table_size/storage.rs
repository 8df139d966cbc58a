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
    /// Who says so: `fleet_file`, as nobody measures it; once the instance's storage has grown, `used_bytes` is too small
    /// until the fleet file follows. Null without `allocated_bytes`.
    pub allocated_source: Option<String>,
    /// Bytes of them that are free, by CloudWatch; null when unknown, and of a cluster.
    pub free_bytes: Option<u64>,
    /// Bytes in use: allocated and not free, as right as `allocated_bytes`, or the cluster's volume; null when unknown.
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
            allocated_source: storage.allocated_bytes.map(|_| "fleet_file".to_owned()),
            free_bytes: storage.free_bytes,
            used_bytes: storage.used_bytes,
            as_of: storage.as_of,
            reason: storage.reason.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allocation_is_told_with_whose_word_it_is() {
        let source = |allocated_bytes| {
            let storage = ServerStorage {
                allocated_bytes,
                ..ServerStorage::not_asked()
            };
            StorageView::of(&storage).allocated_source
        };

        assert_eq!(source(Some(7)).as_deref(), Some("fleet_file"));
        assert_eq!(source(None), None);
    }
}
