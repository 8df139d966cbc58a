//! Parses ARNs. Text only, no I/O.

/// Returns the region of a secret's ARN; `None` when the text is no such ARN.
pub(crate) fn secret_region(arn: &str) -> Option<&str> {
    let mut parts = arn.splitn(7, ':');
    let is_aws = parts.next() == Some("arn") && parts.next()?.starts_with("aws");
    let is_secret = parts.next() == Some("secretsmanager");
    let region = parts.next().filter(|region| !region.is_empty())?;
    let account = parts.next()?;
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let is_named =
        parts.next() == Some("secret") && parts.next().is_some_and(|name| !name.is_empty());
    (is_aws && is_secret && is_account && is_named).then_some(region)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_of_a_secret_is_in_its_arn() {
        let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-1:2-AbCdEf";
        assert_eq!(secret_region(arn), Some("eu-west-1"));
        assert_eq!(
            secret_region(
                "arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:x-AbCdEf"
            ),
            Some("us-gov-west-1")
        );
        for bad in [
            "",
            "NEVERLEAK",
            "arn:aws:s3:::bucket",
            "arn:aws:secretsmanager::123456789012:secret:x",
            "arn:aws:secretsmanager:eu-west-1:12:secret:x",
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:",
            "arn:aws:secretsmanager:eu-west-1:123456789012:other:x",
        ] {
            assert_eq!(secret_region(bad), None, "{bad}");
        }
    }
}
