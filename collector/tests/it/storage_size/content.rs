//! Uploads and versions that are cut off, denied or contradictory: responses that no emulator gives.

use std::sync::Arc;

use collector::{Progress, measure_bucket};
use shared::aws::Aws;
use shared::fleet::Measured;
use shared::snapshot::bucket_size::Part;
use shared::snapshot::{BucketSize, Completeness, Measurement, Objects};
use shared::testing::stand_in::{Response, StandIn};

use crate::support::bucket;

fn objects() -> Response {
    Response::new(
        200,
        "<ListBucketResult><KeyCount>1</KeyCount><IsTruncated>false</IsTruncated>\
         <Contents><Key>a</Key><Size>1</Size></Contents></ListBucketResult>",
    )
}

fn uploads(ids: &[&str], next: Option<&str>) -> Response {
    let uploads: String = ids
        .iter()
        .map(|id| format!("<Upload><Key>k</Key><UploadId>{id}</UploadId></Upload>"))
        .collect();
    let markers = next.map(|next| {
        format!("<NextKeyMarker>k</NextKeyMarker><NextUploadIdMarker>{next}</NextUploadIdMarker>")
    });
    Response::new(
        200,
        format!(
            "<ListMultipartUploadsResult><IsTruncated>{}</IsTruncated>{}{uploads}</ListMultipartUploadsResult>",
            next.is_some(),
            markers.unwrap_or_default()
        ),
    )
}

fn parts(sizes: &[u64], next: Option<&str>) -> Response {
    let parts: String = sizes
        .iter()
        .map(|size| format!("<Part><PartNumber>1</PartNumber><Size>{size}</Size></Part>"))
        .collect();
    let marker = next.map(|next| format!("<NextPartNumberMarker>{next}</NextPartNumberMarker>"));
    Response::new(
        200,
        format!(
            "<ListPartsResult><IsTruncated>{}</IsTruncated>{}{parts}</ListPartsResult>",
            next.is_some(),
            marker.unwrap_or_default()
        ),
    )
}

/// Starts a bucket with one object, whose uploads and parts are listed by `answer`.
async fn with_uploads(
    answer: impl Fn(&str, Option<&str>) -> Response + Send + Sync + 'static,
) -> StandIn {
    StandIn::start(move |_, request| {
        let is_listing = request
            .path
            .split(['?', '&'])
            .any(|word| word.starts_with("uploads"));
        match request.query("uploadId") {
            Some(id) => answer(id, request.query("part-number-marker")),
            None if is_listing => answer("", request.query("upload-id-marker")),
            None => objects(),
        }
    })
    .await
}

async fn measured(s3: &StandIn) -> BucketSize {
    let target = bucket("files");
    measure_bucket(Arc::clone(&s3.aws), &target, &Progress::default())
        .await
        .unwrap()
}

#[tokio::test]
async fn all_pages_of_uploads_and_parts_are_listed() {
    let s3 = with_uploads(|id, marker| match (id, marker) {
        ("", None) => uploads(&["one", "two"], Some("two")),
        ("", Some("two")) => uploads(&["three"], None),
        ("one", None) => parts(&[1, 2], Some("2")),
        ("one", Some("2")) => parts(&[4], None),
        ("two" | "three", None) => parts(&[8], None),
        other => panic!("request for {other:?}"),
    })
    .await;

    let size = measured(&s3).await;

    let found = size.multipart.unwrap();
    assert_eq!(
        (found.upload_count, found.part_count, found.total_bytes),
        (3, 5, 23)
    );
    // One listing of objects, two of uploads, four of parts.
    assert_eq!(size.listing.unwrap().request_count, 7);
}

#[tokio::test]
async fn uploads_and_parts_that_a_page_repeats_count_once() {
    let s3 = with_uploads(|id, marker| match (id, marker) {
        ("", None) => uploads(&["one", "two"], Some("two")),
        ("", Some("two")) => uploads(&["two", "three"], None),
        ("one", None) => parts(&[1, 2], Some("2")),
        ("one", Some("2")) => parts(&[2, 4], None),
        (_, None) => parts(&[8], None),
        other => panic!("request for {other:?}"),
    })
    .await;

    let found = measured(&s3).await.multipart.unwrap();

    assert_eq!(
        (found.upload_count, found.part_count, found.total_bytes),
        (3, 5, 23)
    );
}

