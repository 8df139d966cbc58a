//! Runs the compiled `mrt` as a user would.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

mod agreement;
mod architecture;
mod aws_settings;
mod commands;
mod dashboards;
mod docs;
mod end_to_end;
mod endpoints;
mod examples;
mod failure_words;
mod harness;
mod infra_agrees;
mod login;
mod missing_rights;
mod outputs;
mod packaging;
mod prometheus;
mod terminal;
mod usage;
