//! Creates the demo's bucket folders: files with plausible names and sizes, and documents of constants.
//!
//! The files are sparse, so they take nearly no space on the disk.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;

use anyhow::Context;

use super::environments::{DemoEnvironment, ENVIRONMENTS};
use super::random::Random;

/// Bucket with a folder of configuration documents for each environment.
pub(super) const CONFIGURATION_BUCKET: &str = "fleet-config";

const METADATA: &str = include_str!("buckets/metadata.json");
const M2EE_PROD: &str = include_str!("buckets/m2ee-prod.yaml");
const M2EE_TEST: &str = include_str!("buckets/m2ee-test.yaml");
const MENDIX_APP: &str = include_str!("buckets/mendixapp.yaml");
const SETTINGS: &str = include_str!("buckets/settings.json");

/// Files of one kind in one folder.
#[derive(Debug)]
struct Files {
    /// Path of the folder, starting with the bucket.
    folder: &'static str,
    /// Suffix of the names.
    ending: &'static str,
    count: u64,
    /// Range of the sizes.
    bytes: Range<u64>,
}

const FILES: &[Files] = &[
    files("acme-prod-files/invoices/2025", ".pdf", 120, INVOICE_BYTES),
    files("acme-prod-files/invoices/2026", ".pdf", 80, INVOICE_BYTES),
    files("acme-prod-files/images", ".jpg", 60, IMAGE_BYTES),
    files("acme-prod-files/backups", ".backup", 7, BACKUP_BYTES),
    files("shared-files/acme-test/invoices", ".pdf", 20, INVOICE_BYTES),
    files("shared-files/acme-test/images", ".png", 8, IMAGE_BYTES),
    files(
        "shared-files/globex-prod/invoices",
        ".pdf",
        90,
        INVOICE_BYTES,
    ),
    files("shared-files/globex-prod/images", ".jpg", 25, IMAGE_BYTES),
    files(
        "shared-files/globex-prod/backups",
        ".backup",
        4,
        BACKUP_BYTES,
    ),
    files(
        "shared-files/globex-test/invoices",
        ".pdf",
        12,
        INVOICE_BYTES,
    ),
    // Keys of an older set-up, which only their suffixes distinguish.
    files("shared-files/archive", ".globex", 30, INVOICE_BYTES),
    files("shared-files/archive", ".acme", 30, INVOICE_BYTES),
];

/// Size of an invoice.
pub(super) const INVOICE_BYTES: Range<u64> = 20_000..400_000;
/// Size of a photograph.
pub(super) const IMAGE_BYTES: Range<u64> = 150_000..3_000_000;
/// Size of a nightly backup.
const BACKUP_BYTES: Range<u64> = 40_000_000..60_000_000;
/// Path of one file that is much larger than all others.
const LARGE_FILE: &str = "acme-prod-files/backups/full.backup";
const LARGE_FILE_BYTES: u64 = 1_337_000_000;

const fn files(folder: &'static str, ending: &'static str, count: u64, bytes: Range<u64>) -> Files {
    Files {
        folder,
        ending,
        count,
        bytes,
    }
}

/// Creates the bucket folders in `root` unless they exist. Later changes to their files are kept.
pub(super) fn prepare(root: &Path) -> anyhow::Result<()> {
    if root.exists() {
        // A newer version may have more documents than the version that created the folders.
        let written = ENVIRONMENTS
            .iter()
            .try_for_each(|each| write_documents(root, each));
        return written.with_context(|| format!("could not write documents in {}", root.display()));
    }
    let unfinished = root.with_extension("unfinished");
    create(root, &unfinished)
        .with_context(|| format!("could not create the bucket folders in {}", root.display()))
}

fn create(root: &Path, unfinished: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut random = Random::seeded(42);
    for files in FILES {
        let folder = unfinished.join(files.folder);
        std::fs::create_dir_all(&folder)?;
        for number in 1..=files.count {
            let length = random.in_range(&files.bytes);
            // Mendix names a stored file with a UUID.
            let (high, low) = (random.next() >> 16, random.next());
            let name = format!("{high:012x}-{low:016x}-{number:04}{}", files.ending);
            File::create(folder.join(name))?.set_len(length)?;
        }
    }
    File::create(unfinished.join(LARGE_FILE))?.set_len(LARGE_FILE_BYTES)?;
    for environment in &ENVIRONMENTS {
        write_documents(unfinished, environment)?;
    }
    // Only complete folders have this name.
    std::fs::rename(unfinished, root)
}

/// Writes missing documents of constants. Existing ones are kept.
fn write_documents(root: &Path, environment: &DemoEnvironment) -> io::Result<()> {
    let folder = root.join(CONFIGURATION_BUCKET).join(environment.name);
    std::fs::create_dir_all(&folder)?;
    let filled = |text: &str| {
        text.replace("{{environment}}", environment.name)
            .replace("{{domain}}", environment.domain)
            .replace("{{model_version}}", environment.model_version)
    };
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        if path.exists() {
            return Ok(());
        }
        std::fs::write(path, bytes)
    };
    let is_test = environment.name.ends_with("-test");
    let m2ee = if is_test { M2EE_TEST } else { M2EE_PROD };
    write("metadata.json", filled(METADATA).as_bytes())?;
    for name in environment.layers {
        let text = match *name {
            "mendixapp.yaml" => MENDIX_APP,
            "settings.json" => SETTINGS,
            _ => m2ee,
        };
        write(name, filled(text).as_bytes())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_created_once_and_changes_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("buckets");

        prepare(&root).unwrap();
        let mine = root.join("acme-prod-files/mine.txt");
        std::fs::write(&mine, "kept").unwrap();
        std::fs::remove_dir_all(root.join("shared-files")).unwrap();
        prepare(&root).unwrap();

        assert!(mine.exists());
        assert!(!root.join("shared-files").exists());
        assert!(!root.with_extension("unfinished").exists());
    }

    #[test]
    fn the_model_is_json_with_text_values_and_no_placeholder_left() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("buckets");
        prepare(&root).unwrap();

        for environment in &ENVIRONMENTS {
            let documents = root.join(CONFIGURATION_BUCKET).join(environment.name);
            let model = std::fs::read_to_string(documents.join("metadata.json")).unwrap();
            let layer = std::fs::read_to_string(documents.join("m2ee.yaml")).unwrap();
            let model_value: serde_json::Value = serde_json::from_str(&model).unwrap();

            assert!(!model.contains("{{") && !layer.contains("{{"));
            assert!(layer.contains("NEVERLEAK"));
            let constants = model_value["Constants"].as_array().unwrap();
            assert_eq!(constants.len(), 17);
            assert!(
                constants
                    .iter()
                    .all(|constant| constant["DefaultValue"].is_string())
            );
        }
    }
}
