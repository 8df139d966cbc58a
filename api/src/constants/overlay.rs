//! Applies the layers to the model's definitions, lowest first. Pure: no I/O, no masking.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::layers::layer::{Entry, LayerValues, PendingReason};
use super::layers::setting::Setting;
use super::model::Model;

/// Name of the source of definitions and defaults.
pub(super) const MODEL_SOURCE: &str = "model_metadata";

/// One layer with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layer {
    /// Public name of the layer.
    pub(super) source: String,
    /// Its values.
    pub(super) values: LayerValues,
}

/// Origin of a constant's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// No layer sets it; it has the model's default.
    Default,
    /// A layer sets it, possibly to the same value as the default.
    Overridden,
    /// A layer sets it, but the model has no such constant; the app never sees it.
    Obsolete,
    /// The model defines it without a default, and no layer sets it; the app does not start.
    Missing,
}

impl Status {
    /// All statuses with their names in answers and filters.
    pub(super) const ALL: [(&'static str, Self); 4] = [
        ("default", Self::Default),
        ("overridden", Self::Overridden),
        ("obsolete", Self::Obsolete),
        ("missing", Self::Missing),
    ];
}

/// One source of a constant's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    /// The model or a layer.
    pub(super) source: String,
    /// Name of the constant in the layer, if it is not the constant's own name.
    pub(super) key: Option<String>,
    /// Whether it is a null with which the value of the source before it stays.
    pub(super) is_null: bool,
}

/// One constant with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Constant {
    /// Full name, `Module.Constant`; for a variable that matches no constant, the variable's name.
    pub(super) name: String,
    /// Whether it is the constant's own name.
    pub(super) is_name_exact: bool,
    /// Name of its type; `None` if unknown.
    pub(super) kind: Option<String>,
    /// Origin of the value.
    pub(super) status: Status,
    /// All sources of the value, lowest first; the last one wins.
    pub(super) chain: Vec<Link>,
    /// Its value.
    pub(super) setting: Setting,
    /// Whether the value is the model's default, whatever sets it.
    pub(super) is_default: bool,
    /// Whether the value comes from a secret store.
    pub(super) is_secret: bool,
    /// Whether the value changes at the next start; `None` if unknown.
    pub(super) is_pending: Option<bool>,
    /// Why the value changes.
    pub(super) pending_reason: Option<PendingReason>,
}

/// Returns all constants of `model` and `layers`, ordered by name. The lowest layer comes first in `layers`.
pub(super) fn overlay(model: &Model, layers: &[Layer]) -> Vec<Constant> {
    let defined = model.constants.keys();
    let set = layers.iter().flat_map(|layer| layer.values.entries.keys());
    let names: BTreeSet<&String> = defined.chain(set).collect();
    let started = layers.iter().filter_map(|layer| layer.values.started_at);
    let started_at = started.min();
    names
        .into_iter()
        .map(|name| constant(name, model, layers, started_at))
        .collect()
}

fn constant(
    name: &str,
    model: &Model,
    layers: &[Layer],
    started_at: Option<DateTime<Utc>>,
) -> Constant {
    let definition = model.constants.get(name);
    let default = definition
        .map(|definition| &definition.default)
        .filter(|default| **default != Setting::Null);
    let model_link = || Link {
        source: MODEL_SOURCE.to_owned(),
        key: None,
        is_null: false,
    };
    let mut chain: Vec<Link> = default.iter().map(|_| model_link()).collect();
    let mut winner: Option<(usize, &Entry)> = None;
    for (index, layer) in layers.iter().enumerate() {
        for entry in layer.values.entries.get(name).into_iter().flatten() {
            if !entry.is_ignored {
                winner = Some((index, entry));
            }
            chain.push(Link {
                source: layer.source.clone(),
                key: entry.key.clone(),
                is_null: entry.is_ignored,
            });
        }
    }
    let setting = winner.map_or(default, |(_, entry)| Some(&entry.setting));
    let status = match (definition, winner) {
        (None, _) => Status::Obsolete,
        (Some(_), Some(_)) => Status::Overridden,
        (Some(_), None) if default.is_none() => Status::Missing,
        (Some(_), None) => Status::Default,
    };
    let pending_reason = pending_reason(name, winner, layers, started_at);
    Constant {
        name: name.to_owned(),
        is_name_exact: winner.is_none_or(|(_, entry)| entry.is_name_exact),
        kind: definition.and_then(|definition| definition.kind.clone()),
        status,
        chain,
        is_default: setting.is_some() && setting == default,
        setting: setting.cloned().unwrap_or(Setting::Null),
        is_secret: winner.is_some_and(|(_, entry)| entry.is_secret),
        is_pending: match pending_reason {
            Some(_) => Some(true),
            None => is_known_to_stay(winner, layers, started_at).then_some(false),
        },
        pending_reason,
    }
}

/// Returns why the constant's value changes at the next start.
///
/// Layers below the winning one are ignored, because their changes have no effect.
fn pending_reason(
    name: &str,
    winner: Option<(usize, &Entry)>,
    layers: &[Layer],
    started_at: Option<DateTime<Utc>>,
) -> Option<PendingReason> {
    let lowest = winner.map_or(0, |(index, _)| index);
    let mut candidates = layers.iter().skip(lowest).rev();
    if let Some(reason) = candidates.find_map(|layer| layer.values.pending.get(name)) {
        return Some(*reason);
    }
    let (index, entry) = winner?;
    let is_newer = order_of_change(entry, started_at) == Some(Ordering::Greater);
    layers[index].values.change_reason.filter(|_| is_newer)
}

/// Returns whether an entry was changed before or after the app's start; `None` if unknown.
///
/// Within one second it is unknown: the times come from the clocks of two services, and some are whole seconds.
fn order_of_change(entry: &Entry, started_at: Option<DateTime<Utc>>) -> Option<Ordering> {
    let order = entry.changed_at?.timestamp().cmp(&started_at?.timestamp());
    Some(order).filter(|order| order.is_ne())
}

/// Returns whether the running app is known to have this value.
fn is_known_to_stay(
    winner: Option<(usize, &Entry)>,
    layers: &[Layer],
    started_at: Option<DateTime<Utc>>,
) -> bool {
    match winner {
        None => layers.iter().any(|layer| layer.values.is_running),
        Some((index, entry)) => {
            // A value that was not read may have changed since the app was started.
            let is_read = entry.setting != Setting::Unread;
            (layers[index].values.is_running && is_read)
                || order_of_change(entry, started_at).is_some()
        }
    }
}

impl Constant {
    /// Returns the source of the value; the model for a constant without a value.
    pub(super) fn source(&self) -> Link {
        let mut setting = self.chain.iter().rev().filter(|link| !link.is_null);
        setting.next().cloned().unwrap_or_else(|| Link {
            source: MODEL_SOURCE.to_owned(),
            key: None,
            is_null: false,
        })
    }

    /// Returns the module in its name.
    pub(super) fn module(&self) -> Option<&str> {
        let name = self.is_name_exact.then_some(self.name.as_str())?;
        name.split_once('.').map(|(module, _)| module)
    }
}

#[cfg(test)]
mod tests;
