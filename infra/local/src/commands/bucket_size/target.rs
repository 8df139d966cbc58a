//! What a command line names: buckets, parts of them, other storage, or the whole account. No I/O.

use shared::fleet::{BucketTarget, ByPrefix, InventoryLocation, Measured, StorageKind};
use shared::snapshot::bucket_size::Part;

use crate::commands::ENVIRONMENT;

/// A target as it is written.
#[derive(Debug, Clone)]
pub(crate) enum Asked {
    /// One storage.
    One(Box<BucketTarget>),
    /// All buckets of the account: `s3://`.
    Account,
}

/// What to measure of the targets.
#[derive(Debug, Default)]
pub(super) struct Selection {
    /// Suffix of the keys to count.
    pub(super) suffix: String,
    /// Parts to measure in addition to current objects; `None` for the default of the fleet file.
    pub(super) measure: Option<Vec<Part>>,
    /// Storage allocated to the RDS instance, in GiB.
    pub(super) allocated_gib: Option<u64>,
    /// Whether requests agree to pay.
    pub(super) requester_pays: bool,
    /// Which prefixes to add up by.
    pub(super) by_prefix: Option<Prefixes>,
    /// Where the reports are that the bucket is measured by.
    pub(super) inventory: Option<InventoryLocation>,
}

/// Prefixes as they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Prefixes {
    Folders(u32),
    List(Vec<String>),
}

/// Parses a depth of folders, or prefixes that commas separate.
pub(crate) fn parse_prefixes(text: &str) -> Result<Prefixes, String> {
    match text.parse() {
        Ok(depth) => Ok(Prefixes::Folders(depth)),
        Err(_) => Ok(Prefixes::List(text.split(',').map(str::to_owned).collect())),
    }
}

/// Returns the bucket that the reports at `location` are of, by the name of its folder.
pub(super) fn bucket_of(location: &InventoryLocation) -> Result<BucketTarget, String> {
    let folders = location.prefix.rsplit_once('/');
    let bucket = folders.map(|(before, _)| before.rsplit('/').next().unwrap_or(before));
    let bucket = bucket.ok_or_else(|| {
        "write the folder with the reports: s3://DESTINATION/PREFIX/SOURCE-BUCKET/CONFIGURATION"
            .to_owned()
    })?;
    StorageKind::S3
        .check_id(bucket)
        .map_err(|rule| format!("{bucket:?}, the folder before the last one, {rule}"))?;
    Ok(BucketTarget::whole(ENVIRONMENT, bucket))
}

/// Parses a target, or `s3://` for the account.
pub(crate) fn parse_asked(text: &str) -> Result<Asked, String> {
    if text == "s3://" {
        return Ok(Asked::Account);
    }
    parse(text).map(|target| Asked::One(Box::new(target)))
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
    let (bucket, prefix) = split_bucket(rest);
    if bucket.is_empty() {
        return Err(
            "the bucket name is missing: write s3://BUCKET or s3://BUCKET/PREFIX".to_owned(),
        );
    }
    if bucket.contains(['*', '?']) {
        return Err(
            "no bucket name has * or ?: name each bucket, or write s3:// for all of the account"
                .to_owned(),
        );
    }
    Ok(BucketTarget {
        prefix: prefix.to_owned(),
        ..BucketTarget::whole(ENVIRONMENT, bucket)
    })
}

/// Splits a bucket, or the ARN of an access point, from the prefix behind it, as the AWS CLI does.
fn split_bucket(text: &str) -> (&str, &str) {
    // The ARN of an access point has a slash, or a colon, before its name, and one of Outposts has two more.
    let name_at = ["accesspoint/", "accesspoint:"]
        .iter()
        .filter_map(|word| Some(text.rfind(word)? + word.len()))
        .min()
        .filter(|_| text.starts_with("arn:"));
    let start = name_at.unwrap_or(0);
    let slash = text
        .get(start..)
        .and_then(|rest| Some(start + rest.find('/')?));
    match slash {
        Some(slash) => (
            text.get(..slash).unwrap_or(text),
            text.get(slash + 1..).unwrap_or_default(),
        ),
        None => (text, ""),
    }
}

/// Parses the name of a part.
pub(super) fn parse_part(text: &str) -> Result<Part, String> {
    let part = Part::ALL.into_iter().find(|part| part.as_str() == text);
    part.ok_or_else(|| {
        let allowed = Part::ALL.map(Part::as_str).join(", ");
        format!("allowed: {allowed}, separated by commas")
    })
}

