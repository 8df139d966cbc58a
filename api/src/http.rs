//! HTTP between the gateway and the endpoints: requests, callers, parameters, answers, problems.
//!
//! Depends on no endpoint, fleet or store: whatever is particular to this API is passed in.

pub mod answer;
pub mod caller;
pub mod csv;
pub(crate) mod cursor;
pub mod endpoint;
pub mod media_type;
pub mod parameter;
pub mod problem;
pub mod proxy;
pub mod request;
pub mod response;
pub mod server;
