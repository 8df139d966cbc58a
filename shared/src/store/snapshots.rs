//! Snapshots over items: what is written when, and how it is read back. All of the store's logic.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::{Expect, Item, ItemStore, Key, Order, Put, Query, StoreError, Written};
use crate::clock;
use crate::fleet::{Kind, TargetId};
use crate::prime::prime;
use crate::snapshot::stored::{self, Header, Parts};
use crate::snapshot::{Failure, Good, Latest, Snapshot, Stored};

/// Most bytes of a packed body in one item: leaves 50 kB of the item limit for everything else.
const PART_BYTES: usize = 350_000;
/// Most parts of one body: 35 MB packed, about 3 million tables.
pub const MAX_BODY_PARTS: usize = 100;
/// Attempts to change a latest item against other writers. Two writers of one target are rare, ten unheard of.
const ATTEMPTS: usize = 10;
/// Sorts behind every sort key that we write: keys are ASCII.
const AFTER_ALL: &str = "\u{7f}";

/// What became of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It is the target's latest now.
    AsLatest,
    /// It is in the history; a run that was scheduled later is the latest.
    AsHistory,
}

/// Writes snapshots and failures. Collectors hold one, API functions do not.
#[derive(Clone)]
pub struct SnapshotWriter {
    items: Arc<dyn ItemStore>,
    retention: Duration,
}

/// Reads snapshots. API functions hold one, collectors do not.
#[derive(Clone)]
pub struct SnapshotReader {
    items: Arc<dyn ItemStore>,
}

fn latest_partition(kind: Kind) -> String {
    format!("LATEST#{}", kind.as_str())
}

fn latest_key(kind: Kind, target: &TargetId) -> Key {
    Key {
        partition: latest_partition(kind),
        sort: target.to_string(),
    }
}

/// A key that no item ever has.
fn absent_key() -> Key {
    Key {
        partition: "NOTHING".to_owned(),
        sort: "-".to_owned(),
    }
}

fn snapshot_key(target: &TargetId, scheduled_at: DateTime<Utc>) -> Key {
    Key {
        partition: format!("SNAP#{target}"),
        sort: stored::sort_key(scheduled_at),
    }
}

fn part_partition(target: &TargetId, scheduled_at: DateTime<Utc>) -> String {
    format!("PART#{target}#{}", stored::sort_key(scheduled_at))
}

fn unreadable(key: &Key) -> impl FnOnce(String) -> StoreError + use<> {
    let key = key.clone();
    |reason| StoreError::Unreadable { key, reason }
}

impl SnapshotWriter {
    /// Returns a writer whose snapshots expire `retention` after their scheduled time.
    pub fn new(items: Arc<dyn ItemStore>, retention: Duration) -> Self {
        Self { items, retention }
    }

    /// Returns the store that it writes to.
    pub(super) fn items(&self) -> &dyn ItemStore {
        &*self.items
    }

    /// Opens the store's connection by reading an item that does not exist, and waits at most `limit` for it.
    ///
    /// Needs no right that a writer has not: it is one `GetItem`.
    pub async fn prime(&self, limit: Duration) {
        prime("snapshots", limit, self.items.get(&absent_key())).await;
    }

    /// Keeps `snapshot`, and makes it the target's latest unless a later scheduled run already is.
    ///
    /// The same target and scheduled time rewrite the same snapshot, so a message that is delivered twice
    /// changes nothing. Snapshot and latest change together or not at all. A failure of the same or an
    /// earlier scheduled time is settled by it.
    ///
    /// Costs one read and one transaction of two writes, and one write more for each 350 kB of packed body
    /// above the first.
    ///
    /// # Errors
    ///
    /// See [`StoreError`]; nothing that a reader can see has changed then.
    pub async fn keep<M: Stored>(&self, snapshot: &Snapshot<M>) -> Result<Kept, StoreError> {
        let header = self.write_body(snapshot).await?;
        let good = Good {
            run: snapshot.run,
            completeness: snapshot.measurement.completeness(),
            summary: snapshot.measurement.summary(),
        };
        for _ in 0..ATTEMPTS {
            let old = latest::<M>(&*self.items, &snapshot.target).await?;
            let newest = old
                .as_ref()
                .and_then(|old| old.good.as_ref())
                .map(|good| good.run.scheduled_at);
            let mut puts = vec![Put {
                item: header.clone(),
                expect: Expect::Anything,
            }];
            let is_latest = newest.is_none_or(|newest| newest <= good.run.scheduled_at);
            if is_latest {
                let failure = old.as_ref().and_then(|old| old.last_failure.clone());
                let last_failure =
                    failure.filter(|failure| failure.scheduled_at > good.run.scheduled_at);
                let target = snapshot.target.clone();
                let new = Latest {
                    target,
                    version: 0,
                    good: Some(good.clone()),
                    last_failure,
                };
                puts.push(replace_latest::<M>(old.as_ref(), new)?);
            }
            if self.items.put_all(puts).await? == Written::Done {
                return Ok(if is_latest {
                    Kept::AsLatest
                } else {
                    Kept::AsHistory
                });
            }
        }
        Err(StoreError::Contended {
            key: latest_key(M::KIND, &snapshot.target),
            attempts: ATTEMPTS,
        })
    }

