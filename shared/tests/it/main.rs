//! The store against real and emulated back ends, and every stored form that was ever written.

mod dynamodb;
mod golden;
mod memory;
