//! Sums of a report by storage class. No sum wraps: bytes are added in 128 bits.

use prefix_sums::Sum;

use crate::error::{InventoryError, damaged, unsupported};

/// Storage class of objects that are reported without one.
const DEFAULT_STORAGE_CLASS: &str = "STANDARD";

/// Most storage classes. S3 has eleven; S3-compatible providers have their own.
const MAX_CLASSES: usize = 256;

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
