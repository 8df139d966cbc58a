//! The little of an HTTP request that endpoints need, decoded once.

use std::collections::BTreeMap;

use crate::http::parameter::{Parameter, ParameterKind};
use crate::http::problem::Problem;

/// Longest text of a parameter in bytes: S3's longest key.
pub const TEXT_LIMIT_BYTES: usize = 1024;

/// A request as the gateway passed it on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// Method in capitals.
    pub method: String,
    /// Path of the route, without the stage.
    pub path: String,
    /// Query in the order of its names, percent-decoded; a name that was given twice has two values.
    pub query: BTreeMap<String, Vec<String>>,
    /// Headers by lower-case name; the values of a name that was given twice are joined by commas.
    pub headers: BTreeMap<String, String>,
    /// Claims of the verified token; `None` when the route asks for no token.
    pub claims: Option<BTreeMap<String, String>>,
    /// The gateway's id of the request.
    pub id: String,
}

impl Request {
    /// Returns the header of that lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// A query that was checked against the parameters of its route.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters {
    texts: BTreeMap<&'static str, String>,
    numbers: BTreeMap<&'static str, u64>,
}

impl Parameters {
    /// Checks `query` against what a route allows.
    ///
    /// # Errors
    ///
    /// 400 that names the parameter, its fault and what is allowed.
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
        let refuse = |fault: String| {
            Err(Problem::bad_parameter(
                name,
                format!("the parameter {name:?} {fault}"),
            ))
        };
        let value = match values {
            [] => None,
            [value] => Some(value),
            _ => return refuse(format!("is given {} times, allowed is once", values.len())),
        };
        match (parameter.kind, value) {
            (_, None) if parameter.is_required => return refuse("is missing".to_owned()),
            (ParameterKind::Text | ParameterKind::Choice(_), None) => {}
            (ParameterKind::Choice(words), Some(text)) if words.contains(&text.as_str()) => {
                self.texts.insert(name, text.clone());
            }
            (ParameterKind::Choice(words), Some(text)) => {
                return refuse(format!("is {text:?}, allowed is {}", words.join(" or ")));
            }
            (ParameterKind::Text, Some(text)) if (1..=TEXT_LIMIT_BYTES).contains(&text.len()) => {
                self.texts.insert(name, text.clone());
            }
            (ParameterKind::Text, Some(text)) => {
                return refuse(format!(
                    "has {} bytes, allowed are 1 to {TEXT_LIMIT_BYTES}",
                    text.len()
                ));
            }
            (ParameterKind::Number { default, .. }, None) => {
                self.numbers.insert(name, default);
            }
            (ParameterKind::OptionalNumber { .. }, None) => {}
            (ParameterKind::OptionalNumber { most }, Some(text)) => {
                match whole_number(text, 1, most) {
                    Ok(number) => self.numbers.insert(name, number),
                    Err(fault) => return refuse(fault),
                };
            }
            (ParameterKind::Number { least, most, .. }, Some(text)) => {
                match whole_number(text, least, most) {
                    Ok(number) => self.numbers.insert(name, number),
                    Err(fault) => return refuse(fault),
                };
            }
        }
        Ok(())
    }

    /// Returns the text parameter `name`; `None` when the request has none.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(String::as_str)
    }

    /// Returns the number parameter `name`, its default when the request has none.
    pub fn number(&self, name: &str) -> u64 {
        self.numbers.get(name).copied().unwrap_or_default()
    }

    /// Returns the number parameter `name`; `None` when the request has none and there is no default.
    pub fn given_number(&self, name: &str) -> Option<u64> {
        self.numbers.get(name).copied()
    }

    /// Returns whether the request has the parameter `name`, or there is a default.
    pub fn is_given(&self, name: &str) -> bool {
        self.texts.contains_key(name) || self.numbers.contains_key(name)
    }

    /// Returns all parameters that were given or have a default, as text, in the order of their names.
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

/// Returns the whole number that `text` is, or what is wrong with it.
fn whole_number(text: &str, least: u64, most: u64) -> Result<u64, String> {
    let number = text.parse::<u64>().ok();
    number
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| format!("is {text:?}, allowed is a whole number from {least} to {most}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    static ALLOWED: [Parameter; 4] = [
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
    fn good_values_and_defaults_are_there() {
        let parameters = check(&[("environment", "acme-prod"), ("limit", "100")]).unwrap();

        assert_eq!(parameters.text("environment"), Some("acme-prod"));
        assert_eq!(parameters.text("prefix"), None);
        assert_eq!(parameters.number("limit"), 100);
        assert_eq!(check(&[("environment", "a")]).unwrap().number("limit"), 20);
    }

    #[test]
    fn every_fault_names_the_parameter_and_what_is_allowed() {
        let long = "x".repeat(TEXT_LIMIT_BYTES + 1);
        let cases: [(&[(&str, &str)], &str); 8] = [
            (
                &[("environment", "a"), ("sort", "colour")],
                "\"sort\" is \"colour\", allowed is name or size",
            ),
            (
                &[("colour", "blue")],
                "\"colour\" is unknown, allowed are: sort, environment, prefix, limit",
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
