//! Reads the body of a page as it arrives, and says what it is if it is no page.

use std::io::Read;
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use flate2::read::GzDecoder;
use http_body_util::BodyExt;
use s3_listing::{ErrorResponse, Foreign, PageError};
use tokio::time::timeout;

use super::retry::AttemptError;
use crate::error::MeasureError;
use crate::storage_size::s3::error as s3_error;

/// Longest wait between two pieces of a body that has begun to arrive.
const PIECE_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest page that is read whole.
const MAX_BYTES: usize = 16 << 20;

/// Returns whether the body is compressed.
pub(super) fn is_packed(response: &HttpResponse) -> Result<bool, AttemptError> {
    match response.headers().get("content-encoding") {
        None | Some("" | "identity" | "aws-chunked") => Ok(false),
        Some("gzip" | "x-gzip") => Ok(true),
        Some(_) => Err(AttemptError::Permanent(s3_error::unexpected(
            "a compression other than gzip",
        ))),
    }
}

/// Returns the next piece of the body; `None` at its end.
pub(super) async fn next(
    response: &mut HttpResponse,
) -> Result<Option<impl AsRef<[u8]> + use<>>, AttemptError> {
    loop {
        let frame = timeout(PIECE_TIMEOUT, response.body_mut().frame()).await;
        let frame = frame.map_err(|_| AttemptError::Transient(s3_error::timeout()))?;
        let Some(frame) = frame else {
            return Ok(None);
        };
        let frame = frame.map_err(|error| {
            let cut = s3_error::truncated("the connection ended early");
            AttemptError::Transient(cut.caused_by(error))
        })?;
        if let Ok(chunk) = frame.into_data() {
            return Ok(Some(chunk));
        }
    }
}

/// Returns the whole body.
pub(super) async fn whole(
    response: &mut HttpResponse,
    is_packed: bool,
) -> Result<Vec<u8>, AttemptError> {
    let too_long = || AttemptError::Permanent(s3_error::unexpected("a page that is too long"));
    let mut bytes = Vec::new();
    while let Some(chunk) = next(response).await? {
        bytes.extend_from_slice(chunk.as_ref());
        if bytes.len() > MAX_BYTES {
            return Err(too_long());
        }
    }
    if !is_packed {
        return Ok(bytes);
    }
    let mut plain = Vec::new();
    let limit = MAX_BYTES as u64 + 1;
    let unpacked = GzDecoder::new(&*bytes).take(limit).read_to_end(&mut plain);
    unpacked.map_err(|error| {
        let cut = s3_error::truncated("a compressed page has no end");
        AttemptError::Transient(cut.caused_by(error))
    })?;
    if plain.len() > MAX_BYTES {
        return Err(too_long());
    }
    Ok(plain)
}

/// Returns why a page cannot be used, whose body begins with `body`.
pub(super) fn error(error: PageError, body: &[u8]) -> AttemptError {
    match error {
        PageError::Truncated(reason) => AttemptError::Transient(s3_error::truncated(reason)),
        PageError::Malformed(what) => AttemptError::Permanent(s3_error::unexpected(what)),
        PageError::Unfamiliar(what) => AttemptError::Unfamiliar(what),
        PageError::NotAListing(foreign) => not_a_listing(foreign, body),
        PageError::Unordered => AttemptError::Unordered,
    }
}

/// Errors of S3 that come with status 200 have the same codes as others.
fn not_a_listing(foreign: Foreign, body: &[u8]) -> AttemptError {
    match foreign {
        Foreign::Empty => AttemptError::Transient(MeasureError {
            is_transient: true,
            ..s3_error::not_a_listing("nothing, with status 200")
        }),
        Foreign::Html => AttemptError::Permanent(s3_error::not_a_listing(
            "a page of HTML, as of a proxy or a console",
        )),
        Foreign::Objects => AttemptError::Permanent(s3_error::versions_ignored()),
        Foreign::Error => {
            let response = ErrorResponse::parse(body);
            match response.code {
                Some("InternalError" | "SlowDown" | "ServiceUnavailable" | "RequestTimeout") => {
                    AttemptError::from_response(500, body, None, None)
                }
                _ => AttemptError::Permanent(s3_error::error_with_success(&response)),
            }
        }
    }
}
