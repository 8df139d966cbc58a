//! Scans the pages of a listing while they arrive and extracts only the fields that a size needs.
//!
//! No value is built per object. A page is accepted only if it is complete: it has its closing tag, as many objects as
//! it announces, keys with the requested prefix, and keys in S3's order. An entry that was listed already is not
//! counted again. Everything else is an error; no page is ever silently smaller or larger.
//!
//! This file frames the page: what is before its first entry, its complete entries, what is after the last one.
//! `entries` reads the entries, `order` compares keys, `position` finds where the next page starts.
//!
//! The scanner relies on one property of XML: a `<` always starts a tag, because S3 escapes it in text. A page that is
//! not written as S3 writes it is [`PageError::Unfamiliar`].

mod document;
mod entries;
mod error_response;
mod foreign;
mod order;
mod position;
mod text;

use std::fmt;

use memchr::memmem;
use prefix_sums::PrefixSums;

pub use self::document::normalized;
use self::entries::{Entries, Tags};
pub use self::error_response::ErrorResponse;
pub use self::foreign::Foreign;
pub use self::text::unescaped;
use self::text::{decoded, field, number};
use crate::ranges::{OpenRange, PageKeys};
use crate::seen::{EntryHash, SeenEntries};
use crate::totals::ListingTotals;

/// Longest accepted page: 1,000 keys of 1,024 bytes, each byte as three characters, are 3 MB.
const MAX_PAGE_BYTES: usize = 16 << 20;

/// Most entries of a page, if it does not say.
const PAGE_ENTRIES: u64 = 1_000;

/// Kind of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// `ListObjectsV2`: current objects.
    Objects,
    /// `ListObjectVersions`: all versions and delete markers.
    Versions,
}

/// What is listed, and which of it counts.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// Kind of the listing.
    pub listing: Listing,
    /// Prefix that was requested: a page with any other key is an error.
    pub prefix: &'a str,
    /// Only keys ending in it count.
    pub suffix: &'a str,
}

/// What is known about the order of a listing, and so how an entry that is listed twice is found.
#[derive(Debug, Clone, Copy)]
pub enum Order<'a> {
    /// Keys are in the order of their bytes: an entry that is not after the last one was listed already.
    Bytes,
    /// Keys are in an order of the provider: entries are compared with those of earlier pages.
    Unknown(&'a SeenEntries),
}

/// Why a page cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PageError {
    /// It stops before its end. Another request may return all of it.
    Truncated(&'static str),
    /// It contradicts itself or is not S3's XML. The text completes the sentence "the listing has …".
    Malformed(&'static str),
    /// It is not written as S3 writes it. [`normalized`](crate::normalized) reads it, if it is a page at all.
    Unfamiliar(&'static str),
    /// It is something else than a listing.
    NotAListing(Foreign),
    /// Its keys do not follow the requested position, are not in the order of their bytes, or cannot be decoded.
    Unordered,
}

impl fmt::Display for PageError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated(reason) => write!(formatter, "the page is truncated: {reason}"),
            Self::Malformed(what) => write!(formatter, "the listing has {what}"),
            Self::Unfamiliar(what) => write!(formatter, "the page has {what}"),
            Self::NotAListing(foreign) => write!(formatter, "the response is {foreign}"),
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
    /// Its entries, for [`SeenEntries`]; empty if keys are in the order of their bytes.
    pub hashes: Vec<EntryHash>,
}

/// Scans one page.
#[derive(Debug)]
pub struct Scanner<'a> {
    range: &'a OpenRange,
    tags: Tags,
    /// Everything before the first entry.
    head: Vec<u8>,
    /// Everything after the last complete entry.
    tail: Vec<u8>,
    has_entries: bool,
    length: usize,
    entries: Entries<'a>,
}

impl<'a> Scanner<'a> {
    /// Returns a scanner for a page of `range`.
    pub fn new(scope: Scope<'a>, range: &'a OpenRange, order: Order<'a>) -> Self {
        Self {
            range,
            tags: Tags::of(scope.listing),
            head: Vec::new(),
            tail: Vec::new(),
            has_entries: false,
            length: 0,
            entries: Entries::new(scope, range, order),
        }
    }

    /// Adds up by prefix too, as `sums` does; those of a page are part of its totals.
    #[must_use]
    pub fn by_prefix(mut self, sums: Option<&PrefixSums>) -> Self {
        self.entries.totals.by_prefix = sums.map(PrefixSums::emptied);
        self
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
        let Some(start) = self.tags.first_start(&self.head) else {
            return Ok(());
        };
        let entries = self.head.split_off(start);
        self.has_entries = true;
        self.entries.is_encoded = field(&self.head, "EncodingType") == Some(b"url");
        self.feed_entries(&entries)
    }

    fn feed_entries(&mut self, chunk: &[u8]) -> Result<(), PageError> {
        let mut chunk = chunk;
        if !self.tail.is_empty() {
            // Complete the entry that the previous chunk ended in.
            let end = self.tags.first_end(chunk).unwrap_or(chunk.len());
            let (rest, next) = chunk.split_at(end);
            let mut text = std::mem::take(&mut self.tail);
            text.extend_from_slice(rest);
            let complete = self.tags.last_end(&text).unwrap_or(0);
            let (entries, partial) = text.split_at(complete);
            self.entries.scan(entries)?;
            self.tail = partial.to_vec();
            chunk = next;
            if !self.tail.is_empty() {
                self.tail.extend_from_slice(chunk);
                return Ok(());
            }
        }
        let complete = self.tags.last_end(chunk).unwrap_or(0);
        let (entries, partial) = chunk.split_at(complete);
        self.entries.scan(entries)?;
        self.tail.extend_from_slice(partial);
        Ok(())
    }

