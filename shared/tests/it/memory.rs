//! The reference passes the exam.

use std::sync::Arc;
use std::time::Duration;

use shared::clock::{Clock, FixedClock};
use shared::fleet::TargetId;
use shared::snapshot::{BucketSize, Method, Run, Snapshot};
use shared::store::memory::MemoryStore;
use shared::store::{SnapshotReader, SnapshotWriter, contract};

#[tokio::test]
async fn the_memory_store_passes_the_exam() {
    contract::exam(|clock| Arc::new(MemoryStore::new(clock))).await;
}

/// A page has at most 1,000 items.
#[tokio::test]
async fn all_latest_snapshots_of_a_large_fleet_are_visited_once_and_in_order() {
    let clock = Arc::new(FixedClock::at("2026-01-12T11:00:00Z"));
    let store = Arc::new(MemoryStore::new(clock.clone()));
    let hour = Duration::from_secs(3600);
    let writer = SnapshotWriter::new(store.clone(), hour);
    let ids = (0..2100).map(|number| format!("acme-{number:04}/s3/files//"));
    let ids: Vec<_> = ids.map(|id| TargetId::from_text(&id)).collect();
    for target in &ids {
        let snapshot = Snapshot {
            target: target.clone(),
            run: Run::at(clock.now(), hour),
            measurement: BucketSize::empty(Method::Listing),
        };
        writer.keep(&snapshot).await.unwrap();
    }

    let mut shown = Vec::new();
    let reader = SnapshotReader::new(store);
    let visit = |id, latest: Result<_, _>| {
        assert!(latest.is_ok());
        shown.push(id);
    };
    reader.each_latest::<BucketSize>(visit).await.unwrap();

    assert_eq!(shown, ids);
}
