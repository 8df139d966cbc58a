//! Table sizes from a real PostgreSQL, each test in a database and with a role of its own.

mod failures;
mod locks;
mod postgres;
mod sizes;
mod storms;
