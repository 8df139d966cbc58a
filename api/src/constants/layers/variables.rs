//! Constants in a container's environment variables, as the platform's buildpacks and portable apps read them. Pure:
//! no I/O.
//!
//! A buildpack reads `CONSTANTS` (JSON), over it `MX_<Module>_<Constant>`, and over both the `MicroflowConstants` in
//! `CUSTOM_RUNTIME_SETTINGS` and `MXRUNTIME_MicroflowConstants`. Dots become underscores, so names can only be mapped
//! from the model to variables. Two constants may share a variable; both then get its value.
//!
//! A portable app reads the variables that its package names in `etc/constants/variables.conf`, and no others.

mod form;

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::layer::{Entry, LayerValues, MAX_LAYER_CONSTANTS, PendingReason};
use super::setting::{Setting, Text};
use crate::constants::model::Model;
use form::{hints, is_of_platform, misunderstanding};

/// Variable with constants as JSON.
const CONSTANTS: &str = "CONSTANTS";
/// Prefix of variables for one constant.
const PREFIX: &str = "MX_";
/// Variable with the runtime's settings as JSON.
const SETTINGS: &str = "CUSTOM_RUNTIME_SETTINGS";
/// Variable with the runtime's setting for all constants as JSON.
const SETTING: &str = "MXRUNTIME_MicroflowConstants";

/// Value of a variable.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::constants) enum Value {
    /// Text in the task definition.
    Plain(Text),
    /// Reference to a secret; its value is not read.
    Secret(String),
}

/// All variables of a container. Their texts include passwords: they are never printed, and only those that the model
/// or the platform names as constants become values.
pub(in crate::constants) type Variables = BTreeMap<String, Value>;

/// Variables of a service's container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::constants) struct ServiceVariables {
    /// The distinct variables of the running tasks, newest task first; empty if none is running.
    pub(in crate::constants) running: Vec<Variables>,
    /// The variables of the next task.
    pub(in crate::constants) next: Variables,
}

/// Returns the variable of the constant `name` for a buildpack.
fn variable(name: &str) -> String {
    format!("{PREFIX}{}", name.replace('.', "_"))
}

/// Returns the values that `service` sets for the constants of `model`.
pub(in crate::constants) fn values(service: &ServiceVariables, model: &Model) -> LayerValues {
    let mut values = LayerValues {
        is_running: !service.running.is_empty(),
        ..LayerValues::default()
    };
    let (current, others) = match service.running.split_first() {
        Some((current, others)) => (current, others),
        None => {
            let warning = "has no running task: these are the values of the next one";
            values.warnings.push(warning.to_owned());
            (&service.next, &[][..])
        }
    };
    let read = Reading::of(current, model);
    for unreadable in &read.unreadable {
        let warning = format!("has a variable {unreadable} whose values cannot be read");
        values.warnings.push(warning);
        values.is_partial = true;
    }
    if let Some(warning) = misunderstanding(current, model) {
        values.warnings.push(warning);
        values.is_partial = true;
    }
    values
        .warnings
        .extend(hints(current, &known_variables(model)));
    for (variable, names) in known_variables(model) {
        if names.len() > 1 && current.contains_key(&variable) {
            let names: Vec<&str> = names.into_iter().collect();
            values.warnings.push(format!(
                "sets {} with one variable, {variable}",
                names.join(" and ")
            ));
        }
    }
    if !others.is_empty() {
        let warning = "runs tasks that were started with different variables";
        values.warnings.push(warning.to_owned());
    }
    for other in others {
        let names = differing(current, other, model);
        let reason = PendingReason::TasksDiffer;
        values.pending.extend(names.map(|name| (name, reason)));
    }
    if values.is_running {
        let names = differing(current, &service.next, model);
        let reason = PendingReason::TaskDefinitionChanged;
        values.pending.extend(names.map(|name| (name, reason)));
    }
    values.entries = read.entries;
    values
}

/// Returns the variables of all constants of `model`, with those constants.
fn known_variables(model: &Model) -> BTreeMap<String, BTreeSet<&str>> {
    let mut known: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for (name, variables) in &model.variables {
        for variable in variables {
            known.entry(variable.clone()).or_default().insert(name);
        }
    }
    if model.variables.is_empty() {
        for name in model.constants.keys() {
            known.entry(variable(name)).or_default().insert(name);
        }
    }
    known
}

/// The values in one set of variables.
struct Reading {
    entries: BTreeMap<String, Vec<Entry>>,
    /// Variables with several constants that are secret or malformed.
    unreadable: Vec<&'static str>,
}

impl Reading {
    fn of(variables: &Variables, model: &Model) -> Self {
        let mut reading = Self {
            entries: BTreeMap::new(),
            unreadable: Vec::new(),
        };
        if model.variables.is_empty() {
            reading.read_buildpack(variables, model);
        } else {
            reading.read_portable(variables, model);
        }
        reading
    }

