//! Which troubles with a page are worth another attempt, and when. No I/O.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use crate::error::MeasureError;
use crate::storage_size::s3::error as failure;
use s3_listing::scan::code_of;

/// Attempts at a page that is throttled: with their pauses about 6 seconds, while others go on.
const THROTTLED_ATTEMPTS: u32 = 8;
/// Attempts at a page that breaks off, times out or meets an error of S3's own.
const BROKEN_ATTEMPTS: u32 = 5;
/// Times that credentials are fetched anew for one page, and that another region is tried.
const CORRECTIONS: u32 = 2;
/// Longest first pause; each further one may be twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// What went wrong with one attempt.
#[derive(Debug)]
pub(super) enum Trouble {
    /// S3 asked for fewer requests.
    Throttled(MeasureError),
    /// Something broke on the way.
    Broken(MeasureError),
    /// The credentials are no longer good.
    Expired(MeasureError),
    /// The bucket is in this region.
    Elsewhere {
        region: String,
        failure: MeasureError,
    },
    /// The provider does not list as S3 does.
    Unordered,
    /// Nothing that another attempt could change.
    Final(MeasureError),
}

impl Trouble {
    /// Returns what an error answer with `text` means.
    pub(super) fn of_answer(status: u16, text: &[u8], region: Option<&str>) -> Self {
        let (code, message) = code_of(text);
        let region = failure::region(region, message);
        let failure = failure::of_answer(status, code, region);
        match (failure.code, code, region) {
            (
                "credentials_refused",
                Some("ExpiredToken" | "TokenRefreshRequired" | "RequestExpired"),
                _,
            ) => Self::Expired(failure),
            ("wrong_region", _, Some(region)) => Self::Elsewhere {
                region: region.to_owned(),
                failure,
            },
            ("throttled", ..) => Self::Throttled(failure),
            _ if failure.is_transient => Self::Broken(failure),
            _ => Self::Final(failure),
        }
    }
}

/// The attempts at one page so far.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    throttled: u32,
    broken: u32,
    moved: u32,
    expired: u32,
    refused_key: Option<String>,
}

impl Attempts {
    /// Returns the id of the access key that S3 no longer takes.
    pub(super) fn refused_key(&self) -> Option<&str> {
        self.refused_key.as_deref()
    }

    /// Returns how long to wait before the next attempt, after `trouble` with the access key `key`.
    ///
    /// # Errors
    ///
    /// The trouble itself when there is to be no other attempt.
    pub(super) fn pause_after(
        &mut self,
        trouble: Trouble,
        key: String,
    ) -> Result<Duration, MeasureError> {
        let (failure, made, allowed) = match trouble {
            Trouble::Throttled(failure) => (failure, &mut self.throttled, THROTTLED_ATTEMPTS),
            Trouble::Broken(failure) => (failure, &mut self.broken, BROKEN_ATTEMPTS),
            Trouble::Expired(failure) => {
                self.refused_key = Some(key);
                (failure, &mut self.expired, CORRECTIONS + 1)
            }
            Trouble::Elsewhere { failure, .. } => (failure, &mut self.moved, CORRECTIONS + 1),
            Trouble::Final(failure) => return Err(failure),
            Trouble::Unordered => return Err(failure::unexpected("keys in another order")),
        };
        *made += 1;
        if *made >= allowed {
            return Err(failure);
        }
        let waits = self.throttled + self.broken;
        if waits == 0 {
            return Ok(Duration::ZERO);
        }
        let longest = FIRST_PAUSE
            .saturating_mul(1 << (waits - 1).min(16))
            .min(LONGEST_PAUSE);
        Ok(between_half_and(longest))
    }
}

/// Returns a random time from half of `longest` to all of it: those who were refused together come back apart.
fn between_half_and(longest: Duration) -> Duration {
    let random = RandomState::new().hash_one(0_u8) % 1024;
    let share = u32::try_from(random).unwrap_or(0);
    longest / 2 + longest / 2 * share / 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slow() -> Trouble {
        Trouble::of_answer(503, b"<Error><Code>SlowDown</Code></Error>", None)
    }

    #[test]
    fn pauses_grow_and_end() {
        let mut attempts = Attempts::default();
        let mut pauses = Vec::new();

        let failure = loop {
            match attempts.pause_after(slow(), String::new()) {
                Ok(pause) => pauses.push(pause),
                Err(failure) => break failure,
            }
        };

        assert_eq!((failure.code, pauses.len()), ("throttled", 7));
        assert!(pauses[6] > pauses[0] && pauses.iter().sum::<Duration>() < Duration::from_secs(7));
    }

    #[test]
    fn answers_are_told_apart() {
        let of = |status, code: &str, region| {
            let text = format!("<Error><Code>{code}</Code><Message>NEVERLEAK</Message></Error>");
            Trouble::of_answer(status, text.as_bytes(), region)
        };

        assert!(matches!(of(503, "SlowDown", None), Trouble::Throttled(_)));
        assert!(matches!(
            of(400, "RequestTimeout", None),
            Trouble::Broken(_)
        ));
        assert!(matches!(of(500, "InternalError", None), Trouble::Broken(_)));
        assert!(matches!(of(400, "ExpiredToken", None), Trouble::Expired(_)));
        assert!(matches!(of(403, "AccessDenied", None), Trouble::Final(_)));
        assert!(matches!(
            of(301, "PermanentRedirect", None),
            Trouble::Final(_)
        ));
        let elsewhere = of(301, "PermanentRedirect", Some("eu-north-1"));
        assert!(matches!(elsewhere, Trouble::Elsewhere { region, .. } if region == "eu-north-1"));
        let expected = Trouble::of_answer(
            400,
            b"<Error><Code>AuthorizationHeaderMalformed</Code><Message>the region 'a' is wrong; expecting 'eu-west-1'</Message></Error>",
            None,
        );
        assert!(matches!(expected, Trouble::Elsewhere { region, .. } if region == "eu-west-1"));
    }

    #[test]
    fn an_expired_key_is_not_used_again() {
        let mut attempts = Attempts::default();
        let expired = || Trouble::of_answer(400, b"<Error><Code>ExpiredToken</Code></Error>", None);

        assert_eq!(
            attempts.pause_after(expired(), "old".into()).unwrap(),
            Duration::ZERO
        );
        assert_eq!(attempts.refused_key(), Some("old"));
        attempts.pause_after(expired(), "new".into()).unwrap();
        let failure = attempts.pause_after(expired(), "newer".into()).unwrap_err();
        assert_eq!(failure.code, "credentials_refused");
    }
}
