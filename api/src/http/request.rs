//! The parts of an HTTP request that endpoints need, decoded once.

use std::collections::BTreeMap;

use crate::http::parameter::{Parameter, ParameterKind};
use crate::http::problem::Problem;

/// Maximum length of a text parameter in bytes: that of an S3 key.
pub const TEXT_LIMIT_BYTES: usize = 1024;

/// A request from the gateway.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// Method in upper case.
    pub method: String,
    /// Path of the route, without the stage.
    pub path: String,
    /// Query by name, percent-decoded; a name that is given twice has two values.
    pub query: BTreeMap<String, Vec<String>>,
    /// Headers by lower-case name; repeated ones are joined by commas.
    pub headers: BTreeMap<String, String>,
    /// Claims of the verified token; `None` if the route needs no token.
    pub claims: Option<BTreeMap<String, String>>,
    /// The id that the gateway gave the request.
    pub id: String,
    /// Variables of the gateway's stage.
    pub stage_variables: BTreeMap<String, String>,
}

impl Request {
    /// Returns the header `name`, given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// A query, validated against the parameters of its route.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters {
    texts: BTreeMap<&'static str, String>,
    numbers: BTreeMap<&'static str, u64>,
}

impl Parameters {
    /// Validates `query` against the parameters that a route allows.
    ///
    /// # Errors
    ///
    /// 400 that names the parameter, what is wrong with it and what is allowed.
    pub fn check(
        query: &BTreeMap<String, Vec<String>>,
        allowed: &'static [Parameter],
    ) -> Result<Self, Problem> {
        let names: Vec<&str> = allowed.iter().map(|parameter| parameter.name).collect();
        if let Some(unknown) = query.keys().find(|name| !names.contains(&name.as_str())) {
            let list = if names.is_empty() {
                "none".to_owned()
            } else {
                names.join(", ")
            };
            let detail = format!("the parameter {unknown:?} is unknown, allowed are: {list}");
            return Err(Problem::bad_parameter(unknown, detail).with("allowed", names));
        }
        let mut parameters = Self::default();
        for parameter in allowed {
            let values = query
                .get(parameter.name)
                .map(Vec::as_slice)
                .unwrap_or_default();
            parameters.add(parameter, values)?;
        }
        Ok(parameters)
    }

    fn add(&mut self, parameter: &'static Parameter, values: &[String]) -> Result<(), Problem> {
        let name = parameter.name;
        let reject = |reason: String| {
            Err(Problem::bad_parameter(
                name,
                format!("the parameter {name:?} {reason}"),
            ))
        };
        let value = match values {
            [] => None,
            [value] => Some(value),
            _ => return reject(format!("is given {} times, allowed is once", values.len())),
        };
        match (parameter.kind, value) {
            (_, None) if parameter.is_required => return reject("is missing".to_owned()),
            (
                ParameterKind::Text
                | ParameterKind::Cursor
                | ParameterKind::Choice(_)
                | ParameterKind::Words(_),
                None,
            ) => {}
            (ParameterKind::Choice(words), Some(text)) if words.contains(&text.as_str()) => {
                self.texts.insert(name, text.clone());
            }
            (ParameterKind::Words(words), Some(text))
                if text.split(',').all(|word| words.contains(&word)) =>
            {
                self.texts.insert(name, text.clone());
            }
            (ParameterKind::Words(words), Some(text)) => {
                let words = words.join(" and ");
                return reject(format!(
                    "is {text:?}, allowed is {words}, with a comma between words"
                ));
            }
            (ParameterKind::Choice(words), Some(text)) => {
                return reject(format!("is {text:?}, allowed is {}", words.join(" or ")));
            }
            (ParameterKind::Text | ParameterKind::Cursor, Some(text))
                if (1..=TEXT_LIMIT_BYTES).contains(&text.len()) =>
            {
                self.texts.insert(name, text.clone());
            }
            (ParameterKind::Text | ParameterKind::Cursor, Some(text)) => {
                return reject(format!(
                    "has {} bytes, allowed are 1 to {TEXT_LIMIT_BYTES}",
                    text.len()
                ));
            }
            (ParameterKind::Number { default, .. }, None) => {
                self.numbers.insert(name, default);
            }
            (ParameterKind::OptionalNumber { .. }, None) => {}
            (ParameterKind::OptionalNumber { max }, Some(text)) => {
                match whole_number(text, 1, max) {
                    Ok(number) => self.numbers.insert(name, number),
                    Err(reason) => return reject(reason),
                };
            }
            (ParameterKind::Number { min, max, .. }, Some(text)) => {
                match whole_number(text, min, max) {
                    Ok(number) => self.numbers.insert(name, number),
                    Err(reason) => return reject(reason),
                };
            }
        }
        Ok(())
    }

