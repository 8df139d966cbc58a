//! The result of one check.

use serde::Serialize;

/// The result of one check.
#[derive(Debug, Serialize)]
pub(super) struct Check {
    /// What was checked.
    pub(super) what: String,
    /// The result.
    pub(super) finding: String,
    /// How to fix the problem; `None` if there is none.
    pub(super) fix: Option<String>,
    /// Statements of SQL and of policies, and calls, that fix it; may be empty.
    pub(super) statements: Vec<String>,
    /// What works but should be reviewed.
    pub(super) warnings: Vec<String>,
}

impl Check {
    pub(super) fn ok(what: impl Into<String>, finding: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            finding: finding.into(),
            fix: None,
            statements: Vec::new(),
            warnings: Vec::new(),
        }
    }

    pub(super) fn problem(
        what: impl Into<String>,
        finding: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            fix: Some(fix.into()),
            ..Self::ok(what, finding)
        }
    }
}
