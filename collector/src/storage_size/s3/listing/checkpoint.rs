//! Encodes a paused listing as bytes: its remaining ranges and its totals so far.
//!
//! A checkpoint belongs to one target and one kind of listing; any other is rejected. Its size is limited by the number
//! of ranges, whatever the size of the bucket. Continuation tokens are omitted from ordered listings, where the last key
//! gives the same position and does not expire.

use std::collections::BTreeMap;
use std::sync::Arc;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use s3_listing::{
    ClassTotals, Cursor, EntryHash, Key, LastVersion, Listing, ListingTotals, OpenRange, Plan,
    PlanCounts, SeenEntries, Totals,
};
use serde::{Deserialize, Serialize};
use shared::fleet::BucketTarget;

use super::ActiveListing;
use crate::error::MeasureError;
use crate::storage_size::s3::prefixes::{self, StoredPrefixSums};

/// Version that is written; a run whose checkpoint has another version starts again.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct StoredListing {
    version: u32,
    is_of_versions: bool,
    prefix: String,
    suffix: String,
    is_ordered: bool,
    requests: u64,
    pages: u64,
    entries: u64,
    current: StoredTotals,
    noncurrent: StoredTotals,
    delete_markers: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by_prefix: Option<StoredPrefixSums>,
    /// Last entries of a listing without order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    seen: Vec<u64>,
    open: Vec<StoredRange>,
}

/// Bytes and objects by storage class.
type StoredTotals = BTreeMap<String, (u64, u64)>;

/// Keys are percent-encoded, because some are not valid in JSON.
#[derive(Serialize, Deserialize)]
struct StoredRange {
    #[serde(skip_serializing_if = "Option::is_none")]
    lower: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    /// Last key of a listing of versions, if it is not `key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_key: Option<String>,
    /// Last version of that key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_version: Option<u64>,
    /// First key after `until`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
}

impl StoredRange {
    fn of(range: OpenRange, keeps_token: bool) -> Self {
        let OpenRange {
            lower,
            until,
            cursor,
            next,
        } = range;
        let key = cursor.as_ref().map(|cursor| cursor.key.clone());
        let (token, last) = cursor.map_or((None, None), |cursor| (cursor.token, cursor.last));
        let last_key = last.as_ref().map(|last| &last.key);
        Self {
            lower: lower.as_deref().map(encoded),
            until: until.as_deref().map(encoded),
            last_key: last_key
                .filter(|last| Some(*last) != key.as_ref())
                .map(|last| encoded(last)),
            last_version: last.and_then(|last| Some(last.versions.last()?.0)),
            key: key.as_deref().map(encoded),
            token: token.filter(|_| keeps_token),
            next: next.map(|next| next.0),
        }
    }

    fn read(self) -> OpenRange {
        let key = self.key.as_deref().map(decoded);
        let last_key = self.last_key.as_deref().map(decoded).or(key.clone());
        let last = last_key
            .zip(self.last_version)
            .map(|(key, version)| LastVersion {
                key,
                versions: vec![EntryHash(version)],
            });
        OpenRange {
            lower: self.lower.as_deref().map(decoded),
            until: self.until.as_deref().map(decoded),
            cursor: key.map(|key| Cursor {
                key,
                token: self.token,
                last,
            }),
            next: self.next.map(EntryHash),
        }
    }
}

impl ActiveListing {
    /// Encodes the listing.
    pub(super) fn checkpoint(&self) -> Result<Vec<u8>, MeasureError> {
        prefixes::state(self.totals.by_prefix.as_ref(), |by_prefix| {
            self.encode(by_prefix)
        })
    }