    /// Returns the text parameter `name`; `None` if it is absent.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(String::as_str)
    }

    /// Returns whether the list of words in the parameter `name` has `word`.
    pub fn has_word(&self, name: &str, word: &str) -> bool {
        let words = self.text(name);
        words.is_some_and(|words| words.split(',').any(|each| each == word))
    }

    /// Returns the number parameter `name`, or its default if it is absent.
    pub fn number(&self, name: &str) -> u64 {
        self.numbers.get(name).copied().unwrap_or_default()
    }

    /// Returns the number parameter `name`; `None` if it is absent and has no default.
    pub fn optional_number(&self, name: &str) -> Option<u64> {
        self.numbers.get(name).copied()
    }

    /// Returns whether the parameter `name` is present or has a default.
    pub fn is_given(&self, name: &str) -> bool {
        self.texts.contains_key(name) || self.numbers.contains_key(name)
    }

    /// Returns all parameters that are present or have a default as text, sorted by name.
    pub fn canonical(&self) -> String {
        let texts = self
            .texts
            .iter()
            .map(|(name, value)| format!("{name}={value:?}"));
        let numbers = self
            .numbers
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        texts.chain(numbers).collect::<Vec<_>>().join("&")
    }

    /// Returns the text parameters except `name` as a query string.
    pub(crate) fn query_without(&self, name: &str) -> String {
        let encode = |text: &str| {
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
                .to_string()
        };
        let texts = self.texts.iter().filter(|(key, _)| **key != name);
        let texts = texts.map(|(key, value)| format!("{key}={}", encode(value)));
        let numbers = self
            .numbers
            .iter()
            .map(|(key, value)| format!("{key}={value}"));
        texts.chain(numbers).collect::<Vec<_>>().join("&")
    }
}

/// Parses a whole number within limits, or returns what is wrong with it.
fn whole_number(text: &str, min: u64, max: u64) -> Result<u64, String> {
    let number = text.parse::<u64>().ok();
    number
        .filter(|number| (min..=max).contains(number))
        .ok_or_else(|| format!("is {text:?}, allowed is a whole number from {min} to {max}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    static ALLOWED: [Parameter; 5] = [
        Parameter::words("include", "", &["size", "trend"]),
        Parameter::choice("sort", "", &["name", "size"]),
        Parameter::required_text("environment", ""),
        Parameter::text("prefix", ""),
        Parameter::number("limit", "", 100, 20),
    ];

    fn check(pairs: &[(&str, &str)]) -> Result<Parameters, Problem> {
        let mut query: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in pairs {
            query
                .entry((*name).to_owned())
                .or_default()
                .push((*value).to_owned());
        }
        Parameters::check(&query, &ALLOWED)
    }

    #[test]
    fn valid_values_and_defaults_are_returned() {
        let include = ("include", "size,trend");
        let parameters = check(&[("environment", "acme-prod"), ("limit", "100"), include]).unwrap();

        assert_eq!(parameters.text("environment"), Some("acme-prod"));
        assert_eq!(parameters.text("prefix"), None);
        assert!(parameters.has_word("include", "trend"));
        assert!(!parameters.has_word("include", "tren"));
        assert_eq!(parameters.number("limit"), 100);
        assert_eq!(check(&[("environment", "a")]).unwrap().number("limit"), 20);
    }

    #[test]
    fn every_rejection_names_the_parameter_and_what_is_allowed() {
        let long = "x".repeat(TEXT_LIMIT_BYTES + 1);
        let cases: [(&[(&str, &str)], &str); 9] = [
            (
                &[("environment", "a"), ("include", "trend,")],
                "\"include\" is \"trend,\", allowed is size and trend, with a comma between words",
            ),
            (
                &[("environment", "a"), ("sort", "colour")],
                "\"sort\" is \"colour\", allowed is name or size",
            ),
            (
                &[("colour", "blue")],
                "\"colour\" is unknown, allowed are: include, sort, environment, prefix, limit",
            ),
            (&[], "\"environment\" is missing"),
            (
                &[("environment", "a"), ("environment", "b")],
                "\"environment\" is given 2 times, allowed is once",
            ),
            (
                &[("environment", "")],
                "\"environment\" has 0 bytes, allowed are 1 to 1024",
            ),
            (&[("environment", &long)], "\"environment\" has 1025 bytes"),
            (
                &[("environment", "a"), ("limit", "0")],
                "\"limit\" is \"0\", allowed is a whole number from 1 to 100",
            ),
            (
                &[("environment", "a"), ("limit", "many")],
                "\"limit\" is \"many\", allowed",
            ),
        ];
        for (pairs, expected) in cases {
            let problem = check(pairs).unwrap_err();

            assert_eq!(problem.status(), 400);
            assert!(problem.detail().contains(expected), "{}", problem.detail());
        }
    }
}
