//! A listing between two of its parts, as bytes: what is left of it and what was counted so far.
//!
//! It belongs to one target and one way of listing; the state of another is refused. Its size is bounded by the
//! number of ranges, whatever the bucket's size is. The tokens of pages are left out where a listing is in order:
//! the last key says the same for ever.

use std::collections::BTreeMap;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use serde::{Deserialize, Serialize};
use shared::fleet::BucketTarget;

use super::Work;
use crate::error::MeasureError;
use s3_listing::ranges::{Cursor, Key, OpenRange, Plan};
use s3_listing::scan::Listing;
use s3_listing::totals::{ClassTotals, Sums, Tally};

/// The version that is written; a run whose state has another one starts again.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct StoredWork {
    version: u32,
    is_of_versions: bool,
    prefix: String,
    suffix: String,
    is_ordered: bool,
    requests: u64,
    pages: u64,
    entries: u64,
    current: StoredTally,
    noncurrent: StoredTally,
    delete_markers: u64,
    open: Vec<StoredRange>,
}

/// Bytes and objects by storage class.
type StoredTally = BTreeMap<String, (u64, u64)>;

/// Keys are percent-encoded: not every key is text that JSON can hold.
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
}

impl Work {
    /// Returns its state.
    pub(super) fn state(&self) -> Result<Vec<u8>, MeasureError> {
        let (pages, entries) = self.plan.seen();
        let keeps_token = !self.is_ordered || self.listing == Listing::Versions;
        let open = self.plan.open();
        let stored = StoredWork {
            version: VERSION,
            is_of_versions: self.listing == Listing::Versions,
            prefix: self.prefix.clone(),
            suffix: self.suffix.clone(),
            is_ordered: self.is_ordered,
            requests: self.requests,
            pages,
            entries,
            current: stored_tally(&self.sums.current),
            noncurrent: stored_tally(&self.sums.noncurrent),
            delete_markers: self.sums.delete_markers,
            open: open
                .into_iter()
                .map(|range| StoredRange {
                    lower: range.lower.as_deref().map(encoded),
                    until: range.until.as_deref().map(encoded),
                    key: range.cursor.as_ref().map(|cursor| encoded(&cursor.key)),
                    token: range
                        .cursor
                        .and_then(|cursor| cursor.token)
                        .filter(|_| keeps_token),
                })
                .collect(),
        };
        serde_json::to_vec(&stored).map_err(|error| bad_checkpoint().caused_by(error))
    }

    /// Returns the listing of `target` that goes on from `state`.
    ///
    /// # Errors
    ///
    /// `bad_checkpoint` when the state is not of this target, this way of listing and this form.
    pub(super) fn of(
        state: &[u8],
        target: &BucketTarget,
        listing: Listing,
    ) -> Result<Self, MeasureError> {
        let stored: StoredWork =
            serde_json::from_slice(state).map_err(|error| bad_checkpoint().caused_by(error))?;
        let is_ours = stored.version == VERSION
            && stored.is_of_versions == (listing == Listing::Versions)
            && stored.prefix == target.prefix
            && stored.suffix == target.suffix;
        if !is_ours {
            return Err(bad_checkpoint());
        }
        let open = stored.open.into_iter().map(|range| OpenRange {
            lower: range.lower.as_deref().map(decoded),
            until: range.until.as_deref().map(decoded),
            cursor: range.key.as_deref().map(|key| Cursor {
                key: decoded(key),
                token: range.token,
            }),
        });
        let seen = (stored.pages, stored.entries);
        let plan = Plan::resume(target.prefix.len(), stored.is_ordered, open.collect(), seen);
        Ok(Self {
            listing,
            prefix: stored.prefix,
            suffix: stored.suffix,
            is_ordered: stored.is_ordered,
            plan,
            sums: Sums {
                current: read_tally(stored.current),
                noncurrent: read_tally(stored.noncurrent),
                delete_markers: stored.delete_markers,
            },
            requests: stored.requests,
        })
    }
}

/// It passes by itself: what cannot be gone on from is started again.
fn bad_checkpoint() -> MeasureError {
    MeasureError::permanent(
        "bad_checkpoint",
        "the listing cannot go on from its checkpoint; the next run starts again",
    )
}

fn stored_tally(tally: &Tally) -> StoredTally {
    let classes = tally.classes();
    classes
        .map(|(name, size)| (name.to_owned(), (size.bytes, size.objects)))
        .collect()
}

fn read_tally(stored: StoredTally) -> Tally {
    Tally::of(
        stored
            .into_iter()
            .map(|(name, (bytes, objects))| (name, ClassTotals { bytes, objects })),
    )
}

