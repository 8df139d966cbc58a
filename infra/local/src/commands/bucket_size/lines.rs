//! A report as comma-separated values: one line for each part of each target, with exact numbers. No I/O.

use api::http::csv::{Cell, Csv};
use shared::fleet::BucketTarget;
use shared::snapshot::bucket_size::Prefixes;
use shared::snapshot::{BucketSize, Measurement};

use super::report::{Entry, Found, INTERRUPTED, Report};

const HEADER: [&str; 9] = [
    "kind",
    "bucket",
    "prefix",
    "suffix",
    "part",
    "count",
    "bytes",
    "completeness",
    "code",
];

/// Returns the lines, the header first.
///
/// `count` is that of objects, uploads, delete markers or items. `completeness` is that of the target. Without a number,
/// `code` says why.
pub(super) fn csv(report: &Report) -> String {
    let mut csv = Csv::new(&HEADER);
    for Entry { target, found } in &report.entries {
        match found {
            Found::Measured(size) => add_measured(&mut csv, target, size),
            Found::Failed(error) => {
                let line = Line::of("", "partial");
                line.with_code(error.code).add_to(&mut csv, target);
            }
            Found::Interrupted(counted) => {
                let line = Line::of("", "partial").with_code(INTERRUPTED);
                let count = Some(counted.object_count);
                line.with(count, Some(counted.total_bytes))
                    .add_to(&mut csv, target);
            }
        }
    }
    String::from_utf8_lossy(&csv.into_body()).into_owned()
}

fn add_measured(csv: &mut Csv, target: &BucketTarget, size: &BucketSize) {
    let completeness = size.completeness().as_str();
    let mut add = |part, count: Option<u64>, bytes: Option<u64>| {
        Line::of(part, completeness)
            .with(count, bytes)
            .add_to(csv, target);
    };
    for (part, objects) in [("current", &size.current), ("noncurrent", &size.noncurrent)] {
        if let Some(objects) = objects {
            add(part, Some(objects.object_count), Some(objects.total_bytes));
        }
    }
    if let Some(markers) = size.delete_markers {
        add("delete_markers", Some(markers), None);
    }
    if let Some(uploads) = &size.multipart {
        add(
            "multipart",
            Some(uploads.upload_count),
            Some(uploads.total_bytes),
        );
    }
    if let Some(metrics) = &size.cloudwatch {
        add(
            "cloudwatch",
            metrics.object_count,
            Some(metrics.total_bytes),
        );
    }
    if let Some(resource) = &size.resource {
        if resource.used_bytes.is_some() {
            add("used", resource.item_count, resource.used_bytes);
        }
        if resource.provisioned_bytes.is_some() {
            add("provisioned", None, resource.provisioned_bytes);
        }
    }
    if let Some(by_prefix) = &size.by_prefix {
        add_prefixes(csv, target, by_prefix, completeness);
    }
    for missing in &size.unmeasured {
        Line::of(missing.part.as_str(), completeness)
            .with_code(&missing.code)
            .add_to(csv, target);
    }
}

/// Adds a line for each prefix, in its own column, and one for the rest.
fn add_prefixes(csv: &mut Csv, target: &BucketTarget, sizes: &Prefixes, completeness: &str) {
    for each in &sizes.prefixes {
        let of_prefix = BucketTarget {
            prefix: each.prefix.clone(),
            ..target.clone()
        };
        Line::of("by_prefix", completeness)
            .with(Some(each.object_count), Some(each.total_bytes))
            .add_to(csv, &of_prefix);
    }
    let other = sizes.other;
    Line::of("by_prefix_other", completeness)
        .with(
            other.map(|other| other.object_count),
            other.map(|other| other.total_bytes),
        )
        .with_code(sizes.reason.as_deref().unwrap_or_default())
        .add_to(csv, target);
}

/// The cells of a line after those of its target.
#[derive(Debug, Clone, Copy)]
struct Line<'a> {
    part: &'a str,
    count: Option<u64>,
    bytes: Option<u64>,
    completeness: &'a str,
    code: &'a str,
}

impl<'a> Line<'a> {
    fn of(part: &'a str, completeness: &'a str) -> Self {
        Self {
            part,
            count: None,
            bytes: None,
            completeness,
            code: "",
        }
    }

    fn with(self, count: Option<u64>, bytes: Option<u64>) -> Self {
        Self {
            count,
            bytes,
            ..self
        }
    }

    fn with_code(self, code: &'a str) -> Self {
        Self { code, ..self }
    }

    fn add_to(self, csv: &mut Csv, target: &BucketTarget) {
        csv.row([
            Cell::from(target.kind.as_str()),
            Cell::from(&target.bucket),
            Cell::from(&target.prefix),
            Cell::from(&target.suffix),
            Cell::from(self.part),
            Cell::from(self.count),
            Cell::from(self.bytes),
            Cell::from(self.completeness),
            Cell::from(self.code),
        ]);
    }
}

#[cfg(test)]
mod tests {
    use collector::MeasureError;

    use super::super::report::Counted;
    use super::super::report::tests::{measured, report};
    use super::*;

    #[test]
    fn every_part_has_a_line_and_every_gap_a_code() {
        let denied = MeasureError::permanent("access_denied", "denied");
        let counted = Counted {
            object_count: 7,
            total_bytes: 70,
        };
        let report = report(vec![
            ("s3://a/x,y/", measured(&[1, 2])),
            ("s3://b", Found::Failed(Box::new(denied))),
            ("s3://c", Found::Interrupted(counted)),
        ]);

        assert_eq!(
            csv(&report),
            "kind,bucket,prefix,suffix,part,count,bytes,completeness,code\r\n\
             s3,a,\"x,y/\",,current,2,3,complete,\r\n\
             s3,b,,,,,,partial,access_denied\r\n\
             s3,c,,,,7,70,partial,interrupted\r\n"
        );
    }
}
