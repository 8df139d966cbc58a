//! What travels from `plan` to a collector: one target, and the time that its run is scheduled for.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use shared::clock;
use shared::fleet::TargetId;
use shared::snapshot::StoredRefresh;
use shared::snapshot::bucket_size::Refresh;

/// A job of a collector: measure one target.
///
/// As JSON:
///
/// ```json
/// {"target":"acme-prod/db/acme","scheduled_at":"2026-11-23T20:00:00Z"}
/// ```
///
/// Both fields together are the snapshot's key, so the same job twice writes the same snapshot twice. With an announced
/// next measurement:
///
/// ```json
/// {"target":"acme-prod/s3/files//","scheduled_at":"2026-11-23T20:00:00Z","refresh":{"interval_seconds":259200,"reason":"budget","next_full_at":"2026-11-26T20:00:00Z"}}
/// ```
/// The file documents in a database are another snapshot:
///
/// ```json
/// {"target":"acme-prod/db/acme","scheduled_at":"2026-11-23T20:00:00Z","subject":"file_documents"}
/// ```
/// So are its users:
///
/// ```json
/// {"target":"acme-prod/db/acme","scheduled_at":"2026-11-23T20:00:00Z","subject":"users"}
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The target.
    pub target: TargetId,
    /// Scheduled time of the run in whole seconds.
    pub scheduled_at: DateTime<Utc>,
    /// When the target is measured again, and why then; `None` for the next tick.
    pub refresh: Option<Refresh>,
    /// What is measured.
    pub subject: Subject,
}

/// What a job measures of its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// Its size: bytes of storage, or tables of a database.
    #[default]
    Size,
    /// The file documents in a database.
    FileDocuments,
    /// The active users in a database.
    Users,
}

/// Why a message is not a job. No variant repeats the message's text, which may hold a secret.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// There is no body.
    #[error("the message has no body")]
    NoBody,
    /// The body is not the JSON of a [`Job`].
    #[error(
        "the message is not JSON with a target, an RFC 3339 scheduled_at, a known refresh and a known subject, see line {line} column {column}"
    )]
    Malformed {
        /// Line of the body, from 1.
        line: usize,
        /// Column in that line, from 1; 0 at its end.
        column: usize,
    },
    /// The target is empty or longer than any target's id.
    #[error(
        "the message's target has {length} bytes, allowed are 1 to {}",
        TargetId::MAX_BYTES
    )]
    BadTarget {
        /// Length of the target in bytes.
        length: usize,
    },
}

#[derive(Serialize, Deserialize)]
struct WireJob<T> {
    target: T,
    scheduled_at: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh: Option<StoredRefresh>,
    #[serde(default, skip_serializing_if = "is_size")]
    subject: Subject,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_size(subject: &Subject) -> bool {
    *subject == Subject::Size
}

impl Job {
    /// Returns the job of a target that is measured at every tick.
    pub fn at_every_tick(target: TargetId, scheduled_at: DateTime<Utc>) -> Self {
        Self {
            target,
            scheduled_at,
            refresh: None,
            subject: Subject::Size,
        }
    }

    /// Returns the job of measuring something else of a target than its size.
    pub fn about(subject: Subject, target: TargetId, scheduled_at: DateTime<Utc>) -> Self {
        Self {
            subject,
            ..Self::at_every_tick(target, scheduled_at)
        }
    }

    /// Returns the message's body.
    ///
    /// # Errors
    ///
    /// None for a time that JSON can hold, which every time of a schedule is.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&WireJob {
            target: self.target.as_str(),
            scheduled_at: self.scheduled_at,
            refresh: self.refresh.map(StoredRefresh),
            subject: self.subject,
        })
    }

    /// Reads the body of a queue's record; a fraction of a second is cut off.
    ///
    /// # Errors
    ///
    /// See [`MessageError`]; reading the same body again does not help.
    pub fn from_body(body: Option<&str>) -> Result<Self, MessageError> {
        let body = body.ok_or(MessageError::NoBody)?;
        // The parser's own error quotes what it found.
        let malformed = |error: serde_json::Error| MessageError::Malformed {
            line: error.line(),
            column: error.column(),
        };
        let wire: WireJob<String> = serde_json::from_str(body).map_err(malformed)?;
        let length = wire.target.len();
        if length == 0 || length > TargetId::MAX_BYTES {
            return Err(MessageError::BadTarget { length });
        }
        Ok(Self {
            target: TargetId::from_text(&wire.target),
            scheduled_at: clock::whole_second(wire.scheduled_at),
            refresh: wire.refresh.map(|stored| stored.0),
            subject: wire.subject,
        })
    }
}

