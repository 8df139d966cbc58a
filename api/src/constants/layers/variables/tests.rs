//! How the variables of a service become values.

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

#[test]
fn a_null_in_the_list_leaves_the_default() {
    let pairs = [("CONSTANTS", r#"{"A.B": null, "A.C": "x"}"#)];
    let values = values(&running(&pairs, &pairs), &model(&["A.B", "A.C"]));

    assert!(values.entries["A.B"][0].is_ignored && !values.entries["A.C"][0].is_ignored);
    assert!(values.pending.is_empty() && !values.is_partial);
}

#[test]
fn the_runtimes_settings_win_over_the_variables_of_constants() {
    let pairs = [
        ("MX_A_B", "variable"),
        ("MX_A_C", "variable"),
        (
            "CUSTOM_RUNTIME_SETTINGS",
            r#"{"S3Key": "NEVERLEAK", "MicroflowConstants": {"A.B": "settings"}}"#,
        ),
        ("MXRUNTIME_MicroflowConstants", r#"{"A.C": "setting"}"#),
    ];
    let read = values(&running(&pairs, &pairs), &model(&["A.B", "A.C"]));

    assert_eq!(
        value(&read, "A.B"),
        Some((Setting::text("settings"), SETTINGS.into()))
    );
    assert_eq!(
        value(&read, "A.C"),
        Some((Setting::text("setting"), SETTING.into()))
    );
    assert!(!read.is_partial && !format!("{read:?}").contains("NEVERLEAK"));
    for (name, text) in [
        (SETTINGS, "NEVERLEAK"),
        (SETTING, "NEVERLEAK"),
        (SETTINGS, "secret:arn:x"),
    ] {
        let pairs = [("MX_A_B", "v"), (name, text)];
        let read = values(&running(&pairs, &pairs), &model(&["A.B"]));

        assert!(read.is_partial, "{name} {text}");
        assert!(read.warnings[0].contains(name), "{:?}", read.warnings);
    }
}

#[test]
fn integers_are_read_as_the_buildpack_reads_them() {
    let mut model = model(&["A.B"]);
    model.constants.get_mut("A.B").unwrap().kind = Some("Integer".to_owned());
    for (written, expected) in [
        (" 007 ", "7"),
        ("1_000", "1000"),
        ("-5", "-5"),
        ("1__0", "1__0"),
        ("x", "x"),
        ("_1", "_1"),
    ] {
        let pairs = [("MX_A_B", written)];
        let values = values(&running(&pairs, &pairs), &model);

        assert_eq!(
            value(&values, "A.B").unwrap().0,
            Setting::text(expected),
            "{written}"
        );
    }
}

#[test]
fn a_portable_app_reads_the_variables_that_its_package_names() {
    let mut model = model(&["A.B", "A.C"]);
    let names = |name: &str, variable: &str| (name.to_owned(), vec![variable.to_owned()]);
    model.variables = [names("A.B", "CONSTANTS_A_B"), names("A.C", "A_C_SETTING")].into();
    let pairs = [
        ("CONSTANTS_A_B", "x"),
        ("A_C_SETTING", "y"),
        ("MX_A_B", "NEVERLEAK"),
        ("ADMIN_ADMINPASSWORD", "NEVERLEAK"),
        ("CONSTANTS_OLD_FLAG", "NEVERLEAK"),
    ];
    let values = values(&running(&pairs, &pairs), &model);

    assert_eq!(
        value(&values, "A.B"),
        Some((Setting::text("x"), "CONSTANTS_A_B".into()))
    );
    assert_eq!(
        value(&values, "A.C"),
        Some((Setting::text("y"), "A_C_SETTING".into()))
    );
    let names: Vec<&str> = values.entries.keys().map(String::as_str).collect();
    assert_eq!(names, ["A.B", "A.C", "CONSTANTS_OLD_FLAG", "MX_A_B"]);
    assert!(!values.is_partial, "{:?}", values.warnings);
}

/// The variable of every constant becomes a value, and no other variable.
#[test]
fn only_variables_of_constants_become_values() {
    let pairs = [
        ("MX_A_B", "x"),
        ("ADMIN_PASSWORD", "NEVERLEAK"),
        ("DATABASE_ENDPOINT", "NEVERLEAK"),
        ("S3_SECRET_ACCESS_KEY", "NEVERLEAK"),
        ("LICENSE_KEY", "NEVERLEAK"),
        ("MXRUNTIME_DatabasePassword", "NEVERLEAK"),
        ("constants", "NEVERLEAK"),
        ("XMX_A", "NEVERLEAK"),
        ("MX_INSTALL_PATH", "/opt/mendix"),
    ];
    let values = values(&running(&pairs, &pairs), &model(&["A.B"]));

    assert_eq!(values.entries.keys().collect::<Vec<_>>(), ["A.B"]);
    assert!(!format!("{values:?}").contains("NEVERLEAK"));
}
