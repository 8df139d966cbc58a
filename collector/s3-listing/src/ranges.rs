//! Divides a listing into ranges of keys that are listed at the same time. No I/O in this file.
//!
//! A range is all keys behind one key up to and including another. Ranges are only ever made by cutting one in two
//! at some key, the left part up to and including it, the right part behind it: so every key is in exactly one of
//! them, whatever the keys are and whoever chose the cut. A page counts for its range what lies in the range as it
//! is when the page is settled; a page that counted beyond a cut that was made meanwhile is asked for again.
//!
//! Nothing is known of a bucket beforehand. Its first pages are listed one after the other; how far apart their keys
//! lie tells where a key some pages ahead would be ([`Space`]), and the range is cut there. A cut that finds keys
//! allows one four times as far, a cut that finds none is a wasted request and ends the range in front of it. How
//! many requests may be wasted is a share of the pages seen so far, so a small bucket is listed like a file.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::key_space::{Distance, Guess, Memory, Space};

/// A key: bytes of UTF-8, in whose order S3 lists.
pub type Key = Arc<[u8]>;

/// Share of the pages seen that may be wasted on cuts, in total.
const WASTE_SHARE: f64 = 0.2;
/// Waste that is allowed from the start: the first cut needs three pages seen.
const FIRST_WASTE: f64 = 0.2;
/// What an open range is expected to waste at its end: half a page.
const OPEN_WASTE: f64 = 0.5;
/// Open ranges up to which each is feared to waste a whole page.
const FEARED: f64 = 4.0;
/// Pages that the first cut lies ahead.
const FIRST_REACH: f64 = 6.0;
/// How much further the next cut may lie after one that found keys.
const REACH_GROWTH: f64 = 4.0;
/// How many times the pages seen so far a cut may lie ahead.
const SEEN_REACH: f64 = 2.0;
/// Pages between two guesses of what is left of a range.
const GUESS_EVERY: f64 = 4.0;
/// How much more pages than thought before a range may be thought to have.
const GUESS_GROWTH: f64 = 1.5;
/// Fewest pages that a range is thought to have left for a cut to pay.
const LEAST_PAGES: f64 = 3.0;
/// Nearest cut in pages: the page that is under way must end before it.
const NEAREST: f64 = 1.6;
/// Most open ranges: 128 with two keys of 1 KB each and a cursor fit into one item of a checkpoint.
pub const MAX_RANGES: usize = 128;
/// Entries of a full page.
const PAGE: f64 = 1000.0;

/// Where a listing goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Last key that was listed.
    pub key: Key,
    /// What S3 wants to be asked with: a continuation token, or a version behind which to go on.
    pub token: Option<String>,
}

/// A range of keys with what is left to list of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRange {
    /// Only keys behind it count; `None` from the first on.
    pub lower: Option<Key>,
    /// Only keys up to it count; `None` to the last.
    pub until: Option<Key>,
    /// Where to go on; `None` before its first page.
    pub cursor: Option<Cursor>,
}

/// One page to list.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Which range it is for.
    pub range: u64,
    /// The range as it is now.
    pub open: OpenRange,
}

/// What a page showed.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Entries that it counted for its range.
    pub counted: u64,
    /// Keys with the number of entries up to and including each, in order; the last of the page among them.
    pub samples: Vec<(u64, Key)>,
    /// Last key that it counted.
    pub last_counted: Option<Key>,
    /// Whether it had a key behind the range's end.
    pub has_passed_end: bool,
    /// Where the listing goes on; `None` when there is nothing more in the whole bucket.
    pub next: Option<Cursor>,
}

/// What becomes of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// What it counted is counted.
    Counted,
    /// Its range was cut before the end of what it counted: it does not count and is asked for again.
    Again,
}

/// How densely keys lie: entries between keys of one page.
#[derive(Debug, Clone)]
struct Density {
    /// First key of the page that was sampled, and the entries from there to the last.
    first: (Key, f64),
    /// The sampled key in front of the last.
    low: (Key, f64),
    /// Last key of the page.
    high: Key,
}

