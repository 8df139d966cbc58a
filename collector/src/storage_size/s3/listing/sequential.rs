//! Lists a bucket with the SDK's own client, page by page.
//!
//! Used for buckets whose requests only the SDK can sign, such as directory buckets, and as the reference in tests. S3
//! announces how many keys a page has and whether more follow. A page that contradicts itself, that begins like an
//! earlier one, or that has no position for the next one, is an error. Directory buckets list in no known order, so an
//! entry counts if none of the last million entries is the same.

use std::borrow::Cow;

use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::types::{EncodingType, RequestPayer};
use percent_encoding::percent_decode_str;
use s3_listing::{EntryHash, ListingTotals, PlanCounts, SeenEntries};
use shared::aws::Aws;
use shared::fleet::BucketTarget;

use super::Listed;
use crate::error::MeasureError;
use crate::run::Progress;
use crate::storage_size::s3::error::{self as s3_error, unexpected};
use crate::storage_size::s3::prefixes;
use crate::storage_size::s3::request_count::RequestCount;

/// Lists all current objects of `target`, after `spent` requests that came to nothing.
pub(super) async fn list(
    aws: &Aws,
    target: &BucketTarget,
    spent: u64,
    progress: &Progress,
) -> Result<Listed, MeasureError> {
    let scope = aws.scope_of(&target.bucket, &target.scope).await;
    let client = aws.s3(&scope).await;
    let mut listed = Listed::default();
    listed.totals.by_prefix = prefixes::empty(target);
    let mut seen = SeenEntries::default();
    let mut counts = PlanCounts::default();
    let mut token: Option<String> = None;
    let requests = RequestCount::default();
    loop {
        // Keys may contain characters that are invalid in XML, but not once they are percent-encoded.
        let request = client
            .list_objects_v2()
            .bucket(&target.bucket)
            .encoding_type(EncodingType::Url)
            .set_request_payer(target.requester_pays.then_some(RequestPayer::Requester))
            .set_prefix(Some(target.prefix.clone()).filter(|prefix| !prefix.is_empty()))
            .set_continuation_token(token.clone())
            .customize()
            .interceptor(requests.clone());
        let page = request.send().await.map_err(s3_error::error_from_sdk)?;
        let next = next_token(&page, token.as_deref())?;
        counts.pages += 1;
        counts.entries += add_page(&mut listed.totals, &mut seen, target, &page, progress)?;
        if counts.is_without_progress() {
            return Err(unexpected("no end: many pages brought nothing new"));
        }
        if next.is_none() {
            listed.requests = spent + requests.get();
            return Ok(listed);
        }
        token = next;
    }
}

/// Adds the objects of a page that were not listed before, and returns their number.
fn add_page(
    totals: &mut ListingTotals,
    seen: &mut SeenEntries,
    target: &BucketTarget,
    page: &ListObjectsV2Output,
    progress: &Progress,
) -> Result<u64, MeasureError> {
    // The SDK accepts a document that stops between two objects; only the count reveals it.
    let announced = page.key_count().map(usize::try_from);
    if announced != Some(Ok(page.contents().len())) {
        return Err(s3_error::truncated("a page lacks some of its keys"));
    }
    let is_encoded = page.encoding_type() == Some(&EncodingType::Url);
    let mut counted = 0;
    let mut entries = Vec::new();
    for object in page.contents() {
        let key = object
            .key()
            .ok_or_else(|| unexpected("an object without a key"))?;
        let key = if is_encoded {
            decoded(key)
        } else {
            Cow::Borrowed(key)
        };
        if !key.starts_with(&target.prefix) {
            return Err(unexpected(
                "keys that do not begin with the requested prefix",
            ));
        }
        let entry = EntryHash::of(key.as_bytes(), b"");
        if entries.is_empty() && seen.begins_with(entry) {
            return Err(unexpected("a page that begins like an earlier one"));
        }
        let is_repeated = seen.contains(entry) || entries.contains(&entry);
        entries.push(entry);
        if is_repeated {
            continue;
        }
        counted += 1;
        if !key.ends_with(&target.suffix) {
            continue;
        }
        let bytes = object.size().and_then(|bytes| u64::try_from(bytes).ok());
        let bytes = bytes.ok_or_else(|| unexpected("an object without a valid size"))?;
        let class = object
            .storage_class()
            .map(|class| class.as_str().as_bytes());
        if !totals.current.add(class, bytes) {
            return Err(unexpected("more bytes than 64 bits hold"));
        }
        if let Some(sums) = &mut totals.by_prefix {
            sums.add(key.as_bytes(), true, bytes);
        }
        progress.add(1, bytes);
    }
    seen.add_page(&entries);
    Ok(counted)
}