    /// Records that a run of `target` failed. The last good snapshot stays.
    ///
    /// Does nothing when a run of the same or a later scheduled time was good, or failed later.
    ///
    /// # Errors
    ///
    /// See [`StoreError`].
    pub async fn record_failure<M: Stored>(
        &self,
        target: &TargetId,
        failure: Failure,
    ) -> Result<(), StoreError> {
        for _ in 0..ATTEMPTS {
            let old = latest::<M>(&*self.items, target).await?;
            let good = old.as_ref().and_then(|old| old.good.clone());
            let known = old.as_ref().and_then(|old| old.last_failure.as_ref());
            let is_settled = good
                .as_ref()
                .is_some_and(|good| good.run.scheduled_at >= failure.scheduled_at)
                || known.is_some_and(|known| known.scheduled_at > failure.scheduled_at);
            if is_settled {
                return Ok(());
            }
            let new = Latest {
                target: target.clone(),
                version: 0,
                good,
                last_failure: Some(failure.clone()),
            };
            if self
                .items
                .put(replace_latest::<M>(old.as_ref(), new)?)
                .await?
                == Written::Done
            {
                return Ok(());
            }
        }
        Err(StoreError::Contended {
            key: latest_key(M::KIND, target),
            attempts: ATTEMPTS,
        })
    }

    /// Writes the parts of a body that is too large for the snapshot's item, and returns that item.
    ///
    /// Parts carry the digest of their body in their key, so two runs of the same scheduled time never mix.
    async fn write_body<M: Stored>(&self, snapshot: &Snapshot<M>) -> Result<Item, StoreError> {
        let Snapshot {
            target,
            run,
            measurement,
        } = snapshot;
        let key = snapshot_key(target, run.scheduled_at);
        let expires_at = Some(clock::after(run.scheduled_at, self.retention));
        let body = measurement.store_body().map_err(unreadable(&key))?;
        let packed = body
            .map(|body| stored::pack(&body))
            .transpose()
            .map_err(unreadable(&key))?;
        let is_split = packed
            .as_ref()
            .is_some_and(|packed| packed.len() > PART_BYTES);
        let mut parts = None;
        if let Some(packed) = packed.as_ref().filter(|_| is_split) {
            let chunks: Vec<_> = packed.chunks(PART_BYTES).collect();
            if chunks.len() > MAX_BODY_PARTS {
                return Err(StoreError::TooLarge {
                    key,
                    size_bytes: packed.len(),
                });
            }
            let digest = digest(packed);
            let partition = part_partition(target, run.scheduled_at);
            for (number, chunk) in chunks.iter().enumerate() {
                let key = Key {
                    partition: partition.clone(),
                    sort: format!("{digest}#{number:04}"),
                };
                let body = Some(chunk.to_vec());
                let item = Item {
                    key,
                    version: 1,
                    attributes: super::Attributes::new(),
                    body,
                    expires_at,
                };
                self.items
                    .put(Put {
                        item,
                        expect: Expect::Anything,
                    })
                    .await?;
            }
            parts = Some(Parts {
                count: chunks.len() as u64,
                digest,
            });
        }
        let summary = measurement.summary();
        let times = (run, measurement.completeness());
        let attributes = stored::header_attributes::<M>(target, times, &summary, parts.as_ref());
        let attributes = attributes.map_err(unreadable(&key))?;
        Ok(Item {
            key,
            version: 1,
            attributes,
            body: packed.filter(|_| !is_split),
            expires_at,
        })
    }
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn replace_latest<M: Stored>(
    old: Option<&Latest<M::Summary>>,
    new: Latest<M::Summary>,
) -> Result<Put, StoreError> {
    let key = latest_key(M::KIND, &new.target);
    let attributes = stored::latest_attributes::<M>(&new).map_err(unreadable(&key))?;
    let version = old.map_or(0, |old| old.version);
    let expect = if old.is_some() {
        Expect::Version(version)
    } else {
        Expect::Absent
    };
    Ok(Put {
        item: Item {
            key,
            version: version + 1,
            attributes,
            body: None,
            expires_at: None,
        },
        expect,
    })
}

async fn latest<M: Stored>(
    items: &dyn ItemStore,
    target: &TargetId,
) -> Result<Option<Latest<M::Summary>>, StoreError> {
    let item = items.get(&latest_key(M::KIND, target)).await?;
    item.map(|item| read_latest::<M>(&item)).transpose()
}

fn read_latest<M: Stored>(item: &Item) -> Result<Latest<M::Summary>, StoreError> {
    stored::read_latest::<M>(&item.attributes, item.version).map_err(unreadable(&item.key))
}

impl SnapshotReader {
    /// Returns a reader of `items`.
    pub fn new(items: Arc<dyn ItemStore>) -> Self {
        Self { items }
    }

