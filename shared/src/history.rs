//! Sizes over time: compact blocks that are derived from snapshots, and what is computed from them.
//!
//! Everything here can be computed again from snapshots.

mod basis;
mod block;
mod blocks;
mod bytes;
pub mod changes;
mod columns;
mod digest;
mod frame;
pub mod growth;
mod keys;
#[cfg(any(test, feature = "testing"))]
pub mod model;
mod names;
mod point;
mod reader;
mod reading;
pub mod resample;
mod retention;
mod series;
mod trend;
mod writer;

pub use basis::Basis;
pub use block::{Block, BlockTables, encode};
pub use blocks::Unreadable;
pub use bytes::BlockError;
pub use columns::Changes;
pub use digest::ListDigest;
pub use frame::{Column, Frame, FrameBuilder, Point, TableReadings};
pub use names::TableList;
pub use point::Historic;
pub use reader::{
    Gap, GapReason, GapScope, History, HistoryError, HistoryQuery, HistoryReader, Resolution,
    TableColumn, TableHistory,
};
pub use reading::{Moment, Reading};
pub use retention::HistoryRetention;
pub use series::{Measure, OwnSeries, TableKey, TableMeasure};
pub(crate) use trend::StoredTrend;
pub use trend::{TREND_DAYS, Trend};
pub use writer::{HistoryWriter, LeftBlock, Rebuilt};