#[tokio::test]
async fn pages_of_uploads_that_lead_back_are_an_error() {
    let s3 = with_uploads(|id, marker| match (id, marker) {
        ("", None) => uploads(&["one"], Some("1")),
        ("", Some(marker)) => uploads(&["one"], Some(&format!("{marker}1"))),
        _ => parts(&[8], None),
    })
    .await;

    let size = measured(&s3).await;

    assert_eq!(size.multipart, None);
    assert_eq!(size.unmeasured[0].code, "unexpected_answer");
    let requests = s3.requests().len();
    assert!(requests < 10, "{requests}");
    // The requests of a part that failed cost as much.
    assert_eq!(size.listing.unwrap().request_count, requests as u64);
}

/// Some providers leave `IsTruncated` out, write markers in other letter cases, or name the root after the response.
#[tokio::test]
async fn pages_of_uploads_in_other_forms_have_the_exact_total() {
    let s3 = with_uploads(|id, marker| {
        Response::new(
            200,
            match (id, marker) {
                ("", None) => {
                    "<ListMultipartUploadsResult><isTruncated>True</isTruncated><nextKeyMarker>k</nextKeyMarker>\
                     <NextUploadIDMarker>one</NextUploadIDMarker><Upload><Key>k</Key><UploadId>one</UploadId></Upload>\
                     </ListMultipartUploadsResult>"
                }
                ("", Some("one")) => {
                    "<s3:ListMultipartUploadsResponse xmlns:s3='x'><Upload><Key>k</Key><UploadId>two</UploadId></Upload>\
                     </s3:ListMultipartUploadsResponse>"
                }
                ("one", None) => {
                    "<ListPartsResponse><NextPartNumberMarker>1</NextPartNumberMarker><Part><PartNumber>1</PartNumber>\
                     <Size>5</Size></Part></ListPartsResponse>"
                }
                ("two", None) => {
                    "<ListPartsResult><IsTruncated>false</IsTruncated><Part><PartNumber>1</PartNumber><Size>7</Size>\
                     </Part></ListPartsResult>"
                }
                other => panic!("request for {other:?}"),
            },
        )
    })
    .await;

    let found = measured(&s3).await.multipart.unwrap();

    assert_eq!(
        (found.upload_count, found.part_count, found.total_bytes),
        (2, 2, 12)
    );
}

/// The SDK's parser accepts such a page as one with fewer entries.
#[tokio::test]
async fn a_page_of_uploads_or_parts_that_stops_early_is_never_a_smaller_number() {
    let cut = |response: Response, at: &str| {
        let end = response.body.find(at).unwrap() + at.len();
        Response::new(200, &response.body[..end])
    };
    for is_parts in [false, true] {
        let s3 = with_uploads(move |id, _| match (id, is_parts) {
            ("", false) => cut(uploads(&["one", "two"], None), "</Upload>"),
            ("", true) => uploads(&["one"], None),
            (_, false) => parts(&[1], None),
            (_, true) => cut(parts(&[1, 2], None), "</Part>"),
        })
        .await;

        let size = measured(&s3).await;

        assert_eq!(size.multipart, None);
        assert_eq!(size.unmeasured[0].code, "connection_cut");
    }
}

