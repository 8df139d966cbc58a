//! Rare responses of S3.

use std::sync::Arc;
use std::time::Duration;

use collector::{BucketSource, MeasureError, Progress, Source, measure_bucket};
use shared::aws::Aws;
use shared::clock::SystemClock;
use shared::fleet::{BucketTarget, Measured};
use shared::snapshot::BucketSize;
use shared::testing::stand_in::{Response, StandIn};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::support::{NOWHERE, bucket as with_uploads};

/// Returns a bucket of which only current objects are measured.
fn bucket(name: &str) -> BucketTarget {
    BucketTarget {
        measure: Measured::current(),
        ..with_uploads(name)
    }
}

fn page(keys: &[(&str, u64)], next: Option<&str>) -> Response {
    let contents: String = keys
        .iter()
        .map(|(key, size)| format!("<Contents><Key>{key}</Key><Size>{size}</Size></Contents>"))
        .collect();
    let token = next.map(|next| format!("<NextContinuationToken>{next}</NextContinuationToken>"));
    Response::new(
        200,
        format!(
            "<ListBucketResult><EncodingType>url</EncodingType><KeyCount>{}</KeyCount>\
             <IsTruncated>{}</IsTruncated>{}{contents}</ListBucketResult>",
            keys.len(),
            next.is_some(),
            token.unwrap_or_default()
        ),
    )
}

/// Returns the credentials of a directory bucket, which only the SDK's client can use.
fn session() -> Response {
    Response::new(
        200,
        "<CreateSessionResult><Credentials><AccessKeyId>one</AccessKeyId><SecretAccessKey>two</SecretAccessKey>\
         <SessionToken>three</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration></Credentials>\
         </CreateSessionResult>",
    )
}

async fn measured(s3: &StandIn) -> Result<BucketSize, MeasureError> {
    measure_bucket(Arc::clone(&s3.aws), &bucket("files"), &Progress::default()).await
}

async fn failed(s3: &StandIn) -> MeasureError {
    let error = measured(s3).await.unwrap_err();
    assert!(!error.reason.contains("NEVERLEAK"), "{}", error.reason);
    assert!(!error.reason.contains("127.0.0.1"), "{}", error.reason);
    error
}

#[tokio::test]
async fn all_pages_are_listed() {
    let s3 = StandIn::start(|_, request| match request.query("continuation-token") {
        None => page(&[("a", 1), ("b/", 0)], Some("two")),
        Some("two") => page(&[], Some("three")),
        Some("three") => page(&[("c", 5)], None),
        other => panic!("request for {other:?}"),
    })
    .await;

    let size = measured(&s3).await.unwrap();

    assert_eq!((size.object_count(), size.total_bytes()), (Some(3), 6));
    assert_eq!(s3.requests().len(), 3);
    assert!(
        s3.requests()
            .iter()
            .all(|request| request.query("encoding-type") == Some("url"))
    );
}

#[tokio::test]
async fn an_error_on_a_later_page_is_never_a_smaller_total() {
    let s3 = StandIn::start(|_, request| match request.query("continuation-token") {
        None => page(&[("a", 1)], Some("two")),
        Some(_) => Response::error(403, "AccessDenied"),
    })
    .await;

    let error = failed(&s3).await;

    assert_eq!((error.code, error.is_transient), ("access_denied", false));
}

#[tokio::test]
async fn a_page_that_names_itself_as_the_next_is_an_error_and_not_the_end() {
    let s3 = StandIn::start(|_, _| page(&[("a", 1)], Some("again"))).await;

    let error = failed(&s3).await;

    assert_eq!(error.code, "unexpected_answer");
    assert_eq!(s3.requests().len(), 2);
}

/// Some providers include the entry that a token names.
#[tokio::test]
async fn a_page_that_begins_with_the_last_key_of_the_page_before_counts_it_once() {
    let s3 = StandIn::start(|_, request| match request.query("continuation-token") {
        None => page(&[("a", 1), ("b", 2)], Some("two")),
        Some("two") => page(&[("b", 2), ("c", 4)], Some("three")),
        _ => page(&[("c", 4)], None),
    })
    .await;

    let size = measured(&s3).await.unwrap();

    assert_eq!((size.object_count(), size.total_bytes()), (Some(3), 7));
    assert_eq!(s3.requests().len(), 3);
}

