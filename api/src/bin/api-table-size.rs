//! Lambda function `api-table-size`: answers `GET /table_size` from the latest snapshots, and what is below from history.

use std::sync::Arc;

use api::history::HistoryPorts;
use api::{lambda, table_size};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve(async |start| {
        let fleet = start.fleet().await;
        let (snapshots, history) = start.snapshots().await;
        let ports = HistoryPorts {
            fleet: Arc::clone(&fleet),
            snapshots: snapshots.clone(),
            history,
        };
        vec![
            table_size::endpoint(Arc::clone(&fleet), snapshots.clone()),
            table_size::history::endpoint(ports.clone()),
            table_size::changes::endpoint(ports),
        ]
    })
    .await
}
