//! Wraps any item store and makes chosen calls fail, for tests.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;

use super::{Item, ItemStore, Key, Page, Put, Query, StoreError, Written};

/// Fails the calls with given numbers, counted from 1 over all methods.
pub struct FailingStore {
    inner: Arc<dyn ItemStore>,
    failing_calls: BTreeSet<usize>,
    calls: AtomicUsize,
}

impl FailingStore {
    /// Returns `inner` with failing calls; those never reach `inner`.
    pub fn new(inner: Arc<dyn ItemStore>, failing_calls: impl IntoIterator<Item = usize>) -> Self {
        Self {
            inner,
            failing_calls: failing_calls.into_iter().collect(),
            calls: AtomicUsize::new(0),
        }
    }

    /// Returns how many calls were made, failed ones included.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    fn count(&self) -> Result<(), StoreError> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        if self.failing_calls.contains(&call) {
            return Err(StoreError::Unavailable(
                format!("call {call} was made to fail").into(),
            ));
        }
        Ok(())
    }
}

#[async_trait]
impl ItemStore for FailingStore {
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        self.count()?;
        self.inner.get(key).await
    }

    async fn put(&self, put: Put) -> Result<Written, StoreError> {
        self.count()?;
        self.inner.put(put).await
    }

    async fn put_all(&self, puts: Vec<Put>) -> Result<Written, StoreError> {
        self.count()?;
        self.inner.put_all(puts).await
    }

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        self.count()?;
        self.inner.query(query).await
    }
}
