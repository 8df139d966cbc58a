//! Constants in a container's environment variables, as the platform's buildpacks read them. Pure: no I/O.
//!
//! `MX_<Module>_<Constant>` wins over the JSON in `CONSTANTS`. Dots become underscores, so names can only be mapped
//! from the model to variables. Two constants may share a variable; both then get its value.

use std::collections::{BTreeMap, BTreeSet};

use super::layer::{Entry, LayerValues, MAX_LAYER_CONSTANTS, PendingReason};
use super::setting::{Setting, Text};
use crate::constants::model::Model;

/// Variable with constants as JSON.
const CONSTANTS: &str = "CONSTANTS";
/// Prefix of variables for one constant.
const PREFIX: &str = "MX_";

/// Value of a variable.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::constants) enum Value {
    /// Text in the task definition.
    Plain(Text),
    /// Reference to a secret; its value is not read.
    Secret(String),
}

/// Variables of a container that may contain constants. All others, including passwords, were dropped unread.
pub(in crate::constants) type Variables = BTreeMap<String, Value>;

/// Returns whether the variable `name` may contain constants. No other variable is kept.
pub(in crate::constants) fn is_wanted(name: &str) -> bool {
    name == CONSTANTS || name.starts_with(PREFIX)
}

/// Variables of a service's container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::constants) struct ServiceVariables {
    /// The distinct variables of the running tasks, newest task first; empty if none is running.
    pub(in crate::constants) running: Vec<Variables>,
    /// The variables of the next task.
    pub(in crate::constants) next: Variables,
}

