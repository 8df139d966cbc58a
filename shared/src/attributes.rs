//! Plain values of stored items, which stored forms turn into and every item store keeps.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Named plain values of an item.
pub type Attributes = BTreeMap<String, Value>;

/// Returns the attributes of a stored form.
pub(crate) fn encode(stored: &impl Serialize) -> Result<Attributes, String> {
    let json = serde_json::to_value(stored).map_err(|error| error.to_string())?;
    match Value::from_json(json)? {
        Value::Map(attributes) => Ok(attributes),
        _ => Err("a stored form is an object".to_owned()),
    }
}

/// Returns the stored form with these attributes.
pub(crate) fn decode<T: DeserializeOwned>(attributes: &Attributes) -> Result<T, String> {
    let json = Value::Map(attributes.clone()).into_json();
    serde_json::from_value(json).map_err(|error| error.to_string())
}

/// A plain value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A boolean.
    Bool(bool),
    /// A whole number.
    Integer(u64),
    /// Text.
    Text(String),
    /// Values in order.
    List(Vec<Value>),
    /// Values by name.
    Map(Attributes),
}

impl Value {
    fn from_json(json: serde_json::Value) -> Result<Self, String> {
        use serde_json::Value as Json;
        Ok(match json {
            Json::Bool(value) => Self::Bool(value),
            Json::String(text) => Self::Text(text),
            Json::Number(number) => Self::Integer(
                number
                    .as_u64()
                    .ok_or_else(|| format!("{number} is not an unsigned 64-bit integer"))?,
            ),
            Json::Array(values) => Self::List(
                values
                    .into_iter()
                    .map(Self::from_json)
                    .collect::<Result<_, _>>()?,
            ),
            Json::Object(values) => Self::Map(
                values
                    .into_iter()
                    .map(|(name, value)| Ok((name, Self::from_json(value)?)))
                    .collect::<Result<_, String>>()?,
            ),
            Json::Null => return Err("an absent value is omitted, not null".to_owned()),
        })
    }

    fn into_json(self) -> serde_json::Value {
        match self {
            Self::Bool(value) => value.into(),
            Self::Integer(number) => number.into(),
            Self::Text(text) => text.into(),
            Self::List(values) => values.into_iter().map(Self::into_json).collect(),
            Self::Map(values) => values
                .into_iter()
                .map(|(name, value)| (name, value.into_json()))
                .collect(),
        }
    }

    /// Returns an upper estimate of what DynamoDB counts as the value's size.
    pub(crate) fn size_bytes(&self) -> usize {
        match self {
            Self::Bool(_) => 1,
            Self::Integer(_) => 21,
            Self::Text(text) => text.len(),
            Self::List(values) => {
                3 + values
                    .iter()
                    .map(|value| 1 + value.size_bytes())
                    .sum::<usize>()
            }
            Self::Map(values) => {
                3 + values
                    .iter()
                    .map(|(name, value)| 1 + name.len() + value.size_bytes())
                    .sum::<usize>()
            }
        }
    }
}
