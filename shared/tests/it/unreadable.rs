//! Records that cannot be read: writers go past them, and nothing that was stored is lost.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use shared::fleet::TargetId;
use shared::snapshot::{BucketSize, Failure, Latest, Method, Run, Snapshot};
use shared::store::memory::MemoryStore;
use shared::store::{
    Expect, Item, ItemStore, Key, Put, SnapshotReader, SnapshotWriter, StoreError, Value,
};
use shared::testing::time::hour;

const RETENTION: Duration = Duration::from_secs(35 * 86_400);

struct World {
    store: Arc<MemoryStore>,
    writer: SnapshotWriter,
    target: TargetId,
}

impl World {
    /// Returns a store with one good run at hour 0, whose latest item `damage` then changes.
    async fn with(damage: impl FnOnce(&mut Item)) -> Self {
        let clock = Arc::new(shared::clock::FixedClock::at("2026-01-01T00:00:00Z"));
        let store = Arc::new(MemoryStore::new(clock));
        let world = Self {
            writer: SnapshotWriter::new(store.clone(), RETENTION),
            store,
            target: TargetId::from_text("acme-prod/s3/files//"),
        };
        world.writer.keep(&world.snapshot(0)).await.unwrap();
        let mut item = world.store.get(&world.key()).await.unwrap().unwrap();
        damage(&mut item);
        let expect = Expect::Anything;
        world.store.put(Put { item, expect }).await.unwrap();
        world
    }

    fn key(&self) -> Key {
        Key {
            partition: "LATEST#bucket".to_owned(),
            sort: self.target.to_string(),
        }
    }

    fn snapshot(&self, hours: i64) -> Snapshot<BucketSize> {
        Snapshot {
            target: self.target.clone(),
            run: Run::at(hour(hours), Duration::from_secs(3600)),
            measurement: BucketSize::empty(Method::Listing),
        }
    }

    async fn latest(&self) -> Result<Option<Latest<BucketSize>>, StoreError> {
        let reader = SnapshotReader::new(self.store.clone());
        reader.latest::<BucketSize>(&self.target).await
    }

    fn kept_aside(&self) -> Vec<Item> {
        let mut items = self.store.dump();
        items.retain(|item| item.key.partition == "UNREADABLE#LATEST#bucket");
        items
    }
}

fn failure(at: DateTime<Utc>) -> Failure {
    Failure {
        scheduled_at: at,
        failed_at: at,
        failing_since: at,
        code: "timeout".to_owned(),
        reason: "no answer".to_owned(),
    }
}

fn newer_release(item: &mut Item) {
    let version = Value::Integer(99);
    item.attributes.insert("stored_version".to_owned(), version);
}

#[tokio::test]
async fn a_run_replaces_an_unreadable_latest_and_keeps_it_aside() {
    let world = World::with(|item| item.attributes.clear()).await;
    assert!(matches!(
        world.latest().await,
        Err(StoreError::Unreadable { .. })
    ));

    world.writer.keep(&world.snapshot(1)).await.unwrap();

    let latest = world.latest().await.unwrap().unwrap();
    assert_eq!(latest.good.unwrap().run.scheduled_at, hour(1));
    assert_eq!(world.kept_aside().len(), 1);
}

#[tokio::test]
async fn a_failure_replaces_an_unreadable_latest_too() {
    let world = World::with(|item| item.attributes.clear()).await;

    let failure = failure(hour(1));
    world
        .writer
        .record_failure::<BucketSize>(&world.target, failure.clone())
        .await
        .unwrap();

    let latest = world.latest().await.unwrap().unwrap();
    assert_eq!(
        (latest.good.is_none(), latest.last_failure),
        (true, Some(failure))
    );
}

#[tokio::test]
async fn a_record_of_a_newer_release_says_so_and_stays_whole_aside() {
    let world = World::with(newer_release).await;
    let stored = world.store.get(&world.key()).await.unwrap().unwrap();

    let error = world.latest().await.unwrap_err().to_string();
    world.writer.keep(&world.snapshot(1)).await.unwrap();

    assert!(
        error.contains("written by a newer version of this program"),
        "{error}"
    );
    let aside = world.kept_aside().remove(0);
    assert_eq!(
        (aside.attributes, aside.body),
        (stored.attributes, stored.body)
    );
    assert_eq!(aside.expires_at, Some(hour(1) + RETENTION));
}

#[tokio::test]
async fn an_item_without_a_readable_version_is_replaced() {
    let world = World::with(|item| {
        *item = Item::undecodable(item.key.clone(), 0, "{not JSON".to_owned());
    })
    .await;

    world.writer.keep(&world.snapshot(1)).await.unwrap();

    assert!(world.latest().await.unwrap().is_some());
}