    /// Returns the page if it is complete.
    ///
    /// # Errors
    ///
    /// See [`PageError`].
    pub fn finish(mut self) -> Result<Page, PageError> {
        let rest = std::mem::take(&mut self.tail);
        let complete = self
            .tags
            .last_end(&rest)
            .filter(|_| self.has_entries)
            .unwrap_or(0);
        let (entries, trailer) = rest.split_at(complete);
        self.entries.scan(entries)?;
        let last = if self.has_entries {
            trailer
        } else {
            self.head.as_slice()
        };
        if !self.has_entries && !self.is_empty_page()? {
            return Err(PageError::Unfamiliar("entries in a form of its own"));
        }
        if memmem::rfind(last, self.tags.page_end).is_none() {
            let name = self.tags.page_end.get(2..).unwrap_or_default();
            let name = name.strip_suffix(b">").unwrap_or(name);
            return Err(match memmem::find(last, name) {
                Some(_) if self.has_entries => PageError::Unfamiliar("an end in a form of its own"),
                _ => PageError::Truncated("a page has no end"),
            });
        }
        check_plain(&self.head)?;
        check_plain(trailer)?;
        if self.has_entries && !document::is_frame(&self.head, trailer) {
            return Err(PageError::Unfamiliar("elements in a form of their own"));
        }
        if memmem::find(trailer, b"Key>").is_some() {
            return Err(PageError::Unfamiliar("entries in a form of its own"));
        }
        // An encoding that is announced after the keys is too late to decode them, unless no key was needed.
        let is_late = self.has_entries && !self.entries.is_encoded;
        if is_late && self.entries.needs_keys() && field(trailer, "EncodingType").is_some() {
            return Err(PageError::Unfamiliar("its encoding after its keys"));
        }
        let metadata = |name: &str| field(&self.head, name).or_else(|| field(trailer, name));
        let limit = metadata("MaxKeys").and_then(number);
        let limit = limit.map_or(PAGE_ENTRIES, |(limit, _)| limit);
        self.check_count(limit, &metadata)?;
        self.check_prefix(&metadata)?;
        let next = match metadata("IsTruncated") {
            Some(text) if text.eq_ignore_ascii_case(b"false") => {
                position::after_full_page(&self.entries, limit)
            }
            Some(text) if text.eq_ignore_ascii_case(b"true") => {
                Some(position::next(&self.entries, self.range, &metadata)?)
            }
            Some(_) => return Err(PageError::Unfamiliar("another word for `IsTruncated`")),
            None => return Err(PageError::Truncated("a page has no `IsTruncated`")),
        };
        let Entries {
            totals,
            mut keys,
            hashes,
            ..
        } = self.entries;
        keys.next = next;
        Ok(Page {
            totals,
            keys,
            hashes,
        })
    }

    /// Checks that an empty page is not one of another prefix. Other pages have keys that show their prefix.
    ///
    /// Some servers remove a slash at its start, and then say so.
    fn check_prefix<'t>(
        &self,
        metadata: &impl Fn(&str) -> Option<&'t [u8]>,
    ) -> Result<(), PageError> {
        let requested = self.entries.prefix().as_bytes();
        let listed = metadata("Prefix").filter(|listed| !listed.is_empty());
        let is_same = |listed: &[u8]| {
            [true, false]
                .iter()
                .any(|is_encoded| *decoded(listed, *is_encoded) == *requested)
        };
        if self.has_entries || listed.is_none_or(is_same) {
            Ok(())
        } else {
            Err(PageError::Malformed(
                "another prefix than the requested one",
            ))
        }
    }

    /// Returns whether the whole page, which the scanner found no entry in, has none.
    fn is_empty_page(&self) -> Result<bool, PageError> {
        let page = normalized(&self.head, self.entries.listing())?;
        Ok(self.tags.first_start(&page).is_none())
    }

    /// Checks that a page of objects has as many as it announces.
    ///
    /// Some providers announce nothing, or all objects of the bucket, which is more than a page may have. One more than
    /// there are is rather a lost key.
    fn check_count<'t>(
        &self,
        limit: u64,
        metadata: &impl Fn(&str) -> Option<&'t [u8]>,
    ) -> Result<(), PageError> {
        let count = self.entries.count();
        let can_be_right = |announced: &u64| *announced <= limit || *announced == count + 1;
        let announced = metadata("KeyCount").and_then(number);
        let announced = announced
            .map(|(announced, _)| announced)
            .filter(can_be_right);
        if self.entries.listing() == Listing::Versions
            || announced.is_none_or(|announced| announced == count)
        {
            Ok(())
        } else {
            Err(PageError::Truncated("a page lacks some of its keys"))
        }
    }
}

/// Checks that `text` has no comment, CDATA section or document type, in which a tag is no tag.
fn check_plain(text: &[u8]) -> Result<(), PageError> {
    match memmem::find(text, b"<!") {
        Some(_) => Err(PageError::Unfamiliar("comments or CDATA sections")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
