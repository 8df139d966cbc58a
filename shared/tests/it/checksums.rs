//! What S3 answers is held against the checksum that it sends along, whichever of its cyclic ones that is.
//!
//! Guards `shared/three-checksums`, which stands in for a library of the S3 client.

use shared::aws::Aws;
use shared::document::{self, DocumentError};
use shared::location::Location;

use crate::server::answering;

/// The nine digits that every catalogue of checksums gives a value for.
const CONTENT: &str = "123456789";
/// `CONTENT`'s: `cbf43926`, `e3069283` and `ae8b14860a799888` in base64.
const CHECKSUMS: [&str; 3] = [
    "x-amz-checksum-crc32: y/Q5Jg==",
    "x-amz-checksum-crc32c: 4waSgw==",
    "x-amz-checksum-crc64nvme: rosUhgp5mIg=",
];

/// Reads an object that is `content`, with `checksum` beside it.
async fn read(content: &str, checksum: &str) -> Result<Vec<u8>, DocumentError> {
    let endpoint = answering(&format!("etag: \"1\"\r\n{checksum}"), content).await;
    let location = Location::parse("s3://fleet/fleet.toml").unwrap();
    let found = document::read(&Aws::for_tests(&endpoint), &location, None, 1000).await?;
    Ok(found.unwrap().bytes)
}

#[tokio::test]
async fn the_object_that_the_checksum_is_of_is_read() {
    for checksum in CHECKSUMS {
        let bytes = read(CONTENT, checksum).await.unwrap();
        assert_eq!(bytes, CONTENT.as_bytes(), "{checksum}");
    }
}

#[tokio::test]
async fn an_object_that_changed_on_its_way_is_refused() {
    for checksum in CHECKSUMS {
        let error = read("123456780", checksum).await.unwrap_err();
        assert!(
            error.to_string().contains("checksum mismatch"),
            "{checksum}: {error}"
        );
    }
}
