//! The one-shot commands: one file each.

pub(crate) mod alerts;
pub(crate) mod aws_parameters;
pub(crate) mod bucket_size;
pub(crate) mod discover;
pub(crate) mod doctor;
mod fleet;
mod format;
pub(crate) mod grants;
pub(crate) mod history;
pub(crate) mod invoke;
mod progress;
pub(crate) mod table_size;
pub(crate) mod token;

use std::process::ExitCode;

use collector::MeasureError;
use shared::snapshot::Completeness;

use self::format::printable;
use crate::output;

/// Environment of one-shot measurements, which belong to no fleet.
const ENVIRONMENT: &str = "command-line";

/// Returns the exit code of a measurement: 0 complete, 3 partial.
fn exit_code(completeness: Completeness) -> ExitCode {
    match completeness {
        Completeness::Complete => ExitCode::SUCCESS,
        Completeness::Partial => ExitCode::from(3),
    }
}

/// Reports a failed measurement and returns its exit code, 1.
fn report_failure(what: &str, error: &MeasureError) -> ExitCode {
    let line = format!("mrt: {what}: {} ({})", error.reason, error.code);
    output::print_error(&printable(&line));
    if let Some(detail) = &error.detail {
        output::print_error(&printable(&format!("mrt: {detail}")));
    }
    if let Some(source) = std::error::Error::source(error) {
        tracing::debug!(error = %shared::telemetry::error_chain(source), "cause of the failure");
    }
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_measurement_is_never_a_success() {
        let shown = |completeness| format!("{:?}", exit_code(completeness));

        assert_eq!(
            shown(Completeness::Complete),
            format!("{:?}", ExitCode::from(0))
        );
        assert_eq!(
            shown(Completeness::Partial),
            format!("{:?}", ExitCode::from(3))
        );
    }
}
