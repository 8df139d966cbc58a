//! Prints a size as a table: all measured parts, and the reasons for missing ones.

use shared::fleet::{BucketTarget, StorageKind};
use shared::snapshot::StorageMetrics;
use shared::snapshot::bucket_size::{Objects, ResourceSize, Uploads};
use shared::snapshot::{BucketSize, Measurement};

use crate::commands::format::{count, size, table};

/// Printed instead of a number that does not exist.
const NONE: &str = "-";

/// Returns the target in the form of the command line.
pub(super) fn name(target: &BucketTarget) -> String {
    let (kind, bucket) = (target.kind.as_str(), &target.bucket);
    match target.kind {
        StorageKind::S3 => format!("{kind}://{bucket}/{}", target.prefix),
        _ => format!("{kind}://{bucket}"),
    }
}

/// Returns the text to print, with a final newline.
pub(super) fn text(target: &BucketTarget, measured: &BucketSize) -> String {
    let suffix = if target.suffix.is_empty() {
        String::new()
    } else {
        format!(", keys ending in {}", target.suffix)
    };
    let completeness = measured.completeness().as_str();
    let mut text = format!("{}{suffix}: {completeness}\n", name(target));
    text.push_str(&table(&rows(measured), 2));
    for missing in &measured.unmeasured {
        let part = missing.part.as_str();
        text.push_str(&format!(
            "{part}: not measured, {} ({})\n",
            missing.reason, missing.code
        ));
    }
    text
}

fn rows(measured: &BucketSize) -> Vec<Vec<String>> {
    let mut rows = vec![row("part", "class", "count", "size")];
    if let Some(current) = &measured.current {
        add_objects(&mut rows, "current", current);
    }
    if let Some(noncurrent) = &measured.noncurrent {
        add_objects(&mut rows, "noncurrent", noncurrent);
    }
    if let Some(markers) = measured.delete_markers {
        rows.push(row("delete_markers", "total", &count(markers), NONE));
    }
    if let Some(uploads) = &measured.multipart {
        add_uploads(&mut rows, uploads);
    }
    if let Some(metrics) = &measured.cloudwatch {
        add_metrics(&mut rows, metrics);
    }
    if let Some(resource) = &measured.resource {
        add_resource(&mut rows, resource);
    }
    rows
}

fn row(part: &str, class: &str, count: &str, size: &str) -> Vec<String> {
    [part, class, count, size].map(str::to_owned).to_vec()
}

fn add_objects(rows: &mut Vec<Vec<String>>, part: &str, objects: &Objects) {
    for (name, class) in &objects.by_storage_class {
        let (number, bytes) = (count(class.object_count), size(class.total_bytes));
        rows.push(row(part, name, &number, &bytes));
    }
    let (number, bytes) = (count(objects.object_count), size(objects.total_bytes));
    rows.push(row(part, "total", &number, &bytes));
}

fn add_uploads(rows: &mut Vec<Vec<String>>, uploads: &Uploads) {
    for (name, bytes) in &uploads.by_storage_class {
        rows.push(row("multipart", name, NONE, &size(*bytes)));
    }
    let oldest = uploads.oldest_initiated_at;
    let oldest = oldest.map(|at| format!(", oldest from {}", at.format("%Y-%m-%d")));
    let number = format!(
        "uploads {}, parts {}{}",
        count(uploads.upload_count),
        count(uploads.part_count),
        oldest.unwrap_or_default()
    );
    rows.push(row(
        "multipart",
        "total",
        &number,
        &size(uploads.total_bytes),
    ));
}

fn add_metrics(rows: &mut Vec<Vec<String>>, metrics: &StorageMetrics) {
    let part = format!("cloudwatch {}", metrics.as_of.format("%Y-%m-%d"));
    for (name, bytes) in &metrics.by_storage_type {
        rows.push(row(&part, name, NONE, &size(*bytes)));
    }
    let number = metrics.object_count.map_or(NONE.to_owned(), count);
    rows.push(row(&part, "total", &number, &size(metrics.total_bytes)));
}

