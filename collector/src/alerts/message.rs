//! What is told: one message for all subjects of which an alert began, or ended, at one evaluation.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::clock::rfc3339;
use shared::fleet::{Alert, Condition, TotalOver, WebhookForm};

/// Most subjects that a message lists: with [`MAX_TEXT`] each, far below the 28 KB that Teams takes.
const MAX_LINES: usize = 20;
/// Most characters of a subject's name, and of what is said of it: prefixes of buckets may be long.
const MAX_TEXT: usize = 200;

/// Whether an alert began or ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// It began.
    Begun,
    /// It ended.
    Ended,
}

impl Event {
    /// Returns the word for it in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Ended => "ended",
        }
    }
}

/// What has to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Whether the alert began or ended.
    pub event: Event,
    /// The same for every delivery of this notice, and for no other.
    pub key: String,
    /// When it was found.
    pub at: DateTime<Utc>,
    /// Number of subjects.
    pub subject_count: usize,
    /// The first of them.
    pub lines: Vec<Line>,
    /// Who was not told yet: ARNs of topics and secrets, and names of variables.
    pub unsent_to: BTreeSet<String>,
}

/// A subject of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What people call it.
    pub subject: String,
    /// What is the case.
    pub text: String,
}

impl Line {
    pub(super) fn new(subject: &str, text: &str) -> Self {
        Self {
            subject: shortened(subject),
            text: shortened(text),
        }
    }
}

/// Returns the start of a text that is too long, without control characters.
fn shortened(text: &str) -> String {
    let visible = text.chars().map(|character| match character.is_control() {
        true => ' ',
        false => character,
    });
    let mut short: String = visible.take(MAX_TEXT).collect();
    if text.chars().count() > MAX_TEXT {
        short.push('…');
    }
    short
}

impl Notice {
    pub(super) fn new(
        event: Event,
        key: String,
        at: DateTime<Utc>,
        mut lines: Vec<Line>,
        unsent_to: BTreeSet<String>,
    ) -> Self {
        let subject_count = lines.len();
        lines.truncate(MAX_LINES);
        Self {
            event,
            key,
            at,
            subject_count,
            lines,
            unsent_to,
        }
    }
}

/// A notice in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// Name of the alert.
    pub(super) alert: String,
    /// Word of the event.
    pub(super) event: &'static str,
    /// See [`Notice::key`].
    pub(super) key: String,
    /// One line without names: at most 100 characters of ASCII, as SNS wants it.
    pub(super) subject: String,
    /// All of it for people.
    pub(super) text: String,
    /// All of it for programs.
    json: Value,
}

impl Message {
    /// Returns the notice of `alert` in words.
    pub(super) fn of(alert: &Alert, notice: &Notice) -> Self {
        let event = notice.event.as_str();
        let subject = format!("MRT API: alert {} has {event}", alert.name);
        let condition = condition(alert.condition);
        let omitted = notice.subject_count - notice.lines.len();
        let mut text = format!("{subject} ({condition})");
        for Line {
            subject,
            text: what,
        } in &notice.lines
        {
            text += &format!("\n- {subject}: {what}");
        }
        if omitted > 0 {
            text += &format!("\n- and {omitted} more");
        }
        let json = json!({
            "alert": alert.name,
            "event": event,
            "condition": condition,
            "at": rfc3339(notice.at),
            "deduplication_key": notice.key,
            "subject_count": notice.subject_count,
            "subjects": notice.lines,
            "subjects_omitted": omitted,
            "text": text,
        });
        Self {
            alert: alert.name.clone(),
            event,
            key: notice.key.clone(),
            subject,
            text,
            json,
        }
    }

    /// Returns the body for a webhook.
    pub(super) fn body(&self, form: WebhookForm) -> String {
        match form {
            WebhookForm::Json => self.json.to_string(),
            WebhookForm::Slack => json!({"text": slack_escaped(&self.text)}).to_string(),
            WebhookForm::Teams => self.teams().to_string(),
        }
    }

    fn teams(&self) -> Value {
        let mut lines = self.text.lines();
        let block = |text: &str, weight: &str| json!({"type": "TextBlock", "text": text, "wrap": true, "weight": weight});
        let first = lines.next().unwrap_or_default();
        let rest: Vec<_> = lines.map(|line| block(line, "Default")).collect();
        let blocks: Vec<_> = [block(first, "Bolder")].into_iter().chain(rest).collect();
        json!({
            "type": "message",
            "attachments": [{
                "contentType": "application/vnd.microsoft.card.adaptive",
                "content": {
                    "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                    "type": "AdaptiveCard",
                    "version": "1.4",
                    "body": blocks,
                },
            }],
        })
    }
}

