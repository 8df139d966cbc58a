//! A small, strict reader of XML documents: well-formed and complete, or an error. No I/O.

use s3_listing::unescaped;
use xmlparser::{ElementEnd, Token, Tokenizer};

/// Deepest accepted nesting: pages of S3 have four levels.
const MAX_DEPTH: usize = 16;

/// An element without its attributes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    /// Name without the prefix of its namespace.
    pub(super) name: String,
    /// Its own text.
    pub(super) text: String,
    pub(super) children: Vec<Element>,
}

/// Why a document cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum XmlError {
    /// It stops before its end.
    Truncated,
    /// It is not well-formed, nested too deeply, or has a document type.
    Malformed,
}

impl Element {
    /// Reads the root element of a document.
    pub(super) fn parse(text: &str) -> Result<Self, XmlError> {
        let mut open: Vec<Self> = Vec::new();
        let mut root = None;
        for token in Tokenizer::from(text) {
            // The reader of tokens stops at the end of the text as at any other fault.
            let token = token.map_err(|_| XmlError::Malformed)?;
            match token {
                Token::ElementStart { local, .. } if root.is_none() && open.len() < MAX_DEPTH => {
                    open.push(Self {
                        name: local.as_str().to_owned(),
                        ..Self::default()
                    });
                }
                Token::ElementStart { .. }
                | Token::DtdStart { .. }
                | Token::EmptyDtd { .. }
                | Token::EntityDeclaration { .. } => return Err(XmlError::Malformed),
                Token::ElementEnd { end, .. } => {
                    let closed = match end {
                        ElementEnd::Open => continue,
                        ElementEnd::Empty => open.pop(),
                        ElementEnd::Close(_, local) => {
                            open.pop().filter(|element| element.name == local.as_str())
                        }
                    };
                    let closed = closed.ok_or(XmlError::Malformed)?;
                    match open.last_mut() {
                        Some(parent) => parent.children.push(closed),
                        None => root = Some(closed),
                    }
                }
                Token::Text { text } => {
                    let plain = unescaped(text.as_str().as_bytes());
                    let plain = String::from_utf8_lossy(&plain);
                    if let Some(element) = open.last_mut() {
                        element.text.push_str(&plain);
                    }
                }
                Token::Cdata { text, .. } => {
                    if let Some(element) = open.last_mut() {
                        element.text.push_str(text.as_str());
                    }
                }
                _ => {}
            }
        }
        root.filter(|_| open.is_empty()).ok_or(XmlError::Truncated)
    }

    /// Returns whether the element has this name, in any letter case.
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// Returns the text of the child with this name, without spaces around it; `None` if that is empty or there is no
    /// such child.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        let child = self.children.iter().find(|child| child.is(name))?;
        Some(child.text.trim()).filter(|text| !text.is_empty())
    }

    /// Returns the text of the child with this name as it is.
    pub(super) fn verbatim(&self, name: &str) -> Option<&str> {
        let child = self.children.iter().find(|child| child.is(name))?;
        Some(&child.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_read_with_text_references_and_sections() {
        let text = "<?xml version='1.0'?><!-- c --><s3:A x='1'><b>1 &amp; 2</b><c/><B><![CDATA[<3>]]></B></s3:A>\n";

        let root = Element::parse(text).unwrap();

        assert!(root.is("a"));
        assert_eq!(root.value("B"), Some("1 & 2"));
        assert_eq!(root.value("c"), None);
        assert_eq!(root.verbatim("c"), Some(""));
        assert_eq!(root.children[2].text, "<3>");
    }

    #[test]
    fn what_is_not_whole_or_not_well_formed_is_an_error() {
        for text in ["", "<a>", "<a><b></b>", "<a><b>1"] {
            assert_eq!(Element::parse(text), Err(XmlError::Truncated), "{text}");
        }
        for text in [
            "<a></b>",
            "<a></a><a></a>",
            "<a><b</a>",
            "text",
            "<!DOCTYPE a><a></a>",
            "</a>",
        ] {
            assert!(Element::parse(text).is_err(), "{text}");
        }
        assert!(Element::parse(&"<a>".repeat(17)).is_err());
    }
}
