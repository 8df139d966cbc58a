//! The store with real and emulated back ends, all stored forms, and logins to real databases.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

mod checksums;
mod dynamodb;
mod golden;
mod growth;
mod history;
mod logins;
mod memory;
mod passwords;
mod resample;
mod secrets;
mod stored_forms;
mod surroundings;
mod throttling;
mod tls;
mod unreadable;
