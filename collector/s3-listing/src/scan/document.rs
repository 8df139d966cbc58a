//! Reads a page as any XML, and writes it as the scanner expects it. No I/O.
//!
//! For pages with comments, CDATA sections, attributes, prefixes of namespaces or spaces around values, which some
//! providers write. The document must be well-formed and complete; an element that would be ambiguous is an error. The
//! scanner then checks the content of the page like that of any other.

use std::fmt::Write;

use xmlparser::{ElementEnd, Token, Tokenizer};

use super::{Foreign, Listing, PageError, unescaped};

/// Elements of a page that are kept.
const METADATA: [&str; 8] = [
    "EncodingType",
    "IsTruncated",
    "KeyCount",
    "MaxKeys",
    "NextContinuationToken",
    "NextKeyMarker",
    "NextVersionIdMarker",
    "Prefix",
];
/// Entries of both kinds of pages.
const ENTRIES: [&str; 3] = ["Contents", "Version", "DeleteMarker"];
/// Elements of an entry that are kept.
const FIELDS: [&str; 5] = ["Key", "VersionId", "IsLatest", "Size", "StorageClass"];
/// Values in which spaces at the start and the end mean something.
const VERBATIM: [&str; 6] = [
    "Key",
    "VersionId",
    "NextContinuationToken",
    "NextKeyMarker",
    "NextVersionIdMarker",
    "Prefix",
];
/// Deepest accepted nesting: entries of S3 have three levels.
const MAX_DEPTH: usize = 16;

const TWICE: PageError = PageError::Malformed("an element twice");
const NOT_XML: PageError = PageError::Malformed("a page that is not XML");

/// Returns a page as the scanner expects it.
///
/// # Errors
///
/// The page is not a complete listing; [`PageError::NotAListing`] says what else it is.
pub fn normalized(body: &[u8], listing: Listing) -> Result<Vec<u8>, PageError> {
    if let Some(foreign) = Foreign::of(body) {
        return Err(PageError::NotAListing(foreign));
    }
    let text = std::str::from_utf8(body).map_err(|_| NOT_XML)?;
    let mut writer = Writer::new(listing);
    let mut path: Vec<&str> = Vec::new();
    let mut value = String::new();
    let mut has_root = false;
    for token in Tokenizer::from(text) {
        match token.map_err(|_| NOT_XML)? {
            Token::ElementStart { local, .. } => {
                if path.is_empty() && std::mem::replace(&mut has_root, true) {
                    return Err(NOT_XML);
                }
                path.push(local.as_str());
                if path.len() > MAX_DEPTH {
                    return Err(NOT_XML);
                }
                value.clear();
                writer.open(&path)?;
            }
            Token::ElementEnd { end, .. } => match end {
                ElementEnd::Open => {}
                ElementEnd::Close(_, local) if path.last() == Some(&local.as_str()) => {
                    writer.close(&path, &value)?;
                    path.pop();
                    value.clear();
                }
                ElementEnd::Close(..) => return Err(NOT_XML),
                ElementEnd::Empty => {
                    writer.close(&path, "")?;
                    path.pop();
                }
            },
            Token::Text { text } => {
                let plain = unescaped(text.as_str().as_bytes());
                value.push_str(&String::from_utf8_lossy(&plain));
            }
            Token::Cdata { text, .. } => value.push_str(text.as_str()),
            Token::DtdStart { .. } | Token::EmptyDtd { .. } | Token::EntityDeclaration { .. } => {
                return Err(PageError::Malformed("a document type"));
            }
            _ => {}
        }
    }
    if !has_root || !path.is_empty() {
        return Err(PageError::Truncated("a page has no end"));
    }
    writer.finish()
}

