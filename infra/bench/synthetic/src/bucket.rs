//! The content of a bucket: keys in order, each with its size and storage class. No I/O.

use std::ops::Range;

use crate::shapes::keys_of_shape;

/// Storage classes that objects cycle through; `None` is how S3 lists the default class in some responses.
const CLASSES: [Option<&str>; 7] = [
    Some("STANDARD"),
    Some("STANDARD"),
    Some("STANDARD_IA"),
    Some("STANDARD"),
    Some("GLACIER_IR"),
    Some("STANDARD"),
    Some("INTELLIGENT_TIERING"),
];

/// Objects by key, in the order of the keys' bytes.
#[derive(Debug, Clone, Default)]
pub struct Bucket {
    keys: Vec<String>,
    /// Number of versions of each key, including the current one.
    pub versions_per_key: usize,
}

/// An object as it is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Object<'b> {
    /// Its key.
    pub key: &'b str,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its storage class.
    pub class: Option<&'static str>,
}

impl Bucket {
    /// Returns a bucket with one version of each of `keys`, which may be in any order.
    pub fn new(mut keys: Vec<String>) -> Self {
        keys.sort_unstable();
        keys.dedup();
        Self {
            keys,
            versions_per_key: 1,
        }
    }

    /// Returns a bucket with about `count` keys of a shape.
    pub fn of_shape(shape: &str, count: usize) -> Self {
        Self::new(keys_of_shape(shape, count))
    }

    /// Returns its keys in order.
    pub fn keys(&self) -> &[String] {
        &self.keys
    }

    /// Returns the object at an index in the order of keys.
    pub fn object(&self, index: usize) -> Object<'_> {
        let key = self.keys[index].as_str();
        let number = key.bytes().fold(index as u64, |hash, byte| {
            hash.wrapping_mul(31).wrapping_add(u64::from(byte))
        });
        Object {
            key,
            bytes: number % 1_000_003,
            class: CLASSES[(number % 7) as usize],
        }
    }

    /// Returns the indexes of all keys that start with `prefix`.
    pub fn with_prefix(&self, prefix: &str) -> Range<usize> {
        let start = self.keys.partition_point(|key| key.as_str() < prefix);
        let length = self.keys[start..].partition_point(|key| key.starts_with(prefix));
        start..start + length
    }

    /// Returns the bytes and the number of the objects whose keys start with `prefix` and end with `suffix`.
    pub fn sum(&self, prefix: &str, suffix: &str) -> (u64, u64) {
        let objects = self.with_prefix(prefix).map(|index| self.object(index));
        objects
            .filter(|object| object.key.ends_with(suffix))
            .fold((0, 0), |(bytes, count), object| {
                (bytes + object.bytes, count + 1)
            })
    }

    /// Returns the index of the first key after `key`.
    pub fn after(&self, key: &str) -> usize {
        self.keys.partition_point(|other| other.as_str() <= key)
    }
}
