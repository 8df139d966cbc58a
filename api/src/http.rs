//! HTTP between the gateway and the endpoints: requests, callers, parameters, answers, problems.
//!
//! Knows no endpoint, no fleet and no store: whatever is particular to this API is passed in.

pub mod caller;
pub mod endpoint;
pub mod problem;
pub mod proxy;
pub mod request;
pub mod response;
pub mod server;
