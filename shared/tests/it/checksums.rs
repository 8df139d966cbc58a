//! Objects are checked against the checksum that S3 sends with them, whichever of its cyclic ones that is.
//!
//! Tests `shared/three-checksums`, which replaces a library of the S3 client.

use shared::document::{self, DocumentError};
use shared::location::Location;
use shared::testing::stand_in::{Response, StandIn};

/// The nine digits for which every catalogue of checksums gives a value.
const CONTENT: &str = "123456789";
/// Header and value for `CONTENT`: `cbf43926`, `e3069283` and `ae8b14860a799888` in base64.
const CHECKSUMS: [(&str, &str); 3] = [
    ("x-amz-checksum-crc32", "y/Q5Jg=="),
    ("x-amz-checksum-crc32c", "4waSgw=="),
    ("x-amz-checksum-crc64nvme", "rosUhgp5mIg="),
];

/// Reads an object with `content` and a checksum header.
async fn read(
    content: &'static str,
    name: &'static str,
    value: &'static str,
) -> Result<Vec<u8>, DocumentError> {
    let s3 = StandIn::start(move |_, _| Response {
        headers: vec![("etag", "\"1\"".to_owned()), (name, value.to_owned())],
        ..Response::new(200, content)
    })
    .await;
    let location = Location::parse("s3://fleet/fleet.toml").unwrap();
    let found = document::read(&s3.aws, &location, None, 1000).await?;
    Ok(found.unwrap().bytes)
}

#[tokio::test]
async fn an_object_with_the_right_checksum_is_read() {
    for (name, value) in CHECKSUMS {
        let bytes = read(CONTENT, name, value).await.unwrap();
        assert_eq!(bytes, CONTENT.as_bytes(), "{name}");
    }
}

#[tokio::test]
async fn an_object_with_a_wrong_checksum_is_an_error() {
    for (name, value) in CHECKSUMS {
        let error = read("123456780", name, value).await.unwrap_err();
        assert!(
            error.to_string().contains("checksum mismatch"),
            "{name}: {error}"
        );
    }
}
