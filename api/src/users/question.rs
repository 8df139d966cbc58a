//! What counts of one database depend on, apart from the database itself.

use std::time::Duration;

/// The settings of the environment that counts depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) administrator: String,
    pub(super) session_timeout: Duration,
}
