//! Sums of a report by storage class, and by prefix. No sum wraps: bytes are added in 128 bits.

use std::collections::HashMap;

use crate::error::{InventoryError, damaged, unsupported};
use crate::query::Grouping;

/// Storage class of objects that are reported without one.
const DEFAULT_STORAGE_CLASS: &str = "STANDARD";

/// Most storage classes. S3 has eleven; S3-compatible providers have their own.
const MAX_CLASSES: usize = 256;

/// Most prefixes that are added up at a time. One takes about 100 bytes and its name.
const MAX_COUNTED_PREFIXES: usize = 100_000;

/// Longest prefix in bytes: that of a key.
const MAX_KEY_BYTES: usize = 1_024;

/// Bytes and number of some objects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    /// Bytes.
    pub bytes: u128,
    /// Number of objects.
    pub objects: u64,
}

impl Sum {
    fn add(&mut self, bytes: u64) {
        self.bytes += u128::from(bytes);
        self.objects += 1;
    }

    fn merge(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.objects += other.objects;
    }
}

/// Sums by storage class.
#[derive(Debug, Clone, Default)]
pub struct Sums {
    names: Vec<String>,
    current: Vec<Sum>,
    noncurrent: Vec<Sum>,
    delete_markers: u64,
}

/// Two sums are equal if their classes are, in any order.
impl PartialEq for Sums {
    fn eq(&self, other: &Self) -> bool {
        let sorted = |sums: &Self| {
            let mut classes: Vec<_> = sums
                .classes()
                .map(|(name, current, noncurrent)| (name.to_owned(), current, noncurrent))
                .collect();
            classes.sort_by(|one, two| one.0.cmp(&two.0));
            classes
        };
        self.delete_markers == other.delete_markers && sorted(self) == sorted(other)
    }
}

impl Eq for Sums {}

impl Sums {
    /// Returns each class that has objects, with the sums of its current objects and of its noncurrent versions, in the
    /// order of their first rows.
    pub fn classes(&self) -> impl Iterator<Item = (&str, Sum, Sum)> {
        let sums = self.current.iter().zip(&self.noncurrent);
        let classes = self.names.iter().zip(sums);
        let has_objects = |(_, (current, noncurrent)): &(_, (&Sum, &Sum))| {
            current.objects + noncurrent.objects > 0
        };
        classes
            .filter(has_objects)
            .map(|(name, (current, noncurrent))| (name.as_str(), *current, *noncurrent))
    }

    /// Returns the number of delete markers, current or not.
    pub fn delete_markers(&self) -> u64 {
        self.delete_markers
    }

    /// Adds other sums.
    ///
    /// # Errors
    ///
    /// [`InventoryError::Unsupported`] if there are too many storage classes.
    pub fn merge(&mut self, other: &Self) -> Result<(), InventoryError> {
        for (name, current, noncurrent) in other.classes() {
            self.add_class(name, current, noncurrent)?;
        }
        self.add_delete_markers(other.delete_markers);
        Ok(())
    }

    /// Adds sums of the class `name`.
    ///
    /// # Errors
    ///
    /// [`InventoryError::Unsupported`] if there are too many storage classes.
    pub fn add_class(
        &mut self,
        name: &str,
        current: Sum,
        noncurrent: Sum,
    ) -> Result<(), InventoryError> {
        let class = usize::from(self.class(name.as_bytes())?);
        if let Some(sum) = self.current.get_mut(class) {
            sum.merge(current);
        }
        if let Some(sum) = self.noncurrent.get_mut(class) {
            sum.merge(noncurrent);
        }
        Ok(())
    }

    /// Adds `count` delete markers.
    pub fn add_delete_markers(&mut self, count: u64) {
        self.delete_markers += count;
    }

    /// Returns the number of the class `name`; an empty name is `STANDARD`.
    pub(crate) fn class(&mut self, name: &[u8]) -> Result<u16, InventoryError> {
        let name = if name.is_empty() {
            DEFAULT_STORAGE_CLASS
        } else {
            std::str::from_utf8(name).map_err(|_| damaged("a storage class is not UTF-8"))?
        };
        let known = self.names.iter().position(|known| known == name);
        let index = match known {
            Some(index) => index,
            None if self.names.len() == MAX_CLASSES => {
                return Err(unsupported("it has over 256 storage classes"));
            }
            None => {
                self.names.push(name.to_owned());
                self.current.push(Sum::default());
                self.noncurrent.push(Sum::default());
                self.names.len() - 1
            }
        };
        u16::try_from(index).map_err(|_| unsupported("it has over 256 storage classes"))
    }

    pub(crate) fn add_current(&mut self, class: u16, bytes: u64) {
        if let Some(sum) = self.current.get_mut(usize::from(class)) {
            sum.add(bytes);
        }
    }

    pub(crate) fn add_noncurrent(&mut self, class: u16, bytes: u64) {
        if let Some(sum) = self.noncurrent.get_mut(usize::from(class)) {
            sum.add(bytes);
        }
    }
}

