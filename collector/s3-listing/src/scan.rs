//! Scans the pages of a listing while they arrive and extracts only the fields that a size needs.
//!
//! No value is built per object. The scanner searches for the tag of the size and reads the storage class where S3
//! writes it, directly after the size. Keys are decoded only if a range ends within the page, if a suffix must match,
//! and at a few samples of each page. A page is accepted only if it is complete: it has its closing tag, as many
//! objects as it announces, and keys in S3's order. Everything else is an error; no page is ever silently smaller.
//!
//! The scanner relies on one property of XML: a `<` always starts a tag, because S3 escapes it in text.

mod text;

use std::fmt;
use std::sync::LazyLock;

use memchr::memmem;
use memchr::memmem::Finder;

use self::text::{between, decoded, field, number};
use crate::ranges::{Cursor, Key, OpenRange, PageKeys, Sample};
use crate::totals::ListingTotals;

/// Bytes that are scanned as one block, after which a key is sampled: about ten blocks per page of S3.
const BLOCK_BYTES: usize = 32 << 10;
/// Longest accepted page: 1,000 keys of 1,024 bytes, each byte as three characters, are 3 MB.
const MAX_PAGE_BYTES: usize = 16 << 20;

/// Finds the next size. Built once, because building it takes as long as one search.
static SIZE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"<Size>"));

/// Kind of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// `ListObjectsV2`: current objects.
    Objects,
    /// `ListObjectVersions`: all versions and delete markers.
    Versions,
}

/// Why a page cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PageError {
    /// It stops before its end. Another request may return all of it.
    Truncated(&'static str),
    /// It contradicts itself or is not S3's XML. The text completes the sentence "the listing has …".
    Malformed(&'static str),
    /// Its keys do not follow the requested position, are not in the order of their bytes, or cannot be decoded.
    Unordered,
}

impl fmt::Display for PageError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated(reason) => write!(formatter, "the page is truncated: {reason}"),
            Self::Malformed(what) => write!(formatter, "the listing has {what}"),
            Self::Unordered => formatter.write_str("the keys are not in the order of their bytes"),
        }
    }
}

impl std::error::Error for PageError {}

/// A complete page.
#[derive(Debug)]
pub struct Page {
    /// Totals of the entries that count.
    pub totals: ListingTotals,
    /// Keys of the page, for the plan.
    pub keys: PageKeys,
}

/// Scans one page.
#[derive(Debug)]
pub struct Scanner<'a> {
    listing: Listing,
    suffix: &'a str,
    range: &'a OpenRange,
    /// Whether keys must be in the order of their bytes.
    is_ordered: bool,
    /// Everything before the first entry.
    head: Vec<u8>,
    /// Everything after the last complete entry.
    tail: Vec<u8>,
    has_entries: bool,
    is_encoded: bool,
    length: usize,
    totals: ListingTotals,
    entries: u64,
    keys: PageKeys,
}

impl<'a> Scanner<'a> {
    /// Returns a scanner for a page of `range` that counts only keys ending in `suffix`.
    ///
    /// `is_ordered` is `false` for providers that list keys in an order of their own.
    pub fn new(listing: Listing, suffix: &'a str, range: &'a OpenRange, is_ordered: bool) -> Self {
        Self {
            listing,
            suffix,
            range,
            is_ordered,
            head: Vec::new(),
            tail: Vec::new(),
            has_entries: false,
            is_encoded: false,
            length: 0,
            totals: ListingTotals::default(),
            entries: 0,
            keys: PageKeys::default(),
        }
    }

    /// Scans the next chunk of the page; chunks may end anywhere.
    ///
    /// # Errors
    ///
    /// See [`PageError`].
    pub fn feed(&mut self, chunk: &[u8]) -> Result<(), PageError> {
        self.length += chunk.len();
        if self.length > MAX_PAGE_BYTES {
            return Err(PageError::Malformed("a page that is too long"));
        }
        if self.has_entries {
            return self.feed_entries(chunk);
        }
        self.head.extend_from_slice(chunk);
        let Some(start) = self.first_entry(&self.head) else {
            return Ok(());
        };
        let entries = self.head.split_off(start);
        self.has_entries = true;
        self.is_encoded = field(&self.head, "EncodingType") == Some(b"url");
        self.feed_entries(&entries)
    }

