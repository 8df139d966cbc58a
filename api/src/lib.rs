#![doc = include_str!("../README.md")]

pub mod bucket_size;
pub mod caller;
pub mod constants;
pub mod endpoint;
pub mod error;
pub mod health;
pub mod lambda;
pub mod openapi;
pub mod proxy;
pub mod request;
pub mod response;
pub mod routes;
pub mod selection;
pub mod server;
pub mod table_size;
pub mod users;
