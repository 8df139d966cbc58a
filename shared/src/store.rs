//! Where snapshots are kept: [`SnapshotReader`] and [`SnapshotWriter`] over the port [`ItemStore`].
//!
//! All logic is here; an adapter only keeps items. Keys:
//!
//! | item | partition | sort |
//! |---|---|---|
//! | latest | `LATEST#bucket`, `LATEST#database` | target id |
//! | snapshot | `SNAP#<target id>` | scheduled time, RFC 3339 UTC in whole seconds |
//! | part of a body | `PART#<target id>#<scheduled time>` | `<digest>#<number from 0000>` |

#[cfg(any(test, feature = "testing"))]
pub mod contract;
pub mod dynamodb;
#[cfg(any(test, feature = "testing"))]
pub mod failing;
mod item;
#[cfg(any(test, feature = "testing"))]
pub mod memory;
mod snapshots;

pub use dynamodb::DynamoDbStore;
pub use item::{
    Attributes, Expect, ITEM_LIMIT_BYTES, Item, ItemStore, Key, Order, Page, Put, Query,
    StoreError, TRANSACTION_LIMIT, Value, Written,
};
pub use snapshots::{Kept, MAX_BODY_PARTS, SnapshotReader, SnapshotWriter};
