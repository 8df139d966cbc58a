//! Handlers as the gateway calls them: events in, whole proxy responses out.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

mod constants;
mod harness;
mod leaks;
mod logs;
mod media_types;
mod openapi;
mod sizes;
mod users;
