//! Size of a bucket or of a part of it.

use std::collections::BTreeMap;

use super::{Completeness, Measurement};
use crate::fleet::Kind;

/// Current objects of a target: what a listing sees.
///
/// Noncurrent versions, delete markers and incomplete uploads are not in these numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketSize {
    /// Sum of the objects' sizes in bytes.
    pub total_bytes: u64,
    /// Number of objects; keys that end in `/` are objects too.
    pub object_count: u64,
    /// The same two by S3 storage class; classes without objects are left out.
    pub by_storage_class: BTreeMap<String, ClassSize>,
    /// How it was measured.
    pub method: Method,
}

/// Objects of one storage class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClassSize {
    /// Sum of the objects' sizes in bytes.
    pub total_bytes: u64,
    /// Number of objects.
    pub object_count: u64,
}

/// How a bucket was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Every object was listed and its size added.
    Listing,
}

impl Method {
    /// Returns the word for it in answers and stored items.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Listing => "listing",
        }
    }
}

impl BucketSize {
    /// Returns the size of a target without objects.
    pub fn empty(method: Method) -> Self {
        Self {
            total_bytes: 0,
            object_count: 0,
            by_storage_class: BTreeMap::new(),
            method,
        }
    }

    /// Adds one object.
    pub fn add(&mut self, storage_class: &str, bytes: u64) {
        self.total_bytes += bytes;
        self.object_count += 1;
        if !self.by_storage_class.contains_key(storage_class) {
            self.by_storage_class
                .insert(storage_class.to_owned(), ClassSize::default());
        }
        if let Some(class) = self.by_storage_class.get_mut(storage_class) {
            class.total_bytes += bytes;
            class.object_count += 1;
        }
    }
}

impl Measurement for BucketSize {
    const KIND: Kind = Kind::Bucket;
    type Summary = Self;

    fn summary(&self) -> Self {
        self.clone()
    }

    /// A listing is whole or it is a failure: there is no partial bucket size.
    fn completeness(&self) -> Completeness {
        Completeness::Complete
    }

    fn total_bytes(&self) -> u64 {
        self.total_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_classes_add_up_to_the_total() {
        let mut size = BucketSize::empty(Method::Listing);

        size.add("STANDARD", 5);
        size.add("GLACIER", 7);
        size.add("STANDARD", 0);

        assert_eq!((size.total_bytes, size.object_count), (12, 3));
        assert_eq!(
            size.by_storage_class["STANDARD"],
            ClassSize {
                total_bytes: 5,
                object_count: 2
            }
        );
        assert_eq!(
            size.by_storage_class["GLACIER"],
            ClassSize {
                total_bytes: 7,
                object_count: 1
            }
        );
    }
}
