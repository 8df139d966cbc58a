//! Plain values of stored items, which stored forms turn into and every item store keeps.

use std::collections::BTreeMap;

use serde::de::value::{MapAccessDeserializer, MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer, Visitor, value};
use serde::{Deserialize, Deserializer, Serialize, forward_to_deserialize_any};

/// The only attribute of an item that an adapter cannot decode: what is stored there, as text. No stored form has it.
pub(crate) const UNDECODABLE: &str = "undecodable";
/// How the reason begins for an item that a newer release wrote.
pub(crate) const NEWER_RELEASE: &str = "it was written by a newer version of this program";

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
    T::deserialize(map(attributes)).map_err(|error| error.to_string())
}

/// Returns a deserializer of values by name, which copies none of them.
fn map(
    attributes: &Attributes,
) -> MapDeserializer<'_, impl Iterator<Item = (&str, &Value)>, value::Error> {
    let named = attributes.iter();
    MapDeserializer::new(named.map(|(name, value)| (name.as_str(), value)))
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

impl<'de> Deserializer<'de> for &'de Value {
    type Error = value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, value::Error> {
        match self {
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Integer(number) => visitor.visit_u64(*number),
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::List(values) => visitor.visit_seq(SeqDeserializer::new(values.iter())),
            Value::Map(attributes) => visitor.visit_map(map(attributes)),
        }
    }

    /// An absent value is omitted: what is there is some value.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, value::Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, value::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, value::Error> {
        match self {
            Value::Text(text) => {
                let variant = text.as_str().into_deserializer();
                variant.deserialize_enum(name, variants, visitor)
            }
            Value::Map(attributes) => {
                let variant = MapAccessDeserializer::new(map(attributes));
                variant.deserialize_enum(name, variants, visitor)
            }
            other => other.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, value::Error> for &'de Value {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Word {
        Plain,
        With { number: u64 },
        Wrapped(String),
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Newtype(u32);

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Inner {
        flag: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        absent: Option<String>,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Form {
        #[serde(flatten)]
        inner: Inner,
        newtype: Newtype,
        words: Vec<Word>,
        present: Option<u64>,
        signed: i64,
        by_name: BTreeMap<String, Option<u64>>,
        pair: (String, usize),
        any: Option<serde_json::Value>,
    }

    fn form() -> Form {
        Form {
            inner: Inner {
                flag: true,
                absent: None,
            },
            newtype: Newtype(7),
            words: vec![
                Word::Plain,
                Word::With { number: u64::MAX },
                Word::Wrapped("ü".into()),
            ],
            present: Some(0),
            signed: 5,
            by_name: BTreeMap::from([("a".into(), Some(1))]),
            pair: ("x".into(), 2),
            any: Some(serde_json::json!({"list": [1, "two", true], "map": {"a": 1}})),
        }
    }

    #[test]
    fn what_is_encoded_decodes_to_itself() {
        let attributes = encode(&form()).unwrap();

        assert_eq!(decode::<Form>(&attributes), Ok(form()));
    }

    #[test]
    fn what_is_something_else_is_an_error_that_names_it() {
        let attributes = encode(&form()).unwrap();
        for (name, value, expected) in [
            (
                "newtype",
                Value::Text("7".into()),
                "invalid type: string \"7\", expected u32",
            ),
            ("signed", Value::Integer(u64::MAX), "expected i64"),
            ("words", Value::Text("plain".into()), "expected a sequence"),
            (
                "words",
                Value::List(vec![Value::Bool(true)]),
                "invalid type: boolean",
            ),
            (
                "words",
                Value::List(vec![Value::Text("other".into())]),
                "unknown variant `other`",
            ),
            ("flag", Value::Map(Attributes::new()), "expected a boolean"),
        ] {
            let mut attributes = attributes.clone();
            attributes.insert(name.to_owned(), value);

            let error = decode::<Form>(&attributes).unwrap_err();

            assert!(error.contains(expected), "{name}: {error}");
        }
        let missing = decode::<Form>(&Attributes::new()).unwrap_err();
        assert!(missing.starts_with("missing field"), "{missing}");
    }
}