/// Without an order, entries of earlier pages are recognised wherever a page repeats them.
#[tokio::test]
async fn entries_that_are_repeated_without_an_order_count_once() {
    let s3 = StandIn::start(|_, request| match request.query("continuation-token") {
        None => page(&[("c", 1), ("a", 2)], Some("two")),
        Some("two") => page(&[("a", 2), ("c", 1), ("b", 4)], Some("three")),
        _ => page(&[("d", 8), ("c", 1)], None),
    })
    .await;

    let size = measured(&s3).await.unwrap();

    assert_eq!((size.object_count(), size.total_bytes()), (Some(4), 15));
}

#[tokio::test]
async fn tokens_that_lead_back_end_the_run() {
    let s3 = StandIn::start(
        |number, request| match request.query("continuation-token") {
            Some("two") => page(&[("c", 4), ("d", 8)], Some("back")),
            Some("back") => page(&[("a", 1), ("b", 2)], Some(&format!("two-{number}"))),
            _ => page(&[("a", 1), ("b", 2)], Some("two")),
        },
    )
    .await;

    let error = failed(&s3).await;

    assert_eq!(error.code, "unexpected_answer");
    assert!(error.reason.contains("begins like"), "{}", error.reason);
    assert_eq!(s3.requests().len(), 6);
}

/// Such a listing would never end.
#[tokio::test]
async fn a_server_that_ignores_the_token_is_asked_four_times() {
    let s3 =
        StandIn::start(|number, _| page(&[("a", 1), ("b", 2)], Some(&format!("t{number}")))).await;

    let error = failed(&s3).await;

    assert_eq!(
        (error.code, error.is_transient),
        ("unexpected_answer", false)
    );
    assert_eq!(s3.requests().len(), 4);
}

/// Directory buckets list in no order, and know neither a key to start after nor other operations on many keys.
#[tokio::test]
async fn a_directory_bucket_is_listed_by_tokens_in_any_order() {
    let s3 = StandIn::start(|_, request| {
        if request.path.contains("session") {
            return session();
        }
        assert!(request.path.contains("list-type=2"), "{request:?}");
        assert_eq!(request.query("start-after"), None);
        assert_eq!(request.query("prefix"), Some("logs%2F"));
        match request.query("continuation-token") {
            None => page(&[("logs/z", 1), ("logs/b", 2)], Some("two")),
            _ => page(&[("logs/a", 4), ("logs/y", 8)], None),
        }
    })
    .await;
    let target = BucketTarget {
        prefix: "logs/".into(),
        ..bucket("files--euw1-az1--x-s3")
    };

    let size = measure_bucket(Arc::clone(&s3.aws), &target, &Progress::default()).await;

    let size = size.unwrap();
    assert_eq!((size.object_count(), size.total_bytes()), (Some(4), 15));
    assert_eq!(size.listing.unwrap().request_count, 2);
}

#[tokio::test]
async fn a_directory_bucket_whose_pages_lead_back_ends_the_run() {
    let s3 = StandIn::start(|number, request| {
        if request.path.contains("session") {
            return session();
        }
        page(&[("b", 1), ("a", 2)], Some(&format!("t{number}")))
    })
    .await;
    let target = bucket("files--euw1-az1--x-s3");

    let error = measure_bucket(Arc::clone(&s3.aws), &target, &Progress::default())
        .await
        .unwrap_err();

    assert_eq!(error.code, "unexpected_answer");
    assert!(error.reason.contains("begins like"), "{}", error.reason);
}

#[tokio::test]
async fn empty_pages_without_end_are_an_error() {
    let s3 = StandIn::start(|number, _| page(&[], Some(&format!("t{number}")))).await;

    let error = failed(&s3).await;

    assert_eq!(error.code, "unexpected_answer");
    assert_eq!(s3.requests().len(), 1001);
}

