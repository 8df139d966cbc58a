//! Writing to standard output and standard error, which may be closed or full.

use std::io::{ErrorKind, Write};

use anyhow::Context;
use console::Term;
use serde::Serialize;

/// Writes the output of a command to standard output.
///
/// A closed pipe is no error: whoever reads has seen enough.
///
/// # Errors
///
/// Every other error of writing, such as a full disk.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut output = std::io::stdout().lock();
    let written = output
        .write_all(text.as_bytes())
        .and_then(|()| output.flush());
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("could not write to standard output"),
    }
}

/// Writes `value` to standard output as indented JSON with a final newline.
///
/// # Errors
///
/// As [`print()`].
pub(crate) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    print(&format!("{}\n", serde_json::to_string_pretty(value)?))
}

/// Returns the width of the terminal that standard output is; `None` if it is no terminal.
pub(crate) fn columns() -> Option<usize> {
    let (_rows, columns) = Term::stdout().size_checked()?;
    Some(columns.into())
}

/// Writes one line to standard error. If that fails, there is nobody to report it to.
pub(crate) fn print_error(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
