//! A layer of values: `mxruntime.MicroflowConstants` of an `m2ee.yaml`. Reads nothing else of it.
//!
//! The same file holds passwords of the admin port and the database, so all other parts are skipped unread.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Options, Spanned};

use super::document::Position;
use super::setting::Setting;
use super::yaml11;

/// Values of one document by the constants' whole names.
pub(super) type Settings = BTreeMap<String, Setting>;

#[derive(Deserialize)]
struct M2ee {
    mxruntime: Option<Runtime>,
}

#[derive(Deserialize)]
struct Runtime {
    #[serde(rename = "MicroflowConstants")]
    constants: Option<BTreeMap<String, Spanned<Node>>>,
}

/// A value before its text is read the platform's way.
enum Node {
    Text(String),
    /// A null, Boolean or number, which the document may write in many ways.
    Plain,
    Opaque,
}

/// Parses an `m2ee.yaml`; `None` when it has no `MicroflowConstants`.
///
/// A key that is given twice counts the second time, as for the platform. Aliases and nesting are allowed
/// within limits that no configuration written by people comes near.
///
/// # Errors
///
/// Where the text stops being an `m2ee.yaml` within the limits; nothing of the text itself.
pub(super) fn parse(text: &str) -> Result<Option<Settings>, Position> {
    let document: Option<M2ee> =
        serde_saphyr::from_str_with_options(text, options()).map_err(|error| {
            let location = error.location();
            Position {
                line: location.map_or(0, |location| location.line()),
                column: location.map_or(0, |location| location.column()),
            }
        })?;
    let constants = document
        .and_then(|document| document.mxruntime)
        .and_then(|runtime| runtime.constants);
    let setting = |(name, node): (String, Spanned<Node>)| (name, setting(text, node));
    Ok(constants.map(|constants| constants.into_iter().map(setting).collect()))
}

fn setting(text: &str, node: Spanned<Node>) -> Setting {
    let span = node.defined.span();
    let written = span
        .byte_offset()
        .zip(span.byte_len())
        .and_then(|(start, length)| {
            let start = usize::try_from(start).ok()?;
            text.get(start..start + usize::try_from(length).ok()?)
        });
    match (node.value, written) {
        (Node::Opaque, _) | (Node::Plain, None) => Setting::Opaque,
        (Node::Plain, Some(written)) => yaml11::resolve(written),
        // Unquoted text with colons between digits is a number to base 60 for the platform's parser.
        (Node::Text(text), Some(written)) if text == written => match yaml11::base_sixty(written) {
            Some(number) => Setting::text(&number.to_string()),
            None => Setting::text(&text),
        },
        (Node::Text(text), _) => Setting::text(&text),
    }
}

/// Limits of one document. The longest `m2ee.yaml` that is documented has about 150 lines.
fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_documents: 1,
            max_depth: 32,
            flow_nesting_limit: 32,
            max_nodes: 50_000,
            max_events: 150_000,
            max_anchors: 1_000,
            max_aliases: 1_000,
            max_merge_keys: 100,
            max_recorded_anchor_events: 50_000,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 50_000,
            max_replay_stack_depth: 16,
        },
        duplicate_keys: DuplicateKeyPolicy::LastWins,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        // A snippet is content.
        with_snippet: false,
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_bool<E>(self, _value: bool) -> Result<Node, E> {
        Ok(Node::Plain)
    }

    fn visit_i64<E>(self, _number: i64) -> Result<Node, E> {
        Ok(Node::Plain)
    }

    fn visit_u64<E>(self, _number: u64) -> Result<Node, E> {
        Ok(Node::Plain)
    }

    fn visit_f64<E>(self, _number: f64) -> Result<Node, E> {
        Ok(Node::Plain)
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Plain)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Node::Opaque)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Node::Opaque)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(constants: &str) -> Vec<(String, Setting)> {
        let text = format!("mxruntime:\n  MicroflowConstants:\n{constants}");
        let settings = parse(&text).unwrap().unwrap();
        settings.into_iter().collect()
    }

    #[test]
    fn every_form_of_value_becomes_what_the_platform_runs_with() {
        let cases = [
            ("plain text", Setting::text("plain text")),
            ("'yes'", Setting::text("yes")),
            ("yes", Setting::text("true")),
            ("OFF", Setting::text("false")),
            ("y", Setting::text("y")),
            ("\"0755\"", Setting::text("0755")),
            ("0755", Setting::text("493")),
            ("08", Setting::text("08")),
            ("1_000", Setting::text("1000")),
            ("1.10", Setting::text("1.1")),
            ("1e3", Setting::text("1e3")),
            ("12:30", Setting::text("750")),
            ("'12:30'", Setting::text("12:30")),
            ("!!str 12", Setting::text("12")),
            (
                "123456789012345678901234567890",
                Setting::text("123456789012345678901234567890"),
            ),
            ("2013-12-20T16:02:32", Setting::text("2013-12-20T16:02:32")),
            ("''", Setting::text("")),
            ("", Setting::Null),
            ("~", Setting::Null),
            ("|\n      two\n      lines", Setting::text("two\nlines\n")),
            (".inf", Setting::text(".inf")),
            ("[a, b]", Setting::Opaque),
            ("{a: b}", Setting::Opaque),
        ];
        for (written, expected) in cases {
            let found = values(&format!(
                "    Ünïcode.First: ä\n    Sales.Value: {written}\n"
            ));

            assert_eq!(found[0], ("Sales.Value".to_owned(), expected), "{written}");
        }
    }

    #[test]
    fn an_alias_has_the_value_of_its_anchor_and_the_second_of_two_keys_counts() {
        assert_eq!(
            values("    A.A: &x 0755\n    A.B: *x\n    A.C: 1\n    A.C: 2\n"),
            [
                ("A.A".to_owned(), Setting::text("493")),
                ("A.B".to_owned(), Setting::text("493")),
                ("A.C".to_owned(), Setting::text("2")),
            ]
        );
    }

    #[test]
    fn documents_without_constants_are_no_fault() {
        for text in [
            "",
            "m2ee:\n  admin_pass: NEVERLEAK\n",
            "mxruntime:\n",
            "---\n",
        ] {
            assert_eq!(parse(text), Ok(None), "{text}");
        }
    }

    #[test]
    fn a_fault_is_a_position_and_nothing_of_the_text() {
        for text in [
            "m2ee:\n  admin_pass: NEVERLEAK\n bad: [NEVERLEAK",
            "mxruntime: NEVERLEAK",
            "mxruntime:\n  MicroflowConstants: NEVERLEAK",
            "- NEVERLEAK",
            "a: 1\n---\na: NEVERLEAK",
            "a: *NEVERLEAK",
        ] {
            let position = parse(text).unwrap_err();

            assert!(!format!("{position:?}").contains("NEVERLEAK"), "{text}");
            assert!(position.line <= 3, "{position:?}");
        }
    }

    #[test]
    fn a_bomb_of_aliases_is_refused_at_once() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let below = format!("*a{}", level - 1);
            let list = vec![below; 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{list}]\n"));
        }
        text.push_str("mxruntime:\n  MicroflowConstants:\n    A.A: *a11\n");

        assert!(parse(&text).is_err());
        assert!(parse(&"[".repeat(100_000)).is_err(), "nested too deeply");
        assert!(parse(&"a: {".repeat(1_000)).is_err(), "nested too deeply");
    }
}
