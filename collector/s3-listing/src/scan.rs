//! Scans the pages of a listing as they arrive, for the few fields that a size needs.
//!
//! Nothing is built for an object: the text is searched for the tag of its size, and the class is read where S3
//! writes it, right behind. Keys are only looked at where a range of keys ends within a page, where a target has a
//! suffix, and at a few places of each page. A page counts when it is whole: its last tag is there, it has as many
//! objects as it announces, and their order is S3's. Everything else is a fault; no page is ever a little smaller.
//!
//! What the XML cannot say otherwise is relied on: `<` stands for nothing but a tag, S3 escapes it in all texts.

mod text;

use std::sync::LazyLock;

use memchr::memmem;
use memchr::memmem::Finder;

use self::text::{between, decoded, field, number};
use super::ranges::{Cursor, Key, OpenRange, Seen};
use super::totals::Sums;

/// Bytes that are scanned at a time, and after which a key is looked at: ten times in a page of S3.
const STRETCH: usize = 32 << 10;
/// Longest page: 1,000 keys of 1,024 bytes, each byte as three characters, are 3 MB.
const MAX_PAGE_BYTES: usize = 16 << 20;

/// Finds the next size: made once, because making it takes as long as finding.
static SIZE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"<Size>"));

/// Which listing a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// `ListObjectsV2`: current objects.
    Objects,
    /// `ListObjectVersions`: all versions and delete markers.
    Versions,
}

/// What is wrong with a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It stopped before its end; asking again may bring all of it.
    Cut(&'static str),
    /// It says something that cannot be.
    Odd(&'static str),
    /// Its keys are not those behind the key that was asked for, not in the order of their bytes, or not to be read.
    Unordered,
}

/// A page that arrived in whole.
#[derive(Debug)]
pub struct Page {
    /// Sums of what it counted.
    pub sums: Sums,
    /// What it showed of the keys.
    pub seen: Seen,
}

/// Scans one page.
#[derive(Debug)]
pub struct Scanner<'a> {
    listing: Listing,
    suffix: &'a str,
    range: &'a OpenRange,
    /// Whether keys come in the order of their bytes, or in any.
    is_ordered: bool,
    /// Everything in front of the first entry.
    head: Vec<u8>,
    /// From the end of the last whole entry on.
    tail: Vec<u8>,
    has_entries: bool,
    is_encoded: bool,
    length: usize,
    sums: Sums,
    entries: u64,
    seen: Seen,
}

