//! Log lines and CloudWatch metrics.
//!
//! In Lambda both are JSON lines on standard output: CloudWatch extracts metrics from lines in its embedded metric
//! format. In local mode log lines are for people, and there are no metrics.
//!
//! Never logged: tokens, passwords, names of users, values of constants, request bodies. Messages are lower case without
//! a full stop; identifiers and numbers are fields, with the unit in the name. A failure is logged once, where it becomes
//! an outcome: `warn` if something is degraded, `error` if someone must act.

use std::io::{IsTerminal, Write};

use chrono::{DateTime, Utc};
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::debug_fn;
use tracing_subscriber::fmt::time::ChronoUtc;
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::LookupSpan;

use crate::config::{LOG_LEVEL, LOG_LEVELS, Variables};
use crate::printable::printable;

/// Lambda's variable with the name of the function.
const FUNCTION_NAME: &str = "AWS_LAMBDA_FUNCTION_NAME";
/// Namespace of all metrics.
pub const METRIC_NAMESPACE: &str = "MRT";

/// Log targets of the AWS SDK, whose warnings repeat whole requests. What they lead to is reported as our own error.
const SDK_TARGETS: [&str; 4] = [
    "aws_config",
    "aws_credential_types",
    "aws_runtime",
    "aws_smithy_runtime",
];

/// Log targets of the workspace's own crates.
const OWN_TARGETS: [&str; 4] = ["api", "collector", "shared", "mrt"];

/// Where log lines go and what they look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON lines on standard output, without a time because CloudWatch Logs adds its own.
    Lambda,
    /// Lines for people on standard error.
    Terminal,
}

/// Starts logging. Only the first call of a process has an effect.
///
/// An unknown level in [`LOG_LEVEL`] counts as `info` here, so that the error can be logged: reading the configuration
/// reports it. Lines that cannot be written are lost: reporting them on a closed standard error would end the process.
pub fn start(format: Format, variables: &dyn Variables) {
    let level = variables.get(LOG_LEVEL).unwrap_or_default();
    let level = level.to_ascii_lowercase();
    let known = LOG_LEVELS.into_iter().find(|known| *known == level);
    let mut filter = filter(known.unwrap_or("info"));
    if format == Format::Terminal {
        filter = filter.with_targets(SDK_TARGETS.map(|target| (target, LevelFilter::OFF)));
    }
    let registry = tracing_subscriber::registry().with(filter);
    let started = match format {
        Format::Lambda => registry
            .with(
                tracing_subscriber::fmt::layer()
                    .json()
                    .flatten_event(true)
                    .with_current_span(false)
                    .log_internal_errors(false)
                    .without_time(),
            )
            .try_init(),
        Format::Terminal => registry
            .with(terminal(std::io::stderr, std::io::stderr().is_terminal()))
            .try_init(),
    };
    // A second start in one process, as in tests, has no effect.
    drop(started);
}

/// Returns the layer that writes lines for people. It escapes what a terminal would obey: fields may have names from
/// databases, keys from buckets and paths of requests.
fn terminal<S, W>(writer: W, has_colours: bool) -> impl Layer<S>
where
    S: Subscriber + for<'s> LookupSpan<'s>,
    W: for<'w> MakeWriter<'w> + 'static,
{
    let fields = debug_fn(|writer, field, value| {
        let value = printable(&format!("{value:?}"));
        match field.name() {
            "message" => write!(writer, "{value}"),
            name => write!(writer, "{name}={value}"),
        }
    });
    tracing_subscriber::fmt::layer()
        .compact()
        .fmt_fields(fields.delimited(" "))
        .with_ansi(has_colours)
        .with_timer(ChronoUtc::new("%H:%M:%SZ".to_owned()))
        .with_target(false)
        .log_internal_errors(false)
        .with_writer(writer)
}

/// Returns the filter that logs the workspace's crates at `level`, or at `info` if that is not one of `LOG_LEVELS`.
///
/// Libraries log requests and headers at low levels, so they stay at `warn`. The audit log (target `audit`) is written
/// at every level. Not an `EnvFilter`, whose regular expressions would add to every function's zip.
pub fn filter(level: &str) -> Targets {
    let level = level.parse().unwrap_or(LevelFilter::INFO);
    Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target("audit", LevelFilter::INFO)
        .with_targets(OWN_TARGETS.map(|target| (target, level)))
        .with_target("s3s", LevelFilter::ERROR)
}

/// Writes metrics in CloudWatch's embedded metric format, or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Metrics {
    /// One JSON line per call on standard output, with this name of the function.
    Embedded(String),
    /// No metrics.
    Off,
}

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    name: &'static str,
    /// Unit, in the spelling of CloudWatch.
    unit: &'static str,
    value: u64,
}

