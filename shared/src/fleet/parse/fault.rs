//! Faults of a fleet file.

use std::fmt;

/// One fault of a fleet file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Line in the file, from 1.
    pub line: usize,
    /// Path of the field, such as `environment[2].database.engine`; empty for the whole file.
    pub field: String,
    /// What is wrong and what is allowed.
    pub reason: String,
}

/// All faults of a fleet file, in the order of their lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetFaults {
    /// Name of the file.
    pub file: String,
    /// At least one fault.
    pub faults: Vec<Fault>,
}

impl fmt::Display for FleetFaults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            let colon = if fault.field.is_empty() { "" } else { ": " };
            write!(
                formatter,
                "{separator}{}:{}: {}{colon}{}",
                self.file, fault.line, fault.field, fault.reason
            )?;
        }
        Ok(())
    }
}

impl std::error::Error for FleetFaults {}

/// Collects the faults of the file `text`.
pub(super) struct Faults<'a> {
    pub(super) text: &'a str,
    pub(super) list: Vec<Fault>,
}

impl Faults<'_> {
    pub(super) fn add(&mut self, offset: usize, field: &str, reason: impl Into<String>) {
        let before = self.text.as_bytes().iter().take(offset);
        let line = 1 + before.filter(|byte| **byte == b'\n').count();
        self.list.push(Fault {
            line,
            field: field.to_owned(),
            reason: reason.into(),
        });
    }
}