    fn encode(&self, by_prefix: Option<StoredPrefixSums>) -> Result<Vec<u8>, MeasureError> {
        let PlanCounts { pages, entries } = self.plan.counts();
        let is_ordered = self.seen.is_none();
        let keeps_token = !is_ordered || self.listing == Listing::Versions;
        let open = self.plan.open_ranges();
        let stored = StoredListing {
            version: VERSION,
            is_of_versions: self.listing == Listing::Versions,
            prefix: self.prefix.clone(),
            suffix: self.suffix.clone(),
            is_ordered,
            requests: self.requests,
            pages,
            entries,
            current: stored_totals(&self.totals.current),
            noncurrent: stored_totals(&self.totals.noncurrent),
            delete_markers: self.totals.delete_markers,
            by_prefix,
            seen: self
                .seen
                .iter()
                .flat_map(|seen| seen.last())
                .map(|entry| entry.0)
                .collect(),
            open: open
                .into_iter()
                .map(|range| StoredRange::of(range, keeps_token))
                .collect(),
        };
        serde_json::to_vec(&stored).map_err(|error| bad_checkpoint().caused_by(error))
    }

    /// Returns the listing of `target` that continues from `checkpoint`.
    ///
    /// # Errors
    ///
    /// `bad_checkpoint` if the checkpoint has another target, kind of listing or version.
    pub(super) fn resume(
        checkpoint: &[u8],
        target: &BucketTarget,
        listing: Listing,
    ) -> Result<Self, MeasureError> {
        let stored: StoredListing = serde_json::from_slice(checkpoint)
            .map_err(|error| bad_checkpoint().caused_by(error))?;
        let is_ours = stored.version == VERSION
            && stored.is_of_versions == (listing == Listing::Versions)
            && stored.prefix == target.prefix
            && stored.suffix == target.suffix;
        if !is_ours {
            return Err(bad_checkpoint());
        }
        let by_prefix = StoredPrefixSums::read(stored.by_prefix, target);
        let by_prefix = by_prefix.map_err(|()| bad_checkpoint())?;
        let open = stored.open.into_iter().map(StoredRange::read);
        let seen = stored.seen.into_iter().map(EntryHash);
        let seen = SeenEntries::after_pause(&seen.collect::<Vec<_>>());
        let counts = PlanCounts {
            pages: stored.pages,
            entries: stored.entries,
        };
        let prefix_bytes = target.prefix.len();
        let plan = Plan::resume(prefix_bytes, stored.is_ordered, open.collect(), counts);
        Ok(Self {
            listing,
            prefix: stored.prefix,
            suffix: stored.suffix,
            seen: (!stored.is_ordered).then(|| Arc::new(seen)),
            plan,
            totals: ListingTotals {
                current: read_totals(stored.current),
                noncurrent: read_totals(stored.noncurrent),
                delete_markers: stored.delete_markers,
                by_prefix,
            },
            requests: stored.requests,
        })
    }
}

/// Builds the error for a checkpoint that cannot be used. The next run starts without one.
fn bad_checkpoint() -> MeasureError {
    MeasureError::permanent(
        "bad_checkpoint",
        "the listing cannot continue from its checkpoint; the next run starts again",
    )
}

fn stored_totals(totals: &Totals) -> StoredTotals {
    let classes = totals.classes();
    classes
        .map(|(name, class)| (name.to_owned(), (class.bytes, class.objects)))
        .collect()
}

fn read_totals(stored: StoredTotals) -> Totals {
    let classes = stored.into_iter();
    classes
        .map(|(name, (bytes, objects))| (name, ClassTotals { bytes, objects }))
        .collect()
}

fn encoded(key: &[u8]) -> String {
    percent_encode(key, NON_ALPHANUMERIC).to_string()
}

fn decoded(text: &str) -> Key {
    percent_decode_str(text).collect()
}

#[cfg(test)]
mod tests {
    use s3_listing::MAX_RANGES;
    use shared::fleet::ByPrefix;

    use super::*;
    use crate::storage_size::tests::target;

    /// Counts of the checkpoints in these tests.
    const COUNTS: PlanCounts = PlanCounts {
        pages: 7,
        entries: 6_500,
    };

