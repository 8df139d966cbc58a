//! A server that answers S3's listing requests for a generated bucket: quickly, slowly, or with faults.
//!
//! Lists objects (version 2) and versions page by page, with prefix, delimiter, start-after, tokens and markers. It is
//! not an emulator: it checks no signatures, stores nothing, and answers all other requests with an empty response. For
//! tests and benchmarks only.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::disallowed_methods,
    reason = "a tool for tests: an error must be visible at once"
)]

mod bucket;
mod document;
mod random_shapes;
mod request;
mod server;
mod shapes;

pub use bucket::{Bucket, Object};
pub use request::Request;
pub use server::{Response, Server};
pub use shapes::{Numbers, SHAPES, keys_of_shape};
