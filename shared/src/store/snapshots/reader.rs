//! The reading half: latest records, one snapshot, a range of runs. The writing half is in `snapshots.rs`.

use std::ops::{Range, RangeInclusive};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{
    AFTER_ALL, BEFORE_ALL, MAX_BODY_PARTS, SnapshotReader, absent_key, digest, latest,
    latest_partition, part_partition, read_latest, snapshot_key, unreadable,
};
use crate::fleet::TargetId;
use crate::snapshot::stored::{self, Header, Parts};
use crate::snapshot::{Good, Latest, Snapshot, Stored};
use crate::store::{Item, ItemStore, Key, Order, Query, StoreError};
use crate::warm_up::warm_up;

impl SnapshotReader {
    /// Returns a reader of `items`.
    pub fn new(items: Arc<dyn ItemStore>) -> Self {
        Self { items }
    }

    /// Opens the store's connection by reading an item that does not exist, and waits at most `limit` for it.
    ///
    /// One `GetItem`, for which every reader has the permission.
    pub async fn warm_up(&self, limit: Duration) {
        warm_up("snapshots", limit, self.items.get(&absent_key())).await;
    }

    /// Returns what is known about `target`; `None` if no run of it ever ended.
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

    /// Calls `visit` with what is known about the targets from `first` to `last`, both included, as
    /// [`SnapshotReader::each_latest`] does for all.
    ///
    /// Unknown targets are left out. Costs one query for each megabyte in the range, about 1,500 targets.
    ///
    /// # Errors
    ///
    /// See [`StoreError`]: the store failed, and some targets may not have been visited.
    pub async fn each_latest_between<M: Stored>(
        &self,
        first: &TargetId,
        last: &TargetId,
        visit: impl FnMut(TargetId, Result<Latest<M::Summary>, StoreError>),
    ) -> Result<(), StoreError> {
        let (first, last) = (first.to_string(), last.to_string());
        self.visit_latest::<M>(first, last, visit).await
    }

    /// Calls `visit` with what is known about every target of a kind, in the order of their ids, including targets that
    /// the fleet no longer has; for an unreadable record it is an error.
    ///
    /// Costs one query for each megabyte, at most 1,000 targets; holds one page at a time.
    ///
    /// # Errors
    ///
    /// See [`StoreError`]: the store failed, and some targets may not have been visited.
    pub async fn each_latest<M: Stored>(
        &self,
        visit: impl FnMut(TargetId, Result<Latest<M::Summary>, StoreError>),
    ) -> Result<(), StoreError> {
        let (first, last) = (BEFORE_ALL.to_owned(), AFTER_ALL.to_owned());
        self.visit_latest::<M>(first, last, visit).await
    }

    async fn visit_latest<M: Stored>(
        &self,
        from: String,
        to: String,
        mut visit: impl FnMut(TargetId, Result<Latest<M::Summary>, StoreError>),
    ) -> Result<(), StoreError> {
        let mut query = Query {
            partition: latest_partition(M::KIND),
            from,
            to,
            order: Order::Ascending,
            after: None,
            limit: 1000,
        };
        loop {
            let page = self.items.query(&query).await?;
            for item in page.items {
                visit(TargetId::from_text(&item.key.sort), read_latest::<M>(&item));
            }
            if page.next.is_none() {
                return Ok(());
            }
            query.after = page.next;
        }
    }

    /// Returns the snapshot of `target` of that scheduled time; `None` if there is none or it has expired.
    ///
    /// Costs one read, and one query if its body is split.
    ///
    /// # Errors
    ///
    /// See [`StoreError`]. A snapshot whose parts are incomplete is [`StoreError::Unreadable`].
    pub async fn snapshot<M: Stored>(
        &self,
        target: &TargetId,
        scheduled_at: DateTime<Utc>,
    ) -> Result<Option<Snapshot<M>>, StoreError> {
        let key = snapshot_key(M::KIND, target, scheduled_at);
        let Some(item) = self.items.get(&key).await? else {
            return Ok(None);
        };
        self.read_snapshot(target, item).await.map(Some)
    }

