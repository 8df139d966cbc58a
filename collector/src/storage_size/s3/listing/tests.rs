//! Complete listings of synthetic buckets: in ranges, sequentially, and by the SDK's client.

use std::time::Duration;

use synthetic_s3::{Bucket, Response, Server};

use super::*;
use crate::storage_size::tests::target;
use shared::fleet::ByPrefix;
use shared::location::AwsScope;

fn serve(mut bucket: Bucket, versions: usize) -> Server {
    bucket.versions_per_key = versions;
    // Long enough for pages of several ranges to be pending at the same time.
    Server::start(bucket, 0, Duration::from_millis(20), |_| Response::Page)
}

async fn listed(server: &Server, listing: Listing, prefix: &str, suffix: &str) -> Listed {
    let aws = Aws::at(&server.url(), "test", "test");
    let target = target(prefix, suffix);
    let progress = Progress::default();
    let bounds = PartBounds::default();
    match list(&aws, &target, listing, bounds, &progress)
        .await
        .unwrap()
    {
        ListedPart::Complete(listed) => *listed,
        ListedPart::Paused(_) => panic!("no pause was requested"),
    }
}

#[tokio::test]
async fn the_sdk_client_and_the_scanner_find_the_same() {
    for (shape, prefix, suffix) in [
        ("control", "", ""),
        ("unicode", "Übung/", "0.pdf"),
        ("slashes", "", "/"),
        ("mendix", "0", ""),
    ] {
        let server = serve(Bucket::of_shape(shape, 5_000), 1);
        let aws = Aws::at(&server.url(), "test", "test");
        let target = target(prefix, suffix);

        let reference = sequential::list(&aws, &target, 0, &Progress::default())
            .await
            .unwrap();
        let scanned = listed(&server, Listing::Objects, prefix, suffix).await;

        assert_eq!(scanned.totals, reference.totals, "{shape}");
    }
}

#[tokio::test]
async fn sums_by_prefix_are_the_same_on_every_path_and_add_up() {
    for (shape, prefix, suffix) in [("dates", "", ""), ("unicode", "Übung/", "0.pdf")] {
        let server = serve(Bucket::of_shape(shape, 5_000), 1);
        let aws = Aws::at(&server.url(), "test", "test");
        let target = BucketTarget {
            by_prefix: Some(ByPrefix::Folders(2)),
            ..target(prefix, suffix)
        };
        let progress = Progress::default();

        let reference = sequential::list(&aws, &target, 0, &progress).await.unwrap();
        let bounds = PartBounds::default();
        let listed = list(&aws, &target, Listing::Objects, bounds, &progress).await;
        let ListedPart::Complete(listed) = listed.unwrap() else {
            panic!("no pause was requested");
        };

        assert_eq!(listed.totals, reference.totals, "{shape}");
        let sums = listed.totals.by_prefix.unwrap();
        let (mut bytes, mut objects) = (0, 0);
        for (folder, sum) in sums.prefixes() {
            let folder = std::str::from_utf8(folder).unwrap();
            if folder.len() > prefix.len()
                && folder.matches('/').count() == prefix.matches('/').count() + 2
            {
                let expected = server.bucket().sum(folder, suffix);
                let found = (
                    u64::try_from(sum.current.bytes).unwrap(),
                    sum.current.objects,
                );
                assert_eq!(found, expected, "{shape}: {folder}");
            }
            bytes += sum.current.bytes;
            objects += sum.current.objects;
        }
        assert!(sums.prefixes().count() > 1, "{shape}");
        let (expected_bytes, expected_objects) = server.bucket().sum(prefix, suffix);
        assert_eq!((bytes, objects), (expected_bytes.into(), expected_objects));
    }
}

/// Each key has a current version and noncurrent ones of one more byte each; for every third key, the oldest version is
/// a delete marker. Pages end within the versions of a key.
#[tokio::test]
async fn versions_are_listed_in_ranges_and_kept_apart() {
    for (shape, versions) in [("uuid", 3), ("dates", 7), ("unicode", 1)] {
        let server = serve(Bucket::of_shape(shape, 6_000), versions);

        let found = listed(&server, Listing::Versions, "", "").await;

        let bucket = server.bucket();
        let (bytes, count) = bucket.sum("", "");
        let (mut noncurrent_bytes, mut noncurrent_count, mut marker_count) = (0, 0, 0);
        for index in 0..bucket.keys().len() {
            for version in 1..versions {
                if version == versions - 1 && index.is_multiple_of(3) {
                    marker_count += 1;
                } else {
                    noncurrent_bytes += bucket.object(index).bytes + version as u64;
                    noncurrent_count += 1;
                }
            }
        }
        let ListingTotals {
            current,
            noncurrent,
            delete_markers,
            by_prefix: _,
        } = &found.totals;
        assert_eq!(
            (current.total_bytes(), current.object_count()),
            (Some(bytes), count),
            "{shape}"
        );
        assert_eq!(
            (noncurrent.total_bytes(), noncurrent.object_count()),
            (Some(noncurrent_bytes), noncurrent_count),
            "{shape}"
        );
        assert_eq!(*delete_markers, marker_count, "{shape}");
        let min_requests = (6_000 * versions as u64).div_ceil(1000);
        assert!(
            found.requests * 10 <= min_requests * 13,
            "{shape}: {}",
            found.requests
        );
        if min_requests > 10 {
            assert!(server.max_concurrent() > 1, "{shape}");
        }
    }
}

/// Only the SDK's client can sign requests for these buckets, and it lists current objects only. An empty result would
/// not mean that there are no versions.
#[tokio::test]
async fn versions_that_cannot_be_listed_are_unsupported_and_never_zero() {
    let aws = Aws::without_credentials();
    for name in [
        "arn:aws:s3-outposts:us-east-1:123456789012:outpost/op-01234567890123456/accesspoint/reports",
        "test-accessp-o0b1d075431d83bebde8xz5w8ijx1qzlbp3i3kuse10--op-s3",
        "arn:aws:s3::123456789012:accesspoint/mfzwi23gnjvgw.mrap",
    ] {
        let bucket = BucketTarget {
            bucket: name.to_owned(),
            scope: AwsScope::of_region("us-east-1"),
            ..target("", "")
        };
        let progress = Progress::default();

        let bounds = PartBounds::default();

        let result = list(&aws, &bucket, Listing::Versions, bounds, &progress).await;

        let error = result.unwrap_err();
        assert_eq!(
            (error.code, error.is_transient),
            ("unsupported", false),
            "{name}"
        );
    }
}