    fn active(listing: Listing, is_ordered: bool) -> ActiveListing {
        let seen = (!is_ordered).then(Arc::default);
        let mut active = ActiveListing::new(&target("a/", ".pdf"), listing, seen);
        let open = OpenRange {
            lower: Some(Key::from(&b"a/\x01\xff"[..])),
            until: Some(Key::from("a/é%".as_bytes())),
            cursor: Some(Cursor {
                key: Key::from(&b"a/b"[..]),
                token: Some("token".to_owned()),
                last: None,
            }),
            next: None,
        };
        active.plan = Plan::resume(2, is_ordered, vec![open], COUNTS);
        assert!(active.totals.current.add(Some(b"GLACIER"), 5));
        assert!(active.totals.noncurrent.add(None, 9));
        active.totals.delete_markers = 3;
        active.requests = 8;
        active
    }

    #[test]
    fn a_listing_continues_unchanged_except_for_tokens_of_ordered_objects() {
        for (listing, is_ordered, keeps_token) in [
            (Listing::Objects, true, false),
            (Listing::Objects, false, true),
            (Listing::Versions, true, true),
        ] {
            let before = active(listing, is_ordered);
            let checkpoint = before.checkpoint().unwrap();

            let after = ActiveListing::resume(&checkpoint, &target("a/", ".pdf"), listing).unwrap();

            assert_eq!(after.totals, before.totals);
            assert_eq!((after.requests, after.plan.counts()), (8, COUNTS));
            let mut expected = before.plan.open_ranges();
            if !keeps_token {
                expected[0].cursor.as_mut().unwrap().token = None;
            }
            assert_eq!(after.plan.open_ranges(), expected);
        }
    }

    #[test]
    fn sums_by_prefix_are_kept_or_given_up_where_they_do_not_fit() {
        let grouped = BucketTarget {
            by_prefix: Some(ByPrefix::Folders(1)),
            ..target("a/", "")
        };
        let mut numbers = synthetic_s3::Numbers(1);
        for (prefixes, fits) in [(1_000, true), (5_000, false)] {
            let mut before = ActiveListing::new(&grouped, Listing::Objects, None);
            let sums = before.totals.by_prefix.as_mut().unwrap();
            for _ in 0..prefixes {
                let name: String = (0..20)
                    .map(|_| format!("{:08x}", numbers.below(u32::MAX as usize)))
                    .collect();
                sums.add(format!("a/{name}/x").as_bytes(), true, 5);
            }

            let checkpoint = before.checkpoint().unwrap();
            let after = ActiveListing::resume(&checkpoint, &grouped, Listing::Objects).unwrap();

            let packed = shared::store::packed_bytes(&checkpoint).unwrap();
            assert!(
                packed < shared::store::ITEM_LIMIT_BYTES - 10_000,
                "{packed}"
            );
            assert_eq!(after.totals == before.totals, fits);
            let sums = after.totals.by_prefix.unwrap();
            assert_eq!(sums.has_too_many(), !fits);
        }
    }

    #[test]
    fn what_protects_from_counting_twice_is_kept() {
        let mut versions = active(Listing::Versions, true);
        let mut open = versions.plan.open_ranges();
        open[0].next = Some(EntryHash(3));
        open[0].cursor.as_mut().unwrap().last = Some(LastVersion {
            key: Key::from(&b"a/a"[..]),
            versions: vec![EntryHash(5), EntryHash(u64::MAX)],
        });
        versions.plan = Plan::resume(2, true, open.clone(), COUNTS);
        let mut unordered = active(Listing::Objects, false);
        let entries = [EntryHash(9), EntryHash(1), EntryHash(4)];
        Arc::make_mut(unordered.seen.as_mut().unwrap()).add_page(&entries);

        let resumed = |active: &ActiveListing| {
            let checkpoint = active.checkpoint().unwrap();
            ActiveListing::resume(&checkpoint, &target("a/", ".pdf"), active.listing).unwrap()
        };
        let versions = resumed(&versions);
        let unordered = resumed(&unordered);

        let last = &mut open[0].cursor.as_mut().unwrap().last;
        last.as_mut().unwrap().versions.remove(0);
        assert_eq!(versions.plan.open_ranges(), open);
        let seen: Vec<_> = unordered.seen.unwrap().last().collect();
        assert_eq!(seen, entries);
    }

