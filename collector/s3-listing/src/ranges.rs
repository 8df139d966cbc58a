//! Splits a listing into ranges of keys that are listed concurrently. No I/O in this file.
//!
//! A range contains all keys after one key, up to and including another. Ranges are only ever created by splitting one
//! at some key: the left part ends with that key, the right part starts after it. Every key is therefore in exactly one
//! range, whatever the keys are and however the split was chosen. A page counts the keys of its range as of the moment
//! it completes; a page that counted beyond a split made in the meantime is requested again. Where two ranges meet, both
//! must find the same next key, or the provider does not list in the order that ranges rely on (see `seams`).
//!
//! Nothing is known about a bucket in advance. Its first pages are listed sequentially; then ranges are split where
//! their keys predict it (see `splits` and `density`).

mod density;
mod seams;
mod splits;

use std::collections::BTreeMap;
use std::sync::Arc;

use self::density::Density;
use self::seams::Expected;
pub use self::seams::Seam;
use crate::key_space::{KeyModel, symbols};
use crate::seen::EntryHash;

/// A key: UTF-8 bytes, which is the order that S3 lists in.
pub type Key = Arc<[u8]>;

/// Share of the pages seen that may be wasted on splits, in total.
const WASTE_SHARE: f64 = 0.2;
/// Share of the pages beyond [`MANY_PAGES`] that may be wasted in addition: of many pages, a half more or less is nothing.
const MORE_WASTE_SHARE: f64 = 0.031;
/// Pages from which on more may be wasted.
const MANY_PAGES: f64 = 100.0;
/// Waste that is allowed initially: the first split requires three pages.
const INITIAL_WASTE: f64 = 0.2;
/// Expected waste at the end of an open range: half a page.
const OPEN_WASTE: f64 = 0.5;
/// Number of open ranges that are each assumed to waste a whole page.
const PESSIMISTIC_RANGES: f64 = 4.0;
/// Pages that the first split lies ahead.
const INITIAL_REACH: f64 = 6.0;
/// Factor by which the reach grows after a split that found keys.
const REACH_GROWTH: f64 = 4.0;
/// Maximum reach as a multiple of the pages seen so far.
const SEEN_REACH: f64 = 2.0;
/// Remaining pages above which they are estimated only now and then, because an estimate takes time.
const LONG: f64 = 16.0;
/// Pages between two estimates of a long range.
const ESTIMATE_EVERY: u64 = 4;
/// Factor by which a split comes nearer to the position of a range after one that found no keys.
const CAUTION: f64 = 4.0;
/// Remaining pages from which on a range is worth a split.
const MIN_PAGES: f64 = 3.0;
/// Minimum distance of a split in pages: the pending page must end before it.
const MIN_REACH: f64 = 1.6;
/// Maximum number of open ranges: 128 with two keys of 1 KB each and a cursor fit into a checkpoint of 400 KB.
pub const MAX_RANGES: usize = 128;
/// Pages without a new entry that are accepted: a page of delete markers each in a bucket of a million of them.
const MAX_EMPTY_PAGES: u64 = 1_000;
/// Pages from which more is learned than what distinguishes them from others.
const EARLY_PAGES: u64 = 64;
/// Samples that are learned from an early page, at least.
const EARLY_SAMPLES: usize = 8;
/// Samples that are learned from another page, at least.
const SAMPLES: usize = 2;
/// Entries of a full page.
const PAGE_ENTRIES: f64 = 1000.0;

/// Position at which a listing continues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Last key that was listed.
    pub key: Key,
    /// S3's own position: a continuation token, or the version to continue after.
    pub token: Option<String>,
    /// Last key that was listed, with its versions; `None` in listings of objects, and if no entry was listed.
    pub last: Option<LastVersion>,
}

/// Last key of a listing of versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastVersion {
    /// The key; not always that of the position, which some providers let point to the next entry.
    pub key: Key,
    /// Its last versions that were listed, in order.
    pub versions: Vec<EntryHash>,
}

/// A range of keys and the position in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenRange {
    /// Only keys after it count; `None` from the first key on.
    pub lower: Option<Key>,
    /// Only keys up to and including it count; `None` to the last key.
    pub until: Option<Key>,
    /// Position to continue from; `None` before the first page.
    pub cursor: Option<Cursor>,
    /// First key after `until`, as the next range found it; `None` before its first page.
    pub next: Option<EntryHash>,
}

impl OpenRange {
    /// Returns the key up to which the range was listed: nothing after it has been counted.
    ///
    /// A provider's own position may be before that.
    pub fn position(&self) -> Option<&Key> {
        let cursor = self.cursor.as_ref();
        let last = cursor.and_then(|cursor| cursor.last.as_ref());
        let keys = [
            cursor.map(|cursor| &cursor.key),
            last.map(|last| &last.key),
            self.lower.as_ref(),
        ];
        keys.into_iter().flatten().max()
    }
}

/// Identifies a range of one [`Plan`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RangeId(u64);

