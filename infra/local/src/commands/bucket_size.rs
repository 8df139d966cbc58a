//! `mrt bucket-size`: measures one bucket, prefix or other storage with the collector's code.

mod readable;

use std::process::ExitCode;
use std::sync::Arc;

use api::bucket_size::BucketItem;
use chrono::{DateTime, Utc};
use collector::Progress;
use shared::aws::Aws;
use shared::clock::{Clock, SystemClock};
use shared::fleet::{BucketTarget, Measured, Prices, StorageKind};
use shared::snapshot::bucket_size::Part;
use shared::snapshot::{BucketSize, Good, Measurement, Run};

use super::{ENVIRONMENT, exit_code, progress, report_failure};
use crate::output;

/// Options of the command, apart from the target.
pub(crate) struct Options {
    /// Suffix of the keys to count.
    pub(crate) suffix: String,
    /// Parts to measure in addition to current objects; `None` for the default of the fleet file.
    pub(crate) measure: Option<Vec<Part>>,
    /// Storage allocated to the RDS instance, in GiB.
    pub(crate) allocated_gib: Option<u64>,
}

/// Parses `s3://BUCKET[/PREFIX]`, or another kind of storage with its id.
pub(crate) fn parse(text: &str) -> Result<BucketTarget, String> {
    let (kind, rest) = text
        .split_once("://")
        .and_then(|(word, rest)| Some((StorageKind::from_name(word)?, rest)))
        .ok_or_else(|| {
            let kinds = StorageKind::NAMES[1..].join(", ");
            format!(
                "write s3://BUCKET or s3://BUCKET/PREFIX, or KIND://ID for the other kinds: {kinds}"
            )
        })?;
    if kind != StorageKind::S3 {
        kind.check_id(rest)
            .map_err(|rule| format!("{rest:?} {rule}"))?;
        return Ok(BucketTarget::resource(ENVIRONMENT, kind, rest));
    }
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Err(
            "the bucket name is missing: write s3://BUCKET or s3://BUCKET/PREFIX".to_owned(),
        );
    }
    Ok(BucketTarget {
        prefix: prefix.to_owned(),
        ..BucketTarget::whole(ENVIRONMENT, bucket)
    })
}

/// Parses the name of a part.
pub(crate) fn parse_part(text: &str) -> Result<Part, String> {
    let part = Part::ALL.into_iter().find(|part| part.as_str() == text);
    part.ok_or_else(|| {
        let allowed = Part::ALL.map(Part::as_str).join(", ");
        format!("allowed: {allowed}, separated by commas")
    })
}

/// Returns `target` with the options applied.
///
/// # Errors
///
/// The option that the target does not support.
pub(crate) fn apply_options(
    target: BucketTarget,
    options: &Options,
) -> Result<BucketTarget, String> {
    let is_bucket = target.kind == StorageKind::S3;
    if !is_bucket && (!options.suffix.is_empty() || options.measure.is_some()) {
        return Err("--suffix and --measure are for buckets only".to_owned());
    }
    if options.allocated_gib.is_some() != (target.kind == StorageKind::Rds) {
        return Err(
            "--allocated-gib is for rds://ID, and required there: the used size is this less the free storage"
                .to_owned(),
        );
    }
    let measure = match &options.measure {
        Some(parts) => Measured {
            noncurrent: parts.contains(&Part::Noncurrent),
            delete_markers: parts.contains(&Part::DeleteMarkers),
            multipart: parts.contains(&Part::Multipart),
            cloudwatch: parts.contains(&Part::CloudWatch),
        },
        None => target.measure,
    };
    let target = BucketTarget {
        suffix: options.suffix.clone(),
        allocated_gib: options.allocated_gib,
        measure,
        ..target
    };
    if measure.cloudwatch && !target.is_whole_bucket() {
        return Err(
            "cloudwatch measures the whole bucket: it cannot be used with a prefix or a suffix"
                .to_owned(),
        );
    }
    Ok(target)
}

