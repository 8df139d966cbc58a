//! Lambda function `api-constants`: answers `GET /micro_flow_constants` live from the apps' configuration.

use api::constants::{self, Sources};
use api::lambda;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve(async |start| {
        vec![constants::endpoint(
            start.fleet().await,
            Sources::new(start.aws().await),
            start.deployment_key().await,
        )]
    })
    .await
}
