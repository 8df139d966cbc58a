//! Sizes over time: compact blocks that are derived from snapshots, and what is computed from them.
//!
//! Everything here can be computed again from snapshots.

mod block;
mod bytes;
pub mod changes;
mod frame;
pub mod growth;
#[cfg(any(test, feature = "testing"))]
pub mod model;
mod names;
mod reading;
pub mod resample;
mod series;

pub use block::{Block, BlockTables, Changes, encode};
pub use bytes::BlockError;
pub use frame::{Column, Frame, Point, TableReadings};
pub use names::{ListDigest, TableList};
pub use reading::{Basis, Moment, Reading};
pub use series::{Measure, OwnSeries, TableKey, TableMeasure};
