//! Credentials of a role that is assumed, in another account for instance.
//!
//! The SDK's own provider brings the loader of profiles and metadata with it, into every function's zip.

use std::time::SystemTime;

use aws_config::SdkConfig;
use aws_config::identity::IdentityCache;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, future};
use aws_sdk_sts::Client;
use aws_sdk_sts::error::SdkError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;

/// What the role's trail of calls shows as the session's name.
const SESSION_NAME: &str = "mrt-api";

/// Assumes one role whenever it is asked: whoever holds it keeps the credentials until they expire.
#[derive(Debug)]
pub(super) struct AssumedRole {
    client: Client,
    role_arn: String,
}

impl AssumedRole {
    /// Returns the role, to be assumed with the credentials of `base`. Needs `sts:AssumeRole` on it.
    pub(super) fn new(base: &SdkConfig, role_arn: &str) -> Self {
        // Without a cache: it may be asked from within the cache that it fills.
        let config = base.to_builder().identity_cache(IdentityCache::no_cache());
        Self {
            client: Client::new(&config.build()),
            role_arn: role_arn.to_owned(),
        }
    }

    async fn assume(&self) -> provider::Result {
        let request = self.client.assume_role().role_arn(&self.role_arn);
        let answer = request.role_session_name(SESSION_NAME).send().await;
        let given = answer.map_err(refusal)?.credentials;
        let given = given.ok_or_else(|| CredentialsError::unhandled("STS gave no credentials"))?;
        let expires_at = SystemTime::try_from(given.expiration)
            .map_err(|_| CredentialsError::unhandled("STS gave a time that does not exist"))?;
        Ok(Credentials::new(
            given.access_key_id,
            given.secret_access_key,
            Some(given.session_token),
            Some(expires_at),
            "AssumedRole",
        ))
    }
}

/// Not with the error itself as the source: an answer that was not understood may hold credentials.
fn refusal(error: SdkError<AssumeRoleError>) -> CredentialsError {
    let told = super::failure_of(&error);
    match error.as_service_error() {
        Some(
            AssumeRoleError::RegionDisabledException(_)
            | AssumeRoleError::MalformedPolicyDocumentException(_),
        ) => CredentialsError::invalid_configuration(told),
        _ => CredentialsError::provider_error(told),
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