    /// Checkpoints of version 1, as they are stored already. These files never change.
    const GOLDEN: [(&str, Listing, bool); 3] = [
        (
            include_str!("checkpoint/objects-v1.json"),
            Listing::Objects,
            true,
        ),
        (
            include_str!("checkpoint/unordered-v1.json"),
            Listing::Objects,
            false,
        ),
        (
            include_str!("checkpoint/versions-v1.json"),
            Listing::Versions,
            true,
        ),
    ];

    #[test]
    fn version_1_is_written_and_read_unchanged() {
        for (golden, listing, is_ordered) in GOLDEN {
            let before = active(listing, is_ordered);
            let json = |text: &[u8]| serde_json::from_slice::<serde_json::Value>(text).unwrap();
            assert_eq!(
                json(&before.checkpoint().unwrap()),
                json(golden.as_bytes()),
                "{listing:?}"
            );

            let after =
                ActiveListing::resume(golden.as_bytes(), &target("a/", ".pdf"), listing).unwrap();

            assert_eq!(
                (after.totals, after.requests, after.plan.counts()),
                (before.totals, 8, COUNTS)
            );
            let mut open = before.plan.open_ranges();
            if listing == Listing::Objects && is_ordered {
                open[0].cursor.as_mut().unwrap().token = None;
            }
            assert_eq!(after.plan.open_ranges(), open);
        }
    }

    #[test]
    fn a_checkpoint_of_another_listing_is_rejected() {
        let checkpoint = active(Listing::Objects, true).checkpoint().unwrap();

        for (prefix, suffix, listing) in [
            ("b/", ".pdf", Listing::Objects),
            ("a/", "", Listing::Objects),
            ("a/", ".pdf", Listing::Versions),
        ] {
            let error =
                ActiveListing::resume(&checkpoint, &target(prefix, suffix), listing).unwrap_err();
            assert_eq!(error.code, "bad_checkpoint");
        }
        let newer = String::from_utf8(checkpoint)
            .unwrap()
            .replace("\"version\":1", "\"version\":2");
        let target = target("a/", ".pdf");
        let error = ActiveListing::resume(newer.as_bytes(), &target, Listing::Objects).unwrap_err();
        assert_eq!(error.code, "bad_checkpoint");
    }

    /// All ranges have keys of the maximum length and of random characters, which hardly compress.
    #[test]
    fn the_longest_checkpoint_fits_into_one_item() {
        let mut numbers = synthetic_s3::Numbers(1);
        let mut key = || {
            let symbols = (0..341).map(|_| {
                let code = 0x4E00 + u32::try_from(numbers.below(20_000)).unwrap();
                char::from_u32(code).unwrap()
            });
            Key::from(symbols.collect::<String>().as_bytes())
        };
        let mut lower = key();
        let open: Vec<_> = (0..MAX_RANGES as u64)
            .map(|number| {
                let until = key();
                let position = key();
                OpenRange {
                    lower: Some(std::mem::replace(&mut lower, until.clone())),
                    until: Some(until),
                    cursor: Some(Cursor {
                        key: position,
                        token: None,
                        last: None,
                    }),
                    next: Some(EntryHash(u64::MAX - number)),
                }
            })
            .collect();
        let mut active = active(Listing::Objects, true);
        active.plan = Plan::resume(0, true, open, PlanCounts::default());

        let checkpoint = active.checkpoint().unwrap();

        let packed = shared::store::packed_bytes(&checkpoint).unwrap();
        assert!(
            packed < shared::store::ITEM_LIMIT_BYTES - 10_000,
            "{packed}"
        );
    }
}
