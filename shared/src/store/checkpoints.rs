//! Checkpoints of runs that take longer than one invocation: one item for each target.
//!
//! | item | partition | sort |
//! |---|---|---|
//! | checkpoint | `CHECKPOINT#<target id>` | `run` |
//!
//! The state is opaque bytes of the source. Only the process that read a checkpoint can replace it, so of two runs that
//! continue from the same one, only one can continue further.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::snapshots::SnapshotWriter;
use super::{Expect, Item, Key, Put, StoreError, Written};
use crate::fleet::TargetId;
use crate::snapshot::stored;
use crate::{attributes, clock};

/// Life of a checkpoint: a run that was not continued for two days is abandoned.
pub const CHECKPOINT_LIFE: Duration = Duration::from_secs(2 * 86_400);
/// Version that is written; others are read as no checkpoint, because a run may always start again.
const VERSION: u64 = 1;

/// A run of one target in several parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Scheduled time of the run.
    pub scheduled_at: DateTime<Utc>,
    /// When its first part started.
    pub started_at: DateTime<Utc>,
    /// When it was written.
    pub written_at: DateTime<Utc>,
    /// Parts so far.
    pub parts: u64,
    /// What the source needs to continue; `None` after the run has ended.
    pub state: Option<Vec<u8>>,
}

#[derive(Serialize, Deserialize)]
struct StoredCheckpoint {
    checkpoint_version: u64,
    scheduled_at: DateTime<Utc>,
    began_at: DateTime<Utc>,
    written_at: DateTime<Utc>,
    parts: u64,
    is_finished: bool,
}

fn key(target: &TargetId) -> Key {
    Key {
        partition: format!("CHECKPOINT#{target}"),
        sort: "run".to_owned(),
    }
}

impl SnapshotWriter {
    /// Returns the checkpoint of `target` and its version; `None` if there is none.
    ///
    /// Costs one read.
    ///
    /// # Errors
    ///
    /// See [`StoreError`].
    pub async fn checkpoint(
        &self,
        target: &TargetId,
    ) -> Result<Option<(Checkpoint, u64)>, StoreError> {
        let Some(item) = self.items().get(&key(target)).await? else {
            return Ok(None);
        };
        // An unreadable checkpoint is replaced like any other: it has a version, and the run starts again.
        let ended = Checkpoint {
            scheduled_at: DateTime::UNIX_EPOCH,
            started_at: DateTime::UNIX_EPOCH,
            written_at: DateTime::UNIX_EPOCH,
            parts: 0,
            state: None,
        };
        Ok(Some((read(&item).unwrap_or(ended), item.version)))
    }

    /// Keeps `checkpoint` instead of version `replaced`, or as the first one.
    ///
    /// [`Written::Conflict`] if another run has already replaced that version: nothing is changed then.
    ///
    /// # Errors
    ///
    /// See [`StoreError`].
    pub async fn keep_checkpoint(
        &self,
        target: &TargetId,
        checkpoint: &Checkpoint,
        replaced: Option<u64>,
    ) -> Result<Written, StoreError> {
        let key = key(target);
        let damaged = |reason| StoreError::Unreadable {
            key: key.clone(),
            reason,
        };
        let stored = StoredCheckpoint {
            checkpoint_version: VERSION,
            scheduled_at: checkpoint.scheduled_at,
            began_at: checkpoint.started_at,
            written_at: checkpoint.written_at,
            parts: checkpoint.parts,
            is_finished: checkpoint.state.is_none(),
        };
        let body = checkpoint.state.as_deref().map(stored::pack).transpose();
        let item = Item {
            key: key.clone(),
            version: replaced.map_or(1, |version| version + 1),
            attributes: attributes::encode(&stored).map_err(damaged)?,
            body: body.map_err(damaged)?,
            expires_at: Some(clock::after(
                clock::whole_second(checkpoint.written_at),
                CHECKPOINT_LIFE,
            )),
        };
        let expect = replaced.map_or(Expect::Absent, Expect::Version);
        self.items().put(Put { item, expect }).await
    }
}

