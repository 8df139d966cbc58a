#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

use std::cmp::Reverse;
use std::collections::HashMap;

/// Most prefixes that are added up. One takes about 100 bytes and its name, and all of them must fit into the checkpoint
/// of a listing that pauses.
pub const MAX_PREFIXES: usize = 10_000;

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
    /// Adds one object.
    pub fn add(&mut self, bytes: u64) {
        self.bytes += u128::from(bytes);
        self.objects += 1;
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.objects += other.objects;
    }
}

/// Which prefixes sizes are added up by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grouping {
    /// The folders of a key: its first `depth` parts after `below` that end in `/`. A key with fewer counts for those that
    /// it has.
    Folders {
        /// Prefix of all keys.
        below: String,
        /// Number of parts.
        depth: u32,
    },
    /// The longest of these prefixes that the key starts with. A key that starts with none is in the rest, and a prefix
    /// that no key starts with has zero bytes.
    List(Vec<String>),
}

impl Grouping {
    /// Returns the length of the prefix of `key`; `None` if it is in the rest.
    fn prefix_of(&self, key: &[u8]) -> Option<usize> {
        match self {
            Self::Folders { below, depth } => {
                let rest = key.get(below.len()..).unwrap_or_default();
                let ends = rest.iter().enumerate().filter(|(_, byte)| **byte == b'/');
                let last = ends
                    .take(usize::try_from(*depth).unwrap_or(usize::MAX))
                    .last();
                Some(below.len() + last.map_or(0, |(index, _)| index + 1))
            }
            Self::List(prefixes) => prefixes
                .iter()
                .find(|prefix| key.starts_with(prefix.as_bytes()))
                .map(String::len),
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
    /// Adds another sum.
    pub fn merge(&mut self, other: Self) {
        self.current.merge(other.current);
        self.noncurrent.merge(other.noncurrent);
    }
}

/// Sums by prefix. Every object is in exactly one prefix or in the rest, so together they are the total.
#[derive(Debug, Clone)]
pub struct PrefixSums {
    grouping: Grouping,
    /// Number of each prefix in `sums`.
    numbers: HashMap<Box<[u8]>, usize>,
    sums: Vec<PrefixSum>,
    /// The last prefix and its number: consecutive keys mostly share one.
    last: (Vec<u8>, usize),
    rest: PrefixSum,
    has_too_many: bool,
}

/// Two sums are equal if their prefixes are, in any order.
impl PartialEq for PrefixSums {
    fn eq(&self, other: &Self) -> bool {
        let is_same = |(prefix, sum): (&[u8], PrefixSum)| {
            let number = other.numbers.get(prefix);
            number.and_then(|number| other.sums.get(*number)) == Some(&sum)
        };
        (&self.grouping, self.rest, self.has_too_many)
            == (&other.grouping, other.rest, other.has_too_many)
            && self.sums.len() == other.sums.len()
            && self.prefixes().all(is_same)
    }
}

impl Eq for PrefixSums {}

/// The largest prefixes, and the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LargestPrefixes {
    /// Prefixes by their bytes, largest first, then by name.
    pub prefixes: Vec<(String, PrefixSum)>,
    /// Everything else: smaller prefixes, and with [`Grouping::List`] keys that start with none of them.
    pub other: PrefixSum,
    /// Number of prefixes in `other`.
    pub other_count: usize,
}

impl PrefixSums {
    /// Returns empty sums.
    pub fn new(grouping: Grouping) -> Self {
        let mut sums = Self {
            grouping,
            numbers: HashMap::new(),
            sums: Vec::new(),
            last: (vec![0xFF; MAX_KEY_BYTES + 1], usize::MAX),
            rest: PrefixSum::default(),
            has_too_many: false,
        };
        if let Grouping::List(prefixes) = &mut sums.grouping {
            prefixes.sort_by(|one, other| {
                Reverse(one.len())
                    .cmp(&Reverse(other.len()))
                    .then_with(|| one.cmp(other))
            });
            prefixes.dedup();
            // A prefix of the list without objects is zero, not absent.
            for (number, prefix) in prefixes.iter().enumerate() {
                sums.numbers.insert(prefix.as_bytes().into(), number);
                sums.sums.push(PrefixSum::default());
            }
        }
        sums
    }

