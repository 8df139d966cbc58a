//! Versions, delete markers and incomplete uploads: what the emulators hold, and what they cannot be made to do.

use std::sync::Arc;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketVersioningStatus, StorageClass, VersioningConfiguration};
use collector::{Progress, measure_bucket};
use shared::aws::Aws;
use shared::fleet::{BucketTarget, Measured};
use shared::snapshot::bucket_size::Part;
use shared::snapshot::{BucketSize, Completeness, Measurement};
use shared::testing;

use crate::services;
use crate::stand_in::{Answer, StandIn};
use crate::support::bucket;

/// Bytes of a part that S3 would take anywhere but at the end.
const PART: usize = 5 << 20;

const EVERYTHING: Measured = Measured {
    noncurrent: true,
    delete_markers: true,
    multipart: true,
    cloudwatch: false,
};

struct Emulated {
    aws: Arc<Aws>,
    client: Client,
    bucket: String,
}

impl Emulated {
    /// Returns an empty bucket in the emulator; `None` when the test is to be skipped.
    async fn bucket() -> Option<Self> {
        let url = testing::service(testing::MINISTACK)?;
        let account = services::unique_account();
        let aws = Arc::new(Aws::at(&url, &account, "test"));
        let client = aws.s3(None, None).await;
        let bucket = format!("parts-{account}");
        client.create_bucket().bucket(&bucket).send().await.unwrap();
        Some(Self {
            aws,
            client,
            bucket,
        })
    }

    async fn put(&self, key: &str, bytes: usize) {
        let body = ByteStream::from(vec![b'x'; bytes]);
        let request = self.client.put_object().bucket(&self.bucket).key(key);
        request.body(body).send().await.unwrap();
    }

    async fn keep_versions(&self) {
        let enabled = VersioningConfiguration::builder()
            .status(BucketVersioningStatus::Enabled)
            .build();
        let request = self.client.put_bucket_versioning().bucket(&self.bucket);
        request
            .versioning_configuration(enabled)
            .send()
            .await
            .unwrap();
    }

    /// Begins an upload of parts with these bytes and returns its id.
    async fn begin(&self, key: &str, parts: &[usize]) -> String {
        let request = self.client.create_multipart_upload().bucket(&self.bucket);
        let request = request.key(key).storage_class(StorageClass::Standard);
        let id = request.send().await.unwrap().upload_id.unwrap();
        for (number, bytes) in (1..).zip(parts) {
            let request = self.client.upload_part().bucket(&self.bucket).key(key);
            let request = request.upload_id(&id).part_number(number);
            let body = ByteStream::from(vec![b'x'; *bytes]);
            request.body(body).send().await.unwrap();
        }
        id
    }