/// Sums of one prefix.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PrefixSum {
    /// Current objects.
    pub current: Sum,
    /// Noncurrent versions.
    pub noncurrent: Sum,
}

impl PrefixSum {
    fn merge(&mut self, other: Self) {
        self.current.merge(other.current);
        self.noncurrent.merge(other.noncurrent);
    }
}

/// Sums by prefix. Every object is in exactly one prefix or in `other`, so together they are the total.
#[derive(Debug, Clone)]
pub struct PrefixSums {
    grouping: Grouping,
    /// Number of each prefix in `sums`.
    numbers: HashMap<Box<[u8]>, usize>,
    sums: Vec<PrefixSum>,
    /// The last prefix and its number: consecutive keys mostly share one.
    last: (Vec<u8>, usize),
    other: PrefixSum,
    has_too_many: bool,
}

/// The largest prefixes, and the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LargestPrefixes {
    /// Prefixes by their bytes, largest first, then by name.
    pub prefixes: Vec<(String, PrefixSum)>,
    /// Everything else: further prefixes, and with [`Grouping::List`] keys that start with none of them.
    pub other: PrefixSum,
    /// Whether there were over 100,000 prefixes. The later ones are in `other`, whatever their size.
    pub has_too_many: bool,
}

impl PrefixSums {
    /// Returns empty sums.
    pub fn new(grouping: Grouping) -> Self {
        let mut sums = Self {
            grouping,
            numbers: HashMap::new(),
            sums: Vec::new(),
            last: (vec![0xFF; MAX_KEY_BYTES + 1], usize::MAX),
            other: PrefixSum::default(),
            has_too_many: false,
        };
        if let Grouping::List(prefixes) = &mut sums.grouping {
            prefixes.sort_by_key(|prefix| std::cmp::Reverse(prefix.len()));
            prefixes.dedup();
        }
        sums
    }

    /// Adds other sums of the same grouping.
    pub fn merge(&mut self, other: Self) {
        self.other.merge(other.other);
        self.has_too_many |= other.has_too_many;
        for (prefix, number) in other.numbers {
            let sum = other.sums.get(number).copied().unwrap_or_default();
            self.sum_of(&prefix).merge(sum);
        }
    }

    /// Returns the `limit` largest prefixes; bytes that are not UTF-8 in a name become replacement characters.
    pub fn largest(self, limit: usize) -> LargestPrefixes {
        let mut prefixes: Vec<_> = self
            .numbers
            .into_iter()
            .map(|(prefix, number)| {
                let sum = self.sums.get(number).copied().unwrap_or_default();
                (String::from_utf8_lossy(&prefix).into_owned(), sum)
            })
            .collect();
        let bytes = |sum: &PrefixSum| sum.current.bytes + sum.noncurrent.bytes;
        prefixes.sort_by(|(one, left), (two, right)| {
            bytes(right).cmp(&bytes(left)).then_with(|| one.cmp(two))
        });
        let mut other = self.other;
        for (_, sum) in prefixes.drain(limit.min(prefixes.len())..) {
            other.merge(sum);
        }
        LargestPrefixes {
            prefixes,
            other,
            has_too_many: self.has_too_many,
        }
    }

    pub(crate) fn add(&mut self, key: &[u8], is_latest: bool, bytes: u64) {
        let sum = match prefix_of(&self.grouping, key) {
            Some(length) => self.sum_of(key.get(..length).unwrap_or(key)),
            None => &mut self.other,
        };
        if is_latest {
            sum.current.add(bytes);
        } else {
            sum.noncurrent.add(bytes);
        }
    }

    /// Returns the sum of `prefix`, or `other` if there are too many.
    fn sum_of(&mut self, prefix: &[u8]) -> &mut PrefixSum {
        if self.last.0 != prefix {
            let number = match self.numbers.get(prefix) {
                Some(number) => *number,
                None if self.sums.len() == MAX_COUNTED_PREFIXES => {
                    self.has_too_many = true;
                    usize::MAX
                }
                None => {
                    self.numbers.insert(prefix.into(), self.sums.len());
                    self.sums.push(PrefixSum::default());
                    self.sums.len() - 1
                }
            };
            self.last.0.clear();
            self.last.0.extend_from_slice(prefix);
            self.last.1 = number;
        }
        match self.sums.get_mut(self.last.1) {
            Some(sum) => sum,
            None => &mut self.other,
        }
    }
}

/// Returns the length of the prefix of `key`; `None` if it is in `other`.
fn prefix_of(grouping: &Grouping, key: &[u8]) -> Option<usize> {
    match grouping {
        Grouping::Depth(depth) => {
            let ends = key.iter().enumerate().filter(|(_, byte)| **byte == b'/');
            let last = ends
                .take(usize::try_from(*depth).unwrap_or(usize::MAX))
                .last();
            Some(last.map_or(0, |(index, _)| index + 1))
        }
        Grouping::List(prefixes) => prefixes
            .iter()
            .find(|prefix| key.starts_with(prefix.as_bytes()))
            .map(String::len),
    }
}
