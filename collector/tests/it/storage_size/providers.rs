//! Answers of other providers, proxies and AWS itself: an exact total, or the cause by name.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

use collector::{MeasureError, Progress, measure_bucket};
use flate2::Compression;
use flate2::write::GzEncoder;
use shared::aws::Aws;
use shared::fleet::{BucketTarget, Measured};
use shared::snapshot::BucketSize;
use shared::testing::stand_in::{Response, StandIn};

use crate::support::bucket;

/// Returns a bucket of which only current objects are measured.
fn target() -> BucketTarget {
    BucketTarget {
        measure: Measured::current(),
        ..bucket("files")
    }
}

/// Measures a bucket that always answers with `body`.
async fn measured(body: &str) -> Result<BucketSize, MeasureError> {
    let response = Response::new(200, body);
    measured_by(move |_| response.clone()).await
}

/// Measures a bucket that answers its requests, counted from 0, with `respond`.
async fn measured_by(
    respond: impl Fn(usize) -> Response + Send + Sync + 'static,
) -> Result<BucketSize, MeasureError> {
    let s3 = StandIn::start(move |number, _| respond(number)).await;
    measure_bucket(Arc::clone(&s3.aws), &target(), &Progress::default()).await
}

/// Pages as providers write them, shortened; each has two objects of 12 bytes together. Sources: the issues and
/// documentation named beside them.
const PAGES: [(&str, &str); 16] = [
    (
        // fsspec/s3fs#405; also scality/cloudserver#1737 and versity/versitygw#136
        "OpenStack Swift: no KeyCount",
        "<?xml version='1.0' encoding='UTF-8'?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
         <Name>files</Name><Prefix/><MaxKeys>1000</MaxKeys><EncodingType>url</EncodingType>\
         <IsTruncated>false</IsTruncated><Contents><Key>a</Key><Size>5</Size><StorageClass>STANDARD</StorageClass>\
         </Contents><Contents><Key>b</Key><Size>7</Size></Contents></ListBucketResult>",
    ),
    (
        // scireum/s3ninja#251
        "S3 Ninja: all objects of the bucket in KeyCount",
        "<ListBucketResult><Name>files</Name><MaxKeys>1000</MaxKeys><KeyCount>50493</KeyCount>\
         <IsTruncated>false</IsTruncated><Contents><Key>a</Key><Size>5</Size></Contents><Contents><Key>b</Key>\
         <Size>7</Size></Contents></ListBucketResult>",
    ),
    (
        "MinIO: owner and user metadata after the class",
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
         <Name>files</Name><Prefix></Prefix><KeyCount>2</KeyCount><MaxKeys>1000</MaxKeys><Delimiter></Delimiter>\
         <IsTruncated>false</IsTruncated><Contents><Key>a</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>\
         <ETag>&#34;0&#34;</ETag><Size>5</Size><Owner><ID>1</ID><DisplayName>minio</DisplayName></Owner>\
         <StorageClass>STANDARD</StorageClass></Contents><Contents><Key>b</Key><Size>7</Size>\
         <StorageClass>STANDARD</StorageClass><UserMetadata></UserMetadata></Contents>\
         <EncodingType>url</EncodingType></ListBucketResult>",
    ),
    (
        "Ceph RGW: storage class before the owner, type at the end",
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
         <Name>files</Name><Prefix></Prefix><MaxKeys>1000</MaxKeys><EncodingType>url</EncodingType>\
         <IsTruncated>false</IsTruncated><Contents><Key>a</Key><Size>5</Size><StorageClass>STANDARD</StorageClass>\
         <Owner><ID>u</ID></Owner><Type>Normal</Type></Contents><Contents><Key>b</Key><Size>7</Size></Contents>\
         <KeyCount>2</KeyCount></ListBucketResult>",
    ),
    (
        "Google Cloud Storage: generations, no storage class",
        "<?xml version='1.0' encoding='UTF-8'?><ListBucketResult xmlns='http://doc.s3.amazonaws.com/2006-03-01'>\
         <Name>files</Name><Prefix></Prefix><KeyCount>2</KeyCount><IsTruncated>false</IsTruncated>\
         <Contents><Key>a</Key><Generation>1</Generation><MetaGeneration>1</MetaGeneration><Size>5</Size></Contents>\
         <Contents><Key>b</Key><Generation>2</Generation><Size>7</Size></Contents></ListBucketResult>",
    ),
    (
        "Cloudflare R2: size first",
        "<ListBucketResult><Name>files</Name><Contents><Size>5</Size><StorageClass>STANDARD</StorageClass><Key>a</Key>\
         </Contents><Contents><Size>7</Size><Key>b</Key></Contents><IsTruncated>false</IsTruncated><MaxKeys>1000</MaxKeys>\
         <KeyCount>2</KeyCount></ListBucketResult>",
    ),
    (
        "an empty storage class is the default one",
        "<ListBucketResult><KeyCount>2</KeyCount><IsTruncated>false</IsTruncated><Contents><Key>a</Key><Size>5</Size>\
         <StorageClass></StorageClass></Contents><Contents><Key>b</Key><Size>7</Size><StorageClass></StorageClass>\
         </Contents></ListBucketResult>",
    ),
    (
        "a prefix of a namespace",
        "<s3:ListBucketResult xmlns:s3='x'><s3:IsTruncated>false</s3:IsTruncated><s3:Contents><s3:Key>a</s3:Key>\
         <s3:Size>5</s3:Size></s3:Contents><s3:Contents><s3:Key>b</s3:Key><s3:Size>7</s3:Size></s3:Contents>\
         </s3:ListBucketResult>",
    ),
    (
        "a comment with an object in it",
        "<ListBucketResult><IsTruncated>false</IsTruncated><!-- <Contents><Key>x</Key><Size>9</Size></Contents> -->\
         <Contents><Key>a</Key><Size>5</Size></Contents><Contents><Key>b</Key><Size>7</Size></Contents>\
         </ListBucketResult>",
    ),
    (
        "CDATA sections, attributes and spaces",
        "<ListBucketResult><IsTruncated> false </IsTruncated><Contents n='1'><Key><![CDATA[a]]></Key>\
         <Size>\n5\n</Size></Contents><Contents><Key>b</Key><Size unit='bytes'>7</Size></Contents></ListBucketResult>",
    ),
    (
        "s3s: the encoding after the keys",
        "<ListBucketResult><Contents><Key>a</Key><Size>5</Size></Contents><Contents><Key>b</Key><Size>7</Size></Contents>\
         <KeyCount>2</KeyCount><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated></ListBucketResult>",
    ),
    (
        // The elements around the entries: seaweedfs, weed/s3api/s3api_objects_list_handlers.go
        "SeaweedFS: 10,000 keys a page, no encoding, the number of keys at the end",
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
         <Name>files</Name><Prefix></Prefix><MaxKeys>10000</MaxKeys><IsTruncated>false</IsTruncated><Contents>\
         <Key>a</Key><ETag>&#34;0&#34;</ETag><Size>5</Size><Owner><ID>0</ID></Owner><StorageClass>STANDARD</StorageClass>\
         <LastModified>2026-01-01T00:00:00Z</LastModified></Contents><Contents><Key>b</Key><ETag>&#34;0&#34;</ETag>\
         <Size>7</Size><Owner><ID>0</ID></Owner><StorageClass>STANDARD</StorageClass></Contents>\
         <KeyCount>2</KeyCount></ListBucketResult>",
    ),
    (
        // garage: src/api/s3/xml.rs
        "Garage: the number of keys first, no owner",
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
         <Name>files</Name><Prefix></Prefix><KeyCount>2</KeyCount><MaxKeys>1000</MaxKeys><EncodingType>url</EncodingType>\
         <IsTruncated>false</IsTruncated><Contents><Key>a</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>\
         <ETag>&quot;0&quot;</ETag><Size>5</Size><StorageClass>STANDARD</StorageClass></Contents><Contents><Key>b</Key>\
         <Size>7</Size><StorageClass>STANDARD</StorageClass></Contents></ListBucketResult>",
    ),
    (
        // versity/versitygw#2007
        "Versity: an empty encoding after the keys, a token in place of the key to start after",
        "<ListBucketResult><Name>files</Name><Contents><Key>a</Key><Size>5</Size></Contents><Contents><Key>b</Key>\
         <Size>7</Size></Contents><StartAfter>0</StartAfter><ContinuationToken>0</ContinuationToken><KeyCount>2</KeyCount>\
         <MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated><EncodingType></EncodingType></ListBucketResult>",
    ),
    (
        // As backblaze.com/apidocs/s3-list-object-versions shows its elements
        "Backblaze B2: elements in the order of the alphabet",
        "<ListBucketResult><Contents><ETag>&quot;0&quot;</ETag><Key>a</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>\
         <Size>5</Size><StorageClass>STANDARD</StorageClass></Contents><Contents><Key>b</Key><Size>7</Size></Contents>\
         <EncodingType>url</EncodingType><IsTruncated>false</IsTruncated><KeyCount>2</KeyCount><MaxKeys>1000</MaxKeys>\
         <Name>files</Name><Prefix></Prefix></ListBucketResult>",
    ),
    (
        "capital letters in a word",
        "<ListBucketResult><IsTruncated>False</IsTruncated><Contents><Key>a</Key><Size>5</Size></Contents><Contents>\
         <Key>b</Key><Size>7</Size></Contents></ListBucketResult>",
    ),
];

