#![doc = include_str!("../README.md")]

mod arn;
mod attributes;
pub mod aws;
pub mod clock;
pub mod config;
pub mod database;
pub mod deployment_key;
pub mod document;
pub mod file;
pub mod fleet;
pub mod history;
pub mod identities;
pub mod location;
pub mod printable;
pub mod secrets;
pub mod snapshot;
pub mod store;
pub mod telemetry;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod user_months;
pub mod users;
pub mod warm_up;
