//! Wraps any item store and counts what DynamoDB would bill, for measurements and tests.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::{Item, ItemStore, Key, Page, Put, Query, StoreError, Written};

/// Bytes of one write unit.
const WRITE_UNIT_BYTES: usize = 1024;
/// Bytes of one read unit. All reads are consistent ones, as the adapter's are.
const READ_UNIT_BYTES: usize = 4096;

/// What DynamoDB would count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Units {
    /// Read units.
    pub read: usize,
    /// Write units; a transaction takes twice those of its items.
    pub write: usize,
    /// Bytes of all items that queries returned.
    pub queried_bytes: usize,
}

/// Counts the calls of a store by their units.
pub struct CountingStore<S> {
    inner: S,
    units: Mutex<Units>,
}

impl<S> CountingStore<S> {
    /// Returns `inner` with counts of zero.
    pub fn new(inner: S) -> Self {
        Self {
            inner,
            units: Mutex::default(),
        }
    }

    /// Returns the counts since the last call of this.
    pub fn take(&self) -> Units {
        std::mem::take(&mut self.units.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the store that is counted.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    fn count(&self, add: impl FnOnce(&mut Units)) {
        add(&mut self.units.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

#[async_trait]
impl<S: ItemStore> ItemStore for CountingStore<S> {
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        let item = self.inner.get(key).await?;
        let bytes = item.as_ref().map_or(0, Item::size_bytes);
        self.count(|units| units.read += bytes.div_ceil(READ_UNIT_BYTES).max(1));
        Ok(item)
    }

    async fn put(&self, put: Put) -> Result<Written, StoreError> {
        let bytes = put.item.size_bytes();
        self.count(|units| units.write += bytes.div_ceil(WRITE_UNIT_BYTES));
        self.inner.put(put).await
    }

    async fn put_all(&self, puts: Vec<Put>) -> Result<Written, StoreError> {
        let units_of = |put: &Put| 2 * put.item.size_bytes().div_ceil(WRITE_UNIT_BYTES);
        let write: usize = puts.iter().map(units_of).sum();
        self.count(|units| units.write += write);
        self.inner.put_all(puts).await
    }

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        let page = self.inner.query(query).await?;
        let bytes: usize = page.items.iter().map(Item::size_bytes).sum();
        self.count(|units| {
            units.read += bytes.div_ceil(READ_UNIT_BYTES).max(1);
            units.queried_bytes += bytes;
        });
        Ok(page)
    }
}
