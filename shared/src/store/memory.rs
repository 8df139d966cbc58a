//! An item store in memory: the reference for what the port means, for tests, and for what is
//! written before it enters another store.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{Expect, Item, ItemStore, Key, Order, Page, Put, Query, StoreError, Written};
use crate::clock::Clock;

/// Keeps items until it is dropped.
pub struct MemoryStore {
    clock: Arc<dyn Clock>,
    items: Mutex<BTreeMap<Key, Item>>,
}

impl MemoryStore {
    /// Returns an empty store.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            items: Mutex::default(),
        }
    }

    /// Returns everything that is kept, expired items too.
    pub fn dump(&self) -> Vec<Item> {
        self.items().values().cloned().collect()
    }

    /// Removes what has expired, which nobody reads any more, as DynamoDB does within days.
    pub fn remove_expired(&self) {
        let now = self.clock.now();
        self.items().retain(|_, item| !item.is_expired(now));
    }

    fn items(&self) -> MutexGuard<'_, BTreeMap<Key, Item>> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl ItemStore for MemoryStore {
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        let now = self.clock.now();
        Ok(self
            .items()
            .get(key)
            .filter(|item| !item.is_expired(now))
            .cloned())
    }

    async fn put(&self, put: Put) -> Result<Written, StoreError> {
        self.put_all(vec![put]).await
    }

    async fn put_all(&self, puts: Vec<Put>) -> Result<Written, StoreError> {
        for put in &puts {
            put.item.check_size()?;
        }
        let now = self.clock.now();
        let mut items = self.items();
        let holds = |put: &Put| {
            let found = items
                .get(&put.item.key)
                .filter(|item| !item.is_expired(now));
            match put.expect {
                Expect::Anything => true,
                Expect::Absent => found.is_none(),
                Expect::Version(version) => found.is_some_and(|item| item.version == version),
            }
        };
        if !puts.iter().all(holds) {
            return Ok(Written::Conflict);
        }
        for put in puts {
            items.insert(put.item.key.clone(), put.item);
        }
        Ok(Written::Done)
    }

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        let now = self.clock.now();
        let items = self.items();
        if query.from > query.to {
            return Ok(Page::default());
        }
        let key = |sort: &String| Key {
            partition: query.partition.clone(),
            sort: sort.clone(),
        };
        let is_ahead = |item: &&Item| {
            let sort = &item.key.sort;
            query.after.as_ref().is_none_or(|after| match query.order {
                Order::Ascending => sort > after,
                Order::Descending => sort < after,
            })
        };
        let mut found: Vec<Item> = items
            .range(key(&query.from)..=key(&query.to))
            .map(|(_, item)| item)
            .filter(is_ahead)
            .filter(|item| !item.is_expired(now))
            .cloned()
            .collect();
        if query.order == Order::Descending {
            found.reverse();
        }
        let has_more = found.len() > query.limit;
        found.truncate(query.limit);
        let next = found
            .last()
            .filter(|_| has_more)
            .map(|item| item.key.sort.clone());
        Ok(Page { items: found, next })
    }
}
