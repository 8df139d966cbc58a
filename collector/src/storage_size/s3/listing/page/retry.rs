//! Decides which errors of a page are retried, and when. No I/O.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use s3_listing::ErrorResponse;

use crate::error::MeasureError;
use crate::storage_size::s3::error as s3_error;

/// Attempts at a throttled page: about 6 seconds with their pauses, while other pages continue.
const THROTTLED_ATTEMPTS: u32 = 8;
/// Attempts at a page that is cut off, times out or has an internal error of S3.
const TRANSIENT_ATTEMPTS: u32 = 5;
/// Number of times that one page replaces its credentials, and that it follows the bucket to another region.
const CORRECTIONS: u32 = 2;
/// Maximum first pause; the maximum doubles with each further pause.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// Maximum pause.
const MAX_PAUSE: Duration = Duration::from_secs(4);

/// Error of one attempt.
#[derive(Debug)]
pub(super) enum AttemptError {
    /// S3 asked for fewer requests.
    Throttled(MeasureError),
    /// Another attempt may succeed.
    Transient(MeasureError),
    /// The credentials have expired.
    Expired(MeasureError),
    /// The bucket is in another region.
    WrongRegion { region: String, error: MeasureError },
    /// The bucket is at another URL for now.
    Redirected { url: String, error: MeasureError },
    /// The provider wants the bucket's name in the host.
    NeedsVirtualHost(MeasureError),
    /// The page is not written as S3 writes it.
    Unfamiliar(&'static str),
    /// The provider does not list in S3's order.
    Unordered,
    /// Another attempt would fail as well.
    Permanent(MeasureError),
}

impl AttemptError {
    /// Classifies an error response with `body`; `region` and `location` are those in its headers.
    pub(super) fn from_response(
        status: u16,
        body: &[u8],
        region: Option<&str>,
        location: Option<&str>,
    ) -> Self {
        let response = ErrorResponse::parse(body);
        let code = response.code;
        let region = s3_error::region(region, response.message);
        let error = s3_error::error_from_body(status, &response, region);
        if let (Some(url), None | Some("TemporaryRedirect")) = (location, code)
            && matches!(status, 301 | 302 | 307 | 308)
            && region.is_none()
        {
            let url = url.to_owned();
            let error = s3_error::redirected(&url);
            return Self::Redirected { url, error };
        }
        match (error.code, code, region) {
            (_, Some("SecondLevelDomainForbidden"), _) => Self::NeedsVirtualHost(error),
            (
                "credentials_refused",
                Some("ExpiredToken" | "TokenRefreshRequired" | "RequestExpired"),
                _,
            ) => Self::Expired(error),
            ("wrong_region", _, Some(region)) => Self::WrongRegion {
                region: region.to_owned(),
                error,
            },
            ("throttled", ..) => Self::Throttled(error),
            _ if error.is_transient => Self::Transient(error),
            _ => Self::Permanent(error),
        }
    }
}

/// Failed attempts at one page.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    throttled: u32,
    transient: u32,
    redirects: u32,
    expired: u32,
    unfamiliar: u32,
    rejected_key: Option<String>,
}

impl Attempts {
    /// Returns the id of the access key that S3 has rejected as expired.
    pub(super) fn rejected_key(&self) -> Option<&str> {
        self.rejected_key.as_deref()
    }

