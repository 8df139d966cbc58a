//! Where snapshots are kept: [`SnapshotReader`] and [`SnapshotWriter`] over the port [`ItemStore`].
//!
//! All logic is here; an adapter only keeps items. Keys:
//!
//! | item | partition | sort |
//! |---|---|---|
//! | latest | `LATEST#bucket`, `LATEST#database`, `LATEST#storage_metrics`, `LATEST#file_documents`, `LATEST#users` | target id |
//! | snapshot | `SNAP#<target id>` | scheduled time, RFC 3339 UTC in whole seconds |
//! | snapshot of a bucket's metrics | `SNAP#storage_metrics#<target id>` | the same |
//! | snapshot of a database's file documents | `SNAP#file_documents#<target id>` | the same |
//! | snapshot of a database's users | `SNAP#users#<target id>` | the same |
//! | checkpoint | `CHECKPOINT#<target id>` | `run` |
//! | state of an alert | `ALERT` | name of the alert |
//! | part of a body | `PART#<target id>#<scheduled time>` | `<digest>#<number from 0000>` |
//! | unreadable latest, kept aside | `UNREADABLE#LATEST#<kind>` | `<target id>#<digest>` |
//! | history: one run | `POINT#<owner>` | scheduled time, as above |
//! | history: the runs of a UTC day | `HOURS#<owner>`, `HOURS_PARTS#<owner>` | `2026-11-28` |
//! | history: the days of a month | `DAYS#<owner>`, `DAYS_PARTS#<owner>` | `2026-11` |
//! | history: names of tables | `NAMES#<owner>` | digest of the list |
//! | users: a month of UTC | `USER_MONTH#<target id>` | `2026-11` |
//! | users: HMACs of who was active in it | `USER_MONTH_SET#<target id>` | `2026-11#<number from 00>` |
//!
//! The owner of history is a target id, or `storage_metrics#<target id>` for a bucket's metrics. `_PARTS` are the parts of
//! tables' totals. A block above the item limit continues under its sort key with `#01` and so on.

mod alerts;
mod checkpoints;
#[cfg(any(test, feature = "testing"))]
pub mod contract;
#[cfg(any(test, feature = "testing"))]
pub mod counting;
pub mod dynamodb;
#[cfg(any(test, feature = "testing"))]
pub mod failing;
mod item;
pub mod memory;
mod snapshots;

pub use crate::attributes::{Attributes, Value};
pub use alerts::{ALERT_STATE_LIFE, AlertItem};
pub use checkpoints::{CHECKPOINT_LIFE, Checkpoint, packed_bytes};
pub use dynamodb::DynamoDbStore;
pub use item::{
    Expect, ITEM_LIMIT_BYTES, Item, ItemStore, Key, Order, Page, Put, Query, StoreError,
    TRANSACTION_LIMIT, Written,
};
pub use snapshots::{Kept, MAX_BODY_PARTS, SnapshotReader, SnapshotWriter};
pub(crate) use snapshots::{digest as packed_digest, replace_latest};
