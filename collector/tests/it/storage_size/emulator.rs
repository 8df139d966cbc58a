//! Listings of an S3 emulator. Each test has its own account.

use std::sync::Arc;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::StorageClass;
use collector::{Progress, measure_bucket};
use futures::{StreamExt, stream};
use shared::aws::Aws;
use shared::fleet::BucketTarget;
use shared::location::AwsScope;
use shared::snapshot::{BucketSize, ClassSize};
use shared::testing;

use crate::services;
use crate::support::bucket;

/// Maximum number of concurrent puts.
const CONCURRENCY: usize = 16;

struct Emulated {
    aws: Arc<Aws>,
    client: aws_sdk_s3::Client,
    bucket: String,
}

impl Emulated {
    /// Returns an empty bucket; `None` if the test is skipped.
    async fn bucket() -> Option<Self> {
        let url = testing::service(testing::MINISTACK)?;
        let account = services::unique_account();
        let aws = Arc::new(Aws::at(&url, &account, "test"));
        let client = aws.s3(&AwsScope::default()).await;
        let bucket = format!("files-{account}");
        client.create_bucket().bucket(&bucket).send().await.unwrap();
        Some(Self {
            aws,
            client,
            bucket,
        })
    }

    async fn put(&self, key: &str, bytes: usize) {
        let request = self.client.put_object().bucket(&self.bucket).key(key);
        let body = ByteStream::from(vec![b'x'; bytes]);
        request.body(body).send().await.unwrap();
    }

    fn target(&self, prefix: &str, suffix: &str) -> BucketTarget {
        BucketTarget {
            prefix: prefix.into(),
            suffix: suffix.into(),
            ..bucket(&self.bucket)
        }
    }

    async fn measure(&self, prefix: &str, suffix: &str) -> BucketSize {
        let target = self.target(prefix, suffix);
        measure_bucket(Arc::clone(&self.aws), &target, &Progress::default())
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn a_bucket_of_several_pages_is_counted_to_the_last_object() {
    let Some(s3) = Emulated::bucket().await else {
        return;
    };
    let puts: Vec<_> = (0..1_003)
        .map(|number| {
            let s3 = &s3;
            async move { s3.put(&format!("file-{number:04}"), number % 3).await }
        })
        .collect();
    stream::iter(puts)
        .for_each_concurrent(CONCURRENCY, |put| put)
        .await;
    let progress = Progress::default();

    let size = measure_bucket(Arc::clone(&s3.aws), &s3.target("", ""), &progress)
        .await
        .unwrap();

    // 334 times 0 + 1 + 2 bytes, and one more object of 0 bytes.
    assert_eq!(
        (size.object_count(), size.total_bytes()),
        (Some(1_003), 1_002)
    );
    assert_eq!((progress.items(), progress.bytes()), (1_003, 1_002));
}

#[tokio::test]
async fn unusual_keys_count_like_any_other() {
    let Some(s3) = Emulated::bucket().await else {
        return;
    };
    let keys = [
        "folder/",
        "folder/file",
        "ünï/表.pdf",
        "a b+c%20d&e<f>.pdf",
        "quote\"'.pdf",
        "emoji-🦀",
    ];
    for key in keys {
        s3.put(key, 10).await;
    }

    let all = s3.measure("", "").await;
    let pdf = s3.measure("", ".pdf").await;
    let exact = s3.measure("", "b+c%20d&e<f>.pdf").await;
    let below = s3.measure("ünï/", "表.pdf").await;

    assert_eq!((all.object_count(), all.total_bytes()), (Some(6), 60));
    assert_eq!((pdf.object_count(), pdf.total_bytes()), (Some(3), 30));
    assert_eq!(exact.object_count(), Some(1));
    assert_eq!(below.object_count(), Some(1));
}

#[tokio::test]
async fn a_prefix_and_a_suffix_apply_together() {
    let Some(s3) = Emulated::bucket().await else {
        return;
    };
    for (key, bytes) in [
        ("acme-prod/a.pdf", 1),
        ("acme-prod/b.txt", 2),
        ("acme-prod2/c.pdf", 4),
        ("other/acme-prod/d.pdf", 8),
        ("acme-prod/sub/e.pdf", 16),
    ] {
        s3.put(key, bytes).await;
    }

    assert_eq!(s3.measure("acme-prod/", "").await.total_bytes(), 19);
    assert_eq!(s3.measure("acme-prod/", ".pdf").await.total_bytes(), 17);
    assert_eq!(s3.measure("", ".pdf").await.total_bytes(), 29);
    assert_eq!(s3.measure("acme-prod", "").await.total_bytes(), 23);
    assert_eq!(s3.measure("nothing/", ".pdf").await.object_count(), Some(0));
}

#[tokio::test]
async fn storage_classes_are_kept_apart() {
    let Some(s3) = Emulated::bucket().await else {
        return;
    };
    s3.put("warm", 3).await;
    let request = s3.client.put_object().bucket(&s3.bucket).key("cold");
    let request = request.storage_class(StorageClass::Glacier);
    let body = ByteStream::from_static(b"seven b");
    request.body(body).send().await.unwrap();

    let size = s3.measure("", "").await;

    let class = |total_bytes| ClassSize {
        total_bytes,
        object_count: 1,
    };
    assert_eq!(size.total_bytes(), 10);
    let classes = size.current.unwrap().by_storage_class;
    assert_eq!(classes["STANDARD"], class(3));
    assert_eq!(classes["GLACIER"], class(7));
}

#[tokio::test]
async fn an_empty_bucket_is_zero_and_not_an_error() {
    let Some(s3) = Emulated::bucket().await else {
        return;
    };

    let size = s3.measure("", "").await;

    assert_eq!((size.object_count(), size.total_bytes()), (Some(0), 0));
    assert!(size.current.unwrap().by_storage_class.is_empty());
}

#[tokio::test]
async fn a_missing_bucket_is_a_permanent_error() {
    let Some(s3) = Emulated::bucket().await else {
        return;
    };
    let missing = bucket("never-created-anywhere");

    let error = measure_bucket(Arc::clone(&s3.aws), &missing, &Progress::default())
        .await
        .unwrap_err();

    assert_eq!((error.code, error.is_transient), ("bucket_missing", false));
}
