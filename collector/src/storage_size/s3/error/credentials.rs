//! Credentials that are missing or have expired: where they come from, and what to do there.

use std::error::Error;

use aws_credential_types::Credentials;
use aws_credential_types::credential_feature::AwsCredentialFeature as Feature;
use aws_credential_types::provider::error::CredentialsError;

use super::timeout;
use crate::error::MeasureError;

/// Returns the error for missing credentials.
pub(in crate::storage_size::s3) fn missing() -> MeasureError {
    no_credentials(
        "there are no AWS credentials for the bucket, or its role_arn could not be assumed",
    )
}

/// Maps an error of the provider of credentials, which come from `profile`.
pub(in crate::storage_size::s3) fn error_from_provider(
    error: CredentialsError,
    profile: Option<&str>,
) -> MeasureError {
    missing_because(&error, profile).caused_by(error)
}

/// Returns why there are no credentials.
pub(super) fn missing_because(error: &CredentialsError, profile: Option<&str>) -> MeasureError {
    if matches!(error, CredentialsError::ProviderTimedOut(_)) {
        return timeout();
    }
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        let text = error.to_string().to_ascii_lowercase();
        // The provider's errors have no type for it.
        if text.contains("credential_process") || text.contains("external process") {
            let of_profile = of_profile(profile);
            return no_credentials(&format!(
                "the credential_process of {of_profile} failed: run its command by hand"
            ));
        }
        if text.contains("sso") {
            let login = sso_login(profile);
            return no_credentials(&format!(
                "the session of single sign-on is missing or has expired: {login}"
            ));
        }
        next = error.source();
    }
    missing()
}

/// Returns the reason that `credentials` have expired, and newer ones were no better. `role_arn` is that of the target.
pub(in crate::storage_size::s3) fn expired(
    credentials: &Credentials,
    role_arn: Option<&str>,
    profile: Option<&str>,
) -> String {
    let features = credentials.get_property::<Vec<Feature>>();
    let features = features.map(Vec::as_slice).unwrap_or_default();
    let has = |any: &[Feature]| any.iter().any(|feature| features.contains(feature));
    let profile_name = of_profile(profile);
    let source = if role_arn.is_some() {
        "those of the target's role_arn: assuming the role again gave none that is valid".to_owned()
    } else if has(&[Feature::CredentialsSso, Feature::CredentialsProfileSso]) {
        format!("those of single sign-on: {}", sso_login(profile))
    } else if has(&[
        Feature::CredentialsProcess,
        Feature::CredentialsProfileProcess,
    ]) {
        format!("those of the credential_process of {profile_name}: it returned none that is valid")
    } else if has(&[Feature::CredentialsStsAssumeRole]) {
        format!("those of the role in {profile_name}: assuming it again gave none that is valid")
    } else if has(&[
        Feature::CredentialsEnvVarsStsWebIdToken,
        Feature::CredentialsStsAssumeRoleWebId,
    ]) {
        "those of the role of a web identity (AWS_WEB_IDENTITY_TOKEN_FILE)".to_owned()
    } else if has(&[Feature::CredentialsHttp]) {
        "those of the container's role".to_owned()
    } else if has(&[Feature::CredentialsImds]) {
        "those of the instance's role".to_owned()
    } else if has(&[Feature::CredentialsProfile]) {
        format!("those in {profile_name}: renew its session token")
    } else {
        "those in the environment (AWS_ACCESS_KEY_ID, AWS_SESSION_TOKEN): set new ones".to_owned()
    };
    format!("the AWS credentials have expired, {source}")
}

fn no_credentials(reason: &str) -> MeasureError {
    MeasureError::permanent("credentials_missing", reason)
}

fn of_profile(profile: Option<&str>) -> String {
    profile.map_or_else(
        || "the default profile".to_owned(),
        |name| format!("the profile {name}"),
    )
}

fn sso_login(profile: Option<&str>) -> String {
    let option = profile.map_or_else(String::new, |name| format!(" --profile {name}"));
    format!("run aws sso login{option}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_session_of_single_sign_on_says_what_to_run() {
        let error = CredentialsError::invalid_configuration("the SSO token has expired");

        let of_profile = missing_because(&error, Some("prod"));
        let of_default = missing_because(&error, None);

        assert!(
            of_profile
                .reason
                .ends_with(": run aws sso login --profile prod"),
            "{}",
            of_profile.reason
        );
        assert!(of_default.reason.ends_with("aws sso login"));
        let none = missing_because(&CredentialsError::not_loaded_no_source(), None);
        assert!(!none.reason.contains("sso"), "{}", none.reason);
    }

    #[test]
    fn expired_credentials_name_their_source() {
        for (features, role_arn, expected) in [
            (
                vec![Feature::CredentialsSso],
                None,
                "aws sso login --profile prod",
            ),
            (
                vec![Feature::CredentialsProcess],
                None,
                "credential_process of the profile prod",
            ),
            (
                vec![Feature::CredentialsStsAssumeRole],
                None,
                "the role in the profile prod",
            ),
            (
                vec![Feature::CredentialsProfile],
                None,
                "renew its session token",
            ),
            (vec![Feature::CredentialsEnvVars], None, "AWS_SESSION_TOKEN"),
            (vec![Feature::CredentialsImds], None, "instance"),
            (vec![], None, "AWS_SESSION_TOKEN"),
            (vec![Feature::CredentialsSso], Some("arn"), "role_arn"),
        ] {
            let mut credentials = Credentials::new("AKID", "NEVERLEAK", None, None, "test");
            *credentials.get_property_mut_or_default::<Vec<Feature>>() = features;

            let reason = expired(&credentials, role_arn, Some("prod"));

            assert!(reason.contains(expected), "{reason}");
            assert!(!reason.contains("NEVERLEAK"), "{reason}");
        }
    }
}
