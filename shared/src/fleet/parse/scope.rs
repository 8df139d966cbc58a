//! The rules of `region`, `account` and `role_arn`, which several entries have.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::fault::Faults;
use super::money::day;
use super::section::{Section, Text};
use crate::fleet::{Account, MaxError};
use crate::location::AwsScope;

/// Key of the day since which a target is gone.
const GONE: &str = "gone_since";
/// Keys of a scope.
pub(super) const SCOPE_KEYS: [&str; 3] = ["account", "region", "role_arn"];

/// What entries of an environment refer to.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    /// Name of the environment.
    pub(super) environment: &'a str,
    /// Accounts of the file.
    pub(super) accounts: &'a BTreeMap<String, Account>,
    /// Whether discovery wrote the file, which says since when targets are gone.
    pub(super) is_discovered: bool,
    /// How far totals of the environment may be off; `None` where it does not say.
    pub(super) max_error: Option<MaxError>,
}

/// Reads the scope of an entry. An account decides role and external id, and the region if it has one only.
pub(super) fn read_scope(
    faults: &mut Faults<'_>,
    section: &Section<'_>,
    context: Context<'_>,
) -> AwsScope {
    let region_text = section.optional_text(faults, "region");
    let region = section.checked(faults, "region", region_text, |text| {
        if is_region(text) {
            Ok(())
        } else {
            Err("is not a region, such as eu-west-1")
        }
    });
    let role_arn = section.optional_text(faults, "role_arn");
    let role_arn = section.checked(faults, "role_arn", role_arn, |text| {
        let is_role =
            text.starts_with("arn:") && text.contains(":iam::") && text.contains(":role/");
        if is_role {
            Ok(())
        } else {
            Err("is not a role, such as arn:aws:iam::123456789012:role/mrt-reader")
        }
    });
    let Some(account) = find_account(faults, section, context) else {
        let environment = role_arn.is_some().then(|| context.environment.to_owned());
        return AwsScope {
            region,
            role_arn,
            external_id: None,
            environment,
        };
    };
    if let Some(value) = section.get("role_arn") {
        let reason = "cannot be used together with account, which has a role";
        faults.add(value.span().start, &section.field("role_arn"), reason);
    }
    let region = match (region, account.regions.as_slice()) {
        (None, [only]) => Some(only.clone()),
        (None, [_, _, ..]) if section.get("region").is_none() => {
            let regions = account.regions.join(", ");
            let reason = format!(
                "is missing: account {} has several regions: {regions}",
                account.id
            );
            faults.add(section.offset, &section.field("region"), reason);
            None
        }
        (Some(region), regions) if !regions.is_empty() && !regions.contains(&region) => {
            let reason = format!(
                "{region:?} is not a region of account {}; allowed: {}",
                account.id,
                regions.join(", ")
            );
            let offset = region_text.map_or(section.offset, |text| text.offset);
            faults.add(offset, &section.field("region"), reason);
            None
        }
        (region, _) => region,
    };
    AwsScope {
        role_arn: Some(account.role_arn(region.as_deref())),
        external_id: account.external_id.clone(),
        environment: Some(context.environment.to_owned()),
        region,
    }
}

/// Reads since when the target of an entry is gone.
pub(super) fn read_gone(
    faults: &mut Faults<'_>,
    section: &Section<'_>,
    context: Context<'_>,
) -> Option<NaiveDate> {
    if !context.is_discovered {
        return None;
    }
    let text = section.optional_text(faults, GONE);
    let text = section.checked(faults, GONE, text, day);
    text.and_then(|text| text.parse().ok())
}

/// Returns `keys`, and the one that only discovery writes.
pub(super) fn allowed_keys(keys: &[&'static str], context: Context<'_>) -> Vec<&'static str> {
    let gone = context.is_discovered.then_some(GONE);
    keys.iter().copied().chain(gone).collect()
}

/// Returns the account that the entry names.
fn find_account<'a>(
    faults: &mut Faults<'_>,
    section: &Section<'_>,
    context: Context<'a>,
) -> Option<&'a Account> {
    let Text { value, offset } = section.optional_text(faults, "account")?;
    let found = context.accounts.get(value);
    if found.is_none() {
        let ids: Vec<_> = context.accounts.keys().map(String::as_str).collect();
        let allowed = match ids.as_slice() {
            [] => "the file has no [[account]]".to_owned(),
            [first @ .., _] if first.len() >= SHOWN_ACCOUNTS => {
                let shown = ids[..SHOWN_ACCOUNTS].join(", ");
                format!(
                    "it is none of the {} [[account]]s: {shown} and so on",
                    ids.len()
                )
            }
            _ => format!("allowed are the [[account]]s {}", ids.join(", ")),
        };
        let reason = format!("{value:?} is unknown; {allowed}");
        faults.add(offset, &section.field("account"), reason);
    }
    found
}

/// Accounts that a fault lists.
const SHOWN_ACCOUNTS: usize = 10;

pub(super) fn is_region(text: &str) -> bool {
    let is_known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.bytes().all(is_known)
}
