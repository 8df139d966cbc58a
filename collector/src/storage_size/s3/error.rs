//! Maps S3's errors to [`MeasureError`]: its error responses here, what happened without one in `no_response`, and
//! credentials that are missing or have expired in `credentials`.

pub(super) mod credentials;
mod no_response;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use chrono::{DateTime, Utc};
use s3_listing::ErrorResponse;
use shared::clock::{Clock, SystemClock};

pub(super) use self::no_response::unreachable;
use crate::error::MeasureError;

/// Longest accepted name of a region.
const REGION_LIMIT: usize = 32;
/// Longest error code that is repeated; those of S3 have up to 50 characters.
const CODE_LIMIT: usize = 64;
/// Characters of S3's own words that are shown at the command line.
const WORDS_LIMIT: usize = 300;

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

/// Returns the error for an answer that is `what` in place of a listing.
pub(super) fn not_a_listing(what: &str) -> MeasureError {
    let reason = format!("S3 answered with {what}, and not with a listing");
    MeasureError::permanent("unexpected_answer", reason)
}

/// Returns the error for an error response with a status of success.
pub(super) fn error_with_success(response: &ErrorResponse<'_>) -> MeasureError {
    let code = response.code.and_then(clean_code);
    let what = format!(
        "the error {} and status 200",
        code.unwrap_or("without a code")
    );
    with_words(not_a_listing(&what), response)
}

/// Returns the error for a redirect to `url`, which is no place of the same provider.
pub(super) fn redirected(url: &str) -> MeasureError {
    let reason = if url.starts_with("https://") {
        "the endpoint redirects to another address with https; set that as the endpoint"
    } else {
        "the endpoint redirects to another address; set that as the endpoint"
    };
    let address = url.split('?').next().unwrap_or_default();
    MeasureError::permanent("unexpected_answer", reason)
        .with_detail(format!("redirected to {}", clean_text(address)))
}

/// Returns the error for an endpoint that is no URL.
pub(super) fn no_url() -> MeasureError {
    MeasureError::permanent(
        "bucket_failed",
        "the endpoint of S3 (AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL) must start with http:// or https://",
    )
}

/// Returns the error for a request without a region.
pub(super) fn no_region() -> MeasureError {
    MeasureError::permanent(
        "region_missing",
        "there is no region: set AWS_REGION, a profile with a region, or the region of the bucket",
    )
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

/// Returns the error for a provider that answers a request for versions with objects.
pub(super) fn versions_ignored() -> MeasureError {
    MeasureError::permanent(
        "unsupported",
        "this storage does not list versions: it answers with current objects",
    )
}

/// Returns the error for a request that could not be built.
pub(super) fn build_error() -> MeasureError {
    MeasureError::permanent(
        "bucket_failed",
        "the request to list the bucket could not be built",
    )
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
            let response = ErrorResponse {
                code: response.err().code(),
                message: response.err().message(),
                server_time: None,
            };
            error_from_body(raw.status().as_u16(), &response, region)
        }
        SdkError::ResponseError(response) => error_from_unreadable(response.raw()),
        SdkError::TimeoutError(_) => timeout(),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => timeout(),
        other => match credentials_error(other) {
            Some(error) => credentials::missing_because(error, None),
            None if matches!(other, SdkError::ConstructionFailure(_)) => build_error(),
            None => no_response::unreachable_for(other),
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

/// Maps an error response, with S3's own words as the detail.
pub(super) fn error_from_body(
    status: u16,
    response: &ErrorResponse<'_>,
    region: Option<&str>,
) -> MeasureError {
    let error = match (response.code, response.server_time) {
        (Some("RequestTimeTooSkewed"), Some(server_time)) => clock_wrong(Some(server_time)),
        (code, _) => error_from_response(status, code, region),
    };
    with_words(error, response)
}

/// Adds what S3 said, for the person at the command line.
fn with_words(error: MeasureError, response: &ErrorResponse<'_>) -> MeasureError {
    let words = [response.code, response.message].map(|text| text.map(clean_text));
    let words: Vec<String> = words.into_iter().flatten().collect();
    if words.is_empty() {
        error
    } else {
        error.with_detail(format!("S3 says: {}", words.join(": ")))
    }
}

/// Returns a code of S3 if it has the form of one.
fn clean_code(code: &str) -> Option<&str> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let is_code = !code.is_empty() && code.len() <= CODE_LIMIT && code.bytes().all(is_allowed);
    is_code.then_some(code)
}

/// Returns a text of S3 in one line of limited length, for a terminal.
fn clean_text(text: &str) -> String {
    let printable = text.chars().filter(|symbol| !symbol.is_control());
    printable.take(WORDS_LIMIT).collect()
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
        ("RequestTimeTooSkewed", _) => clock_wrong(None),
        (code, _) if code.starts_with("KMS.") => MeasureError::permanent(
            "key_unusable",
            format!(
                "the KMS key of the bucket cannot be used: {}",
                clean_code(code).unwrap_or("KMS")
            ),
        ),
        ("SecondLevelDomainForbidden", _) => MeasureError::permanent(
            "bucket_failed",
            "the provider wants the bucket's name in the host (SecondLevelDomainForbidden)",
        ),
        ("ExpiredToken" | "RequestExpired" | "TokenRefreshRequired", _) => MeasureError::permanent(
            "credentials_refused",
            "the AWS credentials have expired, and new ones were not better: renew the role's session or the profile",
        ),
        ("AllAccessDisabled" | "AccountProblem", _) => MeasureError::permanent(
            "access_denied",
            "S3 has disabled all access to the bucket or the account; its owner must ask AWS",
        ),
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
        ("InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidToken", _) => {
            MeasureError::permanent(
                "credentials_refused",
                "S3 rejected the AWS credentials for the bucket",
            )
        }
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
        (_, 500..) => MeasureError::transient("unavailable", "S3 returned an internal error"),
        ("AccessDenied" | "Forbidden", _) => MeasureError::permanent(
            "access_denied",
            "listing the bucket was denied; the collector needs s3:ListBucket on it. If it has that right, a bucket policy, \
             a policy of a VPC endpoint or of the organisation denies it, or the requester must pay (requester_pays)",
        ),
        ("", 401 | 403) => MeasureError::permanent(
            "access_denied",
            "listing the bucket was denied without a reason; the collector needs s3:ListBucket on it. Other causes: a \
             policy of the bucket, of a VPC endpoint or of the organisation, a proxy, or a requester who must pay \
             (requester_pays)",
        ),
        ("", 404) => MeasureError::permanent("bucket_missing", "the bucket does not exist"),
        (code, status) => {
            let words = clean_code(code).unwrap_or("an error without a code");
            let reason =
                format!("S3 rejected the request to list the bucket: {words} (status {status})");
            match status {
                401 | 403 => MeasureError::permanent("access_denied", reason),
                _ => MeasureError::permanent("bucket_failed", reason),
            }
        }
    }
}