/// Returns whether a page's entries are directly within its root, and no others are around them: `head` is everything
/// before them, `trailer` everything after them.
pub(super) fn is_frame(head: &[u8], trailer: &[u8]) -> bool {
    let (Ok(head), Ok(trailer)) = (std::str::from_utf8(head), std::str::from_utf8(trailer)) else {
        return false;
    };
    let mut path = Vec::new();
    let fragment = Tokenizer::from_fragment(trailer, 0..trailer.len());
    walk(Tokenizer::from(head), &mut path, 1)
        && path.len() == 1
        && walk(fragment, &mut path, 0)
        && path.is_empty()
}

/// Follows the elements of a text; `false` if they are not well-formed, if one is an entry, or if there are fewer than
/// `least` open ones after the first.
fn walk<'t>(tokens: Tokenizer<'t>, path: &mut Vec<&'t str>, least: usize) -> bool {
    for token in tokens {
        match token {
            Ok(Token::ElementStart { local, .. }) => {
                if ENTRIES.contains(&local.as_str()) {
                    return false;
                }
                path.push(local.as_str());
            }
            Ok(Token::ElementEnd { end, .. }) => {
                let closed = match end {
                    ElementEnd::Open => continue,
                    ElementEnd::Empty => path.pop().is_some(),
                    ElementEnd::Close(_, local) => path.pop() == Some(local.as_str()),
                };
                if !closed || path.len() < least {
                    return false;
                }
            }
            Ok(_) => {}
            Err(_) => return false,
        }
    }
    true
}

/// Writes what is kept of a page.
#[derive(Debug)]
struct Writer {
    listing: Listing,
    metadata: Vec<(String, String)>,
    fields: Vec<(String, String)>,
    entries: String,
}

impl Writer {
    fn new(listing: Listing) -> Self {
        Self {
            listing,
            metadata: Vec::new(),
            fields: Vec::new(),
            entries: String::new(),
        }
    }

    fn root(&self) -> &'static str {
        match self.listing {
            Listing::Objects => "ListBucketResult",
            Listing::Versions => "ListVersionsResult",
        }
    }

    fn is_entry(&self, name: &str) -> bool {
        match self.listing {
            Listing::Objects => name == "Contents",
            Listing::Versions => matches!(name, "Version" | "DeleteMarker"),
        }
    }

    fn open(&mut self, path: &[&str]) -> Result<(), PageError> {
        match path {
            ["ListBucketResult"] if self.listing == Listing::Versions => {
                Err(PageError::NotAListing(Foreign::Objects))
            }
            [root] if *root != self.root() => {
                Err(PageError::Malformed("another kind of document than a page"))
            }
            [_, name] if self.is_entry(name) => {
                self.fields.clear();
                Ok(())
            }
            // A value is text only.
            [_, parent, _] if METADATA.contains(parent) => Err(NOT_XML),
            [_, entry, parent, _] if self.is_entry(entry) && FIELDS.contains(parent) => {
                Err(NOT_XML)
            }
            _ => Ok(()),
        }
    }

    fn close(&mut self, path: &[&str], value: &str) -> Result<(), PageError> {
        match path {
            [_, name] if self.is_entry(name) => {
                self.push_entry(name);
                Ok(())
            }
            [_, name] if METADATA.contains(name) => keep(&mut self.metadata, name, value),
            [_, entry, name] if self.is_entry(entry) && FIELDS.contains(name) => {
                keep(&mut self.fields, name, value)
            }
            _ => Ok(()),
        }
    }

    fn push_entry(&mut self, name: &str) {
        self.entries.push_str(&format!("<{name}>"));
        for (field, value) in std::mem::take(&mut self.fields) {
            push(&mut self.entries, &field, &value);
        }
        self.entries.push_str(&format!("</{name}>"));
    }

    fn finish(self) -> Result<Vec<u8>, PageError> {
        let root = self.root();
        let mut text = format!("<{root}>");
        for (name, value) in &self.metadata {
            push(&mut text, name, value);
        }
        write!(text, "{}</{root}>", self.entries).map_err(|_| NOT_XML)?;
        Ok(text.into_bytes())
    }
}

