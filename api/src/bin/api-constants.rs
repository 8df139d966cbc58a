//! Lambda function `api-constants`: answers `GET /micro_flow_constants` live from the deployments' documents.

use api::{constants, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve(async |start| vec![constants::endpoint(start.fleet().await, start.aws().await)])
        .await
}
