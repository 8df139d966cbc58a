//! Alerts of the fleet file: whether each holds, and telling it once when it begins and once when it ends.
//!
//! Reads the latest snapshots and no target. What was found is stored before anybody is told, and what was told after:
//! a message is sent at least once, and twice only if the process ends in between. Its key is the same then.

mod facts;
mod judge;
mod message;
mod notifier;
mod state;

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::{StreamExt, stream};
use shared::clock;
use shared::fleet::{Alert, Fleet};
use shared::store::{AlertItem, SnapshotReader, SnapshotWriter, StoreError, Written};
use shared::telemetry::error_chain;
use tokio::time::timeout;

use facts::Facts;
use message::Message;
use state::State;

pub use message::{Event, Line, Notice};
pub use notifier::{Notifier, SEND_TIMEOUT};

/// Longest time for all alerts: reading, and telling that takes its time. What is not told until then is told at the
/// next tick.
pub const ALERT_TIMEOUT: Duration = Duration::from_secs(60);
/// Time in which a message that nobody takes is sent again at each tick; then it is given up.
pub const RESEND_TIME: Duration = Duration::from_secs(86_400);
/// Time after which a state is written again although nothing changed, so that it does not expire.
const REWRITE_TIME: Duration = Duration::from_secs(86_400);
/// Alerts that are told at a time.
const AT_ONCE: usize = 8;

/// What evaluating alerts needs.
#[derive(Clone, Copy)]
pub struct AlertPorts<'a> {
    /// Which alerts and targets there are.
    pub fleet: &'a Fleet,
    /// What is known about the targets.
    pub snapshots: &'a SnapshotReader,
    /// What is known about the alerts.
    pub states: &'a SnapshotWriter,
    /// What time it is.
    pub now: DateTime<Utc>,
}

/// What came of one evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AlertReport {
    /// Alerts of the fleet file.
    pub alert_count: usize,
    /// Messages that were taken by who is told.
    pub sent_count: usize,
    /// Messages that were not; they are sent again.
    pub unsent_count: usize,
    /// Alerts whose state could not be read or written.
    pub failed_count: usize,
}

/// Evaluates all alerts of the fleet and tells what began and ended, within [`ALERT_TIMEOUT`].
///
/// A destination that fails harms no other, and an alert whose state is unreadable harms no other alert; both are logged
/// and counted.
///
/// Costs nothing without alerts; otherwise a query for each megabyte of latest items, and one read for each alert.
///
/// # Errors
///
/// [`StoreError`]: the latest snapshots could not be read, or reading took all the time.
pub async fn check(ports: AlertPorts<'_>, notifier: &Notifier) -> Result<AlertReport, StoreError> {
    if ports.fleet.alerts().is_empty() {
        return Ok(AlertReport::default());
    }
    let checking = async {
        let facts = Facts::read(ports.fleet, ports.snapshots, ports.now).await?;
        let alerts: Vec<_> = ports.fleet.alerts().iter().collect();
        let checks: Vec<_> = alerts
            .into_iter()
            .map(|alert| check_one(ports, alert, &facts, notifier))
            .collect();
        let checks = stream::iter(checks).buffer_unordered(AT_ONCE);
        let report = checks.fold(AlertReport::default(), async |sum, one| sum.with(one));
        Ok(report.await)
    };
    let report = timeout(ALERT_TIMEOUT, checking)
        .await
        .unwrap_or_else(|late| Err(StoreError::Unavailable(late.into())))?;
    tracing::info!(
        alert_count = report.alert_count,
        sent_count = report.sent_count,
        unsent_count = report.unsent_count,
        failed_count = report.failed_count,
        "alerts evaluated"
    );
    Ok(report)
}

/// A message that would be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// Name of the alert.
    pub alert: String,
    /// ARNs of topics and secrets, and names of variables.
    pub destinations: Vec<String>,
    /// Text of the message.
    pub text: String,
}

