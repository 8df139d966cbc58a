//! Prints the results of the checks.

use serde_json::json;

use super::checks::EnvironmentChecks;

/// Prints a line for each check, followed by its fix.
#[expect(clippy::print_stdout, reason = "the output of the command")]
pub(super) fn print(results: &[EnvironmentChecks]) {
    let mut problem_count = 0;
    for result in results {
        println!("{}", result.environment);
        for check in &result.checks {
            let mark = if check.fix.is_some() { "FIX" } else { "ok" };
            println!("  {mark:<4}{}: {}", check.what, check.finding);
            if let Some(fix) = &check.fix {
                problem_count += 1;
                println!("        -> {fix}");
            }
            for statement in &check.statements {
                println!("           {statement}");
            }
            for warning in &check.warnings {
                println!("        !  {warning}");
            }
        }
    }
    match problem_count {
        0 => println!("No problems found."),
        1 => println!("1 problem found."),
        count => println!("{count} problems found."),
    }
}

/// Prints the same as JSON.
#[expect(clippy::print_stdout, reason = "the output of the command")]
pub(super) fn print_json(results: &[EnvironmentChecks]) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(&json!({"environments": results}))?;
    println!("{text}");
    Ok(())
}