/// Returns the bytes that `state` takes in an item.
///
/// # Errors
///
/// If it cannot be packed.
pub fn packed_bytes(state: &[u8]) -> Result<usize, String> {
    stored::pack(state).map(|packed| packed.len())
}

fn read(item: &Item) -> Option<Checkpoint> {
    let stored: StoredCheckpoint = attributes::decode(&item.attributes).ok()?;
    if stored.checkpoint_version != VERSION {
        return None;
    }
    let state = match (&item.body, stored.is_finished) {
        (Some(body), false) => Some(stored::unpack(body).ok()?),
        (_, true) => None,
        (None, false) => return None,
    };
    Some(Checkpoint {
        scheduled_at: stored.scheduled_at,
        started_at: stored.began_at,
        written_at: stored.written_at,
        parts: stored.parts,
        state,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::{Clock, FixedClock};
    use crate::store::ItemStore;
    use crate::store::memory::MemoryStore;

    fn target() -> TargetId {
        TargetId::from_text("acme-prod/s3/files//")
    }

    fn world() -> (Arc<MemoryStore>, SnapshotWriter, Checkpoint) {
        let clock = Arc::new(FixedClock::at("2026-01-01T10:00:00Z"));
        let store = Arc::new(MemoryStore::new(clock.clone()));
        let checkpoint = Checkpoint {
            scheduled_at: clock.now(),
            started_at: clock.now(),
            written_at: clock.now(),
            parts: 1,
            state: Some(vec![7; 1000]),
        };
        let writer = SnapshotWriter::new(store.clone(), Duration::from_secs(86_400));
        (store, writer, checkpoint)
    }

    #[tokio::test]
    async fn a_checkpoint_is_read_as_it_was_written() {
        let (_, writer, checkpoint) = world();

        assert_eq!(writer.checkpoint(&target()).await.unwrap(), None);
        let written = writer.keep_checkpoint(&target(), &checkpoint, None).await;
        assert_eq!(written.unwrap(), Written::Done);
        let found = writer.checkpoint(&target()).await.unwrap();

        assert_eq!(found, Some((checkpoint, 1)));
    }

    #[tokio::test]
    async fn only_one_of_two_runs_continues_from_the_same_checkpoint() {
        let (_, writer, checkpoint) = world();
        let first = writer.keep_checkpoint(&target(), &checkpoint, None).await;
        let second = writer.keep_checkpoint(&target(), &checkpoint, None).await;
        assert_eq!(
            (first.unwrap(), second.unwrap()),
            (Written::Done, Written::Conflict)
        );
        let finished = Checkpoint {
            state: None,
            ..checkpoint.clone()
        };

        let first = writer.keep_checkpoint(&target(), &finished, Some(1)).await;
        let second = writer
            .keep_checkpoint(&target(), &checkpoint, Some(1))
            .await;

        assert_eq!(
            (first.unwrap(), second.unwrap()),
            (Written::Done, Written::Conflict)
        );
        assert_eq!(
            writer.checkpoint(&target()).await.unwrap(),
            Some((finished, 2))
        );
    }

    /// Runs under way may have stored the first form.
    #[tokio::test]
    async fn the_first_form_is_read_and_an_unknown_one_starts_the_run_again() {
        let (store, writer, checkpoint) = world();
        let json = |version| {
            serde_json::json!({
                "checkpoint_version": version, "scheduled_at": "2026-01-01T10:00:00Z",
                "began_at": "2026-01-01T10:00:00Z", "written_at": "2026-01-01T10:00:00Z",
                "parts": 1, "is_finished": false,
            })
        };
        for (version, expected) in [(1, checkpoint.state.clone()), (2, None)] {
            let attributes = attributes::encode(&json(version)).unwrap();
            let item = Item {
                key: key(&target()),
                version: 5,
                attributes,
                body: Some(stored::pack(&[7; 1000]).unwrap()),
                expires_at: None,
            };
            let put = Put {
                item,
                expect: Expect::Anything,
            };
            store.put(put).await.unwrap();

            let (found, found_version) = writer.checkpoint(&target()).await.unwrap().unwrap();

            assert_eq!((found.state, found_version), (expected, 5));
        }
    }
}
