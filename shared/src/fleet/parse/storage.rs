//! The rules of `[[environment.storage]]`: parts of buckets.

use super::read_place;
use super::section::{Faults, Section};
use crate::fleet::{BucketTarget, Measured};

pub(super) fn read_storage(
    faults: &mut Faults<'_>,
    section: &Section<'_>,
    environment: &str,
) -> Option<BucketTarget> {
    section.check_keys(
        faults,
        &[
            "bucket",
            "prefix",
            "suffix",
            "region",
            "role_arn",
            "requester_pays",
            "measure",
        ],
    );
    let bucket = section.required_text(faults, "bucket");
    let bucket = section.checked(faults, ("bucket", bucket), bucket_name);
    let prefix = section
        .optional_text(faults, "prefix")
        .map(|(text, _)| text.to_owned());
    let suffix = section
        .optional_text(faults, "suffix")
        .map(|(text, _)| text.to_owned());
    let (region, role_arn) = read_place(faults, section);
    let requester_pays = section.truth(faults, "requester_pays").unwrap_or(false);
    let measure = read_measured(faults, section);
    Some(BucketTarget {
        environment: environment.to_owned(),
        bucket: bucket?,
        prefix: prefix.unwrap_or_default(),
        suffix: suffix.unwrap_or_default(),
        region,
        role_arn,
        requester_pays,
        measure,
    })
}

/// Reads which parts of the content are measured; current objects always are, so they must be named.
fn read_measured(faults: &mut Faults<'_>, section: &Section<'_>) -> Measured {
    let Some(value) = section.get("measure") else {
        return Measured::default();
    };
    let names: Option<Vec<&str>> = value.get_ref().as_array().map(|names| {
        names
            .iter()
            .map(|name| name.get_ref().as_str().unwrap_or_default())
            .collect()
    });
    let names = names.unwrap_or_default();
    let is_known = |name: &&str| ["current", "noncurrent", "multipart"].contains(name);
    if !names.iter().all(is_known) || !names.contains(&"current") {
        let reason =
            "allowed is a list of current, noncurrent and multipart, current always among them";
        faults.add(value.span().start, &section.field("measure"), reason);
    }
    Measured {
        noncurrent: names.contains(&"noncurrent"),
        multipart: names.contains(&"multipart"),
    }
}

fn bucket_name(text: &str) -> Result<(), &'static str> {
    let characters = text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    // Names before 2018 in us-east-1 may have upper case, underscores and up to 255 characters.
    if (characters && (3..=255).contains(&text.len())) || text.starts_with("arn:") {
        return Ok(());
    }
    Err(
        "is no bucket name: 3 to 255 letters, digits, dots, hyphens and underscores, or an access point's ARN",
    )
}
