//! What travels from `plan` to a collector: one target, the moment that its run was scheduled for, and the order.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use shared::clock;
use shared::fleet::TargetId;

use super::order::{Order, WireOrder};

/// An order to measure one target, or to bring up to date what is known of it.
///
/// As JSON, where nothing but the target is to be told:
///
/// ```json
/// {"target":"acme-prod/db/acme","scheduled_at":"2026-11-23T20:00:00Z"}
/// ```
///
/// Both fields together are the snapshot's key, so the same message twice is the same snapshot twice. What else there
/// is is in [`Order`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectMessage {
    /// The target.
    pub target: TargetId,
    /// Scheduled time of the run in whole seconds.
    pub scheduled_at: DateTime<Utc>,
    /// What to do.
    pub order: Order,
}

/// What is wrong with a message. Its text is not repeated: nothing says that it holds no secret.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// There is no body.
    #[error("the message has no body")]
    NoBody,
    /// The body is not the JSON of a [`CollectMessage`].
    #[error(
        "the message is not JSON with a target and an RFC 3339 scheduled_at, see line {line} column {column}"
    )]
    Malformed {
        /// Line of the body, from 1.
        line: usize,
        /// Column in that line, from 1; 0 at its end.
        column: usize,
    },
    /// The order has a word that this program does not know: a newer one wrote it.
    #[error("the message's {field} is not known to this version of the program")]
    UnknownWord {
        /// Field of the message.
        field: &'static str,
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
struct Wire<T> {
    target: T,
    scheduled_at: DateTime<Utc>,
    #[serde(flatten)]
    order: WireOrder,
}

impl CollectMessage {
    /// Returns the message to measure `target` in full, with nothing to tell beside it.
    pub fn measure(target: TargetId, scheduled_at: DateTime<Utc>) -> Self {
        Self {
            target,
            scheduled_at,
            order: Order::default(),
        }
    }

    /// Returns the JSON of it.
    ///
    /// # Errors
    ///
    /// None for a time that JSON can hold, which every time of a schedule is.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&Wire {
            target: self.target.as_str(),
            scheduled_at: self.scheduled_at,
            order: WireOrder::of(&self.order),
        })
    }

    /// Reads the body of a queue's record; a fraction of a second is cut off.
    ///
    /// # Errors
    ///
    /// See [`MessageError`]; reading the same body again does not help.
    pub fn from_body(body: Option<&str>) -> Result<Self, MessageError> {
        let body = body.ok_or(MessageError::NoBody)?;
        // The parser's own words quote what they found.
        let malformed = |error: serde_json::Error| MessageError::Malformed {
            line: error.line(),
            column: error.column(),
        };
        let wire: Wire<String> = serde_json::from_str(body).map_err(malformed)?;
        let length = wire.target.len();
        if length == 0 || length > TargetId::MAX_BYTES {
            return Err(MessageError::BadTarget { length });
        }
        Ok(Self {
            target: TargetId::from_text(&wire.target),
            scheduled_at: clock::whole_second(wire.scheduled_at),
            order: wire.order.into_order()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example in the documentation of [`CollectMessage`].
    const EXAMPLE: &str = r#"{"target":"acme-prod/db/acme","scheduled_at":"2026-11-23T20:00:00Z"}"#;

    #[test]
    fn the_documented_example_is_what_is_written_and_read() {
        let message = CollectMessage::from_body(Some(EXAMPLE)).unwrap();

        assert_eq!(message.target.as_str(), "acme-prod/db/acme");
        assert_eq!(message.to_json().unwrap(), EXAMPLE);
        assert!(include_str!("message.rs").contains(&format!("/// {EXAMPLE}")));
    }

    #[test]
    fn a_fraction_of_a_second_and_another_zone_give_the_same_key() {
        let body = r#"{"target":"a/db/a","scheduled_at":"2026-11-23T21:00:00.750+01:00"}"#;

        let message = CollectMessage::from_body(Some(body)).unwrap();

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
            let error = CollectMessage::from_body(body).unwrap_err();
            let error = shared::telemetry::error_chain(&error);
            assert!(error.contains(expected), "{body:?}: {error}");
            assert!(!error.contains("NEVERLEAK"), "{error}");
        }
    }
}