fn keep(kept: &mut Vec<(String, String)>, name: &str, value: &str) -> Result<(), PageError> {
    if kept.iter().any(|(known, _)| known == name) {
        return Err(TWICE);
    }
    let value = if VERBATIM.contains(&name) {
        value
    } else {
        value.trim()
    };
    kept.push((name.to_owned(), value.to_owned()));
    Ok(())
}

fn push(text: &mut String, name: &str, value: &str) {
    let value = value
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    text.push_str(&format!("<{name}>{value}</{name}>"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_directly_within_the_root() {
        let head = b"<?xml version='1.0'?><R><Name>a</Name><Prefix/>".as_slice();
        assert!(is_frame(head, b"<Key>1</Key></R>\n"));
        for (head, trailer) in [
            ("<R><Other>", "</Other></R>"),
            ("<R><Name></R>", "</R>"),
            ("<R><Nam", "</R>"),
            ("<R>", "</R></R>"),
            ("<R>", ""),
            ("<R></R>", ""),
            ("<R>", "</Other>"),
            ("<R>", "</R><R>"),
            ("<R><DeleteMarker ></DeleteMarker>", "</R>"),
            ("<R>", "<s3:Version/></R>"),
        ] {
            assert!(!is_frame(head.as_bytes(), trailer.as_bytes()), "{head}");
        }
    }

    fn read(body: &str) -> Result<String, PageError> {
        normalized(body.as_bytes(), Listing::Objects).map(|page| String::from_utf8(page).unwrap())
    }

    #[test]
    fn a_page_of_any_xml_is_written_as_s3_writes_it() {
        let page = "<?xml version='1.0'?><!-- c --><s3:ListBucketResult xmlns:s3='x'>\
             <s3:Contents a='1'><Owner><ID>Key</ID></Owner><s3:Key><![CDATA[a<b]]>&amp;c </s3:Key>\
             <Size> 5 </Size><StorageClass/></s3:Contents>\n<!-- <Contents/> -->\
             <EncodingType>url</EncodingType><IsTruncated> false</IsTruncated></s3:ListBucketResult>";

        assert_eq!(
            read(page).unwrap(),
            "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>\
             <Contents><Key>a&lt;b&amp;c </Key><Size>5</Size><StorageClass></StorageClass></Contents>\
             </ListBucketResult>"
        );
    }

    #[test]
    fn what_is_not_one_complete_page_is_an_error() {
        for body in [
            "<ListBucketResult><Contents><Key>a</Key>",
            "<ListBucketResult></ListBucketResult><ListBucketResult/>",
            "<ListBucketResult><Contents><Size>1</Size><Size>2</Size></Contents></ListBucketResult>",
            "<ListBucketResult><Contents><Size>1<Size>2</Size></Size></Contents></ListBucketResult>",
            "<ListBucketResult><IsTruncated>false</IsTruncated><IsTruncated>true</IsTruncated></ListBucketResult>",
            "<ListBucketResult><Key></Contents></ListBucketResult>",
            "<!DOCTYPE x [<!ENTITY a 'b'>]><ListBucketResult/>",
            "<ListVersionsResult/>",
            "plain text",
        ] {
            assert!(read(body).is_err(), "{body}");
        }
    }

    #[test]
    fn other_answers_are_named() {
        let foreign = |body: &str| match read(body) {
            Err(PageError::NotAListing(foreign)) => foreign,
            other => panic!("{body}: {other:?}"),
        };

        assert_eq!(foreign(" \n"), Foreign::Empty);
        assert_eq!(foreign("<!DOCTYPE html><html>"), Foreign::Html);
        assert_eq!(foreign("<HTML><body>"), Foreign::Html);
        assert_eq!(
            foreign("<?xml version='1.0'?>\n<Error><Code>InternalError</Code></Error>"),
            Foreign::Error
        );
    }
}