#[cfg(test)]
mod tests {
    use shared::snapshot::bucket_size::RefreshReason;

    use super::*;

    /// Returns the examples in the documentation of [`Job`].
    fn examples() -> Vec<&'static str> {
        let text = include_str!("job.rs");
        let blocks = text.split("/// ```json\n/// ").skip(1);
        let examples = blocks.filter_map(|rest| rest.split('\n').next());
        examples.take(4).collect()
    }

    #[test]
    fn the_documented_examples_are_what_is_written_and_read() {
        let jobs = examples().into_iter().map(|example| {
            let job = Job::from_body(Some(example)).unwrap();
            assert_eq!(job.to_json().unwrap(), example);
            job
        });
        let jobs: Vec<_> = jobs.collect();

        assert_eq!(jobs[0].target.as_str(), "acme-prod/db/acme");
        assert_eq!(jobs[0].refresh, None);
        assert_eq!(jobs[1].refresh.unwrap().reason, RefreshReason::Budget);
        assert_eq!(jobs[2].subject, Subject::FileDocuments);
        assert_eq!(jobs[3].subject, Subject::Users);
    }

    #[test]
    fn a_reason_of_a_newer_program_is_not_guessed() {
        let body = examples()[1].replace("budget", "NEVERLEAK");

        let error = Job::from_body(Some(&body)).unwrap_err();

        assert!(matches!(error, MessageError::Malformed { .. }));
        assert!(!error.to_string().contains("NEVERLEAK"));
    }

    /// SQS takes ten messages of together 256 KiB at once: each may have a tenth of it.
    #[test]
    fn the_largest_job_fits_ten_times_into_a_batch() {
        let mut job = Job::from_body(Some(examples()[1])).unwrap();
        job.target = TargetId::from_text(&"\u{1}".repeat(TargetId::MAX_BYTES));

        let bytes = job.to_json().unwrap().len();

        assert!(bytes < 262_144 / 10, "{bytes}");
    }

    #[test]
    fn a_fraction_of_a_second_and_another_zone_give_the_same_key() {
        let body = r#"{"target":"a/db/a","scheduled_at":"2026-11-23T21:00:00.750+01:00"}"#;

        let message = Job::from_body(Some(body)).unwrap();

        assert_eq!(clock::rfc3339(message.scheduled_at), "2026-11-23T20:00:00Z");
    }

    #[test]
    fn what_is_wrong_is_named_without_repeating_the_message() {
        let long = format!(
            r#"{{"target":"{}","scheduled_at":"2026-11-23T20:00:00Z"}}"#,
            "x".repeat(1025)
        );
        let cases = [
            (None, "no body"),
            (Some(""), "not JSON"),
            (Some("NEVERLEAK"), "not JSON"),
            (Some(r#""NEVERLEAK""#), "not JSON"),
            (
                Some(r#"{"target":"a/db/a","scheduled_at":"NEVERLEAK"}"#),
                "not JSON",
            ),
            (Some(r#"{"target":"a/db/a"}"#), "not JSON"),
            (
                Some(r#"{"target":"a/db/a","scheduled_at":"today"}"#),
                "not JSON",
            ),
            (
                Some(r#"{"target":"","scheduled_at":"2026-11-23T20:00:00Z"}"#),
                "has 0 bytes",
            ),
            (Some(long.as_str()), "has 1025 bytes"),
        ];

        for (body, expected) in cases {
            let error = Job::from_body(body).unwrap_err();
            let error = shared::telemetry::error_chain(&error);
            assert!(error.contains(expected), "{body:?}: {error}");
            assert!(!error.contains("NEVERLEAK"), "{error}");
        }
    }
}
