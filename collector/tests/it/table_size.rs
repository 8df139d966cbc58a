//! Table sizes from a real PostgreSQL and MariaDB, each test in a database and with a role of its own.

mod failures;
mod locks;
mod mysql;
mod mysql_failures;
mod mysql_sizes;
mod postgres;
mod sizes;
mod storage;
mod storms;
mod versions;