impl Metric {
    /// Returns a number of things.
    pub fn count(name: &'static str, value: u64) -> Self {
        Self::new(name, "Count", value)
    }

    /// Returns a size in bytes.
    pub fn bytes(name: &'static str, value: u64) -> Self {
        Self::new(name, "Bytes", value)
    }

    /// Returns a span of seconds.
    pub fn seconds(name: &'static str, value: u64) -> Self {
        Self::new(name, "Seconds", value)
    }

    /// Returns a span of milliseconds.
    pub fn milliseconds(name: &'static str, value: u64) -> Self {
        Self::new(name, "Milliseconds", value)
    }

    fn new(name: &'static str, unit: &'static str, value: u64) -> Self {
        Self { name, unit, value }
    }
}

impl Metrics {
    /// Returns metrics of the Lambda function that this process is.
    ///
    /// The function's name separates the metrics and alarms of two deployments in one account.
    pub fn of_function(variables: &dyn Variables) -> Self {
        Self::Embedded(variables.get(FUNCTION_NAME).unwrap_or_default())
    }

    /// Writes `metrics` with two dimensions: `kind` and the name of the function.
    pub fn emit(&self, now: DateTime<Utc>, kind: &str, metrics: &[Metric]) {
        let Self::Embedded(function) = self else {
            return;
        };
        let line = embedded_line(now, kind, function, metrics);
        // A metric that cannot be written must not fail the run.
        let _ = writeln!(std::io::stdout().lock(), "{line}");
    }
}

fn embedded_line(
    now: DateTime<Utc>,
    kind: &str,
    function: &str,
    metrics: &[Metric],
) -> serde_json::Value {
    let declared: Vec<_> = metrics
        .iter()
        .map(|metric| serde_json::json!({"Name": metric.name, "Unit": metric.unit}))
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
    for metric in metrics {
        line[metric.name] = metric.value.into();
    }
    line
}

/// Returns the message of `error` and of all its sources on one line, without those that repeat the one before.
pub fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let message = cause.to_string();
        if !text.ends_with(&message) {
            text = format!("{text}: {message}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing::Level;

    use super::*;
    use crate::clock::{Clock, FixedClock};

    /// A log that is kept.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn names_in_text_logs_are_no_commands_for_a_terminal() {
        let kept = Kept::default();
        let writer = kept.clone();
        let layer = terminal(move || writer.clone(), false);
        let name = "a\u{1b}[31m\nb\u{202e}\rc";

        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::warn!(table = name, path = %name, count = 3, "{name} is not sized");
        });

        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        let shown = r"a\u{1b}[31m\u{a}b\u{202e}\u{d}c";
        assert!(text.contains(&format!("{shown} is not sized")), "{text}");
        assert!(text.contains(&format!("path={shown} count=3")), "{text}");
        let line = text.strip_suffix('\n').unwrap();
        assert!(!line.contains(char::is_control), "{line:?}");
    }

    #[test]
    fn libraries_stay_at_warn_and_the_audit_log_is_written_at_every_level() {
        let filter = |level| move |target: &str, of: Level| filter(level).would_enable(target, &of);

        let (quiet, verbose, unknown) = (filter("error"), filter("trace"), filter("loud"));

        assert!(quiet("collector::run", Level::ERROR) && !quiet("collector::run", Level::WARN));
        assert!(quiet("audit", Level::INFO) && !quiet("audit", Level::DEBUG));
        for own in ["api::lambda", "collector::run", "shared::warm_up", "mrt"] {
            assert!(verbose(own, Level::TRACE), "{own}");
        }
        assert!(verbose("hyper::client", Level::WARN) && !verbose("hyper::client", Level::INFO));
        assert!(verbose("s3s", Level::ERROR) && !verbose("s3s", Level::WARN));
        assert!(unknown("api", Level::INFO) && !unknown("api", Level::DEBUG));
    }

    #[test]
    fn a_chain_of_errors_says_nothing_twice() {
        #[derive(Debug, thiserror::Error)]
        #[error("no answer")]
        struct Inner;
        #[derive(Debug, thiserror::Error)]
        #[error("{0}")]
        struct Transparent(#[source] Inner);
        #[derive(Debug, thiserror::Error)]
        #[error("not measured")]
        struct Outer(#[source] Transparent);

        assert_eq!(
            error_chain(&Outer(Transparent(Inner))),
            "not measured: no answer"
        );
    }

    #[test]
    fn metric_lines_follow_the_embedded_metric_format() {
        let now = FixedClock::at("2026-01-01T00:00:00Z").now();

        let line = embedded_line(
            now,
            "bucket",
            "acme-collect",
            &[Metric::count("Runs", 1), Metric::bytes("MeasuredBytes", 42)],
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
