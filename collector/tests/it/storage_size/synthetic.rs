//! Buckets of every shape over HTTP, with faults during the listing: the exact size or an error, never a wrong size.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use collector::{MeasureError, Progress, measure_bucket};
use shared::aws::Aws;
use shared::fleet::{BucketTarget, Measured};
use shared::snapshot::BucketSize;
use synthetic_s3::{Bucket, Numbers, Request, Response, SHAPES, Server};

use crate::support::bucket;

/// Number of keys of a bucket that is listed in ranges.
const MANY: usize = 30_000;

fn serve(
    bucket: Bucket,
    behavior: impl Fn(&Request) -> Response + Send + Sync + 'static,
) -> Server {
    Server::start(bucket, 0, Duration::from_millis(1), behavior)
}

/// Returns the target of all current objects with this prefix and suffix.
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

/// Measures the whole bucket and compares the result with its content.
async fn assert_exact(server: &Server) {
    let size = measure(server, &target("", "")).await.unwrap();

    assert_eq!(
        (size.total_bytes(), size.object_count().unwrap()),
        server.bucket().sum("", "")
    );
}

/// Measures a bucket that must fail and returns the error.
async fn failure(server: &Server) -> MeasureError {
    let error = measure(server, &target("", "")).await.unwrap_err();
    assert!(!error.reason.contains("NEVERLEAK"), "{}", error.reason);
    error
}

