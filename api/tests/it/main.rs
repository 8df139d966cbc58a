//! Handlers as the gateway calls them: from events to complete proxy responses.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot continue has failed"
)]

mod constants;
mod dashboard;
mod families;
mod harness;
mod histories;
mod leaks;
mod logs;
mod media_types;
mod metrics;
mod openapi;
mod sizes;
mod users;