/// A server that ignores the prefix, folds its case or removes its first slash lists other keys than were asked for.
#[tokio::test]
async fn keys_of_another_prefix_are_never_counted() {
    for (prefix, keys) in [
        ("tenant/", &["tenant/a", "tenant2/b"][..]),
        ("tenant/", &["Tenant/a", "tenant/a"][..]),
        ("/tenant/", &["tenant/a"][..]),
        // Without an order, each key is looked at.
        ("tenant/", &["tenant/z", "other/b", "tenant/a"][..]),
    ] {
        let keys: Vec<_> = keys.iter().map(|key| (*key, 1)).collect();
        let s3 = StandIn::start(move |_, _| page(&keys, None)).await;
        let target = BucketTarget {
            prefix: prefix.to_owned(),
            ..bucket("files")
        };

        let measured = measure_bucket(Arc::clone(&s3.aws), &target, &Progress::default()).await;

        let error = measured.unwrap_err();
        assert_eq!(
            (error.code, error.is_transient),
            ("unexpected_answer", false)
        );
        assert!(
            error.reason.contains("requested prefix"),
            "{}",
            error.reason
        );
    }
}

#[tokio::test]
async fn more_pages_without_a_token_are_an_error_and_not_the_end() {
    let s3 = StandIn::start(|_, _| {
        Response::new(
            200,
            "<ListBucketResult><KeyCount>0</KeyCount><IsTruncated>true</IsTruncated></ListBucketResult>",
        )
    })
    .await;

    assert_eq!(failed(&s3).await.code, "unexpected_answer");
}

#[tokio::test]
async fn the_error_names_the_buckets_region() {
    let s3 = StandIn::start(|_, _| {
        let mut redirect = Response::error(301, "PermanentRedirect");
        redirect.headers = vec![("x-amz-bucket-region", "eu-central-1".to_owned())];
        redirect
    })
    .await;

    let error = failed(&s3).await;

    assert_eq!((error.code, error.is_transient), ("wrong_region", false));
    assert!(error.reason.contains("eu-central-1"), "{}", error.reason);
}

#[tokio::test]
async fn short_throttling_is_retried() {
    let s3 = StandIn::start(|number, _| match number {
        0 | 1 => Response::error(503, "SlowDown"),
        _ => page(&[("a", 7)], None),
    })
    .await;

    let size = measured(&s3).await.unwrap();

    assert_eq!(size.total_bytes(), 7);
    assert_eq!(s3.requests().len(), 3);
}

#[tokio::test]
async fn endless_throttling_is_a_transient_error() {
    let s3 = StandIn::start(|_, _| Response::error(503, "SlowDown")).await;

    let error = failed(&s3).await;

    assert_eq!((error.code, error.is_transient), ("throttled", true));
}

#[tokio::test]
async fn a_connection_that_ends_within_a_page_is_an_error() {
    let s3 = StandIn::start(|_, _| Response {
        missing_bytes: 100,
        ..page(&[("a", 1)], None)
    })
    .await;

    let error = failed(&s3).await;

    assert_eq!((error.code, error.is_transient), ("connection_cut", true));
}

/// The HTTP response is complete, so only the page itself shows that it is truncated.
#[tokio::test]
async fn a_page_that_stops_between_two_objects_is_an_error() {
    let whole = page(&[("a", 1), ("b", 2)], None).body;
    let half = whole.split("<Contents><Key>b").next().unwrap().to_owned();
    let s3 = StandIn::start(move |_, _| Response::new(200, half.clone())).await;

    let error = failed(&s3).await;

    assert_eq!((error.code, error.is_transient), ("connection_cut", true));
}

#[tokio::test]
async fn a_negative_size_is_an_error() {
    let s3 = StandIn::start(|_, _| {
        let answer = page(&[("a", 1)], None);
        Response::new(200, answer.body.replace("<Size>1<", "<Size>-1<"))
    })
    .await;

    assert_eq!(failed(&s3).await.code, "unexpected_answer");
}

