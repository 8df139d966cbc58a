//! What S3 answers is held against the checksum that it sends along, whichever of its cyclic ones that is.
//!
//! Guards `shared/three-checksums`, which stands in for a library of the S3 client.

use shared::aws::Aws;
use shared::document::{self, DocumentError, Location};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::throttling::read_request;

/// The nine digits that every catalogue of checksums gives a value for.
const CONTENT: &str = "123456789";
/// Header and value of `CONTENT`: `cbf43926`, `e3069283` and `ae8b14860a799888` in base64.
const CHECKSUMS: [(&str, &str); 3] = [
    ("x-amz-checksum-crc32", "y/Q5Jg=="),
    ("x-amz-checksum-crc32c", "4waSgw=="),
    ("x-amz-checksum-crc64nvme", "rosUhgp5mIg="),
];

/// An S3 whose only object is `content`, with one header of a checksum.
async fn object_store(content: &'static str, header: &'static str, value: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                while read_request(&mut stream).await.is_some() {
                    let length = content.len();
                    let head = format!(
                        "HTTP/1.1 200 OK\r\netag: \"1\"\r\ncontent-length: {length}\r\n{header}: {value}\r\n"
                    );
                    let response = format!("{head}\r\n{content}");
                    if stream.write_all(response.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    endpoint
}

async fn read(endpoint: &str) -> Result<Vec<u8>, DocumentError> {
    let location = Location::parse("s3://fleet/fleet.toml").unwrap();
    let found = document::read(&Aws::for_tests(endpoint), &location, None, 1000).await?;
    Ok(found.unwrap().bytes)
}

#[tokio::test]
async fn the_object_that_the_checksum_is_of_is_read() {
    for (header, value) in CHECKSUMS {
        let endpoint = object_store(CONTENT, header, value).await;
        assert_eq!(
            read(&endpoint).await.unwrap(),
            CONTENT.as_bytes(),
            "{header}"
        );
    }
}

#[tokio::test]
async fn an_object_that_changed_on_its_way_is_refused() {
    for (header, value) in CHECKSUMS {
        let endpoint = object_store("123456780", header, value).await;
        let error = read(&endpoint).await.unwrap_err();
        assert!(
            matches!(error, DocumentError::Unavailable { .. }),
            "{header}: {error:?}"
        );
    }
}
