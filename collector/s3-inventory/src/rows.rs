//! Rows of a report, column by column, and what of each row counts.

use prefix_sums::PrefixSums;

use crate::error::{InventoryError, damaged};
use crate::query::Query;
use crate::sums::Sums;

/// Size of a row without one: a delete marker. No object has this size, because Parquet's integers are signed.
pub(crate) const NO_SIZE: u64 = u64::MAX;

/// Flag of a row without one; 0 and 1 are false and true.
pub(crate) const NO_FLAG: u8 = 2;

/// Keys of consecutive rows, in one buffer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keys {
    bytes: Vec<u8>,
    /// Where each key ends in `bytes`.
    ends: Vec<usize>,
}

impl Keys {
    pub(crate) fn push(&mut self, key: &[u8]) {
        self.bytes.extend_from_slice(key);
        self.ends.push(self.bytes.len());
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    fn get(&self, index: usize) -> &[u8] {
        let start = match index.checked_sub(1) {
            Some(before) => self.ends.get(before).copied().unwrap_or_default(),
            None => 0,
        };
        let end = self.ends.get(index).copied().unwrap_or_default();
        self.bytes.get(start..end).unwrap_or_default()
    }
}

/// Versions of the rows: which are the latest, and which are delete markers. A report of current objects has neither.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Versions<'a> {
    pub(crate) is_latest: &'a [u8],
    pub(crate) is_delete_marker: &'a [u8],
}

/// Some consecutive rows; all columns have as many values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a> {
    /// Numbers of storage classes, from [`Sums::class`].
    pub(crate) classes: &'a [u16],
    /// Bytes, or [`NO_SIZE`].
    pub(crate) sizes: &'a [u64],
    pub(crate) versions: Option<Versions<'a>>,
    /// The keys, and the index of the first row's. `None` if the query does not need them.
    pub(crate) keys: Option<(&'a Keys, usize)>,
}

impl Rows<'_> {
    /// Adds the rows that `query` selects.
    pub(crate) fn add_to(
        self,
        query: &Query,
        sums: &mut Sums,
        prefixes: Option<&mut PrefixSums>,
    ) -> Result<(), InventoryError> {
        match (self.versions, self.keys) {
            (None, None) => self.add_all(sums),
            _ => self.add_selected(query, sums, prefixes),
        }
    }

    /// Adds rows of which every one is a current object that counts.
    fn add_all(self, sums: &mut Sums) -> Result<(), InventoryError> {
        // No size is this large, so one comparison after the loop finds a row without a size.
        let mut largest = 0;
        for (class, size) in self.classes.iter().zip(self.sizes) {
            largest = largest.max(*size);
            sums.add_current(*class, *size);
        }
        if largest == NO_SIZE {
            return Err(without_size());
        }
        Ok(())
    }

    fn add_selected(
        self,
        query: &Query,
        sums: &mut Sums,
        mut prefixes: Option<&mut PrefixSums>,
    ) -> Result<(), InventoryError> {
        let at = |flags: &[u8], index: usize| flags.get(index).copied().unwrap_or(NO_FLAG);
        for (index, (class, size)) in self.classes.iter().zip(self.sizes).enumerate() {
            let key = self.keys.map(|(keys, first)| keys.get(first + index));
            if key.is_some_and(|key| !query.selects(key)) {
                continue;
            }
            let (is_latest, is_marker) = match self.versions {
                Some(versions) => (
                    at(versions.is_latest, index),
                    at(versions.is_delete_marker, index) == 1,
                ),
                None => (1, false),
            };
            if is_marker {
                sums.add_delete_markers(1);
                continue;
            }
            if *size == NO_SIZE {
                return Err(without_size());
            }
            match is_latest {
                0 => sums.add_noncurrent(*class, *size),
                1 => sums.add_current(*class, *size),
                _ => return Err(damaged("a version does not say whether it is the latest")),
            }
            if let (Some(prefixes), Some(key)) = (prefixes.as_deref_mut(), key) {
                prefixes.add(key, is_latest == 1, *size);
            }
        }
        Ok(())
    }
}

fn without_size() -> InventoryError {
    damaged("an object has no size")
}