    async fn measure(&self, measure: Measured, prefix: &str, suffix: &str) -> BucketSize {
        let target = BucketTarget {
            measure,
            prefix: prefix.into(),
            suffix: suffix.into(),
            ..bucket(&self.bucket)
        };
        measure_bucket(Arc::clone(&self.aws), &target, &Progress::default())
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn versions_and_delete_markers_are_parts_of_their_own() {
    if let Some(s3) = Emulated::bucket().await {
        s3.put("before", 1).await;
        s3.keep_versions().await;
        for bytes in [10, 200, 3_000] {
            s3.put("a/kept.txt", bytes).await;
        }
        s3.put("b/deleted.pdf", 40_000).await;
        let request = s3.client.delete_object().bucket(&s3.bucket);
        request.key("b/deleted.pdf").send().await.unwrap();

        let all = s3.measure(EVERYTHING, "", "").await;
        let part = s3.measure(EVERYTHING, "b/", ".pdf").await;
        let current = s3.measure(Measured::default(), "", "").await;

        let sums = |size: &BucketSize| {
            let noncurrent = size.noncurrent.as_ref().unwrap();
            (
                size.total_bytes(),
                size.object_count(),
                (noncurrent.total_bytes, noncurrent.object_count),
                size.delete_markers,
            )
        };
        assert_eq!(sums(&all), (3_001, Some(2), (40_210, 3), Some(1)));
        assert_eq!(sums(&part), (0, Some(0), (40_000, 1), Some(1)));
        assert_eq!(all.completeness(), Completeness::Complete);
        // The same objects by the other listing, and what it does not see is null.
        assert_eq!(current.current, all.current);
        assert_eq!((current.noncurrent, current.delete_markers), (None, None));
    }
}

#[tokio::test]
async fn incomplete_uploads_are_sized_by_their_parts_and_ended_ones_are_not() {
    if let Some(s3) = Emulated::bucket().await {
        s3.put("object", 7).await;
        s3.begin("a/first video.mp4", &[PART, 100]).await;
        s3.begin("a/without-parts", &[]).await;
        s3.begin("b/other.bin", &[50]).await;
        let aborted = s3.begin("a/aborted", &[60]).await;
        let request = s3.client.abort_multipart_upload().bucket(&s3.bucket);
        let request = request.key("a/aborted").upload_id(aborted);
        request.send().await.unwrap();

        let all = s3.measure(Measured::default(), "", "").await;
        let part = s3.measure(Measured::default(), "a/", "").await;
        let video = s3.measure(Measured::default(), "", "first video.mp4").await;
        let none = s3.measure(Measured::current(), "", "").await;

        let sums = |size: &BucketSize| {
            let uploads = size.multipart.as_ref().unwrap();
            (
                uploads.upload_count,
                uploads.part_count,
                uploads.total_bytes,
            )
        };
        assert_eq!(sums(&all), (3, 3, PART as u64 + 150));
        assert_eq!(sums(&part), (2, 2, PART as u64 + 100));
        assert_eq!(sums(&video), (1, 2, PART as u64 + 100));
        let uploads = all.multipart.as_ref().unwrap();
        assert_eq!(uploads.by_storage_class["STANDARD"], PART as u64 + 150);
        assert!(uploads.oldest_initiated_at.is_some());
        // Parts are in no sum of objects.
        assert_eq!((all.total_bytes(), all.object_count()), (7, Some(1)));
        assert_eq!(none.multipart, None);
    }
}

fn objects() -> Answer {
    Answer::new(
        200,
        "<ListBucketResult><KeyCount>1</KeyCount><IsTruncated>false</IsTruncated>\
         <Contents><Key>a</Key><Size>1</Size></Contents></ListBucketResult>",
    )
}

fn uploads(ids: &[&str], next: Option<&str>) -> Answer {
    let uploads: String = ids
        .iter()
        .map(|id| format!("<Upload><Key>k</Key><UploadId>{id}</UploadId></Upload>"))
        .collect();
    let markers = next.map(|next| {
        format!("<NextKeyMarker>k</NextKeyMarker><NextUploadIdMarker>{next}</NextUploadIdMarker>")
    });
    Answer::new(
        200,
        format!(
            "<ListMultipartUploadsResult><IsTruncated>{}</IsTruncated>{}{uploads}</ListMultipartUploadsResult>",
            next.is_some(),
            markers.unwrap_or_default()
        ),
    )
}

fn parts(sizes: &[u64], next: Option<&str>) -> Answer {
    let parts: String = sizes
        .iter()
        .map(|size| format!("<Part><PartNumber>1</PartNumber><Size>{size}</Size></Part>"))
        .collect();
    let marker = next.map(|next| format!("<NextPartNumberMarker>{next}</NextPartNumberMarker>"));
    Answer::new(
        200,
        format!(
            "<ListPartsResult><IsTruncated>{}</IsTruncated>{}{parts}</ListPartsResult>",
            next.is_some(),
            marker.unwrap_or_default()
        ),
    )
}

/// Starts a bucket with one object, whose uploads are answered by `answer`.
async fn with_uploads(
    answer: impl Fn(&str, Option<&str>) -> Answer + Send + Sync + 'static,
) -> StandIn {
    StandIn::start(move |_, asked| {
        let is_listing = asked
            .path
            .split(['?', '&'])
            .any(|word| word.starts_with("uploads"));
        match asked.query("uploadId") {
            Some(id) => answer(id, asked.query("part-number-marker")),
            None if is_listing => answer("", asked.query("upload-id-marker")),
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
async fn pages_of_uploads_and_of_parts_are_followed_to_the_last() {
    let s3 = with_uploads(|id, marker| match (id, marker) {
        ("", None) => uploads(&["one", "two"], Some("two")),
        ("", Some("two")) => uploads(&["three"], None),
        ("one", None) => parts(&[1, 2], Some("2")),
        ("one", Some("2")) => parts(&[4], None),
        ("two" | "three", None) => parts(&[8], None),
        other => panic!("asked for {other:?}"),
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
async fn an_upload_that_ends_in_the_middle_is_left_out_with_all_its_parts() {
    let s3 = with_uploads(|id, marker| match (id, marker) {
        ("", _) => uploads(&["gone", "ends", "stays"], None),
        ("ends", None) => parts(&[100], Some("1")),
        ("stays", _) => parts(&[5], None),
        _ => Answer::error(404, "NoSuchUpload"),
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
async fn whatever_is_in_the_way_of_uploads_makes_them_unmeasured_and_never_zero() {
    type Case = (fn(&str, Option<&str>) -> Answer, &'static str, &'static str);
    let cases: [Case; 6] = [
        (
            |_, _| Answer::error(403, "AccessDenied"),
            "access_denied",
            "s3:ListBucketMultipartUploads",
        ),
        (
            |id, _| match id {
                "" => uploads(&["one"], None),
                _ => Answer::error(403, "AccessDenied"),
            },
            "access_denied",
            "s3:ListMultipartUploadParts",
        ),
        (
            |_, _| Answer::error(501, "NotImplemented"),
            "unsupported",
            "does not know",
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
                Answer::new(
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
        assert_eq!(size.total_bytes(), 1, "the listing is whole");
    }
}

#[tokio::test]
async fn where_versions_are_refused_the_objects_are_listed_beside_the_refusal() {
    let s3 = StandIn::start(|_, asked| {
        let is_versions = asked
            .path
            .split(['?', '&'])
            .any(|word| word.starts_with("versions"));
        if is_versions {
            Answer::error(403, "AccessDenied")
        } else {
            objects()
        }
    })
    .await;
    let mut target = bucket("files");
    target.measure = Measured {
        multipart: false,
        ..EVERYTHING
    };

    let size = measure_bucket(Arc::clone(&s3.aws), &target, &Progress::default())
        .await
        .unwrap();

    assert_eq!(
        (size.total_bytes(), size.completeness()),
        (1, Completeness::Partial)
    );
    assert_eq!((size.noncurrent, size.delete_markers), (None, None));
    let refused: Vec<_> = size.unmeasured.iter().map(|one| one.part).collect();
    assert_eq!(refused, [Part::Noncurrent, Part::DeleteMarkers]);
    assert!(size.unmeasured[0].reason.contains("s3:ListBucketVersions"));
}
