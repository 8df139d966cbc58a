//! Snapshots as items: what is written when, and which snapshot is the latest. All logic of the store.

mod reader;
mod unreadable;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::{Expect, Item, ItemStore, Key, Put, StoreError, Written};
use crate::clock;
use crate::fleet::{Kind, TargetId};
use crate::snapshot::bucket_size::Refresh;
use crate::snapshot::stored::{self, Header, Parts};
use crate::snapshot::{BucketSize, Completeness, Failure, Good, Latest, Pace, Snapshot, Stored};
use crate::warm_up::warm_up;

/// Most bytes of a packed body in one item: leaves 50 kB of the item limit for everything else.
const PART_BYTES: usize = 350_000;
/// Most parts of one body: 35 MB packed, about 3 million tables.
pub const MAX_BODY_PARTS: usize = 100;
/// Attempts to change a latest item against other writers; two writers of one target are rare.
const ATTEMPTS: usize = 10;
/// Sorts before every sort key that we write: keys are printable ASCII.
const BEFORE_ALL: &str = "!";
/// Sorts after every sort key that we write.
const AFTER_ALL: &str = "\u{7f}";

/// Where a snapshot was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It is the target's latest now.
    AsLatest,
    /// It is in the history only; a later scheduled run is the latest.
    AsHistory,
}

/// Writes snapshots and failures. Collectors and `plan` have one, API functions do not.
#[derive(Clone)]
pub struct SnapshotWriter {
    items: Arc<dyn ItemStore>,
    retention: Duration,
}

/// Reads snapshots. API functions and `plan` have one, collectors do not.
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

/// A key without an item.
fn absent_key() -> Key {
    Key {
        partition: "NOTHING".to_owned(),
        sort: "-".to_owned(),
    }
}

