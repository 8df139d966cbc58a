//! Entries of storage other than buckets: kind, id and scope.

use super::BUCKET_KEYS;
use crate::fleet::parse::database::MAX_ALLOCATED_GIB;
use crate::fleet::parse::fault::Faults;
use crate::fleet::parse::scope::{Context, allowed_keys, read_scope};
use crate::fleet::parse::section::Section;
use crate::fleet::{BucketTarget, StorageKind};

/// Keys of all kinds.
const KEYS: [&str; 5] = ["id", "kind", "account", "region", "role_arn"];

pub(super) fn read_resource(
    faults: &mut Faults<'_>,
    section: &Section<'_>,
    context: Context<'_>,
    kind: StorageKind,
) -> Option<BucketTarget> {
    let has_allocation = kind == StorageKind::Rds;
    let mut allowed = allowed_keys(&KEYS, context);
    if has_allocation {
        allowed.push("allocated_gib");
    }
    check_keys(faults, section, kind, &allowed);
    let id = section.required_text(faults, "id");
    let id = section.checked(faults, "id", id, |text| kind.check_id(text));
    let scope = read_scope(faults, section, context);
    let mut allocated_gib = None;
    if has_allocation {
        if section.get("allocated_gib").is_none() {
            let reason = "is missing: CloudWatch reports only the free storage of an instance";
            faults.add(section.offset, &section.field("allocated_gib"), reason);
        }
        allocated_gib = section.whole_number(faults, "allocated_gib", 1, MAX_ALLOCATED_GIB);
    }
    Some(BucketTarget {
        scope,
        allocated_gib,
        ..BucketTarget::resource(context.environment, kind, id?)
    })
}

/// Reports keys that are not `allowed`, with a special reason for those of buckets.
fn check_keys(faults: &mut Faults<'_>, section: &Section<'_>, kind: StorageKind, allowed: &[&str]) {
    for key in section.table.keys() {
        let name = key.get_ref().as_ref();
        if allowed.contains(&name) {
            continue;
        }
        let (kind, list) = (kind.as_str(), allowed.join(", "));
        let reason = if BUCKET_KEYS.contains(&name) {
            format!("is for buckets only; allowed keys of kind {kind:?}: {list}")
        } else {
            format!("unknown key of kind {kind:?}; allowed keys: {list}")
        };
        faults.add(key.span().start, &section.field(name), reason);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::parse;
    use super::*;
    use crate::testing::fleet::FleetBuilder;

    #[test]
    fn storage_of_every_kind_has_an_id_and_a_scope() {
        for (kind, id) in [
            (StorageKind::Efs, "fs-0123456789abcdef0"),
            (StorageKind::Ebs, "vol-0123456789abcdef0"),
            (StorageKind::Aurora, "acme"),
            (StorageKind::DynamoDb, "Acme.Sessions"),
        ] {
            let word = kind.as_str();
            let plain = parse(&format!("kind = \"{word}\"\nid = \"{id}\"")).unwrap();
            assert_eq!(plain, BucketTarget::resource("a", kind, id));
            assert_eq!(plain.id().as_str(), format!("a/{word}/{id}//"));
            assert!(!plain.is_whole_bucket() && !plain.measure.multipart);
        }
        let scoped = parse(
            "kind = \"rds\"\nid = \"acme-db\"\nallocated_gib = 100\nregion = \"eu-west-1\"\n\
             role_arn = \"arn:aws:iam::123456789012:role/mrt-reader\"",
        )
        .unwrap();
        assert_eq!(scoped.allocated_gib, Some(100));
        assert_eq!(scoped.scope.region.as_deref(), Some("eu-west-1"));
        assert!(scoped.scope.role_arn.unwrap().ends_with("mrt-reader"));
    }

    #[test]
    fn every_fault_of_such_an_entry_is_named() {
        let efs = "kind = \"efs\"\nid = \"fs-0123abcd\"\n";
        let keys = "id, kind, account, region, role_arn";
        for (entry, expected) in [
            ("kind = \"efs\"".to_owned(), "id: is missing".to_owned()),
            (
                "kind = \"efs\"\nid = \"files\"".to_owned(),
                "id: \"files\" is not the id of a file system: fs- and 8 to 40".to_owned(),
            ),
            (
                "kind = \"dynamodb\"\nid = \"a\"".to_owned(),
                "id: \"a\" is not the name of a table: 3 to 255".to_owned(),
            ),
            (
                format!("{efs}prefix = \"a/\""),
                format!(
                    "fleet.toml:6: environment[0].storage[0].prefix: is for buckets only; allowed keys of kind \"efs\": {keys}"
                ),
            ),
            (
                format!("{efs}measure = [\"current\"]"),
                "measure: is for buckets only".to_owned(),
            ),
            (
                format!("{efs}requester_pays = true"),
                "requester_pays: is for buckets only".to_owned(),
            ),
            (
                format!("{efs}bucket = \"files\""),
                "bucket: is for buckets only".to_owned(),
            ),
            (
                format!("{efs}allocated_gib = 5"),
                format!("allocated_gib: unknown key of kind \"efs\"; allowed keys: {keys}"),
            ),
            (
                "kind = \"rds\"\nid = \"acme\"".to_owned(),
                "allocated_gib: is missing: CloudWatch reports only the free".to_owned(),
            ),
            (
                "kind = \"rds\"\nid = \"acme\"\nallocated_gib = 0".to_owned(),
                "allocated_gib: must be a whole number from 1 to 65536".to_owned(),
            ),
        ] {
            let fault = parse(&entry).unwrap_err();
            assert!(fault.contains(&expected), "{entry}: {fault}");
        }
    }

    #[test]
    fn the_same_storage_twice_is_a_fault_and_two_kinds_of_one_name_are_not() {
        let rds = "kind = \"rds\"\nid = \"acme\"\nallocated_gib = 1";
        let with_rds = FleetBuilder::with("a").storage(rds);

        let three_kinds = with_rds
            .clone()
            .storage("kind = \"aurora\"\nid = \"acme\"")
            .storage("kind = \"dynamodb\"\nid = \"acme\"")
            .parse()
            .unwrap();
        let twice = with_rds.storage(rds).parse().unwrap_err();

        assert_eq!(three_kinds.buckets().len(), 3);
        assert!(
            twice.contains("storage[1]: repeats the kind and id of another entry"),
            "{twice}"
        );
    }
}
