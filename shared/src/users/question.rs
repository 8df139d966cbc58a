//! The settings that the counts of a database depend on.

use std::time::Duration;

use crate::fleet::Environment;

/// Settings of an environment that its counts depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Name of the administrator account.
    pub administrator: String,
    /// Time after its last action during which a session counts as active.
    pub session_timeout: Duration,
}

impl Question {
    /// Returns the question about `environment`.
    pub fn of(environment: &Environment) -> Self {
        Self {
            administrator: environment.administrator.clone(),
            session_timeout: environment.session_timeout,
        }
    }
}
