//! What is known of each alert: one item for each.
//!
//! | item | partition | sort |
//! |---|---|---|
//! | alert | `ALERT` | name of the alert |
//!
//! The state is opaque bytes of who evaluates alerts. Only the process that read a state can replace it, so of two
//! evaluations at the same time only one tells anybody.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::snapshots::SnapshotWriter;
use super::{Expect, Item, Key, Put, StoreError, Written};
use crate::snapshot::stored;
use crate::{attributes, clock};

/// Life of a state that is not written again: that of an alert that was removed from the fleet file.
pub const ALERT_STATE_LIFE: Duration = Duration::from_secs(35 * 86_400);
/// Version that is written.
const VERSION: u64 = 1;

/// State of an alert as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertItem {
    /// The bytes.
    pub state: Vec<u8>,
    /// When it was written.
    pub written_at: DateTime<Utc>,
    /// What replaces it must name this version.
    pub version: u64,
}

#[derive(Serialize, Deserialize)]
struct StoredAlert {
    alert_version: u64,
    written_at: DateTime<Utc>,
}

fn key(name: &str) -> Key {
    Key {
        partition: "ALERT".to_owned(),
        sort: name.to_owned(),
    }
}

impl SnapshotWriter {
    /// Returns the state of the alert `name`; `None` if there is none.
    ///
    /// Costs one read.
    ///
    /// # Errors
    ///
    /// See [`StoreError`]. A state that cannot be read is [`StoreError::Unreadable`], not a missing one: that would tell
    /// everybody again.
    pub async fn alert_state(&self, name: &str) -> Result<Option<AlertItem>, StoreError> {
        let key = key(name);
        let Some(item) = self.items().get(&key).await? else {
            return Ok(None);
        };
        let version = item.version;
        let read = || {
            let stored: StoredAlert = attributes::decode(&item.attributes)?;
            if stored.alert_version != VERSION {
                return Err(format!("its version {} is unknown", stored.alert_version));
            }
            let body = item.body.as_ref().ok_or("it has no body")?;
            Ok(AlertItem {
                state: stored::unpack(body)?,
                written_at: stored.written_at,
                version,
            })
        };
        let read = read().map_err(|reason| StoreError::Unreadable { key, reason });
        read.map(Some)
    }

    /// Keeps the state of the alert `name` instead of version `replaced`, or as the first one.
    ///
    /// [`Written::Conflict`] if another process has already replaced that version: nothing is changed then.
    ///
    /// # Errors
    ///
    /// See [`StoreError`].
    pub async fn keep_alert_state(
        &self,
        name: &str,
        state: &[u8],
        written_at: DateTime<Utc>,
        replaced: Option<u64>,
    ) -> Result<Written, StoreError> {
        let key = key(name);
        let damaged = |reason| StoreError::Unreadable {
            key: key.clone(),
            reason,
        };
        let stored = StoredAlert {
            alert_version: VERSION,
            written_at,
        };
        let item = Item {
            key: key.clone(),
            version: replaced.map_or(1, |version| version + 1),
            attributes: attributes::encode(&stored).map_err(damaged)?,
            body: Some(stored::pack(state).map_err(damaged)?),
            expires_at: Some(clock::after(
                clock::whole_second(written_at),
                ALERT_STATE_LIFE,
            )),
        };
        let expect = replaced.map_or(Expect::Absent, Expect::Version);
        self.items().put(Put { item, expect }).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::{Clock, FixedClock};
    use crate::store::ItemStore;
    use crate::store::memory::MemoryStore;

    fn world() -> (Arc<MemoryStore>, SnapshotWriter, DateTime<Utc>) {
        let clock = Arc::new(FixedClock::at("2026-01-01T10:00:00Z"));
        let store = Arc::new(MemoryStore::new(clock.clone()));
        let writer = SnapshotWriter::new(store.clone(), Duration::from_secs(86_400));
        (store, writer, clock.now())
    }

    #[tokio::test]
    async fn only_one_of_two_processes_replaces_a_state() {
        let (_, writer, now) = world();

        assert_eq!(writer.alert_state("full").await.unwrap(), None);
        let first = writer.keep_alert_state("full", b"one", now, None).await;
        let second = writer.keep_alert_state("full", b"two", now, None).await;
        assert_eq!(
            (first.unwrap(), second.unwrap()),
            (Written::Done, Written::Conflict)
        );
        let found = writer.alert_state("full").await.unwrap().unwrap();
        assert_eq!((&found.state[..], found.version), (&b"one"[..], 1));
        assert_eq!(writer.alert_state("other").await.unwrap(), None);

        let first = writer.keep_alert_state("full", b"two", now, Some(1)).await;
        let second = writer
            .keep_alert_state("full", b"three", now, Some(1))
            .await;
        assert_eq!(
            (first.unwrap(), second.unwrap()),
            (Written::Done, Written::Conflict)
        );
    }

    #[tokio::test]
    async fn the_first_form_is_read_and_an_unknown_one_is_not_a_missing_one() {
        let (store, writer, now) = world();
        for (version, is_read) in [(1, true), (2, false)] {
            let json = serde_json::json!({
                "alert_version": version, "written_at": "2026-01-01T10:00:00Z",
            });
            let item = Item {
                key: key("full"),
                version: 5,
                attributes: attributes::encode(&json).unwrap(),
                body: Some(stored::pack(b"{}").unwrap()),
                expires_at: None,
            };
            let expect = Expect::Anything;
            store.put(Put { item, expect }).await.unwrap();

            let found = writer.alert_state("full").await;

            match is_read {
                true => {
                    let found = found.unwrap().unwrap();
                    assert_eq!((&found.state[..], found.written_at), (&b"{}"[..], now));
                }
                false => assert!(matches!(found, Err(StoreError::Unreadable { .. }))),
            }
        }
    }
}
