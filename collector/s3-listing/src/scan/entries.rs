//! Reads the complete entries of a page: which of them count, and their sizes by storage class.
//!
//! The hot path searches for the tag of the size and reads the storage class where S3 writes it, directly after the
//! size. Keys are compared as they are written; they are decoded if a range ends within the page, if a suffix must
//! match, if sizes are added up by prefix, and at a few samples of each page.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::LazyLock;

use memchr::memmem;
use memchr::memmem::Finder;

use super::order;
use super::text::{decoded, field, number, only_field, unescaped};
use super::{Listing, Order, PageError, Scope};
use crate::ranges::{Key, LastVersion, OpenRange, PageKeys, Sample};
use crate::seen::EntryHash;
use crate::totals::ListingTotals;

/// Bytes that are scanned as one block, after which a key is sampled: about ten blocks per page of S3.
const BLOCK_BYTES: usize = 32 << 10;
/// Versions of one key that are remembered: those of two pages.
const MAX_VERSIONS: usize = 2_000;

/// Find the next size and the next key. Built once, because building one takes as long as one search.
static SIZE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"<Size>"));
static KEY: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"<Key>"));

const NO_KEY: PageError = PageError::Unfamiliar("an entry without a key");
const NO_SIZE: PageError = PageError::Unfamiliar("an object without a valid size");
const OTHER_FORM: PageError = PageError::Unfamiliar("entries in a form of its own");
const OVERFLOW: PageError = PageError::Malformed("more bytes than 64 bits hold");
const OUTSIDE_PREFIX: PageError =
    PageError::Malformed("keys that do not begin with the requested prefix");
const LOOP: PageError = PageError::Malformed("a page that begins like an earlier one");

/// Tags of the entries and of the page.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tags {
    starts: &'static [&'static [u8]],
    ends: &'static [&'static [u8]],
    pub(super) page_end: &'static [u8],
}

impl Tags {
    pub(super) fn of(listing: Listing) -> Self {
        match listing {
            Listing::Objects => Self {
                starts: &[b"<Contents>"],
                ends: &[b"</Contents>"],
                page_end: b"</ListBucketResult>",
            },
            Listing::Versions => Self {
                starts: &[b"<Version>", b"<DeleteMarker>"],
                ends: &[b"</Version>", b"</DeleteMarker>"],
                page_end: b"</ListVersionsResult>",
            },
        }
    }

    /// Returns where the first entry of `text` starts.
    pub(super) fn first_start(self, text: &[u8]) -> Option<usize> {
        let starts = self.starts.iter();
        starts.filter_map(|start| memmem::find(text, start)).min()
    }

    /// Returns where the first entry that ends in `text` ends.
    pub(super) fn first_end(self, text: &[u8]) -> Option<usize> {
        let ends = self.ends.iter();
        ends.filter_map(|end| Some(memmem::find(text, end)? + end.len()))
            .min()
    }

    /// Returns the number of entries that end in `text`.
    fn count_ends(self, text: &[u8]) -> u64 {
        let ends = self.ends.iter();
        let count = |end: &&[u8]| memmem::find_iter(text, end).count() as u64;
        ends.map(count).sum()
    }

    /// Returns where the last entry that ends in `text` ends.
    pub(super) fn last_end(self, text: &[u8]) -> Option<usize> {
        let ends = self.ends.iter();
        ends.filter_map(|end| Some(memmem::rfind(text, end)? + end.len()))
            .max()
    }
}

/// The entries of a page so far.
#[derive(Debug)]
pub(super) struct Entries<'a> {
    scope: Scope<'a>,
    tags: Tags,
    range: &'a OpenRange,
    order: Order<'a>,
    /// Whether keys are percent-encoded.
    pub(super) is_encoded: bool,
    pub(super) totals: ListingTotals,
    pub(super) keys: PageKeys,
    /// All entries, unless keys are in the order of their bytes.
    pub(super) hashes: Vec<EntryHash>,
    /// The same as a set.
    on_page: HashSet<EntryHash>,
    count: u64,
    /// Last key as it is written in the page; `None` before the first one.
    last: Option<Vec<u8>>,
    /// Last key of a listing of versions, of the page before at first.
    last_version: Option<LastVersion>,
}

