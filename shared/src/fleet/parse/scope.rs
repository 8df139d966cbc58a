//! The rules of `region` and `role_arn`, which several entries have.

use super::fault::Faults;
use super::section::Section;
use crate::location::AwsScope;

pub(super) fn read_scope(faults: &mut Faults<'_>, section: &Section<'_>) -> AwsScope {
    let region = section.optional_text(faults, "region");
    let region = section.checked(faults, "region", region, |text| {
        let is_region = text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if is_region {
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
    AwsScope { region, role_arn }
}
