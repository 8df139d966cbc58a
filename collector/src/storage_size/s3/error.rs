//! What S3 refused and why, in our words.

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::error::MeasureError;

/// Longest name that is believed to be a region's.
const REGION_LIMIT: usize = 32;

/// Returns the failure of an answer that stopped before its end; `reason` goes on with what shows it.
pub(super) fn cut(reason: &str) -> MeasureError {
    MeasureError::transient(
        "connection_cut",
        format!("the listing did not arrive in whole: {reason}"),
    )
}

/// Returns the failure of a listing that holds `what`.
pub(in crate::storage_size) fn unexpected(what: &str) -> MeasureError {
    MeasureError::permanent("unexpected_answer", format!("the listing has {what}"))
}

/// Returns the failure of S3 being out of reach.
pub(super) fn unreachable() -> MeasureError {
    MeasureError::transient("unreachable", "S3 could not be reached")
}

/// Returns the failure of a bucket for which no address can be made.
pub(super) fn no_endpoint() -> MeasureError {
    MeasureError::permanent(
        "bucket_failed",
        "the bucket's name leads to no address of S3",
    )
}

/// Returns the failure of a bucket whose versions cannot be listed here.
pub(super) fn no_versions() -> MeasureError {
    MeasureError::permanent(
        "unsupported",
        "versions of this bucket cannot be listed: it is one of S3 on Outposts or behind a multi-region access point",
    )
}

/// Returns the failure of a request that could not be made.
pub(super) fn not_made() -> MeasureError {
    MeasureError::permanent(
        "bucket_failed",
        "the request to list the bucket could not be made",
    )
}

/// Returns the failure of having no credentials.
pub(super) fn no_credentials() -> MeasureError {
    MeasureError::permanent(
        "credentials_missing",
        "there are no AWS credentials for the bucket, or its role_arn could not be assumed",
    )
}

/// Returns why credentials could not be had.
pub(super) fn of_credentials(error: CredentialsError) -> MeasureError {
    let failure = match &error {
        CredentialsError::ProviderTimedOut(_) => timeout(),
        _ => no_credentials(),
    };
    failure.caused_by(error)
}

/// Returns why a call of the SDK's client failed.
pub(super) fn of_call<E>(error: SdkError<E>) -> MeasureError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let failure = match &error {
        // A good answer that the client could not read.
        SdkError::ServiceError(answer)
            if answer.raw().status().is_success() && answer.err().code().is_none() =>
        {
            unexpected("a form that is not S3's")
        }
        SdkError::ServiceError(answer) => {
            let raw = answer.raw();
            let region = region(
                raw.headers().get("x-amz-bucket-region"),
                answer.err().message(),
            );
            of_answer(raw.status().as_u16(), answer.err().code(), region)
        }
        SdkError::ResponseError(answer) => of_unreadable(answer.raw()),
        SdkError::TimeoutError(_) => timeout(),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => timeout(),
        other => match credentials_error(other) {
            Some(CredentialsError::ProviderTimedOut(_)) => timeout(),
            Some(_) => no_credentials(),
            None if matches!(other, SdkError::ConstructionFailure(_)) => not_made(),
            None => unreachable(),
        },
    };
    failure.caused_by(error)
}

/// Returns the failure of waiting in vain.
pub(super) fn timeout() -> MeasureError {
    MeasureError::transient("timeout", "S3 did not answer in time")
}

fn of_unreadable(answer: &HttpResponse) -> MeasureError {
    if answer.status().is_success() {
        cut("the connection ended early")
    } else {
        of_answer(answer.status().as_u16(), None, None)
    }
}

/// Returns what an error answer means.
///
/// Codes are those of <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>; the status
/// decides about answers that have none.
pub(super) fn of_answer(status: u16, code: Option<&str>, region: Option<&str>) -> MeasureError {
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
            "S3 refused the AWS credentials that the bucket is listed with",
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
            "S3 asked for fewer requests, also after several attempts",
        ),
        ("RequestTimeout", _) => timeout(),
        ("NotImplemented" | "MethodNotAllowed", _) | (_, 405 | 501) => {
            MeasureError::permanent("unsupported", "this storage does not know the request")
        }
        (_, 401 | 403) => MeasureError::permanent(
            "access_denied",
            "listing the bucket was refused; the collector needs s3:ListBucket on it",
        ),
        (_, 404) => MeasureError::permanent("bucket_missing", "the bucket does not exist"),
        (_, 500..) => {
            MeasureError::transient("unavailable", "S3 answered with an error of its own")
        }
        _ => MeasureError::permanent("bucket_failed", "S3 refused to list the bucket"),
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

/// Returns what the provider of credentials said, when the request never left for want of them.
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
    fn answers_have_their_codes() {
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
            let failure = of_answer(status, code, None);
            assert_eq!(
                (failure.code, failure.is_transient),
                (expected, is_transient),
                "{status} {code:?}"
            );
        }
    }

    #[test]
    fn the_region_is_taken_from_the_header_or_the_sentence_and_from_nothing_else() {
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