/// A page to request.
#[derive(Debug, Clone)]
pub struct PageRequest {
    /// Range that the page belongs to.
    pub range: RangeId,
    /// Current state of that range.
    pub open: OpenRange,
}

/// A key of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Number of entries up to and including the key.
    pub entries: u64,
    /// The key.
    pub key: Key,
}

/// Keys of a completed page.
#[derive(Debug, Clone, Default)]
pub struct PageKeys {
    /// Entries that count for the range.
    pub counted: u64,
    /// Some keys in order, including the page's last one.
    pub samples: Vec<Sample>,
    /// Last key that counts.
    pub last_counted: Option<Key>,
    /// First key after the range's start, whether or not it is in the range; `None` if the page has none.
    pub first: Option<EntryHash>,
    /// First key after the range's end; `None` if the page has none.
    pub first_past_end: Option<EntryHash>,
    /// Position of the next page; `None` at the end of the bucket.
    pub next: Option<Cursor>,
}

/// Result of a completed page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Completion {
    /// The page counts.
    Counted,
    /// Its range was split before the last key that it counted: the page does not count and is requested again.
    Repeat,
}

/// Pages that a plan has counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PlanCounts {
    /// Number of completed pages.
    pub pages: u64,
    /// Number of entries that count.
    pub entries: u64,
}

impl PlanCounts {
    /// Returns whether the pages bring nothing: the listing would go on for ever.
    ///
    /// Some providers return pages without entries, for example where they skip deleted keys. Beyond `MAX_EMPTY_PAGES`,
    /// there must be at least one entry for each page.
    pub fn is_without_progress(self) -> bool {
        self.pages > self.entries.saturating_add(MAX_EMPTY_PAGES)
    }
}

#[derive(Debug)]
struct Range {
    open: OpenRange,
    is_pending: bool,
    /// Pages that were listed of it.
    pages: u64,
    /// Pages that the next split may lie ahead.
    reach: f64,
    /// Estimated remaining pages, including the pending one.
    left: f64,
    /// Pages that it has lasted since it was estimated to end; it may last as long again. Ranges split from it begin with
    /// a part of them.
    surprise: f64,
    /// Ranges split from it whose first page is pending.
    unconfirmed: i32,
    /// Share of the usual distance at which it is split, after splits that found no keys.
    caution: f64,
    density: Option<Density>,
    /// Range that it was split from; `None` once its first page has completed.
    parent: Option<Parent>,
    /// Whether no split was found; reset by the next page.
    cannot_split: bool,
    /// Whether a page had a key, or was the last one.
    has_started: bool,
    /// What the range before it found, if that ended first; until this one has started.
    expected: Option<Expected>,
}

#[derive(Debug, Clone, Copy)]
struct Parent {
    id: RangeId,
    /// Pages that the split lay ahead.
    distance: f64,
}

/// The ranges of one listing.
#[derive(Debug)]
pub struct Plan {
    ranges: BTreeMap<RangeId, Range>,
    next_id: u64,
    model: KeyModel,
    may_split: bool,
    counts: PlanCounts,
    open_seams: Vec<Seam>,
}

impl Plan {
    /// Returns the plan for all keys with a common prefix of `prefix_bytes` bytes.
    ///
    /// If the provider does not list in the order of keys, the plan must not split: `may_split` is `false`.
    pub fn new(prefix_bytes: usize, may_split: bool) -> Self {
        let whole = vec![OpenRange::default()];
        Self::resume(prefix_bytes, may_split, whole, PlanCounts::default())
    }

    /// Returns the plan that continues a listing with the remaining ranges `open`.
    pub fn resume(
        prefix_bytes: usize,
        may_split: bool,
        open: Vec<OpenRange>,
        counts: PlanCounts,
    ) -> Self {
        let mut plan = Self {
            ranges: BTreeMap::new(),
            next_id: 0,
            model: KeyModel::new(prefix_bytes),
            may_split,
            counts,
            open_seams: Vec::new(),
        };
        for open in open {
            let has_started = open.cursor.is_some();
            let left = if open.until.is_some() {
                MIN_PAGES
            } else {
                f64::INFINITY
            };
            plan.insert(Range {
                open,
                is_pending: false,
                pages: 0,
                unconfirmed: 0,
                reach: INITIAL_REACH,
                left,
                density: None,
                parent: None,
                surprise: 0.0,
                caution: 1.0,
                cannot_split: false,
                has_started,
                expected: None,
            });
        }
        plan
    }

    fn insert(&mut self, range: Range) -> RangeId {
        let id = RangeId(self.next_id);
        self.next_id += 1;
        self.ranges.insert(id, range);
        id
    }