    fn read_buildpack(&mut self, variables: &Variables, model: &Model) {
        let is_integer = |name: &str| {
            let definition = model.constants.get(name);
            definition.is_some_and(|definition| definition.kind.as_deref() == Some("Integer"))
        };
        for (name, setting) in self.several(CONSTANTS, variables.get(CONSTANTS), constants) {
            let entry = Entry {
                key: Some(CONSTANTS.to_owned()),
                // The buildpack takes the default for a null.
                is_ignored: setting == Setting::Null,
                ..Entry::of(if is_integer(&name) {
                    whole(setting)
                } else {
                    setting
                })
            };
            self.add(name, entry);
        }
        for name in model.constants.keys() {
            let variable = variable(name);
            if let Some(value) = variables.get(&variable) {
                let mut entry = entry(&variable, value);
                if is_integer(name) {
                    entry.setting = whole(entry.setting);
                }
                self.add(name.clone(), entry);
            }
        }
        for (variable, parse) in [(SETTINGS, settings as Parse), (SETTING, constants)] {
            for (name, setting) in self.several(variable, variables.get(variable), parse) {
                let entry = Entry {
                    key: Some(variable.to_owned()),
                    ..Entry::of(setting)
                };
                self.add(name, entry);
            }
        }
        self.add_unknown(variables, model, &[PREFIX]);
    }

    fn read_portable(&mut self, variables: &Variables, model: &Model) {
        for (name, named) in &model.variables {
            for variable in named {
                if let Some(value) = variables.get(variable) {
                    self.add(name.clone(), entry(variable, value));
                }
            }
        }
        self.add_unknown(variables, model, &[PREFIX, "CONSTANTS_"]);
    }

    /// Adds the variables with one of `prefixes` that belong to no constant, under their own names.
    fn add_unknown(&mut self, variables: &Variables, model: &Model, prefixes: &[&str]) {
        let known = known_variables(model);
        for (variable, value) in variables {
            let has_prefix = prefixes.iter().any(|prefix| variable.starts_with(prefix));
            if has_prefix && !known.contains_key(variable) && !is_of_platform(variable) {
                let entry = Entry {
                    is_name_exact: false,
                    ..entry(variable, value)
                };
                self.add(variable.clone(), entry);
            }
        }
    }

    fn add(&mut self, name: String, entry: Entry) {
        self.entries.entry(name).or_default().push(entry);
    }

    /// Returns the constants in a variable that sets several.
    fn several(
        &mut self,
        variable: &'static str,
        value: Option<&Value>,
        parse: Parse,
    ) -> BTreeMap<String, Setting> {
        let constants = match value {
            None => return BTreeMap::new(),
            Some(Value::Secret(_)) => None,
            Some(Value::Plain(text)) => parse(text.reveal()),
        };
        match constants.filter(|constants| constants.len() <= MAX_LAYER_CONSTANTS) {
            Some(constants) => constants,
            None => {
                self.unreadable.push(variable);
                BTreeMap::new()
            }
        }
    }
}

/// Reads the constants in a text; `None` if it is malformed.
type Parse = fn(&str) -> Option<BTreeMap<String, Setting>>;

fn constants(text: &str) -> Option<BTreeMap<String, Setting>> {
    serde_json::from_str(text).ok()
}

/// Returns the constants among the runtime's settings; no other setting is kept.
fn settings(text: &str) -> Option<BTreeMap<String, Setting>> {
    #[derive(Deserialize)]
    struct Settings {
        #[serde(rename = "MicroflowConstants")]
        constants: Option<Encoded>,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Encoded {
        Text(String),
        Map(BTreeMap<String, Setting>),
    }
    match serde_json::from_str::<Settings>(text).ok()?.constants {
        None => Some(BTreeMap::new()),
        Some(Encoded::Map(map)) => Some(map),
        Some(Encoded::Text(text)) => constants(&text),
    }
}

fn entry(variable: &str, value: &Value) -> Entry {
    let setting = match value {
        Value::Plain(text) => Setting::Text(text.clone()),
        Value::Secret(_) => Setting::Unread,
    };
    Entry {
        key: Some(variable.to_owned()),
        is_secret: matches!(value, Value::Secret(_)),
        ..Entry::of(setting)
    }
}

/// Returns the value of an Integer as the buildpack's `int()` reads it: `" 007 "` is 7 and `1_000` is 1000.
fn whole(setting: Setting) -> Setting {
    let Setting::Text(text) = &setting else {
        return setting;
    };
    let trimmed = text.reveal().trim();
    let digits = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed);
    let are_digits = digits
        .split('_')
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    let number = are_digits.then(|| trimmed.replace('_', "").parse::<i64>().ok());
    match number.flatten() {
        Some(number) => Setting::text(&number.to_string()),
        None => setting,
    }
}

/// Returns the constants that have different values in two sets of variables.
fn differing(one: &Variables, other: &Variables, model: &Model) -> impl Iterator<Item = String> {
    let effective = |variables: &Variables| {
        let read = Reading::of(variables, model);
        let last = |(name, entries): (String, Vec<Entry>)| {
            let mut counting = entries.into_iter().rev().filter(|entry| !entry.is_ignored);
            Some((name, counting.next()?))
        };
        let values: BTreeMap<String, (Setting, Option<Value>)> = read
            .entries
            .into_iter()
            .filter_map(last)
            .map(|(name, entry)| {
                // Secrets are compared by their references.
                let secret = entry.key.and_then(|key| variables.get(&key).cloned());
                let secret = secret.filter(|value| matches!(value, Value::Secret(_)));
                (name, (entry.setting, secret))
            })
            .collect();
        values
    };
    let (one, other) = (effective(one), effective(other));
    let names: BTreeSet<String> = one.keys().chain(other.keys()).cloned().collect();
    names
        .into_iter()
        .filter(move |name| one.get(name) != other.get(name))
}

#[cfg(test)]
mod tests;
