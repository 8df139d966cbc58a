//! The model's `metadata.json`: names, types and defaults of constants. Nothing else of it is read.

pub(super) mod package;

use std::collections::BTreeMap;

use serde::Deserialize;

use super::layers::error::{LayerError, Position};
use super::layers::setting::Setting;

/// Constants as the model defines them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Model {
    /// Version of the model, such as `1.4.0.317`.
    pub(super) version: Option<String>,
    /// Version of the Mendix runtime that it is built for.
    pub(super) runtime: Option<String>,
    /// Constants by full name, `Module.Constant`.
    pub(super) constants: BTreeMap<String, Definition>,
    /// The variables that override each constant, as a portable app's package names them; empty for other apps.
    pub(super) variables: BTreeMap<String, Vec<String>>,
}

/// One constant as the model defines it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Definition {
    /// Name of its type, such as `String`.
    pub(super) kind: Option<String>,
    /// Its default value; [`Setting::Null`] if there is none.
    pub(super) default: Setting,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    model_version: Option<String>,
    runtime_version: Option<String>,
    constants: Option<Vec<Constant>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Constant {
    name: String,
    #[serde(rename = "Type")]
    kind: Option<String>,
    #[serde(default = "no_default")]
    default_value: Setting,
}

fn no_default() -> Setting {
    Setting::Null
}

impl Model {
    /// Parses `metadata.json`.
    ///
    /// # Errors
    ///
    /// The position of the first error, or that it is no model's metadata; never any of the text.
    pub(super) fn parse(text: &str) -> Result<Self, LayerError> {
        let metadata: Metadata = serde_json::from_str(text)
            .map_err(|error| LayerError::Malformed(Position::from_json(&error)))?;
        let constants = metadata
            .constants
            .ok_or(LayerError::NoMember("Constants"))?;
        let constants = constants.into_iter().map(|constant| {
            let definition = Definition {
                kind: constant.kind,
                default: constant.default_value,
            };
            (constant.name, definition)
        });
        Ok(Self {
            version: metadata.model_version,
            runtime: metadata.runtime_version,
            constants: constants.collect(),
            variables: BTreeMap::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_types_defaults_and_versions_are_read_and_nothing_else() {
        let model = Model::parse(
            r#"{
                "RuntimeVersion": "10.24.4.77222", "ModelVersion": "1.4.0.317", "ProjectID": "x",
                "Constants": [
                    {"Name": "Sales.Url", "Type": "String", "Description": "", "DefaultValue": "a"},
                    {"Name": "Sales.Flag", "Type": "Boolean", "DefaultValue": true},
                    {"Name": "Sales.Bare"}
                ],
                "ScheduledEvents": [{"Name": "Sales.CleanUp"}]
            }"#,
        )
        .unwrap();

        let definition = |kind: Option<&str>, default| Definition {
            kind: kind.map(str::to_owned),
            default,
        };
        assert_eq!(model.version.as_deref(), Some("1.4.0.317"));
        assert_eq!(model.runtime.as_deref(), Some("10.24.4.77222"));
        assert_eq!(
            model.constants.into_iter().collect::<Vec<_>>(),
            [
                ("Sales.Bare".into(), definition(None, Setting::Null)),
                (
                    "Sales.Flag".into(),
                    definition(Some("Boolean"), Setting::text("true"))
                ),
                (
                    "Sales.Url".into(),
                    definition(Some("String"), Setting::text("a"))
                ),
            ]
        );
    }

    #[test]
    fn an_error_has_a_position_and_none_of_the_text() {
        let broken = "{\n  \"Constants\": \"NEVERLEAK\"\n}";

        let error = Model::parse(broken).unwrap_err();

        let position = Position {
            line: 2,
            column: 26,
        };
        assert_eq!(error, LayerError::Malformed(position));
        assert_eq!(
            Model::parse("{}").unwrap_err().to_string(),
            "has no Constants"
        );
    }
}
