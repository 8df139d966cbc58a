//! Credentials of an assumed role, for example in another account.
//!
//! The SDK's own provider would add the loaders of profiles and metadata to every function's zip.

use std::time::SystemTime;

use aws_config::SdkConfig;
use aws_config::identity::IdentityCache;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, future};
use aws_sdk_sts::Client;
use aws_sdk_sts::error::SdkError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;

use super::failure::{RoleRefused, failure_of};
use crate::location::AwsScope;

/// Longest name of a session.
const MAX_SESSION_NAME: usize = 64;
/// Part of a session's name that is the function's, at least: the length of `collect-bucket-size`.
const FUNCTION_SHARE: usize = 19;

/// Assumes one role at each request. Callers cache the credentials until they expire.
#[derive(Debug)]
pub(super) struct AssumedRole {
    client: Client,
    role_arn: String,
    external_id: Option<String>,
    session_name: String,
}

impl AssumedRole {
    /// Returns a provider that assumes the role `role_arn` of `scope` with the credentials of `base`, and names `program`
    /// in the role's audit trail. Needs `sts:AssumeRole` on the role.
    pub(super) fn new(base: &SdkConfig, role_arn: &str, scope: &AwsScope, program: &str) -> Self {
        // Without a cache: the cache that it fills may call it.
        let config = base.to_builder().identity_cache(IdentityCache::no_cache());
        Self {
            client: Client::new(&config.build()),
            role_arn: role_arn.to_owned(),
            external_id: scope.external_id.clone(),
            session_name: session_name(program, scope.environment.as_deref()),
        }
    }

    async fn assume(&self) -> provider::Result {
        let request = self.client.assume_role().role_arn(&self.role_arn);
        let request = request
            .role_session_name(&self.session_name)
            .set_external_id(self.external_id.clone());
        let response = request.send().await;
        let credentials = response.map_err(error_from_sdk)?.credentials;
        let credentials = credentials
            .ok_or_else(|| CredentialsError::unhandled("STS returned no credentials"))?;
        let expires_at = SystemTime::try_from(credentials.expiration)
            .map_err(|_| CredentialsError::unhandled("STS returned an invalid time"))?;
        Ok(Credentials::new(
            credentials.access_key_id,
            credentials.secret_access_key,
            Some(credentials.session_token),
            Some(expires_at),
            "AssumedRole",
        ))
    }
}

/// Returns the name of a session: `ENVIRONMENT@PROGRAM`, or the program alone.
///
/// Where both do not fit, a program loses its start, which is the stack's name, before an environment loses its end.
fn session_name(program: &str, environment: Option<&str>) -> String {
    let is_allowed =
        |character: &char| character.is_ascii_alphanumeric() || "_+=,.@-".contains(*character);
    let program: Vec<_> = program.chars().filter(is_allowed).collect();
    let last = |most: usize| program[program.len().saturating_sub(most)..].iter();
    let Some(environment) = environment else {
        return last(MAX_SESSION_NAME).collect();
    };
    let share = FUNCTION_SHARE.min(program.len());
    let most = MAX_SESSION_NAME - 1 - share;
    let mut name: String = environment.chars().filter(is_allowed).take(most).collect();
    name.push('@');
    let left = MAX_SESSION_NAME - name.len();
    name.extend(last(left));
    name
}

/// Maps an error of STS. Drops the error itself, because a malformed response may contain credentials.
fn error_from_sdk(error: SdkError<AssumeRoleError>) -> CredentialsError {
    let reason = failure_of(&error);
    match error.as_service_error() {
        Some(
            AssumeRoleError::RegionDisabledException(_)
            | AssumeRoleError::MalformedPolicyDocumentException(_),
        ) => CredentialsError::invalid_configuration(RoleRefused(reason)),
        _ => CredentialsError::provider_error(RoleRefused(reason)),
    }
}

impl ProvideCredentials for AssumedRole {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.assume())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_names_environment_and_function_and_fits() {
        let stack = "s".repeat(44);
        let long = format!("{stack}-collect-bucket-size");
        let (short, longest) = ("acme-prod", "e".repeat(63));
        for (program, environment, expected) in [
            (
                "mrt-api-users",
                Some(short),
                "acme-prod@mrt-api-users".to_owned(),
            ),
            ("mrt-plan", None, "mrt-plan".to_owned()),
            ("mrt plan/ü", None, "mrtplan".to_owned()),
            (
                &long,
                Some(short),
                format!("{short}@{}-collect-bucket-size", "s".repeat(34)),
            ),
            (
                &long,
                Some(&longest),
                format!("{}@collect-bucket-size", "e".repeat(44)),
            ),
            ("mrt", Some(&longest), format!("{}@mrt", "e".repeat(60))),
        ] {
            let name = session_name(program, environment);
            assert_eq!(name, expected);
            assert!(name.len() <= MAX_SESSION_NAME);
        }
    }
}
