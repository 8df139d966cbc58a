//! One value of a constant. Its text is for [`mask`](crate::constants::mask) and the view only: never printed.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Above this limit, a floating-point number cannot represent every whole number.
const EXACT_LIMIT: f64 = 9_007_199_254_740_992.0;

/// The value of a constant in a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::constants) enum Setting {
    /// A text, possibly empty.
    Text(Text),
    /// Explicitly no value.
    Null,
    /// A list, a map or a number that has no exact text.
    Opaque,
    /// A value in a secret store that was not read.
    Unread,
}

/// Text that `Debug` does not print.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::constants) struct Text(String);

impl Text {
    /// Returns the text itself.
    pub(in crate::constants) fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Text(..)")
    }
}

impl Setting {
    /// Returns a text value.
    pub(in crate::constants) fn text(text: &str) -> Self {
        Self::Text(text.into())
    }

    /// Returns whether it is a text of asterisks only, with which the Deploy API and its pages hide a value.
    pub(in crate::constants) fn is_masked(&self) -> bool {
        let Self::Text(Text(text)) = self else {
            return false;
        };
        text.len() >= 3 && text.bytes().all(|byte| byte == b'*')
    }

    /// Returns a number as the platform writes it; one that lost digits is opaque.
    pub(in crate::constants) fn of_float(number: f64) -> Self {
        if number.fract() == 0.0 && number.abs() >= EXACT_LIMIT {
            return Self::Opaque;
        }
        Self::text(&format!("{number:?}"))
    }
}

/// Accepts any JSON value. YAML has its own [`Node`](super::node::Node), because it has many forms for one value.
impl<'de> Deserialize<'de> for Setting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SettingVisitor)
    }
}

struct SettingVisitor;

impl<'de> Visitor<'de> for SettingVisitor {
    type Value = Setting;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Setting, E> {
        Ok(Setting::text(text))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Setting, E> {
        Ok(Setting::text(&value.to_string()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Setting, E> {
        Ok(Setting::text(&number.to_string()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Setting, E> {
        Ok(Setting::text(&number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Setting, E> {
        Ok(Setting::of_float(number))
    }

    fn visit_unit<E>(self) -> Result<Setting, E> {
        Ok(Setting::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Setting, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Setting::Opaque)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Setting, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Setting::Opaque)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_values_become_the_text_that_the_platform_uses() {
        let cases = [
            (r#""a b""#, Setting::text("a b")),
            (r#""""#, Setting::text("")),
            ("true", Setting::text("true")),
            ("-7", Setting::text("-7")),
            ("1.50", Setting::text("1.5")),
            ("2.0", Setting::text("2.0")),
            ("null", Setting::Null),
            ("[1]", Setting::Opaque),
            (r#"{"a": 1}"#, Setting::Opaque),
            ("123456789012345678901234567890", Setting::Opaque),
        ];
        for (json, expected) in cases {
            assert_eq!(
                serde_json::from_str::<Setting>(json).unwrap(),
                expected,
                "{json}"
            );
        }
    }

    #[test]
    fn debug_does_not_print_the_text() {
        let setting = Setting::text("NEVERLEAK");

        assert_eq!(format!("{setting:?}"), "Text(Text(..))");
    }
}