/// Returns what [`check`] would send now. Writes and sends nothing.
///
/// # Errors
///
/// [`StoreError`]: something could not be read.
pub async fn preview(ports: AlertPorts<'_>) -> Result<Vec<Preview>, StoreError> {
    let facts = Facts::read(ports.fleet, ports.snapshots, ports.now).await?;
    let mut previews = Vec::new();
    for alert in ports.fleet.alerts() {
        let known = ports.states.alert_state(&alert.name).await?;
        let state = State::read(&alert.name, known.as_ref())?;
        let state = state.after(alert, judge::judge(alert, &facts, ports.now), ports.now);
        previews.extend(state.unsent.iter().map(|notice| Preview {
            alert: alert.name.clone(),
            destinations: notice.unsent_to.iter().cloned().collect(),
            text: Message::of(alert, notice).text,
        }));
    }
    Ok(previews)
}

impl AlertReport {
    fn with(self, other: Self) -> Self {
        Self {
            alert_count: self.alert_count + other.alert_count,
            sent_count: self.sent_count + other.sent_count,
            unsent_count: self.unsent_count + other.unsent_count,
            failed_count: self.failed_count + other.failed_count,
        }
    }
}

async fn check_one(
    ports: AlertPorts<'_>,
    alert: &Alert,
    facts: &Facts,
    notifier: &Notifier,
) -> AlertReport {
    let mut report = AlertReport {
        alert_count: 1,
        ..AlertReport::default()
    };
    if let Err(error) = try_check(ports, alert, facts, notifier, &mut report).await {
        report.failed_count = 1;
        tracing::error!(
            alert = alert.name,
            error = error_chain(&error),
            "the state of an alert could not be read or kept"
        );
    }
    report
}

async fn try_check(
    ports: AlertPorts<'_>,
    alert: &Alert,
    facts: &Facts,
    notifier: &Notifier,
    report: &mut AlertReport,
) -> Result<(), StoreError> {
    let known = ports.states.alert_state(&alert.name).await?;
    let old = State::read(&alert.name, known.as_ref())?;
    if old.sending_until.is_some_and(|until| until > ports.now) {
        // Another process is sending. Had it ended on the way, the next tick would send instead.
        return Ok(());
    }
    let verdicts = judge::judge(alert, facts, ports.now);
    let mut state = old.clone().after(alert, verdicts, ports.now);
    let has_news = !state.unsent.is_empty();
    state.sending_until = has_news.then(|| clock::after(ports.now, ALERT_TIMEOUT));
    if state == old && !is_due(known.as_ref(), ports.now) {
        return Ok(());
    }
    let version = known.as_ref().map(|known| known.version);
    let written = keep(ports, alert, &state, version).await?;
    if written == Written::Conflict || !has_news {
        // After a conflict another process has found the same, and tells it.
        return Ok(());
    }
    report.sent_count = tell(alert, &mut state, notifier).await;
    report.unsent_count = state.unsent.iter().map(|one| one.unsent_to.len()).sum();
    state.sending_until = None;
    let version = Some(version.map_or(1, |version| version + 1));
    if keep(ports, alert, &state, version).await? == Written::Conflict {
        tracing::warn!(
            alert = alert.name,
            "another process changed the state of an alert: a message may be sent twice"
        );
    }
    Ok(())
}

fn is_due(known: Option<&AlertItem>, now: DateTime<Utc>) -> bool {
    known.is_some_and(|known| now >= clock::after(known.written_at, REWRITE_TIME))
}

async fn keep(
    ports: AlertPorts<'_>,
    alert: &Alert,
    state: &State,
    replaced: Option<u64>,
) -> Result<Written, StoreError> {
    let bytes = state.to_bytes();
    let kept = ports
        .states
        .keep_alert_state(&alert.name, &bytes, ports.now, replaced);
    kept.await
}

/// Sends what `state` has to tell, and notes what was taken; returns its number.
///
/// In order for each destination: after a message that one did not take, it gets no later one now.
async fn tell(alert: &Alert, state: &mut State, notifier: &Notifier) -> usize {
    let mut sent = 0;
    for destination in &alert.destinations {
        let id = destination.id();
        for notice in &mut state.unsent {
            if !notice.unsent_to.contains(id) {
                continue;
            }
            let message = Message::of(alert, notice);
            match notifier.send(destination, &message).await {
                Ok(()) => {
                    notice.unsent_to.remove(id);
                    sent += 1;
                }
                Err(failure) => {
                    tracing::warn!(
                        alert = alert.name,
                        destination = id,
                        failure.code = failure.code(),
                        "an alert was not delivered; it is sent again at the next tick"
                    );
                    break;
                }
            }
        }
    }
    state.unsent.retain(|notice| !notice.unsent_to.is_empty());
    sent
}
