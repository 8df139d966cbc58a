//! Documents that cannot be read: each cause is reported, without any content.

use std::sync::Arc;

use api::constants::{ConstantsError, LAYER_LIMIT_BYTES};
use shared::aws::Aws;
use shared::location::Location;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{FIXTURE_SUMMARY, LAYER, MODEL, constants_of, nowhere, read, summary};

#[tokio::test]
async fn the_cause_for_a_layer_is_reported_and_the_others_still_count() {
    let folder = tempfile::tempdir().unwrap();
    let oversize = vec![b' '; usize::try_from(LAYER_LIMIT_BYTES).unwrap() + 1];
    let mut bomb = "a0: &a0 [NEVERLEAK, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let list = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{list}]\n"));
    }
    bomb.push_str("mxruntime: {MicroflowConstants: {Sales.Greeting: *a9}}\n");
    let cases: [(&str, &[u8], &str); 6] = [
        (
            "malformed.yaml",
            b"mxruntime:\n  MicroflowConstants: [NEVERLEAK",
            "malformed",
        ),
        (
            "binary.yaml",
            b"mxruntime:\n  a: \xff\xfe NEVERLEAK",
            "malformed",
        ),
        ("bomb.yaml", bomb.as_bytes(), "malformed"),
        ("oversize.yaml", &oversize, "too_large"),
        ("gone.yaml", b"", "missing"),
        ("folder.yaml", b"", "unavailable"),
    ];
    for (name, content, status) in cases {
        std::fs::write(folder.path().join("metadata.json"), MODEL).unwrap();
        std::fs::write(folder.path().join("m2ee.yaml"), LAYER).unwrap();
        let path = folder.path().join(name);
        match status {
            "missing" => {}
            "unavailable" => std::fs::create_dir(&path).unwrap(),
            _ => std::fs::write(&path, content).unwrap(),
        }
        let locations = ["metadata.json", name, "m2ee.yaml"]
            .map(|name| Location::File(folder.path().join(name)));

        let constants = read(&nowhere(), &locations).await.unwrap();

        assert_eq!(summary(&constants), FIXTURE_SUMMARY, "{name}");
        assert_eq!(constants.completeness, "partial", "{name}");
        assert_eq!(constants.layers[0].status, status, "{name}");
        assert_eq!(constants.layers[0].constant_count, None, "{name}");
        assert_eq!(constants.layers[1].constant_count, Some(4), "{name}");
        assert!(
            constants.warnings[0].starts_with(name),
            "{:?}",
            constants.warnings
        );
        assert!(!format!("{constants:?}").contains("NEVERLEAK"), "{name}");
    }
}

#[tokio::test]
async fn a_layer_without_constants_is_partial_and_names_what_was_found() {
    let folder = tempfile::tempdir().unwrap();

    let documents: [(&str, &[u8]); 2] = [
        ("metadata.json", MODEL.as_bytes()),
        ("m2ee.yaml", b"m2ee: {}\n"),
    ];
    let constants = constants_of(folder.path(), &documents).await.unwrap();

    assert_eq!(constants.completeness, "partial");
    assert_eq!(
        constants.warnings,
        [
            "m2ee.yaml sets no constants: it has m2ee, but no Constants, no mxruntime.MicroflowConstants and no \
             runtime.microflowConstants"
        ]
    );
}

#[tokio::test]
async fn included_files_are_layers_or_missing() {
    let folder = tempfile::tempdir().unwrap();
    let including = "include: [/etc/m2ee/base.yaml, extra.yaml]\nmxruntime: {MicroflowConstants: {Sales.Region: eu}}\n";
    let base = "mxruntime: {MicroflowConstants: {Sales.Region: us}}\n";

    let documents: [(&str, &[u8]); 3] = [
        ("metadata.json", MODEL.as_bytes()),
        ("base.yaml", base.as_bytes()),
        ("m2ee.yaml", including.as_bytes()),
    ];
    let constants = constants_of(folder.path(), &documents).await.unwrap();

    assert_eq!(constants.completeness, "partial");
    assert_eq!(
        constants.warnings,
        ["m2ee.yaml includes 1 file that is not read: add each as a layer in the fleet file"]
    );
}

#[tokio::test]
async fn a_json_that_is_no_model_says_what_it_lacks() {
    let folder = tempfile::tempdir().unwrap();

    let documents: [(&str, &[u8]); 1] = [("metadata.json", b"{\"NEVERLEAK\": 1}")];
    let error = constants_of(folder.path(), &documents).await.unwrap_err();

    let text = shared::telemetry::error_chain(&error);
    assert!(
        text.contains("has no Constants") && !text.contains("NEVERLEAK"),
        "{text}"
    );
}

#[tokio::test]
async fn without_a_readable_model_there_is_no_answer() {
    let folder = tempfile::tempdir().unwrap();
    let cases: [(&[u8], &str); 3] = [
        (b"{\"Constants\": [{\"Name\": NEVERLEAK", "malformed"),
        (b"[\"NEVERLEAK\"]", "malformed"),
        (&[b' '; 4 * 1024 * 1024 + 1], "too_large"),
    ];
    for (content, code) in cases {
        let error = constants_of(folder.path(), &[("metadata.json", content)])
            .await
            .unwrap_err();

        assert!(
            matches!(&error, ConstantsError::Model(error) if error.code() == code),
            "{error:?}"
        );
        assert!(!format!("{error:?}").contains("NEVERLEAK"));
    }
}

/// Starts an S3 that denies every request, as it does if a policy forbids reading.
pub(super) async fn denying_s3() -> Arc<Aws> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let body = "<Error><Code>AccessDenied</Code><Message>NEVERLEAK arn:aws:iam::1:role/x</Message></Error>";
        let answer = format!(
            "HTTP/1.1 403 Forbidden\r\ncontent-type: application/xml\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 8192];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    Arc::new(Aws::for_tests(&url))
}

#[tokio::test]
async fn a_denied_document_is_reported_without_the_service_error() {
    let aws = denying_s3().await;
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("metadata.json");
    std::fs::write(&model, MODEL).unwrap();
    let object = Location::parse("s3://acme-config/m2ee.yaml").unwrap();

    let constants = read(&aws, &[Location::File(model), object.clone()])
        .await
        .unwrap();
    let error = read(&aws, &[object]).await.unwrap_err();

    assert_eq!(constants.layers[0].status, "denied");
    assert_eq!(
        constants.warnings,
        ["s3://acme-config/m2ee.yaml may not be read: its values are missing from this answer"]
    );
    let text = format!(
        "{constants:?} {error:?} {}",
        shared::telemetry::error_chain(&error)
    );
    assert!(
        !text.contains("NEVERLEAK") && !text.contains("arn:aws"),
        "{text}"
    );
}
