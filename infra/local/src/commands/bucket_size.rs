//! `mrt bucket-size`: measures one bucket or prefix now, with the collector that Lambda runs.

use std::process::ExitCode;
use std::sync::Arc;

use api::bucket_size::BucketItem;
use chrono::{DateTime, Utc};
use collector::Progress;
use shared::aws::Aws;
use shared::clock::{Clock, SystemClock};
use shared::fleet::{BucketTarget, Measured, Prices};
use shared::snapshot::{BucketSize, Good, Measurement, Run};

use super::{ENVIRONMENT, exit_code, progress, report_failure};

/// Parses `s3://BUCKET[/PREFIX]`.
pub(crate) fn parse(text: &str) -> Result<(String, String), String> {
    let rest = text
        .strip_prefix("s3://")
        .ok_or("write it as s3://BUCKET or s3://BUCKET/PREFIX")?;
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Err("the bucket's name is missing: s3://BUCKET or s3://BUCKET/PREFIX".to_owned());
    }
    Ok((bucket.to_owned(), prefix.to_owned()))
}

/// Measures and prints.
#[expect(clippy::print_stdout, reason = "the answer to a person or a script")]
pub(crate) async fn run(
    (bucket, prefix): (String, String),
    suffix: String,
    is_json: bool,
) -> anyhow::Result<ExitCode> {
    let target = BucketTarget {
        prefix,
        suffix,
        measure: Measured::current(),
        ..BucketTarget::whole(ENVIRONMENT, bucket)
    };
    let aws = Arc::new(Aws::load().await);
    let progress = Progress::default();
    let started_at = SystemClock.now();
    let measuring = collector::measure_bucket(aws, &target, &progress);
    let size = match progress::watch(&progress, "objects", measuring).await {
        Ok(size) => size,
        Err(error) => {
            return Ok(report_failure(
                &format!("s3://{}/{}", target.bucket, target.prefix),
                &error,
            ));
        }
    };
    let item = item(&target, &size, started_at);
    if is_json {
        println!("{}", serde_json::to_string_pretty(&item)?);
    } else {
        print!("{}", readable(&target, &size));
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

fn readable(target: &BucketTarget, size: &BucketSize) -> String {
    let mut rows = vec![vec![
        "storage class".to_owned(),
        "objects".to_owned(),
        "size".to_owned(),
    ]];
    let current = size.current.clone().unwrap_or_default();
    for (name, class) in &current.by_storage_class {
        rows.push(vec![
            name.clone(),
            progress::count(class.object_count),
            progress::size(class.total_bytes),
        ]);
    }
    rows.push(vec![
        "total".to_owned(),
        progress::count(current.object_count),
        progress::size(current.total_bytes),
    ]);
    let suffix = if target.suffix.is_empty() {
        String::new()
    } else {
        format!(", keys ending in {}", target.suffix)
    };
    format!(
        "s3://{}/{}{suffix}: current objects\n{}",
        target.bucket,
        target.prefix,
        progress::table(&rows, 1)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_and_prefixes_are_told_apart() {
        assert_eq!(parse("s3://acme"), Ok(("acme".into(), String::new())));
        assert_eq!(parse("s3://acme/"), Ok(("acme".into(), String::new())));
        assert_eq!(parse("s3://acme/a/b"), Ok(("acme".into(), "a/b".into())));
        for bad in ["acme", "s3://", "s3:///x", "https://acme"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