    /// Opens the store's connection by reading an item that does not exist, and waits at most `limit` for it.
    ///
    /// Needs no right that a reader has not: it is one `GetItem`.
    pub async fn prime(&self, limit: Duration) {
        prime("snapshots", limit, self.items.get(&absent_key())).await;
    }

    /// Returns what is known of `target`; `None` when no run of it ever ended.
    ///
    /// Costs one read.
    ///
    /// # Errors
    ///
    /// See [`StoreError`].
    pub async fn latest<M: Stored>(
        &self,
        target: &TargetId,
    ) -> Result<Option<Latest<M::Summary>>, StoreError> {
        latest::<M>(&*self.items, target).await
    }

    /// Returns what is known of all targets from `first` to `last`, both included, in the order of their ids.
    ///
    /// Targets of which nothing is known are left out. Costs one query for each megabyte that lies in the
    /// range, about 1,500 targets.
    ///
    /// # Errors
    ///
    /// See [`StoreError`].
    pub async fn latest_between<M: Stored>(
        &self,
        first: &TargetId,
        last: &TargetId,
    ) -> Result<Vec<Latest<M::Summary>>, StoreError> {
        let query = Query {
            partition: latest_partition(M::KIND),
            from: first.to_string(),
            to: last.to_string(),
            order: Order::Ascending,
            after: None,
            limit: 1000,
        };
        let items = self.up_to(usize::MAX, query).await?;
        items.iter().map(read_latest::<M>).collect()
    }

    /// Returns the snapshot of `target` of that scheduled time; `None` when there is none or it has expired.
    ///
    /// Costs one read, and one query where its body is split.
    ///
    /// # Errors
    ///
    /// See [`StoreError`]. A snapshot whose parts are incomplete is [`StoreError::Unreadable`].
    pub async fn snapshot<M: Stored>(
        &self,
        target: &TargetId,
        scheduled_at: DateTime<Utc>,
    ) -> Result<Option<Snapshot<M>>, StoreError> {
        let key = snapshot_key(target, scheduled_at);
        let Some(item) = self.items.get(&key).await? else {
            return Ok(None);
        };
        let header = stored::read_header::<M>(&item.attributes).map_err(unreadable(&key))?;
        let packed = match &header.parts {
            Some(parts) => Some(
                self.read_parts(&key, parts, part_partition(target, scheduled_at))
                    .await?,
            ),
            None => item.body,
        };
        let body = packed
            .map(|packed| stored::unpack(&packed))
            .transpose()
            .map_err(unreadable(&key))?;
        let measurement =
            M::read_body(header.summary, body.as_deref()).map_err(unreadable(&key))?;
        Ok(Some(Snapshot {
            target: target.clone(),
            run: header.run,
            measurement,
        }))
    }

    /// Returns the runs of `target` from `from` to `to`, both included, oldest first, at most `limit`.
    ///
    /// Holds what has not expired; empty when there was no good run in that time.
    ///
    /// # Errors
    ///
    /// See [`StoreError`].
    pub async fn history<M: Stored>(
        &self,
        target: &TargetId,
        (from, to): (DateTime<Utc>, DateTime<Utc>),
        limit: usize,
    ) -> Result<Vec<Good<M::Summary>>, StoreError> {
        let query = Query {
            partition: snapshot_key(target, from).partition,
            from: stored::sort_key(from),
            to: stored::sort_key(to),
            order: Order::Ascending,
            after: None,
            limit,
        };
        let mut runs = Vec::new();
        for item in self.up_to(limit, query).await? {
            let header =
                stored::read_header::<M>(&item.attributes).map_err(unreadable(&item.key))?;
            let Header {
                run,
                completeness,
                summary,
                ..
            } = header;
            runs.push(Good {
                run,
                completeness,
                summary,
            });
        }
        Ok(runs)
    }

    async fn read_parts(
        &self,
        key: &Key,
        parts: &Parts,
        partition: String,
    ) -> Result<Vec<u8>, StoreError> {
        let query = Query {
            partition,
            from: format!("{}#", parts.digest),
            to: format!("{}#{AFTER_ALL}", parts.digest),
            order: Order::Ascending,
            after: None,
            limit: MAX_BODY_PARTS,
        };
        let items = self.up_to(usize::MAX, query).await?;
        let found = items.len() as u64;
        if found != parts.count {
            return Err(unreadable(key)(format!(
                "{found} of its {} parts exist",
                parts.count
            )));
        }
        let packed: Vec<u8> = items
            .into_iter()
            .filter_map(|item| item.body)
            .flatten()
            .collect();
        if digest(&packed) != parts.digest {
            return Err(unreadable(key)(
                "its parts do not have the digest that it names".to_owned(),
            ));
        }
        Ok(packed)
    }

    /// Follows pages until `most` items are read or there are no more.
    async fn up_to(&self, most: usize, mut query: Query) -> Result<Vec<Item>, StoreError> {
        let mut items = Vec::new();
        loop {
            let page = self.items.query(&query).await?;
            items.extend(page.items);
            if page.next.is_none() || items.len() >= most {
                items.truncate(most);
                return Ok(items);
            }
            query.after = page.next;
        }
    }
}
