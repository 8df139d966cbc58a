//! Parses ARNs. Text only, no I/O.

/// Returns the region of a secret's ARN; `None` when the text is no such ARN.
pub(crate) fn secret_region(arn: &str) -> Option<&str> {
    let (region, resource) = in_service(arn, "secretsmanager")?;
    let name = resource.strip_prefix("secret:")?;
    (!name.is_empty()).then_some(region)
}

/// Returns the region of the ARN of a topic of SNS; `None` when the text is no such ARN.
pub(crate) fn topic_region(arn: &str) -> Option<&str> {
    let (region, name) = in_service(arn, "sns")?;
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (!name.is_empty() && name.bytes().all(is_known)).then_some(region)
}

/// Returns region and resource of an ARN in `service`.
fn in_service<'a>(arn: &'a str, service: &str) -> Option<(&'a str, &'a str)> {
    let mut parts = arn.splitn(6, ':');
    let is_aws = parts.next() == Some("arn") && parts.next()?.starts_with("aws");
    let is_service = parts.next() == Some(service);
    let region = parts.next().filter(|region| !region.is_empty())?;
    let account = parts.next()?;
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let resource = parts.next()?;
    (is_aws && is_service && is_account).then_some((region, resource))
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

    #[test]
    fn the_region_of_a_topic_is_in_its_arn() {
        assert_eq!(
            topic_region("arn:aws:sns:eu-west-1:123456789012:mrt.fifo"),
            Some("eu-west-1")
        );
        for bad in [
            "",
            "mrt",
            "arn:aws:sns:eu-west-1:123456789012:",
            "arn:aws:sns:eu-west-1:123456789012:mrt:0123-subscription",
            "arn:aws:sqs:eu-west-1:123456789012:mrt",
        ] {
            assert_eq!(topic_region(bad), None, "{bad}");
        }
    }
}