#[derive(Debug)]
struct Range {
    open: OpenRange,
    is_under_way: bool,
    /// Pages of it that were seen, and of those in front of it from which it was cut.
    pages: f64,
    /// Pages ahead that a cut may lie.
    reach: f64,
    /// Pages that are thought to be left, the one under way included.
    left: f64,
    density: Option<Density>,
    /// The range that it was cut from, and how many pages ahead.
    parent: Option<(u64, f64)>,
    /// No cut until something new is seen.
    is_uncuttable: bool,
}

/// The ranges of one listing.
#[derive(Debug)]
pub struct Plan {
    ranges: BTreeMap<u64, Range>,
    next_id: u64,
    /// Bytes that all keys begin with.
    fixed: usize,
    memory: Memory,
    may_split: bool,
    pages: u64,
    entries: u64,
}

impl Plan {
    /// Returns the plan for all keys that begin with `fixed` bytes of the same prefix.
    pub fn new(fixed: usize, may_split: bool) -> Self {
        let whole = OpenRange {
            lower: None,
            until: None,
            cursor: None,
        };
        Self::resume(fixed, may_split, vec![whole], (0, 0))
    }

    /// Returns the plan for what is left of a listing that has seen `pages` with `entries` so far.
    pub fn resume(
        fixed: usize,
        may_split: bool,
        open: Vec<OpenRange>,
        (pages, entries): (u64, u64),
    ) -> Self {
        let mut plan = Self {
            ranges: BTreeMap::new(),
            next_id: 0,
            fixed,
            memory: Memory::default(),
            may_split,
            pages,
            entries,
        };
        for open in open {
            let left = if open.until.is_some() {
                LEAST_PAGES
            } else {
                f64::INFINITY
            };
            plan.insert(Range {
                open,
                is_under_way: false,
                pages: 0.0,
                reach: FIRST_REACH,
                left,
                density: None,
                parent: None,
                is_uncuttable: false,
            });
        }
        plan
    }

