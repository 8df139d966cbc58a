//! Why a target was not measured: a recorded failure that readers see. What fails a whole invocation: `invocation.rs`.

use shared::database::DatabaseError;

/// Why a target was not measured.
///
/// `code` and `reason` are public: readers of the snapshot see them. They hold no host name, no SQL, no text of
/// a library and no secret. The source is for logs only.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct MeasureError {
    /// Stable word for the kind of failure; the list is in this crate's README.
    pub code: &'static str,
    /// What was attempted and what to do about it.
    pub reason: String,
    /// Whether the same attempt may work a little later without anybody acting.
    pub is_transient: bool,
    /// What the library said.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl MeasureError {
    /// Returns a failure that stays until somebody acts.
    pub fn permanent(code: &'static str, reason: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.into(),
            is_transient: false,
            source: None,
        }
    }

    /// Returns a failure that may pass by itself.
    pub fn transient(code: &'static str, reason: impl Into<String>) -> Self {
        Self {
            is_transient: true,
            ..Self::permanent(code, reason)
        }
    }

    /// Returns the same failure for another target, without what the library said.
    pub(crate) fn without_source(&self) -> Self {
        Self {
            code: self.code,
            reason: self.reason.clone(),
            is_transient: self.is_transient,
            source: None,
        }
    }

    /// Returns the failure of a measurement that was given `seconds` and needed more.
    pub(crate) fn out_of_time(seconds: u64) -> Self {
        Self::transient(
            "timeout",
            format!("measuring was ended after {seconds} seconds"),
        )
    }

    /// Returns the same failure with what the library said about it.
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
        let reason = match &error {
            // Its text goes on with what the provider of the credentials said.
            DatabaseError::Credentials(_) => "the database login could not be prepared".to_owned(),
            other => other.to_string(),
        };
        Self {
            code: error.code(),
            reason,
            is_transient: error.is_transient(),
            source: Some(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_credentials_provider_said_stays_in_the_logs() {
        let provider_text = "the role arn:aws:iam::1:role/NEVERLEAK was refused".to_owned();

        let error = MeasureError::from(DatabaseError::Credentials(provider_text));

        assert_eq!(error.code, "credentials_missing");
        assert!(!error.reason.contains("NEVERLEAK"), "{}", error.reason);
        assert!(!error.is_transient);
        assert!(shared::telemetry::error_chain(&error).contains("NEVERLEAK"));
    }

    #[test]
    fn a_database_failure_keeps_its_word_and_whether_it_passes() {
        let error = MeasureError::from(DatabaseError::Timeout(None));

        assert_eq!((error.code, error.is_transient), ("timeout", true));
    }
}
