//! Lambda function `api-table-size`: answers `GET /table_size` from the latest snapshots, and what is below from history.

use std::sync::Arc;

use api::{lambda, table_size};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve(async |start| {
        let fleet = start.fleet().await;
        let (snapshots, history) = start.snapshots().await;
        vec![
            table_size::endpoint(Arc::clone(&fleet), snapshots.clone()),
            table_size::history::endpoint(Arc::clone(&fleet), snapshots.clone(), history.clone()),
            table_size::changes::endpoint(fleet, snapshots, history),
        ]
    })
    .await
}
