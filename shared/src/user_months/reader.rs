//! Reads months.

use std::sync::Arc;

use super::active::ActiveUsers;
use super::keys;
use super::month::Month;
use super::record::MonthRecord;
use super::stored::{self, SetLocation};
use crate::fleet::TargetId;
use crate::snapshot::stored::unpack;
use crate::store::{Item, ItemStore, Key, Order, Query, StoreError, packed_digest};

/// Attempts to read a set whose writer is at work.
const ATTEMPTS: usize = 5;
/// Most items of one page.
const PAGE: usize = 100;

/// Reads months. API functions have one.
#[derive(Clone)]
pub struct UserMonthReader {
    items: Arc<dyn ItemStore>,
}

/// A month as it was read, with the version that a writer replaces.
pub(super) struct Found {
    pub(super) record: MonthRecord,
    pub(super) users: ActiveUsers,
    pub(super) set: SetLocation,
    pub(super) version: Option<u64>,
}

impl UserMonthReader {
    /// Returns a reader of `items`.
    pub fn new(items: Arc<dyn ItemStore>) -> Self {
        Self { items }
    }

    /// Returns the records of the months from `first` to `last`, both included, oldest first; an error for one that
    /// cannot be read. Months without a run are left out.
    ///
    /// Costs one query for each megabyte, about 500 months.
    ///
    /// # Errors
    ///
    /// See [`StoreError`]: the store failed.
    pub async fn months(
        &self,
        target: &TargetId,
        first: Month,
        last: Month,
    ) -> Result<Vec<(Month, Result<MonthRecord, StoreError>)>, StoreError> {
        let mut query = Query {
            partition: keys::record(target, first).partition,
            from: first.to_string(),
            to: last.to_string(),
            order: Order::Ascending,
            after: None,
            limit: PAGE,
        };
        let mut months = Vec::new();
        loop {
            let page = self.items.query(&query).await?;
            for item in page.items {
                let Some(month) = Month::parse(&item.key.sort) else {
                    continue;
                };
                let read = stored::read_record(month, &item).map(|(record, _)| record);
                months.push((month, read.map_err(unreadable(&item.key))));
            }
            if page.next.is_none() {
                return Ok(months);
            }
            query.after = page.next;
        }
    }

    /// Returns a month with the users that were active in it; `None` if it has no run.
    ///
    /// Costs one read, and one query if there are users.
    ///
    /// # Errors
    ///
    /// See [`StoreError`].
    pub async fn active_users(
        &self,
        target: &TargetId,
        month: Month,
    ) -> Result<Option<(MonthRecord, ActiveUsers)>, StoreError> {
        let found = find(&*self.items, target, month).await?;
        let is_there = found.version.is_some();
        Ok(is_there.then_some((found.record, found.users)))
    }
}

/// Reads the record and the set of a month; both are of the same write.
pub(super) async fn find(
    items: &dyn ItemStore,
    target: &TargetId,
    month: Month,
) -> Result<Found, StoreError> {
    let key = keys::record(target, month);
    for _ in 0..ATTEMPTS {
        let Some(item) = items.get(&key).await? else {
            return Ok(Found {
                record: MonthRecord::empty(month),
                users: ActiveUsers::default(),
                set: SetLocation::default(),
                version: None,
            });
        };
        let (record, set) = stored::read_record(month, &item).map_err(unreadable(&key))?;
        if let Some(users) = read_set(items, target, month, &set).await? {
            return Ok(Found {
                record,
                users,
                set,
                version: Some(item.version),
            });
        }
    }
    // Also where a part of the set is gone for good, which a writer never causes.
    Err(unreadable(&key)(
        "its set of users is not complete".to_owned(),
    ))
}

/// Reads a set; `None` if its items are not those that the record names: it was replaced meanwhile.
async fn read_set(
    items: &dyn ItemStore,
    target: &TargetId,
    month: Month,
    set: &SetLocation,
) -> Result<Option<ActiveUsers>, StoreError> {
    if set.items == 0 {
        return Ok(Some(ActiveUsers::default()));
    }
    let (first, last) = (
        keys::part(target, month, 0),
        keys::part(target, month, set.items - 1),
    );
    let mut query = Query {
        partition: first.partition.clone(),
        from: first.sort.clone(),
        to: last.sort,
        order: Order::Ascending,
        after: None,
        limit: PAGE,
    };
    let mut parts: Vec<Item> = Vec::new();
    loop {
        let page = items.query(&query).await?;
        parts.extend(page.items);
        if page.next.is_none() {
            break;
        }
        query.after = page.next;
    }
    let mut packed = Vec::new();
    for part in &parts {
        let digest = stored::read_part(part).map_err(unreadable(&part.key))?;
        if digest != set.digest {
            return Ok(None);
        }
        packed.extend_from_slice(part.body.as_deref().unwrap_or_default());
    }
    if parts.len() != set.items || packed_digest(&packed) != set.digest {
        return Ok(None);
    }
    let users = unpack(&packed).and_then(|bytes| ActiveUsers::from_bytes(&bytes));
    users.map(Some).map_err(unreadable(&first))
}

pub(super) fn unreadable(key: &Key) -> impl FnOnce(String) -> StoreError + use<> {
    let key = key.clone();
    |reason| StoreError::Unreadable { key, reason }
}
