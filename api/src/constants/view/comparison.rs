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
    /// When its layers were read, RFC 3339 UTC.
    pub as_of: DateTime<Utc>,
    /// What its values mean, as `semantics` of the answer.
    pub semantics: String,
    /// Whether its values may be others, as `completeness` of the answer.
    pub completeness: String,
    /// Its model.
    pub model: ModelView,
    /// Numbers of constants of both.
    pub counts: ComparisonCounts,
    /// Constants that are not the same, in the order of their names, at most 1,000.
    pub differences: Vec<DifferenceView>,
}

/// Numbers of constants of two environments, of those that the filters mean.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ComparisonCounts {
    /// Those with the same value.
    pub same: u64,
    /// Those with different values.
    pub different: u64,
    /// Those that only this environment has.
    pub only_here: u64,
    /// Those that only the other environment has.
    pub only_there: u64,
    /// Those of which it cannot be told: a value was not read, or it is masked and there is no deployment key.
    pub unknown: u64,
}

/// How one constant differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// Both have it with different values.
    Different,
    /// Only this environment has it.
    OnlyHere,
    /// Only the other environment has it.
    OnlyThere,
    /// Both have it; whether with the same value cannot be told.
    Unknown,
}

/// A constant that is not the same in both environments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DifferenceView {
    /// Whole name, `Module.Constant`.
    pub name: String,
    /// Module of the name; null when it has none.
    pub module: Option<String>,
    /// How it differs.
    pub difference: Difference,
    /// This environment's; null when it has no such constant.
    pub here: Option<SideView>,
    /// The other environment's; null when it has no such constant.
    pub there: Option<SideView>,
}

/// One environment's side of a difference. Fields mean what they mean of a constant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SideView {
    /// How the constant comes by its value.
    pub status: Status,
    /// Where its value comes from.
    pub source: LinkView,
    /// Its value; null when it is masked or there is none.
    pub value: Option<String>,
    /// Whether the value is kept back.
    pub masked: bool,
    /// Why it is kept back.
    pub mask_reason: Option<MaskReason>,
    /// Whether it has a value.
    pub is_set: bool,
    /// Whether its value is the empty text; null when it was not read.
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
