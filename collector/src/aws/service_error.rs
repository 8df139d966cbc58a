//! Maps errors of AWS services to [`MeasureError`]. S3's errors are mapped in `storage_size/s3/error.rs`.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use crate::error::MeasureError;

/// A service that reports a size.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Service {
    /// Its name.
    pub(crate) name: &'static str,
    /// Permission that the caller needs.
    pub(crate) needs: &'static str,
    /// What is missing if there is nothing with the requested id.
    pub(crate) thing: &'static str,
}

impl Service {
    /// Maps an error of an SDK client.
    pub(crate) fn error_from_sdk<E>(self, error: SdkError<E>) -> MeasureError
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let failure = match &error {
            SdkError::ServiceError(response) => {
                let code = response.err().code().unwrap_or_default();
                self.error_from_response(response.raw().status().as_u16(), code)
            }
            SdkError::ResponseError(response) => match response.raw().status().as_u16() {
                200..=299 => self.cut(),
                status => self.error_from_response(status, ""),
            },
            SdkError::TimeoutError(_) => self.timeout(),
            SdkError::DispatchFailure(failure) if failure.is_timeout() => self.timeout(),
            SdkError::DispatchFailure(failure) if failure.is_io() => self.unreachable(),
            SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_) => {
                self.no_credentials()
            }
            _ => self.unreachable(),
        };
        failure.caused_by(error)
    }

    /// Maps an error response; the status decides if the code is unknown.
    pub(crate) fn error_from_response(self, status: u16, code: &str) -> MeasureError {
        let Self { name, needs, thing } = self;
        match code {
            "ResourceNotFoundException" | "InvalidVolume.NotFound" => self.missing(),
            "RequestLimitExceeded"
            | "LimitExceededException"
            | "ProvisionedThroughputExceededException" => self.throttled(),
            _ if code.starts_with("Throttling") => self.throttled(),
            "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "AuthFailure"
            | "SignatureDoesNotMatch"
            | "InvalidSignatureException"
            | "IncompleteSignature"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException"
            | "ExpiredToken"
            | "ExpiredTokenException"
            | "RequestExpired" => MeasureError::permanent(
                "credentials_refused",
                format!("{name} rejected the AWS credentials for {thing}"),
            ),
            "UnauthorizedOperation" => self.denied(),
            _ if code.starts_with("AccessDenied") => self.denied(),
            _ => match status {
                429 | 503 => self.throttled(),
                401 | 403 => self.denied(),
                500.. => self.unavailable(),
                _ => self.unexpected(&format!(
                    "an error for the request; the calling function needs {needs}"
                )),
            },
        }
    }

    /// Returns the error for a thing that does not exist.
    pub(crate) fn missing(self) -> MeasureError {
        MeasureError::permanent(
            "resource_missing",
            format!(
                "{} does not exist in the requested region and account",
                self.thing
            ),
        )
    }

    /// Returns the error for a response that holds `what`.
    pub(crate) fn unexpected(self, what: &str) -> MeasureError {
        let reason = format!("{} answered with {what}", self.name);
        MeasureError::permanent("unexpected_answer", reason)
    }

    /// Returns the error for a missing response.
    pub(crate) fn timeout(self) -> MeasureError {
        let reason = format!("{} did not answer in time", self.name);
        MeasureError::transient("timeout", reason)
    }

    /// Returns the error for an unreachable service.
    pub(crate) fn unreachable(self) -> MeasureError {
        let reason = format!("{} could not be reached", self.name);
        MeasureError::transient("unreachable", reason)
    }

    /// Returns the error for a truncated response.
    pub(crate) fn cut(self) -> MeasureError {
        let reason = format!("the response of {} was truncated", self.name);
        MeasureError::transient("connection_cut", reason)
    }

    /// Returns the error for missing credentials.
    pub(crate) fn no_credentials(self) -> MeasureError {
        let reason = format!(
            "there are no AWS credentials for {}, or the role_arn could not be assumed",
            self.name
        );
        MeasureError::permanent("credentials_missing", reason)
    }

    /// Returns the error for an internal error of the service.
    pub(crate) fn unavailable(self) -> MeasureError {
        let reason = format!("{} returned an internal error", self.name);
        MeasureError::transient("unavailable", reason)
    }

    fn throttled(self) -> MeasureError {
        let reason = format!("{} asked for fewer requests", self.name);
        MeasureError::transient("throttled", reason)
    }

    /// Returns the error for a missing permission.
    pub(crate) fn denied(self) -> MeasureError {
        let reason = format!(
            "access to {} was denied; the calling function needs {}",
            self.thing, self.needs
        );
        MeasureError::permanent("access_denied", reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: Service = Service {
        name: "EC2",
        needs: "ec2:DescribeVolumes",
        thing: "the volume",
    };

    #[test]
    fn error_responses_have_their_codes() {
        for (status, code, expected, is_transient) in [
            (400, "ResourceNotFoundException", "resource_missing", false),
            (400, "InvalidVolume.NotFound", "resource_missing", false),
            (400, "ThrottlingException", "throttled", true),
            (400, "Throttling", "throttled", true),
            (503, "RequestLimitExceeded", "throttled", true),
            (503, "", "throttled", true),
            (401, "AuthFailure", "credentials_refused", false),
            (400, "ExpiredTokenException", "credentials_refused", false),
            (400, "AccessDeniedException", "access_denied", false),
            (403, "UnauthorizedOperation", "access_denied", false),
            (403, "", "access_denied", false),
            (500, "InternalServerError", "unavailable", true),
            (400, "ValidationException", "unexpected_answer", false),
        ] {
            let failure = EXAMPLE.error_from_response(status, code);
            assert_eq!(
                (failure.code, failure.is_transient),
                (expected, is_transient),
                "{status} {code}"
            );
        }
        assert!(
            EXAMPLE
                .error_from_response(403, "")
                .reason
                .contains("ec2:DescribeVolumes")
        );
    }
}