fn add_resource(rows: &mut Vec<Vec<String>>, resource: &ResourceSize) {
    let (used, provisioned) = (resource.used_bytes, resource.provisioned_bytes);
    let part = if used.is_some() {
        "used"
    } else {
        "provisioned"
    };
    for (name, bytes) in &resource.by_storage_class {
        rows.push(row(part, name, NONE, &size(*bytes)));
    }
    let number = resource.item_count.map_or(NONE.to_owned(), count);
    for (part, bytes) in [("used", used), ("provisioned", provisioned)] {
        if let Some(bytes) = bytes {
            let number = if part == "used" { &number } else { NONE };
            rows.push(row(part, "total", number, &size(bytes)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use shared::snapshot::bucket_size::{Method, Part, Unmeasured};
    use shared::testing::time::at;

    use super::*;

    #[test]
    fn every_measured_part_has_rows_and_every_missing_part_a_reason() {
        let target = BucketTarget {
            suffix: ".pdf".into(),
            ..BucketTarget::whole("a", "files")
        };
        let mut measured = BucketSize::empty(Method::Listing);
        measured.add("STANDARD", 1024);
        let mut noncurrent = Objects::default();
        noncurrent.add("GLACIER", 7);
        measured.noncurrent = Some(noncurrent);
        measured.delete_markers = Some(3);
        measured.multipart = Some(Uploads {
            upload_count: 1,
            part_count: 2,
            total_bytes: 100,
            by_storage_class: BTreeMap::new(),
            oldest_initiated_at: Some(at("2026-01-02T03:04:05Z")),
        });
        measured.cloudwatch = Some(StorageMetrics {
            as_of: at("2026-01-10T00:00:00Z"),
            total_bytes: 2000,
            overhead_bytes: 0,
            by_storage_type: BTreeMap::new(),
            object_count: None,
            asked_at: at("2026-01-12T00:00:00Z"),
            metric_count: 27,
        });
        measured.unmeasured.push(Unmeasured {
            part: Part::Multipart,
            code: "access_denied".into(),
            reason: "listing was refused".into(),
        });

        let text = text(&target, &measured);

        let lines: Vec<String> = text
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(
            lines,
            [
                "s3://files/, keys ending in .pdf: partial",
                "part class count size",
                "current STANDARD 1 1.00 KiB (1,024 bytes)",
                "current total 1 1.00 KiB (1,024 bytes)",
                "noncurrent GLACIER 1 7 B (7 bytes)",
                "noncurrent total 1 7 B (7 bytes)",
                "delete_markers total 3 -",
                "multipart total uploads 1, parts 2, oldest from 2026-01-02 100 B (100 bytes)",
                "cloudwatch 2026-01-10 total - 1.95 KiB (2,000 bytes)",
                "multipart: not measured, listing was refused (access_denied)",
            ]
        );
    }

    #[test]
    fn other_storage_shows_what_is_used_and_what_is_provisioned() {
        let resource = |used_bytes, provisioned_bytes, class: &str| ResourceSize {
            used_bytes,
            provisioned_bytes,
            item_count: None,
            by_storage_class: BTreeMap::from([(class.to_owned(), 2048)]),
            as_of: None,
        };
        let shown = |kind, resource| {
            let target = BucketTarget::resource("a", kind, "id");
            text(&target, &BucketSize::of_resource(Method::Service, resource))
        };

        let volume = shown(StorageKind::Ebs, resource(None, Some(2048), "gp3"));
        let file_system = shown(StorageKind::Efs, resource(Some(2048), None, "Standard"));

        assert!(volume.starts_with("ebs://id: complete\n"), "{volume}");
        assert!(volume.contains("provisioned  gp3"), "{volume}");
        assert!(!volume.contains("used"), "{volume}");
        assert!(file_system.contains("used  Standard"), "{file_system}");
        assert!(!file_system.contains("provisioned"), "{file_system}");
    }
}
