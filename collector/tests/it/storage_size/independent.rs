//! Listings of nanio, an S3 server that shares no code with AWS's SDKs or with an emulator, and that checks signatures.

use std::sync::Arc;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use collector::{MeasureError, Progress, account_buckets, measure_bucket};
use futures::{StreamExt, stream};
use shared::aws::Aws;
use shared::fleet::{BucketTarget, Measured};
use shared::location::AwsScope;
use shared::snapshot::BucketSize;
use shared::testing;

use crate::services;
use crate::support::bucket;

/// Maximum number of concurrent puts.
const CONCURRENCY: usize = 16;

struct Nanio {
    aws: Arc<Aws>,
    client: Client,
    bucket: String,
}

impl Nanio {
    /// Returns an empty bucket; `None` if the test is skipped.
    async fn bucket() -> Option<Self> {
        let url = testing::service(testing::NANIO)?;
        let (key, secret) = testing::NANIO_KEYS;
        let aws = Arc::new(Aws::at(&url, key, secret));
        let client = aws.s3(&AwsScope::default()).await;
        let bucket = format!("files-{}", services::unique_account());
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

    async fn measure(&self, prefix: &str, measure: Measured) -> Result<BucketSize, MeasureError> {
        let target = BucketTarget {
            prefix: prefix.to_owned(),
            measure,
            ..bucket(&self.bucket)
        };
        measure_bucket(Arc::clone(&self.aws), &target, &Progress::default()).await
    }
}

#[tokio::test]
async fn an_independent_server_has_the_exact_total_over_several_pages() {
    let Some(s3) = Nanio::bucket().await else {
        return;
    };
    let keys = (0..1_100).map(|number| format!("many/ü-{number}"));
    let puts: Vec<_> = keys.map(|key| (key, 2)).collect();
    let puts = puts.iter().map(|(key, bytes)| s3.put(key, *bytes));
    let puts: Vec<_> = puts.collect();
    stream::iter(puts)
        .for_each_concurrent(CONCURRENCY, |put| put)
        .await;
    s3.put("other/日本", 5).await;
    let upload = s3.client.create_multipart_upload().bucket(&s3.bucket);
    let upload = upload.key("many/upload").send().await.unwrap();
    let part = s3
        .client
        .upload_part()
        .bucket(&s3.bucket)
        .key("many/upload");
    let part = part.upload_id(upload.upload_id().unwrap()).part_number(1);
    let body = ByteStream::from_static(b"seven b");
    part.body(body).send().await.unwrap();

    let all = s3.measure("", Measured::default()).await.unwrap();
    let part = s3.measure("many/ü-10", Measured::default()).await.unwrap();

    assert_eq!(
        (all.object_count(), all.total_bytes()),
        (Some(1_101), 2_205)
    );
    assert_eq!(all.unmeasured, []);
    let uploads = all.multipart.unwrap();
    assert_eq!(
        (
            uploads.upload_count,
            uploads.part_count,
            uploads.total_bytes
        ),
        (1, 1, 7)
    );
    // 10, 100 to 109, and 1000 to 1099.
    assert_eq!((part.object_count(), part.total_bytes()), (Some(111), 222));
    assert_eq!(part.multipart.unwrap().upload_count, 0);
}

#[tokio::test]
async fn an_independent_server_names_its_refusals() {
    let Some(s3) = Nanio::bucket().await else {
        return;
    };
    s3.put("a", 3).await;
    let url = testing::service(testing::NANIO).unwrap();
    let stranger = Arc::new(Aws::at(&url, testing::NANIO_KEYS.0, "NEVERLEAK"));

    let refused = measure_bucket(stranger, &bucket(&s3.bucket), &Progress::default()).await;
    let missing = bucket("never-created-anywhere");
    let missing = measure_bucket(Arc::clone(&s3.aws), &missing, &Progress::default()).await;

    let refused = refused.unwrap_err();
    assert_eq!(refused.code, "credentials_refused");
    assert!(!refused.reason.contains("NEVERLEAK"), "{}", refused.reason);
    assert_eq!(missing.unwrap_err().code, "bucket_missing");
}

/// nanio has no versions, and answers a request for them with objects.
#[tokio::test]
async fn where_versions_are_ignored_the_objects_still_count() {
    let Some(s3) = Nanio::bucket().await else {
        return;
    };
    s3.put("a", 3).await;
    let measure = Measured {
        noncurrent: true,
        ..Measured::current()
    };

    let size = s3.measure("", measure).await.unwrap();

    assert_eq!((size.object_count(), size.total_bytes()), (Some(1), 3));
    assert_eq!(size.noncurrent, None);
    assert_eq!(size.unmeasured[0].code, "unsupported");
}

#[tokio::test]
async fn the_buckets_of_an_account_are_named() {
    let Some(s3) = Nanio::bucket().await else {
        return;
    };

    let buckets = account_buckets(&s3.aws).await.unwrap();

    let found = buckets.iter().filter(|bucket| bucket.name == s3.bucket);
    assert_eq!(found.count(), 1);
    assert!(buckets.is_sorted());
}