/// Escapes the three characters that Slack reads as markup of links and mentions.
fn slack_escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Returns a condition as the fleet file has it.
fn condition(condition: Condition) -> String {
    let time = |time: std::time::Duration| match time.as_secs() {
        seconds if seconds % 86_400 == 0 => format!("{}d", seconds / 86_400),
        seconds if seconds % 3600 == 0 => format!("{}h", seconds / 3600),
        seconds => format!("{}m", seconds / 60),
    };
    let bytes = |bytes: u64| {
        let units = ["PiB", "TiB", "GiB", "MiB", "KiB"]
            .into_iter()
            .zip([50, 40, 30, 20, 10]);
        let unit = units
            .into_iter()
            .find(|(_, power)| bytes.trailing_zeros() >= *power);
        unit.map_or_else(
            || format!("{bytes}B"),
            |(name, power)| format!("{}{name}", bytes >> power),
        )
    };
    match condition {
        Condition::FullWithin(span) => format!("full within {}", time(span)),
        Condition::GrowthPerWeekAbove { percent } => format!("growth per week above {percent}%"),
        Condition::TotalAbove { bytes: limit, over } => {
            let over = match over {
                TotalOver::Environment => "an environment",
                TotalOver::Fleet => "the fleet",
            };
            format!("total of {over} above {}", bytes(limit))
        }
        Condition::UnaccountedAbove { bytes: limit } => {
            format!("unaccounted above {}", bytes(limit))
        }
        Condition::StaleFor(span) => format!("stale for {}", time(span)),
        Condition::FailingFor(span) => format!("failing for {}", time(span)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use shared::testing::time::at;

    use super::*;

    fn message(subjects: &[&str]) -> Message {
        let alert = Alert {
            name: "full-soon".to_owned(),
            environments: Vec::new(),
            condition: Condition::FullWithin(Duration::from_secs(14 * 86_400)),
            destinations: Vec::new(),
        };
        let lines = subjects.iter().map(|name| Line::new(name, "it is so"));
        let at = at("2026-01-12T10:00:00Z");
        let notice = Notice::new(
            Event::Begun,
            "k".to_owned(),
            at,
            lines.collect(),
            BTreeSet::new(),
        );
        Message::of(&alert, &notice)
    }

    #[test]
    fn the_own_form_has_the_text_and_each_subject() {
        let body: Value =
            serde_json::from_str(&message(&["a database d"]).body(WebhookForm::Json)).unwrap();

        assert_eq!(
            body,
            json!({
                "alert": "full-soon", "event": "begun", "condition": "full within 14d",
                "at": "2026-01-12T10:00:00Z", "deduplication_key": "k", "subject_count": 1,
                "subjects": [{"subject": "a database d", "text": "it is so"}], "subjects_omitted": 0,
                "text": "MRT API: alert full-soon has begun (full within 14d)\n- a database d: it is so",
            })
        );
    }

    #[test]
    fn slack_sees_no_markup_and_teams_a_card() {
        let message = message(&["a <!channel> & b"]);

        let slack: Value = serde_json::from_str(&message.body(WebhookForm::Slack)).unwrap();
        assert!(
            slack["text"]
                .as_str()
                .unwrap()
                .ends_with("- a &lt;!channel&gt; &amp; b: it is so")
        );
        let teams: Value = serde_json::from_str(&message.body(WebhookForm::Teams)).unwrap();
        let card = &teams["attachments"][0]["content"];
        assert_eq!(
            (&teams["type"], &card["type"]),
            (&json!("message"), &json!("AdaptiveCard"))
        );
        assert_eq!(card["body"][1]["text"], "- a <!channel> & b: it is so");
    }

    #[test]
    fn a_long_message_is_cut_and_says_so() {
        let long = "é".repeat(5000);
        let names: Vec<_> = (0..1000).map(|_| long.as_str()).collect();

        let message = message(&names);

        assert!(message.text.ends_with("\n- and 980 more"));
        for form in [WebhookForm::Json, WebhookForm::Slack, WebhookForm::Teams] {
            let length = message.body(form).len();
            assert!(length < 28_000, "{form:?}: {length}");
        }
        assert!(message.subject.is_ascii() && message.subject.len() <= 100);
    }

    #[test]
    fn conditions_are_written_as_in_the_fleet_file() {
        let over = TotalOver::Fleet;
        for (given, expected) in [
            (
                Condition::StaleFor(Duration::from_secs(5400)),
                "stale for 90m",
            ),
            (
                Condition::FailingFor(Duration::from_secs(7200)),
                "failing for 2h",
            ),
            (
                Condition::GrowthPerWeekAbove { percent: 20 },
                "growth per week above 20%",
            ),
            (
                Condition::TotalAbove {
                    bytes: 500 << 30,
                    over,
                },
                "total of the fleet above 500GiB",
            ),
            (
                Condition::UnaccountedAbove { bytes: 7 },
                "unaccounted above 7B",
            ),
        ] {
            assert_eq!(condition(given), expected);
        }
    }
}
