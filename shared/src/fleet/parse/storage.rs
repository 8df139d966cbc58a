//! The rules of `[[environment.storage]]`: buckets, parts of buckets, and other storage.

mod by_prefix;
mod resource;

use toml::de::DeValue;

use self::resource::read_resource;
use super::fault::Faults;
use super::refresh::{MAX_ERROR, read_max_error};
use super::scope::{Context, allowed_keys, read_scope};
use super::section::{Section, Text};
use crate::fleet::{BucketTarget, InventoryLocation, Measured, StorageKind};

/// Keys of a bucket's entry.
const BUCKET_KEYS: [&str; 13] = [
    "bucket",
    "by_prefix",
    "inventory",
    "kind",
    "measure",
    "prefix",
    "suffix",
    MAX_ERROR,
    "account",
    "region",
    "role_arn",
    "requester_pays",
    "source",
];

pub(super) fn read_storage(
    faults: &mut Faults<'_>,
    section: &Section<'_>,
    context: Context<'_>,
) -> Option<BucketTarget> {
    match read_kind(faults, section)? {
        StorageKind::S3 => read_bucket(faults, section, context),
        kind => read_resource(faults, section, context, kind),
    }
}

/// Returns the kind of the entry, which is S3 by default; `None` if it is unknown.
fn read_kind(faults: &mut Faults<'_>, section: &Section<'_>) -> Option<StorageKind> {
    let Some(text) = section.optional_text(faults, "kind") else {
        return section.get("kind").is_none().then_some(StorageKind::S3);
    };
    let kind = StorageKind::from_name(text.value);
    if kind.is_none() {
        let allowed = StorageKind::NAMES.join(", ");
        let reason = format!("{:?} is unknown; allowed: {allowed}", text.value);
        faults.add(text.offset, &section.field("kind"), reason);
    }
    kind
}

fn read_bucket(
    faults: &mut Faults<'_>,
    section: &Section<'_>,
    context: Context<'_>,
) -> Option<BucketTarget> {
    section.check_keys(faults, &allowed_keys(&BUCKET_KEYS, context));
    let bucket = section.required_text(faults, "bucket");
    let bucket = section.checked(faults, "bucket", bucket, |text| {
        StorageKind::S3.check_id(text)
    });
    let prefix = section.optional_text(faults, "prefix").map(Text::to_owned);
    let suffix = section.optional_text(faults, "suffix").map(Text::to_owned);
    let measure = read_measured(faults, section);
    if measure.cloudwatch && (prefix.is_some() || suffix.is_some()) {
        let offset = section
            .get("measure")
            .map_or(section.offset, |value| value.span().start);
        let reason =
            "\"cloudwatch\" measures the whole bucket: it cannot be used with a prefix or suffix";
        faults.add(offset, &section.field("measure"), reason);
    }
    let scope = read_scope(faults, section, context);
    let requester_pays = section.boolean(faults, "requester_pays").unwrap_or(false);
    let (inventory, chooses_source) = read_inventory(faults, section);
    let prefix = prefix.unwrap_or_default();
    let by_prefix = by_prefix::read(faults, section, &prefix);
    Some(BucketTarget {
        prefix,
        suffix: suffix.unwrap_or_default(),
        measure,
        scope,
        requester_pays,
        inventory,
        chooses_source,
        by_prefix,
        max_error: read_max_error(faults, section).or(context.max_error),
        ..BucketTarget::whole(context.environment, bucket?)
    })
}

/// Returns where the reports are, if they are a source of the size; naming them is enough for that. Also whether the
/// collector chooses between them and a listing.
fn read_inventory(
    faults: &mut Faults<'_>,
    section: &Section<'_>,
) -> (Option<InventoryLocation>, bool) {
    let location = section.optional_text(faults, "inventory").and_then(|text| {
        InventoryLocation::parse(text.value)
            .map_err(|rule| faults.add(text.offset, &section.field("inventory"), rule))
            .ok()
    });
    let Some(source) = section.optional_text(faults, "source") else {
        return (location, false);
    };
    let has_reports = section.get("inventory").is_some();
    let reason = match source.value {
        "listing" => return (None, false),
        "inventory" if has_reports => return (location, false),
        "auto" if has_reports => return (location, true),
        "inventory" | "auto" => format!(
            "{:?} needs the key `inventory`, the folder with the reports",
            source.value
        ),
        other => format!("{other:?} is unknown; allowed: listing, inventory, auto"),
    };
    faults.add(source.offset, &section.field("source"), reason);
    (None, false)
}