    /// Returns the pause before the next attempt, after `error` with the access key `key`.
    ///
    /// # Errors
    ///
    /// Returns the error itself if there must be no further attempt.
    pub(super) fn pause_after(
        &mut self,
        error: AttemptError,
        key: String,
    ) -> Result<Duration, MeasureError> {
        let (error, failed, allowed) = match error {
            AttemptError::Throttled(error) => (error, &mut self.throttled, THROTTLED_ATTEMPTS),
            AttemptError::Transient(error) => (error, &mut self.transient, TRANSIENT_ATTEMPTS),
            AttemptError::Expired(error) => {
                self.rejected_key = Some(key);
                (error, &mut self.expired, CORRECTIONS + 1)
            }
            AttemptError::WrongRegion { error, .. }
            | AttemptError::Redirected { error, .. }
            | AttemptError::NeedsVirtualHost(error) => {
                (error, &mut self.redirects, CORRECTIONS + 1)
            }
            // The second attempt reads it as any XML.
            AttemptError::Unfamiliar(what) => (s3_error::unexpected(what), &mut self.unfamiliar, 2),
            AttemptError::Permanent(error) => return Err(error),
            AttemptError::Unordered => return Err(s3_error::unexpected("keys in another order")),
        };
        *failed += 1;
        if *failed >= allowed {
            return Err(error);
        }
        let pauses = self.throttled + self.transient;
        if pauses == 0 {
            return Ok(Duration::ZERO);
        }
        let max = FIRST_PAUSE
            .saturating_mul(1 << (pauses - 1).min(16))
            .min(MAX_PAUSE);
        Ok(with_jitter(max))
    }
}

/// Returns a random pause between half of `max` and `max`, so that requests that failed together do not retry together.
fn with_jitter(max: Duration) -> Duration {
    let random = RandomState::new().hash_one(0_u8) % 1024;
    let share = u32::try_from(random).unwrap_or(0);
    max / 2 + max / 2 * share / 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slow_down() -> AttemptError {
        AttemptError::from_response(503, b"<Error><Code>SlowDown</Code></Error>", None, None)
    }

    #[test]
    fn pauses_grow_and_end() {
        let mut attempts = Attempts::default();
        let mut pauses = Vec::new();

        let error = loop {
            match attempts.pause_after(slow_down(), String::new()) {
                Ok(pause) => pauses.push(pause),
                Err(error) => break error,
            }
        };

        assert_eq!((error.code, pauses.len()), ("throttled", 7));
        assert!(pauses[6] > pauses[0] && pauses.iter().sum::<Duration>() < Duration::from_secs(7));
    }

    #[test]
    fn responses_are_classified_by_code_status_and_region() {
        let of = |status, code: &str, region| {
            let text = format!("<Error><Code>{code}</Code><Message>NEVERLEAK</Message></Error>");
            AttemptError::from_response(status, text.as_bytes(), region, None)
        };

        assert!(matches!(
            of(503, "SlowDown", None),
            AttemptError::Throttled(_)
        ));
        assert!(matches!(
            of(400, "RequestTimeout", None),
            AttemptError::Transient(_)
        ));
        assert!(matches!(
            of(500, "InternalError", None),
            AttemptError::Transient(_)
        ));
        assert!(matches!(
            of(400, "ExpiredToken", None),
            AttemptError::Expired(_)
        ));
        assert!(matches!(
            of(403, "AccessDenied", None),
            AttemptError::Permanent(_)
        ));
        assert!(matches!(
            of(301, "PermanentRedirect", None),
            AttemptError::Permanent(_)
        ));
        let by_header = of(301, "PermanentRedirect", Some("eu-north-1"));
        assert!(
            matches!(by_header, AttemptError::WrongRegion { region, .. } if region == "eu-north-1")
        );
        let by_message = AttemptError::from_response(
            400,
            b"<Error><Code>AuthorizationHeaderMalformed</Code><Message>the region 'a' is wrong; expecting 'eu-west-1'</Message></Error>",
            None,
            None,
        );
        assert!(
            matches!(by_message, AttemptError::WrongRegion { region, .. } if region == "eu-west-1")
        );
    }

    #[test]
    fn an_expired_key_is_not_used_again() {
        let mut attempts = Attempts::default();
        let expired = || {
            AttemptError::from_response(
                400,
                b"<Error><Code>ExpiredToken</Code></Error>",
                None,
                None,
            )
        };

        assert_eq!(
            attempts.pause_after(expired(), "old".into()).unwrap(),
            Duration::ZERO
        );
        assert_eq!(attempts.rejected_key(), Some("old"));
        attempts.pause_after(expired(), "new".into()).unwrap();
        let error = attempts.pause_after(expired(), "newer".into()).unwrap_err();
        assert_eq!(error.code, "credentials_refused");
    }
}
