//! Documents that set constants, in any of the platforms' formats.
//!
//! The same documents contain the passwords of the admin port and the database, so all other parts are skipped
//! without keeping them. HOCON has its own file.

mod parts;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::error::{LayerError, Position};
use super::layer::{Entry, LayerValues, MAX_LAYER_CONSTANTS, PendingReason};
use super::node::{self, Node};
use super::setting::Setting;
use super::yaml11::Resolved;
use parts::{Deployed, Parts, Section};

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

/// Returns the values that `text` sets. A text that sets none is partial: it may have a form that is not known.
///
/// The second of two equal keys wins, as on the platforms. Aliases and nesting are allowed within limits that no
/// configuration written by hand comes near.
///
/// # Errors
///
/// The position of the first error; never any of the text.
pub(in crate::constants) fn parse(text: &str) -> Result<LayerValues, LayerError> {
    let values = if text.trim_start().starts_with('{') {
        let parts: Parts<Setting> = serde_json::from_str(text)
            .map_err(|error| LayerError::Malformed(Position::from_json(&error)))?;
        values(parts, Resolved::Setting)?
    } else {
        let documents: Vec<Parts<Spanned<Node>>> =
            serde_saphyr::from_multiple_with_options(text, node::options()).map_err(|error| {
                let location = error.location();
                LayerError::Malformed(Position {
                    line: location.map_or(0, |location| location.line()),
                    column: location.map_or(0, |location| location.column()),
                })
            })?;
        let parts = documents.into_iter().fold(Parts::default(), Parts::and);
        values(parts, |node| node::resolve(text, node))?
    };
    if values.entries.len() > MAX_LAYER_CONSTANTS {
        return Err(LayerError::TooMany {
            limit: MAX_LAYER_CONSTANTS,
        });
    }
    Ok(values)
}

fn values<V>(parts: Parts<V>, read: impl Fn(V) -> Resolved) -> Result<LayerValues, LayerError> {
    let mut values = LayerValues {
        includes: parts.includes,
        ..LayerValues::default()
    };
    if parts.sections.is_empty() && values.includes.is_empty() {
        values.is_partial = true;
        values.warnings.push(format!(
            "sets no constants: it has {}, but no Constants, no mxruntime.MicroflowConstants and no \
             runtime.microflowConstants",
            listed(&parts.names)
        ));
    }
    if parts.sections.len() > 1 {
        values.is_partial = true;
        values.warnings.push(format!(
            "sets constants in {} places, of which the last one wins: each app needs a file of its own",
            parts.sections.len()
        ));
    }
    for section in parts.sections {
        match section {
            Section::Runtime(constants) => {
                for (name, value) in constants {
                    let setting = match read(value) {
                        Resolved::Setting(setting) => setting,
                        Resolved::Date(_) => {
                            values.warnings.push(format!(
                                "sets {name} to an unquoted date, with which m2ee-tools does not start the app"
                            ));
                            Setting::Opaque
                        }
                    };
                    values.entries.insert(name, vec![Entry::of(setting)]);
                }
            }
            Section::Resource { older, newer } => {
                let older = match older.as_deref().map(str::trim) {
                    None | Some("") => None,
                    Some(text) => custom_configuration(text)?,
                };
                let newer = newer.into_iter().flatten();
                let newer = newer.map(|(name, value)| (name, text_of(read(value))));
                // The newer key wins over the older one.
                let settings = older.into_iter().flatten().chain(newer);
                let entries = settings.map(|(name, setting)| (name, vec![Entry::of(setting)]));
                values.entries.extend(entries);
            }
            Section::Deployed(list) => deployed(list, &read, &mut values),
        }
    }
    Ok(values)
}

/// Returns the names as a list in a sentence.
fn listed(names: &[&str]) -> String {
    match names {
        [] => "none of the usual parts".to_owned(),
        names => names.join(", "),
    }
}

/// Returns a value on platforms that take an unquoted date as text.
fn text_of(resolved: Resolved) -> Setting {
    match resolved {
        Resolved::Setting(setting) => setting,
        Resolved::Date(written) => Setting::text(&written),
    }
}