impl<'a> Entries<'a> {
    pub(super) fn new(scope: Scope<'a>, range: &'a OpenRange, order: Order<'a>) -> Self {
        let cursor = range.cursor.as_ref();
        Self {
            scope,
            tags: Tags::of(scope.listing),
            range,
            order,
            is_encoded: false,
            totals: ListingTotals::default(),
            keys: PageKeys::default(),
            hashes: Vec::new(),
            on_page: HashSet::new(),
            count: 0,
            last: None,
            last_version: cursor.and_then(|cursor| cursor.last.clone()),
        }
    }

    pub(super) fn listing(&self) -> Listing {
        self.scope.listing
    }

    pub(super) fn prefix(&self) -> &'a str {
        self.scope.prefix
    }

    /// Returns the number of entries, repeated ones included.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Returns the last key of a listing of versions, with its versions.
    pub(super) fn last_version(&self) -> Option<LastVersion> {
        self.last_version.clone()
    }

    /// Returns whether a key that cannot be decoded makes the page useless.
    pub(super) fn needs_keys(&self) -> bool {
        let is_filtered = !self.scope.prefix.is_empty() || !self.scope.suffix.is_empty();
        let is_grouped = self.totals.by_prefix.is_some();
        is_filtered || is_grouped || self.is_ordered()
    }

    /// Returns whether keys are in the order of their bytes.
    pub(super) fn is_ordered(&self) -> bool {
        matches!(self.order, Order::Bytes)
    }

    /// Scans complete entries.
    pub(super) fn scan(&mut self, entries: &[u8]) -> Result<(), PageError> {
        let mut entries = entries;
        while entries.len() > BLOCK_BYTES {
            let (block, _) = entries.split_at(BLOCK_BYTES);
            let Some(end) = self.tags.last_end(block) else {
                break;
            };
            let (block, rest) = entries.split_at(end);
            self.scan_block(block)?;
            entries = rest;
        }
        self.scan_block(entries)
    }

    fn scan_block(&mut self, entries: &[u8]) -> Result<(), PageError> {
        if entries.is_empty() {
            return Ok(());
        }
        super::check_plain(entries)?;
        let block = self.read_keys(entries)?;
        if block.count != self.tags.count_ends(entries) {
            return Err(OTHER_FORM);
        }
        let first = decoded(block.first, self.is_encoded);
        let last = decoded(block.last, self.is_encoded);
        // Where keys are in order, all keys between two with a prefix have it.
        let has_prefix = |key: &[u8]| key.starts_with(self.scope.prefix.as_bytes());
        if !has_prefix(&first) || !has_prefix(&last) {
            return Err(OUTSIDE_PREFIX);
        }
        let is_ordered = self.is_ordered();
        let is_repeated = is_ordered && (self.continues_at(&first)? || block.is_repeated);
        let lower = self.range.lower.as_ref();
        let is_after_lower = lower.is_none_or(|lower| *first > **lower);
        let until = self.range.until.as_ref();
        let is_up_to_end = until.is_none_or(|until| *last <= **until);
        let is_plain = self.listing() == Listing::Objects
            && self.scope.suffix.is_empty()
            && self.totals.by_prefix.is_none();
        if is_plain && is_ordered && !is_repeated && is_after_lower && is_up_to_end {
            self.add_all(entries, block.count)?;
            self.note_first(&first);
            self.keys.last_counted = Some(last.as_ref().into());
        } else {
            self.add_each(entries)?;
        }
        self.last = Some(block.last.to_vec());
        self.keys.samples.push(Sample {
            entries: self.count,
            key: last.as_ref().into(),
        });
        Ok(())
    }

    /// Reads the keys of a block and checks their order, if there is one.
    fn read_keys<'t>(&self, entries: &'t [u8]) -> Result<BlockKeys<'t>, PageError> {
        let mut block: Option<BlockKeys<'t>> = None;
        let (mut rest, tag) = (entries, &*KEY);
        while let Some(start) = tag.find(rest) {
            let from = rest.get(start + tag.needle().len()..).unwrap_or_default();
            let end = memchr::memchr(b'<', from).ok_or(NO_KEY)?;
            let (key, after) = from.split_at(end);
            rest = after.strip_prefix(b"</Key>").ok_or(NO_KEY)?;
            match &mut block {
                None => block = Some(BlockKeys::of(key)),
                Some(block) => {
                    match self.compare(block.last, key) {
                        Ordering::Less => {}
                        Ordering::Equal => block.is_repeated = true,
                        Ordering::Greater => return Err(PageError::Unordered),
                    }
                    block.last = key;
                    block.count += 1;
                }
            }
        }
        block.ok_or(NO_KEY)
    }

    /// Compares two keys of the page; any two are in order if the provider has an order of its own.
    fn compare(&self, one: &[u8], other: &[u8]) -> Ordering {
        match self.order {
            Order::Bytes => order::compare(one, other, self.is_encoded),
            Order::Unknown(_) => Ordering::Less,
        }
    }

    /// Checks that the first key of a block is not before the last one; returns whether it is the same.
    fn continues_at(&self, first: &[u8]) -> Result<bool, PageError> {
        // Some providers include the key that the listing should start after, but none before it may appear.
        let lower = self.range.lower.as_ref();
        if lower.is_some_and(|lower| *first < **lower) {
            return Err(PageError::Unordered);
        }
        let order = match (&self.last, &self.range.cursor) {
            (Some(last), _) => (*decoded(last, self.is_encoded)).cmp(first),
            // A page that continues within the versions of one key starts with that key.
            (None, Some(cursor)) => match &cursor.last {
                Some(last) => (*last.key).cmp(first),
                None => (*cursor.key).cmp(first),
            },
            (None, None) => Ordering::Less,
        };
        match order {
            Ordering::Less => Ok(false),
            Ordering::Equal => Ok(true),
            Ordering::Greater => Err(PageError::Unordered),
        }
    }

    /// Adds all `count` entries. This is the hot path.
    fn add_all(&mut self, entries: &[u8], count: u64) -> Result<(), PageError> {
        let (mut rest, size) = (entries, &*SIZE);
        let mut sizes = 0;
        while let Some(start) = size.find(rest) {
            let (before, from) = rest.split_at(start);
            let digits = from.get(size.needle().len()..).unwrap_or_default();
            let (bytes, after) = number(digits).ok_or(NO_SIZE)?;
            let after = after.strip_prefix(b"</Size>").ok_or(NO_SIZE)?;
            let class = match after.strip_prefix(b"<StorageClass>") {
                Some(text) => {
                    let end = memchr::memchr(b'<', text).ok_or(NO_SIZE)?;
                    text.get(..end)
                }
                None => class_of(before, after),
            };
            if !self.totals.current.add(class, bytes) {
                return Err(OVERFLOW);
            }
            sizes += 1;
            rest = after;
        }
        if sizes != count {
            return Err(NO_SIZE);
        }
        self.count += count;
        self.keys.counted += count;
        Ok(())
    }

    /// Adds the entries that were not listed before, whose key is in the range and has the suffix.
    fn add_each(&mut self, entries: &[u8]) -> Result<(), PageError> {
        let mut rest = entries;
        while let Some(start) = self.tags.first_start(rest) {
            let (between, from) = rest.split_at(start);
            if !between.trim_ascii().is_empty() {
                return Err(OTHER_FORM);
            }
            rest = from;
            let end = self
                .tags
                .first_end(rest)
                .ok_or(PageError::Truncated("a page ends in an entry"))?;
            let (entry, next) = rest.split_at(end);
            rest = next;
            let raw = field(entry, "Key").ok_or(NO_KEY)?;
            let key = decoded(raw, self.is_encoded);
            let is_repeated = self.is_repeated(entry, &key)?;
            self.count += 1;
            self.last = Some(raw.to_vec());
            let is_before = |lower: &Key| *key <= **lower;
            if is_repeated || self.range.lower.as_ref().is_some_and(is_before) {
                continue;
            }
            self.note_first(&key);
            let is_after = |until: &Key| *key > **until;
            if self.range.until.as_ref().is_some_and(is_after) {
                let hash = || EntryHash::of(&key, b"");
                self.keys.first_past_end.get_or_insert_with(hash);
                continue;
            }
            self.keys.counted += 1;
            self.keys.last_counted = Some(key.as_ref().into());
            if key.ends_with(self.scope.suffix.as_bytes()) {
                self.add_entry(entry, &key)?;
            }
        }
        if rest.trim_ascii().is_empty() {
            Ok(())
        } else {
            Err(OTHER_FORM)
        }
    }

    /// Keeps the first key after the start of the range.
    fn note_first(&mut self, key: &[u8]) {
        let hash = || EntryHash::of(key, b"");
        self.keys.first.get_or_insert_with(hash);
    }

    /// Returns whether an entry was listed already.
    ///
    /// # Errors
    ///
    /// The listing cannot be in the order of keys, goes back to its own pages, or ignores the prefix.
    fn is_repeated(&mut self, entry: &[u8], key: &[u8]) -> Result<bool, PageError> {
        let version = match self.listing() {
            Listing::Objects => &b""[..],
            Listing::Versions => only_field(entry, "VersionId")?.unwrap_or(b"null"),
        };
        let hash = EntryHash::of(key, &unescaped(version));
        match (self.order, self.listing()) {
            (Order::Unknown(seen), _) => {
                if !key.starts_with(self.scope.prefix.as_bytes()) {
                    return Err(OUTSIDE_PREFIX);
                }
                if self.count == 0 && seen.begins_with(hash) {
                    return Err(LOOP);
                }
                self.hashes.push(hash);
                let is_new_on_page = self.on_page.insert(hash);
                Ok(!is_new_on_page || seen.contains(hash))
            }
            (Order::Bytes, Listing::Versions) => self.is_repeated_version(entry, key, hash),
            (Order::Bytes, Listing::Objects) => {
                let is_last = |last: &Vec<u8>| *decoded(last, self.is_encoded) == *key;
                let position = self.range.cursor.as_ref();
                Ok(match &self.last {
                    Some(last) => is_last(last),
                    None => position.is_some_and(|cursor| *cursor.key == *key),
                })
            }
        }
    }

    /// Versions of a key are listed from the newest, so the latest one follows no other of its key.
    fn is_repeated_version(
        &mut self,
        entry: &[u8],
        key: &[u8],
        hash: EntryHash,
    ) -> Result<bool, PageError> {
        match &mut self.last_version {
            Some(last) if *last.key == *key => {
                if last.versions.last() == Some(&hash) {
                    return Ok(true);
                }
                let is_latest = field(entry, "IsLatest") == Some(b"true");
                if is_latest || last.versions.contains(&hash) {
                    return Err(PageError::Unordered);
                }
                if last.versions.len() >= MAX_VERSIONS {
                    last.versions.drain(..MAX_VERSIONS / 2);
                }
                last.versions.push(hash);
            }
            last => {
                *last = Some(LastVersion {
                    key: key.into(),
                    versions: vec![hash],
                });
            }
        }
        Ok(false)
    }

    fn add_entry(&mut self, entry: &[u8], key: &[u8]) -> Result<(), PageError> {
        let listing = self.listing();
        if listing == Listing::Versions && entry.starts_with(b"<DeleteMarker>") {
            self.totals.delete_markers += 1;
            return Ok(());
        }
        let bytes = only_field(entry, "Size")?
            .and_then(number)
            .filter(|(_, rest)| rest.is_empty());
        let (bytes, _) = bytes.ok_or(NO_SIZE)?;
        let class = only_field(entry, "StorageClass")?;
        let is_current = match (listing, only_field(entry, "IsLatest")?) {
            (Listing::Objects, _) | (Listing::Versions, Some(b"true")) => true,
            (Listing::Versions, Some(b"false")) => false,
            (Listing::Versions, _) => {
                return Err(PageError::Malformed("a version without `IsLatest`"));
            }
        };
        if let Some(sums) = &mut self.totals.by_prefix {
            sums.add(key, is_current, bytes);
        }
        let totals = if is_current {
            &mut self.totals.current
        } else {
            &mut self.totals.noncurrent
        };
        if totals.add(class, bytes) {
            Ok(())
        } else {
            Err(OVERFLOW)
        }
    }
}

/// The keys of a block, as they are written.
#[derive(Debug)]
struct BlockKeys<'t> {
    first: &'t [u8],
    last: &'t [u8],
    count: u64,
    /// Whether a key follows itself.
    is_repeated: bool,
}

impl<'t> BlockKeys<'t> {
    fn of(key: &'t [u8]) -> Self {
        Self {
            first: key,
            last: key,
            count: 1,
            is_repeated: false,
        }
    }
}

/// Returns the storage class of the entry whose size is between `before` and `after`.
fn class_of<'t>(before: &'t [u8], after: &'t [u8]) -> Option<&'t [u8]> {
    let end = memmem::find(after, b"</Contents>").unwrap_or(after.len());
    let start = memmem::rfind(before, b"<Contents>").unwrap_or(0);
    let class = field(after.get(..end)?, "StorageClass");
    class.or_else(|| field(before.get(start..)?, "StorageClass"))
}