#[tokio::test]
async fn more_uploads_without_a_usable_marker_are_named_at_once() {
    for marker in [
        "",
        "<NextKeyMarker>k</NextKeyMarker>",
        "<KeyMarker>k</KeyMarker>",
    ] {
        let s3 = with_uploads(move |id, _| match id {
            "" => Response::new(
                200,
                format!(
                    "<ListMultipartUploadsResult><IsTruncated>true</IsTruncated>{marker}<Upload><Key>k</Key>\
                     <UploadId>one</UploadId></Upload></ListMultipartUploadsResult>"
                ),
            ),
            _ => parts(&[1], None),
        })
        .await;

        let size = measured(&s3).await;

        assert_eq!(size.unmeasured[0].code, "unexpected_answer", "{marker}");
        assert!(size.unmeasured[0].reason.contains("marker"), "{marker}");
        assert!(s3.requests().len() <= 3, "{}", s3.requests().len());
    }
}

/// The listing and the SDK's calls for uploads go to the same place, whatever the endpoint looks like.
#[tokio::test]
async fn a_base_path_is_used_for_objects_and_uploads() {
    for path in ["", "/", "/storage/v1/s3", "/storage/v1/s3/"] {
        let s3 = with_uploads(|_, _| uploads(&[], None)).await;
        let base = s3.aws.s3_endpoint().unwrap();
        let endpoint = format!("{}{path}", base.trim_end_matches('/'));
        let aws = Arc::new(Aws::at(&endpoint, "test", "test"));

        let size = measure_bucket(aws, &bucket("files"), &Progress::default()).await;

        assert_eq!(size.unwrap().completeness(), Completeness::Complete);
        let requests = s3.requests();
        assert_eq!(requests.len(), 2, "{path}");
        let expected = format!("{}/files", path.trim_end_matches('/'));
        for request in requests {
            let place = request.path.split('?').next().unwrap();
            assert_eq!(place.trim_end_matches('/'), expected, "{path}: {request:?}");
        }
    }
}

/// The listing is told the bucket's region; uploads are asked for there.
#[tokio::test]
async fn the_uploads_of_a_bucket_in_another_region_are_listed_there() {
    let s3 = StandIn::start(|_, request| {
        if !request.head.contains("/eu-north-1/s3/") {
            let mut redirect = Response::error(301, "PermanentRedirect");
            redirect.headers = vec![("x-amz-bucket-region", "eu-north-1".to_owned())];
            return redirect;
        }
        let is_uploads = request
            .path
            .split(['?', '&'])
            .any(|word| word.starts_with("uploads"));
        match request.query("uploadId") {
            Some(_) => parts(&[5], None),
            None if is_uploads => uploads(&["one"], None),
            None => objects(),
        }
    })
    .await;

    let size = measured(&s3).await;

    assert_eq!(size.completeness(), Completeness::Complete);
    assert_eq!(size.multipart.unwrap().total_bytes, 5);
}

#[tokio::test]
async fn an_upload_that_ends_during_the_measurement_is_omitted_with_all_its_parts() {
    let s3 = with_uploads(|id, marker| match (id, marker) {
        ("", _) => uploads(&["gone", "ends", "stays"], None),
        ("ends", None) => parts(&[100], Some("1")),
        ("stays", _) => parts(&[5], None),
        _ => Response::error(404, "NoSuchUpload"),
    })
    .await;

    let size = measured(&s3).await;

    let found = size.multipart.clone().unwrap();
    assert_eq!(
        (found.upload_count, found.part_count, found.total_bytes),
        (1, 1, 5)
    );
    assert_eq!(size.completeness(), Completeness::Complete);
}

