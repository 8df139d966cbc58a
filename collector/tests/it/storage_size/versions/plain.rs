//! The reference: every page in turn, by the SDK's own client and nothing of ours.

use aws_sdk_s3::Client;
use shared::snapshot::BucketSize;

/// What is told of a bucket: bytes and numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Sums {
    /// Bytes and number of current objects.
    pub(super) current: (u64, u64),
    /// Bytes and number of noncurrent versions.
    pub(super) noncurrent: (u64, u64),
    pub(super) delete_markers: u64,
    /// Number of uploads, number of their parts, bytes of these; `None` where the client cannot read them.
    pub(super) uploads: Option<(u64, u64, u64)>,
}

impl Sums {
    /// Returns those of a size of which every part was wanted.
    pub(super) fn of(size: &BucketSize) -> Self {
        let noncurrent = size.noncurrent.as_ref().unwrap();
        let uploads = size.multipart.as_ref();
        Self {
            current: (size.total_bytes(), size.object_count().unwrap()),
            noncurrent: (noncurrent.total_bytes, noncurrent.object_count),
            delete_markers: size.delete_markers.unwrap(),
            uploads: uploads.map(|uploads| {
                let (count, parts) = (uploads.upload_count, uploads.part_count);
                (count, parts, uploads.total_bytes)
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
            sum.0 += bytes(version.size());
            sum.1 += 1;
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

async fn uploads(client: &Client, bucket: &str, prefix: &str) -> Option<(u64, u64, u64)> {
    let listing = client.list_multipart_uploads().bucket(bucket);
    let page = listing.prefix(prefix).send().await.unwrap();
    assert_ne!(page.is_truncated(), Some(true), "few uploads are one page");
    let mut sums = (0, 0, 0);
    for upload in page.uploads() {
        let (key, id) = (upload.key().unwrap(), upload.upload_id().unwrap());
        let listing = client.list_parts().bucket(bucket).key(key).upload_id(id);
        let mut pages = listing.into_paginator().send();
        sums.0 += 1;
        while let Some(page) = pages.next().await {
            for part in page.ok()?.parts() {
                sums.1 += 1;
                sums.2 += bytes(part.size());
            }
        }
    }
    Some(sums)
}
