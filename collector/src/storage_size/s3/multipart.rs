//! Sizes incomplete multipart uploads: `ListMultipartUploads`, and `ListParts` of each.
//!
//! An upload that is completed or aborted meanwhile is no longer incomplete, so it is left out with all its parts. A
//! page without a valid next page is an error, never the end. An upload or a part that a page repeats counts once, and a
//! page that brings nothing new, though it is not the last, is an error.

mod body;
mod document;
mod xml;

use std::collections::HashSet;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{EncodingType, RequestPayer};
use chrono::{DateTime, Utc};
use futures::stream::{self, StreamExt, TryStreamExt};
use s3_listing::EntryHash;
use shared::fleet::BucketTarget;
use shared::snapshot::bucket_size::Uploads;

use self::body::ResponseBody;
use self::document::{PartsPage, UploadsPage};
use super::error::{self as s3_error, unexpected};
use super::request_count::RequestCount;
use crate::error::MeasureError;

/// Uploads whose parts are listed at a time: each is a request of some milliseconds to a service that handles thousands
/// a second.
const CONCURRENT_UPLOADS: usize = 64;
/// Most uploads that are sized. Each takes a request, and all of these about a minute.
const MAX_UPLOADS: usize = 100_000;
/// Pages without a new upload, one after another, that are accepted.
const MAX_EMPTY_PAGES: u32 = 100;

/// An upload that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Upload {
    key: String,
    id: String,
    storage_class: String,
    initiated_at: Option<DateTime<Utc>>,
}

impl Upload {
    /// Returns a hash of what identifies it.
    fn hash(&self) -> EntryHash {
        EntryHash::of(self.key.as_bytes(), self.id.as_bytes())
    }
}

/// The parts of one upload.
#[derive(Debug, Default)]
struct Parts {
    count: u64,
    bytes: u64,
    /// Whether the upload existed until its last page.
    is_incomplete: bool,
}

/// Sizes all incomplete uploads of `target`.
///
/// Costs one request for each 1,000 uploads and at least one for each upload; `requests` counts them, those before an
/// error too.
///
/// # Errors
///
/// See [`MeasureError`]: the sum is complete or an error.
pub(super) async fn measure(
    client: &Client,
    target: &BucketTarget,
    requests: &RequestCount,
) -> Result<Uploads, MeasureError> {
    let mut found = Uploads::default();
    let mut marker: Option<(String, String)> = None;
    let mut seen = HashSet::new();
    let mut empty_pages = 0;
    loop {
        let UploadsPage { mut uploads, next } =
            uploads_page(client, target, requests, marker.as_ref()).await?;
        let had_uploads = !uploads.is_empty();
        uploads.retain(|upload| seen.insert(upload.hash()));
        if seen.len() > MAX_UPLOADS {
            return Err(too_many());
        }
        let has_new = !uploads.is_empty();
        empty_pages = if has_new { 0 } else { empty_pages + 1 };
        add_page(client, target, requests, &mut found, uploads).await?;
        if next.is_none() {
            return Ok(found);
        }
        if next == marker {
            return Err(unexpected("a page that names itself as the next"));
        }
        if (had_uploads && !has_new) || empty_pages > MAX_EMPTY_PAGES {
            return Err(unexpected("a page of uploads that brings nothing new"));
        }
        marker = next;
    }
}

/// Requests the page of uploads after `marker`.
async fn uploads_page(
    client: &Client,
    target: &BucketTarget,
    requests: &RequestCount,
    marker: Option<&(String, String)>,
) -> Result<UploadsPage, MeasureError> {
    let body = ResponseBody::default();
    let request = client
        .list_multipart_uploads()
        .bucket(&target.bucket)
        // Keys may have characters that XML cannot represent.
        .encoding_type(EncodingType::Url)
        .set_request_payer(payer(target))
        .set_prefix(Some(target.prefix.clone()).filter(|prefix| !prefix.is_empty()))
        .set_key_marker(marker.map(|(key, _)| key.clone()))
        .set_upload_id_marker(marker.map(|(_, id)| id.clone()))
        .customize()
        .interceptor(body.clone())
        .interceptor(requests.clone());
    let ended = request.send().await;
    match body.take() {
        Some(answer) if answer.is_minio => Err(minio()),
        Some(answer) => document::uploads(&answer.body),
        None => Err(without_body(ended, "s3:ListBucketMultipartUploads")),
    }
}

/// Builds the error for `MinIO`, which takes a prefix for a whole key and, without one, knows only the uploads that the
/// asked node remembers; earlier versions list none (minio#20989, minio#11686).
fn minio() -> MeasureError {
    MeasureError::permanent(
        "unsupported",
        "MinIO lists the incomplete uploads of one key only, so those of a bucket are unknown; measure only `current` to \
         leave them out",
    )
}

/// Builds the error for more uploads than are sized.
fn too_many() -> MeasureError {
    MeasureError::permanent(
        "unsupported",
        format!(
            "the bucket has more than {MAX_UPLOADS} incomplete uploads, each of which takes a request; a lifecycle rule \
             with AbortIncompleteMultipartUpload removes old ones"
        ),
    )
}

