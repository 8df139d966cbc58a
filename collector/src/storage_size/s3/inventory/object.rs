//! Fetches objects of a report: small ones whole, its files in ranges.

use std::ops::Range;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use aws_sdk_s3::types::ServerSideEncryption;
use s3_inventory::File;
use shared::aws::ATTEMPTS;
use tokio::time::timeout;

use super::damaged;
use crate::error::MeasureError;
use crate::storage_size::s3::error::{error_from_sdk, truncated};

/// Longest wait for the body of one response, of 8 MiB at most. Within AWS it takes well under a second.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// A file of a report. All ranges are of the same version of it.
pub(super) struct Object<'a> {
    client: &'a Client,
    bucket: &'a str,
    file: &'a File,
    /// Set by the first range.
    etag: Option<String>,
    read_bytes: u64,
}

impl<'a> Object<'a> {
    pub(super) fn new(
        client: &'a Client,
        bucket: &'a str,
        file: &'a File,
    ) -> Result<Self, MeasureError> {
        if file.size == 0 {
            return Err(damaged("a file is empty"));
        }
        Ok(Self {
            client,
            bucket,
            file,
            etag: None,
            read_bytes: 0,
        })
    }

    /// Returns its size by the manifest, which that of the object equals.
    pub(super) fn size(&self) -> u64 {
        self.file.size
    }

    /// Returns its checksum by the manifest.
    pub(super) fn md5(&self) -> &'a str {
        &self.file.md5
    }

    /// Returns the bytes that were read so far.
    pub(super) fn read_bytes(&self) -> u64 {
        self.read_bytes
    }

    /// Reads a range, which must not be empty; again if the connection ends within it.
    pub(super) async fn range(&mut self, range: Range<u64>) -> Result<Vec<u8>, MeasureError> {
        let length = range.end.saturating_sub(range.start);
        let mut error = truncated("a file of the inventory ended early");
        for _ in 0..ATTEMPTS {
            let request = self
                .client
                .get_object()
                .bucket(self.bucket)
                .key(&self.file.key)
                .range(format!(
                    "bytes={}-{}",
                    range.start,
                    range.end.saturating_sub(1)
                ))
                .set_if_match(self.etag.clone());
            let response = request
                .send()
                .await
                .map_err(|error| match is_missing(&error) {
                    true => damaged("one of its files is missing"),
                    false => denied_or(error),
                })?;
            self.check(&response)?;
            match body(response).await {
                Ok(bytes) if bytes.len() as u64 == length => {
                    self.read_bytes += length;
                    return Ok(bytes);
                }
                Ok(_) => {}
                Err(cut) => error = cut,
            }
        }
        Err(error)
    }

    /// Compares an object with what the manifest says of it: its size, and its checksum where the ETag is one.
    fn check(&mut self, response: &GetObjectOutput) -> Result<(), MeasureError> {
        let total = response
            .content_range()
            .and_then(|range| range.rsplit('/').next());
        if total != Some(self.file.size.to_string().as_str()) {
            return Err(damaged("a file has another size than the manifest says"));
        }
        if self.etag.is_some() {
            return Ok(());
        }
        let Some(etag) = response.e_tag() else {
            return Err(damaged(
                "a file has no ETag, so that nothing proves that it stays the same",
            ));
        };
        // The ETag is the MD5 unless the object was uploaded in parts or is encrypted with a key of KMS.
        let is_plain = !matches!(
            response.server_side_encryption(),
            Some(ServerSideEncryption::AwsKms | ServerSideEncryption::AwsKmsDsse)
        );
        let digest = etag.trim_matches('"');
        let is_md5 = digest.len() == 32 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_plain && is_md5 && !digest.eq_ignore_ascii_case(&self.file.md5) {
            return Err(damaged("a file differs from its checksum in the manifest"));
        }
        self.etag = Some(etag.to_owned());
        Ok(())
    }
}

/// Reads a whole object of at most `limit` bytes; `None` if it does not exist.
pub(super) async fn small(
    client: &Client,
    bucket: &str,
    key: &str,
    limit: u64,
) -> Result<Option<Vec<u8>>, MeasureError> {
    let response = match client.get_object().bucket(bucket).key(key).send().await {
        Ok(response) => response,
        Err(error) if is_missing(&error) => return Ok(None),
        Err(error) => return Err(denied_or(error)),
    };
    let length = response
        .content_length()
        .and_then(|length| u64::try_from(length).ok());
    if length.is_none_or(|length| length > limit) {
        return Err(damaged("its manifest or checksum is too large"));
    }
    body(response).await.map(Some)
}

async fn body(response: GetObjectOutput) -> Result<Vec<u8>, MeasureError> {
    match timeout(BODY_TIMEOUT, response.body.collect()).await {
        Ok(Ok(bytes)) => Ok(bytes.to_vec()),
        Ok(Err(error)) => Err(truncated("a file of the inventory ended early").caused_by(error)),
        Err(late) => Err(MeasureError::transient(
            "timeout",
            format!(
                "a range of the inventory took over {} seconds",
                BODY_TIMEOUT.as_secs()
            ),
        )
        .caused_by(late)),
    }
}

fn is_missing(error: &SdkError<GetObjectError>) -> bool {
    error.code() == Some("NoSuchKey")
}

fn denied_or(error: SdkError<GetObjectError>) -> MeasureError {
    about_location(error_from_sdk(error), "s3:GetObject")
}

/// Returns the error of a request for the report; a denied one names the right that it needs.
pub(super) fn about_location(mut error: MeasureError, action: &str) -> MeasureError {
    if error.code == "access_denied" {
        error.reason = format!(
            "reading the inventory was denied; the collector needs {action} where its reports are, and kms:Decrypt if \
             they are encrypted with a key of yours"
        );
    }
    error
}
