//! The port of the snapshot store: items by partition and sort key.

use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::attributes::{Attributes, NEWER_RELEASE, UNDECODABLE, Value};

/// Largest item: DynamoDB's 400 KB, of which `Item::size_bytes` is a safe upper estimate.
pub const ITEM_LIMIT_BYTES: usize = 400_000;
/// Most items in one transaction: DynamoDB's limit.
pub const TRANSACTION_LIMIT: usize = 100;

/// Address of an item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Items of one partition are read together.
    pub partition: String,
    /// Orders the items of a partition by its bytes.
    pub sort: String,
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} / {}", self.partition, self.sort)
    }
}

/// One kept item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Where it is kept.
    pub key: Key,
    /// Version for [`Expect::Version`]; chosen by the writer.
    pub version: u64,
    /// Plain values.
    pub attributes: Attributes,
    /// Binary content.
    pub body: Option<Vec<u8>>,
    /// From this time on the item no longer exists; never when `None`. Whole seconds.
    pub expires_at: Option<DateTime<Utc>>,
}

impl Item {
    /// Returns the item at `key` that an adapter cannot decode, with what is stored there as text.
    ///
    /// Every stored form rejects it, so it is reported as [`StoreError::Unreadable`] where it is used. Other items of
    /// the same page are not affected.
    pub fn undecodable(key: Key, version: u64, stored: String) -> Self {
        let stored = Value::Text(stored);
        Self {
            key,
            version,
            attributes: Attributes::from([(UNDECODABLE.to_owned(), stored)]),
            body: None,
            expires_at: None,
        }
    }

    /// Returns an upper estimate of what DynamoDB counts as the item's size, by its published rules.
    pub fn size_bytes(&self) -> usize {
        let names = 32;
        let plain: usize = self
            .attributes
            .iter()
            .map(|(name, value)| name.len() + value.size_bytes())
            .sum();
        let body = self.body.as_ref().map_or(0, Vec::len);
        names + self.key.partition.len() + self.key.sort.len() + 42 + plain + body
    }

    /// Returns whether the item no longer exists at `now`.
    pub fn is_expired(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_some_and(|expires_at| expires_at <= now)
    }

    /// Fails if the item is larger than the adapters allow.
    ///
    /// # Errors
    ///
    /// [`StoreError::TooLarge`].
    pub fn check_size(&self) -> Result<(), StoreError> {
        let size_bytes = self.size_bytes();
        if size_bytes > ITEM_LIMIT_BYTES {
            return Err(StoreError::TooLarge {
                key: self.key.clone(),
                size_bytes,
            });
        }
        Ok(())
    }
}

/// What must be at a key for a put to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Anything or nothing.
    Anything,
    /// No item.
    Absent,
    /// An item of exactly this version.
    Version(u64),
}

/// An item to keep under a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// The item; replaces the whole item at its key.
    pub item: Item,
    /// The condition.
    pub expect: Expect,
}

/// Result of a put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// Everything was written.
    Done,
    /// A condition did not hold, so nothing was changed.
    Conflict,
}

/// Direction of reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Lowest sort key first.
    Ascending,
    /// Highest sort key first.
    Descending,
}

/// Which items of a partition to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The partition.
    pub partition: String,
    /// Lowest sort key, inclusive.
    pub from: String,
    /// Highest sort key, inclusive.
    pub to: String,
    /// Direction.
    pub order: Order,
    /// Continue after this sort key: a page's `next`.
    pub after: Option<String>,
    /// Most items of the page; at least 1.
    pub limit: usize,
}

/// Part of a query's items.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// Items in the query's order.
    pub items: Vec<Item>,
    /// Where to continue; `None` on the last page.
    pub next: Option<String>,
}

/// Why a call of the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It did not respond in time or had an error; retrying may help.
    #[error("the snapshot store is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Access was denied; retrying does not help.
    #[error("the snapshot store denied access")]
    Denied(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// An item exists but is damaged or newer than this program; retrying does not help.
    #[error("the stored item {key} is unreadable: {reason}")]
    Unreadable {
        /// The item.
        key: Key,
        /// What is wrong with it.
        reason: String,
    },
    /// An item is above [`ITEM_LIMIT_BYTES`].
    #[error("the item {key} has {size_bytes} bytes, allowed are {ITEM_LIMIT_BYTES}")]
    TooLarge {
        /// The item.
        key: Key,
        /// Its size.
        size_bytes: usize,
    },
    /// A writer repeatedly lost against others; retrying helps.
    #[error("{key} was changed by other writers during all {attempts} attempts")]
    Contended {
        /// The item.
        key: Key,
        /// How often it was tried.
        attempts: usize,
    },
}

impl StoreError {
    /// Returns whether an item was written by a newer release of this program, as after a roll back.
    pub fn is_newer_release(&self) -> bool {
        matches!(self, Self::Unreadable { reason, .. } if reason.starts_with(NEWER_RELEASE))
    }
}

/// Keeps items under a partition key and a sort key.
///
/// Implementations differ in where items live, never in what these methods mean: each sentence below is a
/// test in `store/contract.rs`.
///
/// From its `expires_at` on an item is expired, even while the database still has it, and counts as absent in reads and
/// in conditions. An item that cannot be decoded is returned as [`Item::undecodable`] and never left out.
///
/// # Errors
///
/// All methods: [`StoreError::Unavailable`] and [`StoreError::Denied`]; puts also [`StoreError::Unreadable`] for an item
/// that cannot be encoded and [`StoreError::TooLarge`], before anything is written.
#[async_trait]
pub trait ItemStore: Send + Sync {
    /// Returns the item at `key` as of the last finished put; `None` when there is none.
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError>;

    /// Keeps one item when its condition holds, replacing what was there.
    async fn put(&self, put: Put) -> Result<Written, StoreError>;

    /// Keeps all items or none; at most [`TRANSACTION_LIMIT`], no two at the same key.
    ///
    /// [`Written::Conflict`] also while another transaction uses one of the items.
    async fn put_all(&self, puts: Vec<Put>) -> Result<Written, StoreError>;

    /// Returns the items of a range in the requested order.
    ///
    /// A page may hold fewer items than its limit, even none, and still have a `next`. Following `next` gives
    /// every item of the range exactly once, as long as nothing is written meanwhile.
    async fn query(&self, query: &Query) -> Result<Page, StoreError>;
}
