//! Prints a report for people: one target with all its parts, or a table of several with their total.

use shared::fleet::BucketTarget;
use shared::snapshot::StorageMetrics;
use shared::snapshot::bucket_size::{ClassSize, Objects, Prefixes, ResourceSize, Uploads};
use shared::snapshot::{BucketSize, Measurement};

use super::name;
use super::report::{Counted, Entry, Found, INTERRUPTED, Report};
use crate::commands::format::{Units, count, printable, stacked, table, width};

/// Printed instead of a number that does not exist.
const NONE: &str = "-";
/// Prefixes that a table shows; JSON and CSV have all that were kept.
const SHOWN_PREFIXES: usize = 20;

/// How to print.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page {
    pub(super) units: Units,
    /// Width of the terminal; `None` without one.
    pub(super) columns: Option<usize>,
}

/// Returns a size as it is printed.
type Size<'a> = &'a dyn Fn(u64) -> String;

impl Page {
    /// Returns the text to print, with a final newline.
    pub(super) fn text(self, report: &Report, is_single: bool) -> String {
        match (report.entries.as_slice(), is_single) {
            ([Entry { target, found }], true) => self.one(target, found),
            _ => self.several(report),
        }
    }

    fn one(self, target: &BucketTarget, found: &Found) -> String {
        match found {
            Found::Measured(size) => self.measured(target, size),
            Found::Failed(error) => {
                let line = format!(
                    "{}: not measured, {} ({})",
                    name(target),
                    error.reason,
                    error.code
                );
                printable(&line) + "\n"
            }
            Found::Interrupted(counted) => {
                let title = format!("{}: partial, stopped before the end", name(target));
                format!("{}\n{}", printable(&title), self.so_far(*counted))
            }
        }
    }

    fn so_far(self, counted: Counted) -> String {
        let (number, bytes) = (
            count(counted.object_count),
            self.units.exact(counted.total_bytes),
        );
        format!("counted so far: {number} objects, {bytes}\n")
    }

    fn measured(self, target: &BucketTarget, measured: &BucketSize) -> String {
        let suffix = if target.suffix.is_empty() {
            String::new()
        } else {
            format!(", keys ending in {}", target.suffix)
        };
        let completeness = measured.completeness().as_str();
        let mut text = printable(&format!("{}{suffix}: {completeness}", name(target))) + "\n";
        text.push_str(&self.fitting(2, |size| rows(measured, size)));
        text.push_str(&missing_parts("", measured));
        if let Some(by_prefix) = &measured.by_prefix {
            text.push_str(&self.by_prefix(by_prefix));
        }
        text
    }

    /// Returns the largest prefixes and the rest, after an empty line.
    fn by_prefix(self, sizes: &Prefixes) -> String {
        if let Some(reason) = &sizes.reason {
            return format!("by prefix: not measured ({reason})\n");
        }
        let shown = sizes.clone().limited(SHOWN_PREFIXES);
        "\n".to_owned() + &self.fitting(1, |size| prefix_rows(&shown, size))
    }

    fn several(self, report: &Report) -> String {
        let mut text = self.fitting(1, |size| summary(report, size));
        for Entry { target, found } in &report.entries {
            match found {
                Found::Measured(size) => {
                    text.push_str(&missing_parts(&format!("{}: ", name(target)), size));
                }
                Found::Failed(_) => text.push_str(&self.one(target, found)),
                Found::Interrupted(counted) if *counted != Counted::default() => {
                    text.push_str(&format!(
                        "{}: {}",
                        printable(&name(target)),
                        self.so_far(*counted)
                    ));
                }
                Found::Interrupted(_) => {}
            }
        }
        text
    }

