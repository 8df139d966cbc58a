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

/// Name of the session in the role's audit trail.
const SESSION_NAME: &str = "mrt-api";

/// Assumes one role at each request. Callers cache the credentials until they expire.
#[derive(Debug)]
pub(super) struct AssumedRole {
    client: Client,
    role_arn: String,
}

impl AssumedRole {
    /// Returns a provider that assumes the role with the credentials of `base`. Needs `sts:AssumeRole` on the role.
    pub(super) fn new(base: &SdkConfig, role_arn: &str) -> Self {
        // Without a cache: the cache that it fills may call it.
        let config = base.to_builder().identity_cache(IdentityCache::no_cache());
        Self {
            client: Client::new(&config.build()),
            role_arn: role_arn.to_owned(),
        }
    }

    async fn assume(&self) -> provider::Result {
        let request = self.client.assume_role().role_arn(&self.role_arn);
        let response = request.role_session_name(SESSION_NAME).send().await;
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

/// Maps an error of STS. Drops the error itself, because a malformed response may contain credentials.
fn error_from_sdk(error: SdkError<AssumeRoleError>) -> CredentialsError {
    let reason = super::failure_of(&error);
    match error.as_service_error() {
        Some(
            AssumeRoleError::RegionDisabledException(_)
            | AssumeRoleError::MalformedPolicyDocumentException(_),
        ) => CredentialsError::invalid_configuration(reason),
        _ => CredentialsError::provider_error(reason),
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
