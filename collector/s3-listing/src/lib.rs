#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod concurrency;
mod key_space;
mod ranges;
mod scan;
mod totals;

pub use concurrency::ConcurrencyLimit;
pub use ranges::{
    Completion, Cursor, Key, MAX_RANGES, OpenRange, PageKeys, PageRequest, Plan, PlanCounts,
    RangeId, Sample,
};
pub use scan::{ErrorResponse, Listing, Page, PageError, Scanner};
pub use totals::{ClassTotals, ListingTotals, Totals};