    /// Returns what it adds up by.
    pub fn grouping(&self) -> &Grouping {
        &self.grouping
    }

    /// Returns empty sums of the same grouping.
    pub fn emptied(&self) -> Self {
        Self::new(self.grouping.clone())
    }

    /// Adds one object, or one version of one.
    pub fn add(&mut self, key: &[u8], is_current: bool, bytes: u64) {
        let sum = match self.grouping.prefix_of(key) {
            Some(length) => self.sum_of(key.get(..length).unwrap_or(key)),
            None => &mut self.rest,
        };
        if is_current {
            sum.current.add(bytes);
        } else {
            sum.noncurrent.add(bytes);
        }
    }

    /// Adds the sum of `prefix`.
    pub fn add_prefix(&mut self, prefix: &[u8], sum: PrefixSum) {
        self.sum_of(prefix).merge(sum);
    }

    /// Adds a sum to the rest.
    pub fn add_rest(&mut self, sum: PrefixSum) {
        self.rest.merge(sum);
    }

    /// Adds other sums of the same grouping.
    pub fn merge(&mut self, other: &Self) {
        self.rest.merge(other.rest);
        self.has_too_many |= other.has_too_many;
        for (prefix, sum) in other.prefixes() {
            self.sum_of(prefix).merge(sum);
        }
    }

    /// Returns whether there were more than [`MAX_PREFIXES`], so that there is no result.
    pub fn has_too_many(&self) -> bool {
        self.has_too_many
    }

    /// Gives up the result, because the sums cannot be kept.
    pub fn give_up(&mut self) {
        self.numbers.clear();
        self.sums.clear();
        self.last = (vec![0xFF; MAX_KEY_BYTES + 1], usize::MAX);
        self.has_too_many = true;
    }

    /// Sets all noncurrent versions to nothing, where they are not wanted.
    pub fn forget_noncurrent(&mut self) {
        self.rest.noncurrent = Sum::default();
        for sum in &mut self.sums {
            sum.noncurrent = Sum::default();
        }
    }

    /// Returns each prefix and its sum, in no order.
    pub fn prefixes(&self) -> impl Iterator<Item = (&[u8], PrefixSum)> {
        self.numbers.iter().map(|(prefix, number)| {
            let sum = self.sums.get(*number).copied().unwrap_or_default();
            (&**prefix, sum)
        })
    }

    /// Returns what is in no prefix.
    pub fn rest(&self) -> PrefixSum {
        self.rest
    }

    /// Returns the `limit` largest prefixes, or `None` if there were too many; bytes that are not UTF-8 in a name become
    /// replacement characters.
    pub fn largest(&self, limit: usize) -> Option<LargestPrefixes> {
        if self.has_too_many {
            return None;
        }
        let mut prefixes: Vec<_> = self
            .prefixes()
            .map(|(prefix, sum)| (String::from_utf8_lossy(prefix).into_owned(), sum))
            .collect();
        let bytes = |sum: &PrefixSum| sum.current.bytes + sum.noncurrent.bytes;
        prefixes.sort_by(|(one, left), (two, right)| {
            bytes(right).cmp(&bytes(left)).then_with(|| one.cmp(two))
        });
        let smaller = prefixes.split_off(limit.min(prefixes.len()));
        let mut other = self.rest;
        for (_, sum) in &smaller {
            other.merge(*sum);
        }
        Some(LargestPrefixes {
            prefixes,
            other,
            other_count: smaller.len(),
        })
    }