#[tokio::test]
async fn pages_of_every_provider_have_the_exact_total() {
    for (provider, body) in PAGES {
        let size = measured(body).await;

        let size = size.unwrap_or_else(|error| panic!("{provider}: {error:?}"));
        assert_eq!(
            (size.object_count(), size.total_bytes()),
            (Some(2), 12),
            "{provider}"
        );
        let classes = size.current.unwrap().by_storage_class;
        assert_eq!(
            classes.keys().collect::<Vec<_>>(),
            ["STANDARD"],
            "{provider}"
        );
    }
}

/// `SeaweedFS` said so of full pages (seaweedfs#3166), so more keys are asked for.
#[tokio::test]
async fn a_full_page_that_claims_to_be_the_last_one_is_not_believed() {
    let page = |numbers: std::ops::Range<u32>| {
        let contents: String = numbers
            .map(|number| format!("<Contents><Key>{number:04}</Key><Size>2</Size></Contents>"))
            .collect();
        Response::new(
            200,
            format!(
                "<ListBucketResult><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>"
            ),
        )
    };
    for (objects, requests) in [(1_003, 2), (1_000, 2), (999, 1)] {
        let s3 = StandIn::start(move |_, request| match request.query("start-after") {
            None => page(0..objects.min(1_000)),
            Some(after) => page(after.parse::<u32>().unwrap() + 1..objects),
        })
        .await;

        let size = measure_bucket(Arc::clone(&s3.aws), &target(), &Progress::default()).await;

        assert_eq!(size.unwrap().object_count(), Some(objects.into()));
        assert_eq!(s3.requests().len(), requests, "{objects}");
    }
}