    fn first_entry(&self, text: &[u8]) -> Option<usize> {
        match self.listing {
            Listing::Objects => memmem::find(text, b"<Contents>"),
            Listing::Versions => {
                let version = memmem::find(text, b"<Version>");
                let marker = memmem::find(text, b"<DeleteMarker>");
                version.into_iter().chain(marker).min()
            }
        }
    }

    fn feed_entries(&mut self, chunk: &[u8]) -> Result<(), PageError> {
        let mut chunk = chunk;
        if !self.tail.is_empty() {
            // Complete the entry that the previous chunk ended in.
            let end = self.first_end(chunk).unwrap_or(chunk.len());
            let (rest, next) = chunk.split_at(end);
            let mut text = std::mem::take(&mut self.tail);
            text.extend_from_slice(rest);
            let complete = self.last_end(&text).unwrap_or(0);
            let (entries, partial) = text.split_at(complete);
            self.scan_block(entries)?;
            self.tail = partial.to_vec();
            chunk = next;
            if !self.tail.is_empty() {
                self.tail.extend_from_slice(chunk);
                return Ok(());
            }
        }
        let complete = self.last_end(chunk).unwrap_or(0);
        let (mut entries, partial) = chunk.split_at(complete);
        while entries.len() > BLOCK_BYTES {
            let (block, _) = entries.split_at(BLOCK_BYTES);
            let Some(end) = self.last_end(block) else {
                break;
            };
            let (block, rest) = entries.split_at(end);
            self.scan_block(block)?;
            entries = rest;
        }
        self.scan_block(entries)?;
        self.tail.extend_from_slice(partial);
        Ok(())
    }

    fn first_end(&self, text: &[u8]) -> Option<usize> {
        let ends = self.ends().iter();
        ends.filter_map(|end| Some(memmem::find(text, end)? + end.len()))
            .min()
    }

    fn last_end(&self, text: &[u8]) -> Option<usize> {
        let ends = self.ends().iter();
        ends.filter_map(|end| Some(memmem::rfind(text, end)? + end.len()))
            .max()
    }

