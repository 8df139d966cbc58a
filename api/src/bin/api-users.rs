//! Lambda function `api-users`: answers `GET /users` and `GET /users/list` live from the environments' databases, and
//! `GET /users/history` from what was collected.

use std::sync::Arc;

use api::{lambda, users};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve(async |start| {
        let fleet = start.fleet().await;
        let (snapshots, _) = start.snapshots().await;
        let months = start.user_months().await;
        let mut endpoints = users::endpoints(
            Arc::clone(&fleet),
            start.users().await,
            start.deployment_key().await,
            months.clone(),
        );
        endpoints.push(users::history::endpoint(fleet, snapshots, months));
        endpoints
    })
    .await
}