/// `MinIO` takes a prefix of uploads for a whole key (minio#20989), and lists none or those that one node remembers
/// without a prefix (minio#11686).
#[tokio::test]
async fn uploads_of_minio_are_unknown_and_not_zero() {
    let s3 = StandIn::start(|_, request| {
        let body = if request.path.contains("list-type=2") {
            PAGES[2].1
        } else {
            "<ListMultipartUploadsResult><Prefix></Prefix><MaxUploads>10000</MaxUploads><IsTruncated>false</IsTruncated>\
             </ListMultipartUploadsResult>"
        };
        let mut response = Response::new(200, body);
        response.headers = vec![("server", "MinIO".to_owned())];
        response
    })
    .await;

    let size = measure_bucket(Arc::clone(&s3.aws), &bucket("files"), &Progress::default()).await;

    let size = size.unwrap();
    assert_eq!((size.total_bytes(), &size.multipart), (12, &None));
    let [missing] = size.unmeasured.as_slice() else {
        panic!("{:?}", size.unmeasured);
    };
    assert_eq!(missing.code, "unsupported");
    assert!(missing.reason.contains("MinIO"), "{}", missing.reason);
}

/// Measures a bucket whose every page is `body`, compressed by gzip.
async fn measured_compressed(body: Vec<u8>) -> Result<BucketSize, MeasureError> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    std::thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let (mut request, mut byte) = (Vec::new(), [0]);
            while !request.ends_with(b"\r\n\r\n") && connection.read_exact(&mut byte).is_ok() {
                request.push(byte[0]);
            }
            // The client may be gone.
            let _ = connection.write_all(&[head.as_bytes(), &body].concat());
        }
    });
    let aws = Arc::new(Aws::at(&url, "test", "test"));
    measure_bucket(aws, &target(), &Progress::default()).await
}

/// Some servers and proxies compress pages although nobody asked for it.
#[tokio::test]
async fn a_compressed_page_has_the_exact_total_and_a_cut_one_is_an_error() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(PAGES[0].1.as_bytes()).unwrap();
    let packed = encoder.finish().unwrap();

    let size = measured_compressed(packed.clone()).await.unwrap();

    assert_eq!((size.object_count(), size.total_bytes()), (Some(2), 12));
    let half = packed[..packed.len() / 2].to_vec();
    let error = measured_compressed(half).await.unwrap_err();
    assert_eq!((error.code, error.is_transient), ("connection_cut", true));
}

/// gofakes3 leaves out a `KeyCount` of 0.
#[tokio::test]
async fn an_empty_bucket_without_a_number_of_keys_is_empty() {
    let body = "<ListBucketResult><Name>files</Name><Prefix></Prefix><IsTruncated>false</IsTruncated></ListBucketResult>";

    let size = measured(body).await.unwrap();

    assert_eq!((size.object_count(), size.total_bytes()), (Some(0), 0));
}

