//! What one layer says of constants, whatever it was read from. Pure data: no I/O, no masking.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::setting::Setting;

/// Most values of one layer. A large app has some hundreds of constants.
pub const MAX_LAYER_CONSTANTS: usize = 10_000;

/// Value of one constant in one layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::constants) struct Entry {
    /// The value.
    pub(in crate::constants) setting: Setting,
    /// What the layer calls it, where that is not the constant's name: a variable, a key, a parameter.
    pub(in crate::constants) key: Option<String>,
    /// Whether it comes from a place for secrets, so that it is never shown.
    pub(in crate::constants) is_secret: bool,
    /// When it was set, where that is known.
    pub(in crate::constants) changed_at: Option<DateTime<Utc>>,
    /// Whether the layer gives the constant's own name, not one that it cannot be told from.
    pub(in crate::constants) is_name_exact: bool,
}

impl Entry {
    /// Returns a value that stands in a document under the constant's own name.
    pub(in crate::constants) fn of(setting: Setting) -> Self {
        Self {
            setting,
            key: None,
            is_secret: false,
            changed_at: None,
            is_name_exact: true,
        }
    }
}

/// Why a constant gets another value when the app starts next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PendingReason {
    /// The service's task definition sets another value than the one that the running tasks were started with.
    TaskDefinitionChanged,
    /// Running tasks were started with different values.
    TasksDiffer,
    /// The secret has a version that is newer than the oldest running task: this value may be another.
    SecretChanged,
    /// The parameter was changed after the oldest running task was started.
    ParameterChanged,
    /// The platform has another value configured than the deployed one.
    NotDeployed,
}

/// Everything that one layer says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::constants) struct LayerValues {
    /// Values by the constants' whole names; of several the last one counts.
    pub(in crate::constants) entries: BTreeMap<String, Vec<Entry>>,
    /// Names whose value in this layer will be another after the next start.
    pub(in crate::constants) pending: BTreeMap<String, PendingReason>,
    /// Why a value is pending that was changed after the app was started.
    pub(in crate::constants) change_reason: Option<PendingReason>,
    /// Whether it says what the running app was started with, not what it is configured with.
    pub(in crate::constants) is_running: bool,
    /// When the oldest running task was started.
    pub(in crate::constants) started_at: Option<DateTime<Utc>>,
    /// What makes it doubtful, sentences that follow the layer's name.
    pub(in crate::constants) warnings: Vec<String>,
    /// Whether it sets values that could not be told.
    pub(in crate::constants) is_partial: bool,
}

impl LayerValues {
    /// Returns the values of a document.
    pub(in crate::constants) fn of_settings(settings: BTreeMap<String, Setting>) -> Self {
        let entries = settings
            .into_iter()
            .map(|(name, setting)| (name, vec![Entry::of(setting)]));
        Self {
            entries: entries.collect(),
            ..Self::default()
        }
    }
}
