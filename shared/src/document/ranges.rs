//! Reads ranges of large documents: the packages of apps, which contain one small file of interest.
//!
//! All ranges come from one version of the document: if it is replaced, the next range is an error.

use std::ops::Range;
use std::path::PathBuf;

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::{DocumentError, READ_TIMEOUT, error_from_io, error_from_sdk};
use crate::aws::Aws;
use crate::file;
use crate::location::{AwsScope, Location};
use crate::telemetry::error_chain;

/// A document whose ranges can be read.
#[derive(Debug)]
pub struct Ranges {
    location: Location,
    source: Source,
    length: u64,
}

#[derive(Debug)]
enum Source {
    Object {
        client: aws_sdk_s3::Client,
        bucket: String,
        key: String,
        tag: String,
    },
    File(PathBuf),
}

impl Ranges {
    /// Opens the document at `location`, and returns it with its last `tail_bytes` bytes, or all of them if it is shorter.
    ///
    /// Costs one request.
    ///
    /// # Errors
    ///
    /// See [`DocumentError`]; takes at most [`READ_TIMEOUT`].
    pub async fn open(
        aws: &Aws,
        scope: &AwsScope,
        location: &Location,
        tail_bytes: u64,
    ) -> Result<(Self, Vec<u8>), DocumentError> {
        let opening = async {
            match location {
                Location::S3 { bucket, key } => {
                    let client = aws.s3(scope);
                    open_object(client.await, location, bucket, key, tail_bytes).await
                }
                Location::File(path) => open_file(location, path.clone(), tail_bytes).await,
            }
        };
        bounded(location, Box::pin(opening)).await
    }

    /// Returns the length of the whole document in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Reads the bytes of `range`, up to the end of the document.
    ///
    /// # Errors
    ///
    /// See [`DocumentError`]; takes at most [`READ_TIMEOUT`].
    pub async fn read(&self, range: Range<u64>) -> Result<Vec<u8>, DocumentError> {
        let range = range.start..range.end.min(self.length);
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let reading = async {
            match &self.source {
                Source::Object {
                    client,
                    bucket,
                    key,
                    tag,
                } => {
                    let request = client.get_object().bucket(bucket).key(key).if_match(tag);
                    let part = format!("bytes={}-{}", range.start, range.end - 1);
                    let part = request.range(part).send().await;
                    let part = part.map_err(|error| error_from_sdk(&self.location, &error))?;
                    body(&self.location, part, range.end - range.start).await
                }
                Source::File(path) => read_file(&self.location, path, range).await,
            }
        };
        bounded(&self.location, Box::pin(reading)).await
    }
}

async fn bounded<T>(
    location: &Location,
    reading: impl Future<Output = Result<T, DocumentError>>,
) -> Result<T, DocumentError> {
    // Boxed by the callers: futures of the AWS client are large.
    let reading = tokio::time::timeout(READ_TIMEOUT, reading);
    reading.await.unwrap_or_else(|_| {
        let reason = format!("no response within {} s", READ_TIMEOUT.as_secs());
        Err(unavailable(location, reason))
    })
}

fn unavailable(location: &Location, reason: impl Into<String>) -> DocumentError {
    DocumentError::Unavailable {
        location: location.clone(),
        reason: reason.into(),
    }
}

async fn open_object(
    client: aws_sdk_s3::Client,
    location: &Location,
    bucket: &str,
    key: &str,
    tail_bytes: u64,
) -> Result<(Ranges, Vec<u8>), DocumentError> {
    let request = client.get_object().bucket(bucket).key(key);
    let tail = request.range(format!("bytes=-{tail_bytes}")).send().await;
    let tail = tail.map_err(|error| error_from_sdk(location, &error))?;
    // `bytes 100-199/200`. A server that ignores ranges sends the whole document without this header.
    let range = tail.content_range();
    let total = range.and_then(|range| range.rsplit_once('/')?.1.parse().ok());
    let length: u64 =
        total.ok_or_else(|| unavailable(location, "the server does not support ranges"))?;
    let tag = tail.e_tag().unwrap_or_default().to_owned();
    let bytes = body(location, tail, tail_bytes).await?;
    let (bucket, key) = (bucket.to_owned(), key.to_owned());
    let source = Source::Object {
        client,
        bucket,
        key,
        tag,
    };
    let location = location.clone();
    Ok((
        Ranges {
            location,
            source,
            length,
        },
        bytes,
    ))
}

/// Returns the bytes of a part. A part that is longer than requested is not read.
async fn body(
    location: &Location,
    part: GetObjectOutput,
    requested: u64,
) -> Result<Vec<u8>, DocumentError> {
    let length = part.content_length().and_then(|n| u64::try_from(n).ok());
    if length.is_none_or(|length| length > requested) {
        return Err(unavailable(location, "a part is longer than requested"));
    }
    let bytes = part.body.collect().await;
    Ok(bytes
        .map_err(|error| unavailable(location, error_chain(&error)))?
        .to_vec())
}

async fn open_file(
    location: &Location,
    path: PathBuf,
    tail_bytes: u64,
) -> Result<(Ranges, Vec<u8>), DocumentError> {
    let failed = |error: std::io::Error| error_from_io(location, &error);
    let metadata = tokio::fs::metadata(&path).await.map_err(failed)?;
    // Parts are bounded, not the whole.
    file::check_metadata(&metadata, u64::MAX).map_err(failed)?;
    let length = metadata.len();
    let tail = length.saturating_sub(tail_bytes)..length;
    let bytes = read_file(location, &path, tail).await?;
    let (location, source) = (location.clone(), Source::File(path));
    Ok((
        Ranges {
            location,
            source,
            length,
        },
        bytes,
    ))
}

async fn read_file(
    location: &Location,
    path: &PathBuf,
    range: Range<u64>,
) -> Result<Vec<u8>, DocumentError> {
    let failed = |error: std::io::Error| error_from_io(location, &error);
    let mut file = tokio::fs::File::open(path).await.map_err(failed)?;
    file.seek(std::io::SeekFrom::Start(range.start))
        .await
        .map_err(failed)?;
    let mut bytes = Vec::new();
    let mut part = file.take(range.end - range.start);
    part.read_to_end(&mut bytes).await.map_err(failed)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ranges_of_a_file_are_its_bytes() {
        let path = std::env::temp_dir().join(format!("mrt-ranges-{}", std::process::id()));
        std::fs::write(&path, b"0123456789").unwrap();
        let (aws, scope) = (Aws::for_tests("http://127.0.0.1:9"), AwsScope::default());
        let location = Location::File(path.clone());

        let (ranges, tail) = Ranges::open(&aws, &scope, &location, 3).await.unwrap();
        let (_, whole) = Ranges::open(&aws, &scope, &location, 30).await.unwrap();

        assert_eq!((tail.as_slice(), ranges.length()), (&b"789"[..], 10));
        assert_eq!(whole, b"0123456789");
        assert_eq!(ranges.read(2..5).await.unwrap(), b"234");
        assert_eq!(ranges.read(8..50).await.unwrap(), b"89");
        assert_eq!(ranges.read(10..12).await.unwrap(), b"");
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(
            ranges.read(0..1).await,
            Err(DocumentError::NotFound(_))
        ));
    }
}
