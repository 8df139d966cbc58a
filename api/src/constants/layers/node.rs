//! A value in a YAML document, interpreted as the platform's own tools do.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Options, Spanned};

use super::setting::Setting;
use super::yaml11::{self, Resolved};

/// A value before its text is interpreted.
pub(in crate::constants) enum Node {
    /// Text.
    Text(String),
    /// A null, Boolean or number, which can be written in many ways.
    Plain,
    /// A list or a map.
    Opaque,
}

/// Returns what `node` stands for in the document `text`.
pub(in crate::constants) fn resolve(text: &str, node: Spanned<Node>) -> Resolved {
    let span = node.defined.span();
    let written = span
        .byte_offset()
        .zip(span.byte_len())
        .and_then(|(start, length)| {
            let start = usize::try_from(start).ok()?;
            let end = start + usize::try_from(length).ok()?;
            Some((text.get(..start)?, text.get(start..end)?))
        });
    match (node.value, written) {
        (Node::Opaque, _) | (Node::Plain, None) => Resolved::Setting(Setting::Opaque),
        (Node::Plain, Some((_, written))) => {
            yaml11::resolve(written.trim().trim_matches(['\'', '"']))
        }
        (Node::Text(_), Some((before, written))) if is_unquoted(written) && !is_tagged(before) => {
            yaml11::resolve(written)
        }
        (Node::Text(text), _) => Resolved::Setting(Setting::text(&text)),
    }
}

/// Whether `written` has neither quotes nor several lines, so that it may be a number or a Boolean.
fn is_unquoted(written: &str) -> bool {
    !written.starts_with(['"', '\'', '|', '>']) && !written.contains('\n')
}

/// Whether the text before a value ends with a tag that makes it text: `!!str 0755`.
fn is_tagged(before: &str) -> bool {
    let before = before.trim_end();
    before.ends_with("!!str") || before.ends_with(" !")
}

/// Limits of one document. The longest `m2ee.yaml` that is documented has about 150 lines.
pub(in crate::constants) fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_documents: 100,
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
        // A snippet would reveal content.
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
