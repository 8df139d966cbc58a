//! Decides which range is split, and how far ahead.
//!
//! The keys of a range predict the key some pages ahead, and the range is split there. A split that finds keys allows the
//! next one to be four times as far ahead. A split that finds none is a wasted request: it ends the range before it, and
//! the next one is nearer. The number of wasted requests is limited to a share of the pages seen so far, so a small
//! bucket is listed without overhead.

use super::density::{SplitPoint, believable};
use super::{
    CAUTION, INITIAL_WASTE, MANY_PAGES, MAX_RANGES, MIN_REACH, MORE_WASTE_SHARE, OPEN_WASTE,
    OpenRange, PAGE_ENTRIES, PESSIMISTIC_RANGES, Parent, Plan, PlanCounts, REACH_GROWTH, Range,
    RangeId, SEEN_REACH, WASTE_SHARE,
};

/// Pages from which on more may be wasted at first, to list many ranges soon.
const SMALL_PAGES: f64 = 16.0;
/// Estimated pages left, as a multiple of those seen, from which on that holds.
const RAMP_LEFT: f64 = 2.0;
/// Share of the first pages that may be wasted.
const RAMP_SHARE: f64 = 0.3;
/// Pages that may be wasted of the first ones, and the share of more pages. It is less than the usual from some hundred
/// pages on, by when it has been made up for.
const RAMP_WASTE: f64 = 8.0;
const RAMP_MORE_SHARE: f64 = 0.12;
/// Share of the estimated pages of the longest range from which on a range is split while it waits.
const LONG_SHARE: f64 = 0.1;
/// Factor by which a range is less worth a split for each one of it that may have found nothing.
const UNCONFIRMED: f64 = 2.0;
/// Largest estimate that is compared: of the last range, nothing is known.
const MAX_LEFT: f64 = 1e9;
/// Pages that a range has lasted since its estimated end from which on the model is not believed where it is split.
const UNPREDICTABLE: f64 = 3.0;
/// Share of these pages that a range inherits.
const INHERITED_SURPRISE: f64 = 0.5;

impl Range {
    /// Returns how much it is worth a split, relative to other ranges.
    fn urgency(&self) -> f64 {
        self.left.min(MAX_LEFT) / UNCONFIRMED.powi(self.unconfirmed)
    }
}

impl Plan {
    /// Adjusts the reach of a range by whether the split off part has keys.
    pub(super) fn learn_from_split(&mut self, Parent { id, distance }: Parent, is_empty: bool) {
        let Some(range) = self.ranges.get_mut(&id) else {
            return;
        };
        range.unconfirmed -= 1;
        if is_empty {
            range.surprise = 0.0;
            range.reach = (distance / REACH_GROWTH).max(MIN_REACH);
            range.left = range.left.min(distance);
            range.caution /= CAUTION;
        } else {
            range.reach = range.reach.max(distance);
            range.caution = (range.caution * CAUTION).min(1.0);
        }
    }

    /// Splits the range with the most remaining pages and returns the right part.
    pub(super) fn split(&mut self) -> Option<RangeId> {
        if !self.may_split || self.ranges.len() >= MAX_RANGES {
            return None;
        }
        while self.may_waste() {
            let (id, _) = self
                .ranges
                .iter()
                .filter(|(_, range)| range.is_worth_a_split())
                .max_by(|(_, one), (_, other)| one.urgency().total_cmp(&other.urgency()))?;
            let id = *id;
            if let Some(child) = self.split_range(id) {
                return Some(child);
            }
            self.ranges.get_mut(&id)?.cannot_split = true;
        }
        None
    }

    /// Returns whether one more split keeps the wasted requests within their limit.
    #[expect(clippy::cast_precision_loss, reason = "estimates")]
    fn may_waste(&self) -> bool {
        let PlanCounts { pages, entries } = self.counts;
        let (pages, entries) = (pages as f64, entries as f64);
        let wasted = (pages - entries / PAGE_ENTRIES).max(0.0);
        let open = self.ranges.len() as f64;
        let expected =
            open.min(PESSIMISTIC_RANGES) + (open - PESSIMISTIC_RANGES).max(0.0) * OPEN_WASTE;
        let more = (pages - MANY_PAGES).max(0.0) * MORE_WASTE_SHARE;
        let few = (pages * RAMP_SHARE).min(RAMP_WASTE + pages * RAMP_MORE_SHARE);
        let usual = (pages + 1.0) * WASTE_SHARE + INITIAL_WASTE + more;
        let lengths = self.ranges.values().map(|range| range.left);
        let left: f64 = lengths.filter(|left| left.is_finite()).sum();
        let is_long = pages > SMALL_PAGES && left > pages * RAMP_LEFT;
        wasted + expected <= if is_long { usual.max(few) } else { usual }
    }

    /// Splits a range before its next page is requested, if it is among the longest; returns the right part.
    ///
    /// No page of it can then be wasted by counting beyond the split.
    pub(super) fn split_waiting(&mut self, id: RangeId) -> Option<RangeId> {
        let lengths = self.ranges.values().map(|range| range.left);
        let least = lengths.fold(0.0, f64::max) * LONG_SHARE;
        let range = self.ranges.get(&id)?;
        let is_long = range.is_worth_a_split() && range.left >= least;
        if !is_long || !self.may_split || self.ranges.len() >= MAX_RANGES || !self.may_waste() {
            return None;
        }
        let child = self.split_range(id);
        self.ranges.get_mut(&id)?.cannot_split = child.is_none();
        child
    }

    fn split_range(&mut self, id: RangeId) -> Option<RangeId> {
        let range = self.ranges.get(&id)?;
        let density = range.density.clone()?;
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let seen = self.counts.pages as f64 * SEEN_REACH;
        let distance = range.reach.min(range.left / 2.0).min(seen).max(MIN_REACH);
        // Between two keys, a part of the range; beyond the last known one, a number of pages.
        let part = (distance / range.left).min(0.5) * range.caution;
        let model = &self.model;
        let is_unpredictable = range.surprise >= UNPREDICTABLE;
        let middle = is_unpredictable
            .then(|| density.middle(&range.open, distance, model))
            .flatten();
        let point = middle.or_else(|| density.split_point(&range.open, distance, part, model))?;
        self.split_at(id, point)
    }

    /// Splits a range at a key after its position and before its end; returns the right part.
    pub(super) fn split_at(
        &mut self,
        id: RangeId,
        SplitPoint { key, distance }: SplitPoint,
    ) -> Option<RangeId> {
        let range = self.ranges.get_mut(&id)?;
        let left = believable(range.left - distance);
        let child = Range {
            open: OpenRange {
                lower: Some(key.clone()),
                until: range.open.until.replace(key),
                cursor: None,
                next: range.open.next.take(),
            },
            is_pending: false,
            pages: 0,
            unconfirmed: 0,
            reach: distance * REACH_GROWTH,
            left,
            parent: Some(Parent { id, distance }),
            surprise: range.surprise * INHERITED_SURPRISE,
            caution: 1.0,
            cannot_split: false,
            density: None,
            has_started: false,
            expected: None,
        };
        range.left = believable(distance);
        range.unconfirmed += 1;
        range.reach = (distance / 2.0).max(MIN_REACH);
        Some(self.insert(child))
    }
}
