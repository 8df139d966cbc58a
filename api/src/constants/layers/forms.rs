//! Documents that set constants, in any of the platforms' formats.
//!
//! The same documents contain the passwords of the admin port and the database, so all other parts are skipped
//! without reading them. HOCON is not supported: see the README.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

use super::error::{LayerError, Position};
use super::layer::{Entry, LayerValues, MAX_LAYER_CONSTANTS, PendingReason};
use super::node::{self, Node};
use super::setting::Setting;

/// The parts of all formats that contain constants. `V` is a value in JSON or YAML.
#[derive(Deserialize)]
#[serde(bound = "V: Deserialize<'de>")]
struct Document<V> {
    /// `m2ee.yaml` of a virtual machine.
    mxruntime: Option<Runtime<V>>,
    /// A `MendixApp` of Mendix on Kubernetes.
    spec: Option<Spec<V>>,
    /// The Deploy API's answer with an environment's settings.
    #[serde(rename = "Constants")]
    deployed: Option<Vec<Deployed<V>>>,
}

#[derive(Deserialize)]
#[serde(bound = "V: Deserialize<'de>")]
struct Runtime<V> {
    #[serde(rename = "MicroflowConstants")]
    constants: Option<BTreeMap<String, V>>,
}

#[derive(Deserialize)]
#[serde(bound = "V: Deserialize<'de>")]
struct Spec<V> {
    runtime: Option<SpecRuntime<V>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound = "V: Deserialize<'de>")]