    /// Shows `visit` the snapshots of `target` in `range`, oldest first; one that cannot be read is shown
    /// as the error it is.
    ///
    /// Costs one query for each megabyte, and one more for each split body; holds one page at a time.
    ///
    /// # Errors
    ///
    /// See [`StoreError`]: the store did not answer, and some snapshots may not have been shown.
    pub async fn each_snapshot<M: Stored>(
        &self,
        target: &TargetId,
        range: Range<DateTime<Utc>>,
        mut visit: impl FnMut(Result<Snapshot<M>, StoreError>),
    ) -> Result<(), StoreError> {
        let end = stored::sort_key(range.end);
        let mut query = Query {
            partition: snapshot_key(M::KIND, target, range.start).partition,
            from: stored::sort_key(range.start),
            to: end.clone(),
            order: Order::Ascending,
            after: None,
            limit: 1000,
        };
        loop {
            let page = self.items.query(&query).await?;
            for item in page.items {
                if item.key.sort == end {
                    continue;
                }
                match self.read_snapshot(target, item).await {
                    Err(error @ (StoreError::Unavailable(_) | StoreError::Denied(_))) => {
                        return Err(error);
                    }
                    found => visit(found),
                }
            }
            if page.next.is_none() {
                return Ok(());
            }
            query.after = page.next;
        }
    }

    /// Returns the scheduled time of the first run of `target` in `range` that has a snapshot.
    ///
    /// Costs one read of one item.
    ///
    /// # Errors
    ///
    /// See [`StoreError`].
    pub async fn first_run<M: Stored>(
        &self,
        target: &TargetId,
        range: Range<DateTime<Utc>>,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let query = Query {
            partition: snapshot_key(M::KIND, target, range.start).partition,
            from: stored::sort_key(range.start),
            to: stored::sort_key(range.end),
            order: Order::Ascending,
            after: None,
            limit: 1,
        };
        let first = self.up_to(1, query).await?.pop();
        let Some(item) = first else { return Ok(None) };
        let time = item.key.sort.parse::<DateTime<Utc>>();
        let time = time.map_err(|error| unreadable(&item.key)(error.to_string()))?;
        Ok(Some(time).filter(|time| *time < range.end))
    }

    async fn read_snapshot<M: Stored>(
        &self,
        target: &TargetId,
        item: Item,
    ) -> Result<Snapshot<M>, StoreError> {
        let key = item.key;
        let header = stored::read_header::<M>(&item.attributes).map_err(unreadable(&key))?;
        let packed = match &header.parts {
            Some(parts) => {
                let partition = part_partition(target, header.run.scheduled_at);
                Some(self.read_parts(&key, parts, partition).await?)
            }
            None => item.body,
        };
        let body = packed
            .map(|packed| stored::unpack(&packed))
            .transpose()
            .map_err(unreadable(&key))?;
        let measurement =
            M::read_body(header.summary, body.as_deref()).map_err(unreadable(&key))?;
        Ok(Snapshot {
            target: target.clone(),
            run: header.run,
            measurement,
        })
    }

    /// Returns the runs of `target` in `range`, oldest first, at most `limit`.
    ///
    /// Without expired runs; empty if there was no good run in that time.
    ///
    /// # Errors
    ///
    /// See [`StoreError`].
    pub async fn history<M: Stored>(
        &self,
        target: &TargetId,
        range: RangeInclusive<DateTime<Utc>>,
        limit: usize,
    ) -> Result<Vec<Good<M::Summary>>, StoreError> {
        let query = Query {
            partition: snapshot_key(M::KIND, target, *range.start()).partition,
            from: stored::sort_key(*range.start()),
            to: stored::sort_key(*range.end()),
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

    /// Reads pages until there are `limit` items or no more.
    async fn up_to(&self, limit: usize, mut query: Query) -> Result<Vec<Item>, StoreError> {
        let mut items = Vec::new();
        loop {
            let page = self.items.query(&query).await?;
            items.extend(page.items);
            if page.next.is_none() || items.len() >= limit {
                items.truncate(limit);
                return Ok(items);
            }
            query.after = page.next;
        }
    }
}
