//! Lists, JSON and lists of fields: each part must be harmless by itself.

use serde_json::Value;

use super::{Context, Proof, whole};
use crate::constants::mask::language::{Style, is_listed, words};
use crate::constants::mask::names::{heads, is_suspicious_field};

/// Maximum number of items or fields.
const MAX_ITEMS: usize = 64;
/// Maximum depth of JSON.
const MAX_DEPTH: usize = 8;
/// Names of fields may be in any language.
const FIELD_NAME: Style = Style {
    accepts_strange: true,
    rare_groups: 1,
    abbreviation: 3,
    glued_digits: 2,
    free_digits: 2,
};

/// Whether `text` is a list, separated by commas, semicolons, bars or lines, with only harmless items.
pub(super) fn is_harmless_list(text: &str, context: Context<'_>) -> bool {
    let Some(separator) = [';', '|', ',', '\n']
        .into_iter()
        .find(|separator| text.contains(*separator))
    else {
        return false;
    };
    let items = text.split(separator).map(str::trim);
    let is_harmless = |item: &str| {
        // Many short numbers may be one long one.
        whole(item, context).is_some_and(|proof| match proof {
            Proof::Boolean => false,
            Proof::Number | Proof::Measure => {
                item.contains(char::is_alphabetic) || item.contains('-')
            }
            _ => true,
        })
    };
    items.clone().count() <= MAX_ITEMS && items.filter(|item| !item.is_empty()).all(is_harmless)
}

/// Whether `text` is JSON or consists of fields such as `name=value;name=value`, all of which are harmless.
pub(super) fn are_harmless_fields(text: &str, context: Context<'_>) -> bool {
    if text.starts_with(['{', '[']) {
        let json = serde_json::from_str::<Value>(text);
        return json.is_ok_and(|json| is_harmless_json(&json, context, 0));
    }
    let separator = [';', '&', '\n', ',']
        .into_iter()
        .find(|separator| text.contains(*separator));
    let fields: Vec<&str> = match separator {
        Some(separator) => text.split(separator).map(str::trim).collect(),
        None => vec![text],
    };
    let is_word = |field: &str| matches!(whole(field, context), Some(Proof::Words));
    let is_harmless = |field: &&str| {
        field.is_empty()
            || (!field.contains('=') && text.contains('"') && is_word(field))
            || field
                .split_once('=')
                .filter(|(_, value)| !value.is_empty())
                .is_some_and(|(name, value)| {
                    is_harmless_field(name.trim(), value.trim().trim_matches(['"', '\'']))
                })
    };
    if text.contains("; ") || text.ends_with(';') {
        let are_rules = fields
            .iter()
            .all(|field| field.is_empty() || is_rule(field));
        if are_rules {
            return true;
        }
    }
    text.contains('=') && fields.len() <= MAX_ITEMS && fields.iter().all(is_harmless)
}

/// A rule of a style sheet: `font-size: 12px`.
fn is_rule(field: &str) -> bool {
    const PROPERTIES: &str = "color background background-color border border-color border-radius font-size font-family font-weight \
        font-style text-align text-decoration margin margin-top margin-bottom margin-left margin-right padding width \
        height max-width min-width max-height display position opacity z-index line-height float overflow visibility";
    field.split_once(':').is_some_and(|(name, value)| {
        is_listed(PROPERTIES, name.trim())
            && with_name(name.trim(), |context| {
                whole(value.trim(), context).is_some()
            })
    })
}

fn is_harmless_json(json: &Value, context: Context<'_>, depth: usize) -> bool {
    match json {
        Value::Null | Value::Bool(_) => true,
        Value::Number(number) => whole(&number.to_string(), context).is_some(),
        Value::String(text) => whole(text, context).is_some(),
        _ if depth == MAX_DEPTH => false,
        Value::Array(items) => {
            // Many short numbers may be one long one.
            let are_numbers = items.len() > 4 && items.iter().all(Value::is_number);
            items.len() <= MAX_ITEMS
                && !are_numbers
                && items
                    .iter()
                    .all(|item| is_harmless_json(item, context, depth + 1))
        }
        Value::Object(fields) => {
            fields.len() <= MAX_ITEMS
                && fields.iter().all(|(name, value)| match value {
                    Value::Array(_) | Value::Object(_) => {
                        is_field_name(name)
                            && with_name(name, |context| {
                                is_harmless_json(value, context, depth + 1)
                            })
                    }
                    Value::String(text) => is_harmless_field(name, text),
                    Value::Null | Value::Bool(_) => words(name, FIELD_NAME).is_some(),
                    Value::Number(number) => is_harmless_field(name, &number.to_string()),
                })
        }
    }
}

fn is_harmless_field(name: &str, value: &str) -> bool {
    is_field_name(name) && with_name(name, |context| whole(value, context).is_some())
}

fn is_field_name(name: &str) -> bool {
    let is_sign = |character: char| " _-.".contains(character);
    name.starts_with(char::is_alphabetic)
        && name
            .chars()
            .all(|character| character.is_alphanumeric() || is_sign(character))
        && name.len() <= 64
        && !is_suspicious_field(name)
        && words(name, FIELD_NAME).is_some()
}

fn with_name(name: &str, decide: impl Fn(Context<'_>) -> bool) -> bool {
    let heads = heads(name);
    decide(Context {
        name,
        heads: &heads,
        is_marketplace_default: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTEXT: Context<'_> = Context {
        name: "App.Value",
        heads: &[],
        is_marketplace_default: false,
    };

    #[test]
    fn lists_and_fields_are_harmless_if_each_part_is() {
        for text in [
            "nl_NL,en_US,de_DE",
            "kafka-1.example.com:9092,kafka-2.example.com:9092",
            "info@acme.com; sales@acme.com",
            "orders|invoices",
        ] {
            assert!(is_harmless_list(text, CONTEXT), "{text}");
        }
        for text in [
            r#"{"url": "https://erp.example.com", "timeout": 300, "enabled": true, "sort": {"field": "name", "order": "asc"}}"#,
            r#"["orders", "invoices"]"#,
            "Server=db.example.com;Database=sales;Encrypt=true",
            "width=100&height=200",
            "{}",
        ] {
            assert_eq!(
                are_harmless_fields(text, CONTEXT),
                !text.contains("Encrypt"),
                "{text}"
            );
        }
    }

    #[test]
    fn one_part_that_is_not_harmless_masks_all() {
        for text in [
            "nl,en,x7Qk2Lm9",
            "4,8,3,9,2,0",
            "12",
            "orders",
            "aB,cD,eF,gH,iJ,kL",
        ] {
            assert!(!is_harmless_list(text, CONTEXT), "{text}");
        }
        for text in [
            r#"{"key": "name", "order": "asc"}"#,
            r#"{"pin": 4839}"#,
            r#"{"value": 483920}"#,
            r#"{"user": "admin"}"#,
            r#"{"sales": {"password": "orders"}}"#,
            "[4,8,3,9,2,0]",
            r#"{"x": "kqzvxw"}"#,
            "Server=db.example.com;Pwd=orders",
            "user=orders",
            "kqzvxwpq=orders",
            "{not json",
        ] {
            assert!(!are_harmless_fields(text, CONTEXT), "{text}");
        }
    }
}
