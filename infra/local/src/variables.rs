//! The variables that local mode reads.

use std::collections::BTreeMap;

use shared::config::{ProcessVariables, Variables};

/// Variables of a running demo, which take precedence over those of the process.
pub(crate) struct VariableOverrides(pub(crate) BTreeMap<String, String>);

impl Variables for VariableOverrides {
    fn get(&self, name: &str) -> Option<String> {
        self.0
            .get(name)
            .cloned()
            .or_else(|| ProcessVariables.get(name))
    }
}