/// Measures and prints.
pub(crate) async fn run(target: &BucketTarget, is_json: bool) -> anyhow::Result<ExitCode> {
    let aws = Arc::new(Aws::load().await?);
    let progress = Progress::default();
    let started_at = SystemClock.now();
    let measuring = collector::measure_bucket(aws, target, &progress);
    let size = match progress::watch(&progress, "objects", measuring).await {
        Ok(size) => size,
        Err(error) => return Ok(report_failure(&readable::name(target), &error)),
    };
    if is_json {
        output::print_json(&item(target, &size, started_at))?;
    } else {
        output::print(&readable::text(target, &size))?;
    }
    Ok(exit_code(size.completeness()))
}

fn item(target: &BucketTarget, size: &BucketSize, started_at: DateTime<Utc>) -> BucketItem {
    let now = SystemClock.now();
    let duration = (now - started_at).to_std().unwrap_or_default();
    // A one-shot measurement is not scheduled, so the next one is never due.
    let run = Run {
        scheduled_at: started_at,
        taken_at: started_at,
        duration,
        next_due_at: DateTime::<Utc>::MAX_UTC,
    };
    let good = Good {
        run,
        completeness: size.completeness(),
        summary: size.summary(),
    };
    BucketItem::of(target, good, None, &Prices::default(), now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Options {
        Options {
            suffix: String::new(),
            measure: None,
            allocated_gib: None,
        }
    }

    #[test]
    fn buckets_and_prefixes_are_separated() {
        for (text, bucket, prefix) in [
            ("s3://acme", "acme", ""),
            ("s3://acme/", "acme", ""),
            ("s3://acme/a/b", "acme", "a/b"),
        ] {
            let target = parse(text).unwrap();
            assert_eq!(
                (target.bucket.as_str(), target.prefix.as_str()),
                (bucket, prefix)
            );
        }
        for bad in ["acme", "s3://", "s3:///x", "https://acme", "efs://acme"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        let table = parse("dynamodb://Sessions").unwrap();
        assert_eq!(table.id().as_str(), "command-line/dynamodb/Sessions//");
    }

    #[test]
    fn measured_parts_are_the_fleet_files_default_or_the_named_ones() {
        let bucket = || parse("s3://acme").unwrap();
        let named = Options {
            measure: Some(vec![Part::Current, Part::Noncurrent, Part::CloudWatch]),
            ..options()
        };

        let default = apply_options(bucket(), &options()).unwrap().measure;
        let chosen = apply_options(bucket(), &named).unwrap().measure;

        assert_eq!(default, Measured::default());
        assert!(chosen.noncurrent && chosen.cloudwatch);
        assert!(!chosen.multipart && !chosen.delete_markers);
        assert_eq!(parse_part("delete_markers"), Ok(Part::DeleteMarkers));
        let unknown = parse_part("versions").unwrap_err();
        assert!(unknown.contains("current, noncurrent, delete_markers, multipart, cloudwatch"));
    }

    #[test]
    fn options_that_the_target_does_not_support_are_rejected() {
        let with_suffix = Options {
            suffix: ".pdf".to_owned(),
            ..options()
        };
        let with_cloudwatch = Options {
            measure: Some(vec![Part::CloudWatch]),
            ..options()
        };
        let allocated = Options {
            allocated_gib: Some(20),
            ..options()
        };
        for (text, options, expected) in [
            ("aurora://acme", &with_suffix, "for buckets only"),
            ("aurora://acme", &with_cloudwatch, "for buckets only"),
            ("s3://acme/a/", &with_cloudwatch, "whole bucket"),
            ("s3://acme", &allocated, "is for rds"),
            ("rds://acme", &options(), "required there"),
        ] {
            let reason = apply_options(parse(text).unwrap(), options).unwrap_err();
            assert!(reason.contains(expected), "{text}: {reason}");
        }
        let instance = apply_options(parse("rds://acme").unwrap(), &allocated).unwrap();
        assert_eq!(instance.allocated_gib, Some(20));
    }
}
