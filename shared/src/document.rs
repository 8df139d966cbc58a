//! Bounded reads of small documents: the fleet file and the layers of constants.
//!
//! Every read has a size limit, and a larger document is an error.

mod ranges;

use std::time::{Duration, UNIX_EPOCH};

use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::operation::get_object::builders::GetObjectFluentBuilder;

use crate::aws::{Aws, failure_of};
use crate::file;
use crate::location::{AwsScope, Location};
use crate::telemetry::error_chain;

pub use ranges::Ranges;

/// Longest time for one read, including retries.
pub const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// A document, and the tag of its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Content.
    pub bytes: Vec<u8>,
    /// Changes with the content: the ETag in S3, or time and length of a file.
    pub tag: String,
}

/// Why a document could not be read.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// The document does not exist.
    #[error("there is no document at {0}")]
    NotFound(Location),
    /// The permissions do not allow reading it.
    #[error("access to {0} was denied")]
    Denied(Location),
    /// It is larger than the limit.
    #[error("{location} is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The document.
        location: Location,
        /// The limit.
        limit_bytes: u64,
    },
    /// It could not be read in time; trying again may help.
    #[error("{location} could not be read: {reason}")]
    Unavailable {
        /// The document.
        location: Location,
        /// What failed, for logs only.
        reason: String,
    },
}

/// Reads the document at `location` with the program's own region and role; `None` if its version is still
/// `known_tag`.
///
/// # Errors
///
/// See [`DocumentError`]. Never returns part of a document above `limit_bytes`.
pub async fn read(
    aws: &Aws,
    location: &Location,
    known_tag: Option<&str>,
    limit_bytes: u64,
) -> Result<Option<Document>, DocumentError> {
    let scope = AwsScope::default();
    read_at(aws, &scope, location, known_tag, limit_bytes).await
}

/// Reads the document at `location` as [`read`] does, with `scope`.
///
/// # Errors
///
/// See [`read`].
pub async fn read_at(
    aws: &Aws,
    scope: &AwsScope,
    location: &Location,
    known_tag: Option<&str>,
    limit_bytes: u64,
) -> Result<Option<Document>, DocumentError> {
    let reading = async {
        match location {
            Location::S3 { bucket, key } => {
                let client = aws.s3(scope);
                let request = client
                    .await
                    .get_object()
                    .bucket(bucket)
                    .key(key)
                    .set_if_none_match(known_tag.map(str::to_owned));
                read_object(location, request, limit_bytes).await
            }
            Location::File(path) => read_file(location, path, known_tag, limit_bytes).await,
        }
    };
    tokio::time::timeout(READ_TIMEOUT, reading)
        .await
        .unwrap_or_else(|_| {
            let reason = format!("no response within {} s", READ_TIMEOUT.as_secs());
            Err(DocumentError::Unavailable {
                location: location.clone(),
                reason,
            })
        })
}

async fn read_object(
    location: &Location,
    request: GetObjectFluentBuilder,
    limit_bytes: u64,
) -> Result<Option<Document>, DocumentError> {
    let unavailable = |reason: String| DocumentError::Unavailable {
        location: location.clone(),
        reason,
    };
    let object = match request.send().await {
        Ok(object) => object,
        Err(error) if status_of(&error) == Some(304) => return Ok(None),
        Err(error) => return Err(error_from_sdk(location, &error)),
    };
    let length = object
        .content_length()
        .and_then(|length| u64::try_from(length).ok());
    if length.is_none_or(|length| length > limit_bytes) {
        return Err(DocumentError::TooLarge {
            location: location.clone(),
            limit_bytes,
        });
    }
    let tag = object.e_tag().unwrap_or_default().to_owned();
    let bytes = object
        .body
        .collect()
        .await
        .map_err(|error| unavailable(error_chain(&error)))?
        .to_vec();
    Ok(Some(Document { bytes, tag }))
}

fn status_of(error: &SdkError<GetObjectError>) -> Option<u16> {
    error
        .raw_response()
        .map(|response| response.status().as_u16())
}

fn error_from_sdk(location: &Location, error: &SdkError<GetObjectError>) -> DocumentError {
    match status_of(error) {
        Some(404) => DocumentError::NotFound(location.clone()),
        Some(401 | 403) => DocumentError::Denied(location.clone()),
        _ => DocumentError::Unavailable {
            location: location.clone(),
            reason: failure_of(error),
        },
    }
}

fn error_from_io(location: &Location, error: &std::io::Error) -> DocumentError {
    match error.kind() {
        std::io::ErrorKind::NotFound => DocumentError::NotFound(location.clone()),
        std::io::ErrorKind::PermissionDenied => DocumentError::Denied(location.clone()),
        _ => DocumentError::Unavailable {
            location: location.clone(),
            reason: error.to_string(),
        },
    }
}

async fn read_file(
    location: &Location,
    path: &std::path::Path,
    known_tag: Option<&str>,
    limit_bytes: u64,
) -> Result<Option<Document>, DocumentError> {
    let failed = |error: std::io::Error| error_from_io(location, &error);
    let too_large = || DocumentError::TooLarge {
        location: location.clone(),
        limit_bytes,
    };
    let metadata = tokio::fs::metadata(path).await.map_err(failed)?;
    let checked = file::check_metadata(&metadata, limit_bytes);
    if let Err(error) = checked {
        return Err(match error.kind() {
            std::io::ErrorKind::FileTooLarge => too_large(),
            _ => failed(error),
        });
    }
    let changed = metadata
        .modified()
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .unwrap_or_default();
    let tag = format!("{}-{}", changed.as_nanos(), metadata.len());
    if known_tag == Some(tag.as_str()) {
        return Ok(None);
    }
    let bytes = file::read(path, limit_bytes).await.map_err(failed)?;
    Ok(Some(Document { bytes, tag }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_read_once_per_version_and_never_partly() {
        let folder = std::env::temp_dir().join(format!("mrt-document-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("fleet.toml");
        std::fs::write(&path, "12345").unwrap();
        let location = Location::File(path);
        let aws = Aws::for_tests("http://127.0.0.1:9");

        let first = read(&aws, &location, None, 5).await.unwrap().unwrap();
        assert_eq!(first.bytes, b"12345");
        assert_eq!(
            read(&aws, &location, Some(&first.tag), 5).await.unwrap(),
            None
        );
        assert!(matches!(
            read(&aws, &location, None, 4).await,
            Err(DocumentError::TooLarge { limit_bytes: 4, .. })
        ));
        for odd in ["/dev/zero", "/dev"] {
            let odd = Location::File(odd.into());
            let refused = read(&aws, &odd, None, 5).await.unwrap_err().to_string();
            assert!(refused.contains("must be a file"), "{refused}");
        }
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(matches!(
            read(&aws, &location, None, 5).await,
            Err(DocumentError::NotFound(_))
        ));
    }
}
