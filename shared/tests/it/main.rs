//! The store against real and emulated back ends, and every stored form that was ever written.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod dynamodb;
mod golden;
mod memory;
mod throttling;