    fn insert(&mut self, range: Range) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.ranges.insert(id, range);
        id
    }

    /// Returns whether every range was listed to its end.
    pub fn is_finished(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Returns what is left, in the order of the keys.
    pub fn open(&self) -> Vec<OpenRange> {
        let mut open: Vec<_> = self
            .ranges
            .values()
            .map(|range| range.open.clone())
            .collect();
        open.sort_by(|one, other| one.lower.cmp(&other.lower));
        open
    }

    /// Returns how many pages were seen, with how many entries that count.
    pub fn seen(&self) -> (u64, u64) {
        (self.pages, self.entries)
    }

    /// Returns about how many entries are left; `None` while nothing tells where the listing ends.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a finite sum of estimates from 0"
    )]
    pub fn entries_left(&self) -> Option<u64> {
        let left: f64 = self.ranges.values().map(|range| range.left.max(0.0)).sum();
        left.is_finite().then_some((left * PAGE) as u64)
    }

    /// Returns the next page to list; `None` when all ranges are under way and no cut seems worth its request.
    pub fn next_page(&mut self) -> Option<Ask> {
        let waiting = self.ranges.iter().find(|(_, range)| !range.is_under_way);
        let id = match waiting {
            Some((id, _)) => *id,
            None => self.cut()?,
        };
        let range = self.ranges.get_mut(&id)?;
        range.is_under_way = true;
        Some(Ask {
            range: id,
            open: range.open.clone(),
        })
    }

    /// Takes in what the page of an [`Ask`] showed.
    pub fn settle(&mut self, id: u64, seen: &Seen) -> Settled {
        self.pages += 1;
        let Some(range) = self.ranges.get_mut(&id) else {
            return Settled::Again;
        };
        range.is_under_way = false;
        let is_cut_off = match (&range.open.until, &seen.last_counted) {
            (Some(until), Some(last)) => last > until,
            _ => false,
        };
        if is_cut_off {
            return Settled::Again;
        }
        self.entries += seen.counted;
        for (_, key) in seen.samples.first().into_iter().chain(seen.samples.last()) {
            self.memory.add(key);
        }
        let parent = range.parent.take();
        if let Some((parent, distance)) = parent {
            let is_empty = seen.counted == 0;
            self.learn_of_cut(parent, distance, is_empty);
        }
        match &seen.next {
            Some(cursor) if !seen.has_passed_end => self.advance(id, cursor.clone(), seen),
            _ => {
                self.ranges.remove(&id);
            }
        }
        Settled::Counted
    }

    /// Takes in whether keys were found behind a cut.
    fn learn_of_cut(&mut self, parent: u64, distance: f64, is_empty: bool) {
        if let Some(parent) = self.ranges.get_mut(&parent) {
            if is_empty {
                parent.reach = (distance / REACH_GROWTH).max(NEAREST);
                parent.left = parent.left.min(distance);
            } else {
                parent.reach = parent.reach.max(distance);
            }
        }
    }

    fn advance(&mut self, id: u64, cursor: Cursor, seen: &Seen) {
        let (fixed, memory) = (self.fixed, &self.memory);
        let Some(range) = self.ranges.get_mut(&id) else {
            return;
        };
        range.open.cursor = Some(cursor);
        range.pages += 1.0;
        range.is_uncuttable = false;
        let samples = &seen.samples;
        if let (Some((count, high)), Some(low), Some(first)) =
            (samples.last(), samples.iter().rev().nth(1), samples.first())
        {
            #[expect(clippy::cast_precision_loss, reason = "at most a page of entries")]
            let to_last = |(earlier, key): &(u64, Key)| {
                (key.clone(), count.saturating_sub(*earlier).max(1) as f64)
            };
            range.density = Some(Density {
                first: to_last(first),
                low: to_last(low),
                high: high.clone(),
            });
        }
        let Some(until) = &range.open.until else {
            range.left = f64::INFINITY;
            return;
        };
        range.left = (range.left - 1.0).max(1.0);
        // Guessing takes as long as scanning some of the page: now and then is often enough.
        if range.pages > GUESS_EVERY && range.pages % GUESS_EVERY >= 1.0 {
            return;
        }
        let guess = range
            .density
            .as_ref()
            .and_then(|density| pages_between(density, (&density.high, until), (fixed, memory)));
        if let Some(guess) = guess {
            // The next keys say little of those far ahead: a guess grows slowly, but a range that has lasted long
            // may last as long again.
            let most = (range.left * GUESS_GROWTH).max(range.pages + GUESS_GROWTH);
            range.left = guess.min(most);
        }
    }

    /// Cuts the range with the most pages left and returns the part behind the cut.
    fn cut(&mut self) -> Option<u64> {
        if !self.may_split || self.ranges.len() >= MAX_RANGES {
            return None;
        }
        while self.may_waste() {
            let (id, _) = self
                .ranges
                .iter()
                .filter(|(_, range)| range.is_worth_a_cut())
                .max_by(|(_, one), (_, other)| one.left.total_cmp(&other.left))?;
            let id = *id;
            if let Some(child) = self.cut_range(id) {
                return Some(child);
            }
            self.ranges.get_mut(&id)?.is_uncuttable = true;
        }
        None
    }

    /// Returns whether one more cut keeps the requests within their bound.
    #[expect(clippy::cast_precision_loss, reason = "estimates")]
    fn may_waste(&self) -> bool {
        let wasted = (self.pages as f64 - self.entries as f64 / PAGE).max(0.0);
        let open = self.ranges.len() as f64;
        let expected = open.min(FEARED) + (open - FEARED).max(0.0) * OPEN_WASTE;
        wasted + expected <= (self.pages + 1) as f64 * WASTE_SHARE + FIRST_WASTE
    }

    fn cut_range(&mut self, id: u64) -> Option<u64> {
        let range = self.ranges.get(&id)?;
        let density = range.density.clone()?;
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let seen = self.pages as f64 * SEEN_REACH;
        let distance = range.reach.min(range.left / 2.0).min(seen).max(NEAREST);
        let base = range.position()?;
        let (key, distance) = cut_ahead(
            &density,
            &base,
            range.open.until.as_ref(),
            distance,
            (self.fixed, &self.memory),
        )?;
        let is_trusted = range.reach >= range.left;
        self.cut_at(id, key, distance, is_trusted.then_some(density))
    }

    /// Cuts a range at `key`, which lies behind its position and in front of its end; returns the part behind.
    ///
    /// The part behind may be cut before any page of it was seen when it is given a density.
    fn cut_at(
        &mut self,
        id: u64,
        key: Key,
        distance: f64,
        density: Option<Density>,
    ) -> Option<u64> {
        let range = self.ranges.get_mut(&id)?;
        let left = range.left - distance;
        let child = Range {
            open: OpenRange {
                lower: Some(key.clone()),
                until: range.open.until.replace(key),
                cursor: None,
            },
            is_under_way: false,
            pages: range.pages + distance,
            reach: if density.is_some() {
                left
            } else {
                distance * REACH_GROWTH
            },
            left,
            parent: Some((id, distance)),
            is_uncuttable: false,
            density,
        };
        range.left = distance;
        if child.density.is_none() {
            range.reach = (distance / 2.0).max(NEAREST);
        }
        Some(self.insert(child))
    }
}

