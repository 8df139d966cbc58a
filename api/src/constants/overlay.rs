//! Lays documents of values over the model's definitions, lowest first. Pure: no I/O, no masking.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;

use super::m2ee::Settings;
use super::model::Model;
use super::setting::Setting;

/// Source of definitions and defaults.
pub(super) const MODEL_SOURCE: &str = "model_metadata";

/// Values that one document sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layer {
    /// Name of the document for callers.
    pub(super) source: String,
    /// Its values.
    pub(super) settings: Settings,
}

/// How a constant comes by its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// No layer sets it: it has the model's default.
    Default,
    /// A layer sets it, be it to the default's very value.
    Overridden,
    /// A layer sets it but the model has no such constant: the app never sees it.
    Obsolete,
    /// The model defines it without default and no layer sets it: the app does not start.
    Missing,
}

/// One constant with the value that the app is started with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Constant {
    /// Whole name, `Module.Constant`.
    pub(super) name: String,
    /// Name of its type; `None` when the model does not say.
    pub(super) kind: Option<String>,
    /// How it comes by its value.
    pub(super) status: Status,
    /// Every source that says something of its value, lowest first; the last one counts.
    pub(super) chain: Vec<String>,
    /// Its value.
    pub(super) setting: Setting,
}

/// Returns all constants of `model` and of `layers`, the lowest layer first, in the order of their names.
pub(super) fn overlay(model: &Model, layers: &[Layer]) -> Vec<Constant> {
    let defined = model.constants.keys();
    let set = layers.iter().flat_map(|layer| layer.settings.keys());
    let names: BTreeSet<&String> = defined.chain(set).collect();
    names
        .into_iter()
        .map(|name| constant(name, model, layers))
        .collect()
}

fn constant(name: &str, model: &Model, layers: &[Layer]) -> Constant {
    let definition = model.constants.get(name);
    let default = definition
        .map(|definition| &definition.default)
        .filter(|default| **default != Setting::Null);
    let mut chain: Vec<String> = default.iter().map(|_| MODEL_SOURCE.to_owned()).collect();
    let mut setting = default;
    let mut is_overridden = false;
    for layer in layers {
        if let Some(value) = layer.settings.get(name) {
            setting = Some(value);
            chain.push(layer.source.clone());
            is_overridden = true;
        }
    }
    let status = match (definition, is_overridden) {
        (None, _) => Status::Obsolete,
        (Some(_), true) => Status::Overridden,
        (Some(_), false) if setting.is_none() => Status::Missing,
        (Some(_), false) => Status::Default,
    };
    Constant {
        name: name.to_owned(),
        kind: definition.and_then(|definition| definition.kind.clone()),
        status,
        chain,
        setting: setting.cloned().unwrap_or(Setting::Null),
    }
}

impl Constant {
    /// Returns the source that the value comes from; the model for a constant without any value.
    pub(super) fn source(&self) -> &str {
        self.chain.last().map_or(MODEL_SOURCE, String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::constants::model::Definition;

    fn model(defaults: &[(&str, Setting)]) -> Model {
        let constants = defaults.iter().map(|(name, default)| {
            let definition = Definition {
                kind: Some("String".to_owned()),
                default: default.clone(),
            };
            ((*name).to_owned(), definition)
        });
        Model {
            constants: constants.collect(),
            ..Model::default()
        }
    }

    fn layer(source: &str, values: &[(&str, Setting)]) -> Layer {
        let settings = values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()));
        Layer {
            source: source.to_owned(),
            settings: settings.collect(),
        }
    }

    #[test]
    fn each_constant_says_how_it_comes_by_its_value() {
        let model = model(&[
            ("A.Default", Setting::text("0")),
            ("A.Missing", Setting::Null),
            ("A.Overridden", Setting::text("0")),
            ("A.Same", Setting::text("0")),
            ("A.Unset", Setting::text("0")),
        ]);
        let layers = [
            layer(
                "one",
                &[
                    ("A.Overridden", Setting::text("1")),
                    ("A.Same", Setting::text("0")),
                ],
            ),
            layer(
                "two",
                &[
                    ("A.Overridden", Setting::text("2")),
                    ("A.Gone", Setting::text("3")),
                ],
            ),
            layer("three", &[("A.Unset", Setting::Null)]),
        ];

        let constants = overlay(&model, &layers);

        let facts: Vec<_> = constants
            .iter()
            .map(|each| {
                (
                    each.name.as_str(),
                    each.status,
                    each.chain.join(" "),
                    each.setting.clone(),
                )
            })
            .collect();
        assert_eq!(
            facts,
            [
                (
                    "A.Default",
                    Status::Default,
                    "model_metadata".into(),
                    Setting::text("0")
                ),
                ("A.Gone", Status::Obsolete, "two".into(), Setting::text("3")),
                ("A.Missing", Status::Missing, String::new(), Setting::Null),
                (
                    "A.Overridden",
                    Status::Overridden,
                    "model_metadata one two".into(),
                    Setting::text("2")
                ),
                (
                    "A.Same",
                    Status::Overridden,
                    "model_metadata one".into(),
                    Setting::text("0")
                ),
                (
                    "A.Unset",
                    Status::Overridden,
                    "model_metadata three".into(),
                    Setting::Null
                ),
            ]
        );
        assert_eq!(constants[2].source(), MODEL_SOURCE);
    }

    /// For every choice of who sets a constant, the highest layer that does so wins.
    #[test]
    fn the_highest_layer_that_sets_a_constant_wins() {
        const LAYERS: u32 = 4;
        for choice in 0..(1_u32 << (LAYERS + 1)) {
            let sets = |position: u32| choice & (1 << position) != 0;
            let model = match sets(0) {
                true => model(&[("A.A", Setting::text("0"))]),
                false => model(&[]),
            };
            let layers: Vec<_> = (1..=LAYERS)
                .map(|position| match sets(position) {
                    true => layer(
                        &position.to_string(),
                        &[("A.A", Setting::text(&position.to_string()))],
                    ),
                    false => layer(&position.to_string(), &[]),
                })
                .collect();

            let constants = overlay(&model, &layers);

            let Some(winner) = (0..=LAYERS).rev().find(|position| sets(*position)) else {
                assert!(constants.is_empty());
                continue;
            };
            assert_eq!(
                constants[0].setting,
                Setting::text(&winner.to_string()),
                "{choice:b}"
            );
            let expected = match (sets(0), winner) {
                (false, _) => Status::Obsolete,
                (true, 0) => Status::Default,
                (true, _) => Status::Overridden,
            };
            assert_eq!(constants[0].status, expected, "{choice:b}");
            assert_eq!(
                u32::try_from(constants[0].chain.len()).unwrap(),
                choice.count_ones()
            );
        }
    }
}
