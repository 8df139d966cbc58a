//! Report of one run: its log line and its metrics.

use std::time::Duration;

use chrono::{DateTime, Utc};
use shared::clock;
use shared::fleet::{Kind, TargetId};
use shared::store::StoreError;
use shared::telemetry::{Metric, Metrics, error_chain};

use super::outcome::Outcome;

/// Metric of runs whose history was not written.
pub(crate) const HISTORY_FAILURES: &str = "HistoryFailures";

/// One run of one target.
#[derive(Debug)]
pub struct Report {
    /// Kind of the target.
    pub kind: Kind,
    /// The target.
    pub target: TargetId,
    /// Scheduled time of the run.
    pub scheduled_at: DateTime<Utc>,
    /// How long measuring took.
    pub duration: Duration,
    /// Objects or tables that were seen, even if the run failed later.
    pub item_count: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// Why the run is not in the target's history yet; `None` when it is, or has nothing to add.
    pub history_error: Option<StoreError>,
}

impl Report {
    /// Writes the one log line of the run: `warn` for a run that will be retried, `error` where manual action is needed,
    /// `info` for all others.
    /// Its history, where that was not written, has a line of its own.
    pub fn log(&self) {
        if let Some(error) = &self.history_error {
            tracing::warn!(
                run.kind = self.kind.as_str(),
                target.id = self.target.as_str(),
                scheduled_at = clock::rfc3339(self.scheduled_at),
                error = error_chain(error),
                "history of {} not written, its next run will write what is missing",
                self.target
            );
        }
        let outcome = self.outcome.as_str();
        let scheduled_at = clock::rfc3339(self.scheduled_at);
        let duration_ms = self.duration_ms();
        if let Outcome::Stored { total_bytes, .. } = self.outcome {
            tracing::info!(
                run.kind = self.kind.as_str(),
                target.id = self.target.as_str(),
                scheduled_at,
                duration_ms,
                total_bytes,
                item_count = self.item_count,
                outcome,
                "{} measured: {total_bytes} bytes of {} items in {duration_ms} ms",
                self.target,
                self.item_count
            );
        } else if matches!(self.outcome, Outcome::Paused | Outcome::Skipped) {
            let what = if matches!(self.outcome, Outcome::Paused) {
                "is measured in parts, this part has ended"
            } else {
                "was skipped, another run measures it"
            };
            tracing::info!(
                run.kind = self.kind.as_str(),
                target.id = self.target.as_str(),
                scheduled_at,
                duration_ms,
                item_count = self.item_count,
                outcome,
                "{} {what}: {} items in {duration_ms} ms",
                self.target,
                self.item_count
            );
        } else if self.outcome.is_not_applicable() {
            tracing::info!(
                run.kind = self.kind.as_str(),
                target.id = self.target.as_str(),
                scheduled_at,
                duration_ms,
                outcome,
                failure.code = self.outcome.failure_code(),
                "{} has nothing to measure",
                self.target
            );
        } else if self.outcome.is_redelivered() {
            tracing::warn!(
                run.kind = self.kind.as_str(),
                target.id = self.target.as_str(),
                scheduled_at,
                duration_ms,
                item_count = self.item_count,
                outcome,
                failure.code = self.outcome.failure_code(),
                error = self.outcome.cause(),
                "{} not measured, its message will be delivered again",
                self.target
            );
        } else {
            tracing::error!(
                run.kind = self.kind.as_str(),
                target.id = self.target.as_str(),
                scheduled_at,
                duration_ms,
                item_count = self.item_count,
                outcome,
                failure.code = self.outcome.failure_code(),
                error = self.outcome.cause(),
                "{} not measured, manual action is needed",
                self.target
            );
        }
    }

    /// Writes the metrics of the run as of `now`; a run that was not started or measured nothing has none.
    ///
    /// `Failures` is 0 for a good run, and for a target that has nothing to measure, so that its average is the share of failed runs. `SnapshotAgeSeconds` is the time
    /// from the scheduled time until the snapshot can be read. `HistoryFailures` exists only where the history was not
    /// written.
    pub fn emit(&self, metrics: &Metrics, now: DateTime<Utc>) {
        if self.history_error.is_some() {
            let failures = [Metric::count(HISTORY_FAILURES, 1)];
            metrics.emit(now, self.kind.as_str(), &failures);
        }
        let duration = Metric::milliseconds("DurationMilliseconds", self.duration_ms());
        let run = Metric::count("Runs", 1);
        let kind = self.kind.as_str();
        match &self.outcome {
            Outcome::NotStarted | Outcome::Paused | Outcome::Skipped => {}
            Outcome::Stored { total_bytes, .. } => {
                let age_seconds = clock::seconds_between(self.scheduled_at, now);
                let values = [
                    run,
                    Metric::count("Failures", 0),
                    duration,
                    Metric::bytes("MeasuredBytes", *total_bytes),
                    Metric::count("MeasuredItems", self.item_count),
                    Metric::seconds("SnapshotAgeSeconds", age_seconds),
                ];
                metrics.emit(now, kind, &values);
            }
            outcome => {
                let failures = u64::from(!outcome.is_not_applicable());
                let failures = Metric::count("Failures", failures);
                metrics.emit(now, kind, &[run, failures, duration]);
            }
        }
    }

    fn duration_ms(&self) -> u64 {
        u64::try_from(self.duration.as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::error::MeasureError;
    use shared::clock::{Clock, FixedClock};
    use shared::store::Kept;

    fn report(outcome: Outcome) -> Report {
        Report {
            kind: Kind::Bucket,
            target: TargetId::from_text("acme-prod/s3/files//"),
            scheduled_at: FixedClock::at("2026-11-23T20:00:00Z").now(),
            duration: Duration::from_millis(1234),
            item_count: 3,
            outcome,
            history_error: None,
        }
    }

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// Returns what `report` logs: one line, as Lambda writes it.
    fn logged(report: &Report) -> serde_json::Value {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .without_time()
            .with_target(false)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || report.log());
        let bytes = lines.0.lock().unwrap().clone();
        serde_json::from_slice(&bytes).unwrap()
    }

    #[test]
    fn a_good_run_is_one_line_with_its_numbers() {
        let good = report(Outcome::Stored {
            kept: Kept::AsLatest,
            total_bytes: 42,
        });

        assert_eq!(
            logged(&good),
            serde_json::json!({
                "level": "INFO",
                "message": "acme-prod/s3/files// measured: 42 bytes of 3 items in 1234 ms",
                "run.kind": "bucket",
                "target.id": "acme-prod/s3/files//",
                "scheduled_at": "2026-11-23T20:00:00Z",
                "duration_ms": 1234,
                "total_bytes": 42,
                "item_count": 3,
                "outcome": "stored",
            })
        );
    }

    #[test]
    fn a_failed_run_is_an_error_only_if_manual_action_is_needed() {
        let permanent = MeasureError::permanent("access_denied", "listing was refused");
        let transient = MeasureError::transient("timeout", "no answer in time").caused_by("slow");

        let denied = logged(&report(Outcome::Failed(permanent)));
        let late = logged(&report(Outcome::Failed(transient)));

        assert_eq!(denied["level"], "ERROR");
        assert_eq!(denied["failure.code"], "access_denied");
        assert_eq!(late["level"], "WARN");
        let nothing = MeasureError::not_applicable("not_a_mendix_database", "no such table");
        let nothing = logged(&report(Outcome::Failed(nothing)));
        assert_eq!(nothing["level"], "INFO");
        assert_eq!(late["error"], "no answer in time: slow");
    }
}
