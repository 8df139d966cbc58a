//! What a reading of a report has so far, and its stored form.

use s3_inventory::{PrefixSums, Sum, Sums};
use serde::{Deserialize, Serialize};
use shared::fleet::BucketTarget;

use super::report::Report;
use crate::error::MeasureError;
use crate::storage_size::s3::prefixes::{self, StoredPrefixSums};

/// Version of the stored form.
const VERSION: u32 = 1;

/// A reading of a report: its first files are added up.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) report: Report,
    /// Number of files that are added up.
    pub(super) done: usize,
    pub(super) sums: Sums,
    /// Sums by prefix, if they are wanted.
    pub(super) by_prefix: Option<PrefixSums>,
    /// Bytes of the files that were read.
    pub(super) read_bytes: u64,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    folder: String,
    checksum: String,
    done: usize,
    read_bytes: u64,
    delete_markers: u64,
    classes: Vec<StoredClass>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by_prefix: Option<StoredPrefixSums>,
}

#[derive(Serialize, Deserialize)]
struct StoredClass {
    name: String,
    current: (u64, u64),
    noncurrent: (u64, u64),
}

impl Reading {
    /// Returns the reading of `report` for `target` before its first file.
    pub(super) fn of(report: Report, target: &BucketTarget) -> Self {
        Self {
            report,
            done: 0,
            sums: Sums::default(),
            by_prefix: prefixes::empty(target),
            read_bytes: 0,
        }
    }

    /// Returns the stored form.
    pub(super) fn encode(&self) -> Result<Vec<u8>, MeasureError> {
        prefixes::state(self.by_prefix.as_ref(), |by_prefix| self.stored(by_prefix))
    }

    fn stored(&self, by_prefix: Option<StoredPrefixSums>) -> Result<Vec<u8>, MeasureError> {
        let pair = |sum: Sum| Some((u64::try_from(sum.bytes).ok()?, sum.objects));
        let classes = self.sums.classes().map(|(name, current, noncurrent)| {
            Some(StoredClass {
                name: name.to_owned(),
                current: pair(current)?,
                noncurrent: pair(noncurrent)?,
            })
        });
        let classes: Option<_> = classes.collect();
        let stored = Stored {
            version: VERSION,
            folder: self.report.folder.clone(),
            checksum: self.report.checksum.clone(),
            done: self.done,
            read_bytes: self.read_bytes,
            delete_markers: self.sums.delete_markers(),
            classes: classes.ok_or_else(|| super::damaged("more bytes than 64 bits hold"))?,
            by_prefix,
        };
        serde_json::to_vec(&stored).map_err(|_| bad_checkpoint())
    }

    /// Reads the stored form of a reading for `target`.
    pub(super) fn decode(state: &[u8], target: &BucketTarget) -> Result<Self, MeasureError> {
        let stored: Stored = serde_json::from_slice(state).map_err(|_| bad_checkpoint())?;
        if stored.version != VERSION {
            return Err(bad_checkpoint());
        }
        let mut sums = Sums::default();
        sums.add_delete_markers(stored.delete_markers);
        let sum = |(bytes, objects): (u64, u64)| Sum {
            bytes: bytes.into(),
            objects,
        };
        for class in stored.classes {
            let added = sums.add_class(&class.name, sum(class.current), sum(class.noncurrent));
            added.map_err(|_| bad_checkpoint())?;
        }
        let by_prefix = StoredPrefixSums::read(stored.by_prefix, target);
        Ok(Self {
            by_prefix: by_prefix.map_err(|()| bad_checkpoint())?,
            report: Report {
                folder: stored.folder,
                checksum: stored.checksum,
            },
            done: stored.done,
            sums,
            read_bytes: stored.read_bytes,
        })
    }
}

/// A state that cannot be continued: it is of another release, or of a listing, before the target's source was changed.
fn bad_checkpoint() -> MeasureError {
    MeasureError::permanent(
        "bad_checkpoint",
        "the reading of an inventory was paused in a form that cannot be continued; the next run starts anew",
    )
}

#[cfg(test)]
mod tests {
    use shared::fleet::ByPrefix;

    use super::*;
    use crate::storage_size::tests::target;

    #[test]
    fn a_paused_reading_continues_with_the_same_sums() {
        let target = BucketTarget {
            by_prefix: Some(ByPrefix::Folders(1)),
            ..target("", "")
        };
        let report = Report {
            folder: "files/daily/2026-11-28T01-00Z".to_owned(),
            checksum: "f11166069f1990abeb9c97ace9cdfabc".to_owned(),
        };
        let mut reading = Reading::of(report, &target);
        let by_prefix = reading.by_prefix.as_mut().unwrap();
        by_prefix.add("é/x".as_bytes(), true, 5);
        let sum = |bytes, objects| Sum { bytes, objects };
        reading
            .sums
            .add_class("STANDARD", sum(u64::MAX.into(), 3), sum(0, 0))
            .unwrap();
        reading
            .sums
            .add_class("GLACIER", sum(5, 1), sum(7, 2))
            .unwrap();
        reading.sums.add_delete_markers(4);
        (reading.done, reading.read_bytes) = (2, 900);

        let continued = Reading::decode(&reading.encode().unwrap(), &target).unwrap();

        assert_eq!(continued, reading);
    }

    #[test]
    fn another_state_is_refused_by_name() {
        for state in [b"".as_slice(), b"{}", b"\x01\x02", br#"{"version":2}"#] {
            let refused = Reading::decode(state, &target("", ""));
            assert_eq!(refused.unwrap_err().code, "bad_checkpoint");
        }
    }
}