/// Adds the uploads of one page that belong to `target`, several at a time.
async fn add_page(
    client: &Client,
    target: &BucketTarget,
    requests: &RequestCount,
    found: &mut Uploads,
    uploads: Vec<Upload>,
) -> Result<(), MeasureError> {
    let relevant = uploads.into_iter().filter(|upload| {
        upload.key.starts_with(&target.prefix) && upload.key.ends_with(&target.suffix)
    });
    let sized = relevant.map(|upload| async move {
        let parts = parts_of(client, target, requests, &upload).await?;
        Ok::<_, MeasureError>((upload, parts))
    });
    let mut sized = std::pin::pin!(stream::iter(sized).buffer_unordered(CONCURRENT_UPLOADS));
    while let Some((upload, parts)) = sized.try_next().await? {
        if parts.is_incomplete && !add(found, &upload, &parts) {
            return Err(unexpected("more bytes than 64 bits hold"));
        }
    }
    Ok(())
}

/// Adds one upload; `false` when the sum does not fit into 64 bits.
fn add(uploads: &mut Uploads, upload: &Upload, parts: &Parts) -> bool {
    let Some(total_bytes) = uploads.total_bytes.checked_add(parts.bytes) else {
        return false;
    };
    uploads.total_bytes = total_bytes;
    uploads.upload_count += 1;
    uploads.part_count += parts.count;
    if parts.bytes > 0 {
        let class = uploads.by_storage_class.entry(upload.storage_class.clone());
        *class.or_default() += parts.bytes;
    }
    let times = [uploads.oldest_initiated_at, upload.initiated_at];
    uploads.oldest_initiated_at = times.into_iter().flatten().min();
    true
}

/// Adds up the parts of one upload.
async fn parts_of(
    client: &Client,
    target: &BucketTarget,
    requests: &RequestCount,
    upload: &Upload,
) -> Result<Parts, MeasureError> {
    let mut parts = Parts::default();
    let mut marker: Option<String> = None;
    let mut seen = HashSet::new();
    loop {
        let page = parts_page(client, target, requests, upload, marker.as_ref()).await?;
        let Some(PartsPage { parts: page, next }) = page else {
            return Ok(parts);
        };
        let seen_before = seen.len();
        for (number, bytes) in &page {
            if seen.insert((*number, *bytes)) {
                let sum = parts.bytes.checked_add(*bytes);
                parts.bytes = sum.ok_or_else(|| unexpected("more bytes than 64 bits hold"))?;
                parts.count += 1;
            }
        }
        if next.is_none() {
            parts.is_incomplete = true;
            return Ok(parts);
        }
        if next == marker {
            return Err(unexpected("a page that names itself as the next"));
        }
        if seen.len() == seen_before {
            return Err(unexpected("a page of parts that brings nothing new"));
        }
        marker = next;
    }
}

/// Requests the page of an upload's parts after `marker`; `None` if the upload does not exist any more.
async fn parts_page(
    client: &Client,
    target: &BucketTarget,
    requests: &RequestCount,
    upload: &Upload,
    marker: Option<&String>,
) -> Result<Option<PartsPage>, MeasureError> {
    let body = ResponseBody::default();
    let request = client
        .list_parts()
        .bucket(&target.bucket)
        .key(&upload.key)
        .upload_id(&upload.id)
        .set_request_payer(payer(target))
        .set_part_number_marker(marker.cloned())
        .customize()
        .interceptor(body.clone())
        .interceptor(requests.clone());
    let ended = request.send().await;
    match (body.take(), ended) {
        (Some(answer), _) => document::parts(&answer.body).map(Some),
        (None, Err(error)) if error.code() == Some("NoSuchUpload") => Ok(None),
        (None, ended) => Err(without_body(ended, "s3:ListMultipartUploadParts")),
    }
}

/// Returns why a request had no successful response; `action` is the permission that it needs.
fn without_body<T, E>(ended: Result<T, SdkError<E>>, action: &str) -> MeasureError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match ended {
        Err(error) => listing_error(error, action),
        Ok(_) => s3_error::truncated("a page has no end"),
    }
}

fn payer(target: &BucketTarget) -> Option<RequestPayer> {
    target.requester_pays.then_some(RequestPayer::Requester)
}

/// Maps an error of listing uploads; a denied request names the missing permission.
fn listing_error<E>(error: SdkError<E>, action: &str) -> MeasureError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let mut mapped = s3_error::error_from_sdk(error);
    if mapped.code == "access_denied" {
        mapped.reason = format!(
            "listing incomplete uploads was denied; the collector needs {action} on the bucket"
        );
    }
    mapped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upload(class: &str, at: &str) -> Upload {
        Upload {
            key: "a".into(),
            id: "1".into(),
            storage_class: class.into(),
            initiated_at: Some(at.parse().unwrap()),
        }
    }

    #[test]
    fn uploads_without_parts_count_without_bytes_and_the_oldest_is_kept() {
        let mut uploads = Uploads::default();
        let parts = |count, bytes| Parts {
            count,
            bytes,
            ..Parts::default()
        };

        assert!(add(
            &mut uploads,
            &upload("STANDARD", "2026-01-02T00:00:00Z"),
            &parts(2, 10)
        ));
        assert!(add(
            &mut uploads,
            &upload("GLACIER", "2025-01-02T00:00:00Z"),
            &parts(0, 0)
        ));
        assert!(!add(
            &mut uploads,
            &upload("GLACIER", "2026-01-02T00:00:00Z"),
            &parts(1, u64::MAX)
        ));

        assert_eq!(
            (
                uploads.upload_count,
                uploads.part_count,
                uploads.total_bytes
            ),
            (2, 2, 10)
        );
        assert_eq!(uploads.by_storage_class.len(), 1);
        let oldest = uploads.oldest_initiated_at.unwrap().to_rfc3339();
        assert!(oldest.starts_with("2025-01-02"), "{oldest}");
    }
}
