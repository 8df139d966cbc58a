//! `mrt aws-parameters`: prints what a fleet file means for the parameters of a deployment on AWS. Calls nothing.

mod derive;
mod patterns;

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use shared::fleet::{DISCOVERED, Fleet};

use self::derive::{Derived, Home, derive};
use super::format::printable;
use crate::output;

/// Prints the parameters that the fleet file at the path `fleet` needs in `account` and `region`, as TOML.
pub(crate) fn run(fleet: &str, account: &str, region: &str) -> anyhow::Result<ExitCode> {
    if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
        bail!("--account is not twelve digits");
    }
    let text = std::fs::read_to_string(fleet).with_context(|| format!("could not read {fleet}"))?;
    let mut parsed = Fleet::parse(fleet, &text)?;
    let beside = Path::new(fleet).with_file_name(DISCOVERED);
    if parsed.discover().is_some() && beside.exists() {
        let name = beside.display().to_string();
        let text =
            std::fs::read_to_string(&beside).with_context(|| format!("could not read {name}"))?;
        let (merged, faults) = parsed.with_discovered(&name, &text)?;
        for fault in faults {
            let line = format!("mrt: {name}:{}: {}", fault.line, fault.reason);
            output::print_error(&printable(&line));
        }
        parsed = merged;
    }
    let derived = derive(&parsed, &Home { account, region })?;
    for warning in &derived.warnings {
        output::print_error(&printable(&format!("mrt: {warning}")));
    }
    output::print(&toml(&derived))?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the parameters as TOML: a list with one text on each line.
fn toml(derived: &Derived) -> String {
    let mut text = String::new();
    for (name, values) in &derived.lists {
        let _ = writeln!(text, "{name} = [");
        for value in values {
            let _ = writeln!(text, "  \"{value}\",");
        }
        let _ = writeln!(text, "]");
    }
    for (name, value) in &derived.texts {
        let _ = writeln!(text, "{name} = \"{value}\"");
    }
    text
}
