//! The settings that the counts of a database depend on.

use std::time::Duration;

/// Settings of an environment that its counts depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) administrator: String,
    pub(super) session_timeout: Duration,
}
