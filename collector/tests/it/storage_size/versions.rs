//! Versions, delete markers and incomplete uploads in two emulators, compared with a plain listing by the SDK.

mod plain;

use std::sync::Arc;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketVersioningStatus, StorageClass, VersioningConfiguration};
use collector::{Progress, measure_bucket};
use shared::aws::Aws;
use shared::fleet::{BucketTarget, Measured};
use shared::location::AwsScope;
use shared::snapshot::BucketSize;
use shared::testing;

use self::plain::{Counted, Sums, UploadSums};
use crate::services;
use crate::support::bucket;

/// Minimum bytes of a part that is not the last one.
const PART: usize = 5 << 20;

const EVERYTHING: Measured = Measured {
    noncurrent: true,
    delete_markers: true,
    multipart: true,
    cloudwatch: false,
};

struct Emulated {
    aws: Arc<Aws>,
    client: Client,
    bucket: String,
    /// Whether its list of parts has the element name that the SDK requires, which moto does not use.
    is_readable_by_sdk: bool,
}

impl Emulated {
    /// Returns an empty bucket in each emulator; none if the tests are skipped.
    async fn buckets() -> Vec<Self> {
        let mut buckets = Vec::new();
        for variable in [testing::MINISTACK, testing::MOTO] {
            buckets.extend(Self::bucket(variable).await);
        }
        buckets
    }

    async fn bucket(variable: &str) -> Option<Self> {
        let url = testing::service(variable)?;
        let account = services::unique_account();
        let aws = Arc::new(Aws::at(&url, &account, "test"));
        let client = aws.s3(&AwsScope::default()).await;
        let bucket = format!("parts-{account}");
        client.create_bucket().bucket(&bucket).send().await.unwrap();
        Some(Self {
            aws,
            client,
            bucket,
            is_readable_by_sdk: variable == testing::MINISTACK,
        })
    }

    async fn put(&self, key: &str, bytes: usize) {
        let body = ByteStream::from(vec![b'x'; bytes]);
        let request = self.client.put_object().bucket(&self.bucket).key(key);
        request.body(body).send().await.unwrap();
    }

    async fn delete(&self, key: &str) {
        let request = self.client.delete_object().bucket(&self.bucket);
        request.key(key).send().await.unwrap();
    }

    async fn keep_versions(&self) {
        let enabled = VersioningConfiguration::builder()
            .status(BucketVersioningStatus::Enabled)
            .build();
        let request = self.client.put_bucket_versioning().bucket(&self.bucket);
        request
            .versioning_configuration(enabled)
            .send()
            .await
            .unwrap();
    }

    /// Starts an upload with parts of these sizes and returns its id.
    async fn start_upload(&self, key: &str, parts: &[usize]) -> String {
        let request = self.client.create_multipart_upload().bucket(&self.bucket);
        let request = request.key(key).storage_class(StorageClass::Standard);
        let id = request.send().await.unwrap().upload_id.unwrap();
        for (number, bytes) in (1..).zip(parts) {
            let request = self.client.upload_part().bucket(&self.bucket).key(key);
            let request = request.upload_id(&id).part_number(number);
            let body = ByteStream::from(vec![b'x'; *bytes]);
            request.body(body).send().await.unwrap();
        }
        id
    }

    async fn measure(&self, measure: Measured, prefix: &str, suffix: &str) -> BucketSize {
        let target = BucketTarget {
            measure,
            prefix: prefix.into(),
            suffix: suffix.into(),
            ..bucket(&self.bucket)
        };
        measure_bucket(Arc::clone(&self.aws), &target, &Progress::default())
            .await
            .unwrap()
    }

    /// Asserts that the measurement equals the plain listing, and returns it.
    async fn assert_as_plain(&self, prefix: &str) -> Sums {
        let size = self.measure(EVERYTHING, prefix, "").await;
        let measured = Sums::of(&size);
        let mut plain = plain::list(&self.client, &self.bucket, prefix).await;
        if plain.uploads.is_none() {
            assert!(!self.is_readable_by_sdk, "{}", self.bucket);
            plain.uploads = measured.uploads;
        }
        assert_eq!(measured, plain, "{} {prefix:?}", self.bucket);
        assert_eq!(size.unmeasured, []);
        measured
    }
}

