//! Sizes by prefix: what a target asks for, the stored form of a paused measurement's sums, and the result.

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use prefix_sums::{Grouping, PrefixSum, PrefixSums, Sum};
use serde::{Deserialize, Serialize};
use shared::fleet::{BucketTarget, ByPrefix};
use shared::snapshot::ClassSize;
use shared::snapshot::bucket_size::{KEPT_PREFIXES, OtherPrefixes, PrefixSize, Prefixes};

use crate::error::MeasureError;

/// Most bytes of a checkpoint with sums by prefix, compressed: an item of DynamoDB without what is stored beside them.
const CHECKPOINT_LIMIT_BYTES: usize = shared::store::ITEM_LIMIT_BYTES - 10_000;

/// Returns what `target` is added up by; `None` if that is nothing.
fn grouping(target: &BucketTarget) -> Option<Grouping> {
    target.by_prefix.as_ref().map(|by_prefix| match by_prefix {
        ByPrefix::Folders(depth) => Grouping::Folders {
            below: target.prefix.clone(),
            depth: *depth,
        },
        ByPrefix::List(prefixes) => Grouping::List(prefixes.clone()),
    })
}

/// Returns empty sums for `target`; `None` if it has none.
pub(super) fn empty(target: &BucketTarget) -> Option<PrefixSums> {
    grouping(target).map(PrefixSums::new)
}

/// Returns the sizes that `sums` have; `None` if a sum exceeds 64 bits.
pub(super) fn sizes(mut sums: PrefixSums, has_noncurrent: bool) -> Option<Prefixes> {
    if !has_noncurrent {
        sums.forget_noncurrent();
    }
    let Some(largest) = sums.largest(KEPT_PREFIXES) else {
        return Some(Prefixes::too_many());
    };
    let size = |sum: Sum| {
        Some(ClassSize {
            total_bytes: u64::try_from(sum.bytes).ok()?,
            object_count: sum.objects,
        })
    };
    // Not measured is null, and zero where it was measured.
    let noncurrent = |sum: PrefixSum| match has_noncurrent {
        true => size(sum.noncurrent).map(Some),
        false => Some(None),
    };
    let prefixes = largest.prefixes.into_iter().map(|(prefix, sum)| {
        let current = size(sum.current)?;
        Some(PrefixSize {
            prefix,
            total_bytes: current.total_bytes,
            object_count: current.object_count,
            noncurrent: noncurrent(sum)?,
        })
    });
    let other = size(largest.other.current)?;
    Some(Prefixes {
        prefixes: prefixes.collect::<Option<_>>()?,
        other: Some(OtherPrefixes {
            prefix_count: largest.other_count as u64,
            total_bytes: other.total_bytes,
            object_count: other.object_count,
            noncurrent: noncurrent(largest.other)?,
        }),
        reason: None,
    })
}

/// Returns the state of a paused measurement, which `encode` makes with the stored sums that it is given.
///
/// Sums that do not fit into the item of a checkpoint are given up, so that the measurement itself goes on.
pub(super) fn state(
    sums: Option<&PrefixSums>,
    encode: impl Fn(Option<StoredPrefixSums>) -> Result<Vec<u8>, MeasureError>,
) -> Result<Vec<u8>, MeasureError> {
    let Some(sums) = sums else {
        return encode(None);
    };
    let state = encode(StoredPrefixSums::of(sums))?;
    let packed = shared::store::packed_bytes(&state);
    if packed.is_ok_and(|bytes| bytes <= CHECKPOINT_LIMIT_BYTES) {
        return Ok(state);
    }
    let mut without = sums.emptied();
    without.give_up();
    encode(StoredPrefixSums::of(&without))
}

/// The sums of a paused measurement. Prefixes are percent-encoded, because some are not valid in JSON.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredPrefixSums {
    /// What was added up; a target that asks for something else starts again.
    grouping: StoredGrouping,
    has_too_many: bool,
    rest: StoredSum,
    prefixes: Vec<(String, StoredSum)>,
}

#[derive(Serialize, Deserialize, PartialEq, Eq)]
enum StoredGrouping {
    #[serde(rename = "folders")]
    Folders { below: String, depth: u32 },
    #[serde(rename = "list")]
    List(Vec<String>),
}

/// Bytes and number of current objects, and of noncurrent versions.
type StoredSum = (u64, u64, u64, u64);

impl StoredGrouping {
    fn of(grouping: &Grouping) -> Self {
        match grouping {
            Grouping::Folders { below, depth } => Self::Folders {
                below: below.clone(),
                depth: *depth,
            },
            Grouping::List(list) => Self::List(list.clone()),
        }
    }
}

