#![doc = include_str!("../README.md")]

pub mod bucket_size;
pub mod client_limits;
pub mod collection_use;
pub mod constants;
pub mod dashboard;
pub mod health;
pub mod history;
pub mod http;
pub mod lambda;
pub mod metrics;
pub mod openapi;
pub mod routes;
pub mod table_size;
pub mod targets;
pub mod users;
