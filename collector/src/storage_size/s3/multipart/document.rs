//! Reads pages of incomplete uploads and of their parts. No I/O.
//!
//! The SDK's parser accepts a document that stops between two elements, and takes an element in another letter case for
//! a missing one. Here, a page must be whole, letter case does not matter, and the root element may have the name of the
//! response in place of that of the result.

use chrono::{DateTime, Utc};
use s3_listing::ErrorResponse;

use super::Upload;
use super::xml::{Element, XmlError};
use crate::error::MeasureError;
use crate::storage_size::s3::error::{self as s3_error, unexpected};

/// Class of uploads without one in the listing.
const DEFAULT_STORAGE_CLASS: &str = "STANDARD";
/// Entries of a page, if it does not say.
const PAGE_ENTRIES: usize = 1_000;

/// A page of `ListMultipartUploads`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct UploadsPage {
    pub(super) uploads: Vec<Upload>,
    /// Key and upload to continue after; `None` on the last page.
    pub(super) next: Option<(String, String)>,
}

/// A page of `ListParts`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PartsPage {
    /// Number and bytes of each part.
    pub(super) parts: Vec<(u64, u64)>,
    /// Part to continue after; `None` on the last page.
    pub(super) next: Option<String>,
}

/// Reads a page of uploads.
///
/// A page without `IsTruncated` is the last one if it names no next page and is not full.
pub(super) fn uploads(body: &[u8]) -> Result<UploadsPage, MeasureError> {
    let page = page(body, "ListMultipartUploads")?;
    let is_encoded = page.value("EncodingType") == Some("url");
    let decoded = |key: &str| {
        if is_encoded {
            plain(key)
        } else {
            key.to_owned()
        }
    };
    let uploads = page.children.iter().filter(|child| child.is("Upload"));
    let uploads: Vec<Upload> = uploads
        .map(|element| upload(element, decoded))
        .collect::<Result<_, _>>()?;
    let key = page.value("NextKeyMarker").map(decoded);
    let id = page.value("NextUploadIdMarker").map(str::to_owned);
    let has_next = key.is_some();
    let next = match (
        is_last(&page, uploads.len(), "MaxUploads", has_next)?,
        key.zip(id),
    ) {
        (true, _) => None,
        (false, None) => return Err(unexpected("more uploads and no marker for the next page")),
        (false, next) => next,
    };
    Ok(UploadsPage { uploads, next })
}

/// Reads a page of parts.
///
/// A page without `IsTruncated` is the last one if it is not full; S3 names a next part on the last page as well.
pub(super) fn parts(body: &[u8]) -> Result<PartsPage, MeasureError> {
    let page = page(body, "ListParts")?;
    let parts = page.children.iter().filter(|child| child.is("Part"));
    let parts: Vec<(u64, u64)> = parts.map(part).collect::<Result<_, _>>()?;
    let next = page.value("NextPartNumberMarker").map(str::to_owned);
    let next = match (is_last(&page, parts.len(), "MaxParts", false)?, next) {
        (true, _) => None,
        (false, None) => return Err(unexpected("more parts and no marker for the next page")),
        (false, next) => next,
    };
    Ok(PartsPage { parts, next })
}

/// Returns the root of a page, which is a result or a response of `operation`.
fn page(body: &[u8], operation: &str) -> Result<Element, MeasureError> {
    let text = std::str::from_utf8(body).map_err(|_| unexpected("something other than text"))?;
    let root = Element::parse(text).map_err(|error| match error {
        XmlError::Truncated => s3_error::truncated("a page has no end"),
        XmlError::Malformed => s3_error::not_a_listing("no well-formed XML"),
    })?;
    if root.is("Error") {
        return Err(s3_error::error_with_success(&ErrorResponse::parse(body)));
    }
    let is_page = ["Result", "Response"].iter().any(|end| {
        let rest = root.name.strip_suffix(end);
        rest.is_some_and(|rest| rest.eq_ignore_ascii_case(operation))
    });
    if is_page {
        Ok(root)
    } else {
        Err(s3_error::not_a_listing("another kind of document"))
    }
}

/// Returns whether a page of `count` entries is the last one; `has_next` if it names a next page anyway.
fn is_last(
    page: &Element,
    count: usize,
    limit: &str,
    has_next: bool,
) -> Result<bool, MeasureError> {
    match page.value("IsTruncated") {
        Some(text) if text.eq_ignore_ascii_case("false") => Ok(true),
        Some(text) if text.eq_ignore_ascii_case("true") => Ok(false),
        Some(_) => Err(unexpected("another word for `IsTruncated`")),
        None => {
            let limit = page.value(limit).and_then(|limit| limit.parse().ok());
            let is_full = count >= limit.unwrap_or(PAGE_ENTRIES).clamp(1, PAGE_ENTRIES);
            // A page that says nothing at all is rather a stub's than an empty listing.
            if has_next || is_full || page.children.is_empty() {
                return Err(s3_error::truncated(
                    "a page lacks the information whether it is the last",
                ));
            }
            Ok(true)
        }
    }
}