fn snapshot_key(kind: Kind, target: &TargetId, scheduled_at: DateTime<Utc>) -> Key {
    let partition = match kind {
        Kind::Bucket | Kind::Database => format!("SNAP#{target}"),
        // A bucket has both its size and its metrics, and a database its tables, its documents and its users.
        Kind::StorageMetrics | Kind::FileDocuments | Kind::Users => {
            format!("SNAP#{}#{target}", kind.as_str())
        }
    };
    Key {
        partition,
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
    /// One `GetItem`, for which every writer has the permission.
    pub async fn warm_up(&self, limit: Duration) {
        warm_up("snapshots", limit, self.items.get(&absent_key())).await;
    }

    /// Keeps `snapshot`, and makes it the target's latest unless a later scheduled run already is.
    ///
    /// The same target and scheduled time rewrite the same snapshot, so a message that is delivered twice
    /// changes nothing. The latest changes after the snapshot: a writer that is killed in between leaves a snapshot that
    /// is not the latest yet, which the message's next delivery completes. A late run, whose day may be in the history
    /// already, changes both in one transaction, which costs twice as much. A failure of the same or an earlier
    /// scheduled time is cleared.
    ///
    /// Costs one read and two writes, and one write more for each 350 kB of packed body above the first.
    ///
    /// # Errors
    ///
    /// See [`StoreError`]; the latest has not changed then.
    pub async fn keep<M: Stored>(&self, snapshot: &Snapshot<M>) -> Result<Kept, StoreError> {
        let (kept, _) = self.keep_run(snapshot).await?;
        Ok(kept)
    }

    /// Does what [`SnapshotWriter::keep`] does, and also returns the latest as it is then.
    ///
    /// # Errors
    ///
    /// The same.
    pub async fn keep_run<M: Stored>(
        &self,
        snapshot: &Snapshot<M>,
    ) -> Result<(Kept, Option<Latest<M::Summary>>), StoreError> {
        let scheduled_at = snapshot.run.scheduled_at;
        let body = self.write_body(snapshot).await?;
        let header = Put {
            item: self.header(snapshot, &body)?,
            expect: Expect::Anything,
        };
        let mut is_header_written = false;
        for _ in 0..ATTEMPTS {
            let found = self
                .latest_to_replace::<M>(&snapshot.target, scheduled_at)
                .await?;
            let newer = newer_latest(found.latest.as_ref(), snapshot);
            let kept = match newer {
                Some(_) => Kept::AsLatest,
                None => Kept::AsHistory,
            };
            let is_late = newer
                .as_ref()
                .is_none_or(|latest| is_closed(latest, scheduled_at));
            let mut latest = newer.or_else(|| found.latest.clone());
            if let Some(latest) = latest.as_mut().filter(|_| is_late) {
                mark_late_run(latest, scheduled_at);
            }
            let put = latest.clone().map(|latest| found.replace::<M>(latest));
            let put = put.transpose()?;
            if let (Some(latest), Some(put)) = (&mut latest, &put) {
                latest.version = put.item.version;
            }
            let written = if is_late {
                let puts = [header.clone()].into_iter().chain(put).collect();
                self.items.put_all(puts).await?
            } else {
                if !is_header_written {
                    self.items.put(header.clone()).await?;
                    is_header_written = true;
                }
                match put {
                    Some(put) => self.items.put(put).await?,
                    None => Written::Done,
                }
            };
            if written == Written::Done {
                return Ok((kept, latest));
            }
        }
        Err(contended(M::KIND, &snapshot.target))
    }

    /// Records that a run of `target` failed. The last good snapshot stays.
    ///
    /// Does nothing if a run of the same or a later scheduled time was good, or a later one failed. If earlier runs failed
    /// since the last good one, the target is failing since the first of them.
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
            let found = self
                .latest_to_replace::<M>(target, failure.scheduled_at)
                .await?;
            let old = &found.latest;
            let good = old.as_ref().and_then(|old| old.good.clone());
            let known = old.as_ref().and_then(|old| old.last_failure.as_ref());
            let measured_at = good.as_ref().map(|good| good.run.scheduled_at);
            let is_outdated = measured_at.is_some_and(|at| at >= failure.scheduled_at)
                || known.is_some_and(|known| known.scheduled_at > failure.scheduled_at);
            if is_outdated {
                return Ok(());
            }
            let since = known.map_or(failure.failing_since, |known| known.failing_since);
            let new = Latest {
                target: target.clone(),
                version: 0,
                good,
                last_failure: Some(Failure {
                    failing_since: since,
                    ..failure.clone()
                }),
                trend: old.as_ref().and_then(|old| old.trend.clone()),
                pace: old.as_ref().and_then(|old| old.pace.clone()),
            };
            if self.items.put(found.replace::<M>(new)?).await? == Written::Done {
                return Ok(());
            }
        }
        Err(contended(M::KIND, target))
    }

    /// Moves the announced next full measurement of `target` later, as long as its numbers are those of the run scheduled
    /// for `measured_at`; returns whether anything changed.
    ///
    /// Only the schedule in the latest item changes: numbers, their times and a recorded failure stay. The schedule never
    /// moves earlier, so a tick that arrives late or twice changes nothing.
    ///
    /// Costs one read, and one write where the schedule changes.
    ///
    /// # Errors
    ///
    /// See [`StoreError`].
    pub async fn postpone(
        &self,
        target: &TargetId,
        measured_at: DateTime<Utc>,
        refresh: Refresh,
    ) -> Result<bool, StoreError> {
        for _ in 0..ATTEMPTS {
            let Some(old) = latest::<BucketSize>(&*self.items, target).await? else {
                return Ok(false);
            };
            let Some(mut good) = old.good.clone() else {
                return Ok(false);
            };
            let announced = good.summary.refresh;
            let is_later = announced.is_none_or(|old| old.next_full_at < refresh.next_full_at);
            if good.summary.measured_at(&good.run) != measured_at || !is_later {
                return Ok(false);
            }
            good.summary.refresh = Some(refresh);
            good.run.next_due_at = refresh.next_full_at;
            let new = Latest {
                good: Some(good),
                ..old.clone()
            };
            let put = replace_latest::<BucketSize>(Some(&old), new)?;
            if self.items.put(put).await? == Written::Done {
                return Ok(true);
            }
        }
        Err(contended(Kind::Bucket, target))
    }

    /// Writes the parts of a body that is too large for the snapshot's item; returns what that item has of the body.
    ///
    /// The key of a part has the digest of its body, so parts of two runs of the same scheduled time never mix.
    async fn write_body<M: Stored>(&self, snapshot: &Snapshot<M>) -> Result<Body, StoreError> {
        let Snapshot {
            target,
            run,
            measurement,
        } = snapshot;
        let key = snapshot_key(M::KIND, target, run.scheduled_at);
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
        Ok(Body {
            packed: packed.filter(|_| !is_split),
            parts,
        })
    }

    /// Returns the item of a snapshot.
    fn header<M: Stored>(&self, snapshot: &Snapshot<M>, body: &Body) -> Result<Item, StoreError> {
        let Snapshot {
            target,
            run,
            measurement,
        } = snapshot;
        let key = snapshot_key(M::KIND, target, run.scheduled_at);
        let header = Header {
            run: *run,
            completeness: measurement.completeness(),
            summary: measurement.summary(),
            parts: body.parts.clone(),
        };
        let attributes = stored::header_attributes::<M>(target, &header);
        Ok(Item {
            attributes: attributes.map_err(unreadable(&key))?,
            key,
            version: 1,
            body: body.packed.clone(),
            expires_at: Some(clock::after(run.scheduled_at, self.retention)),
        })
    }
}

