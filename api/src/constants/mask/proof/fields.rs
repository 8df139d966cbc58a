//! Lists, JSON and lists of fields: each part must be harmless by itself.

use serde_json::Value;

use super::{Context, Proof, whole};
use crate::constants::mask::language::{Style, is_listed, words};
use crate::constants::mask::names::{Head, heads, is_suspicious_field};

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
    let is_quantity = context.heads.contains(&Head::Quantity);
    let is_harmless = |item: &str| {
        // Many short numbers may be one long one.
        whole(item, context).is_some_and(|proof| match proof {
            Proof::Boolean => false,
            Proof::Number | Proof::Measure => {
                is_quantity || item.contains(char::is_alphabetic) || item.contains(['-', '%'])
            }
            _ => true,
        })
    };
    if is_series(items.clone()) {
        return true;
    }
    // `A,B,C`
    let is_letter =
        |item: &str| item.len() == 1 && item.bytes().all(|byte| byte.is_ascii_uppercase());
    if items.clone().count() <= 4 && items.clone().all(is_letter) {
        return true;
    }
    items.clone().count() <= MAX_ITEMS && items.filter(|item| !item.is_empty()).all(is_harmless)
}

/// Whether all items are codes of one form: `EXW,FCA,DAP`, `Q1|Q2|Q3`.
fn is_series<'t>(mut items: impl Iterator<Item = &'t str> + Clone) -> bool {
    let split = |item: &'t str| {
        let letters = item.trim_end_matches(|character: char| character.is_ascii_digit());
        (letters, item[letters.len()..].parse::<u8>().ok())
    };
    let are_letters = |item: &str| {
        (2..=3).contains(&item.len()) && item.bytes().all(|byte| byte.is_ascii_uppercase())
    };
    let pairs: Vec<_> = items.clone().map(split).collect();
    let are_numbered = pairs.windows(2).all(|two| {
        let ((first, before), (second, after)) = (two[0], two[1]);
        let follows = before
            .zip(after)
            .is_some_and(|(one, two)| one.checked_add(1) == Some(two));
        first == second && first.len() <= 3 && !first.is_empty() && follows
    });
    let first = items.clone().next().map_or(0, str::len);
    (2..=12).contains(&pairs.len())
        && (are_numbered || items.all(|item| are_letters(item) && item.len() == first))
}

/// Whether `text` is JSON or consists of fields such as `name=value;name=value`, all of which are harmless.
pub(super) fn are_harmless_fields(text: &str, context: Context<'_>) -> bool {
    if text.starts_with(['{', '[']) {
        let json = serde_json::from_str::<Value>(text);
        return json.is_ok_and(|json| is_harmless_json(&json, context, 0));
    }
    if text.starts_with('-') {
        return text
            .split_whitespace()
            .all(|option| is_option(context, option));
    }
    let separator = [';', '&', '\n', ',']
        .into_iter()
        .find(|separator| text.contains(*separator));
    let fields: Vec<&str> = match separator {
        Some(separator) => text.split(separator).map(str::trim).collect(),
        None => vec![text],
    };
    let is_single = fields.len() == 1;
    let is_word = |field: &str| matches!(whole(field, context), Some(Proof::Words));
    let is_harmless = |field: &&str| {
        field.is_empty()
            || (!field.contains('=') && text.contains('"') && is_word(field))
            || field
                .split_once('=')
                .filter(|(_, value)| !value.is_empty())
                .is_some_and(|(name, value)| {
                    // `salmon=68` may be a password.
                    (!is_single || is_stated(name, value))
                        && is_harmless_field(
                            context,
                            name.trim(),
                            value.trim().trim_matches(['"', '\'']),
                        )
                })
    };
    if text.contains("; ") || text.ends_with(';') {
        let are_rules = fields
            .iter()
            .all(|field| field.is_empty() || is_rule(context, field));
        if are_rules {
            return true;
        }
    }
    text.contains('=') && fields.len() <= MAX_ITEMS && fields.iter().all(is_harmless)
}

/// Whether a single field has a name of known words, and a number only where that states a quantity.
fn is_stated(name: &str, value: &str) -> bool {
    let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
    words(name, Style::PLAIN).is_some() && (!is_number || heads(name).contains(&Head::Quantity))
}

/// An option of a command line: `-Xmx2g`, `-XX:+UseG1GC`, `-Dfile.encoding=UTF-8`, `--verbose`.
fn is_option(context: Context<'_>, text: &str) -> bool {
    let memory = ["-Xmx", "-Xms", "-Xss"]
        .iter()
        .find_map(|start| text.strip_prefix(start));
    if let Some(size) = memory {
        let number = size.trim_end_matches(['k', 'K', 'm', 'M', 'g', 'G']);
        return (1..=5).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
    }
    let bare = ["-XX:+", "-XX:-", "-XX:", "--", "-D"]
        .iter()
        .find_map(|start| text.strip_prefix(start));
    bare.is_some_and(|bare| match bare.split_once('=') {
        Some((name, value)) => !value.is_empty() && is_harmless_field(context, name, value),
        None => bare.len() >= 3 && is_field_name(bare) && words(bare, Style::PLAIN).is_some(),
    })
}

/// A rule of a style sheet: `font-size: 12px`.
fn is_rule(context: Context<'_>, field: &str) -> bool {
    const PROPERTIES: &str = "color background background-color border border-color border-radius font-size font-family font-weight \
        font-style text-align text-decoration margin margin-top margin-bottom margin-left margin-right padding width \
        height max-width min-width max-height display position opacity z-index line-height float overflow visibility";
    field.split_once(':').is_some_and(|(name, value)| {
        is_listed(PROPERTIES, name.trim())
            && with_name(context, name.trim(), |context| {
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
                            && with_name(context, name, |context| {
                                is_harmless_json(value, context, depth + 1)
                            })
                    }
                    Value::String(text) => is_harmless_field(context, name, text),
                    Value::Null | Value::Bool(_) => words(name, FIELD_NAME).is_some(),
                    Value::Number(number) => is_harmless_field(context, name, &number.to_string()),
                })
        }
    }
}

fn is_harmless_field(context: Context<'_>, name: &str, value: &str) -> bool {
    let is_number = (1..=4).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_digit());
    let is_harmless = |context: Context<'_>| match whole(value, context) {
        Some(proof) => !is_number || proof == Proof::Words,
        None => false,
    };
    (is_number || is_field_name(name)) && with_name(context, name, is_harmless)
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

/// Decides about a field, of which its own name and the constant's state the form.
fn with_name(context: Context<'_>, name: &str, decide: impl Fn(Context<'_>) -> bool) -> bool {
    let name = &format!("{}_{name}", context.name);
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
            "EXW,FCA,DAP",
            "Q1|Q2|Q3|Q4",
            "25%,50%,75%",
        ] {
            assert!(is_harmless_list(text, CONTEXT), "{text}");
        }
        for text in [
            r#"{"url": "https://erp.example.com", "timeout": 300, "enabled": true, "sort": {"field": "name", "order": "asc"}}"#,
            r#"["orders", "invoices"]"#,
            "Server=db.example.com;Database=sales;Encrypt=true",
            "width=100&height=200",
            "-Xmx2g -XX:+UseG1GC -Dfile.encoding=UTF-8",
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
            "A1,B7,C3",
            "kqz,xvw",
            "K4,K9,K2",
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
            "-Dpassword=orders",
            "-kqzvxw",
            "-Xmxk7q",
        ] {
            assert!(!are_harmless_fields(text, CONTEXT), "{text}");
        }
    }
}