    fn ends(&self) -> &'static [&'static [u8]] {
        match self.listing {
            Listing::Objects => &[b"</Contents>"],
            Listing::Versions => &[b"</Version>", b"</DeleteMarker>"],
        }
    }

    /// Scans a block of complete entries.
    fn scan_block(&mut self, entries: &[u8]) -> Result<(), PageError> {
        if entries.is_empty() {
            return Ok(());
        }
        let first = between(entries, b"<Key>", b"</Key>").ok_or(NO_KEY)?;
        let last = memmem::rfind(entries, b"<Key>").and_then(|start| entries.get(start..));
        let last = last.and_then(|last| between(last, b"<Key>", b"</Key>"));
        let first = decoded(first, self.is_encoded);
        let last = decoded(last.ok_or(NO_KEY)?, self.is_encoded);
        if self.is_ordered {
            self.check_order(&first, &last)?;
        }

        let is_after_lower = self
            .range
            .lower
            .as_ref()
            .is_none_or(|lower| *first > **lower);
        let is_up_to_end = self
            .range
            .until
            .as_ref()
            .is_none_or(|until| *last <= **until);
        let is_plain = self.listing == Listing::Objects && self.suffix.is_empty();
        let entries_before = self.entries;
        if is_plain && is_after_lower && is_up_to_end {
            self.add_all(entries)?;
            self.keys.counted += self.entries - entries_before;
            self.keys.last_counted = Some(last.as_ref().into());
        } else {
            self.add_each(entries)?;
        }
        self.keys.samples.push(Sample {
            entries: self.entries,
            key: last.as_ref().into(),
        });
        Ok(())
    }

    /// Checks that the keys of a block continue after the previous block.
    fn check_order(&self, first: &[u8], last: &[u8]) -> Result<(), PageError> {
        let previous = self.keys.samples.last().map(|sample| &sample.key);
        // A page that continues within the versions of one key starts with that key.
        let position = self.range.cursor.as_ref().map(|cursor| &cursor.key);
        let is_after = |key: &Key| match self.listing {
            Listing::Objects => *first > **key,
            Listing::Versions => *first >= **key,
        };
        let is_ordered = match previous {
            Some(previous) => is_after(previous),
            None => position.is_none_or(is_after),
        };
        // Some providers include the key that the listing should start after, but none before it may appear.
        let lower = self.range.lower.as_ref();
        let is_requested = lower.is_none_or(|lower| *first >= **lower);
        if is_ordered && is_requested && first <= last {
            Ok(())
        } else {
            Err(PageError::Unordered)
        }
    }

    /// Adds every entry. This is the hot path: it looks at no key.
    fn add_all(&mut self, entries: &[u8]) -> Result<(), PageError> {
        let (mut rest, size) = (entries, &*SIZE);
        while let Some(start) = size.find(rest) {
            let (before, from) = rest.split_at(start);
            let digits = from.get(6..).unwrap_or_default();
            let (bytes, after) = number(digits).ok_or(NO_SIZE)?;
            let after = after.strip_prefix(b"</Size>").ok_or(NO_SIZE)?;
            let class = match after.strip_prefix(b"<StorageClass>") {
                Some(text) => {
                    let end = memchr::memchr(b'<', text).ok_or(NO_SIZE)?;
                    text.get(..end)
                }
                None => class_of(before, after),
            };
            self.add(class, bytes)?;
            self.entries += 1;
            rest = after;
        }
        Ok(())
    }

    fn add(&mut self, class: Option<&[u8]>, bytes: u64) -> Result<(), PageError> {
        if self.totals.current.add(class, bytes) {
            Ok(())
        } else {
            Err(OVERFLOW)
        }
    }

    /// Adds the entries whose key is in the range and has the suffix.
    fn add_each(&mut self, entries: &[u8]) -> Result<(), PageError> {
        let mut rest = entries;
        while let Some(start) = self.first_entry(rest) {
            rest = rest.get(start..).unwrap_or_default();
            let end = self
                .first_end(rest)
                .ok_or(PageError::Truncated("a page ends in an entry"))?;
            let (entry, next) = rest.split_at(end);
            rest = next;
            self.entries += 1;
            let key = field(entry, "Key").ok_or(NO_KEY)?;
            let key = decoded(key, self.is_encoded);
            if self
                .range
                .lower
                .as_ref()
                .is_some_and(|lower| *key <= **lower)
            {
                continue;
            }
            if self
                .range
                .until
                .as_ref()
                .is_some_and(|until| *key > **until)
            {
                self.keys.has_passed_end = true;
                continue;
            }
            self.keys.counted += 1;
            self.keys.last_counted = Some(key.as_ref().into());
            if key.ends_with(self.suffix.as_bytes()) {
                self.add_entry(entry)?;
            }
        }
        Ok(())
    }

    fn add_entry(&mut self, entry: &[u8]) -> Result<(), PageError> {
        if self.listing == Listing::Versions && entry.starts_with(b"<DeleteMarker>") {
            self.totals.delete_markers += 1;
            return Ok(());
        }
        let bytes = field(entry, "Size")
            .and_then(number)
            .filter(|(_, rest)| rest.is_empty());
        let (bytes, _) = bytes.ok_or(NO_SIZE)?;
        let class = field(entry, "StorageClass");
        let totals = match (self.listing, field(entry, "IsLatest")) {
            (Listing::Objects, _) | (Listing::Versions, Some(b"true")) => &mut self.totals.current,
            (Listing::Versions, Some(b"false")) => &mut self.totals.noncurrent,
            (Listing::Versions, _) => {
                return Err(PageError::Malformed("a version without `IsLatest`"));
            }
        };
        if totals.add(class, bytes) {
            Ok(())
        } else {
            Err(OVERFLOW)
        }
    }

    /// Returns the page if it is complete.
    ///
    /// # Errors
    ///
    /// See [`PageError`].
    pub fn finish(mut self) -> Result<Page, PageError> {
        let rest = std::mem::take(&mut self.tail);
        let complete = self
            .last_end(&rest)
            .filter(|_| self.has_entries)
            .unwrap_or(0);
        let (entries, trailer) = rest.split_at(complete);
        self.scan_block(entries)?;
        let end: &[u8] = match self.listing {
            Listing::Objects => b"</ListBucketResult>",
            Listing::Versions => b"</ListVersionsResult>",
        };
        let last = if self.has_entries {
            trailer
        } else {
            self.head.as_slice()
        };
        if memmem::rfind(last, end).is_none() {
            return Err(PageError::Truncated("a page has no end"));
        }
        // An encoding that is announced after the keys is too late to decode them, unless no key was needed.
        let needs_keys = self.is_ordered || !self.suffix.is_empty();
        let is_late = self.has_entries && !self.is_encoded;
        if is_late && needs_keys && field(trailer, "EncodingType").is_some() {
            return Err(PageError::Unordered);
        }
        let metadata = |name: &str| field(&self.head, name).or_else(|| field(trailer, name));
        if self.listing == Listing::Objects {
            let announced = metadata("KeyCount").and_then(number);
            if announced.map(|(count, _)| count) != Some(self.entries) {
                return Err(PageError::Truncated("a page lacks some of its keys"));
            }
        }
        let next = match metadata("IsTruncated") {
            Some(b"false") => None,
            Some(b"true") => Some(self.next(&metadata)?),
            _ => return Err(PageError::Truncated("a page has no `IsTruncated`")),
        };
        self.keys.next = next;
        Ok(Page {
            totals: self.totals,
            keys: self.keys,
        })
    }

    /// Returns the position of the next page.
    fn next<'t>(&self, metadata: &impl Fn(&str) -> Option<&'t [u8]>) -> Result<Cursor, PageError> {
        let no_position = PageError::Malformed("more pages but no position to continue from");
        let text = |name| {
            let text = metadata(name).filter(|text| !text.is_empty())?;
            String::from_utf8(text::unescaped(text).into_owned()).ok()
        };
        let old = self.range.cursor.as_ref();
        let cursor = match self.listing {
            Listing::Objects => {
                let token = text("NextContinuationToken").ok_or(no_position)?;
                let last = self.keys.samples.last().map(|sample| sample.key.clone());
                let before = old.map(|old| old.key.clone()).or(self.range.lower.clone());
                Cursor {
                    key: last.or(before).unwrap_or_else(|| Key::from(&b""[..])),
                    token: Some(token),
                }
            }
            Listing::Versions => {
                let key = metadata("NextKeyMarker").ok_or(no_position)?;
                let key = decoded(key, self.is_encoded);
                Cursor {
                    key: key.as_ref().into(),
                    token: text("NextVersionIdMarker"),
                }
            }
        };
        let is_same = match self.listing {
            Listing::Objects => old.is_some_and(|old| old.token == cursor.token),
            Listing::Versions => old == Some(&cursor),
        };
        if is_same {
            return Err(PageError::Malformed("a page that names itself as the next"));
        }
        Ok(cursor)
    }
}

