//! The differences between the constants of two environments.
//!
//! Values that may be shown are compared as they are. A masked value is compared by its fingerprint under the
//! deployment's key alone; without a key nothing is said of it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::filter::Filter;
use super::layers::setting::Setting;
use super::mask::MaskReason;
use super::overlay::{Constant, Status};
use super::read::Reading;
use super::view::{ConstantView, LinkView, ModelView};
use crate::deployment_key::Key;

/// Most differences of one answer.
pub const MAX_DIFFERENCES: usize = 1_000;

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
    fn of(view: ConstantView) -> Self {
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

/// One side in work: the constant and what may be shown of it.
struct Side<'r> {
    constant: &'r Constant,
    view: ConstantView,
}

/// Compares the constants of two environments that `filter` means, and says what is doubtful about it.
pub(super) fn compare(
    here: &Reading,
    there: &Reading,
    key: Option<&Key>,
    filter: &Filter,
) -> (Comparison, Vec<String>) {
    let mut sides: BTreeMap<&str, [Option<Side<'_>>; 2]> = BTreeMap::new();
    for (position, reading) in [here, there].into_iter().enumerate() {
        for constant in &reading.constants {
            let view = ConstantView::of(constant, reading.lists());
            let both = sides.entry(constant.name.as_str()).or_default();
            both[position] = Some(Side { constant, view });
        }
    }
    // A status means the constants that have it on either side.
    sides.retain(|_, both| {
        both.iter()
            .flatten()
            .any(|side| filter.allows(side.constant))
    });
    let mut counts = ComparisonCounts::default();
    let mut differences = Vec::new();
    let mut lacks_key = false;
    for (name, [here, there]) in sides {
        let difference = match (&here, &there) {
            (Some(_), None) => Some(Difference::OnlyHere),
            (None, _) => Some(Difference::OnlyThere),
            (Some(here), Some(there)) => match is_same(here, there, key) {
                Some(true) => None,
                Some(false) => Some(Difference::Different),
                None => {
                    lacks_key |= key.is_none();
                    Some(Difference::Unknown)
                }
            },
        };
        *match difference {
            None => &mut counts.same,
            Some(Difference::Different) => &mut counts.different,
            Some(Difference::OnlyHere) => &mut counts.only_here,
            Some(Difference::OnlyThere) => &mut counts.only_there,
            Some(Difference::Unknown) => &mut counts.unknown,
        } += 1;
        if let Some(difference) = difference {
            let module = here.as_ref().or(there.as_ref());
            differences.push(DifferenceView {
                name: name.to_owned(),
                module: module.and_then(|side| side.view.module.clone()),
                difference,
                here: here.map(|side| SideView::of(side.view)),
                there: there.map(|side| SideView::of(side.view)),
            });
        }
    }
    let mut warnings = Vec::new();
    if lacks_key {
        let doubt = "masked values are not compared: this deployment has no key";
        warnings.push(doubt.to_owned());
    }
    if !there.is_complete() {
        warnings.push(format!(
            "{} is partial: what differs may not, and what is the same may differ",
            there.environment()
        ));
    }
    if differences.len() > MAX_DIFFERENCES {
        warnings.push(format!(
            "only the first {MAX_DIFFERENCES} of {} differences are in this answer",
            differences.len()
        ));
        differences.truncate(MAX_DIFFERENCES);
    }
    let comparison = Comparison {
        environment: there.environment().to_owned(),
        as_of: there.as_of(),
        semantics: there.semantics().to_owned(),
        completeness: there.completeness().to_owned(),
        model: there.model().clone(),
        counts,
        differences,
    };
    (comparison, warnings)
}

/// Returns whether both have the same value; `None` when that cannot be told.
fn is_same(here: &Side<'_>, there: &Side<'_>, key: Option<&Key>) -> Option<bool> {
    let (one, other) = (&here.constant.setting, &there.constant.setting);
    match (one, other) {
        (Setting::Null, Setting::Null) => Some(true),
        (Setting::Null, _) | (_, Setting::Null) => Some(false),
        (Setting::Unseen, _) | (_, Setting::Unseen) | (Setting::Opaque, Setting::Opaque) => None,
        (Setting::Opaque, Setting::Text(_)) | (Setting::Text(_), Setting::Opaque) => Some(false),
        (Setting::Text(one), Setting::Text(other)) => {
            let (one, other) = (one.reveal(), other.reveal());
            if !here.view.masked && !there.view.masked {
                return Some(one == other);
            }
            // That one is empty is told anyway.
            if one.is_empty() || other.is_empty() {
                return Some(one == other);
            }
            let name = &here.constant.name;
            let key = key?;
            Some(key.fingerprint(name, one) == key.fingerprint(name, other))
        }
    }
}
