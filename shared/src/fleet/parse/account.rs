//! The rules of `[[account]]`: accounts whose targets are read with a role there.

use std::collections::BTreeMap;

use super::fault::Faults;
use super::scope::is_region;
use super::section::Section;
use crate::fleet::{Account, DEFAULT_ROLE};

/// Most accounts of one file; an organisation has at most 10,000 by default.
pub const MAX_ACCOUNTS: usize = 10_000;
/// Most regions of one account; AWS has fewer than 40.
const MAX_REGIONS: usize = 64;

pub(super) fn read_accounts(
    faults: &mut Faults<'_>,
    root: &Section<'_>,
) -> BTreeMap<String, Account> {
    let mut accounts = BTreeMap::new();
    for section in root.sub_tables(faults, "account", MAX_ACCOUNTS) {
        let Some(account) = read_account(faults, &section) else {
            continue;
        };
        let id = account.id.clone();
        if accounts.insert(id.clone(), account).is_some() {
            let reason = format!("{id:?} is used twice");
            faults.add(section.offset, &section.field("id"), reason);
        }
    }
    accounts
}

fn read_account(faults: &mut Faults<'_>, section: &Section<'_>) -> Option<Account> {
    section.check_keys(faults, &["id", "role", "external_id", "regions"]);
    let id = section.required_text(faults, "id");
    let id = section.checked(faults, "id", id, |text| {
        if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(())
        } else {
            Err("is not an account: twelve digits")
        }
    });
    let role = section.optional_text(faults, "role");
    let role = section.checked(faults, "role", role, |text| {
        let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_/-".contains(&byte);
        let is_name = !text.starts_with('/') && !text.ends_with('/') && text.bytes().all(is_known);
        if is_name && text.len() <= 512 {
            Ok(())
        } else {
            Err("is not the name of a role, such as mrt-reader: letters, digits and +=,.@_-, with its path before it, if it has one")
        }
    });
    let external_id = section.optional_text(faults, "external_id");
    let external_id = section.checked(faults, "external_id", external_id, |text| {
        let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@:/_-".contains(&byte);
        if (2..=1224).contains(&text.len()) && text.bytes().all(is_known) {
            Ok(())
        } else {
            Err("is not an external id: 2 to 1224 letters, digits and +=,.@:/_-")
        }
    });
    let regions = read_regions(faults, section);
    Some(Account {
        id: id?,
        role: role.unwrap_or_else(|| DEFAULT_ROLE.to_owned()),
        external_id,
        regions,
    })
}

/// Reads the list `regions`, without repetitions.
pub(super) fn read_regions(faults: &mut Faults<'_>, section: &Section<'_>) -> Vec<String> {
    let mut regions = Vec::new();
    let allowed = "a list of regions, such as [\"eu-west-1\"]";
    for (field, entry) in section.entries(faults, "regions", allowed, MAX_REGIONS) {
        match entry.get_ref().as_str() {
            Some(text) if is_region(text) && !regions.contains(&text.to_owned()) => {
                regions.push(text.to_owned());
            }
            Some(text) if is_region(text) => {
                let reason = format!("repeats {text:?}");
                faults.add(entry.span().start, &field, reason);
            }
            _ => faults.add(
                entry.span().start,
                &field,
                "is not a region, such as eu-west-1",
            ),
        }
    }
    regions
}

#[cfg(test)]
mod tests {
    use crate::fleet::Fleet;
    use crate::location::AwsScope;
    use crate::testing::fleet::FleetBuilder;

    const ACCOUNTS: &str = r#"
[[account]]
id = "123456789012"
external_id = "sixteen-characters"
regions = ["eu-west-1"]
[[account]]
id = "210987654321"
role = "platform/reader"
regions = ["eu-west-1", "eu-central-1"]
[[account]]
id = "310987654321"
[[account]]
id = "410987654321"
regions = ["cn-north-1"]
"#;

    fn parse(account: &str, keys: &str) -> Result<Fleet, String> {
        FleetBuilder::with("acme-prod")
            .bucket("files", &format!("account = \"{account}\"\n{keys}"))
            .toml(ACCOUNTS)
            .parse()
    }

    fn scope(account: &str, keys: &str) -> AwsScope {
        parse(account, keys).unwrap().buckets()[0].scope.clone()
    }

