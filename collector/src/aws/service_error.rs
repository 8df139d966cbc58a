//! What a service of AWS that tells a size refused and why, in our words. S3 has refusals of its own.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use crate::error::MeasureError;

/// A service that is asked for a size.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Service {
    /// Its name.
    pub(crate) name: &'static str,
    /// What the function that asks must be allowed to do.
    pub(crate) needs: &'static str,
    /// What is not there when there is nothing of that id.
    pub(crate) thing: &'static str,
}

impl Service {
    /// Returns why a call of an SDK's client failed.
    pub(crate) fn of_call<E>(self, error: SdkError<E>) -> MeasureError
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let failure = match &error {
            SdkError::ServiceError(answer) => {
                let code = answer.err().code().unwrap_or_default();
                self.of_answer(answer.raw().status().as_u16(), code)
            }
            SdkError::ResponseError(answer) => match answer.raw().status().as_u16() {
                200..=299 => self.cut(),
                status => self.of_answer(status, ""),
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

    /// Returns what an error answer means; the status decides about those without a code that is known.
    pub(crate) fn of_answer(self, status: u16, code: &str) -> MeasureError {
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
                format!("{name} refused the AWS credentials that {thing} is looked at with"),
            ),
            "UnauthorizedOperation" => self.denied(),
            _ if code.starts_with("AccessDenied") => self.denied(),
            _ => match status {
                429 | 503 => self.throttled(),
                401 | 403 => self.denied(),
                500.. => self.unavailable(),
                _ => self.unexpected(&format!(
                    "a refusal of the question; the function that asks needs {needs}"
                )),
            },
        }
    }

    /// Returns the failure of there being nothing of that id.
    pub(crate) fn missing(self) -> MeasureError {
        MeasureError::permanent(
            "resource_missing",
            format!(
                "{} does not exist in the region and the account that were asked",
                self.thing
            ),
        )
    }

    /// Returns the failure of an answer that holds `what`.
    pub(crate) fn unexpected(self, what: &str) -> MeasureError {
        let reason = format!("{} answered with {what}", self.name);
        MeasureError::permanent("unexpected_answer", reason)
    }

    /// Returns the failure of waiting in vain.
    pub(crate) fn timeout(self) -> MeasureError {
        let reason = format!("{} did not answer in time", self.name);
        MeasureError::transient("timeout", reason)
    }

    /// Returns the failure of a service that is out of reach.
    pub(crate) fn unreachable(self) -> MeasureError {
        let reason = format!("{} could not be reached", self.name);
        MeasureError::transient("unreachable", reason)
    }

    /// Returns the failure of an answer that stopped before its end.
    pub(crate) fn cut(self) -> MeasureError {
        let reason = format!("the answer of {} did not arrive in whole", self.name);
        MeasureError::transient("connection_cut", reason)
    }

    /// Returns the failure of having no credentials.
    pub(crate) fn no_credentials(self) -> MeasureError {
        let reason = format!(
            "there are no AWS credentials for {}, or the role_arn could not be assumed",
            self.name
        );
        MeasureError::permanent("credentials_missing", reason)
    }

    /// Returns the failure of a fault of the service's own.
    pub(crate) fn unavailable(self) -> MeasureError {
        let reason = format!("{} answered with an error of its own", self.name);
        MeasureError::transient("unavailable", reason)
    }

    fn throttled(self) -> MeasureError {
        let reason = format!("{} asked for fewer requests", self.name);
        MeasureError::transient("throttled", reason)
    }

    /// Returns the failure of lacking a right.
    pub(crate) fn denied(self) -> MeasureError {
        let reason = format!(
            "looking at {} was refused; the function that asks needs {}",
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
    fn refusals_have_their_codes() {
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
            let failure = EXAMPLE.of_answer(status, code);
            assert_eq!(
                (failure.code, failure.is_transient),
                (expected, is_transient),
                "{status} {code}"
            );
        }
        assert!(
            EXAMPLE
                .of_answer(403, "")
                .reason
                .contains("ec2:DescribeVolumes")
        );
    }
}