/// Returns the constants in JSON as text, which in turn contains them as JSON text: the older form.
fn custom_configuration(text: &str) -> Result<Option<BTreeMap<String, Setting>>, LayerError> {
    let malformed = |_| LayerError::Malformed(Position::UNKNOWN);
    let configuration: CustomConfiguration = serde_json::from_str(text).map_err(malformed)?;
    match configuration.constants {
        None => Ok(None),
        Some(Constants::Plain(settings)) => Ok(Some(settings)),
        Some(Constants::Encoded(text)) if text.trim().is_empty() => Ok(None),
        Some(Constants::Encoded(text)) => serde_json::from_str(&text).map(Some).map_err(malformed),
    }
}

fn deployed<V>(list: Vec<Deployed<V>>, read: impl Fn(V) -> Resolved, values: &mut LayerValues) {
    values.is_running = true;
    for constant in list {
        let setting = |value: V| text_of(read(value));
        let configured = constant.value.map_or(Setting::Null, setting);
        // Without a deployed value, the configured one is running.
        let running = match constant.deployed_value {
            Some(value) => value.map_or(Setting::Null, setting),
            None => configured.clone(),
        };
        let is_masked = running.is_masked() || configured.is_masked();
        if running != configured && !is_masked {
            let name = constant.name.clone();
            values.pending.insert(name, PendingReason::NotDeployed);
        }
        let entry = Entry {
            is_secret: is_masked,
            ..Entry::of(if is_masked { Setting::Unread } else { running })
        };
        values.entries.insert(constant.name, vec![entry]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scalars without quotes and with them, one a line.
    const SCALARS: &str = include_str!("../../../tests/fixtures/yaml_scalars.txt");

    fn settings(text: &str) -> Vec<(String, Setting)> {
        let values = parse(text).unwrap();
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

        let values = parse(answer).unwrap();

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
            ("2013-12-20T16:02:32", Setting::Opaque),
            ("'2013-12-20'", Setting::text("2013-12-20")),
            ("1_000.5", Setting::text("1000.5")),
            ("190:20:30.15", Setting::text("685230.15")),
            ("''", Setting::text("")),
            ("", Setting::Null),
            ("~", Setting::Null),
            ("|\n      two\n      lines", Setting::text("two\nlines\n")),
            (".inf", Setting::Opaque),
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
    fn a_document_without_constants_is_partial_and_names_what_was_found() {
        for (text, found) in [
            ("", "none of the usual parts"),
            ("NEVERLEAK: 1\n", "none of the usual parts"),
            (
                "m2ee:\n  admin_pass: NEVERLEAK\nlogging: []\n",
                "m2ee, logging",
            ),
            ("mxruntime:\n", "mxruntime"),
            ("---\n", "none of the usual parts"),
            ("kind: Service\nspec: {ports: [1]}\n", "kind, spec"),
            (
                "spec: {runtime: {customConfiguration: '{\"x\": 1}'}}",
                "spec",
            ),
        ] {
            let values = parse(text).unwrap();

            assert!(values.is_partial && values.entries.is_empty(), "{text}");
            let sentence = format!("sets no constants: it has {found}, but no Constants");
            assert!(
                values.warnings[0].starts_with(&sentence),
                "{:?}",
                values.warnings
            );
            assert!(!format!("{values:?}").contains("NEVERLEAK"), "{text}");
        }
        let empty = parse("mxruntime: {MicroflowConstants: {}}").unwrap();
        assert!(!empty.is_partial && empty.warnings.is_empty());
    }

    #[test]
    fn resources_are_found_in_lists_several_documents_and_values_of_charts() {
        let app = "kind: MendixApp\nspec: {runtime: {microflowConstants: {A.A: \"1\"}}}\n";
        let service = "kind: Service\nspec: {ports: [80], runtime: none}\n";
        for text in [
            format!("{app}---\n"),
            format!("---\n{service}---\n{app}"),
            "kind: List\nitems:\n- kind: Service\n- {kind: MendixApp, spec: {runtime: {microflowConstants: {A.A: '1'}}}}\n"
                .to_owned(),
            "runtime: {microflowConstants: {A.A: '1'}}\n".to_owned(),
            "acme: {image: x, app: {spec: {runtime: {microflowConstants: {A.A: '1'}}}}}\n".to_owned(),
            "spec: {runtime: {customConfiguration: '', microflowConstants: {A.A: '1'}}}".to_owned(),
            "spec: {runtime: {customConfiguration: '{}', microflowConstants: {A.A: '1'}}}".to_owned(),
            r#"{"kind": "List", "items": [{"spec": {"runtime": {"microflowConstants": {"A.A": "1"}}}}]}"#.to_owned(),
        ] {
            let values = parse(&text).unwrap();

            assert_eq!(settings(&text), [self::text("A.A", "1")], "{text}");
            assert!(!values.is_partial, "{text}: {:?}", values.warnings);
        }
        let two = parse(&format!("{app}---\n{app}")).unwrap();
        assert!(two.is_partial && two.warnings[0].starts_with("sets constants in 2 places"));
    }

    #[test]
    fn included_files_are_named_without_their_folders() {
        let values = parse(
            "include: [/etc/m2ee/base.yaml, extra.yaml]\nmxruntime: {MicroflowConstants: {A.A: 1}}\n",
        );

        assert_eq!(values.unwrap().includes, ["base.yaml", "extra.yaml"]);
        assert_eq!(
            parse("include: base.yaml\n").unwrap().includes,
            ["base.yaml"]
        );
    }

    #[test]
    fn asterisks_of_the_deploy_api_are_not_a_value() {
        let values = parse(
            r#"{"Constants": [{"Name": "A.A", "Value": "********", "DeployedValue": "*****"}]}"#,
        )
        .unwrap();

        let entry = &values.entries["A.A"][0];
        assert_eq!((&entry.setting, entry.is_secret), (&Setting::Unread, true));
        assert!(values.pending.is_empty());
    }

    /// The peer reads each scalar as m2ee-tools does, and prints its kind and the text that the runtime gets.
    #[test]
    fn scalars_are_read_as_pyyaml_reads_them() {
        const SCRIPT: &str = r#"
import datetime, json, sys, yaml
for case in json.load(sys.stdin):
    value = yaml.safe_load("a: " + case)["a"]
    if value is None: kind, text = "null", ""
    elif isinstance(value, bool): kind, text = "text", "true" if value else "false"
    elif isinstance(value, (datetime.date, list, dict, bytes)): kind, text = "opaque", ""
    elif isinstance(value, float): kind, text = ("opaque", "") if value != value or abs(value) == float("inf") else ("text", repr(value))
    else: kind, text = "text", str(value)
    print(json.dumps([kind, text]))
"#;
        let cases: Vec<serde_json::Value> = SCALARS.lines().map(Into::into).collect();
        let Some(answers) = shared::testing::botocore(SCRIPT, &cases) else {
            return;
        };

        assert!(cases.len() >= 100, "{} scalars", cases.len());
        assert_eq!(answers.lines().count(), cases.len());
        let mut wrong = Vec::new();
        for (written, answer) in SCALARS.lines().zip(answers.lines()) {
            let (kind, text): (String, String) = serde_json::from_str(answer).unwrap();
            let expected = match kind.as_str() {
                "null" => Setting::Null,
                "opaque" => Setting::Opaque,
                _ => Setting::text(&text),
            };
            let (_, found) = values(&format!("    A.A: {written}\n")).remove(0);
            if found != expected {
                let shown = match &found {
                    Setting::Text(text) => text.reveal(),
                    _ => "no text",
                };
                wrong.push(format!("{written}: {shown}, not {kind} {text}"));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn an_error_has_a_position_and_none_of_the_text() {
        for text in [
            "m2ee:\n  admin_pass: NEVERLEAK\n bad: [NEVERLEAK",
            "mxruntime: NEVERLEAK",
            "mxruntime:\n  MicroflowConstants: NEVERLEAK",
            "- NEVERLEAK",
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
