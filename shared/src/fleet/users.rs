//! How often the users of databases are counted for the months that a company is billed for.

use std::time::Duration;

/// Default time between two counts of a database's users: once a day is what a month's number needs.
pub const DEFAULT_USERS_EVERY: Duration = Duration::from_secs(86_400);
