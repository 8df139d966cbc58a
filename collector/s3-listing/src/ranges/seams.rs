//! Checks that ranges meet: the first key after the end of one is the first key of the next.
//!
//! A range ends at the first key after its end, so keys that a provider lists later, in an order of its own, would be
//! missed. If both ranges find the same key where they meet, their pages are one sequence, and a key that is out of
//! order anywhere in it is found by comparing each with the one before. If they find different keys, one was created or
//! deleted in the meantime, or the order is not that of the keys: [`Seam::pages`] tells which.

use super::{Key, OpenRange, PageKeys, Plan, RangeId};
use crate::seen::EntryHash;

/// What a range found at its end.
#[derive(Debug)]
pub(super) struct Expected {
    /// First key after the range.
    first: EntryHash,
    /// Last key of the range; `None` if no key is before its end.
    pub(super) before: Option<Key>,
}

/// Place where two ranges met at different keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seam {
    /// Last key before it.
    before: Option<Key>,
    /// Key that ends one range and starts the next.
    at: Key,
}

impl Seam {
    /// Returns the pages to request again: the one that ends at the seam, and the one that starts there.
    pub fn pages(&self) -> [OpenRange; 2] {
        let left = OpenRange {
            lower: self.before.clone(),
            until: Some(self.at.clone()),
            ..OpenRange::default()
        };
        let right = OpenRange {
            lower: Some(self.at.clone()),
            ..OpenRange::default()
        };
        [left, right]
    }

    /// Returns whether the two pages meet at the same key.
    pub fn is_closed(left: &PageKeys, right: &PageKeys) -> bool {
        first_past_end(left).is_some_and(|first| Some(first) == first_of(right))
    }
}

/// Returns the first key after the end of a range, for its last page; `None` if the page ends before it.
fn first_past_end(keys: &PageKeys) -> Option<EntryHash> {
    let at_end = keys.next.is_none().then_some(EntryHash::NO_KEY);
    keys.first_past_end.or(at_end)
}

/// Returns the first key of a range, for its first page; `None` if that has no key and is not the last one.
fn first_of(keys: &PageKeys) -> Option<EntryHash> {
    let at_end = keys.next.is_none().then_some(EntryHash::NO_KEY);
    keys.first.or(at_end)
}

impl Plan {
    /// Returns the next place where two ranges did not meet.
    pub fn next_seam(&mut self) -> Option<Seam> {
        self.open_seams.pop()
    }

    /// Compares the start of a range, if this is its first page with a key, with the end of the range before it.
    pub(super) fn check_start(&mut self, id: RangeId, keys: &PageKeys) {
        let Some(range) = self.ranges.get_mut(&id) else {
            return;
        };
        let Some(first) = first_of(keys).filter(|_| !range.has_started) else {
            return;
        };
        range.has_started = true;
        let Some(lower) = range.open.lower.clone() else {
            return;
        };
        match range.expected.take() {
            Some(expected) if expected.first != first => self.open_seams.push(Seam {
                before: expected.before,
                at: lower,
            }),
            Some(_) => {}
            None => {
                let mut ranges = self.ranges.values_mut();
                let before = ranges.find(|range| range.open.until.as_ref() == Some(&lower));
                if let Some(before) = before {
                    before.open.next = Some(first);
                }
            }
        }
    }

    /// Removes a range after its last page, and compares its end with the start of the next one.
    pub(super) fn end(&mut self, id: RangeId, keys: &PageKeys) {
        let Some(range) = self.ranges.remove(&id) else {
            return;
        };
        let (Some(until), Some(first)) = (&range.open.until, first_past_end(keys)) else {
            return;
        };
        let before = keys
            .last_counted
            .as_ref()
            .or(range.open.position())
            .cloned();
        match range.open.next {
            Some(next) if next != first => self.open_seams.push(Seam {
                before,
                at: until.clone(),
            }),
            Some(_) => {}
            None => {
                let mut ranges = self.ranges.values_mut();
                let next = ranges
                    .find(|range| range.open.lower.as_ref() == Some(until) && !range.has_started);
                if let Some(next) = next {
                    next.expected = Some(Expected { first, before });
                }
            }
        }
    }
}