#[tokio::test]
async fn keys_that_are_invalid_in_xml_are_counted() {
    let s3 = StandIn::start(|_, _| page(&[("a%01b", 1), ("c+d", 2)], None)).await;

    assert_eq!(measured(&s3).await.unwrap().total_bytes(), 3);
}

#[tokio::test]
async fn a_closed_port_is_a_transient_error() {
    let aws = Arc::new(Aws::at(NOWHERE, "test", "test"));

    let error = measure_bucket(aws, &bucket("files"), &Progress::default())
        .await
        .unwrap_err();

    assert_eq!((error.code, error.is_transient), ("unreachable", true));
    assert!(!error.reason.contains("127.0.0.1"), "{}", error.reason);
}

/// The stand-in denies `AssumeRole`, so no request for the bucket is ever sent.
#[tokio::test]
async fn a_role_that_cannot_be_assumed_is_reported_as_missing_credentials() {
    let s3 = StandIn::start(|_, request| {
        assert!(request.body.contains("AssumeRole"), "{request:?}");
        Response::new(
            403,
            "<ErrorResponse><Error><Code>AccessDenied</Code><Message>NEVERLEAK</Message></Error></ErrorResponse>",
        )
    })
    .await;
    let mut target = bucket("files");
    target.scope.role_arn = Some("arn:aws:iam::123456789012:role/reader".to_owned());

    let error = measure_bucket(Arc::clone(&s3.aws), &target, &Progress::default())
        .await
        .unwrap_err();

    assert_eq!(
        (error.code, error.is_transient),
        ("credentials_missing", false)
    );
    assert!(!error.reason.contains("NEVERLEAK"), "{}", error.reason);
}

/// Where many keys were deleted, S3 looks through their delete markers for the first object.
#[tokio::test(start_paused = true)]
async fn a_page_that_takes_long_to_begin_is_waited_for() {
    let delay = Duration::from_secs(12);
    let s3 = StandIn::start(move |_, _| Response {
        delay,
        ..page(&[("a", 1)], None)
    })
    .await;
    let started = Instant::now();

    let size = measured(&s3).await.unwrap();

    assert_eq!(size.object_count(), Some(1));
    assert_eq!(s3.requests().len(), 1);
    assert!(started.elapsed() >= delay, "the clock is the test's own");
}

#[tokio::test(start_paused = true)]
async fn a_page_that_never_begins_is_a_transient_error() {
    let s3 = StandIn::start(|_, _| Response {
        delay: Duration::from_secs(3_600),
        ..page(&[("a", 1)], None)
    })
    .await;

    let error = failed(&s3).await;

    assert_eq!((error.code, error.is_transient), ("timeout", true));
}

/// A sequential listing cannot pause. A retry would run into the same time limit.
#[tokio::test]
async fn a_sequential_listing_that_exceeds_its_time_is_a_permanent_error() {
    let is_under_way = Arc::new(Notify::new());
    let sixth_request = Arc::clone(&is_under_way);
    // Only the SDK's client can sign requests for directory buckets.
    let s3 = StandIn::start(move |number, request| {
        if number == 6 {
            sixth_request.notify_one();
        }
        if request.path.contains("session") {
            return session();
        }
        page(&[(&number.to_string(), 1)], Some(&number.to_string()))
    })
    .await;
    let target = bucket("files--euw1-az1--x-s3");
    let source = BucketSource::new(Arc::clone(&s3.aws), Arc::new(SystemClock));
    let time = Duration::from_secs(600);
    let pause_at = Instant::now() + time;
    let progress = Progress::default();

    let measuring = source.measure_part(&target, None, pause_at, &progress);
    let expire = async {
        is_under_way.notified().await;
        tokio::time::pause();
        tokio::time::advance(time).await;
    };
    let (part, ()) = tokio::join!(measuring, expire);

    let error = part.unwrap_err();
    assert_eq!((error.code, error.is_transient), ("timeout", false));
    assert!(error.reason.contains("page by page"), "{}", error.reason);
}
