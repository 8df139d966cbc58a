//! Log lines and CloudWatch metrics.
//!
//! In Lambda both are JSON lines on standard output: CloudWatch reads metrics out of lines in its embedded
//! metric format. On one machine log lines are for people and metrics are left out.
//!
//! Never logged: tokens, passwords, names of users, values of constants, request bodies. Messages are lower
//! case without a full stop; identifiers and numbers are fields, with the unit in the name. A failure is
//! logged once, where it becomes an outcome: `warn` when something is degraded, `error` when someone must act.

use std::io::{IsTerminal, Write};

use chrono::{DateTime, Utc};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::time::ChronoUtc;
use tracing_subscriber::prelude::*;

use crate::config::{LOG_LEVEL, LOG_LEVELS, Variables};

/// Variable that Lambda sets to the function's name.
const FUNCTION_NAME: &str = "AWS_LAMBDA_FUNCTION_NAME";
/// Namespace of all metrics.
pub const METRIC_NAMESPACE: &str = "MRT";

/// Beginnings of the places that our own lines come from: the crates.
const OUR_TARGETS: [&str; 4] = ["api", "collector", "shared", "mrt"];

/// Where log lines go and what they look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON lines on standard output without a time: CloudWatch Logs adds its own.
    Lambda,
    /// Lines for people on standard error.
    Terminal,
}

/// Starts logging. Only the first call of a process has an effect.
///
/// An unknown level in [`LOG_LEVEL`] counts as `info` here, so that the fault itself can be logged: reading the
/// configuration refuses it.
pub fn start(format: Format, variables: &dyn Variables) {
    let level = variables.get(LOG_LEVEL).unwrap_or_default();
    let level = level.to_ascii_lowercase();
    let known = LOG_LEVELS.into_iter().find(|known| *known == level);
    let registry = tracing_subscriber::registry().with(filter(known.unwrap_or("info")));
    let started = match format {
        Format::Lambda => registry
            .with(
                tracing_subscriber::fmt::layer()
                    .json()
                    .flatten_event(true)
                    .with_current_span(false)
                    .without_time(),
            )
            .try_init(),
        Format::Terminal => registry
            .with(
                tracing_subscriber::fmt::layer()
                    .compact()
                    .with_ansi(std::io::stderr().is_terminal())
                    .with_timer(ChronoUtc::new("%H:%M:%SZ".to_owned()))
                    .with_target(false)
                    .with_writer(std::io::stderr),
            )
            .try_init(),
    };
    // A second start in one process, as in tests, keeps the first.
    drop(started);
}

/// Returns what is logged at `level` of ours; `info` where it is none of `LOG_LEVELS`.
///
/// Libraries log requests and headers at their lower levels, so those stay quiet at any level of ours. Who was shown
/// what (target `audit`) is logged at every level. Not an `EnvFilter`: its regular expressions would be in every
/// function.
pub fn filter(level: &str) -> Targets {
    let level = level.parse().unwrap_or(LevelFilter::INFO);
    Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target("audit", LevelFilter::INFO)
        .with_targets(OUR_TARGETS.map(|target| (target, level)))
        .with_target("s3s", LevelFilter::ERROR)
}

/// Writes metrics in CloudWatch's embedded metric format, or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Metrics {
    /// One JSON line per call on standard output, of the function with this name.
    Embedded(String),
    /// Left out.
    Off,
}

/// One metric's name, unit as CloudWatch names it, and value.
pub type Metric<'a> = (&'a str, &'a str, u64);

impl Metrics {
    /// Returns metrics of the Lambda function that this process is.
    ///
    /// Functions of two deployments in one account have two names, and so do their metrics and alarms.
    pub fn of_function(variables: &dyn Variables) -> Self {
        Self::Embedded(variables.get(FUNCTION_NAME).unwrap_or_default())
    }

    /// Writes `metrics` with two dimensions: the kind of target, and the function.
    pub fn emit(&self, now: DateTime<Utc>, kind: &str, metrics: &[Metric<'_>]) {
        let Self::Embedded(function) = self else {
            return;
        };
        let line = embedded_line(now, (kind, function), metrics);
        // A log line that cannot be written must not fail the run that it is about.
        let _ = writeln!(std::io::stdout().lock(), "{line}");
    }
}

fn embedded_line(
    now: DateTime<Utc>,
    (kind, function): (&str, &str),
    metrics: &[Metric<'_>],
) -> serde_json::Value {
    let declared: Vec<_> = metrics
        .iter()
        .map(|(name, unit, _)| serde_json::json!({"Name": name, "Unit": unit}))
        .collect();
    let mut line = serde_json::json!({
        "_aws": {
            "Timestamp": now.timestamp_millis(),
            "CloudWatchMetrics": [{
                "Namespace": METRIC_NAMESPACE,
                "Dimensions": [["Kind", "FunctionName"]],
                "Metrics": declared,
            }],
        },
        "Kind": kind,
        "FunctionName": function,
    });
    for (name, _, value) in metrics {
        line[*name] = (*value).into();
    }
    line
}

/// Returns the message of `error` and of all its sources on one line.
pub fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;
    use crate::clock::{Clock, FixedClock};

    #[test]
    fn libraries_stay_quiet_and_the_audit_is_heard_at_every_level_of_ours() {
        let filter = |level| move |target: &str, of: Level| filter(level).would_enable(target, &of);

        let (quiet, loud, odd) = (filter("error"), filter("trace"), filter("loud"));

        assert!(quiet("collector::run", Level::ERROR) && !quiet("collector::run", Level::WARN));
        assert!(quiet("audit", Level::INFO) && !quiet("audit", Level::DEBUG));
        for ours in ["api::lambda", "collector::run", "shared::warm_up", "mrt"] {
            assert!(loud(ours, Level::TRACE), "{ours}");
        }
        assert!(loud("hyper::client", Level::WARN) && !loud("hyper::client", Level::INFO));
        assert!(loud("s3s", Level::ERROR) && !loud("s3s", Level::WARN));
        assert!(odd("api", Level::INFO) && !odd("api", Level::DEBUG));
    }

    #[test]
    fn metric_lines_follow_the_embedded_metric_format() {
        let now = FixedClock::at("2026-01-01T00:00:00Z").now();

        let line = embedded_line(
            now,
            ("bucket", "acme-collect"),
            &[("Runs", "Count", 1), ("MeasuredBytes", "Bytes", 42)],
        );

        assert_eq!(
            line,
            serde_json::json!({
                "_aws": {
                    "Timestamp": 1_767_225_600_000_u64,
                    "CloudWatchMetrics": [{
                        "Namespace": "MRT",
                        "Dimensions": [["Kind", "FunctionName"]],
                        "Metrics": [{"Name": "Runs", "Unit": "Count"}, {"Name": "MeasuredBytes", "Unit": "Bytes"}],
                    }],
                },
                "Kind": "bucket",
                "FunctionName": "acme-collect",
                "Runs": 1,
                "MeasuredBytes": 42,
            })
        );
    }
}
