//! Why a call of an AWS client failed, in words for operators.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::result::ConnectorError;
use thiserror::Error;

use crate::telemetry::error_chain;

/// A role of the fleet file that could not be assumed. The text is the reason.
#[derive(Debug, Error)]
#[error("{0}")]
pub(super) struct RoleRefused(pub(super) String);

/// Returns why a call failed: its error code, or what is missing if there was no response.
///
/// Repeats no other part of a response: messages name accounts and roles, and a malformed one may contain a secret.
pub fn failure_of<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> String {
    match error {
        SdkError::ServiceError(error) => error.err().code().unwrap_or("no code").to_owned(),
        SdkError::TimeoutError(_) => "no response in time".to_owned(),
        SdkError::DispatchFailure(failure) => failure
            .as_connector_error()
            .map_or_else(|| "no connection".to_owned(), unsent),
        SdkError::ResponseError(_) => "malformed response".to_owned(),
        _ => "the request could not be built".to_owned(),
    }
}

/// Returns why no request was sent.
fn unsent(failure: &ConnectorError) -> String {
    let mut of_credentials = false;
    let mut next: Option<&(dyn Error + 'static)> = Some(failure);
    while let Some(error) = next {
        if let Some(RoleRefused(reason)) = error.downcast_ref() {
            return format!("the role could not be assumed: {reason}");
        }
        of_credentials |= error.downcast_ref::<CredentialsError>().is_some();
        // The SDK has no type for it.
        if error.to_string().contains("region must be set") {
            return "there is no AWS region: set AWS_REGION, or AWS_PROFILE to a profile with a region"
                .to_owned();
        }
        next = error.source();
    }
    if of_credentials {
        return "there are no AWS credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or \
                log in again with aws sso login"
            .to_owned();
    }
    if failure.is_timeout() {
        return "no response in time".to_owned();
    }
    let cause = failure
        .source()
        .map_or_else(String::new, |cause| format!(": {}", error_chain(cause)));
    format!("no connection{cause}")
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::operation::get_object::GetObjectError;

    use super::*;

    fn failure(error: ConnectorError) -> String {
        failure_of(&SdkError::<GetObjectError, ()>::dispatch_failure(error))
    }

    #[test]
    fn what_is_missing_is_named_without_the_clients_own_text() {
        let missing = CredentialsError::provider_error("IMDS is disabled");
        let refused = CredentialsError::provider_error(RoleRefused("AccessDenied".to_owned()));
        let of = |error: CredentialsError| failure(ConnectorError::other(error.into(), None));

        let none = of(missing);
        assert!(none.contains("AWS_PROFILE"), "{none}");
        assert!(!none.contains("IMDS"), "{none}");
        assert_eq!(of(refused), "the role could not be assumed: AccessDenied");
        let nowhere = ConnectorError::other("A region must be set when sending".into(), None);
        assert!(failure(nowhere).contains("AWS_REGION"));
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        assert_eq!(
            failure(ConnectorError::io(refused.into())),
            "no connection: connection refused"
        );
    }
}