#[tokio::test]
async fn every_shape_has_exact_bytes_objects_and_classes() {
    for shape in SHAPES {
        let server = serve(Bucket::of_shape(shape, 7_000), |_| Response::Page);

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
async fn prefixes_and_suffixes_apply_in_ranges_too() {
    let server = serve(Bucket::of_shape("mendix", MANY), |_| Response::Page);

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
async fn a_large_bucket_is_listed_in_ranges_and_a_small_one_without_extra_requests() {
    // Long enough for pages of several ranges to be pending at the same time.
    let page_time = Duration::from_millis(20);
    let large = Server::start(Bucket::of_shape("uuid", MANY), 0, page_time, |_| {
        Response::Page
    });
    let small = serve(Bucket::of_shape("uuid", 2_500), |_| Response::Page);
    let folders = serve(Bucket::of_shape("folders", 10_000), |_| Response::Page);

    for server in [&large, &small, &folders] {
        assert_exact(server).await;
    }

    assert!(large.max_concurrent() > 1);
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
    let server = serve(Bucket::of_shape("dates", MANY), |request| {
        match request.number {
            8..20 => Response::error(503, "SlowDown"),
            _ => Response::Page,
        }
    });

    assert_exact(&server).await;
}

#[tokio::test]
async fn pages_that_fail_occasionally_are_requested_again() {
    let server = serve(Bucket::of_shape("skewed", MANY), |request| {
        match request.number % 7 {
            3 => Response::Truncated(0.7),
            5 => Response::error(500, "InternalError"),
            _ => Response::Page,
        }
    });

    assert_exact(&server).await;
}

#[tokio::test]
async fn a_page_that_is_always_cut_off_is_an_error() {
    for share in [0.2, 0.999] {
        let server = serve(Bucket::of_shape("uuid", MANY), move |request| {
            if request.number < 5 {
                Response::Page
            } else {
                Response::Truncated(share)
            }
        });

        let error = failure(&server).await;

        assert_eq!((error.code, error.is_transient), ("connection_cut", true));
    }
}

#[tokio::test]
async fn access_denied_on_any_page_is_an_error_and_never_a_smaller_size() {
    for allowed in [0, 1, 2, 7, 15] {
        let server = serve(Bucket::of_shape("uuid", MANY), move |request| {
            if request.number < allowed {
                Response::Page
            } else {
                Response::error(403, "AccessDenied")
            }
        });

        let error = failure(&server).await;

        assert_eq!((error.code, error.is_transient), ("access_denied", false));
    }
}

#[tokio::test]
async fn a_bucket_whose_ranges_are_denied_is_listed_sequentially() {
    let server = serve(Bucket::of_shape("uuid", MANY), |request| {
        if request.starts_range() {
            Response::error(403, "AccessDenied")
        } else {
            Response::Page
        }
    });

    assert_exact(&server).await;
}

#[tokio::test]
async fn a_provider_that_ignores_start_after_is_listed_sequentially() {
    let server = serve(Bucket::of_shape("uuid", MANY), |_| Response::FromStart);

    assert_exact(&server).await;
}

#[tokio::test]
async fn a_truncated_page_without_a_token_is_an_error() {
    let server = serve(Bucket::of_shape("uuid", MANY), |request| {
        match request.number {
            6.. => Response::Replaced {
                from: "<NextContinuationToken>t",
                to: "<Other>t",
            },
            _ => Response::Page,
        }
    });

    assert_eq!(failure(&server).await.code, "unexpected_answer");
}

#[tokio::test]
async fn a_page_with_fewer_keys_than_it_announces_is_an_error() {
    let server = serve(Bucket::of_shape("uuid", MANY), |request| {
        if request.number < 6 {
            Response::Page
        } else {
            Response::Replaced {
                from: "<KeyCount>1000<",
                to: "<KeyCount>1001<",
            }
        }
    });

    assert_eq!(failure(&server).await.code, "connection_cut");
}

#[tokio::test]
async fn credentials_that_expire_during_a_listing_are_replaced() {
    let rejected = AtomicUsize::new(0);
    let server = serve(Bucket::of_shape("uuid", MANY), move |request| {
        let is_late = (10..14).contains(&request.number);
        if is_late && rejected.fetch_add(1, Ordering::SeqCst) < 2 {
            Response::error(400, "ExpiredToken")
        } else {
            Response::Page
        }
    });

    assert_exact(&server).await;
}

#[tokio::test]
async fn credentials_that_are_always_rejected_are_an_error() {
    let server = serve(Bucket::of_shape("uuid", 3_000), |_| {
        Response::error(400, "ExpiredToken")
    });

    let error = failure(&server).await;

    assert_eq!(
        (error.code, error.is_transient),
        ("credentials_refused", false)
    );
    assert_eq!(server.requests(), 3);
}

#[tokio::test]
async fn a_bucket_in_another_region_is_listed_there() {
    let server = serve(Bucket::of_shape("uuid", 2_500), |request| {
        if request.head.contains("/eu-north-1/s3/aws4_request") {
            Response::Page
        } else {
            Response::Error {
                status: 301,
                code: "PermanentRedirect",
                headers: "x-amz-bucket-region: eu-north-1\r\n",
            }
        }
    });

    assert_exact(&server).await;
    assert_eq!(server.requests(), 4);
}

#[tokio::test]
async fn requester_pays_is_sent_with_every_page() {
    let server = serve(Bucket::of_shape("uuid", 3_000), |request| {
        if request.head.contains("x-amz-request-payer: requester") {
            Response::Page
        } else {
            Response::error(403, "AccessDenied")
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

/// Random faults on random requests of random shapes: the exact size or a known error.
#[tokio::test]
async fn random_faults_never_lead_to_a_wrong_size() {
    for seed in 0..12 {
        let mut numbers = Numbers(seed);
        let shape = SHAPES[numbers.below(SHAPES.len())];
        let server = serve(Bucket::of_shape(shape, 9_000), move |request| {
            let mut numbers = Numbers(seed * 7_919 + request.number as u64);
            match numbers.below(30) {
                0 => Response::error(503, "SlowDown"),
                1 => Response::error(500, "InternalError"),
                2 => Response::Truncated(0.5),
                3 => Response::Replaced {
                    from: "</ListBucketResult>",
                    to: "",
                },
                4 => Response::Delayed(Duration::from_millis(30)),
                5 if seed % 3 == 0 => Response::error(403, "AccessDenied"),
                _ => Response::Page,
            }
        });

        match measure(&server, &target("", "")).await {
            Ok(size) => {
                let found = (size.total_bytes(), size.object_count().unwrap());
                assert_eq!(found, server.bucket().sum("", ""), "{shape} {seed}");
            }
            Err(error) => {
                let expected = [
                    "throttled",
                    "unavailable",
                    "connection_cut",
                    "access_denied",
                    "timeout",
                ];
                assert!(expected.contains(&error.code), "{shape} {seed}: {error:?}");
            }
        }
    }
}
