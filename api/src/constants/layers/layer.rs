//! The values that one layer sets, regardless of its source. Pure data: no I/O, no masking.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::setting::Setting;

/// Maximum number of constants in one layer. A large app has a few hundred.
pub const MAX_LAYER_CONSTANTS: usize = 10_000;

/// Value of one constant in one layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::constants) struct Entry {
    /// The value.
    pub(in crate::constants) setting: Setting,
    /// Its name in the layer, if it is not the constant's own name: a variable, a key, a parameter.
    pub(in crate::constants) key: Option<String>,
    /// Whether it comes from a secret store, so that it is never shown.
    pub(in crate::constants) is_secret: bool,
    /// Time of its last change, if known.
    pub(in crate::constants) changed_at: Option<DateTime<Utc>>,
    /// Whether the layer contains the constant's own name rather than an ambiguous one.
    pub(in crate::constants) is_name_exact: bool,
    /// Whether it is a null with which the value of the layers below stays.
    pub(in crate::constants) is_ignored: bool,
}

impl Entry {
    /// Returns an entry with the constant's own name.
    pub(in crate::constants) fn of(setting: Setting) -> Self {
        Self {
            setting,
            key: None,
            is_secret: false,
            changed_at: None,
            is_name_exact: true,
            is_ignored: false,
        }
    }
}

/// Why a constant's value changes at the app's next start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PendingReason {
    /// The service's task definition sets another value than that of the running tasks.
    TaskDefinitionChanged,
    /// Running tasks were started with different values.
    TasksDiffer,
    /// The secret has a version that is newer than the oldest running task, so its value may have changed.
    SecretChanged,
    /// The parameter was changed after the oldest running task was started.
    ParameterChanged,
    /// The configured value differs from the deployed one.
    NotDeployed,
}

/// All values that one layer sets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::constants) struct LayerValues {
    /// Values by full name; the last of several wins.
    pub(in crate::constants) entries: BTreeMap<String, Vec<Entry>>,
    /// Names whose value in this layer changes at the next start.
    pub(in crate::constants) pending: BTreeMap<String, PendingReason>,
    /// The reason for values that were changed after the app was started.
    pub(in crate::constants) change_reason: Option<PendingReason>,
    /// Whether it contains the values of the running app rather than the configured ones.
    pub(in crate::constants) is_running: bool,
    /// Start time of the oldest running task.
    pub(in crate::constants) started_at: Option<DateTime<Utc>>,
    /// Reasons why it may be wrong, as sentences whose subject is the layer.
    pub(in crate::constants) warnings: Vec<String>,
    /// Whether it sets values that could not be read.
    pub(in crate::constants) is_partial: bool,
    /// Names of the files that it includes, without their folders. They are layers of their own, or missing.
    pub(in crate::constants) includes: Vec<String>,
    /// Variables that override the constants of this layer and those below, in the order in which they apply.
    pub(in crate::constants) variables: BTreeMap<String, Vec<String>>,
}

impl LayerValues {
    /// Returns the values of a document.
    pub(in crate::constants) fn from_settings(settings: BTreeMap<String, Setting>) -> Self {
        let entries = settings
            .into_iter()
            .map(|(name, setting)| (name, vec![Entry::of(setting)]));
        Self {
            entries: entries.collect(),
            ..Self::default()
        }
    }
}