fn upload(element: &Element, decoded: impl Fn(&str) -> String) -> Result<Upload, MeasureError> {
    let key = element
        .verbatim("Key")
        .ok_or_else(|| unexpected("an upload without a key"))?;
    let id = element
        .value("UploadId")
        .ok_or_else(|| unexpected("an upload without an id"))?;
    let initiated = element.value("Initiated");
    let initiated = initiated.and_then(|text| text.parse::<DateTime<Utc>>().ok());
    Ok(Upload {
        key: decoded(key),
        id: id.to_owned(),
        storage_class: element
            .value("StorageClass")
            .unwrap_or(DEFAULT_STORAGE_CLASS)
            .to_owned(),
        // Whole seconds, as they are stored.
        initiated_at: initiated.and_then(|at| DateTime::from_timestamp(at.timestamp(), 0)),
    })
}

fn part(element: &Element) -> Result<(u64, u64), MeasureError> {
    let number = |name| element.value(name)?.parse().ok();
    Ok((
        number("PartNumber").ok_or_else(|| unexpected("a part without a valid number"))?,
        number("Size").ok_or_else(|| unexpected("a part without a valid size"))?,
    ))
}

/// Decodes a key: percent-encoded UTF-8 with `+` for a space.
fn plain(key: &str) -> String {
    let with_spaces = key.replace('+', " ");
    let bytes: Vec<u8> = percent_encoding::percent_decode_str(&with_spaces).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "<Upload><Key>a%2Bb+c</Key><UploadId>1</UploadId><Initiated>2026-01-02T03:04:05.678Z</Initiated></Upload>";

    fn page(root: &str, rest: &str) -> String {
        format!("<?xml version=\"1.0\"?>\n<{root} xmlns=\"x\">{rest}{ONE}</{root}>\n")
    }

    #[test]
    fn keys_are_decoded_only_where_they_were_encoded() {
        let read = |rest: &str| {
            let page = page("ListMultipartUploadsResult", rest);
            uploads(page.as_bytes()).unwrap().uploads
        };
        let last = "<IsTruncated>false</IsTruncated>";

        let plain = &read(last)[0];
        let encoded = &read(&format!("<EncodingType>url</EncodingType>{last}"))[0];

        assert_eq!(
            (plain.key.as_str(), encoded.key.as_str()),
            ("a%2Bb+c", "a+b c")
        );
        assert_eq!(plain.storage_class, "STANDARD");
        let at = plain.initiated_at.unwrap().to_rfc3339();
        assert_eq!(at, "2026-01-02T03:04:05+00:00");
    }

    #[test]
    fn the_end_is_what_the_page_says_or_what_follows_from_it() {
        for (rest, expected) in [
            ("<IsTruncated>false</IsTruncated>", Ok(None)),
            // Providers that leave it out, or write it another way.
            ("", Ok(None)),
            ("<isTruncated>False</isTruncated>", Ok(None)),
            (
                "<ISTRUNCATED>TRUE</ISTRUNCATED><nextKeyMarker>k</nextKeyMarker><NextUploadIDMarker>7</NextUploadIDMarker>",
                Ok(Some(("k", "7"))),
            ),
            ("<MaxUploads>1</MaxUploads>", Err("connection_cut")),
            ("<NextKeyMarker>k</NextKeyMarker>", Err("connection_cut")),
            ("<IsTruncated>true</IsTruncated>", Err("unexpected_answer")),
            (
                "<IsTruncated>true</IsTruncated><NextKeyMarker>k</NextKeyMarker>",
                Err("unexpected_answer"),
            ),
            ("<IsTruncated>yes</IsTruncated>", Err("unexpected_answer")),
        ] {
            let found = uploads(page("ListMultipartUploadsResult", rest).as_bytes());

            let found = found.map(|page| page.next).map_err(|error| error.code);
            let expected =
                expected.map(|next| next.map(|(key, id)| (key.to_owned(), id.to_owned())));
            assert_eq!(found, expected, "{rest}");
        }
    }

    #[test]
    fn a_page_without_its_end_is_truncated_wherever_it_stops() {
        let whole = page(
            "ListMultipartUploadsResult",
            "<IsTruncated>false</IsTruncated>",
        );
        let whole = whole.trim_end();

        for end in 1..whole.len() {
            let error = uploads(&whole.as_bytes()[..end]);

            assert!(error.is_err(), "{}", &whole[..end]);
        }
        assert_eq!(uploads(whole.as_bytes()).unwrap().uploads.len(), 1);
    }

    #[test]
    fn parts_have_a_number_and_a_size() {
        let page = |root: &str, size: &str| {
            let text = format!(
                "<{root}><IsTruncated>true</IsTruncated><NextPartNumberMarker>2</NextPartNumberMarker>\
                 <Part><PartNumber>2</PartNumber>{size}</Part></{root}>"
            );
            parts(text.as_bytes())
        };

        let found = page("ListPartsResponse", "<Size>5</Size>").unwrap();

        assert_eq!(
            (found.parts, found.next.as_deref()),
            (vec![(2, 5)], Some("2"))
        );
        for size in ["", "<Size>-1</Size>", "<Size></Size>"] {
            let error = page("ListPartsResult", size).unwrap_err();
            assert!(error.reason.contains("without a valid size"), "{size}");
        }
        let other = page("ListBucketResult", "<Size>5</Size>").unwrap_err();
        assert_eq!(other.code, "unexpected_answer");
        let error = parts(b"<Error><Code>InternalError</Code></Error>").unwrap_err();
        assert!(error.reason.contains("InternalError"), "{}", error.reason);
    }
}
