//! What the doctor found, for people and for scripts.

use serde_json::json;

use super::checks::Check;

/// Prints a line for each thing that was looked at, and what to do below it.
#[expect(clippy::print_stdout, reason = "the answer to a person")]
pub(super) fn print(found: &[(String, Vec<Check>)]) {
    let mut ill_count = 0;
    for (environment, checks) in found {
        println!("{environment}");
        for check in checks {
            let mark = if check.fix.is_some() { "FIX" } else { "ok" };
            println!("  {mark:<4}{}: {}", check.what, check.finding);
            if let Some(fix) = &check.fix {
                ill_count += 1;
                println!("        -> {fix}");
            }
            for statement in &check.statements {
                println!("           {statement}");
            }
            for doubt in &check.doubts {
                println!("        ?  {doubt}");
            }
        }
    }
    match ill_count {
        0 => println!("All is well."),
        1 => println!("1 thing to fix."),
        count => println!("{count} things to fix."),
    }
}

/// Prints the same as JSON.
#[expect(clippy::print_stdout, reason = "the answer to a script")]
pub(super) fn print_json(found: &[(String, Vec<Check>)]) -> anyhow::Result<()> {
    let environments: Vec<_> = found
        .iter()
        .map(|(environment, checks)| json!({"environment": environment, "checks": checks}))
        .collect();
    let text = serde_json::to_string_pretty(&json!({"environments": environments}))?;
    println!("{text}");
    Ok(())
}
