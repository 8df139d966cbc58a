//! AWS plumbing that several measurements share: CloudWatch metrics, signed requests, service errors.

pub mod cloudwatch;
pub mod invoke;
pub(crate) mod rds_storage;
pub(crate) mod service_endpoint;
pub(crate) mod service_error;
pub(crate) mod signed_request;
