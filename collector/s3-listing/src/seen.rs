//! Remembers the entries of earlier pages of a listing that has no known order. No I/O.

use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Entries that are remembered in one of two generations. Both take at most 40 MB.
const GENERATION: usize = 1_000_000;
/// Pages whose first entries are remembered: those of a billion objects, in 20 MB.
const MAX_PAGES: usize = 1_000_000;

/// Entries that are kept across a pause: those of 16 pages, in 140 KB of a checkpoint.
const KEPT: usize = 16_000;

/// Hash of an entry: of its key, and of its version id in a listing of versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EntryHash(pub u64);

impl EntryHash {
    /// Stands for no entry. An entry has it once in 2^64.
    pub(crate) const NO_KEY: Self = Self(0);

    /// Returns the hash of an entry; `version` is empty in a listing of objects.
    pub fn of(key: &[u8], version: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        version.hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// Entries of earlier pages.
///
/// The last million entries at least are remembered, so an entry is not counted again although a page repeats it. A
/// page that begins like any earlier one is recognised whatever is between them. Of what was listed before a pause,
/// only the entries of the last 16 pages are remembered.
#[derive(Debug, Clone, Default)]
pub struct SeenEntries {
    recent: HashSet<EntryHash>,
    older: HashSet<EntryHash>,
    /// First entry of each page.
    first: HashSet<EntryHash>,
    /// The last entries in order.
    last: VecDeque<EntryHash>,
}

impl SeenEntries {
    /// Returns what remains of a listing that had these [`last`](Self::last) entries when it paused.
    pub fn after_pause(last: &[EntryHash]) -> Self {
        let mut seen = Self::default();
        seen.add_page(last);
        seen
    }

    /// Returns the last entries in order, those of 16 full pages at most.
    pub fn last(&self) -> impl Iterator<Item = EntryHash> {
        self.last.iter().copied()
    }

    /// Adds the entries of a page that counted.
    pub fn add_page(&mut self, page: &[EntryHash]) {
        let Some(first) = page.first() else {
            return;
        };
        if self.first.len() < MAX_PAGES {
            self.first.insert(*first);
        }
        if self.recent.len() >= GENERATION {
            self.older = std::mem::take(&mut self.recent);
        }
        self.recent.extend(page);
        self.last.extend(page);
        self.last.drain(..self.last.len().saturating_sub(KEPT));
    }

    /// Returns whether the entry was listed.
    pub fn contains(&self, entry: EntryHash) -> bool {
        self.recent.contains(&entry) || self.older.contains(&entry)
    }

    /// Returns whether an earlier page began with the entry.
    pub fn begins_with(&self, entry: EntryHash) -> bool {
        self.first.contains(&entry)
    }
}
