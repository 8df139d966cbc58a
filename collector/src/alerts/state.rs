//! What is known of an alert between two evaluations: where it holds, and what nobody was told yet.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use shared::clock::{self, rfc3339};
use shared::fleet::{Alert, Condition};
use shared::store::{AlertItem, Key, StoreError};

use super::RESEND_TIME;
use super::judge::{Judged, Verdict};
use super::message::{Event, Line, Notice};

/// Most messages of one alert that wait for their receivers; older ones are given up.
const MAX_UNSENT: usize = 20;

/// The state of an alert. Its stored form is its JSON: fields are added and never change.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct State {
    /// Where it holds, by subject.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) active: BTreeMap<String, Active>,
    /// Since when what has to last has been the case, by subject.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) lasting: BTreeMap<String, DateTime<Utc>>,
    /// What somebody was not told yet, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) unsent: Vec<Notice>,
    /// Until when a process is sending them, and no other does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sending_until: Option<DateTime<Utc>>,
}

/// A subject of which an alert holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Active {
    /// When it began.
    pub(super) since: DateTime<Utc>,
    /// What people call the subject.
    pub(super) name: String,
}

impl State {
    /// Returns the state of the alert `name` in an item; the first one without an item.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreadable`].
    pub(super) fn read(name: &str, item: Option<&AlertItem>) -> Result<Self, StoreError> {
        let Some(item) = item else {
            return Ok(Self::default());
        };
        serde_json::from_slice(&item.state).map_err(|error| StoreError::Unreadable {
            key: Key {
                partition: "ALERT".to_owned(),
                sort: name.to_owned(),
            },
            reason: error.to_string(),
        })
    }

    /// Returns the bytes of its stored form.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        // Cannot fail: no key of a map is anything but text.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Returns the state after `alert` was judged at `now`, with what there is to tell.
    #[must_use]
    pub(super) fn after(mut self, alert: &Alert, judged: Vec<Judged>, now: DateTime<Utc>) -> Self {
        let now = clock::whole_second(now);
        let (mut begun, mut ended) = (Vec::new(), Vec::new());
        let mut gone = std::mem::take(&mut self.active);
        let mut lasting = std::mem::take(&mut self.lasting);
        for Judged {
            subject,
            name,
            verdict,
            text,
        } in judged
        {
            let was = gone.remove(&subject);
            let since = lasting.remove(&subject);
            let verdict = match verdict {
                Verdict::HoldsOnceLasting(seen_at) => {
                    let since = since.unwrap_or(seen_at);
                    self.lasting.insert(subject.clone(), since);
                    match lasts(alert, since, now) {
                        true => Verdict::Holds,
                        false => Verdict::Undecided,
                    }
                }
                other => other,
            };
            match (was, verdict) {
                (None, Verdict::Holds) => {
                    begun.push(Line::new(&name, &text));
                    self.active.insert(subject, Active { since: now, name });
                }
                (Some(was), Verdict::Clear) => ended.push(Line::new(&was.name, &text)),
                (Some(was), _) => {
                    self.active.insert(subject, was);
                }
                (None, _) => {}
            }
        }
        let gone = gone.into_values();
        ended.extend(gone.map(|was| Line::new(&was.name, "it is no longer watched")));
        self.tell(alert, Event::Begun, begun, now);
        self.tell(alert, Event::Ended, ended, now);
        self.give_up(alert, now);
        self
    }

    fn tell(&mut self, alert: &Alert, event: Event, lines: Vec<Line>, now: DateTime<Utc>) {
        if lines.is_empty() {
            return;
        }
        let ids = alert.destinations.iter().map(|to| to.id().to_owned());
        let key = format!("{}/{}/{}", alert.name, event.as_str(), rfc3339(now));
        self.unsent
            .push(Notice::new(event, key, now, lines, ids.collect()));
    }

    /// Forgets what cannot be told: destinations that the alert no longer has, and messages that nobody took in time.
    fn give_up(&mut self, alert: &Alert, now: DateTime<Utc>) {
        for notice in &mut self.unsent {
            let is_known = |id: &String| alert.destinations.iter().any(|to| to.id() == id);
            notice.unsent_to.retain(is_known);
        }
        self.unsent.retain(|notice| !notice.unsent_to.is_empty());
        let too_many = self.unsent.len().saturating_sub(MAX_UNSENT);
        let mut index = 0;
        self.unsent.retain(|notice| {
            index += 1;
            let is_kept = index > too_many && now < clock::after(notice.at, RESEND_TIME);
            if !is_kept {
                tracing::error!(
                    alert = alert.name,
                    deduplication_key = notice.key,
                    "an alert was never delivered and is given up"
                );
            }
            is_kept
        });
    }
}