impl Range {
    fn is_worth_a_cut(&self) -> bool {
        !self.is_uncuttable && self.density.is_some() && self.left >= LEAST_PAGES
    }

    /// Returns the key behind which it goes on.
    fn position(&self) -> Option<Key> {
        let cursor = self.open.cursor.as_ref().map(|cursor| &cursor.key);
        cursor.or(self.open.lower.as_ref()).cloned()
    }
}

/// Returns how many pages lie between two keys if all of them are as dense as `density` says.
fn pages_between(
    density: &Density,
    (low, high): (&Key, &Key),
    (fixed, memory): (usize, &Memory),
) -> Option<f64> {
    let between = |(near, entries): &(Key, f64)| {
        let keys: [&[u8]; 4] = [near, &density.high, low, high];
        let space = Space::of(&keys, fixed, Guess::Careful, memory)?;
        let step = space.distance(near, &density.high)?;
        let all = space.distance(low, high)?;
        Some((space.ratio(all, step) * entries / PAGE).max(0.1))
    };
    match (between(&density.first), between(&density.low)) {
        (Some(wide), Some(near)) => Some(wide.min(near)),
        (wide, near) => wide.or(near),
    }
}

/// Returns a key between `base` and `until`, if possible `pages` ahead of `base`, and how many it is ahead.
///
/// A whole page tells best how wide pages are, unless it crosses from one part of the bucket into another: then its
/// last keys do.
fn cut_ahead(
    density: &Density,
    base: &Key,
    until: Option<&Key>,
    pages: f64,
    (fixed, memory): (usize, &Memory),
) -> Option<(Key, f64)> {
    for guess in [Guess::Careful, Guess::Bold] {
        for (low, entries) in [&density.first, &density.low] {
            let mut keys: Vec<&[u8]> = vec![base, low, &density.high];
            keys.extend(until.map(|until| &**until));
            let space = Space::of(&keys, fixed, guess, memory)?;
            let step: Distance = space.distance(low, &density.high)?;
            let step = step.times(PAGE / entries);
            let mut pages = pages;
            while pages >= NEAREST {
                let key = space.ahead(base, step, pages).map(Key::from);
                let is_inside = |key: &Key| until.is_none_or(|until| key < until);
                if let Some(key) = key.filter(is_inside) {
                    return Some((key, pages));
                }
                pages /= REACH_GROWTH;
            }
        }
    }
    None
}

#[cfg(test)]
mod tests;
