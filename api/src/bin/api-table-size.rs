//! Lambda function `api-table-size`: answers `GET /table_size` from the latest snapshots.

use api::{lambda, table_size};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve(async |start| {
        vec![table_size::endpoint(
            start.fleet().await,
            start.snapshots().await,
        )]
    })
    .await
}
