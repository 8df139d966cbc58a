//! Errors without a response of S3: no connection, no trust.

use std::error::Error;
use std::io::ErrorKind;

use crate::error::MeasureError;

/// Returns the error for an unreachable S3 at `host`; the host is its detail.
pub(in crate::storage_size::s3) fn unreachable(
    error: &(dyn Error + 'static),
    host: &str,
) -> MeasureError {
    unreachable_for(error).with_detail(format!("host {host}"))
}

/// Returns the error for an unreachable S3, by the cause of `error`.
pub(super) fn unreachable_for(error: &(dyn Error + 'static)) -> MeasureError {
    let cause = cause(error).map_or_else(String::new, |cause| format!(": {cause}"));
    MeasureError::transient("unreachable", format!("S3 could not be reached{cause}"))
}

/// Returns why a connection failed; `None` if that is unknown.
fn cause(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let mut next = Some(error);
    let mut found = None;
    while let Some(error) = next {
        let kind = error
            .downcast_ref::<std::io::Error>()
            .map(std::io::Error::kind);
        found = match kind {
            Some(ErrorKind::ConnectionRefused) => Some("the connection was refused"),
            Some(ErrorKind::ConnectionReset) => Some("the connection was closed"),
            Some(ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable) => {
                Some("there is no route to the host")
            }
            _ => by_text(&error.to_string()).or(found),
        };
        next = error.source();
    }
    found
}

/// The libraries have no types for these causes.
fn by_text(text: &str) -> Option<&'static str> {
    let causes = [
        (
            "dns error",
            "the host name is unknown; check the region and the endpoint",
        ),
        (
            "failed to lookup address",
            "the host name is unknown; check the region and the endpoint",
        ),
        (
            "UnknownIssuer",
            "its certificate is from an authority that is not trusted; AWS_CA_BUNDLE names others",
        ),
        (
            "NotValidForName",
            "its certificate is for another host name",
        ),
        (
            "invalid peer certificate: Expired",
            "its certificate has expired",
        ),
        ("invalid peer certificate", "its certificate is not valid"),
        ("received corrupt message", "the host does not speak TLS"),
    ];
    let found = causes.iter().find(|(word, _)| text.contains(word));
    found.map(|(_, cause)| *cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_named() {
        let io = |kind| std::io::Error::new(kind, "x");
        let other = |text: &str| std::io::Error::other(text.to_owned());
        for (error, expected) in [
            (io(ErrorKind::ConnectionRefused), "refused"),
            (other("dns error: failed to lookup"), "host name is unknown"),
            (
                other("invalid peer certificate: UnknownIssuer"),
                "AWS_CA_BUNDLE",
            ),
            (other("invalid peer certificate: Expired"), "has expired"),
        ] {
            let failure = unreachable(&error, "s3.example");

            assert!(failure.reason.contains(expected), "{}", failure.reason);
            assert!(!failure.reason.contains("s3.example"), "{}", failure.reason);
            assert_eq!(failure.detail.as_deref(), Some("host s3.example"));
        }
    }
}
