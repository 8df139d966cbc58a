//! The results of the checks as text.

use std::fmt::Write;

use super::super::format::printable;
use super::check::Check;
use super::checks::EnvironmentChecks;

/// Returns a line for each check, followed by its fix: those of each environment, then the others.
pub(super) fn text(results: &[EnvironmentChecks], title: &str, others: &[Check]) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let mut line = |line: String| {
        let _ = writeln!(text, "{}", printable(&line));
    };
    let mut problem_count = 0;
    let environments = results
        .iter()
        .map(|result| (result.environment.as_str(), result.checks.as_slice()));
    let others = (!others.is_empty()).then_some((title, others));
    for (title, checks) in environments.chain(others) {
        line(title.to_owned());
        for check in checks {
            let mark = if check.fix.is_some() { "FIX" } else { "ok" };
            line(format!("  {mark:<4}{}: {}", check.what, check.finding));
            if let Some(fix) = &check.fix {
                problem_count += 1;
                line(format!("        -> {fix}"));
            }
            for statement in &check.statements {
                line(format!("           {statement}"));
            }
            for warning in &check.warnings {
                line(format!("        !  {warning}"));
            }
        }
    }
    line(match problem_count {
        0 => "No problems found.".to_owned(),
        1 => "1 problem found.".to_owned(),
        count => format!("{count} problems found."),
    });
    text
}