    #[test]
    fn an_entry_of_an_account_has_its_role_external_id_and_only_region() {
        assert_eq!(
            scope("123456789012", ""),
            AwsScope {
                region: Some("eu-west-1".into()),
                role_arn: Some("arn:aws:iam::123456789012:role/mrt-reader".into()),
                external_id: Some("sixteen-characters".into()),
                environment: Some("acme-prod".into()),
            }
        );
        let second = scope("210987654321", "region = \"eu-central-1\"");
        assert_eq!(second.region.as_deref(), Some("eu-central-1"));
        let role = "arn:aws:iam::210987654321:role/platform/reader";
        assert_eq!(second.role_arn.as_deref(), Some(role));
        assert_eq!(second.external_id, None);
        assert_eq!(scope("310987654321", "").region, None);
        let china = scope("410987654321", "").role_arn.unwrap();
        assert!(china.starts_with("arn:aws-cn:iam::"), "{china}");
    }

    #[test]
    fn databases_and_constants_are_of_accounts_too() {
        let fleet = FleetBuilder::with("acme-prod")
            .database(
                crate::fleet::Engine::Postgres,
                "db",
                "acme",
                "account = \"123456789012\"",
            )
            .toml(
                "[environment.constants]\nmodel = \"s3://a/b\"\naccount = \"123456789012\"\n\
                 layers = [\"s3://a/c\", { kind = \"secret\", id = \"x\", account = \"310987654321\" }]",
            )
            .toml(ACCOUNTS)
            .parse()
            .unwrap();

        let constants = fleet.environment("acme-prod").unwrap().constants.clone();
        let constants = constants.unwrap();
        for scope in [
            &fleet.databases()[0].scope,
            &constants.scope,
            &constants.layers[0].scope,
        ] {
            assert_eq!(scope.external_id.as_deref(), Some("sixteen-characters"));
            assert_eq!(scope.environment.as_deref(), Some("acme-prod"));
        }
        let other = &constants.layers[1].scope;
        assert!(other.role_arn.as_deref().unwrap().contains("310987654321"));
        assert_eq!(other.external_id, None);
    }

    #[test]
    fn every_fault_of_an_account_is_named_with_what_is_allowed() {
        let known = "123456789012, 210987654321, 310987654321, 410987654321";
        for (account, keys, expected) in [
            (
                "999999999999",
                "",
                format!("storage[0].account: \"999999999999\" is unknown; allowed are the [[account]]s {known}"),
            ),
            (
                "210987654321",
                "",
                "storage[0].region: is missing: account 210987654321 has several regions: eu-west-1, eu-central-1".into(),
            ),
            (
                "123456789012",
                "region = \"us-east-1\"",
                "storage[0].region: \"us-east-1\" is not a region of account 123456789012; allowed: eu-west-1".into(),
            ),
            (
                "123456789012",
                "role_arn = \"arn:aws:iam::123456789012:role/a\"",
                "storage[0].role_arn: cannot be used together with account".into(),
            ),
        ] {
            let fault = parse(account, keys).unwrap_err();
            assert!(fault.contains(&expected), "{fault}");
            assert_eq!(fault.lines().count(), 1, "{fault}");
        }
        for (keys, expected) in [
            ("", "account[0].id: is missing"),
            (
                "id = \"12\"",
                "account[0].id: \"12\" is not an account: twelve digits",
            ),
            (
                "id = 123456789012",
                "account[0].id: is integer, must be a string",
            ),
            (
                "id = \"123456789012\"\nrole = \"/a\"",
                "account[0].role: \"/a\" is not the name of a role",
            ),
            (
                "id = \"123456789012\"\nexternal_id = \"a b\"",
                "account[0].external_id: \"a b\" is not an external id",
            ),
            (
                "id = \"123456789012\"\nregions = [\"Ireland\"]",
                "account[0].regions[0]: is not a region, such as eu-west-1",
            ),
            (
                "id = \"123456789012\"\nregions = [\"eu-west-1\", \"eu-west-1\"]",
                "account[0].regions[1]: repeats \"eu-west-1\"",
            ),
            (
                "id = \"123456789012\"\nname = \"acme\"",
                "account[0].name: unknown key; allowed keys: id, role, external_id, regions",
            ),
            (
                "id = \"123456789012\"\n[[account]]\nid = \"123456789012\"",
                "account[1].id: \"123456789012\" is used twice",
            ),
        ] {
            let file = FleetBuilder::with("a").toml(&format!("[[account]]\n{keys}"));
            let fault = file.parse().unwrap_err();
            assert!(fault.contains(expected), "{fault}");
        }
        let none = FleetBuilder::with("a").bucket("files", "account = \"123456789012\"");
        let fault = none.parse().unwrap_err();
        assert!(fault.contains("the file has no [[account]]"), "{fault}");
    }
}
