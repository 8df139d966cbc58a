//! Lambda function `api-bucket-size`: answers `GET /bucket_size` from the latest snapshots.

use api::{bucket_size, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve(async |start| {
        vec![bucket_size::endpoint(
            start.fleet().await,
            start.snapshots().await,
        )]
    })
    .await
}
