//! Buckets of every shape over HTTP, and faults in the middle of them: the exact number or a named failure.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use collector::{MeasureError, Progress, measure_bucket};
use shared::aws::Aws;
use shared::fleet::{BucketTarget, Measured};
use shared::snapshot::BucketSize;
use synthetic_s3::{Answer, Asked, Bucket, Numbers, SHAPES, Server};

use crate::support::bucket;

/// Keys of a bucket that is listed in ranges.
const MANY: usize = 30_000;

fn serve(bucket: Bucket, behaviour: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Server {
    Server::start(bucket, 0, Duration::from_millis(1), behaviour)
}

/// Returns the target that is all current objects of the served bucket with this prefix and suffix.
fn target(prefix: &str, suffix: &str) -> BucketTarget {
    BucketTarget {
        prefix: prefix.into(),
        suffix: suffix.into(),
        measure: Measured::current(),
        ..bucket("files")
    }
}

async fn measure(server: &Server, target: &BucketTarget) -> Result<BucketSize, MeasureError> {
    let aws = Arc::new(Aws::at(&server.url(), "test", "test"));
    measure_bucket(aws, target, &Progress::default()).await
}

/// Measures everything and holds it against the bucket itself.
async fn assert_exact(server: &Server) {
    let size = measure(server, &target("", "")).await.unwrap();

    assert_eq!(
        (size.total_bytes(), size.object_count().unwrap()),
        server.bucket().sum("", "")
    );
}

/// Measures what cannot be measured.
async fn failure(server: &Server) -> MeasureError {
    let error = measure(server, &target("", "")).await.unwrap_err();
    assert!(!error.reason.contains("NEVERLEAK"), "{}", error.reason);
    error
}

#[tokio::test]
async fn every_shape_is_exact_by_bytes_objects_and_classes() {
    for shape in SHAPES {
        let server = serve(Bucket::of_shape(shape, 7_000), |_| Answer::Good);

        let size = measure(&server, &target("", "")).await.unwrap();

        let bucket = server.bucket();
        assert_eq!(
            (size.total_bytes(), size.object_count().unwrap()),
            bucket.sum("", ""),
            "{shape}"
        );
        for (class, found) in &size.current.unwrap().by_storage_class {
            let objects = (0..bucket.keys().len()).map(|index| bucket.object(index));
            let bytes = objects
                .filter(|object| object.class.unwrap_or("STANDARD") == class)
                .map(|object| object.bytes);
            assert_eq!(found.total_bytes, bytes.sum::<u64>(), "{shape} {class}");
        }
    }
}

#[tokio::test]
async fn prefixes_and_suffixes_hold_in_ranges_too() {
    let server = serve(Bucket::of_shape("mendix", MANY), |_| Answer::Good);

    for (prefix, suffix) in [("1", ""), ("", "a"), ("f", "0"), ("00/", ""), ("none", "")] {
        let size = measure(&server, &target(prefix, suffix)).await.unwrap();

        let expected = server.bucket().sum(prefix, suffix);
        assert_eq!(
            (size.total_bytes(), size.object_count().unwrap()),
            expected,
            "{prefix} {suffix}"
        );
    }
}

#[tokio::test]
async fn a_large_bucket_is_listed_in_ranges_and_a_small_one_like_a_file() {
    let large = serve(Bucket::of_shape("uuid", MANY), |_| Answer::Good);
    let small = serve(Bucket::of_shape("uuid", 2_500), |_| Answer::Good);
    let folders = serve(Bucket::of_shape("folders", 10_000), |_| Answer::Good);

    for server in [&large, &small, &folders] {
        assert_exact(server).await;
    }

    assert!(large.most_under_way() > 1);
    assert!(
        large.requests() <= MANY / 1000 * 13 / 10,
        "{}",
        large.requests()
    );
    assert_eq!(small.requests(), 3);
    assert!(folders.requests() <= 13, "{}", folders.requests());
}

#[tokio::test]
async fn a_burst_of_slow_downs_changes_nothing() {
    let server = serve(Bucket::of_shape("dates", MANY), |asked| {
        match asked.number {
            8..20 => Answer::Refused(503, "SlowDown", ""),
            _ => Answer::Good,
        }
    });

    assert_exact(&server).await;
}

#[tokio::test]
async fn pages_that_break_off_now_and_then_are_asked_for_again() {
    let server = serve(Bucket::of_shape("skewed", MANY), |asked| {
        match asked.number % 7 {
            3 => Answer::Cut(0.7),
            5 => Answer::Refused(500, "InternalError", ""),
            _ => Answer::Good,
        }
    });

    assert_exact(&server).await;
}

#[tokio::test]
async fn a_page_that_always_breaks_off_is_a_failure() {
    for share in [0.2, 0.999] {
        let server = serve(Bucket::of_shape("uuid", MANY), move |asked| {
            if asked.number < 5 {
                Answer::Good
            } else {
                Answer::Cut(share)
            }
        });

        let error = failure(&server).await;

        assert_eq!((error.code, error.is_transient), ("connection_cut", true));
    }
}

#[tokio::test]
async fn a_refusal_on_any_page_is_a_failure_and_never_a_smaller_number() {
    for allowed in [0, 1, 2, 7, 15] {
        let server = serve(Bucket::of_shape("uuid", MANY), move |asked| {
            if asked.number < allowed {
                Answer::Good
            } else {
                Answer::Refused(403, "AccessDenied", "")
            }
        });

        let error = failure(&server).await;

        assert_eq!((error.code, error.is_transient), ("access_denied", false));
    }
}

#[tokio::test]
async fn where_ranges_are_refused_the_pages_are_listed_in_turn() {
    let server = serve(Bucket::of_shape("uuid", MANY), |asked| {
        if asked.is_for_a_range() {
            Answer::Refused(403, "AccessDenied", "")
        } else {
            Answer::Good
        }
    });

    assert_exact(&server).await;
}

#[tokio::test]
async fn where_the_start_is_ignored_the_pages_are_listed_in_turn() {
    let server = serve(Bucket::of_shape("uuid", MANY), |_| Answer::FromTheStart);

    assert_exact(&server).await;
}

#[tokio::test]
async fn a_truncated_page_without_a_token_is_a_failure() {
    let server = serve(Bucket::of_shape("uuid", MANY), |asked| match asked.number {
        6 => Answer::Changed("<NextContinuationToken>t", "<Other>t"),
        _ => Answer::Good,
    });

    assert_eq!(failure(&server).await.code, "unexpected_answer");
}

#[tokio::test]
async fn a_page_with_fewer_keys_than_it_announces_is_a_failure() {
    let server = serve(Bucket::of_shape("uuid", MANY), |asked| {
        if asked.number < 6 {
            Answer::Good
        } else {
            Answer::Changed("<KeyCount>1000<", "<KeyCount>1001<")
        }
    });

    assert_eq!(failure(&server).await.code, "connection_cut");
}

#[tokio::test]
async fn credentials_that_expire_in_the_middle_are_fetched_again() {
    let refusals = AtomicUsize::new(0);
    let server = serve(Bucket::of_shape("uuid", MANY), move |asked| {
        let is_late = (10..14).contains(&asked.number);
        if is_late && refusals.fetch_add(1, Ordering::SeqCst) < 2 {
            Answer::Refused(400, "ExpiredToken", "")
        } else {
            Answer::Good
        }
    });

    assert_exact(&server).await;
}

#[tokio::test]
async fn credentials_that_stay_refused_are_a_failure() {
    let server = serve(Bucket::of_shape("uuid", 3_000), |_| {
        Answer::Refused(400, "ExpiredToken", "")
    });

    let error = failure(&server).await;

    assert_eq!(
        (error.code, error.is_transient),
        ("credentials_refused", false)
    );
    assert_eq!(server.requests(), 3);
}

#[tokio::test]
async fn a_bucket_in_another_region_is_followed_there() {
    let server = serve(Bucket::of_shape("uuid", 2_500), |asked| {
        if asked.head.contains("/eu-north-1/s3/aws4_request") {
            Answer::Good
        } else {
            Answer::Refused(
                301,
                "PermanentRedirect",
                "x-amz-bucket-region: eu-north-1\r\n",
            )
        }
    });

    assert_exact(&server).await;
    assert_eq!(server.requests(), 4);
}

#[tokio::test]
async fn who_agrees_to_pay_says_so_on_every_page() {
    let server = serve(Bucket::of_shape("uuid", 3_000), |asked| {
        if asked.head.contains("x-amz-request-payer: requester") {
            Answer::Good
        } else {
            Answer::Refused(403, "AccessDenied", "")
        }
    });
    let mut payer = target("", "");
    payer.requester_pays = true;

    assert_eq!(failure(&server).await.code, "access_denied");
    let size = measure(&server, &payer).await.unwrap();

    assert_eq!(
        (size.total_bytes(), size.object_count().unwrap()),
        server.bucket().sum("", "")
    );
}

/// Random faults on random requests of random shapes: the exact number, or a failure with a name.
#[tokio::test]
async fn whatever_goes_wrong_no_number_is_wrong() {
    for seed in 0..12 {
        let mut numbers = Numbers(seed);
        let shape = SHAPES[numbers.below(SHAPES.len())];
        let server = serve(Bucket::of_shape(shape, 9_000), move |asked| {
            let mut numbers = Numbers(seed * 7_919 + asked.number as u64);
            match numbers.below(30) {
                0 => Answer::Refused(503, "SlowDown", ""),
                1 => Answer::Refused(500, "InternalError", ""),
                2 => Answer::Cut(0.5),
                3 => Answer::Changed("</ListBucketResult>", ""),
                4 => Answer::Silence(Duration::from_millis(30)),
                5 if seed % 3 == 0 => Answer::Refused(403, "AccessDenied", ""),
                _ => Answer::Good,
            }
        });

        match measure(&server, &target("", "")).await {
            Ok(size) => {
                let found = (size.total_bytes(), size.object_count().unwrap());
                assert_eq!(found, server.bucket().sum("", ""), "{shape} {seed}");
            }
            Err(error) => {
                let named = [
                    "throttled",
                    "unavailable",
                    "connection_cut",
                    "access_denied",
                    "timeout",
                ];
                assert!(named.contains(&error.code), "{shape} {seed}: {error:?}");
            }
        }
    }
}
