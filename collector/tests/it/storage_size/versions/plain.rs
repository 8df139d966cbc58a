//! The reference: page by page with the SDK's own client, without our code.

use aws_sdk_s3::Client;
use shared::snapshot::BucketSize;

/// Size of a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Sums {
    pub(super) current: Counted,
    pub(super) noncurrent: Counted,
    pub(super) delete_markers: u64,
    /// `None` if the client cannot read them.
    pub(super) uploads: Option<UploadSums>,
}

/// Objects or versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counted {
    pub(super) bytes: u64,
    pub(super) count: u64,
}

/// Incomplete uploads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct UploadSums {
    pub(super) uploads: u64,
    pub(super) parts: u64,
    pub(super) bytes: u64,
}

impl Sums {
    /// Returns the sums of a measurement that included every part.
    pub(super) fn of(size: &BucketSize) -> Self {
        let noncurrent = size.noncurrent.as_ref().unwrap();
        let uploads = size.multipart.as_ref();
        Self {
            current: Counted {
                bytes: size.total_bytes(),
                count: size.object_count().unwrap(),
            },
            noncurrent: Counted {
                bytes: noncurrent.total_bytes,
                count: noncurrent.object_count,
            },
            delete_markers: size.delete_markers.unwrap(),
            uploads: uploads.map(|uploads| UploadSums {
                uploads: uploads.upload_count,
                parts: uploads.part_count,
                bytes: uploads.total_bytes,
            }),
        }
    }
}

fn bytes(size: Option<i64>) -> u64 {
    u64::try_from(size.unwrap()).unwrap()
}

/// Lists everything under `prefix`.
pub(super) async fn list(client: &Client, bucket: &str, prefix: &str) -> Sums {
    let mut sums = Sums::default();
    let (mut key, mut version) = (None, None);
    loop {
        let listing = client.list_object_versions().bucket(bucket).prefix(prefix);
        let listing = listing.set_key_marker(key).set_version_id_marker(version);
        let page = listing.send().await.unwrap();
        for version in page.versions() {
            let sum = if version.is_latest().unwrap() {
                &mut sums.current
            } else {
                &mut sums.noncurrent
            };
            sum.bytes += bytes(version.size());
            sum.count += 1;
        }
        sums.delete_markers += page.delete_markers().len() as u64;
        if page.is_truncated() != Some(true) {
            break;
        }
        (key, version) = (page.next_key_marker, page.next_version_id_marker);
    }
    sums.uploads = uploads(client, bucket, prefix).await;
    sums
}

async fn uploads(client: &Client, bucket: &str, prefix: &str) -> Option<UploadSums> {
    let listing = client.list_multipart_uploads().bucket(bucket);
    let page = listing.prefix(prefix).send().await.unwrap();
    assert_ne!(
        page.is_truncated(),
        Some(true),
        "the tests' uploads fit into one page"
    );
    let mut sums = UploadSums::default();
    for upload in page.uploads() {
        let (key, id) = (upload.key().unwrap(), upload.upload_id().unwrap());
        let listing = client.list_parts().bucket(bucket).key(key).upload_id(id);
        let mut pages = listing.into_paginator().send();
        sums.uploads += 1;
        while let Some(page) = pages.next().await {
            for part in page.ok()?.parts() {
                sums.parts += 1;
                sums.bytes += bytes(part.size());
            }
        }
    }
    Some(sums)
}