fn read_measured(faults: &mut Faults<'_>, section: &Section<'_>) -> Measured {
    let Some(value) = section.get("measure") else {
        return Measured::default();
    };
    let text = |part: &'_ DeValue<'_>| match part {
        DeValue::String(text) => text.to_string(),
        _ => String::new(),
    };
    let parts: Vec<String> = match value.get_ref() {
        DeValue::Array(array) => array.iter().map(|part| text(part.get_ref())).collect(),
        _ => vec![String::new()],
    };
    let allowed = [
        "current",
        "noncurrent",
        "delete_markers",
        "multipart",
        "cloudwatch",
    ];
    let has = |name: &str| parts.iter().any(|part| part == name);
    let is_known = parts.iter().all(|part| allowed.contains(&part.as_str()));
    // The size is that of the current objects, so they are always measured.
    if !is_known || !has("current") {
        let reason = "must be a list with \"current\", and optionally \"noncurrent\", \"delete_markers\", \"multipart\" and \"cloudwatch\"";
        faults.add(value.span().start, &section.field("measure"), reason);
    }
    Measured {
        noncurrent: has("noncurrent"),
        delete_markers: has("delete_markers"),
        multipart: has("multipart"),
        cloudwatch: has("cloudwatch"),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::testing::fleet::FleetBuilder;

    pub(super) fn parse(entry: &str) -> Result<BucketTarget, String> {
        let fleet = FleetBuilder::with("a").storage(entry).parse()?;
        Ok(fleet.buckets()[0].clone())
    }

    #[test]
    fn current_objects_and_uploads_are_measured_unless_the_file_says_otherwise() {
        let whole = parse("bucket = \"files\"").unwrap();
        let all = "bucket = \"files\"\nmeasure = [\"current\", \"noncurrent\", \"delete_markers\", \"multipart\"]";
        let least = parse("bucket = \"files\"\nmeasure = [\"current\"]").unwrap();

        assert_eq!(whole, BucketTarget::whole("a", "files"));
        assert!(whole.measure.multipart && !whole.measure.needs_versions());
        assert!(parse(all).unwrap().measure.needs_versions());
        assert!(!least.measure.multipart && !least.measure.needs_versions());
    }

    #[test]
    fn a_bucket_is_listed_unless_it_has_an_inventory() {
        let inventory = "bucket = \"files\"\ninventory = \"s3://inventories/files/daily/\"";
        let location = InventoryLocation {
            bucket: "inventories".into(),
            prefix: "files/daily".into(),
        };

        assert_eq!(parse("bucket = \"files\"").unwrap().inventory, None);
        assert_eq!(parse(inventory).unwrap().inventory, Some(location.clone()));
        for (source, expected, chooses) in [
            ("inventory", Some(location.clone()), false),
            ("auto", Some(location), true),
            ("listing", None, false),
        ] {
            let target = parse(&format!("{inventory}\nsource = \"{source}\"")).unwrap();
            assert_eq!(
                (target.inventory, target.chooses_source),
                (expected, chooses)
            );
        }
    }

    #[test]
    fn a_source_that_is_unknown_or_has_no_reports_is_a_fault() {
        for (entry, expected) in [
            ("source = \"inventory\"", "needs the key `inventory`"),
            ("source = \"auto\"", "needs the key `inventory`"),
            ("source = \"athena\"", "allowed: listing, inventory, auto"),
            (
                "inventory = \"s3://inventories\"",
                "must be s3://DESTINATION",
            ),
            (
                "inventory = \"inventories/daily\"",
                "must be s3://DESTINATION",
            ),
        ] {
            let fault = parse(&format!("bucket = \"files\"\n{entry}")).unwrap_err();
            assert!(fault.contains(expected), "{fault}");
        }
    }

    #[test]
    fn a_list_without_current_objects_or_with_other_words_is_a_fault() {
        for measure in [
            "[]",
            "[\"multipart\"]",
            "[\"current\", \"versions\"]",
            "\"current\"",
            "[\"current\", 1]",
        ] {
            let fault = parse(&format!("bucket = \"files\"\nmeasure = {measure}")).unwrap_err();
            assert!(
                fault.contains("storage[0].measure: must be a list"),
                "{measure}: {fault}"
            );
        }
    }

    #[test]
    fn metrics_of_a_whole_bucket_are_not_available_for_a_part_of_it() {
        let measure = "measure = [\"current\", \"cloudwatch\"]";

        assert!(
            parse(&format!("bucket = \"files\"\n{measure}"))
                .unwrap()
                .measure
                .cloudwatch
        );
        for part in ["prefix = \"a/\"", "suffix = \".pdf\""] {
            let fault = parse(&format!("bucket = \"files\"\n{part}\n{measure}")).unwrap_err();
            assert!(
                fault.contains("storage[0].measure: \"cloudwatch\" measures the whole bucket"),
                "{fault}"
            );
        }
    }

    #[test]
    fn a_bucket_may_name_its_kind_and_an_unknown_one_is_a_fault() {
        assert_eq!(
            parse("kind = \"s3\"\nbucket = \"files\""),
            parse("bucket = \"files\"")
        );
        for kind in ["tape", "S3", "db"] {
            let fault = parse(&format!("kind = \"{kind}\"\nbucket = \"files\"")).unwrap_err();
            let expected = format!(
                "fleet.toml:4: environment[0].storage[0].kind: {kind:?} is unknown; allowed: s3, efs, ebs, rds, \
                 aurora, dynamodb"
            );
            assert!(fault.contains(&expected), "{kind}: {fault}");
        }
        let missing = parse("kind = \"s3\"").unwrap_err();
        assert!(missing.contains("storage[0].bucket: is missing"));
        let other = parse("bucket = \"files\"\nallocated_gib = 5").unwrap_err();
        assert!(other.contains("storage[0].allocated_gib: unknown key"));
    }
}