/// Returns the variable of the constant `name`.
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
    if read.is_partial {
        let warning = "has a variable CONSTANTS whose values cannot be read";
        values.warnings.push(warning.to_owned());
        values.is_partial = true;
    }
    for (variable, names) in shared_variables(model) {
        if current.contains_key(&variable) {
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

/// The values in one set of variables.
struct Reading {
    entries: BTreeMap<String, Vec<Entry>>,
    is_partial: bool,
}

impl Reading {
    fn of(variables: &Variables, model: &Model) -> Self {
        let mut entries: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
        let listed = variables.get(CONSTANTS).map(listed);
        let is_partial = matches!(listed, Some(None));
        for (name, setting) in listed.flatten().unwrap_or_default() {
            let entry = Entry {
                key: Some(CONSTANTS.to_owned()),
                ..Entry::of(setting)
            };
            entries.entry(name).or_default().push(entry);
        }
        let mut known = BTreeSet::new();
        for name in model.constants.keys() {
            let variable = variable(name);
            if let Some(value) = variables.get(&variable) {
                let entry = entry(&variable, value);
                entries.entry(name.clone()).or_default().push(entry);
            }
            known.insert(variable);
        }
        for (variable, value) in variables {
            if variable != CONSTANTS && !known.contains(variable) {
                let entry = Entry {
                    is_name_exact: false,
                    ..entry(variable, value)
                };
                entries.entry(variable.clone()).or_default().push(entry);
            }
        }
        Self {
            entries,
            is_partial,
        }
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

/// Returns the constants in `CONSTANTS`; `None` if it is a secret or not valid JSON.
fn listed(value: &Value) -> Option<BTreeMap<String, Setting>> {
    let Value::Plain(text) = value else {
        return None;
    };
    let listed: BTreeMap<String, Setting> = serde_json::from_str(text.reveal()).ok()?;
    (listed.len() <= MAX_LAYER_CONSTANTS).then_some(listed)
}

/// Returns the variables that several constants of `model` share, with those constants.
fn shared_variables(model: &Model) -> BTreeMap<String, BTreeSet<&str>> {
    let mut by_variable: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for name in model.constants.keys() {
        by_variable.entry(variable(name)).or_default().insert(name);
    }
    by_variable.retain(|_, names| names.len() > 1);
    by_variable
}

/// Returns the constants that have different values in two sets of variables.
fn differing(one: &Variables, other: &Variables, model: &Model) -> impl Iterator<Item = String> {
    let effective = |variables: &Variables| {
        let read = Reading::of(variables, model);
        let last = |(name, mut entries): (String, Vec<Entry>)| Some((name, entries.pop()?));
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
mod tests {
    use super::*;
    use crate::constants::model::Definition;

    fn model(names: &[&str]) -> Model {
        let definition = Definition {
            kind: Some("String".to_owned()),
            default: Setting::text("default"),
        };
        let constants = names
            .iter()
            .map(|name| ((*name).to_owned(), definition.clone()));
        Model {
            constants: constants.collect(),
            ..Model::default()
        }
    }

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        let value = |text: &str| match text.strip_prefix("secret:") {
            Some(reference) => Value::Secret(reference.to_owned()),
            None => Value::Plain(text.into()),
        };
        pairs
            .iter()
            .map(|(name, text)| ((*name).to_owned(), value(text)))
            .collect()
    }

    fn running(current: &[(&str, &str)], next: &[(&str, &str)]) -> ServiceVariables {
        ServiceVariables {
            running: vec![variables(current)],
            next: variables(next),
        }
    }

    /// Returns the winning value and its name in the layer.
    fn value(values: &LayerValues, name: &str) -> Option<(Setting, String)> {
        let entry = values.entries.get(name)?.last()?.clone();
        Some((entry.setting, entry.key.unwrap_or_default()))
    }

    #[test]
    fn a_variable_of_one_constant_wins_over_the_list() {
        let pairs = [
            (
                "CONSTANTS",
                r#"{"A.One": "list", "A.Two": 2, "Gone.X": "list"}"#,
            ),
            ("MX_A_One", "variable"),
        ];
        let values = values(
            &running(&pairs, &pairs),
            &model(&["A.One", "A.Two", "A.Three"]),
        );

        assert_eq!(
            value(&values, "A.One"),
            Some((Setting::text("variable"), "MX_A_One".into()))
        );
        assert_eq!(values.entries["A.One"].len(), 2, "both are in the chain");
        assert_eq!(
            value(&values, "A.Two"),
            Some((Setting::text("2"), "CONSTANTS".into()))
        );
        assert_eq!(value(&values, "A.Three"), None);
        assert!(values.entries.contains_key("Gone.X"));
        assert!(values.is_running && values.pending.is_empty() && values.warnings.is_empty());
    }

    #[test]
    fn a_variable_of_two_constants_sets_both_with_a_warning() {
        let pairs = [("MX_Module_My_Const", "v")];
        let values = values(
            &running(&pairs, &pairs),
            &model(&["Module.My_Const", "Module_My.Const"]),
        );

        for name in ["Module.My_Const", "Module_My.Const"] {
            assert_eq!(
                value(&values, name),
                Some((Setting::text("v"), "MX_Module_My_Const".into())),
                "{name}"
            );
        }
        assert_eq!(
            values.warnings,
            ["sets Module.My_Const and Module_My.Const with one variable, MX_Module_My_Const"]
        );
    }

    #[test]
    fn a_variable_of_no_constant_keeps_its_own_name() {
        let pairs = [("MX_Old_Flag", "NEVERLEAK"), ("MX_A_B", "secret:arn:x")];
        let values = values(&running(&pairs, &pairs), &model(&["A.B"]));

        assert!(!values.entries["MX_Old_Flag"][0].is_name_exact);
        let secret = &values.entries["A.B"][0];
        assert_eq!(
            (&secret.setting, secret.is_secret),
            (&Setting::Unread, true)
        );
        assert!(secret.is_name_exact);
        assert!(!format!("{values:?}").contains("NEVERLEAK"));
    }

    #[test]
    fn values_that_differ_in_the_next_task_are_pending() {
        let current = [
            ("MX_A_Changed", "old"),
            ("MX_A_Removed", "old"),
            ("MX_A_Same", "same"),
            ("MX_A_Secret", "secret:arn:1"),
            ("MX_A_SameSecret", "secret:arn:9"),
        ];
        let next = [
            ("MX_A_Changed", "new"),
            ("MX_A_Added", "new"),
            ("MX_A_Same", "same"),
            ("MX_A_Secret", "secret:arn:2"),
            ("MX_A_SameSecret", "secret:arn:9"),
        ];
        let names = [
            "A.Changed",
            "A.Removed",
            "A.Same",
            "A.Added",
            "A.Secret",
            "A.SameSecret",
        ];
        let values = values(&running(&current, &next), &model(&names));

        assert_eq!(
            values.pending.keys().collect::<Vec<_>>(),
            ["A.Added", "A.Changed", "A.Removed", "A.Secret"]
        );
        assert!(
            values
                .pending
                .values()
                .all(|reason| *reason == PendingReason::TaskDefinitionChanged)
        );
        assert_eq!(
            value(&values, "A.Changed").unwrap().0,
            Setting::text("old"),
            "the running one counts"
        );
    }

    #[test]
    fn without_a_running_task_the_next_one_is_used_and_nothing_is_pending() {
        let service = ServiceVariables {
            running: Vec::new(),
            next: variables(&[("MX_A_B", "next")]),
        };
        let values = values(&service, &model(&["A.B"]));

        assert_eq!(value(&values, "A.B").unwrap().0, Setting::text("next"));
        assert!(!values.is_running && values.pending.is_empty());
        assert!(values.warnings[0].starts_with("has no running task"));
    }

    #[test]
    fn running_tasks_that_differ_are_reported() {
        let service = ServiceVariables {
            running: vec![
                variables(&[("MX_A_B", "new"), ("MX_A_C", "same")]),
                variables(&[("MX_A_B", "old"), ("MX_A_C", "same")]),
            ],
            next: variables(&[("MX_A_B", "new"), ("MX_A_C", "same")]),
        };
        let values = values(&service, &model(&["A.B", "A.C"]));

        assert_eq!(value(&values, "A.B").unwrap().0, Setting::text("new"));
        assert_eq!(
            values.pending.into_iter().collect::<Vec<_>>(),
            [("A.B".to_owned(), PendingReason::TasksDiffer)]
        );
    }

    #[test]
    fn a_list_that_is_malformed_or_secret_makes_the_layer_partial() {
        for text in ["NEVERLEAK", "[1]", "secret:arn:x"] {
            let pairs = [("CONSTANTS", text), ("MX_A_B", "v")];
            let values = values(&running(&pairs, &pairs), &model(&["A.B"]));

            assert!(values.is_partial, "{text}");
            assert!(value(&values, "A.B").is_some(), "the others still count");
            assert!(!format!("{values:?}").contains("NEVERLEAK"));
        }
    }

    /// The variable of every constant is kept, and no other variable.
    #[test]
    fn only_variables_of_constants_are_kept() {
        for name in ["MX_A_B", "CONSTANTS", "MX_"] {
            assert!(is_wanted(name), "{name}");
        }
        for name in [
            "ADMIN_PASSWORD",
            "DATABASE_ENDPOINT",
            "DATABASE_URL",
            "M2EE_PASSWORD",
            "S3_SECRET_ACCESS_KEY",
            "LICENSE_KEY",
            "MXRUNTIME_DatabasePassword",
            "constants",
            "XMX_A",
        ] {
            assert!(!is_wanted(name), "{name}");
        }
    }
}
