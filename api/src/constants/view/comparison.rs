//! How the constants of two environments differ, as JSON.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::constant::{ConstantView, LinkView, ModelView};
use crate::constants::mask::MaskReason;
use crate::constants::overlay::Status;

/// How two environments differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Comparison {
    /// Name of the other environment.
    pub environment: String,
    /// Time at which its layers were read, RFC 3339 UTC.
    pub as_of: DateTime<Utc>,
    /// Meaning of its values, as `semantics` in the answer.
    pub semantics: String,
    /// Whether all its values could be read, as `completeness` in the answer.
    pub completeness: String,
    /// Its model.
    pub model: ModelView,
    /// Number of constants in both environments.
    pub counts: ComparisonCounts,
    /// Constants that differ, ordered by name, at most 1,000.
    pub differences: Vec<DifferenceView>,
}

/// Number of constants in two environments that the filters select.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ComparisonCounts {
    /// Constants with the same value.
    pub same: u64,
    /// Constants with different values.
    pub different: u64,
    /// Constants that only this environment has.
    pub only_here: u64,
    /// Constants that only the other environment has.
    pub only_there: u64,
    /// Constants that could not be compared: a value was not read, or it is masked and there is no deployment key.
    pub unknown: u64,
}

/// How one constant differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// Both environments have it, with different values.
    Different,
    /// Only this environment has it.
    OnlyHere,
    /// Only the other environment has it.
    OnlyThere,
    /// Both environments have it, but the values could not be compared.
    Unknown,
}

/// A constant that differs between the environments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DifferenceView {
    /// Full name, `Module.Constant`.
    pub name: String,
    /// Module in the name; null if there is none.
    pub module: Option<String>,
    /// How it differs.
    pub difference: Difference,
    /// The constant in this environment; null if it has none.
    pub here: Option<SideView>,
    /// The constant in the other environment; null if it has none.
    pub there: Option<SideView>,
}

/// One environment's side of a difference. The fields have the same meaning as in a constant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SideView {
    /// Origin of the value.
    pub status: Status,
    /// Source of the value.
    pub source: LinkView,
    /// Value as text; null if it is masked or there is none.
    pub value: Option<String>,
    /// Whether the value is masked.
    pub masked: bool,
    /// Why the value is masked; null if it is not.
    pub mask_reason: Option<MaskReason>,
    /// Whether there is a value.
    pub is_set: bool,
    /// Whether the value is empty; null if it was not read.
    pub is_empty: Option<bool>,
}

impl SideView {
    pub(in crate::constants) fn of(view: ConstantView) -> Self {
        Self {
            status: view.status,
            source: view.source,
            value: view.value,
            masked: view.masked,
            mask_reason: view.mask_reason,
            is_set: view.is_set,
            is_empty: view.is_empty,
        }
    }
}
