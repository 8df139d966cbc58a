//! Maps S3's errors to [`MeasureError`].

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::error::MeasureError;

/// Longest accepted name of a region.
const REGION_LIMIT: usize = 32;

/// Returns the error for a truncated response; `reason` is the evidence.
pub(super) fn truncated(reason: &str) -> MeasureError {
    MeasureError::transient(
        "connection_cut",
        format!("the listing was truncated: {reason}"),
    )
}

/// Returns the error for a listing that has `what`.
pub(in crate::storage_size) fn unexpected(what: &str) -> MeasureError {
    MeasureError::permanent("unexpected_answer", format!("the listing has {what}"))
}

/// Returns the error for an unreachable S3.
pub(super) fn unreachable() -> MeasureError {
    MeasureError::transient("unreachable", "S3 could not be reached")
}

/// Returns the error for a bucket without an endpoint.
pub(super) fn no_endpoint() -> MeasureError {
    MeasureError::permanent("bucket_failed", "the bucket's name has no endpoint of S3")
}

/// Returns the error for a bucket whose versions cannot be listed here.
pub(super) fn no_versions() -> MeasureError {
    MeasureError::permanent(
        "unsupported",
        "versions of this bucket cannot be listed: it is on S3 on Outposts or a multi-region access point",
    )
}

/// Returns the error for a request that could not be built.
pub(super) fn build_error() -> MeasureError {
    MeasureError::permanent(
        "bucket_failed",
        "the request to list the bucket could not be built",
    )
}

/// Returns the error for missing credentials.
pub(super) fn no_credentials() -> MeasureError {
    MeasureError::permanent(
        "credentials_missing",
        "there are no AWS credentials for the bucket, or its role_arn could not be assumed",
    )
}

/// Maps an error of the credentials provider.
pub(super) fn error_from_credentials(error: CredentialsError) -> MeasureError {
    let mapped = match &error {
        CredentialsError::ProviderTimedOut(_) => timeout(),
        _ => no_credentials(),
    };
    mapped.caused_by(error)
}

/// Maps an error of the SDK's client.
pub(super) fn error_from_sdk<E>(error: SdkError<E>) -> MeasureError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let mapped = match &error {
        // A successful response that the client could not read.
        SdkError::ServiceError(response)
            if response.raw().status().is_success() && response.err().code().is_none() =>
        {
            unexpected("a form that is not S3's")
        }
        SdkError::ServiceError(response) => {
            let raw = response.raw();
            let region = region(
                raw.headers().get("x-amz-bucket-region"),
                response.err().message(),
            );
            error_from_response(raw.status().as_u16(), response.err().code(), region)
        }
        SdkError::ResponseError(response) => error_from_unreadable(response.raw()),
        SdkError::TimeoutError(_) => timeout(),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => timeout(),
        other => match credentials_error(other) {
            Some(CredentialsError::ProviderTimedOut(_)) => timeout(),
            Some(_) => no_credentials(),
            None if matches!(other, SdkError::ConstructionFailure(_)) => build_error(),
            None => unreachable(),
        },
    };
    mapped.caused_by(error)
}

/// Returns the error for a missing response.
pub(super) fn timeout() -> MeasureError {
    MeasureError::transient("timeout", "S3 did not answer in time")
}

fn error_from_unreadable(response: &HttpResponse) -> MeasureError {
    if response.status().is_success() {
        truncated("the connection ended early")
    } else {
        error_from_response(response.status().as_u16(), None, None)
    }
}