/// Returns the token of the page after `page`, which was requested with `current`; `None` after the last page.
fn next_token(
    page: &ListObjectsV2Output,
    current: Option<&str>,
) -> Result<Option<String>, MeasureError> {
    let next = page.next_continuation_token();
    match (page.is_truncated(), next) {
        (Some(false), _) => Ok(None),
        (None, _) => Err(s3_error::truncated("a page has no `IsTruncated`")),
        (Some(true), None | Some("")) => {
            Err(unexpected("more pages but no position to continue from"))
        }
        (Some(true), next) if next == current => {
            Err(unexpected("a page that names itself as the next"))
        }
        (Some(true), next) => Ok(next.map(str::to_owned)),
    }
}

/// Decodes a key as S3 encodes it: percent-encoded UTF-8 with `+` for a space.
fn decoded(key: &str) -> Cow<'_, str> {
    let with_spaces = key.replace('+', " ");
    let bytes: Vec<u8> = percent_decode_str(&with_spaces).collect();
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage_size::tests::target;
    use aws_sdk_s3::types::Object;

    fn page(is_truncated: Option<bool>, next: Option<&str>) -> ListObjectsV2Output {
        ListObjectsV2Output::builder()
            .set_is_truncated(is_truncated)
            .set_next_continuation_token(next.map(str::to_owned))
            .build()
    }

    fn add(
        totals: &mut ListingTotals,
        target: &BucketTarget,
        page: &ListObjectsV2Output,
    ) -> Result<u64, MeasureError> {
        let mut seen = SeenEntries::default();
        add_page(totals, &mut seen, target, page, &Progress::default())
    }

    #[test]
    fn the_last_page_ends_the_listing_whatever_its_token() {
        assert_eq!(next_token(&page(Some(false), None), None).unwrap(), None);
        assert_eq!(
            next_token(&page(Some(false), Some("b")), Some("a")).unwrap(),
            None
        );
    }

    #[test]
    fn another_page_requires_a_new_token() {
        assert_eq!(
            next_token(&page(Some(true), Some("b")), Some("a")).unwrap(),
            Some("b".to_owned())
        );
        for (next, current) in [(None, None), (Some(""), Some("a")), (Some("a"), Some("a"))] {
            let error = next_token(&page(Some(true), next), current).unwrap_err();
            assert_eq!(
                error.code, "unexpected_answer",
                "{next:?} after {current:?}"
            );
        }
    }

    #[test]
    fn a_page_without_is_truncated_is_cut() {
        let error = next_token(&page(None, Some("b")), None).unwrap_err();

        assert_eq!((error.code, error.is_transient), ("connection_cut", true));
    }

    #[test]
    fn a_page_with_fewer_keys_than_it_announces_is_cut() {
        for announced in [Some(2), Some(-1), None] {
            let cut = ListObjectsV2Output::builder()
                .set_key_count(announced)
                .contents(Object::builder().key("a").size(1).build())
                .build();
            let mut totals = ListingTotals::default();

            let error = add(&mut totals, &target("", ""), &cut).unwrap_err();

            assert_eq!((error.code, error.is_transient), ("connection_cut", true));
        }
    }

    #[test]
    fn suffixes_match_the_key_and_not_its_encoding() {
        let encoded = ListObjectsV2Output::builder()
            .encoding_type(EncodingType::Url)
            .key_count(2)
            .contents(Object::builder().key("a+b%2Bc%C3%BC.pdf").size(3).build())
            .contents(Object::builder().key("plain.pdf").size(4).build())
            .build();
        let mut totals = ListingTotals::default();

        add(&mut totals, &target("", " b+cü.pdf"), &encoded).unwrap();

        assert_eq!(totals.current.total_bytes(), Some(3));
        assert_eq!(totals.current.object_count(), 1);
    }
}
