//! Compares the constants of two environments.
//!
//! Values that may be shown are compared directly. Masked values are compared only by their fingerprints under the
//! deployment's key; without a key, they are not compared.

use std::collections::BTreeMap;

use super::filter::Filter;
use super::layers::setting::Setting;
use super::overlay::Constant;
use super::read::Reading;
use super::view::comparison::{Comparison, ComparisonCounts, Difference, DifferenceView, SideView};
use super::view::constant::ConstantView;
use shared::deployment_key::Key;

/// Maximum number of differences in one answer.
pub const MAX_DIFFERENCES: usize = 1_000;

/// One environment's side: the constant, and what may be shown of it.
struct Side<'r> {
    constant: &'r Constant,
    view: ConstantView,
}

/// Compares the constants that `filter` selects; returns the comparison and its warnings.
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
    // A status selects the constants that have it on either side.
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
        let warning = "masked values are not compared: this deployment has no key";
        warnings.push(warning.to_owned());
    }
    if !there.is_complete() {
        warnings.push(format!(
            "{} is partial: the comparison may be wrong for any constant",
            there.environment()
        ));
    }
    if differences.len() > MAX_DIFFERENCES {
        warnings.push(format!(
            "this answer contains only the first {MAX_DIFFERENCES} of {} differences",
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

/// Returns whether both sides have the same value; `None` if that is unknown.
fn is_same(here: &Side<'_>, there: &Side<'_>, key: Option<&Key>) -> Option<bool> {
    let (one, other) = (&here.constant.setting, &there.constant.setting);
    match (one, other) {
        (Setting::Null, Setting::Null) => Some(true),
        (Setting::Null, _) | (_, Setting::Null) => Some(false),
        (Setting::Unread, _) | (_, Setting::Unread) | (Setting::Opaque, Setting::Opaque) => None,
        (Setting::Opaque, Setting::Text(_)) | (Setting::Text(_), Setting::Opaque) => Some(false),
        (Setting::Text(one), Setting::Text(other)) => {
            let (one, other) = (one.reveal(), other.reveal());
            if !here.view.masked && !there.view.masked {
                return Some(one == other);
            }
            // The answer shows anyway which values are empty.
            if one.is_empty() || other.is_empty() {
                return Some(one == other);
            }
            let name = &here.constant.name;
            let key = key?;
            Some(key.fingerprint(name, one) == key.fingerprint(name, other))
        }
    }
}
