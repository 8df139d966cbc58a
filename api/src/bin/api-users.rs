//! Lambda function `api-users`: answers `GET /users` and `GET /users/list` live from the environments' databases.

use api::{lambda, users};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve(async |start| {
        users::endpoints(
            start.fleet().await,
            start.users().await,
            start.deployment_key().await,
        )
    })
    .await
}