    /// Returns the sum of `prefix`, or the rest if there are too many.
    fn sum_of(&mut self, prefix: &[u8]) -> &mut PrefixSum {
        if self.last.0 != prefix {
            let number = match self.numbers.get(prefix) {
                Some(number) => *number,
                None if self.has_too_many || self.sums.len() == MAX_PREFIXES => {
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
            None => &mut self.rest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(below: &str, depth: u32) -> PrefixSums {
        PrefixSums::new(Grouping::Folders {
            below: below.to_owned(),
            depth,
        })
    }

    fn found(sums: &PrefixSums, limit: usize) -> (Vec<(String, u128, u64)>, u128) {
        let largest = sums.largest(limit).unwrap();
        let prefixes = largest.prefixes.into_iter();
        let prefixes = prefixes.map(|(name, sum)| (name, sum.current.bytes, sum.current.objects));
        (prefixes.collect(), largest.other.current.bytes)
    }

    #[test]
    fn folders_are_counted_below_the_prefix_of_all_keys() {
        let keys = ["t/acme/a", "t/acme/2026/b", "t/globex/c", "t/readme"];
        for (depth, expected) in [
            (
                1,
                vec![("t/globex/", 4, 1), ("t/acme/", 3, 2), ("t/", 8, 1)],
            ),
            (
                2,
                vec![
                    ("t/globex/", 4, 1),
                    ("t/acme/2026/", 2, 1),
                    ("t/acme/", 1, 1),
                    ("t/", 8, 1),
                ],
            ),
        ] {
            let mut sums = folders("t/", depth);
            for (index, key) in keys.iter().enumerate() {
                sums.add(key.as_bytes(), true, 1 << index);
            }

            let mut expected: Vec<_> = expected
                .into_iter()
                .map(|(name, bytes, objects)| (name.to_owned(), bytes, objects))
                .collect();
            expected.sort_by_key(|(_, bytes, _)| Reverse(*bytes));
            assert_eq!(found(&sums, 10), (expected, 0));
        }
    }

    #[test]
    fn a_key_counts_for_the_longest_prefix_of_a_list_or_for_the_rest() {
        let list = ["a/", "a/b/", "c", "nobody/"].map(str::to_owned);
        let mut sums = PrefixSums::new(Grouping::List(list.to_vec()));
        for (key, bytes) in [("a/x", 1), ("a/b/x", 2), ("cd", 4), ("b", 8)] {
            sums.add(key.as_bytes(), true, bytes);
        }

        let expected = vec![
            ("c".to_owned(), 4, 1),
            ("a/b/".to_owned(), 2, 1),
            ("a/".to_owned(), 1, 1),
            ("nobody/".to_owned(), 0, 0),
        ];
        assert_eq!(found(&sums, 10), (expected, 8));
    }

    #[test]
    fn what_is_beyond_the_limit_is_in_the_rest_with_its_number() {
        let mut sums = folders("", 1);
        for (key, bytes) in [("a/x", 1), ("b/x", 2), ("c/x", 4)] {
            sums.add(key.as_bytes(), true, bytes);
        }

        assert_eq!(found(&sums, 1), (vec![("c/".to_owned(), 4, 1)], 3));
        assert_eq!(sums.largest(1).unwrap().other_count, 2);
    }

    #[test]
    fn sums_of_parts_are_those_of_the_whole() {
        let mut whole = folders("", 1);
        let mut parts = [folders("", 1), folders("", 1)];
        for number in 0..100_u64 {
            let key = format!("{}/x", number % 7);
            whole.add(key.as_bytes(), number % 3 > 0, number);
            parts[usize::from(number % 5 > 1)].add(key.as_bytes(), number % 3 > 0, number);
        }
        let mut merged = whole.emptied();
        for part in &parts {
            merged.merge(part);
        }

        assert_eq!(merged, whole);
    }

    /// A prefix that was first found beyond the limit in one part could be found in full in another.
    #[test]
    fn too_many_prefixes_have_no_result() {
        let mut sums = folders("", 1);
        for number in 0..MAX_PREFIXES {
            sums.add(format!("{number}/x").as_bytes(), true, 1);
        }
        assert!(sums.largest(1).is_some());

        sums.add(b"more/x", true, 1);
        let mut merged = folders("", 1);
        merged.merge(&sums);

        assert_eq!((sums.largest(1), merged.largest(1)), (None, None));
    }
}
