//! Totals of a listing: bytes and objects by storage class and by prefix, updated while pages are scanned. No I/O.

use prefix_sums::PrefixSums;

/// Storage class of objects that are listed without one.
const DEFAULT_STORAGE_CLASS: &str = "STANDARD";

/// Bytes and objects of one storage class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClassTotals {
    /// Bytes of all objects.
    pub bytes: u64,
    /// Number of objects.
    pub objects: u64,
}

/// Totals of objects by storage class.
///
/// A page has few classes, and the same one many times in a row, so a list that is searched from the last match is
/// faster than a map.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    classes: Vec<(String, ClassTotals)>,
    latest: usize,
}

/// Two totals are equal if their classes are, in any order.
impl PartialEq for Totals {
    fn eq(&self, other: &Self) -> bool {
        let has_equal = |(name, totals): &(String, ClassTotals)| other.class(name) == Some(*totals);
        self.classes.len() == other.classes.len() && self.classes.iter().all(has_equal)
    }
}

impl Eq for Totals {}

impl FromIterator<(String, ClassTotals)> for Totals {
    /// Collects classes, each of which must occur once.
    fn from_iter<I: IntoIterator<Item = (String, ClassTotals)>>(classes: I) -> Self {
        Self {
            classes: classes.into_iter().collect(),
            latest: 0,
        }
    }
}

impl Totals {
    /// Adds one object; an absent or empty `class` is `STANDARD`.
    ///
    /// Returns `false` and adds nothing if the sum exceeds 64 bits.
    #[must_use]
    pub fn add(&mut self, class: Option<&[u8]>, bytes: u64) -> bool {
        let class = class.filter(|class| !class.is_empty());
        let class = class.unwrap_or(DEFAULT_STORAGE_CLASS.as_bytes());
        let is_latest = |(name, _): &(String, ClassTotals)| name.as_bytes() == class;
        if !self.classes.get(self.latest).is_some_and(is_latest) {
            self.latest = self.classes.iter().position(is_latest).unwrap_or_else(|| {
                let name = String::from_utf8_lossy(class).into_owned();
                self.classes.push((name, ClassTotals::default()));
                self.classes.len() - 1
            });
        }
        let Some((_, totals)) = self.classes.get_mut(self.latest) else {
            return false;
        };
        match totals.bytes.checked_add(bytes) {
            Some(sum) => {
                totals.bytes = sum;
                totals.objects += 1;
                true
            }
            None => false,
        }
    }

    /// Adds other totals. Returns `false` if a sum exceeds 64 bits; the totals must not be used then.
    #[must_use]
    pub fn merge(&mut self, other: &Self) -> bool {
        for (class, more) in &other.classes {
            let known = self.classes.iter_mut().find(|(name, _)| name == class);
            match known {
                Some((_, totals)) => {
                    let Some(sum) = totals.bytes.checked_add(more.bytes) else {
                        return false;
                    };
                    totals.bytes = sum;
                    totals.objects += more.objects;
                }
                None => self.classes.push((class.clone(), *more)),
            }
        }
        self.total_bytes().is_some()
    }

    /// Returns the totals of each class, in the order of their first objects.
    pub fn classes(&self) -> impl Iterator<Item = (&str, ClassTotals)> {
        self.classes
            .iter()
            .map(|(name, totals)| (name.as_str(), *totals))
    }

    /// Returns the totals of the class `name`.
    pub fn class(&self, name: &str) -> Option<ClassTotals> {
        let found = self.classes.iter().find(|(class, _)| class == name);
        found.map(|(_, totals)| *totals)
    }

    /// Returns the bytes of all classes; `None` if they exceed 64 bits.
    pub fn total_bytes(&self) -> Option<u64> {
        let mut bytes = self.classes.iter().map(|(_, totals)| totals.bytes);
        bytes.try_fold(0_u64, u64::checked_add)
    }

    /// Returns the number of objects of all classes.
    pub fn object_count(&self) -> u64 {
        let objects = self.classes.iter().map(|(_, totals)| totals.objects);
        objects.sum()
    }
}

/// Totals of a whole listing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListingTotals {
    /// Current objects.
    pub current: Totals,
    /// Noncurrent versions.
    pub noncurrent: Totals,
    /// Number of delete markers, current or not. They have no bytes.
    pub delete_markers: u64,
    /// Sums by prefix, of current objects and noncurrent versions; `None` unless they are wanted.
    pub by_prefix: Option<PrefixSums>,
}

impl ListingTotals {
    /// Adds other totals. Returns `false` if a sum exceeds 64 bits; the totals must not be used then.
    #[must_use]
    pub fn merge(&mut self, other: &Self) -> bool {
        self.delete_markers += other.delete_markers;
        if let (Some(sums), Some(more)) = (&mut self.by_prefix, &other.by_prefix) {
            sums.merge(more);
        }
        self.current.merge(&other.current) && self.noncurrent.merge(&other.noncurrent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_kept_apart_and_the_default_is_standard() {
        let mut totals = Totals::default();

        for (class, bytes) in [(None, 5), (Some("GLACIER"), 7), (Some(""), 1)] {
            assert!(totals.add(class.map(str::as_bytes), bytes));
        }

        let class = |bytes, objects| ClassTotals { bytes, objects };
        let found: Vec<_> = totals.classes().collect();
        assert_eq!(found, [("STANDARD", class(6, 2)), ("GLACIER", class(7, 1))]);
    }

    #[test]
    fn a_sum_beyond_64_bits_is_rejected_and_never_wraps() {
        let mut totals = Totals::default();
        assert!(totals.add(None, u64::MAX - 1));
        assert!(!totals.add(None, 2));
        let mut other = Totals::default();
        assert!(other.add(Some(b"GLACIER"), 2));

        assert!(!totals.merge(&other));
    }
}
