//! Whole listings of synthetic buckets: in ranges, in turn, and by the SDK's client.

use std::time::Duration;

use synthetic_s3::{Answer, Bucket, Server};

use super::*;
use crate::storage_size::tests::target;

fn serve(mut bucket: Bucket, versions: usize) -> Server {
    bucket.versions_per_key = versions;
    // Long enough for pages of several ranges to be under way together.
    Server::start(bucket, 0, Duration::from_millis(20), |_| Answer::Good)
}

async fn listed(server: &Server, listing: Listing, prefix: &str, suffix: &str) -> Listed {
    let aws = Aws::at(&server.url(), "test", "test");
    let target = target(prefix, suffix);
    let progress = Progress::default();
    match list(&aws, &target, listing, (None, None), &progress)
        .await
        .unwrap()
    {
        ListedPart::Whole(listed) => listed,
        ListedPart::Paused(_) => panic!("nobody asked for a pause"),
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

        let reference = sequential::list(&aws, &target, &Progress::default())
            .await
            .unwrap();
        let scanned = listed(&server, Listing::Objects, prefix, suffix).await;

        let classes = |listed: &Listed| {
            let mut classes: Vec<_> = listed
                .sums
                .current
                .classes()
                .map(|(name, size)| (name.to_owned(), size))
                .collect();
            classes.sort_by(|one, other| one.0.cmp(&other.0));
            classes
        };
        assert_eq!(classes(&scanned), classes(&reference), "{shape}");
    }
}

/// Each key has a current version, noncurrent ones with a byte more each, and every third one a delete marker as the
/// oldest. Pages end within the versions of a key.
#[tokio::test]
async fn versions_are_listed_in_ranges_and_told_apart() {
    for (shape, versions) in [("uuid", 3), ("dates", 7), ("unicode", 1)] {
        let server = serve(Bucket::of_shape(shape, 6_000), versions);

        let found = listed(&server, Listing::Versions, "", "").await;

        let bucket = server.bucket();
        let (bytes, count) = bucket.sum("", "");
        let mut expected = (0, 0, 0);
        for index in 0..bucket.keys().len() {
            for version in 1..versions {
                if version == versions - 1 && index.is_multiple_of(3) {
                    expected.2 += 1;
                } else {
                    expected.0 += bucket.object(index).bytes + version as u64;
                    expected.1 += 1;
                }
            }
        }
        let Sums {
            current,
            noncurrent,
            delete_markers,
        } = &found.sums;
        assert_eq!(
            (current.total_bytes(), current.object_count()),
            (Some(bytes), count),
            "{shape}"
        );
        let noncurrent = (
            noncurrent.total_bytes().unwrap(),
            noncurrent.object_count(),
            *delete_markers,
        );
        assert_eq!(noncurrent, expected, "{shape}");
        let least = (6_000 * versions as u64).div_ceil(1000);
        assert!(
            found.requests * 10 <= least * 13,
            "{shape}: {}",
            found.requests
        );
        if least > 10 {
            assert!(server.most_under_way() > 1, "{shape}");
        }
    }
}

/// Their requests have a signature that only the SDK's client makes, and that lists objects alone: no versions found is
/// not none there.
#[tokio::test]
async fn versions_that_cannot_be_listed_are_refused_and_never_none() {
    let aws = Aws::without_credentials();
    for name in [
        "arn:aws:s3-outposts:us-east-1:123456789012:outpost/op-01234567890123456/accesspoint/reports",
        "test-accessp-o0b1d075431d83bebde8xz5w8ijx1qzlbp3i3kuse10--op-s3",
        "arn:aws:s3::123456789012:accesspoint/mfzwi23gnjvgw.mrap",
    ] {
        let bucket = BucketTarget {
            bucket: name.to_owned(),
            region: Some("us-east-1".to_owned()),
            ..target("", "")
        };
        let progress = Progress::default();

        let refused = list(&aws, &bucket, Listing::Versions, (None, None), &progress).await;

        let error = refused.unwrap_err();
        assert_eq!(
            (error.code, error.is_transient),
            ("unsupported", false),
            "{name}"
        );
    }
}