impl StoredPrefixSums {
    /// Returns the stored form; `None` if a sum exceeds 64 bits.
    pub(super) fn of(sums: &PrefixSums) -> Option<Self> {
        let stored = |sum: PrefixSum| {
            let bytes = |sum: Sum| u64::try_from(sum.bytes).ok();
            Some((
                bytes(sum.current)?,
                sum.current.objects,
                bytes(sum.noncurrent)?,
                sum.noncurrent.objects,
            ))
        };
        let prefixes = sums.prefixes().map(|(prefix, sum)| {
            let prefix = percent_encode(prefix, NON_ALPHANUMERIC).to_string();
            Some((prefix, stored(sum)?))
        });
        Some(Self {
            grouping: StoredGrouping::of(sums.grouping()),
            has_too_many: sums.has_too_many(),
            rest: stored(sums.rest())?,
            prefixes: prefixes.collect::<Option<_>>()?,
        })
    }

    /// Returns the sums; an error if `target` asks for others.
    pub(super) fn read(
        stored: Option<Self>,
        target: &BucketTarget,
    ) -> Result<Option<PrefixSums>, ()> {
        let (stored, mut sums) = match (stored, empty(target)) {
            (None, None) => return Ok(None),
            (Some(stored), Some(empty)) => (stored, empty),
            _ => return Err(()),
        };
        if stored.grouping != StoredGrouping::of(sums.grouping()) {
            return Err(());
        }
        let read = |(bytes, objects, noncurrent_bytes, versions): StoredSum| {
            let sum = |bytes: u64, objects| Sum {
                bytes: bytes.into(),
                objects,
            };
            PrefixSum {
                current: sum(bytes, objects),
                noncurrent: sum(noncurrent_bytes, versions),
            }
        };
        for (prefix, sum) in stored.prefixes {
            let prefix: Vec<u8> = percent_decode_str(&prefix).collect();
            sums.add_prefix(&prefix, read(sum));
        }
        sums.add_rest(read(stored.rest));
        if stored.has_too_many {
            sums.give_up();
        }
        Ok(Some(sums))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage_size::tests::target;

    fn grouped(by_prefix: ByPrefix) -> BucketTarget {
        BucketTarget {
            by_prefix: Some(by_prefix),
            ..target("t/", "")
        }
    }

    #[test]
    fn paused_sums_continue_unless_the_target_asks_for_others() {
        let folders = grouped(ByPrefix::Folders(1));
        let list = grouped(ByPrefix::List(vec!["t/a".to_owned(), "t/é".to_owned()]));
        for asked in [&folders, &list] {
            let mut sums = empty(asked).unwrap();
            sums.add(b"t/\xff\x00/x", true, 5);
            sums.add("t/é/x".as_bytes(), false, 7);
            sums.add(b"t/a", true, u64::MAX);
            let stored = || {
                let stored = StoredPrefixSums::of(&sums).unwrap();
                let json = serde_json::to_vec(&stored).unwrap();
                serde_json::from_slice(&json).unwrap()
            };

            assert_eq!(
                StoredPrefixSums::read(Some(stored()), asked),
                Ok(Some(sums.clone()))
            );
            for other in [&grouped(ByPrefix::Folders(2)), &target("t/", "")] {
                assert_eq!(StoredPrefixSums::read(Some(stored()), other), Err(()));
            }
            assert_eq!(StoredPrefixSums::read(None, asked), Err(()));
        }
    }

    #[test]
    fn sums_that_were_given_up_stay_so() {
        let target = grouped(ByPrefix::Folders(1));
        let mut sums = empty(&target).unwrap();
        sums.add(b"t/a/x", true, 5);
        sums.give_up();

        let stored = StoredPrefixSums::of(&sums).unwrap();
        let mut read = StoredPrefixSums::read(Some(stored), &target)
            .unwrap()
            .unwrap();
        read.add(b"t/b/x", true, 5);

        assert_eq!(sizes(read, false), Some(Prefixes::too_many()));
    }

    #[test]
    fn noncurrent_versions_neither_show_nor_count_unless_they_are_measured() {
        let target = grouped(ByPrefix::Folders(1));
        let mut sums = empty(&target).unwrap();
        sums.add(b"t/a/x", true, 5);
        sums.add(b"t/b/x", true, 4);
        sums.add(b"t/b/x", false, 3);

        let names = |prefixes: &Prefixes| {
            let prefixes = prefixes.prefixes.iter();
            prefixes.map(|each| each.prefix.clone()).collect::<Vec<_>>()
        };
        let without = sizes(sums.clone(), false).unwrap();
        let with = sizes(sums, true).unwrap();

        assert_eq!(names(&without), ["t/a/", "t/b/"]);
        assert_eq!(without.prefixes[1].noncurrent, None);
        assert_eq!(names(&with), ["t/b/", "t/a/"]);
        let three = ClassSize {
            total_bytes: 3,
            object_count: 1,
        };
        assert_eq!(with.prefixes[0].noncurrent, Some(three));
    }
}