    /// Returns whether every range has been listed to its end.
    pub fn is_finished(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Returns the remaining ranges in the order of their keys.
    pub fn open_ranges(&self) -> Vec<OpenRange> {
        let ranges = self.ranges.values();
        let mut open: Vec<_> = ranges.map(Range::to_resume).collect();
        open.sort_by(|one, other| one.lower.cmp(&other.lower));
        open
    }

    /// Returns the completed pages and their entries.
    pub fn counts(&self) -> PlanCounts {
        self.counts
    }

    /// Estimates the number of remaining entries; `None` as long as the end of the listing is unknown.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a finite sum of non-negative estimates"
    )]
    pub fn entries_left(&self) -> Option<u64> {
        let left: f64 = self.ranges.values().map(|range| range.left.max(0.0)).sum();
        left.is_finite().then_some((left * PAGE_ENTRIES) as u64)
    }

    /// Returns the next page to request; `None` if all ranges have a pending page and no split is worth a request.
    ///
    /// `free` requests may be sent, including this one.
    pub fn next_page(&mut self, free: usize) -> Option<PageRequest> {
        let mut waiting = self.ranges.iter().filter(|(_, range)| !range.is_pending);
        let id = match waiting.next() {
            Some((id, _)) => {
                let id = *id;
                let has_more = waiting.count() + 1 < free;
                has_more
                    .then(|| self.split_waiting(id))
                    .flatten()
                    .unwrap_or(id)
            }
            None => self.split()?,
        };
        let range = self.ranges.get_mut(&id)?;
        range.is_pending = true;
        Some(PageRequest {
            range: id,
            open: range.open.clone(),
        })
    }

    /// Records a completed page of a [`PageRequest`].
    pub fn complete(&mut self, id: RangeId, keys: &PageKeys) -> Completion {
        self.counts.pages += 1;
        let Some(range) = self.ranges.get_mut(&id) else {
            return Completion::Repeat;
        };
        range.is_pending = false;
        let is_split_off = match (&range.open.until, &keys.last_counted) {
            (Some(until), Some(last)) => last > until,
            _ => false,
        };
        if is_split_off {
            range.caution = (range.caution * CAUTION).min(1.0);
            return Completion::Repeat;
        }
        self.counts.entries += keys.counted;
        let parent = range.parent.take();
        self.check_start(id, keys);
        self.learn(id, &keys.samples);
        if let Some(parent) = parent {
            let is_empty = keys.counted == 0;
            self.learn_from_split(parent, is_empty);
        }
        match &keys.next {
            Some(cursor) if keys.first_past_end.is_none() => self.advance(id, cursor.clone(), keys),
            _ => self.end(id, keys),
        }
        Completion::Counted
    }

    /// Adds the keys of a page to the model: many samples of the first pages, then as many as distinguish pages.
    fn learn(&mut self, id: RangeId, samples: &[Sample]) {
        let is_early = self.counts.pages <= EARLY_PAGES;
        let learned = if is_early { EARLY_SAMPLES } else { SAMPLES };
        let step = (samples.len() / learned).max(1);
        let range = self.ranges.get(&id);
        let position = range.and_then(|range| range.open.position());
        let mut is_listed = range.is_some_and(|range| range.open.cursor.is_some());
        let mut previous = position.and_then(|position| symbols(position));
        for sample in samples.iter().rev().step_by(step).rev() {
            let Some(key) = symbols(&sample.key) else {
                return;
            };
            self.model.learn(previous.as_deref(), is_listed, &key);
            is_listed = true;
            previous = Some(key);
        }
    }

    fn advance(&mut self, id: RangeId, cursor: Cursor, keys: &PageKeys) {
        let model = &self.model;
        let Some(range) = self.ranges.get_mut(&id) else {
            return;
        };
        range.open.cursor = Some(cursor);
        range.pages += 1;
        range.cannot_split = false;
        range.density = Density::after(range.density.take(), &keys.samples);
        let Some(until) = &range.open.until else {
            range.left = f64::INFINITY;
            return;
        };
        range.left = (range.left - 1.0).max(1.0);
        let is_estimated = range.pages > 1 && range.left.is_finite();
        if is_estimated && range.left > LONG && !range.pages.is_multiple_of(ESTIMATE_EVERY) {
            return;
        }
        let density = range.density.as_ref();
        let estimate = density.and_then(|density| density.pages_until(until, model));
        if let Some(estimate) = estimate {
            range.left = estimate;
            range.surprise = if estimate < MIN_PAGES {
                range.surprise + 1.0
            } else {
                0.0
            };
            range.left = range.left.max(range.surprise);
        }
    }
}

impl Range {
    /// Returns the range for another plan.
    ///
    /// If the range before it has ended, it starts after that one's last key, so that no expectation must be kept.
    fn to_resume(&self) -> OpenRange {
        let mut open = self.open.clone();
        if let Some(expected) = &self.expected {
            open.lower.clone_from(&expected.before);
        }
        // Pages without any key are requested again, so that the first key is compared.
        if open.lower.is_some() && !self.has_started {
            open.cursor = None;
        }
        open
    }

    fn is_worth_a_split(&self) -> bool {
        !self.cannot_split && self.density.is_some() && self.left >= MIN_PAGES
    }
}

#[cfg(test)]
mod tests;
