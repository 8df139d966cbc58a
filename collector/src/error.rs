//! Why a target was not measured, and what stops a whole invocation.
//!
//! Trouble with one target is a [`MeasureError`]: it becomes a recorded failure that readers see. Only what
//! leaves no target to work on is a [`CollectError`], which fails the invocation.

use shared::database::DatabaseError;
use shared::fleet::FleetError;
use shared::store::StoreError;

use crate::queue::QueueError;

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

/// What stops a whole invocation.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// Without a fleet there are no targets.
    #[error("the targets are not known")]
    FleetUnreadable(#[source] FleetError),
    /// A scheduled event without its time cannot name the runs that it asks for.
    #[error("the scheduled event has no time")]
    EventWithoutTime,
    /// What was measured before is not known, so neither is what is due; it could not be kept either.
    #[error("the snapshots of buckets could not be read")]
    SnapshotsUnreadable(#[source] StoreError),
    /// Some targets will not be measured for this tick unless the event is delivered again.
    #[error("not all targets were queued")]
    QueueFailed(#[source] QueueError),
}

impl CollectError {
    /// Returns the word that alarms and log filters look for.
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::FleetUnreadable(_) => "FleetUnreadable",
            Self::EventWithoutTime => "EventWithoutTime",
            Self::SnapshotsUnreadable(_) => "SnapshotsUnreadable",
            Self::QueueFailed(_) => "QueueFailed",
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
