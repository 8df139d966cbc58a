//! Constants in a JSON secret: keys `mx-const-<Module.Constant>`, Mendix's own convention on Kubernetes.
//!
//! The same secret contains the passwords of the admin port and the database, so the values of other keys are never
//! read.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use super::error::{LayerError, Position};
use super::layer::{Entry, LayerValues, MAX_LAYER_CONSTANTS, PendingReason};
use super::setting::Setting;

/// Prefix of the keys of constants.
const PREFIX: &str = "mx-const-";

/// Returns the constants in the text of a secret whose current version was created at `changed_at`.
pub(in crate::constants) fn parse(
    text: &str,
    changed_at: Option<DateTime<Utc>>,
) -> Result<LayerValues, LayerError> {
    // Without the position, which would reveal the length of the text before it.
    let constants: Constants =
        serde_json::from_str(text).map_err(|_| LayerError::Malformed(Position::UNKNOWN))?;
    if constants.0.len() > MAX_LAYER_CONSTANTS {
        return Err(LayerError::TooMany {
            limit: MAX_LAYER_CONSTANTS,
        });
    }
    let mut values = LayerValues {
        change_reason: Some(PendingReason::SecretChanged),
        ..LayerValues::default()
    };
    if constants.0.is_empty() {
        values.is_partial = true;
        let warning = "sets no constants: it has no key that starts with mx-const-";
        values.warnings.push(warning.to_owned());
    }
    for (name, setting) in constants.0 {
        let entry = Entry {
            key: Some(format!("{PREFIX}{name}")),
            is_secret: true,
            changed_at,
            ..Entry::of(setting)
        };
        values.entries.insert(name, vec![entry]);
    }
    Ok(values)
}

struct Constants(BTreeMap<String, Setting>);

impl<'de> Deserialize<'de> for Constants {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ConstantsVisitor)
    }
}

struct ConstantsVisitor;

impl<'de> Visitor<'de> for ConstantsVisitor {
    type Value = Constants;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Constants, A::Error> {
        let mut constants = BTreeMap::new();
        while let Some(key) = map.next_key::<String>()? {
            match key.strip_prefix(PREFIX) {
                Some(name) if !name.is_empty() => {
                    constants.insert(name.to_owned(), map.next_value()?);
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Constants(constants))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_constants_are_kept() {
        let text = r#"{"mx-admin-password": "NEVERLEAK", "mx-const-A.B": "NEVERLEAK", "mx-const-A.C": "",
            "mx-const-": "NEVERLEAK", "database-password": {"x": "NEVERLEAK"}, "mx-const-A.D": null}"#;
        let changed_at = Some(DateTime::UNIX_EPOCH);

        let values = parse(text, changed_at).unwrap();

        let names: Vec<_> = values.entries.keys().collect();
        assert_eq!(names, ["A.B", "A.C", "A.D"]);
        let entry = &values.entries["A.B"][0];
        assert_eq!(entry.key.as_deref(), Some("mx-const-A.B"));
        assert!(entry.is_secret && entry.changed_at == changed_at);
        assert_eq!(values.entries["A.D"][0].setting, Setting::Null);
        assert!(!format!("{values:?}").contains("NEVERLEAK"));
    }

    #[test]
    fn a_secret_that_is_not_a_map_is_malformed_and_reveals_nothing() {
        for text in [
            "NEVERLEAK",
            "[\"NEVERLEAK\"]",
            "{\"mx-const-A.B\": NEVERLEAK}",
            "",
        ] {
            let error = parse(text, None).unwrap_err();

            assert_eq!(error, LayerError::Malformed(Position::UNKNOWN), "{text}");
            assert_eq!(error.to_string(), "is malformed");
        }
    }
}
