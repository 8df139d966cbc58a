//! Which form a container's variables have, and what in them is probably a mistake.

use std::collections::{BTreeMap, BTreeSet};

use super::{CONSTANTS, PREFIX, SETTINGS, Value, Variables};
use crate::constants::model::Model;

/// Starts of the names with which a buildpack is configured.
const OF_BUILDPACK: [&str; 20] = [
    CONSTANTS,
    PREFIX,
    SETTINGS,
    "MXRUNTIME_",
    "ADMIN_PASSWORD",
    "M2EE_PASSWORD",
    "DATABASE_ENDPOINT",
    "DATABASE_URL",
    "DATABASE_JDBC_URL",
    "LICENSE_ID",
    "LICENSE_KEY",
    "SCHEDULED_EVENTS",
    "DEVELOPMENT_MODE",
    "S3_",
    "HEAP_SIZE",
    "FORCED_MXRUNTIME_URL",
    "JAVA_OPTS",
    "JVM_",
    "VCAP_",
    "METRICS_",
];
/// Starts of the names with which portable apps and other images are configured: what they set is named elsewhere.
const OF_OTHERS: [&str; 6] = [
    "CONSTANTS_",
    "MX_RUNTIME_PARAMS_",
    "RUNTIME_PARAMS_",
    "ADMIN_ADMINPASSWORD",
    "MICROFLOW_CONSTANTS",
    "RUNTIME_",
];
/// Names that start like those of constants but belong to the platform.
const OF_PLATFORM: [&str; 12] = [
    "MX_INSTALL_PATH",
    "MX_INSTALL_DIR",
    "MX_HOME",
    "MX_VERSION",
    "MX_JAVA_HOME",
    "MX_LOG_LEVEL",
    "MX_PROJECT_PATH",
    "MX_LOGGING",
    "MX_RUNTIME_ADMINUSER",
    "MX_RUNTIME_LICENSEKEY",
    "MX_RUNTIME_DEBUGGERPASSWORD",
    "MX_RUNTIME_VERSION",
];

/// Returns whether `variable` starts like a constant's but belongs to the platform.
pub(super) fn is_of_platform(variable: &str) -> bool {
    OF_PLATFORM.contains(&variable)
}

/// Returns why it is not known which constants `variables` set; `None` if it is.
pub(super) fn misunderstanding(variables: &Variables, model: &Model) -> Option<String> {
    if !model.variables.is_empty() {
        return None;
    }
    let has = |starts: &[&str]| {
        let start = |name: &String| starts.iter().any(|start| name.starts_with(start));
        variables.keys().any(start)
    };
    if has(&OF_OTHERS) {
        return Some(
            "has variables of a portable app or another image, which are not read: if it is a portable app, its \
             package must be the model in the fleet file, because it names the variables"
                .to_owned(),
        );
    }
    let warning = "has no variable of a known form, so it is unknown whether it sets constants";
    (!has(&OF_BUILDPACK)).then(|| warning.to_owned())
}

/// Returns sentences about variables that probably do not do what was meant. `known` are those of constants.
pub(super) fn hints(
    variables: &Variables,
    known: &BTreeMap<String, BTreeSet<&str>>,
) -> Vec<String> {
    let mut hints = Vec::new();
    for (variable, value) in variables {
        if known.contains_key(variable) {
            let is_quoted = |text: &str| {
                let inner = text
                    .strip_prefix('"')
                    .and_then(|text| text.strip_suffix('"'));
                inner
                    .or_else(|| {
                        text.strip_prefix('\'')
                            .and_then(|text| text.strip_suffix('\''))
                    })
                    .is_some()
            };
            if matches!(value, Value::Plain(text) if is_quoted(text.reveal())) {
                hints.push(format!(
                    "sets {variable} to a value in quotes, which are part of it: an env file keeps them"
                ));
            }
        } else if let Some(meant) = known
            .keys()
            .find(|name| name.eq_ignore_ascii_case(variable))
        {
            hints.push(format!(
                "sets {variable}, which differs from {meant} only in upper and lower case and has no effect"
            ));
        }
    }
    hints
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        let pair = |(name, text): &(&str, &str)| ((*name).to_owned(), Value::Plain((*text).into()));
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn variables_of_an_unknown_form_are_not_taken_for_defaults() {
        let model = Model::default();
        for name in [
            "APP_URL",
            "CONSTANTS_A_B",
            "RUNTIME_PARAMS_DATABASETYPE",
            "MX_RUNTIME_PARAMS_X",
            "MICROFLOW_CONSTANTS",
        ] {
            assert!(
                misunderstanding(&variables(&[(name, "x")]), &model).is_some(),
                "{name}"
            );
        }
        assert!(misunderstanding(&Variables::new(), &model).is_some());
        for name in [
            "CONSTANTS",
            "MX_A_B",
            "ADMIN_PASSWORD",
            "MXRUNTIME_DatabaseHost",
        ] {
            assert_eq!(
                misunderstanding(&variables(&[(name, "x")]), &model),
                None,
                "{name}"
            );
        }
    }

    #[test]
    fn names_in_another_case_and_kept_quotes_are_mentioned() {
        let known = BTreeMap::from([("MX_A_B".to_owned(), BTreeSet::from(["A.B"]))]);

        let case = hints(&variables(&[("mx_a_b", "x"), ("OTHER", "x")]), &known);
        let quotes = hints(&variables(&[("MX_A_B", "\"NEVERLEAK\"")]), &known);

        assert_eq!(
            case,
            [
                "sets mx_a_b, which differs from MX_A_B only in upper and lower case and has no effect"
            ]
        );
        assert_eq!(
            quotes,
            ["sets MX_A_B to a value in quotes, which are part of it: an env file keeps them"]
        );
        assert!(hints(&variables(&[("MX_A_B", "x")]), &known).is_empty());
    }
}