impl<'a> Scanner<'a> {
    /// Returns a scanner for a page of `range`, of which only keys that end with `suffix` count.
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
            sums: Sums::default(),
            entries: 0,
            seen: Seen::default(),
        }
    }

    /// Scans the next piece of the page, cut anywhere.
    ///
    /// # Errors
    ///
    /// See [`Fault`].
    pub fn feed(&mut self, piece: &[u8]) -> Result<(), Fault> {
        self.length += piece.len();
        if self.length > MAX_PAGE_BYTES {
            return Err(Fault::Odd("a page that is too long"));
        }
        if self.has_entries {
            return self.feed_entries(piece);
        }
        self.head.extend_from_slice(piece);
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

    fn feed_entries(&mut self, piece: &[u8]) -> Result<(), Fault> {
        let mut piece = piece;
        if !self.tail.is_empty() {
            // The entry that the last piece ended in: what is missing of it is put behind its begin.
            let end = self.first_end(piece).unwrap_or(piece.len());
            let (rest, next) = piece.split_at(end);
            let mut text = std::mem::take(&mut self.tail);
            text.extend_from_slice(rest);
            let whole = self.last_end(&text).unwrap_or(0);
            let (entries, begun) = text.split_at(whole);
            self.stretch(entries)?;
            self.tail = begun.to_vec();
            piece = next;
            if !self.tail.is_empty() {
                self.tail.extend_from_slice(piece);
                return Ok(());
            }
        }
        let whole = self.last_end(piece).unwrap_or(0);
        let (mut entries, begun) = piece.split_at(whole);
        while entries.len() > STRETCH {
            let (stretch, _) = entries.split_at(STRETCH);
            let Some(end) = self.last_end(stretch) else {
                break;
            };
            let (stretch, rest) = entries.split_at(end);
            self.stretch(stretch)?;
            entries = rest;
        }
        self.stretch(entries)?;
        self.tail.extend_from_slice(begun);
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

    /// Scans whole entries.
    fn stretch(&mut self, entries: &[u8]) -> Result<(), Fault> {
        if entries.is_empty() {
            return Ok(());
        }
        let odd = Fault::Odd("an entry without a key");
        let first = between(entries, b"<Key>", b"</Key>").ok_or(odd.clone())?;
        let last = memmem::rfind(entries, b"<Key>").and_then(|start| entries.get(start..));
        let last = last.and_then(|last| between(last, b"<Key>", b"</Key>"));
        let first = decoded(first, self.is_encoded);
        let last = decoded(last.ok_or(odd)?, self.is_encoded);
        if self.is_ordered {
            self.check_order(&first, &last)?;
        }

        let is_behind_lower = self
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
        if is_plain && is_behind_lower && is_up_to_end {
            self.add_all(entries)?;
            self.seen.counted += self.entries - entries_before;
            self.seen.last_counted = Some(last.as_ref().into());
        } else {
            self.add_each(entries)?;
        }
        let sample: Key = last.as_ref().into();
        self.seen.samples.push((self.entries, sample));
        Ok(())
    }

    /// Checks that keys go on where those before ended.
    fn check_order(&self, first: &[u8], last: &[u8]) -> Result<(), Fault> {
        let before = self.seen.samples.last().map(|(_, key)| key);
        // A page that goes on within the versions of one key begins with that key.
        let position = self.range.cursor.as_ref().map(|cursor| &cursor.key);
        let is_behind = |key: &Key| match self.listing {
            Listing::Objects => *first > **key,
            Listing::Versions => *first >= **key,
        };
        let is_ordered = match before {
            Some(before) => is_behind(before),
            None => position.is_none_or(is_behind),
        };
        // A provider may begin with the key that it was asked to start behind, but not in front of it.
        let lower = self.range.lower.as_ref();
        let is_asked_for = lower.is_none_or(|lower| *first >= **lower);
        if is_ordered && is_asked_for && first <= last {
            Ok(())
        } else {
            Err(Fault::Unordered)
        }
    }

    /// Adds every entry: the hot path, in which no key is looked at.
    fn add_all(&mut self, entries: &[u8]) -> Result<(), Fault> {
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

    fn add(&mut self, class: Option<&[u8]>, bytes: u64) -> Result<(), Fault> {
        if self.sums.current.add(class, bytes) {
            Ok(())
        } else {
            Err(TOO_MUCH)
        }
    }

    /// Adds the entries of which the key belongs to the target and lies in the range.
    fn add_each(&mut self, entries: &[u8]) -> Result<(), Fault> {
        let mut rest = entries;
        while let Some(start) = self.first_entry(rest) {
            rest = rest.get(start..).unwrap_or_default();
            let end = self
                .first_end(rest)
                .ok_or(Fault::Cut("a page ends in an entry"))?;
            let (entry, next) = rest.split_at(end);
            rest = next;
            self.entries += 1;
            let key = field(entry, "Key").ok_or(Fault::Odd("an entry without a key"))?;
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
                self.seen.has_passed_end = true;
                continue;
            }
            self.seen.counted += 1;
            self.seen.last_counted = Some(key.as_ref().into());
            if key.ends_with(self.suffix.as_bytes()) {
                self.add_entry(entry)?;
            }
        }
        Ok(())
    }

    fn add_entry(&mut self, entry: &[u8]) -> Result<(), Fault> {
        if self.listing == Listing::Versions && entry.starts_with(b"<DeleteMarker>") {
            self.sums.delete_markers += 1;
            return Ok(());
        }
        let bytes = field(entry, "Size")
            .and_then(number)
            .filter(|(_, rest)| rest.is_empty());
        let (bytes, _) = bytes.ok_or(NO_SIZE)?;
        let class = field(entry, "StorageClass");
        let tally = match (self.listing, field(entry, "IsLatest")) {
            (Listing::Objects, _) | (Listing::Versions, Some(b"true")) => &mut self.sums.current,
            (Listing::Versions, Some(b"false")) => &mut self.sums.noncurrent,
            (Listing::Versions, _) => {
                return Err(Fault::Odd(
                    "a version that does not say whether it is the latest",
                ));
            }
        };
        if tally.add(class, bytes) {
            Ok(())
        } else {
            Err(TOO_MUCH)
        }
    }

    /// Returns the page when it is whole.
    ///
    /// # Errors
    ///
    /// See [`Fault`].
    pub fn finish(mut self) -> Result<Page, Fault> {
        let rest = std::mem::take(&mut self.tail);
        let whole = self
            .last_end(&rest)
            .filter(|_| self.has_entries)
            .unwrap_or(0);
        let (entries, trailer) = rest.split_at(whole);
        self.stretch(entries)?;
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
            return Err(Fault::Cut("a page has no end"));
        }
        // Said behind the keys, it came too late for reading them. Where nothing hangs on them, that is no fault.
        let needs_keys = self.is_ordered || !self.suffix.is_empty();
        let is_late = self.has_entries && !self.is_encoded;
        if is_late && needs_keys && field(trailer, "EncodingType").is_some() {
            return Err(Fault::Unordered);
        }
        let about = |name: &str| field(&self.head, name).or_else(|| field(trailer, name));
        if self.listing == Listing::Objects {
            let announced = about("KeyCount").and_then(number);
            if announced.map(|(count, _)| count) != Some(self.entries) {
                return Err(Fault::Cut("a page lacks some of its keys"));
            }
        }
        let next = match about("IsTruncated") {
            Some(b"false") => None,
            Some(b"true") => Some(self.next(&about)?),
            _ => return Err(Fault::Cut("a page does not say whether it is the last")),
        };
        self.seen.next = next;
        Ok(Page {
            sums: self.sums,
            seen: self.seen,
        })
    }

    /// Returns where a page that is not the last says to go on.
    fn next<'t>(&self, about: &impl Fn(&str) -> Option<&'t [u8]>) -> Result<Cursor, Fault> {
        let lost = Fault::Odd("more pages and no way to ask for them");
        let text = |name| {
            let text = about(name).filter(|text| !text.is_empty())?;
            String::from_utf8(text::unescaped(text).into_owned()).ok()
        };
        let old = self.range.cursor.as_ref();
        let cursor = match self.listing {
            Listing::Objects => {
                let token = text("NextContinuationToken").ok_or(lost)?;
                let last = self.seen.samples.last().map(|(_, key)| key.clone());
                let before = old.map(|old| old.key.clone()).or(self.range.lower.clone());
                Cursor {
                    key: last.or(before).unwrap_or_else(|| Key::from(&b""[..])),
                    token: Some(token),
                }
            }
            Listing::Versions => {
                let key = about("NextKeyMarker").ok_or(lost)?;
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
            return Err(Fault::Odd("a page that names itself as the next"));
        }
        Ok(cursor)
    }
}

/// Returns code and message of an error answer.
pub fn code_of(text: &[u8]) -> (Option<&str>, Option<&str>) {
    let text = |name| std::str::from_utf8(field(text, name)?).ok();
    (text("Code"), text("Message"))
}

const NO_SIZE: Fault = Fault::Odd("an object without a valid size");
const TOO_MUCH: Fault = Fault::Odd("more bytes than 64 bits hold");

/// Returns the class of the entry whose size stands between `before` and `after`.
fn class_of<'t>(before: &'t [u8], after: &'t [u8]) -> Option<&'t [u8]> {
    let end = memmem::find(after, b"</Contents>").unwrap_or(after.len());
    let start = memmem::rfind(before, b"<Contents>").unwrap_or(0);
    let behind = field(after.get(..end)?, "StorageClass");
    behind.or_else(|| field(before.get(start..)?, "StorageClass"))
}

#[cfg(test)]
mod tests;
