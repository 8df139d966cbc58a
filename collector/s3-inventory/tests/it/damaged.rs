//! Damaged files: an error or the same sums, never others, and never a panic.

use s3_inventory::{InventoryError, Query, Sums};

use crate::reading;
use crate::reports::{by_prefix, names, report};

/// Numbers for a test: the same ones each time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }
}

#[test]
fn a_truncated_file_is_an_error() {
    for name in names() {
        let (manifest, files) = report(&name);
        let step = files[0].len() / 60;
        for length in (0..files[0].len()).step_by(step.max(1)) {
            let mut files = files.clone();
            files[0].truncate(length);

            let summed = reading::report(&manifest, &files, &by_prefix(1));

            assert!(summed.is_err(), "{name} of {length} bytes: {summed:?}");
        }
    }
}

#[test]
fn bytes_that_were_changed_never_panic_and_checksums_find_them() {
    let mut random = Random(0x2026_1128);
    for name in names() {
        let (manifest, files) = report(&name);
        let (whole, _) = reading::report(&manifest, &files, &Query::default()).unwrap();
        for _ in 0..400 {
            let mut files = files.clone();
            let position = random.below(files[0].len());
            files[0][position] ^= 1 << random.below(8);

            let summed = reading::report(&manifest, &files, &by_prefix(1));

            let has_checksums = ["csv", "arrow-gzip-checksums"].contains(&name.as_str());
            if has_checksums && let Ok((sums, _)) = summed {
                assert_same_objects(&name, position, &sums, &whole);
            }
        }
    }
}

/// Checksums cover the pages, so an accepted change is in the metadata, where it cannot change how many objects there are.
fn assert_same_objects(name: &str, position: usize, sums: &Sums, whole: &Sums) {
    let objects = |sums: &Sums| -> u64 {
        let classes = sums.classes();
        let objects = classes.map(|(_, current, noncurrent)| current.objects + noncurrent.objects);
        objects.sum::<u64>() + sums.delete_markers()
    };
    assert_eq!(
        objects(sums),
        objects(whole),
        "{name} changed at {position}"
    );
}

#[test]
fn a_csv_file_that_is_not_the_manifest_s_is_an_error() {
    let (manifest, files) = report("csv");
    let other = &files[1];

    let summed = reading::csv(
        &manifest,
        other,
        &manifest.files[0].md5,
        100,
        &Query::default(),
    );

    let Err(InventoryError::Damaged(reason)) = summed else {
        panic!("{summed:?}");
    };
    assert!(reason.contains("checksum"), "{reason}");
}

#[test]
fn a_csv_file_is_the_same_in_pieces_of_any_length() {
    let (manifest, files) = report("csv");
    let md5 = &manifest.files[0].md5;
    let sums = |piece| {
        let query = Query::default();
        let summed = reading::csv(&manifest, &files[0], md5, piece, &query);
        summed.unwrap().0
    };

    let whole = sums(usize::MAX);

    for piece in [1, 2, 3, 64, 1_000] {
        assert_eq!(sums(piece), whole, "{piece}");
    }
}
