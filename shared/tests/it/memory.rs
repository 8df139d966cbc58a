//! The reference passes the exam.

use std::sync::Arc;

use shared::store::contract;
use shared::store::memory::MemoryStore;

#[tokio::test]
async fn the_memory_store_passes_the_exam() {
    contract::exam(|clock| Arc::new(MemoryStore::new(clock))).await;
}
