//! Lambda function `api-users`: answers `GET /users` live from the environments' databases.

use api::{lambda, users};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve(async |start| {
        vec![users::endpoint(
            start.fleet().await,
            start.users().await,
            start.deployment_key().await,
        )]
    })
    .await
}