impl Selection {
    /// Returns `target` with what is selected.
    ///
    /// # Errors
    ///
    /// The option that the target does not support.
    pub(super) fn apply(&self, target: BucketTarget) -> Result<BucketTarget, String> {
        let is_bucket = target.kind == StorageKind::S3;
        let is_of_bucket =
            self.measure.is_some() || self.by_prefix.is_some() || self.inventory.is_some();
        if !is_bucket && (!self.suffix.is_empty() || is_of_bucket) {
            return Err(
                "--suffix, --measure, --by-prefix and --inventory are for buckets only".to_owned(),
            );
        }
        let by_prefix = self.by_prefix.clone().map(|prefixes| match prefixes {
            Prefixes::Folders(depth) => ByPrefix::folders(depth),
            Prefixes::List(list) => ByPrefix::list(list, &target.prefix),
        });
        let by_prefix = by_prefix.transpose();
        let by_prefix = by_prefix.map_err(|rule| format!("--by-prefix: {rule}"))?;
        if self.allocated_gib.is_some() != (target.kind == StorageKind::Rds) {
            return Err(
                "--allocated-gib is for rds://ID, and required there: the used size is this less the free storage"
                    .to_owned(),
            );
        }
        let measure = match &self.measure {
            Some(parts) => Measured {
                noncurrent: parts.contains(&Part::Noncurrent),
                delete_markers: parts.contains(&Part::DeleteMarkers),
                multipart: parts.contains(&Part::Multipart),
                cloudwatch: parts.contains(&Part::CloudWatch),
            },
            None => target.measure,
        };
        let target = BucketTarget {
            suffix: self.suffix.clone(),
            allocated_gib: self.allocated_gib,
            requester_pays: self.requester_pays,
            by_prefix,
            inventory: self.inventory.clone(),
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
}

/// Checks that no object would be counted twice in the total.
pub(super) fn check_overlap(targets: &[BucketTarget]) -> Result<(), String> {
    for (number, target) in targets.iter().enumerate() {
        let others = targets.iter().enumerate();
        let mut others = others.filter(|(other, _)| *other != number);
        let is_within = |other: &BucketTarget| {
            other.kind == target.kind
                && other.bucket == target.bucket
                && target.prefix.starts_with(&other.prefix)
        };
        if let Some((_, other)) = others.find(|(_, other)| is_within(other)) {
            return Err(format!(
                "{} is within {}, and the total would count it twice: measure them one by one",
                super::name(target),
                super::name(other)
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_and_prefixes_are_separated() {
        let point = "arn:aws:s3:eu-west-1:123456789012:accesspoint/reports";
        let outpost = "arn:aws:s3-outposts:eu-west-1:123456789012:outpost/op-1/accesspoint/a";
        let many = "arn:aws:s3::123456789012:accesspoint:abc.mrap";
        for (text, bucket, prefix) in [
            ("s3://acme", "acme", ""),
            ("s3://acme/", "acme", ""),
            ("s3://acme/a/b", "acme", "a/b"),
            ("s3://acme/accesspoint/b", "acme", "accesspoint/b"),
            (&format!("s3://{point}"), point, ""),
            (&format!("s3://{point}/a/b"), point, "a/b"),
            (&format!("s3://{outpost}/x/"), outpost, "x/"),
            (&format!("s3://{many}/x"), many, "x"),
        ] {
            let target = parse(text).unwrap();
            assert_eq!(
                (target.bucket.as_str(), target.prefix.as_str()),
                (bucket, prefix)
            );
        }
        for bad in [
            "acme",
            "s3://",
            "s3:///x",
            "https://acme",
            "efs://acme",
            "s3://acme-*",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(matches!(parse_asked("s3://"), Ok(Asked::Account)));
        let table = parse("dynamodb://Sessions").unwrap();
        assert_eq!(table.id().as_str(), "command-line/dynamodb/Sessions//");
    }

    #[test]
    fn measured_parts_are_the_fleet_files_default_or_the_named_ones() {
        let bucket = || parse("s3://acme").unwrap();
        let named = Selection {
            measure: Some(vec![Part::Current, Part::Noncurrent, Part::CloudWatch]),
            ..Selection::default()
        };

        let default = Selection::default().apply(bucket()).unwrap().measure;
        let chosen = named.apply(bucket()).unwrap().measure;

        assert_eq!(default, Measured::default());
        assert!(chosen.noncurrent && chosen.cloudwatch);
        assert!(!chosen.multipart && !chosen.delete_markers);
        assert_eq!(parse_part("delete_markers"), Ok(Part::DeleteMarkers));
        let unknown = parse_part("versions").unwrap_err();
        assert!(unknown.contains("current, noncurrent, delete_markers, multipart, cloudwatch"));
    }

    #[test]
    fn options_that_the_target_does_not_support_are_rejected() {
        let with_suffix = Selection {
            suffix: ".pdf".to_owned(),
            ..Selection::default()
        };
        let with_cloudwatch = Selection {
            measure: Some(vec![Part::CloudWatch]),
            ..Selection::default()
        };
        let allocated = Selection {
            allocated_gib: Some(20),
            ..Selection::default()
        };
        for (text, selection, expected) in [
            ("aurora://acme", &with_suffix, "for buckets only"),
            ("aurora://acme", &with_cloudwatch, "for buckets only"),
            ("s3://acme/a/", &with_cloudwatch, "whole bucket"),
            ("s3://acme", &allocated, "is for rds"),
            ("rds://acme", &Selection::default(), "required there"),
        ] {
            let reason = selection.apply(parse(text).unwrap()).unwrap_err();
            assert!(reason.contains(expected), "{text}: {reason}");
        }
        let instance = allocated.apply(parse("rds://acme").unwrap()).unwrap();
        assert_eq!(instance.allocated_gib, Some(20));
    }

    #[test]
    fn no_object_is_in_two_targets() {
        let targets =
            |texts: &[&str]| -> Vec<_> { texts.iter().map(|text| parse(text).unwrap()).collect() };

        for bad in [["s3://a/x/", "s3://a"], ["s3://a/x", "s3://a/x"]] {
            let reason = check_overlap(&targets(&bad)).unwrap_err();
            assert!(reason.contains("is within"), "{reason}");
        }
        for good in [["s3://a/x/", "s3://a/y/"], ["s3://a", "s3://ab"]] {
            assert_eq!(check_overlap(&targets(&good)), Ok(()));
        }
    }
}
