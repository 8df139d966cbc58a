//! Which number is the size of a bucket, and why. No I/O in this file.
//!
//! The size is what a complete listing adds up to: current objects only, whatever their key looks like. Keys
//! that end in `/` are objects, some of them with content, so they count like any other. Noncurrent versions,
//! delete markers and incomplete uploads are in no listing and not in this number.

mod failure;
mod listing;

use std::sync::Arc;

use async_trait::async_trait;
use shared::aws::Aws;
use shared::fleet::BucketTarget;
use shared::snapshot::BucketSize;

use crate::error::MeasureError;
use crate::run::{MEASURE_TIMEOUT, measure_within};
use crate::source::{Progress, Source};

/// Class of objects that are listed without one.
const DEFAULT_STORAGE_CLASS: &str = "STANDARD";

/// Measures bucket targets.
#[derive(Debug, Clone)]
pub struct BucketSource {
    aws: Arc<Aws>,
}

impl BucketSource {
    /// Returns a source that reads with clients of `aws`.
    pub fn new(aws: Arc<Aws>) -> Self {
        Self { aws }
    }
}

#[async_trait]
impl Source for BucketSource {
    type Target = BucketTarget;
    type Measurement = BucketSize;

    /// Costs one request for each 1,000 objects under the target's prefix.
    async fn measure(
        &self,
        target: &BucketTarget,
        progress: &Progress,
    ) -> Result<BucketSize, MeasureError> {
        let (region, role_arn) = (target.region.as_deref(), target.role_arn.as_deref());
        let client = self.aws.s3(region, role_arn).await;
        listing::measure(&client, target, progress).await
    }
}

/// Measures one bucket target for somebody who waits; keeps nothing.
///
/// # Errors
///
/// See [`MeasureError`]; takes at most [`MEASURE_TIMEOUT`].
pub async fn measure_bucket(
    aws: Arc<Aws>,
    target: &BucketTarget,
    progress: &Progress,
) -> Result<BucketSize, MeasureError> {
    measure_within(&BucketSource::new(aws), target, progress, MEASURE_TIMEOUT).await
}

/// One object of a listing.
#[derive(Debug, Clone, Copy)]
struct ListedObject<'a> {
    key: &'a str,
    size_bytes: Option<i64>,
    storage_class: Option<&'a str>,
}

/// Adds `object` to `size` when it belongs to `target`; returns its bytes then.
///
/// # Errors
///
/// `unexpected_answer`: it has no size, or one that cannot be, and a guess would falsify the total.
fn add_object(
    size: &mut BucketSize,
    target: &BucketTarget,
    object: ListedObject<'_>,
) -> Result<Option<u64>, MeasureError> {
    if !object.key.ends_with(&target.suffix) {
        return Ok(None);
    }
    let bytes = object
        .size_bytes
        .and_then(|bytes| u64::try_from(bytes).ok())
        .filter(|bytes| size.total_bytes.checked_add(*bytes).is_some())
        .ok_or_else(|| unexpected("an object without a valid size"))?;
    size.add(object.storage_class.unwrap_or(DEFAULT_STORAGE_CLASS), bytes);
    Ok(Some(bytes))
}

/// Returns the failure of a listing that holds `what`.
fn unexpected(what: &str) -> MeasureError {
    MeasureError::permanent("unexpected_answer", format!("the listing has {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::snapshot::{ClassSize, Method};

    pub(super) fn target(prefix: &str, suffix: &str) -> BucketTarget {
        BucketTarget {
            environment: "acme-prod".into(),
            bucket: "files".into(),
            prefix: prefix.into(),
            suffix: suffix.into(),
            region: None,
            role_arn: None,
        }
    }

    fn object(key: &str, size_bytes: i64) -> ListedObject<'_> {
        ListedObject {
            key,
            size_bytes: Some(size_bytes),
            storage_class: None,
        }
    }

    #[test]
    fn keys_that_end_in_a_slash_are_objects() {
        let mut size = BucketSize::empty(Method::Listing);

        add_object(&mut size, &target("", ""), object("folder/", 0)).unwrap();
        add_object(&mut size, &target("", ""), object("odd/", 7)).unwrap();

        assert_eq!((size.object_count, size.total_bytes), (2, 7));
    }

    #[test]
    fn an_object_without_a_class_is_standard() {
        let mut size = BucketSize::empty(Method::Listing);
        let glacier = ListedObject {
            storage_class: Some("GLACIER"),
            ..object("b", 2)
        };

        add_object(&mut size, &target("", ""), object("a", 1)).unwrap();
        add_object(&mut size, &target("", ""), glacier).unwrap();

        let class = |total_bytes| ClassSize {
            total_bytes,
            object_count: 1,
        };
        assert_eq!(size.by_storage_class["STANDARD"], class(1));
        assert_eq!(size.by_storage_class["GLACIER"], class(2));
    }

    #[test]
    fn only_keys_with_the_suffix_count() {
        let mut size = BucketSize::empty(Method::Listing);
        let pdf = target("", ".pdf");

        assert_eq!(
            add_object(&mut size, &pdf, object("a.pdf", 5)).unwrap(),
            Some(5)
        );
        assert_eq!(
            add_object(&mut size, &pdf, object("a.pdf.bak", 9)).unwrap(),
            None
        );

        assert_eq!((size.object_count, size.total_bytes), (1, 5));
    }

    #[test]
    fn a_size_that_cannot_be_is_an_error_and_not_zero() {
        for size_bytes in [None, Some(-1)] {
            let mut size = BucketSize::empty(Method::Listing);
            let odd = ListedObject {
                size_bytes,
                ..object("a", 0)
            };

            let error = add_object(&mut size, &target("", ""), odd).unwrap_err();

            assert_eq!(error.code, "unexpected_answer");
        }
    }

    #[test]
    fn a_sum_beyond_64_bits_is_an_error_and_not_a_small_number() {
        let mut size = BucketSize::empty(Method::Listing);
        for _ in 0..2 {
            add_object(&mut size, &target("", ""), object("a", i64::MAX)).unwrap();
        }

        let error = add_object(&mut size, &target("", ""), object("a", i64::MAX)).unwrap_err();

        assert_eq!(error.code, "unexpected_answer");
    }
}