    /// Returns a table that fits the terminal: without exact bytes if they are too wide, and without columns as a last
    /// resort. `rows` gets the form of sizes.
    fn fitting(self, names: usize, rows: impl Fn(Size<'_>) -> Vec<Vec<String>>) -> String {
        let exact = rows(&|bytes| self.units.exact(bytes));
        let Some(columns) = self.columns else {
            return table(&exact, names);
        };
        let rounded = || rows(&|bytes| self.units.rounded(bytes));
        let tables = [table(&exact, names), table(&rounded(), names)];
        let fitting = tables.into_iter().find(|table| width(table) <= columns);
        fitting.unwrap_or_else(|| {
            let exact = stacked(&exact, names);
            if width(&exact) <= columns {
                exact
            } else {
                stacked(&rounded(), names)
            }
        })
    }
}
/// Returns the reasons of the parts without a number, one a line.
fn missing_parts(what: &str, measured: &BucketSize) -> String {
    let lines = measured.unmeasured.iter().map(|missing| {
        let part = missing.part.as_str();
        let (reason, code) = (&missing.reason, &missing.code);
        printable(&format!("{what}{part}: not measured, {reason} ({code})")) + "\n"
    });
    lines.collect()
}

/// Returns a row for each target, and their total.
///
/// `other` are noncurrent versions and incomplete uploads, which the total of a bucket does not include.
fn summary(report: &Report, size: Size<'_>) -> Vec<Vec<String>> {
    let mut rows = vec![summary_row("storage", "objects", "size", "other", "state")];
    for Entry { target, found } in &report.entries {
        let name = name(target);
        rows.push(match found {
            Found::Measured(measured) => {
                let number = measured.object_count().map_or(NONE.to_owned(), count);
                let other = other_bytes(measured).map_or(NONE.to_owned(), size);
                let state = measured.completeness().as_str();
                summary_row(&name, &number, &size(measured.total_bytes()), &other, state)
            }
            Found::Failed(error) => summary_row(&name, NONE, NONE, NONE, error.code),
            Found::Interrupted(_) => summary_row(&name, NONE, NONE, NONE, INTERRUPTED),
        });
    }
    if let Some(total) = report.total() {
        let state = report.completeness().as_str();
        let (number, bytes) = (count(total.object_count), size(total.total_bytes));
        rows.push(summary_row("total", &number, &bytes, NONE, state));
    }
    rows
}

fn summary_row(name: &str, count: &str, size: &str, other: &str, state: &str) -> Vec<String> {
    [name, count, size, other, state]
        .map(str::to_owned)
        .to_vec()
}

/// Returns the bytes that a bucket has besides its current objects; `None` if none of them were measured.
fn other_bytes(measured: &BucketSize) -> Option<u64> {
    let noncurrent = measured.noncurrent.as_ref().map(|part| part.total_bytes);
    let uploads = measured.multipart.as_ref().map(|part| part.total_bytes);
    match (noncurrent, uploads) {
        (None, None) => None,
        (noncurrent, uploads) => noncurrent.unwrap_or(0).checked_add(uploads.unwrap_or(0)),
    }
}

fn rows(measured: &BucketSize, size: Size<'_>) -> Vec<Vec<String>> {
    let mut rows = vec![row("part", "class", "count", "size")];
    if let Some(current) = &measured.current {
        add_objects(&mut rows, size, "current", current);
    }
    if let Some(noncurrent) = &measured.noncurrent {
        add_objects(&mut rows, size, "noncurrent", noncurrent);
    }
    if let Some(markers) = measured.delete_markers {
        rows.push(row("delete_markers", "total", &count(markers), NONE));
    }
    if let Some(uploads) = &measured.multipart {
        add_uploads(&mut rows, size, uploads);
    }
    if let Some(metrics) = &measured.cloudwatch {
        add_metrics(&mut rows, size, metrics);
    }
    if let Some(resource) = &measured.resource {
        add_resource(&mut rows, size, resource);
    }
    rows
}

fn prefix_rows(sizes: &Prefixes, size: Size<'_>) -> Vec<Vec<String>> {
    let row = |name: &str, number: &str, bytes: &str, noncurrent: &str| {
        [name, number, bytes, noncurrent]
            .map(str::to_owned)
            .to_vec()
    };
    let bytes = |noncurrent: Option<ClassSize>| {
        noncurrent.map_or(NONE.to_owned(), |sum| size(sum.total_bytes))
    };
    let mut rows = vec![row("prefix", "objects", "size", "noncurrent")];
    for each in &sizes.prefixes {
        // Keys without a folder.
        let name = if each.prefix.is_empty() {
            "(none)"
        } else {
            &each.prefix
        };
        let (number, total) = (count(each.object_count), size(each.total_bytes));
        rows.push(row(name, &number, &total, &bytes(each.noncurrent)));
    }
    if let Some(other) = sizes
        .other
        .filter(|other| other.object_count > 0 || other.prefix_count > 0)
    {
        let name = format!("other ({})", count(other.prefix_count));
        let (number, total) = (count(other.object_count), size(other.total_bytes));
        rows.push(row(&name, &number, &total, &bytes(other.noncurrent)));
    }
    rows
}

fn row(part: &str, class: &str, count: &str, size: &str) -> Vec<String> {
    [part, class, count, size].map(str::to_owned).to_vec()
}

fn add_objects(rows: &mut Vec<Vec<String>>, size: Size<'_>, part: &str, objects: &Objects) {
    for (name, class) in &objects.by_storage_class {
        let (number, bytes) = (count(class.object_count), size(class.total_bytes));
        rows.push(row(part, name, &number, &bytes));
    }
    let (number, bytes) = (count(objects.object_count), size(objects.total_bytes));
    rows.push(row(part, "total", &number, &bytes));
}

fn add_uploads(rows: &mut Vec<Vec<String>>, size: Size<'_>, uploads: &Uploads) {
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

fn add_metrics(rows: &mut Vec<Vec<String>>, size: Size<'_>, metrics: &StorageMetrics) {
    let part = format!("cloudwatch {}", metrics.as_of.format("%Y-%m-%d"));
    for (name, bytes) in &metrics.by_storage_type {
        rows.push(row(&part, name, NONE, &size(*bytes)));
    }
    let number = metrics.object_count.map_or(NONE.to_owned(), count);
    rows.push(row(&part, "total", &number, &size(metrics.total_bytes)));
}

fn add_resource(rows: &mut Vec<Vec<String>>, size: Size<'_>, resource: &ResourceSize) {
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

    use collector::MeasureError;
    use shared::fleet::StorageKind;
    use shared::snapshot::bucket_size::{Method, Part, Unmeasured};
    use shared::testing::time::at;

    use super::super::report::tests::{measured, report};
    use super::*;

    /// Output without a terminal.
    const PIPED: Page = Page {
        units: Units::Iec,
        columns: None,
    };

    fn words(text: &str) -> Vec<String> {
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        text.lines().map(words).collect()
    }

    #[test]
    fn several_targets_are_a_table_with_a_total_and_the_reasons_of_gaps() {
        let denied = MeasureError::permanent("access_denied", "it was denied");
        let counted = Counted {
            object_count: 1_000,
            total_bytes: 2_048,
        };
        let report = report(vec![
            ("s3://a/x/", measured(&[1_000, 500])),
            ("s3://b", Found::Failed(Box::new(denied))),
            ("s3://c", Found::Interrupted(counted)),
        ]);
        let si = Page {
            units: Units::Si,
            ..PIPED
        };

        assert_eq!(
            words(&si.text(&report, false)),
            [
                "storage objects size other state",
                "s3://a/x/ 2 1.50 kB (1,500 bytes) - complete",
                "s3://b/ - - - access_denied",
                "s3://c/ - - - interrupted",
                "total 2 1.50 kB (1,500 bytes) - partial",
                "s3://b/: not measured, it was denied (access_denied)",
                "s3://c/: counted so far: 1,000 objects, 2.05 kB (2,048 bytes)",
            ]
        );
    }

    #[test]
    fn a_stopped_measurement_is_partial_and_shows_its_counts() {
        let counted = Counted {
            object_count: 1_000,
            total_bytes: 2_048,
        };
        let report = report(vec![("s3://c", Found::Interrupted(counted))]);

        assert_eq!(
            PIPED.text(&report, true),
            "s3://c/: partial, stopped before the end\n\
             counted so far: 1,000 objects, 2.00 KiB (2,048 bytes)\n"
        );
    }

    #[test]
    fn a_narrow_terminal_has_no_line_that_is_too_wide() {
        let report = report(vec![("s3://acme", measured(&[5_000_000_000]))]);
        let at = |columns| {
            let page = Page {
                columns: Some(columns),
                ..PIPED
            };
            page.text(&report, true)
        };

        assert!(at(80).contains("(5,000,000,000 bytes)"), "{}", at(80));
        assert!(!at(45).contains("bytes)"), "{}", at(45));
        assert!(at(45).contains("4.66 GiB") && width(&at(45)) <= 45);
        assert!(at(30).contains("  count 1\n"), "{}", at(30));
        assert!(width(&at(30)) <= 30, "{}", at(30));
    }

    #[test]
    fn every_measured_part_has_rows_and_every_missing_part_a_reason() {
        let target = BucketTarget {
            suffix: ".pdf".into(),
            ..BucketTarget::whole("a", "files")
        };
        let mut size = BucketSize::empty(Method::Listing);
        size.add("STANDARD", 1024);
        let mut noncurrent = Objects::default();
        noncurrent.add("GLACIER", 7);
        size.noncurrent = Some(noncurrent);
        size.delete_markers = Some(3);
        size.multipart = Some(Uploads {
            upload_count: 1,
            part_count: 2,
            total_bytes: 100,
            by_storage_class: BTreeMap::new(),
            oldest_initiated_at: Some(at("2026-01-02T03:04:05Z")),
        });
        size.cloudwatch = Some(StorageMetrics {
            as_of: at("2026-01-10T00:00:00Z"),
            total_bytes: 2000,
            overhead_bytes: 0,
            by_storage_type: BTreeMap::new(),
            object_count: None,
            asked_at: at("2026-01-12T00:00:00Z"),
            metric_count: 27,
        });
        size.unmeasured.push(Unmeasured {
            part: Part::Multipart,
            code: "access_denied".into(),
            reason: "listing was refused".into(),
        });

        let text = PIPED.measured(&target, &size);

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
            PIPED.measured(&target, &BucketSize::of_resource(Method::Service, resource))
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
