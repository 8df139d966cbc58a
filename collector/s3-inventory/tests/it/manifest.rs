//! Manifests: what is read, and what is refused by name.

use md5::{Digest, Md5};
use s3_inventory::{Format, InventoryError, Manifest};
use serde_json::{Value, json};

use crate::reports::report;

fn parse(manifest: &Value) -> Result<Manifest, InventoryError> {
    let text = manifest.to_string();
    let checksum: String = Md5::digest(&text)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Manifest::parse(text.as_bytes(), &format!("{checksum}\n"))
}

fn manifest() -> Value {
    json!({
        "sourceBucket": "acme-prod-files",
        "destinationBucket": "arn:aws:s3:::inventories",
        "version": "2016-11-30",
        "creationTimestamp": "1796000000000",
        "fileFormat": "Parquet",
        "fileSchema": "message s3.inventory { required binary bucket (UTF8); }",
        "files": [{"key": "daily/data/1.parquet", "size": 7, "MD5checksum": "f11166069f1990abeb9c97ace9cdfabc"}],
    })
}

#[test]
fn a_manifest_says_which_files_there_are_and_when_the_scan_started() {
    let parsed = parse(&manifest()).unwrap();

    assert_eq!(parsed.source_bucket, "acme-prod-files");
    assert_eq!(parsed.destination_bucket, "inventories");
    assert_eq!(parsed.scan_started_at_ms, 1_796_000_000_000);
    assert_eq!(parsed.format, Format::Parquet);
    assert_eq!(parsed.files[0].size, 7);
    assert_eq!(report("csv").0.format, Format::Csv);
    assert!(!parsed.has_versions());
    assert!(report("csv").0.has_versions() && report("duckdb").0.has_versions());
}

#[test]
fn a_manifest_that_differs_from_its_checksum_is_refused() {
    let refused = Manifest::parse(b"{}", "d41d8cd98f00b204e9800998ecf8427e");

    assert!(
        matches!(refused, Err(InventoryError::Damaged(_))),
        "{refused:?}"
    );
}

#[test]
fn a_format_that_is_not_read_is_named() {
    let mut orc = manifest();
    orc["fileFormat"] = json!("ORC");

    let Err(InventoryError::Unsupported(reason)) = parse(&orc) else {
        panic!("ORC was accepted");
    };

    assert!(reason.contains("ORC"), "{reason}");
}

#[test]
fn a_malformed_manifest_is_refused() {
    for (field, value) in [
        ("creationTimestamp", json!("yesterday")),
        ("files", json!([{"key": "daily/data/1.parquet"}])),
        ("files", json!(null)),
    ] {
        let mut malformed = manifest();
        malformed[field] = value;

        let refused = parse(&malformed);

        assert!(
            matches!(refused, Err(InventoryError::Damaged(_))),
            "{field}: {refused:?}"
        );
    }
}