struct SpecRuntime<V> {
    microflow_constants: Option<BTreeMap<String, V>>,
    /// JSON as text, which in turn contains the constants as JSON text: the older form.
    custom_configuration: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", bound = "V: Deserialize<'de>")]
struct Deployed<V> {
    name: String,
    /// The configured value.
    value: Option<V>,
    /// The value with which the running app was started: null if it does not have the constant yet, absent on
    /// platforms that do not report it.
    #[serde(default, deserialize_with = "present")]
    deployed_value: Option<Option<V>>,
}

/// Returns a value that is present, which may be null.
fn present<'de, V, D>(deserializer: D) -> Result<Option<Option<V>>, D::Error>
where
    V: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

#[derive(Deserialize)]
struct CustomConfiguration {
    #[serde(rename = "MicroflowConstants")]
    constants: Option<Constants>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Constants {
    Encoded(String),
    Plain(BTreeMap<String, Setting>),
}

/// Returns the values that `text` sets; `None` if it is in none of the formats.
///
/// The second of two equal keys wins, as on the platforms. Aliases and nesting are allowed within limits that no
/// configuration written by hand comes near.
///
/// # Errors
///
/// The position of the first error; never any of the text.
pub(in crate::constants) fn parse(text: &str) -> Result<Option<LayerValues>, LayerError> {
    let values = if text.trim_start().starts_with('{') {
        let document: Document<Setting> = serde_json::from_str(text)
            .map_err(|error| LayerError::Malformed(Position::from_json(&error)))?;
        values(document, |setting| setting)?
    } else {
        let document: Option<Document<Spanned<Node>>> =
            serde_saphyr::from_str_with_options(text, node::options()).map_err(|error| {
                let location = error.location();
                LayerError::Malformed(Position {
                    line: location.map_or(0, |location| location.line()),
                    column: location.map_or(0, |location| location.column()),
                })
            })?;
        match document {
            Some(document) => values(document, |node| node::setting(text, node))?,
            None => None,
        }
    };
    match values {
        Some(values) if values.entries.len() > MAX_LAYER_CONSTANTS => Err(LayerError::TooMany {
            limit: MAX_LAYER_CONSTANTS,
        }),
        values => Ok(values),
    }
}

fn values<V>(
    document: Document<V>,
    read: impl Fn(V) -> Setting,
) -> Result<Option<LayerValues>, LayerError> {
    if let Some(constants) = document.mxruntime.and_then(|runtime| runtime.constants) {
        return Ok(Some(LayerValues::from_settings(all(constants, read))));
    }
    if let Some(runtime) = document.spec.and_then(|spec| spec.runtime) {
        return resource(runtime, read);
    }
    Ok(document.deployed.map(|list| deployed(list, read)))
}

fn all<V>(
    constants: BTreeMap<String, V>,
    read: impl Fn(V) -> Setting,
) -> BTreeMap<String, Setting> {
    constants
        .into_iter()
        .map(|(name, value)| (name, read(value)))
        .collect()
}

/// Returns the constants of a resource. Its newer key wins over the older one.
fn resource<V>(
    runtime: SpecRuntime<V>,
    read: impl Fn(V) -> Setting,
) -> Result<Option<LayerValues>, LayerError> {
    let older = match &runtime.custom_configuration {
        Some(text) => custom_configuration(text)?,
        None => None,
    };
    let newer = runtime.microflow_constants;
    if older.is_none() && newer.is_none() {
        return Ok(None);
    }
    let mut settings = older.unwrap_or_default();
    settings.extend(all(newer.unwrap_or_default(), read));
    Ok(Some(LayerValues::from_settings(settings)))
}

fn custom_configuration(text: &str) -> Result<Option<BTreeMap<String, Setting>>, LayerError> {
    let malformed = |_| LayerError::Malformed(Position::UNKNOWN);
    let configuration: CustomConfiguration = serde_json::from_str(text).map_err(malformed)?;
    match configuration.constants {
        None => Ok(None),
        Some(Constants::Plain(settings)) => Ok(Some(settings)),
        Some(Constants::Encoded(text)) => serde_json::from_str(&text).map(Some).map_err(malformed),
    }
}

fn deployed<V>(list: Vec<Deployed<V>>, read: impl Fn(V) -> Setting) -> LayerValues {
    let mut values = LayerValues {
        is_running: true,
        ..LayerValues::default()
    };
    for constant in list {
        let configured = constant.value.map_or(Setting::Null, &read);
        // Without a deployed value, the configured one is running.
        let running = match constant.deployed_value {
            Some(value) => value.map_or(Setting::Null, &read),
            None => configured.clone(),
        };
        if running != configured {
            let name = constant.name.clone();
            values.pending.insert(name, PendingReason::NotDeployed);
        }
        values
            .entries
            .insert(constant.name, vec![Entry::of(running)]);
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Vec<(String, Setting)> {
        let values = parse(text).unwrap().unwrap();
        let first = |(name, mut entries): (String, Vec<Entry>)| (name, entries.remove(0).setting);
        values.entries.into_iter().map(first).collect()
    }

    fn values(constants: &str) -> Vec<(String, Setting)> {
        settings(&format!("mxruntime:\n  MicroflowConstants:\n{constants}"))
    }

    fn text(name: &str, value: &str) -> (String, Setting) {
        (name.to_owned(), Setting::text(value))
    }

    #[test]
    fn a_resource_sets_constants_in_its_newer_and_older_form() {
        let newer = "apiVersion: privatecloud.mendix.com/v1alpha1\nkind: MendixApp\nspec:\n  \
            database: {servicePlan: NEVERLEAK}\n  runtime:\n    microflowConstants:\n      A.A: \"1234\"\n";
        let older = r#"
kind: MendixApp
spec:
  runtime:
    customConfiguration: >-
      {"ApplicationRootUrl": "NEVERLEAK", "MicroflowConstants": "{\"A.A\": \"old\", \"A.B\": true}"}
"#;
        let both = format!("{older}    microflowConstants:\n      A.A: new\n");
        let plain = older.replace(r#""{\"A.A\": \"old\", \"A.B\": true}""#, r#"{"A.A": "p"}"#);

        assert_eq!(settings(newer), [text("A.A", "1234")]);
        assert_eq!(settings(older), [text("A.A", "old"), text("A.B", "true")]);
        assert_eq!(settings(&both), [text("A.A", "new"), text("A.B", "true")]);
        assert_eq!(settings(&plain), [text("A.A", "p")]);
    }

    #[test]
    fn the_deploy_api_reports_running_and_configured_values() {
        let answer = r#"{"Constants": [
            {"Name": "A.Same", "DataType": "_Boolean", "Value": "false", "DeployedValue": "false"},
            {"Name": "A.Changed", "DataType": "String", "Value": "new", "DeployedValue": "old"},
            {"Name": "A.Removed", "DataType": "String", "Value": null, "DeployedValue": "old"},
            {"Name": "A.New", "DataType": "String", "Value": "v", "DeployedValue": null},
            {"Name": "A.Only", "DataType": "String", "Value": "v"}],
            "CustomSettings": [{"Name": "x", "Value": "NEVERLEAK"}], "ScheduledEvents": []}"#;

        let values = parse(answer).unwrap().unwrap();

        assert_eq!(
            settings(answer),
            [
                text("A.Changed", "old"),
                ("A.New".to_owned(), Setting::Null),
                text("A.Only", "v"),
                text("A.Removed", "old"),
                text("A.Same", "false")
            ]
        );
        let yaml = "Constants:\n- {Name: A.New, Value: v, DeployedValue: null}\n- {Name: A.Only, Value: v}\n";
        let new = ("A.New".to_owned(), Setting::Null);
        assert_eq!(settings(yaml), [new, text("A.Only", "v")]);
        assert!(values.is_running);
        assert_eq!(
            values.pending.into_iter().collect::<Vec<_>>(),
            [
                ("A.Changed".to_owned(), PendingReason::NotDeployed),
                ("A.New".to_owned(), PendingReason::NotDeployed),
                ("A.Removed".to_owned(), PendingReason::NotDeployed),
            ]
        );
    }

    #[test]
    fn the_number_of_constants_in_a_layer_is_limited() {
        let constants: String = (0..=MAX_LAYER_CONSTANTS)
            .map(|number| format!("\"A.C{number}\":1,"))
            .collect();
        let text = format!(
            r#"{{"mxruntime": {{"MicroflowConstants": {{{}}}}}}}"#,
            constants.trim_end_matches(',')
        );

        assert!(matches!(parse(&text), Err(LayerError::TooMany { .. })));
    }

    #[test]
    fn every_form_of_value_becomes_the_value_that_the_platform_uses() {
        let cases = [
            ("plain text", Setting::text("plain text")),
            ("'yes'", Setting::text("yes")),
            ("yes", Setting::text("true")),
            ("OFF", Setting::text("false")),
            ("y", Setting::text("y")),
            ("\"0755\"", Setting::text("0755")),
            ("0755", Setting::text("493")),
            ("08", Setting::text("08")),
            ("1_000", Setting::text("1000")),
            ("1.10", Setting::text("1.1")),
            ("1e3", Setting::text("1e3")),
            ("12:30", Setting::text("750")),
            ("'12:30'", Setting::text("12:30")),
            ("!!str 12", Setting::text("12")),
            (
                "123456789012345678901234567890",
                Setting::text("123456789012345678901234567890"),
            ),
            ("2013-12-20T16:02:32", Setting::text("2013-12-20T16:02:32")),
            ("''", Setting::text("")),
            ("", Setting::Null),
            ("~", Setting::Null),
            ("|\n      two\n      lines", Setting::text("two\nlines\n")),
            (".inf", Setting::text(".inf")),
            ("[a, b]", Setting::Opaque),
            ("{a: b}", Setting::Opaque),
        ];
        for (written, expected) in cases {
            let found = values(&format!(
                "    Ünïcode.First: ä\n    Sales.Value: {written}\n"
            ));

            assert_eq!(found[0], ("Sales.Value".to_owned(), expected), "{written}");
        }
    }

    #[test]
    fn an_alias_has_the_value_of_its_anchor_and_the_second_of_two_keys_wins() {
        assert_eq!(
            values("    A.A: &x 0755\n    A.B: *x\n    A.C: 1\n    A.C: 2\n"),
            [
                ("A.A".to_owned(), Setting::text("493")),
                ("A.B".to_owned(), Setting::text("493")),
                ("A.C".to_owned(), Setting::text("2")),
            ]
        );
    }

    #[test]
    fn documents_without_constants_are_not_errors() {
        for text in [
            "",
            "m2ee:\n  admin_pass: NEVERLEAK\n",
            "mxruntime:\n",
            "---\n",
        ] {
            assert_eq!(parse(text), Ok(None), "{text}");
        }
    }

    #[test]
    fn an_error_has_a_position_and_none_of_the_text() {
        for text in [
            "m2ee:\n  admin_pass: NEVERLEAK\n bad: [NEVERLEAK",
            "mxruntime: NEVERLEAK",
            "mxruntime:\n  MicroflowConstants: NEVERLEAK",
            "- NEVERLEAK",
            "a: 1\n---\na: NEVERLEAK",
            "a: *NEVERLEAK",
            "spec: {runtime: {customConfiguration: 'NEVERLEAK'}}",
            r#"{"Constants": [{"Name": NEVERLEAK}]}"#,
            r#"{"mxruntime": {"MicroflowConstants": "NEVERLEAK"}}"#,
        ] {
            let error = parse(text).unwrap_err();

            assert!(
                !format!("{error:?} {error}").contains("NEVERLEAK"),
                "{text}"
            );
            assert!(
                matches!(error, LayerError::Malformed(position) if position.line <= 3),
                "{error:?}"
            );
        }
    }

    #[test]
    fn an_alias_bomb_is_rejected_at_once() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let below = format!("*a{}", level - 1);
            let list = vec![below; 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{list}]\n"));
        }
        text.push_str("mxruntime:\n  MicroflowConstants:\n    A.A: *a11\n");

        assert!(parse(&text).is_err());
        assert!(parse(&"[".repeat(100_000)).is_err(), "nested too deeply");
        assert!(parse(&"a: {".repeat(1_000)).is_err(), "nested too deeply");
    }
}
