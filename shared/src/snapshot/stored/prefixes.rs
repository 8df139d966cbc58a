//! Stored form of sizes by prefix: rows of numbers, because there may be a thousand.

use serde::{Deserialize, Serialize};

use crate::snapshot::ClassSize;
use crate::snapshot::bucket_size::{OtherPrefixes, PrefixSize, Prefixes};

#[derive(Serialize, Deserialize)]
pub(super) struct StoredPrefixes {
    /// Bytes and number of current objects, then of noncurrent versions, where they were measured.
    prefixes: Vec<(String, Row)>,
    /// Number of prefixes, and their sum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    other: Option<(u64, Row)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

type Row = (u64, u64, Option<(u64, u64)>);

impl StoredPrefixes {
    pub(super) fn of(sizes: &Prefixes) -> Self {
        let noncurrent =
            |size: Option<ClassSize>| size.map(|size| (size.total_bytes, size.object_count));
        let prefixes = sizes.prefixes.iter().map(|each| {
            let row = (
                each.total_bytes,
                each.object_count,
                noncurrent(each.noncurrent),
            );
            (each.prefix.clone(), row)
        });
        let other = sizes.other.as_ref().map(|other| {
            let row = (
                other.total_bytes,
                other.object_count,
                noncurrent(other.noncurrent),
            );
            (other.prefix_count, row)
        });
        Self {
            prefixes: prefixes.collect(),
            other,
            reason: sizes.reason.clone(),
        }
    }

    pub(super) fn read(self) -> Prefixes {
        let size = |(total_bytes, object_count)| ClassSize {
            total_bytes,
            object_count,
        };
        let prefixes = self.prefixes.into_iter();
        let prefixes =
            prefixes.map(
                |(prefix, (total_bytes, object_count, noncurrent))| PrefixSize {
                    prefix,
                    total_bytes,
                    object_count,
                    noncurrent: noncurrent.map(size),
                },
            );
        let other = self
            .other
            .map(
                |(prefix_count, (total_bytes, object_count, noncurrent))| OtherPrefixes {
                    prefix_count,
                    total_bytes,
                    object_count,
                    noncurrent: noncurrent.map(size),
                },
            );
        Prefixes {
            prefixes: prefixes.collect(),
            other,
            reason: self.reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As they are stored already. This text never changes.
    const GOLDEN: &str =
        r#"{"prefixes":[["a/",[9,2,[5,1]]],["é ",[3,1,null]]],"other":[7,[100,50,[30,1]]]}"#;

    #[test]
    fn sizes_by_prefix_are_written_and_read_unchanged() {
        let size = |total_bytes, object_count| ClassSize {
            total_bytes,
            object_count,
        };
        let prefix = |name: &str, total_bytes, object_count, noncurrent| PrefixSize {
            prefix: name.to_owned(),
            total_bytes,
            object_count,
            noncurrent,
        };
        let sizes = Prefixes {
            prefixes: vec![
                prefix("a/", 9, 2, Some(size(5, 1))),
                prefix("é ", 3, 1, None),
            ],
            other: Some(OtherPrefixes {
                prefix_count: 7,
                total_bytes: 100,
                object_count: 50,
                noncurrent: Some(size(30, 1)),
            }),
            reason: None,
        };

        let written = serde_json::to_string(&StoredPrefixes::of(&sizes)).unwrap();
        let read: StoredPrefixes = serde_json::from_str(GOLDEN).unwrap();

        assert_eq!(written, GOLDEN);
        assert_eq!(read.read(), sizes);
    }

    #[test]
    fn a_reason_is_kept() {
        let none = Prefixes::too_many();
        let written = serde_json::to_string(&StoredPrefixes::of(&none)).unwrap();

        assert_eq!(written, r#"{"prefixes":[],"reason":"too_many_prefixes"}"#);
        let read: StoredPrefixes = serde_json::from_str(&written).unwrap();
        assert_eq!(read.read(), none);
    }
}
