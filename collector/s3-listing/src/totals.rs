//! Sums of a listing: bytes and objects by storage class, kept while pages are scanned. No I/O.

/// Class of objects that are listed without one.
const DEFAULT_STORAGE_CLASS: &str = "STANDARD";

/// Bytes and objects of one storage class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClassTotals {
    /// Bytes of all objects.
    pub bytes: u64,
    /// Number of objects.
    pub objects: u64,
}

/// Sum of objects by storage class.
///
/// A page has few classes, mostly one, and the same one many times in a row: a list that is searched from where the
/// last one was found is faster than any map.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    classes: Vec<(String, ClassTotals)>,
    latest: usize,
}

impl Tally {
    /// Adds one object; `false` when the sum does not fit into 64 bits, and then nothing was added.
    pub fn add(&mut self, class: Option<&[u8]>, bytes: u64) -> bool {
        let class = class.unwrap_or(DEFAULT_STORAGE_CLASS.as_bytes());
        let is_latest = |(name, _): &(String, ClassTotals)| name.as_bytes() == class;
        if !self.classes.get(self.latest).is_some_and(is_latest) {
            self.latest = self.classes.iter().position(is_latest).unwrap_or_else(|| {
                let name = String::from_utf8_lossy(class).into_owned();
                self.classes.push((name, ClassTotals::default()));
                self.classes.len() - 1
            });
        }
        let Some((_, sum)) = self.classes.get_mut(self.latest) else {
            return false;
        };
        match sum.bytes.checked_add(bytes) {
            Some(total) => {
                sum.bytes = total;
                sum.objects += 1;
                true
            }
            None => false,
        }
    }

    /// Adds another sum; `false` when the result does not fit into 64 bits.
    pub fn merge(&mut self, other: &Self) -> bool {
        for (class, size) in &other.classes {
            let known = self.classes.iter_mut().find(|(name, _)| name == class);
            match known {
                Some((_, sum)) => {
                    let Some(total) = sum.bytes.checked_add(size.bytes) else {
                        return false;
                    };
                    sum.bytes = total;
                    sum.objects += size.objects;
                }
                None => self.classes.push((class.clone(), *size)),
            }
        }
        self.total_bytes().is_some()
    }

    /// Returns the classes with their sums.
    pub fn classes(&self) -> impl Iterator<Item = (&str, ClassTotals)> {
        self.classes
            .iter()
            .map(|(name, size)| (name.as_str(), *size))
    }

    /// Returns the sum that `classes` make.
    pub fn of(classes: impl Iterator<Item = (String, ClassTotals)>) -> Self {
        Self {
            classes: classes.collect(),
            latest: 0,
        }
    }

    /// Returns the bytes of all classes; `None` when they do not fit into 64 bits.
    pub fn total_bytes(&self) -> Option<u64> {
        let mut sizes = self.classes.iter().map(|(_, size)| size.bytes);
        sizes.try_fold(0_u64, u64::checked_add)
    }

    /// Returns the objects of all classes.
    pub fn object_count(&self) -> u64 {
        self.classes.iter().map(|(_, size)| size.objects).sum()
    }
}

/// Sums of everything that a listing tells apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sums {
    /// Current objects.
    pub current: Tally,
    /// Noncurrent versions.
    pub noncurrent: Tally,
    /// Delete markers, current or not: they have no bytes.
    pub delete_markers: u64,
}

impl Sums {
    /// Adds others; `false` when a sum does not fit into 64 bits.
    pub fn merge(&mut self, other: &Self) -> bool {
        self.delete_markers += other.delete_markers;
        self.current.merge(&other.current) && self.noncurrent.merge(&other.noncurrent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_told_apart_and_the_default_is_standard() {
        let mut tally = Tally::default();

        for (class, bytes) in [(None, 5), (Some("GLACIER"), 7), (Some("STANDARD"), 1)] {
            assert!(tally.add(class.map(str::as_bytes), bytes));
        }

        let class = |bytes, objects| ClassTotals { bytes, objects };
        let found: Vec<_> = tally.classes().collect();
        assert_eq!(found, [("STANDARD", class(6, 2)), ("GLACIER", class(7, 1))]);
    }

    #[test]
    fn a_sum_beyond_64_bits_is_refused_and_never_a_small_number() {
        let mut tally = Tally::default();
        assert!(tally.add(None, u64::MAX - 1));
        assert!(!tally.add(None, 2));
        let mut other = Tally::default();
        assert!(other.add(Some(b"GLACIER"), 2));

        assert!(!tally.merge(&other));
    }
}
