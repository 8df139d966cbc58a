//! A server that answers S3's listings of a bucket that does not exist, fast, slowly or wrongly.
//!
//! It lists objects (version 2) and versions, page by page, by prefix, start-after, tokens and markers, delimiter
//! included. It knows no signatures, stores nothing and is no emulator: what else is asked for gets an empty answer.
//! Tests and the benchmark use it; nothing that is shipped does.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::disallowed_methods,
    reason = "a tool for tests: what goes wrong must be seen at once"
)]

mod bucket;
mod document;
mod server;
mod shapes;

pub use bucket::{Bucket, Object};
pub use server::{Answer, Asked, Server};
pub use shapes::{Numbers, SHAPES, keys_of_shape};