/// Returns whether the day of a run may be in the history already.
fn is_closed<S>(latest: &Latest<S>, scheduled_at: DateTime<Utc>) -> bool {
    let trend = latest.trend.as_ref();
    trend.is_some_and(|trend| trend.is_closed(scheduled_at.date_naive()))
}

/// Returns the latest with `snapshot`; `None` if `old` belongs to a later scheduled run.
fn newer_latest<M: Stored>(
    old: Option<&Latest<M::Summary>>,
    snapshot: &Snapshot<M>,
) -> Option<Latest<M::Summary>> {
    let run = snapshot.run;
    let newest = old.and_then(|old| old.good.as_ref());
    if newest.is_some_and(|newest| newest.run.scheduled_at > run.scheduled_at) {
        return None;
    }
    let failure = old.and_then(|old| old.last_failure.clone());
    Some(Latest {
        target: snapshot.target.clone(),
        version: 0,
        good: Some(Good {
            run,
            completeness: snapshot.measurement.completeness(),
            summary: snapshot.measurement.summary(),
        }),
        last_failure: failure.filter(|failure| failure.scheduled_at > run.scheduled_at),
        trend: old.and_then(|old| old.trend.clone()),
        pace: pace(old.and_then(|old| old.pace.clone()), snapshot),
    })
}

/// Returns the pace of a target after `snapshot`. A partial one says nothing about it.
fn pace<M: Stored>(known: Option<Pace>, snapshot: &Snapshot<M>) -> Option<Pace> {
    let Snapshot {
        run, measurement, ..
    } = snapshot;
    if measurement.completeness() == Completeness::Partial {
        return known;
    }
    let bytes = measurement.paced_bytes()?;
    let mut pace = known.unwrap_or_else(|| Pace::starting(run.taken_at, bytes));
    pace.observe(run.taken_at, bytes);
    Some(pace)
}

/// Marks the day of a late run: it may be closed in the history already, or be about to be.
fn mark_late_run<S>(latest: &mut Latest<S>, scheduled_at: DateTime<Utc>) {
    if let Some(trend) = &mut latest.trend {
        trend.refold.insert(scheduled_at.date_naive());
    }
}

/// The body of a snapshot as its item has it.
struct Body {
    /// All of the body, unless it was split.
    packed: Option<Vec<u8>>,
    /// Location of a split body.
    parts: Option<Parts>,
}

fn contended(kind: Kind, target: &TargetId) -> StoreError {
    StoreError::Contended {
        key: latest_key(kind, target),
        attempts: ATTEMPTS,
    }
}

/// Returns 16 hexadecimal digits of the SHA-256 of `bytes`.
pub(crate) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Returns what replaces the latest item `old`, unless it is another by then.
pub(crate) fn replace_latest<M: Stored>(
    old: Option<&Latest<M::Summary>>,
    new: Latest<M::Summary>,
) -> Result<Put, StoreError> {
    let key = latest_key(M::KIND, &new.target);
    let (attributes, body) = stored::store_latest::<M>(&new).map_err(unreadable(&key))?;
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
            body: Some(body),
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
    stored::read_latest::<M>(&item.attributes, item.body.as_deref(), item.version)
        .map_err(unreadable(&item.key))
}