fn encoded(key: &[u8]) -> String {
    percent_encode(key, NON_ALPHANUMERIC).to_string()
}

fn decoded(text: &str) -> Key {
    percent_decode_str(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage_size::tests::target;

    fn work(listing: Listing, is_ordered: bool) -> Work {
        let mut work = Work::new(&target("a/", ".pdf"), listing, is_ordered);
        let open = OpenRange {
            lower: Some(Key::from(&b"a/\x01\xff"[..])),
            until: Some(Key::from("a/é%".as_bytes())),
            cursor: Some(Cursor {
                key: Key::from(&b"a/b"[..]),
                token: Some("token".to_owned()),
            }),
        };
        work.plan = Plan::resume(2, is_ordered, vec![open], (7, 6_500));
        assert!(work.sums.current.add(Some(b"GLACIER"), 5));
        assert!(work.sums.noncurrent.add(None, 9));
        work.sums.delete_markers = 3;
        work.requests = 8;
        work
    }

    #[test]
    fn a_listing_goes_on_as_it_was_without_the_tokens_of_pages() {
        for (listing, is_ordered, keeps_token) in [
            (Listing::Objects, true, false),
            (Listing::Objects, false, true),
            (Listing::Versions, true, true),
        ] {
            let before = work(listing, is_ordered);

            let after = Work::of(&before.state().unwrap(), &target("a/", ".pdf"), listing).unwrap();

            assert_eq!(after.sums, before.sums);
            assert_eq!((after.requests, after.plan.seen()), (8, (7, 6_500)));
            let mut expected = before.plan.open();
            if !keeps_token {
                expected[0].cursor.as_mut().unwrap().token = None;
            }
            assert_eq!(after.plan.open(), expected);
        }
    }

    /// The states of version 1 that are in stores already. Their files are never changed.
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
    fn the_first_form_is_what_is_written_and_goes_on_as_it_was() {
        for (golden, listing, is_ordered) in GOLDEN {
            let before = work(listing, is_ordered);
            let json = |text: &[u8]| serde_json::from_slice::<serde_json::Value>(text).unwrap();
            assert_eq!(
                json(&before.state().unwrap()),
                json(golden.as_bytes()),
                "{listing:?}"
            );

            let after = Work::of(golden.as_bytes(), &target("a/", ".pdf"), listing).unwrap();

            assert_eq!(
                (after.sums, after.requests, after.plan.seen()),
                (before.sums, 8, (7, 6_500))
            );
            let mut open = before.plan.open();
            if listing == Listing::Objects && is_ordered {
                open[0].cursor.as_mut().unwrap().token = None;
            }
            assert_eq!(after.plan.open(), open);
        }
    }

    #[test]
    fn the_state_of_something_else_is_refused() {
        let state = work(Listing::Objects, true).state().unwrap();

        for (prefix, suffix, listing) in [
            ("b/", ".pdf", Listing::Objects),
            ("a/", "", Listing::Objects),
            ("a/", ".pdf", Listing::Versions),
        ] {
            let error = Work::of(&state, &target(prefix, suffix), listing).unwrap_err();
            assert_eq!(error.code, "bad_checkpoint");
        }
        let newer = String::from_utf8(state)
            .unwrap()
            .replace("\"version\":1", "\"version\":2");
        let error =
            Work::of(newer.as_bytes(), &target("a/", ".pdf"), Listing::Objects).unwrap_err();
        assert_eq!(error.code, "bad_checkpoint");
    }

    /// 128 ranges of the longest keys there are, of random characters: the state fits into one item.
    #[test]
    fn the_longest_state_fits_into_one_item() {
        let mut numbers = synthetic_s3::Numbers(1);
        let mut key = || {
            let symbols = (0..341).map(|_| {
                let code = 0x4E00 + u32::try_from(numbers.below(20_000)).unwrap();
                char::from_u32(code).unwrap()
            });
            Key::from(symbols.collect::<String>().as_bytes())
        };
        let mut lower = key();
        let open: Vec<_> = (0..s3_listing::ranges::MAX_RANGES)
            .map(|_| {
                let until = key();
                let position = key();
                OpenRange {
                    lower: Some(std::mem::replace(&mut lower, until.clone())),
                    until: Some(until),
                    cursor: Some(Cursor {
                        key: position,
                        token: None,
                    }),
                }
            })
            .collect();
        let mut work = work(Listing::Objects, true);
        work.plan = Plan::resume(0, true, open, (0, 0));

        let state = work.state().unwrap();

        let packed = shared::store::packed_bytes(&state).unwrap();
        assert!(
            packed < shared::store::ITEM_LIMIT_BYTES - 10_000,
            "{packed}"
        );
    }
}
