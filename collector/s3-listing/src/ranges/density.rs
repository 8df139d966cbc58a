//! Density of keys: estimates how many pages lie between two keys, and which key lies some pages ahead.

use super::{Key, MIN_REACH, OpenRange, PAGE_ENTRIES, REACH_GROWTH, Sample};
use crate::key_space::{KeyModel, symbols};

/// Fewest pages that a range is estimated to have left.
const MIN_ESTIMATE: f64 = 0.1;

/// Pages up to which an estimate says how many there are: beyond, ranges are about as long whatever is estimated.
const CERTAIN_PAGES: f64 = 16.0;
/// Power of what an estimate exceeds [`CERTAIN_PAGES`] by that counts.
const EXCESS_POWER: f64 = 0.25;

/// How densely keys lie before the last one that was listed.
#[derive(Debug, Clone)]
pub(super) struct Density {
    /// Earlier keys in order: for each power of two the farthest that many entries from the last one.
    references: Vec<Reference>,
    last: Key,
}

/// A key with the number of entries from there to the last key.
#[derive(Debug, Clone)]
struct Reference {
    key: Key,
    entries_to_last: f64,
}

/// A key to split a range at.
#[derive(Debug, Clone)]
pub(super) struct SplitPoint {
    pub(super) key: Key,
    /// Estimated pages up to the key.
    pub(super) distance: f64,
}

/// Returns how many pages there probably are where `pages` are estimated.
pub(super) fn believable(pages: f64) -> f64 {
    if pages.is_infinite() {
        return pages;
    }
    let excess = (pages / CERTAIN_PAGES).max(1.0);
    pages.min(CERTAIN_PAGES) * excess.powf(EXCESS_POWER)
}

impl Density {
    /// Returns the density after a page with these samples, if the one before it was `before`.
    ///
    /// `None` with fewer than two samples.
    #[expect(clippy::cast_precision_loss, reason = "at most a page of entries")]
    pub(super) fn after(before: Option<Self>, samples: &[Sample]) -> Option<Self> {
        let Some((last, others)) = samples.split_last() else {
            return before;
        };
        let mut references = before.map_or_else(Vec::new, |before| before.references);
        for reference in &mut references {
            reference.entries_to_last += last.entries as f64;
        }
        references.extend(others.iter().map(|sample| Reference {
            key: sample.key.clone(),
            entries_to_last: last.entries.saturating_sub(sample.entries).max(1) as f64,
        }));
        let magnitude = |reference: &mut Reference| reference.entries_to_last.log2().floor();
        references.dedup_by(|next, kept| magnitude(next) >= magnitude(kept));
        (!references.is_empty()).then_some(Self {
            references,
            last: last.key.clone(),
        })
    }

    /// Returns the reference about a page before the last key, and the farthest one.
    fn page_and_farthest(&self) -> [Option<&Reference>; 2] {
        let is_page = |reference: &&Reference| reference.entries_to_last >= PAGE_ENTRIES / 2.0;
        let farthest = self.references.first();
        [
            self.references.iter().rev().find(is_page).or(farthest),
            farthest,
        ]
    }

    /// Estimates the pages between the last key and `until`, if they have the density of the last page, or that of all
    /// pages before: the more of the two.
    pub(super) fn pages_until(&self, until: &Key, model: &KeyModel) -> Option<f64> {
        let (last, until) = (symbols(&self.last)?, symbols(until)?);
        let all = model.distance(&last, &until)?;
        let by_reference = |reference: &Reference| {
            let step = model.distance(&symbols(&reference.key)?, &last)?;
            let steps = model.ratio(&last, all, step);
            Some((steps * reference.entries_to_last / PAGE_ENTRIES).max(MIN_ESTIMATE))
        };
        let references = self.page_and_farthest();
        let estimates = references.map(|reference| by_reference(reference?));
        let most = estimates.into_iter().flatten().reduce(f64::max)?;
        Some(believable(most))
    }

    /// Returns the key in the middle between the position of `range` and its end, by code points.
    pub(super) fn middle(
        &self,
        range: &OpenRange,
        distance: f64,
        model: &KeyModel,
    ) -> Option<SplitPoint> {
        let [position, until] = [range.position()?, range.until.as_ref()?];
        let key = model.between_by_codes(&symbols(position)?, &symbols(until)?, 0.5)?;
        Some(SplitPoint {
            key: Key::from(key),
            distance,
        })
    }

    /// Returns a key inside `range` that is `pages` after its position, or with this `part` of the range before it.
    ///
    /// A part is as good a guess as there is where the range ends before `pages`, by what is known about its keys.
    pub(super) fn split_point(
        &self,
        range: &OpenRange,
        pages: f64,
        part: f64,
        model: &KeyModel,
    ) -> Option<SplitPoint> {
        let (position, last) = (symbols(range.position()?)?, symbols(&self.last)?);
        let until = match &range.until {
            Some(until) => Some(symbols(until)?),
            None => None,
        };
        let ahead = |reference: &Reference, distance: f64| {
            let step = model.distance(&symbols(&reference.key)?, &last)?;
            let steps = distance * PAGE_ENTRIES / reference.entries_to_last;
            let key = Key::from(model.ahead(&position, until.as_deref(), step, steps)?);
            let is_inside = range.until.as_ref().is_none_or(|until| key < *until);
            is_inside.then_some(SplitPoint { key, distance })
        };
        // The farther the split, the farther back the reference: a step of a few lengths is more certain than one of many.
        let wanted = pages * PAGE_ENTRIES / REACH_GROWTH;
        let is_far = |reference: &&Reference| reference.entries_to_last >= wanted;
        let [page, farthest] = self.page_and_farthest();
        let far = self.references.iter().rev().find(is_far).or(farthest);
        let mut references = [far, page].into_iter().flatten();
        if let Some(until) = &until {
            return references
                .find_map(|reference| ahead(reference, pages))
                .or_else(|| {
                    let key = model.between(&position, until, part);
                    let key = Key::from(key?);
                    Some(SplitPoint {
                        key,
                        distance: pages,
                    })
                });
        }
        references.chain(&self.references).find_map(|reference| {
            let nearer = |distance: &f64| Some(distance / REACH_GROWTH);
            let distances = std::iter::successors(Some(pages), nearer);
            distances
                .take_while(|distance| *distance >= MIN_REACH)
                .find_map(|distance| ahead(reference, distance))
        })
    }
}