/// Returns whether what has been the case since `since` has lasted as long as the alert wants.
fn lasts(alert: &Alert, since: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    match alert.condition {
        Condition::FailingFor(time) => now >= clock::after(since, time),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::TimeDelta;
    use shared::fleet::Destination;
    use shared::testing::time::at;

    use super::*;

    const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:mrt";

    fn alert() -> Alert {
        Alert {
            name: "failing".to_owned(),
            environments: Vec::new(),
            condition: Condition::FailingFor(Duration::from_secs(7200)),
            destinations: vec![Destination::Sns {
                topic_arn: TOPIC.to_owned(),
                region: "eu-west-1".to_owned(),
            }],
        }
    }

    fn judged(verdict: Verdict) -> Vec<Judged> {
        vec![Judged {
            subject: "a/db/d".to_owned(),
            name: "a database d".to_owned(),
            verdict,
            text: "it is so".to_owned(),
        }]
    }

    fn hour(hour: i64) -> DateTime<Utc> {
        at("2026-01-12T10:00:00Z") + TimeDelta::hours(hour)
    }

    /// Returns the events that nobody was told yet.
    fn events(state: &State) -> Vec<Event> {
        state.unsent.iter().map(|notice| notice.event).collect()
    }

    fn told(mut state: State) -> State {
        state.unsent.clear();
        state
    }

    #[test]
    fn it_is_told_once_when_it_begins_and_once_when_it_ends() {
        let state = State::default().after(&alert(), judged(Verdict::Holds), hour(0));
        assert_eq!(events(&state), [Event::Begun]);
        assert_eq!(state.unsent[0].key, "failing/begun/2026-01-12T10:00:00Z");

        let mut state = told(state);
        for verdict in [Verdict::Holds, Verdict::Undecided, Verdict::Holds] {
            state = state.after(&alert(), judged(verdict), hour(1));
            assert_eq!(events(&state), []);
        }
        assert_eq!(state.active["a/db/d"].since, hour(0));
        let state = state.after(&alert(), judged(Verdict::Clear), hour(2));
        assert_eq!(events(&state), [Event::Ended]);

        let state = told(state);
        let state = state.after(&alert(), judged(Verdict::Undecided), hour(3));
        assert_eq!((events(&state), state), (vec![], State::default()));
    }

    #[test]
    fn what_has_to_last_begins_after_its_time_whatever_fails_in_between() {
        let failing = |hours: i64| judged(Verdict::HoldsOnceLasting(hour(hours)));

        let state = State::default().after(&alert(), failing(0), hour(0));
        let state = state.after(&alert(), failing(1), hour(1));
        assert_eq!(events(&state), []);
        let state = state.after(&alert(), failing(2), hour(2));
        assert_eq!(events(&state), [Event::Begun]);
        let state = told(state).after(&alert(), judged(Verdict::Clear), hour(3));
        assert_eq!(events(&state), [Event::Ended]);
        assert!(state.lasting.is_empty());
        let state = told(state).after(&alert(), failing(4), hour(4));
        assert_eq!(events(&state), [], "it counts from the new failure");
    }

    #[test]
    fn an_alert_of_a_target_that_is_gone_ends() {
        let state = State::default().after(&alert(), judged(Verdict::Holds), hour(0));

        let state = told(state).after(&alert(), Vec::new(), hour(1));

        assert_eq!(events(&state), [Event::Ended]);
        assert_eq!(
            state.unsent[0].lines,
            [Line::new("a database d", "it is no longer watched")]
        );
    }

    #[test]
    fn what_nobody_takes_is_sent_again_for_a_day_and_for_no_destination_that_is_gone() {
        let state = State::default().after(&alert(), judged(Verdict::Holds), hour(0));

        let kept = state
            .clone()
            .after(&alert(), judged(Verdict::Holds), hour(23));
        assert_eq!(events(&kept), [Event::Begun]);
        let late = state
            .clone()
            .after(&alert(), judged(Verdict::Holds), hour(24));
        assert_eq!(events(&late), []);
        let mut other = alert();
        other.destinations.clear();
        assert_eq!(
            events(&state.after(&other, judged(Verdict::Holds), hour(1))),
            []
        );
    }

    #[test]
    fn a_state_is_read_as_it_was_written_and_the_first_form_stays_readable() {
        let state = State::default().after(&alert(), judged(Verdict::Holds), hour(0));
        let item = |state: &[u8]| AlertItem {
            state: state.to_vec(),
            written_at: hour(0),
            version: 1,
        };

        let first_form = r#"{"active":{"a/db/d":{"since":"2026-01-12T10:00:00Z","name":"a database d"}},
            "unsent":[{"event":"begun","key":"failing/begun/2026-01-12T10:00:00Z","at":"2026-01-12T10:00:00Z",
            "subject_count":1,"lines":[{"subject":"a database d","text":"it is so"}],
            "unsent_to":["arn:aws:sns:eu-west-1:123456789012:mrt"]}]}"#;
        for bytes in [&state.to_bytes(), first_form.as_bytes()] {
            assert_eq!(State::read("failing", Some(&item(bytes))).unwrap(), state);
        }
        let damaged = State::read("failing", Some(&item(b"{")));
        assert!(matches!(damaged, Err(StoreError::Unreadable { .. })));
    }
}
