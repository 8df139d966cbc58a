//! The check of the reports that a bucket is measured by, and the calls that set up what is missing.

use chrono::{DateTime, Utc};
use collector::newest_inventory;
use serde_json::json;
use shared::aws::Aws;
use shared::fleet::{BucketTarget, InventoryLocation};

use super::check::Check;

/// Reads the newest report's manifest, which needs the permissions that collectors need.
pub(super) async fn check(
    aws: &Aws,
    target: &BucketTarget,
    location: &InventoryLocation,
    now: DateTime<Utc>,
) -> Check {
    let what = format!("inventory {location}");
    let Some((prefix, id)) = configuration(target, location) else {
        let finding = format!("is no folder of reports of {}", target.bucket);
        let fix = format!(
            "name the folder s3://DESTINATION/PREFIX/{}/CONFIGURATION",
            target.bucket
        );
        return Check::problem(what, finding, fix);
    };
    match newest_inventory(aws, target, now).await {
        Ok(scanned_at) => Check::ok(what, format!("has a report of {scanned_at}")),
        Err(error) if error.code == "inventory_missing" => Check {
            statements: vec![
                configuration_call(target, location, (prefix, id)),
                policy(target, location, prefix),
            ],
            ..Check::problem(
                what,
                error.reason.clone(),
                "S3 writes the first report within 48 hours after this call; the destination's policy must allow it, and be \
                 in the region of the bucket",
            )
        },
        Err(error) => {
            let fix = "allow s3:ListBucket and s3:GetObject where the reports are";
            Check::problem(what, format!("{} ({})", error.reason, error.code), fix)
        }
    }
}

/// Returns the prefix and the id of the configuration whose reports are at `location`; `None` if they are of another
/// bucket.
fn configuration<'a>(
    target: &BucketTarget,
    location: &'a InventoryLocation,
) -> Option<(&'a str, &'a str)> {
    let (folder, id) = location.prefix.rsplit_once('/')?;
    let prefix = folder.strip_suffix(&target.bucket)?;
    let is_whole = prefix.is_empty() || prefix.ends_with('/');
    is_whole.then_some((prefix.trim_end_matches('/'), id))
}

/// Returns the call that makes S3 write reports. Size and class are all that is read.
fn configuration_call(
    target: &BucketTarget,
    location: &InventoryLocation,
    (prefix, id): (&str, &str),
) -> String {
    let versions = match target.measure.needs_versions() {
        true => "All",
        false => "Current",
    };
    let mut destination = json!({
        "Bucket": format!("arn:aws:s3:::{}", location.bucket),
        "Format": "Parquet",
    });
    if !prefix.is_empty() {
        destination["Prefix"] = json!(prefix);
    }
    let configuration = json!({
        "Id": id,
        "IsEnabled": true,
        "IncludedObjectVersions": versions,
        "Schedule": {"Frequency": "Daily"},
        "OptionalFields": ["Size", "StorageClass"],
        "Destination": {"S3BucketDestination": destination},
    });
    format!(
        "aws s3api put-bucket-inventory-configuration --bucket {} --id {id} --inventory-configuration '{configuration}'",
        target.bucket
    )
}

/// Returns the statement that the destination's policy needs. Not a call: it would replace what the policy has.
fn policy(target: &BucketTarget, location: &InventoryLocation, prefix: &str) -> String {
    let folder = match prefix {
        "" => format!("{}/*", target.bucket),
        prefix => format!("{prefix}/{}/*", target.bucket),
    };
    let statement = json!({
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": format!("arn:aws:s3:::{}/{folder}", location.bucket),
        "Condition": {
            "ArnLike": {"aws:SourceArn": format!("arn:aws:s3:::{}", target.bucket)},
            "StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"},
        },
    });
    format!("in the policy of {}: {statement}", location.bucket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(text: &str) -> InventoryLocation {
        InventoryLocation::parse(text).unwrap()
    }

    #[test]
    fn the_call_and_the_statement_are_those_of_the_folder() {
        let target = BucketTarget::whole("acme-prod", "acme-files");
        let location = location("s3://inventories/mrt/acme-files/daily");
        let found = configuration(&target, &location).unwrap();

        let call = configuration_call(&target, &location, found);
        let statement = policy(&target, &location, found.0);

        assert_eq!(found, ("mrt", "daily"));
        let (command, configuration) = call.split_once(" --inventory-configuration ").unwrap();
        assert_eq!(
            command,
            "aws s3api put-bucket-inventory-configuration --bucket acme-files --id daily"
        );
        let configuration: serde_json::Value =
            serde_json::from_str(configuration.trim_matches('\'')).unwrap();
        let destination = &configuration["Destination"]["S3BucketDestination"];
        assert_eq!(destination["Bucket"], "arn:aws:s3:::inventories");
        assert_eq!(destination["Prefix"], "mrt");
        assert_eq!(configuration["IncludedObjectVersions"], "Current");
        let resource = "\"Resource\":\"arn:aws:s3:::inventories/mrt/acme-files/*\"";
        assert!(statement.contains(resource), "{statement}");
    }

    #[test]
    fn a_folder_of_another_bucket_or_of_none_is_told() {
        let target = BucketTarget::whole("acme-prod", "files");
        let of = |text| location(text);
        for wrong in [
            "s3://inventories/daily",
            "s3://inventories/other/daily",
            "s3://inventories/acme-files/daily",
        ] {
            assert_eq!(configuration(&target, &of(wrong)), None, "{wrong}");
        }
        let without_prefix = of("s3://inventories/files/daily");
        assert_eq!(configuration(&target, &without_prefix), Some(("", "daily")));
    }
}
