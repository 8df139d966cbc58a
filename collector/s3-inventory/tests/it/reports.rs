//! Reports by several writers: every one has the sums that a plain loop over the rows has.
//!
//! `tests/reports/generate.py` wrote them.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use s3_inventory::{Grouping, LargestPrefixes, Manifest, PrefixSums, Query, Sums};
use serde::Deserialize;

use crate::reading;

/// Bytes and objects.
type Pair = (u128, u64);

#[derive(Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct Expected {
    classes: BTreeMap<String, Both>,
    prefixes: BTreeMap<String, Both>,
    delete_markers: u64,
}

#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Eq)]
struct Both {
    current: Pair,
    noncurrent: Pair,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/reports")
}

pub(crate) fn expected() -> Expected {
    let text = fs::read_to_string(folder().join("expected.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// A report: its manifest and its files.
pub(crate) fn report(name: &str) -> (Manifest, Vec<Vec<u8>>) {
    let folder = folder().join(name);
    let checksum = fs::read_to_string(folder.join("manifest.checksum")).unwrap();
    let manifest = fs::read(folder.join("manifest.json")).unwrap();
    let manifest = Manifest::parse(&manifest, &checksum).unwrap();
    let read = |file: &s3_inventory::File| fs::read(folder.join(&file.key)).unwrap();
    let files = manifest.files.iter().map(read).collect();
    (manifest, files)
}

/// Names of all reports.
pub(crate) fn names() -> Vec<String> {
    let folders = fs::read_dir(folder()).unwrap().map(Result::unwrap);
    let folders = folders.filter(|entry| entry.path().is_dir());
    let mut names: Vec<_> = folders
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(names.len() > 6, "reports are missing: {names:?}");
    names
}

pub(crate) fn by_prefix(depth: u32) -> Query {
    Query {
        by_prefix: Some(Grouping::Folders {
            below: String::new(),
            depth,
        }),
        ..Query::default()
    }
}

pub(crate) fn found(sums: &Sums, prefixes: Option<PrefixSums>) -> Expected {
    let classes = sums.classes().map(|(name, current, noncurrent)| {
        let both = Both {
            current: (current.bytes, current.objects),
            noncurrent: (noncurrent.bytes, noncurrent.objects),
        };
        (name.to_owned(), both)
    });
    let classes = classes.collect();
    let largest = prefixes.map(|prefixes| prefixes.largest(1_000).unwrap());
    Expected {
        classes,
        prefixes: largest.map(by_name).unwrap_or_default(),
        delete_markers: sums.delete_markers(),
    }
}

fn by_name(largest: LargestPrefixes) -> BTreeMap<String, Both> {
    assert_eq!(largest.other, s3_inventory::PrefixSum::default());
    let both = |sum: s3_inventory::PrefixSum| Both {
        current: (sum.current.bytes, sum.current.objects),
        noncurrent: (sum.noncurrent.bytes, sum.noncurrent.objects),
    };
    let prefixes = largest.prefixes.into_iter();
    prefixes.map(|(name, sum)| (name, both(sum))).collect()
}

#[test]
fn every_writer_s_report_has_the_sums_of_its_rows() {
    for name in names() {
        let (manifest, files) = report(&name);

        let (sums, prefixes) = reading::report(&manifest, &files, &by_prefix(1)).unwrap();

        assert_eq!(found(&sums, prefixes), expected(), "{name}");
    }
}

#[test]
fn without_keys_the_sums_by_class_are_the_same() {
    for name in names() {
        let (manifest, files) = report(&name);

        let (sums, _) = reading::report(&manifest, &files, &Query::default()).unwrap();

        let found = found(&sums, None);
        assert_eq!(found.classes, expected().classes, "{name}");
        assert_eq!(found.delete_markers, expected().delete_markers, "{name}");
    }
}

#[test]
fn a_prefix_and_a_suffix_select_rows_and_parts_add_up_to_the_whole() {
    let (total, markers) = {
        let (manifest, files) = report("arrow-snappy");
        let (sums, _) = reading::report(&manifest, &files, &Query::default()).unwrap();
        (bytes(&sums), sums.delete_markers())
    };
    for name in names() {
        let (manifest, files) = report(&name);
        let mut parts = (0, 0);
        for suffix in [".pdf", ".png"] {
            let query = Query {
                suffix: suffix.to_owned(),
                ..Query::default()
            };
            let (sums, _) = reading::report(&manifest, &files, &query).unwrap();
            parts = (parts.0 + bytes(&sums), parts.1 + sums.delete_markers());
        }
        let tenant = Query {
            prefix: "tenant é/".to_owned(),
            ..Query::default()
        };
        let (sums, _) = reading::report(&manifest, &files, &tenant).unwrap();

        assert_eq!(parts, (total, markers), "{name}");
        let expected = expected().prefixes["tenant é/"];
        assert_eq!(
            bytes(&sums),
            expected.current.0 + expected.noncurrent.0,
            "{name}"
        );
    }
}

#[test]
fn a_list_of_prefixes_takes_the_longest_and_leaves_the_rest_to_other() {
    let (manifest, files) = report("duckdb");
    let list = ["a/", "a/b/", "nobody/"].map(str::to_owned).to_vec();
    let query = Query {
        by_prefix: Some(Grouping::List(list)),
        ..Query::default()
    };

    let (sums, prefixes) = reading::report(&manifest, &files, &query).unwrap();

    let largest = prefixes.unwrap().largest(1_000).unwrap();
    let of = |sum: s3_inventory::PrefixSum| sum.current.bytes + sum.noncurrent.bytes;
    let names: Vec<_> = largest
        .prefixes
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(names, ["a/b/", "a/", "nobody/"]);
    let parts: u128 = largest.prefixes.iter().map(|(_, sum)| of(*sum)).sum();
    let a = expected().prefixes["a/"];
    assert_eq!(parts, a.current.0 + a.noncurrent.0);
    assert_eq!(parts + of(largest.other), bytes(&sums));
}

#[test]
fn more_prefixes_than_wanted_are_in_other_smallest_first() {
    let (manifest, files) = report("csv");

    let (sums, prefixes) = reading::report(&manifest, &files, &by_prefix(1)).unwrap();

    let largest = prefixes.unwrap().largest(2).unwrap();
    let of = |sum: &s3_inventory::PrefixSum| sum.current.bytes + sum.noncurrent.bytes;
    let kept: Vec<u128> = largest.prefixes.iter().map(|(_, sum)| of(sum)).collect();
    assert_eq!(kept.len(), 2);
    assert!(kept.is_sorted_by(|one, two| one >= two), "{kept:?}");
    assert_eq!(kept.iter().sum::<u128>() + of(&largest.other), bytes(&sums));
}

fn bytes(sums: &Sums) -> u128 {
    let classes = sums.classes();
    classes
        .map(|(_, current, noncurrent)| current.bytes + noncurrent.bytes)
        .sum()
}