/// Maps an error response.
///
/// Codes are those of <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>; the status decides if there
/// is none.
pub(super) fn error_from_response(
    status: u16,
    code: Option<&str>,
    region: Option<&str>,
) -> MeasureError {
    match (code.unwrap_or_default(), status) {
        ("NoSuchBucket" | "InvalidBucketName", _) => {
            MeasureError::permanent("bucket_missing", "the bucket does not exist")
        }
        (
            "PermanentRedirect"
            | "TemporaryRedirect"
            | "AuthorizationHeaderMalformed"
            | "IllegalLocationConstraintException",
            _,
        )
        | (_, 301 | 307) => wrong_region(region),
        (
            "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "InvalidToken"
            | "ExpiredToken"
            | "RequestExpired"
            | "TokenRefreshRequired",
            _,
        ) => MeasureError::permanent(
            "credentials_refused",
            "S3 rejected the AWS credentials for the bucket",
        ),
        (
            "SlowDown"
            | "Throttling"
            | "ThrottlingException"
            | "RequestLimitExceeded"
            | "ServiceUnavailable"
            | "TooManyRequestsException",
            _,
        )
        | (_, 429 | 503) => MeasureError::transient(
            "throttled",
            "S3 still throttled the requests after several attempts",
        ),
        ("RequestTimeout", _) => timeout(),
        ("NotImplemented" | "MethodNotAllowed", _) | (_, 405 | 501) => {
            MeasureError::permanent("unsupported", "this storage does not support the request")
        }
        (_, 401 | 403) => MeasureError::permanent(
            "access_denied",
            "listing the bucket was denied; the collector needs s3:ListBucket on it",
        ),
        (_, 404) => MeasureError::permanent("bucket_missing", "the bucket does not exist"),
        (_, 500..) => MeasureError::transient("unavailable", "S3 returned an internal error"),
        _ => MeasureError::permanent(
            "bucket_failed",
            "S3 rejected the request to list the bucket",
        ),
    }
}

fn wrong_region(region: Option<&str>) -> MeasureError {
    let reason = match region {
        Some(region) => {
            format!("the bucket is in region {region}; set its region in the fleet file")
        }
        None => "the bucket is in another region; set its region in the fleet file".to_owned(),
    };
    MeasureError::permanent("wrong_region", reason)
}

/// Returns the region that S3 named in a header, or in the sentence "… is wrong; expecting 'eu-west-1'".
pub(super) fn region<'a>(header: Option<&'a str>, message: Option<&'a str>) -> Option<&'a str> {
    let expected = || message?.split_once("expecting '")?.1.split('\'').next();
    let is_region = |text: &&str| {
        let is_allowed =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !text.is_empty() && text.len() <= REGION_LIMIT && text.bytes().all(is_allowed)
    };
    header.or_else(expected).filter(is_region)
}

/// Returns the error of the credentials provider, if the request was not sent because of it.
fn credentials_error<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> Option<&'a CredentialsError> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_responses_have_their_codes() {
        let cases = [
            (404, Some("NoSuchBucket"), "bucket_missing", false),
            (404, None, "bucket_missing", false),
            (403, Some("AccessDenied"), "access_denied", false),
            (403, None, "access_denied", false),
            (
                403,
                Some("InvalidAccessKeyId"),
                "credentials_refused",
                false,
            ),
            (400, Some("ExpiredToken"), "credentials_refused", false),
            (301, Some("PermanentRedirect"), "wrong_region", false),
            (301, None, "wrong_region", false),
            (
                400,
                Some("AuthorizationHeaderMalformed"),
                "wrong_region",
                false,
            ),
            (503, Some("SlowDown"), "throttled", true),
            (429, None, "throttled", true),
            (400, Some("RequestTimeout"), "timeout", true),
            (500, Some("InternalError"), "unavailable", true),
            (502, None, "unavailable", true),
            (501, Some("NotImplemented"), "unsupported", false),
            (400, Some("InvalidRequest"), "bucket_failed", false),
        ];

        for (status, code, expected, is_transient) in cases {
            let failure = error_from_response(status, code, None);
            assert_eq!(
                (failure.code, failure.is_transient),
                (expected, is_transient),
                "{status} {code:?}"
            );
        }
    }

    #[test]
    fn the_region_comes_from_the_header_or_the_message_and_from_nothing_else() {
        let sentence = "the region 'us-east-1' is wrong; expecting 'eu-west-1'";

        assert_eq!(
            region(Some("eu-central-1"), Some(sentence)),
            Some("eu-central-1")
        );
        assert_eq!(region(None, Some(sentence)), Some("eu-west-1"));
        assert_eq!(region(None, Some("Access Denied")), None);
        assert_eq!(region(Some("<b>NEVERLEAK</b>"), None), None);
        assert_eq!(region(None, None), None);
        assert!(wrong_region(Some("eu-west-1")).reason.contains("eu-west-1"));
    }
}
