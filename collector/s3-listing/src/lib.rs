#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod concurrency;
mod key_space;
mod ranges;
mod scan;
mod seen;
mod totals;

pub use prefix_sums::{Grouping, PrefixSums};

pub use concurrency::ConcurrencyLimit;
pub use ranges::{
    Completion, Cursor, Key, LastVersion, MAX_RANGES, OpenRange, PageKeys, PageRequest, Plan,
    PlanCounts, RangeId, Sample, Seam,
};
pub use scan::{
    ErrorResponse, Foreign, Listing, Order, Page, PageError, Scanner, Scope, normalized, unescaped,
};
pub use seen::{EntryHash, SeenEntries};
pub use totals::{ClassTotals, ListingTotals, Totals};
