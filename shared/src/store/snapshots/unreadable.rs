//! Writers at a latest item that cannot be read: it is kept aside and replaced.

use chrono::{DateTime, Utc};

use super::{SnapshotWriter, digest, latest_key, read_latest, replace_latest};
use crate::clock;
use crate::fleet::TargetId;
use crate::snapshot::{Latest, Stored};
use crate::store::{Expect, Item, Key, Put, StoreError};
use crate::telemetry::error_chain;

/// What a writer found as the latest item of a target.
pub(super) struct Found<S> {
    pub(super) latest: Option<Latest<S>>,
    /// Version of an item that is there and cannot be read; 0 if the version cannot be read either.
    unreadable_version: Option<u64>,
}

impl<S> Default for Found<S> {
    fn default() -> Self {
        Self {
            latest: None,
            unreadable_version: None,
        }
    }
}

impl<S> Found<S> {
    /// Returns what replaces the item, unless it is another by then.
    pub(super) fn replace<M: Stored<Summary = S>>(
        &self,
        new: Latest<S>,
    ) -> Result<Put, StoreError> {
        let mut put = replace_latest::<M>(self.latest.as_ref(), new)?;
        if let Some(version) = self.unreadable_version {
            put.item.version = version + 1;
            put.expect = match version {
                0 => Expect::Anything,
                version => Expect::Version(version),
            };
        }
        Ok(put)
    }
}

impl SnapshotWriter {
    /// Returns the latest item of `target` for a writer, which must not stop for ever at one that cannot be read; `now` is the
    /// scheduled time of its run.
    ///
    /// What is stored in such an item is kept aside for as long as a snapshot, so that it can be examined, or read by a
    /// newer release that wrote it: `UNREADABLE#<partition>`, `<sort>#<digest>`.
    pub(super) async fn latest_to_replace<M: Stored>(
        &self,
        target: &TargetId,
        now: DateTime<Utc>,
    ) -> Result<Found<M::Summary>, StoreError> {
        let Some(item) = self.items.get(&latest_key(M::KIND, target)).await? else {
            return Ok(Found::default());
        };
        match read_latest::<M>(&item) {
            Ok(latest) => Ok(Found {
                latest: Some(latest),
                unreadable_version: None,
            }),
            Err(error) => {
                let unreadable_version = Some(item.version);
                let aside = self.keep_aside(item, now).await?;
                tracing::error!(
                    target.id = target.as_str(),
                    error = error_chain(&error),
                    kept_aside = %aside,
                    "the latest item of a target is unreadable and is replaced"
                );
                Ok(Found {
                    latest: None,
                    unreadable_version,
                })
            }
        }
    }

    /// Copies an unreadable item; the same content always to the same key, which is returned.
    async fn keep_aside(&self, mut item: Item, now: DateTime<Utc>) -> Result<Key, StoreError> {
        let stored = format!("{:?} {:?}", item.attributes, item.body);
        let key = Key {
            partition: format!("UNREADABLE#{}", item.key.partition),
            sort: format!("{}#{}", item.key.sort, digest(stored.as_bytes())),
        };
        item.key = key.clone();
        item.expires_at = Some(clock::after(now, self.retention));
        let expect = Expect::Anything;
        self.items.put(Put { item, expect }).await?;
        Ok(key)
    }
}
