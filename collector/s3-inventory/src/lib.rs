#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod csv;
mod digest;
mod error;
mod manifest;
mod parquet;
mod query;
mod rows;
mod sums;

pub use csv::CsvReader;
pub use error::InventoryError;
pub use manifest::{File, Format, Manifest};
pub use parquet::{BLOCK_BYTES, Footer, GroupReader, Step, TAIL_BYTES};
pub use prefix_sums::{Grouping, LargestPrefixes, PrefixSum, PrefixSums, Sum};
pub use query::Query;
pub use sums::Sums;
