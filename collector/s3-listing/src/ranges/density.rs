//! Density of keys: estimates how many pages lie between two keys, and which key lies some pages ahead.

use super::{Key, MIN_REACH, OpenRange, PAGE_ENTRIES, REACH_GROWTH, Sample};
use crate::key_space::{Guess, KeyModel};

/// How densely keys lie, by the keys of one page.
#[derive(Debug, Clone)]
pub(super) struct Density {
    /// First sample of the page.
    first: Reference,
    /// Last sample before the page's last key.
    nearest: Reference,
    /// Last key of the page.
    last: Key,
}

/// A key with the number of entries from there to the page's last key.
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

impl Density {
    /// Returns the density of a page; `None` with fewer than two samples.
    pub(super) fn from_samples(samples: &[Sample]) -> Option<Self> {
        let (last, first) = (samples.last()?, samples.first()?);
        let nearest = samples.iter().rev().nth(1)?;
        #[expect(clippy::cast_precision_loss, reason = "at most a page of entries")]
        let reference = |sample: &Sample| Reference {
            key: sample.key.clone(),
            entries_to_last: last.entries.saturating_sub(sample.entries).max(1) as f64,
        };
        Some(Self {
            first: reference(first),
            nearest: reference(nearest),
            last: last.key.clone(),
        })
    }

    /// Estimates the pages between the page's last key and `until`, assuming the same density.
    pub(super) fn pages_until(&self, until: &Key, model: &KeyModel) -> Option<f64> {
        let by_reference = |reference: &Reference| {
            let keys: [&[u8]; 3] = [&reference.key, &self.last, until];
            let space = model.space(&keys, Guess::Careful)?;
            let step = space.distance(&reference.key, &self.last)?;
            let all = space.distance(&self.last, until)?;
            let pages = space.ratio(all, step) * reference.entries_to_last / PAGE_ENTRIES;
            Some(pages.max(0.1))
        };
        match (by_reference(&self.first), by_reference(&self.nearest)) {
            (Some(first), Some(nearest)) => Some(first.min(nearest)),
            (first, nearest) => first.or(nearest),
        }
    }

    /// Returns a key inside `range`, if possible `pages` after its position.
    ///
    /// A whole page is the best measure of the density, unless it crosses from one part of the bucket into another:
    /// then its last keys are.
    pub(super) fn split_point(
        &self,
        range: &OpenRange,
        pages: f64,
        model: &KeyModel,
    ) -> Option<SplitPoint> {
        let position = range.position()?;
        let until = range.until.as_ref();
        for guess in [Guess::Careful, Guess::Bold] {
            for reference in [&self.first, &self.nearest] {
                let mut keys: Vec<&[u8]> = vec![position, &reference.key, &self.last];
                keys.extend(until.map(|until| &**until));
                let space = model.space(&keys, guess)?;
                let step = space.distance(&reference.key, &self.last)?;
                let page = step.times(PAGE_ENTRIES / reference.entries_to_last);
                let mut distance = pages;
                while distance >= MIN_REACH {
                    let key = space.ahead(position, page, distance).map(Key::from);
                    let is_inside = |key: &Key| until.is_none_or(|until| key < until);
                    if let Some(key) = key.filter(is_inside) {
                        return Some(SplitPoint { key, distance });
                    }
                    distance /= REACH_GROWTH;
                }
            }
        }
        None
    }
}