/// Returns the error for a clock that differs from S3's, whose time is `server_time` if it is known.
fn clock_wrong(server_time: Option<&str>) -> MeasureError {
    let server_time = server_time.and_then(|time| time.parse::<DateTime<Utc>>().ok());
    let by = server_time.map(|time| {
        let seconds = (SystemClock.now() - time).num_seconds();
        let direction = if seconds > 0 { "ahead of" } else { "behind" };
        format!("{} seconds {direction} that of S3", seconds.unsigned_abs())
    });
    let by = by.unwrap_or_else(|| "more than 15 minutes away from that of S3".to_owned());
    MeasureError::permanent(
        "clock_wrong",
        format!("the clock of this machine is {by}; set it"),
    )
}

fn wrong_region(region: Option<&str>) -> MeasureError {
    let reason = match region {
        Some(region) => {
            format!("the bucket is in region {region}, and not in the one that is set for it")
        }
        None => "the bucket is in another region than the one that is set for it".to_owned(),
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
            (400, Some("RequestTimeTooSkewed"), "clock_wrong", false),
            (400, Some("KMS.DisabledException"), "key_unusable", false),
            (403, Some("NotSignedUp"), "access_denied", false),
            (403, Some("AllAccessDisabled"), "access_denied", false),
            (404, Some("NoSuchAccessPoint"), "bucket_failed", false),
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
    fn s3s_own_code_is_in_the_reason_and_its_words_are_not() {
        let response = ErrorResponse {
            code: Some("NotSignedUp"),
            message: Some("Your account NEVERLEAK\u{1b}[2J is not signed up"),
            server_time: None,
        };

        let error = error_from_body(403, &response, None);

        assert!(
            error.reason.contains("NotSignedUp (status 403)"),
            "{}",
            error.reason
        );
        assert!(!format!("{error:?}").is_empty() && !error.reason.contains("NEVERLEAK"));
        let detail = error.detail.unwrap();
        assert_eq!(
            detail,
            "S3 says: NotSignedUp: Your account NEVERLEAK[2J is not signed up"
        );
        let odd = error_from_response(400, Some("<b>NEVERLEAK</b>"), None);
        assert!(!odd.reason.contains("NEVERLEAK"), "{}", odd.reason);
    }

    #[test]
    fn a_wrong_clock_is_told_by_how_much() {
        let server_time = (SystemClock.now() + chrono::TimeDelta::hours(2)).to_rfc3339();
        let response = ErrorResponse {
            code: Some("RequestTimeTooSkewed"),
            message: None,
            server_time: Some(&server_time),
        };

        let error = error_from_body(403, &response, None);

        assert_eq!(error.code, "clock_wrong");
        assert!(
            error.reason.contains("behind that of S3"),
            "{}",
            error.reason
        );
        assert!(
            error.reason.contains(" 72") || error.reason.contains(" 71"),
            "{}",
            error.reason
        );
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
