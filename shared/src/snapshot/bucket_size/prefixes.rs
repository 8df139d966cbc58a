//! Sizes by the prefix of keys. Fields document the answer too: their comments are its description in the OpenAPI
//! document, where `None` is null.

use schemars::JsonSchema;
use serde::Serialize;

use super::ClassSize;

/// Most prefixes that a snapshot has. The smaller ones are in `other`.
pub const KEPT_PREFIXES: usize = 1_000;

/// Sizes by prefix. Every object is in exactly one prefix or in `other`, so they add up to `total_bytes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Prefixes {
    /// The largest prefixes by their current objects and noncurrent versions, largest first, then by name.
    pub prefixes: Vec<PrefixSize>,
    /// Everything else: smaller prefixes, and keys that begin with none of a list. Null with a `reason`.
    pub other: Option<OtherPrefixes>,
    /// Why there are no sizes by prefix: `too_many_prefixes`, when there are over 10,000, or too many for the checkpoint of a
    /// measurement that pauses; `record_unreadable`, when the snapshot is damaged. Null if there are.
    pub reason: Option<String>,
}

/// Size of one prefix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PrefixSize {
    /// What the keys begin with.
    pub prefix: String,
    /// Bytes of its current objects.
    pub total_bytes: u64,
    /// Number of its current objects.
    pub object_count: u64,
    /// Its noncurrent versions; null when they were not measured.
    pub noncurrent: Option<ClassSize>,
}

/// Size of all further prefixes, and of keys without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OtherPrefixes {
    /// Number of prefixes in it.
    pub prefix_count: u64,
    /// Bytes of its current objects.
    pub total_bytes: u64,
    /// Number of its current objects.
    pub object_count: u64,
    /// Its noncurrent versions; null when they were not measured.
    pub noncurrent: Option<ClassSize>,
}

impl Prefixes {
    /// Returns that there are no sizes because there are too many prefixes.
    pub fn too_many() -> Self {
        Self::unknown("too_many_prefixes")
    }

    /// Returns that there are no sizes, and why.
    pub fn unknown(reason: &str) -> Self {
        Self {
            prefixes: Vec::new(),
            other: None,
            reason: Some(reason.to_owned()),
        }
    }

    /// Returns the same with at most `limit` prefixes; the others are added to `other`.
    #[must_use]
    pub fn limited(mut self, limit: usize) -> Self {
        let smaller = self.prefixes.split_off(limit.min(self.prefixes.len()));
        if let Some(other) = &mut self.other {
            for prefix in smaller {
                other.prefix_count += 1;
                other.total_bytes += prefix.total_bytes;
                other.object_count += prefix.object_count;
                if let (Some(sum), Some(more)) = (&mut other.noncurrent, prefix.noncurrent) {
                    sum.total_bytes += more.total_bytes;
                    sum.object_count += more.object_count;
                }
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_prefixes_have_the_same_sum() {
        let size = |bytes| ClassSize {
            total_bytes: bytes,
            object_count: 1,
        };
        let prefix = |name: &str, bytes| PrefixSize {
            prefix: name.to_owned(),
            total_bytes: bytes,
            object_count: 2,
            noncurrent: Some(size(bytes)),
        };
        let whole = Prefixes {
            prefixes: vec![prefix("a/", 9), prefix("b/", 5), prefix("c/", 1)],
            other: Some(OtherPrefixes {
                prefix_count: 7,
                total_bytes: 100,
                object_count: 50,
                noncurrent: Some(size(30)),
            }),
            reason: None,
        };

        let limited = whole.clone().limited(1);

        assert_eq!(limited.prefixes, whole.prefixes[..1]);
        let expected = OtherPrefixes {
            prefix_count: 9,
            total_bytes: 106,
            object_count: 54,
            noncurrent: Some(ClassSize {
                total_bytes: 36,
                object_count: 3,
            }),
        };
        assert_eq!(limited.other, Some(expected));
        assert_eq!(whole.clone().limited(9), whole);
        assert_eq!(Prefixes::too_many().limited(0), Prefixes::too_many());
    }
}
