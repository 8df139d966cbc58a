//! Lambda function `api-bucket-size`: answers `GET /bucket_size` and `GET /metrics` from the latest snapshots, and what is
//! below `/bucket_size` from history.

use std::sync::Arc;

use api::history::HistoryPorts;
use api::{bucket_size, lambda, metrics};

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
            bucket_size::endpoint(fleet, snapshots),
            metrics::endpoint(ports.clone()),
            bucket_size::history::endpoint(ports.clone()),
            bucket_size::changes::endpoint(ports),
        ]
    })
    .await
}
