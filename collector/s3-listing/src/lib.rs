#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod concurrency;
mod key_space;
pub mod ranges;
pub mod scan;
pub mod totals;