#[tokio::test]
async fn versions_and_delete_markers_are_measured_separately() {
    for s3 in Emulated::buckets().await {
        s3.put("before", 1).await;
        s3.keep_versions().await;
        for bytes in [10, 200, 3_000] {
            s3.put("a/kept.txt", bytes).await;
        }
        s3.put("b/deleted.pdf", 40_000).await;
        s3.delete("b/deleted.pdf").await;

        let all = s3.assert_as_plain("").await;
        let part = s3.measure(EVERYTHING, "b/", ".pdf").await;
        let current = s3.measure(Measured::default(), "", "").await;

        let counted = |bytes, count| Counted { bytes, count };
        let expected = Sums {
            current: counted(3_001, 2),
            noncurrent: counted(40_210, 3),
            delete_markers: 1,
            uploads: Some(UploadSums::default()),
        };
        assert_eq!(all, expected);
        let expected = Sums {
            current: counted(0, 0),
            noncurrent: counted(40_000, 1),
            ..expected
        };
        assert_eq!(Sums::of(&part), expected);
        // The listing of objects finds the same objects, and reports versions as unknown.
        assert_eq!(
            (current.total_bytes(), current.object_count()),
            (3_001, Some(2))
        );
        assert_eq!((current.noncurrent, current.delete_markers), (None, None));
    }
}

/// Pages end among the versions of one key, so the next page must start after a version and not after a key. Only
/// moto's pages, of 100 entries, are small enough for that.
#[tokio::test]
async fn a_page_that_ends_among_the_versions_of_a_key_loses_and_repeats_none() {
    let Some(s3) = Emulated::bucket(testing::MOTO).await else {
        return;
    };
    s3.keep_versions().await;
    let keys = ["a/ünï", "a/b+c%20d", "b&<c>", "y"];
    // Concurrent for different keys only, because the emulator loses concurrent versions of one key.
    let puts = keys.map(|key| {
        let s3 = &s3;
        async move {
            for bytes in 1..=60 {
                s3.put(key, bytes).await;
            }
        }
    });
    futures::future::join_all(puts).await;
    s3.put("z/", 7).await;
    s3.delete(keys[1]).await;

    let all = s3.assert_as_plain("").await;
    let part = s3.assert_as_plain("a/").await;

    let of_key = (1..=60).sum::<u64>();
    assert_eq!(all.current.bytes + all.noncurrent.bytes, 4 * of_key + 7);
    assert_eq!((all.current.count, all.noncurrent.count), (4, 237));
    assert_eq!((part.current.count, part.noncurrent.count), (1, 119));
    assert_eq!((all.delete_markers, part.delete_markers), (1, 1));
}

#[tokio::test]
async fn incomplete_uploads_are_measured_and_aborted_ones_are_not() {
    for s3 in Emulated::buckets().await {
        s3.put("object", 7).await;
        s3.start_upload("a/first video.mp4", &[PART, 100]).await;
        s3.start_upload("a/without-parts", &[]).await;
        s3.start_upload("b/other.bin", &[50]).await;
        let aborted = s3.start_upload("a/aborted", &[60]).await;
        let request = s3.client.abort_multipart_upload().bucket(&s3.bucket);
        let request = request.key("a/aborted").upload_id(aborted);
        request.send().await.unwrap();

        let all = s3.assert_as_plain("").await;
        let part = s3.assert_as_plain("a/").await;
        let video = s3.measure(EVERYTHING, "", "first video.mp4").await;
        let whole = s3.measure(Measured::default(), "", "").await;
        let none = s3.measure(Measured::current(), "", "").await;

        let sums = |uploads, parts, bytes| {
            Some(UploadSums {
                uploads,
                parts,
                bytes: PART as u64 + bytes,
            })
        };
        assert_eq!(all.uploads, sums(3, 3, 150));
        assert_eq!(part.uploads, sums(2, 2, 100));
        assert_eq!(Sums::of(&video).uploads, sums(1, 2, 100));
        let uploads = whole.multipart.as_ref().unwrap();
        assert_eq!(uploads.by_storage_class["STANDARD"], PART as u64 + 150);
        assert!(uploads.oldest_initiated_at.is_some());
        // Parts do not count as objects.
        assert_eq!((whole.total_bytes(), whole.object_count()), (7, Some(1)));
        assert_eq!(none.multipart, None);
    }
}