/// Code and message of an error response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorResponse<'t> {
    /// Content of `<Code>`.
    pub code: Option<&'t str>,
    /// Content of `<Message>`.
    pub message: Option<&'t str>,
}

impl<'t> ErrorResponse<'t> {
    /// Reads the body of an error response; missing or invalid fields are `None`.
    pub fn parse(body: &'t [u8]) -> Self {
        let text = |name| std::str::from_utf8(field(body, name)?).ok();
        Self {
            code: text("Code"),
            message: text("Message"),
        }
    }
}

const NO_KEY: PageError = PageError::Malformed("an entry without a key");
const NO_SIZE: PageError = PageError::Malformed("an object without a valid size");
const OVERFLOW: PageError = PageError::Malformed("more bytes than 64 bits hold");

/// Returns the storage class of the entry whose size is between `before` and `after`.
fn class_of<'t>(before: &'t [u8], after: &'t [u8]) -> Option<&'t [u8]> {
    let end = memmem::find(after, b"</Contents>").unwrap_or(after.len());
    let start = memmem::rfind(before, b"<Contents>").unwrap_or(0);
    let class = field(after.get(..end)?, "StorageClass");
    class.or_else(|| field(before.get(start..)?, "StorageClass"))
}

#[cfg(test)]
mod tests;