#[tokio::test]
async fn what_is_not_a_listing_is_named() {
    let error = "<Error><Code>MethodNotSupported</Code><Message>NEVERLEAK</Message></Error>";
    for (body, expected) in [
        (error, "MethodNotSupported"),
        (
            "<!DOCTYPE html><html><body>Sign in</body></html>",
            "a page of HTML",
        ),
        ("", "nothing, with status 200"),
        (
            "<ListAllMyBucketsResult></ListAllMyBucketsResult>",
            "another kind of document",
        ),
        ("{\"error\": 1}", "not XML"),
    ] {
        let failure = measured(body).await.unwrap_err();

        assert_eq!(failure.code, "unexpected_answer", "{body}");
        assert!(
            failure.reason.contains(expected),
            "{body}: {}",
            failure.reason
        );
        assert!(!failure.reason.contains("NEVERLEAK"), "{}", failure.reason);
    }
}

#[tokio::test]
async fn an_internal_error_with_status_200_is_retried() {
    let size = measured_by(|number| match number {
        0 => Response::new(
            200,
            "<?xml version='1.0'?>\n<Error><Code>InternalError</Code></Error>",
        ),
        _ => Response::new(200, PAGES[0].1),
    })
    .await;

    assert_eq!(size.unwrap().total_bytes(), 12);
}

/// S3 answers so for a new bucket, until its name is known everywhere.
#[tokio::test]
async fn a_temporary_redirect_is_followed_at_the_same_provider_only() {
    let redirect = |location: String| {
        let mut response = Response::error(307, "TemporaryRedirect");
        response.headers = vec![("location", location)];
        response
    };
    let s3 = StandIn::start(move |number, request| {
        let host = request.head.split("host: ").nth(1).unwrap();
        let host = host.split("\r\n").next().unwrap();
        match number {
            0 => redirect(format!("http://{host}/moved/files?list-type=2")),
            _ => Response::new(200, PAGES[0].1),
        }
    })
    .await;

    let size = measure_bucket(Arc::clone(&s3.aws), &target(), &Progress::default()).await;

    assert_eq!(size.unwrap().total_bytes(), 12);
    assert!(
        s3.requests()[1].path.starts_with("/moved/files?"),
        "{:?}",
        s3.requests()
    );

    let error = measured_by(move |_| {
        let mut response = Response::new(301, "");
        response.headers = vec![("location", "https://proxy.example/".to_owned())];
        response
    })
    .await
    .unwrap_err();
    assert_eq!(error.code, "unexpected_answer");
    assert!(error.reason.contains("https"), "{}", error.reason);
    assert!(error.detail.unwrap().contains("proxy.example"));
}

/// The emulator's own errors for what AWS refuses: the word of ours, S3's code beside it.
#[tokio::test]
async fn errors_name_their_cause() {
    for (status, code, expected, word) in [
        (403, "RequestTimeTooSkewed", "clock_wrong", "clock"),
        (
            400,
            "ExpiredToken",
            "credentials_refused",
            "AWS_SESSION_TOKEN",
        ),
        (
            400,
            "KMS.DisabledException",
            "key_unusable",
            "KMS.DisabledException",
        ),
        (400, "InvalidRequest", "bucket_failed", "InvalidRequest"),
        (403, "NotSignedUp", "access_denied", "NotSignedUp"),
        (403, "AllAccessDisabled", "access_denied", "disabled"),
        (403, "AccessDenied", "access_denied", "VPC endpoint"),
        (403, "AccessDenied", "access_denied", "requester_pays"),
        (
            404,
            "NoSuchAccessPoint",
            "bucket_failed",
            "NoSuchAccessPoint",
        ),
    ] {
        let failure = measured_by(move |_| Response::error(status, code))
            .await
            .unwrap_err();

        assert_eq!(failure.code, expected, "{code}");
        assert!(failure.reason.contains(word), "{code}: {}", failure.reason);
        assert!(
            !failure.reason.contains("NEVERLEAK"),
            "{code}: {}",
            failure.reason
        );
        assert!(failure.detail.unwrap().contains(code));
    }
    let failure = measured_by(|_| Response::new(403, "")).await.unwrap_err();
    assert!(
        failure.reason.contains("without a reason"),
        "{}",
        failure.reason
    );
}

#[tokio::test]
async fn a_bucket_without_a_region_fails_at_once() {
    let aws = Arc::new(Aws::without_credentials());

    let error = measure_bucket(aws, &target(), &Progress::default())
        .await
        .unwrap_err();

    assert_eq!((error.code, error.is_transient), ("region_missing", false));
    assert!(error.reason.contains("AWS_REGION"), "{}", error.reason);
}
