//! `mrt bucket-size`: measures one bucket, prefix or other storage now, with the collector that Lambda runs.

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

/// What follows the target on the command line.
pub(crate) struct Options {
    /// What all keys must end with.
    pub(crate) suffix: String,
    /// Parts to measure beside the current objects; `None` for those that the fleet file has by default.
    pub(crate) measure: Option<Vec<Part>>,
    /// Storage that is allocated to an RDS instance.
    pub(crate) allocated_gib: Option<u64>,
}

/// Parses `s3://BUCKET[/PREFIX]`, or another kind of storage with its id.
pub(crate) fn parse(text: &str) -> Result<BucketTarget, String> {
    let (kind, rest) = text
        .split_once("://")
        .and_then(|(word, rest)| Some((StorageKind::of_word(word)?, rest)))
        .ok_or_else(|| {
            let kinds = StorageKind::WORDS[1..].join(", ");
            format!("write it as s3://BUCKET or s3://BUCKET/PREFIX; other storage as KIND://ID with {kinds}")
        })?;
    if kind != StorageKind::S3 {
        kind.check_id(rest)
            .map_err(|rule| format!("{rest:?} {rule}"))?;
        return Ok(BucketTarget::resource(ENVIRONMENT, kind, rest));
    }
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Err("the bucket's name is missing: s3://BUCKET or s3://BUCKET/PREFIX".to_owned());
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
        format!("allowed are {allowed}, separated by commas")
    })
}

/// Returns `target` as the options want it measured.
///
/// # Errors
///
/// Which option does not go with the target.
pub(crate) fn target(target: BucketTarget, options: &Options) -> Result<BucketTarget, String> {
    let is_bucket = target.kind == StorageKind::S3;
    if !is_bucket && (!options.suffix.is_empty() || options.measure.is_some()) {
        return Err("--suffix and --measure belong to buckets".to_owned());
    }
    if options.allocated_gib.is_some() != (target.kind == StorageKind::Rds) {
        return Err(
            "--allocated-gib belongs to rds://ID, which needs it: used is what is not free of it"
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
            "cloudwatch is a figure of the whole bucket: not with a prefix or a suffix".to_owned(),
        );
    }
    Ok(target)
}

/// Measures and prints.
#[expect(clippy::print_stdout, reason = "the answer to a person or a script")]
pub(crate) async fn run(target: &BucketTarget, is_json: bool) -> anyhow::Result<ExitCode> {
    let aws = Arc::new(Aws::load().await);
    let progress = Progress::default();
    let started_at = SystemClock.now();
    let measuring = collector::measure_bucket(aws, target, &progress);
    let size = match progress::watch(&progress, "objects", measuring).await {
        Ok(size) => size,
        Err(error) => return Ok(report_failure(&readable::name(target), &error)),
    };
    if is_json {
        let item = item(target, &size, started_at);
        println!("{}", serde_json::to_string_pretty(&item)?);
    } else {
        print!("{}", readable::text(target, &size));
    }
    Ok(exit_code(size.completeness()))
}

fn item(target: &BucketTarget, size: &BucketSize, started_at: DateTime<Utc>) -> BucketItem {
    let now = SystemClock.now();
    let duration = (now - started_at).to_std().unwrap_or_default();
    // Nothing schedules a one-shot measurement, so none is ever due.
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
    BucketItem::of(target, &good, None, (now, &Prices::default()))
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
    fn buckets_and_prefixes_are_told_apart() {
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
    fn parts_are_those_of_the_fleet_files_default_or_those_that_are_named() {
        let bucket = || parse("s3://acme").unwrap();
        let named = Options {
            measure: Some(vec![Part::Current, Part::Noncurrent, Part::CloudWatch]),
            ..options()
        };

        let default = target(bucket(), &options()).unwrap().measure;
        let chosen = target(bucket(), &named).unwrap().measure;

        assert_eq!(default, Measured::default());
        assert!(chosen.noncurrent && chosen.cloudwatch);
        assert!(!chosen.multipart && !chosen.delete_markers);
        assert_eq!(parse_part("delete_markers"), Ok(Part::DeleteMarkers));
        let unknown = parse_part("versions").unwrap_err();
        assert!(unknown.contains("current, noncurrent, delete_markers, multipart, cloudwatch"));
    }

    #[test]
    fn options_that_do_not_go_with_the_target_are_refused() {
        let with_suffix = Options {
            suffix: ".pdf".to_owned(),
            ..options()
        };
        let with_figure = Options {
            measure: Some(vec![Part::CloudWatch]),
            ..options()
        };
        let allocated = Options {
            allocated_gib: Some(20),
            ..options()
        };
        for (text, options, expected) in [
            ("aurora://acme", &with_suffix, "belong to buckets"),
            ("aurora://acme", &with_figure, "belong to buckets"),
            ("s3://acme/a/", &with_figure, "whole bucket"),
            ("s3://acme", &allocated, "belongs to rds"),
            ("rds://acme", &options(), "which needs it"),
        ] {
            let fault = target(parse(text).unwrap(), options).unwrap_err();
            assert!(fault.contains(expected), "{text}: {fault}");
        }
        let instance = target(parse("rds://acme").unwrap(), &allocated).unwrap();
        assert_eq!(instance.allocated_gib, Some(20));
    }
}
