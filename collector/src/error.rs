//! Why a target was not measured: a recorded failure that readers see. What fails a whole invocation: `invocation.rs`.

use shared::database::DatabaseError;
use shared::users::UsersError;

/// Why a target was not measured.
///
/// `code` and `reason` are public: readers of the snapshot see them. They have no host name, no SQL, no library's text
/// and no secret. The source is for logs only.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct MeasureError {
    /// Stable word for the kind of failure; the list is in docs/COLLECTING.md.
    pub code: &'static str,
    /// What was attempted and what to do about it.
    pub reason: String,
    /// Whether the same attempt may succeed a little later without manual action.
    pub is_transient: bool,
    /// More for the person who runs the command: a host, or the words of the service. Never stored or logged.
    pub detail: Option<String>,
    /// Whether the target has nothing of the kind, so that nobody has to do anything.
    pub is_not_applicable: bool,
    /// The library's own error.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl MeasureError {
    /// Returns an error that needs manual action.
    pub fn permanent(code: &'static str, reason: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.into(),
            is_transient: false,
            detail: None,
            is_not_applicable: false,
            source: None,
        }
    }

    /// Returns that the target has nothing to measure.
    pub(crate) fn not_applicable(code: &'static str, reason: impl Into<String>) -> Self {
        Self {
            is_not_applicable: true,
            ..Self::permanent(code, reason)
        }
    }

    /// Returns an error that may resolve by itself.
    pub fn transient(code: &'static str, reason: impl Into<String>) -> Self {
        Self {
            is_transient: true,
            ..Self::permanent(code, reason)
        }
    }

    /// Returns the same error for another target, without its source.
    pub(crate) fn without_source(&self) -> Self {
        Self {
            code: self.code,
            reason: self.reason.clone(),
            is_transient: self.is_transient,
            detail: None,
            is_not_applicable: self.is_not_applicable,
            source: None,
        }
    }

    /// Returns the error of a database, without its source.
    fn of_database(error: &DatabaseError) -> Self {
        let reason = match error {
            // Its text includes that of the credentials provider.
            DatabaseError::Credentials(_) => "the database login could not be prepared".to_owned(),
            other => other.to_string(),
        };
        Self {
            is_transient: error.is_transient(),
            ..Self::permanent(error.code(), reason)
        }
    }

    /// Returns the error of a measurement that took more than `seconds`.
    pub(crate) fn out_of_time(seconds: u64) -> Self {
        Self::transient(
            "timeout",
            format!("measuring was stopped after {seconds} seconds"),
        )
    }

    /// Returns the same error with a detail.
    #[must_use]
    pub(crate) fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Returns the same error with its source.
    #[must_use]
    pub fn caused_by(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl From<DatabaseError> for MeasureError {
    fn from(error: DatabaseError) -> Self {
        Self::of_database(&error).caused_by(error)
    }
}

impl From<UsersError> for MeasureError {
    fn from(error: UsersError) -> Self {
        match error {
            UsersError::NoDatabase => Self::not_applicable("no_database", error.to_string()),
            UsersError::NotAMendixDatabase => Self::not_applicable(
                "not_a_mendix_database",
                "the database lacks tables that every Mendix version has, so it is not that of a Mendix app",
            ),
            UsersError::GrantsMissing { .. } => Self::permanent(
                "grants_missing",
                "the database role may not read all columns that users are counted by: run the script that mrt grants \
                 prints",
            ),
            UsersError::Busy => Self::transient("busy", error.to_string()),
            UsersError::Database(error) => Self::of_database(&error).caused_by(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_credentials_provider_stays_in_the_logs() {
        let provider_text = "the role arn:aws:iam::1:role/NEVERLEAK was refused".to_owned();

        let error = MeasureError::from(DatabaseError::Credentials(provider_text));

        assert_eq!(error.code, "credentials_missing");
        assert!(!error.reason.contains("NEVERLEAK"), "{}", error.reason);
        assert!(!error.is_transient);
        assert!(shared::telemetry::error_chain(&error).contains("NEVERLEAK"));
    }

    #[test]
    fn a_database_error_keeps_its_code_and_whether_it_is_transient() {
        let error = MeasureError::from(DatabaseError::Timeout(None));

        assert_eq!((error.code, error.is_transient), ("timeout", true));
    }
}