#[tokio::test]
async fn uploads_that_cannot_be_listed_are_unmeasured_and_never_zero() {
    type Case = (
        fn(&str, Option<&str>) -> Response,
        &'static str,
        &'static str,
    );
    let cases: [Case; 6] = [
        (
            |_, _| Response::error(403, "AccessDenied"),
            "access_denied",
            "s3:ListBucketMultipartUploads",
        ),
        (
            |id, _| match id {
                "" => uploads(&["one"], None),
                _ => Response::error(403, "AccessDenied"),
            },
            "access_denied",
            "s3:ListMultipartUploadParts",
        ),
        (
            |_, _| Response::error(501, "NotImplemented"),
            "unsupported",
            "does not support",
        ),
        (
            |_, _| uploads(&[], Some("same")),
            "unexpected_answer",
            "names itself",
        ),
        (
            |id, _| match id {
                "" => uploads(&["one"], None),
                _ => parts(&[1], Some("1")),
            },
            "unexpected_answer",
            "names itself",
        ),
        (
            |_, _| {
                Response::new(
                    200,
                    "<ListMultipartUploadsResult></ListMultipartUploadsResult>",
                )
            },
            "connection_cut",
            "whether it is the last",
        ),
    ];
    for (answer, code, reason) in cases {
        let s3 = with_uploads(answer).await;

        let size = measured(&s3).await;

        assert_eq!(size.multipart, None, "{code}");
        let [unmeasured] = size.unmeasured.as_slice() else {
            panic!("{:?}", size.unmeasured);
        };
        assert_eq!(
            (unmeasured.part, unmeasured.code.as_str()),
            (Part::Multipart, code)
        );
        assert!(unmeasured.reason.contains(reason), "{}", unmeasured.reason);
        assert!(
            !unmeasured.reason.contains("NEVERLEAK"),
            "{}",
            unmeasured.reason
        );
        assert_eq!(size.completeness(), Completeness::Partial);
        assert_eq!(size.total_bytes(), 1, "the listing is complete");
    }
}

#[tokio::test]
async fn if_versions_are_denied_the_objects_are_still_listed() {
    let denied = Response::error(403, "AccessDenied");
    assert_versions_unmeasured(denied, "access_denied", "s3:ListBucketVersions").await;
    let unknown = Response::error(501, "NotImplemented");
    assert_versions_unmeasured(unknown, "unsupported", "does not support").await;
}

/// Measures the bucket `name` with its noncurrent versions and delete markers.
async fn measure_versions(s3: &StandIn, name: &str) -> BucketSize {
    let mut target = bucket(name);
    target.measure = Measured {
        noncurrent: true,
        delete_markers: true,
        ..Measured::current()
    };
    let progress = Progress::default();
    let measured = measure_bucket(Arc::clone(&s3.aws), &target, &progress);
    measured.await.unwrap()
}

/// Asserts that a bucket that gives `answer` for its versions has objects, and that its versions are unmeasured.
async fn assert_versions_unmeasured(answer: Response, code: &str, reason: &str) {
    let s3 = StandIn::start(move |_, request| {
        let is_versions = request
            .path
            .split(['?', '&'])
            .any(|word| word.starts_with("versions"));
        if is_versions {
            answer.clone()
        } else {
            objects()
        }
    })
    .await;
    let size = measure_versions(&s3, "files").await;

    assert_eq!(
        (size.total_bytes(), size.completeness()),
        (1, Completeness::Partial)
    );
    assert_eq!((size.noncurrent, size.delete_markers), (None, None));
    let parts: Vec<_> = size.unmeasured.iter().map(|one| one.part).collect();
    assert_eq!(parts, [Part::Noncurrent, Part::DeleteMarkers]);
    for unmeasured in &size.unmeasured {
        assert_eq!(unmeasured.code, code);
        assert!(unmeasured.reason.contains(reason), "{}", unmeasured.reason);
    }
}

/// Directory buckets never keep versions, so 0 is correct.
#[tokio::test]
async fn a_directory_bucket_has_no_versions() {
    let s3 = StandIn::start(|_, request| {
        if request.path.contains("session") {
            return Response::new(
                200,
                "<CreateSessionResult><Credentials><AccessKeyId>one</AccessKeyId><SecretAccessKey>two</SecretAccessKey>\
                 <SessionToken>three</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration></Credentials>\
                 </CreateSessionResult>",
            );
        }
        assert!(request.path.contains("list-type=2"), "{request:?}");
        objects()
    })
    .await;
    let size = measure_versions(&s3, "files--euw1-az1--x-s3").await;

    assert_eq!(
        (size.total_bytes(), size.completeness()),
        (1, Completeness::Complete)
    );
    assert_eq!(size.delete_markers, Some(0));
    assert_eq!(size.noncurrent, Some(Objects::default()));
}
