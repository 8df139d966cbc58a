//! Answers of `/bucket_size` and `/table_size` from snapshots, and HTTP around them.

mod accounted;
mod buckets;
pub(crate) mod http;
mod prefixes;
mod refresh;
mod tables;

use api::routes::{EXTRA_SCOPES, ROUTES};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use shared::clock::FixedClock;
use shared::fleet::{Engine, Fleet, TargetId};
use shared::snapshot::{
    BucketSize, DatabaseSize, MendixCatalogue, Method, ServerStorage, TableSize,
};
use shared::store::failing::FailingStore;
use shared::store::memory::MemoryStore;

use crate::harness::{NOW, ORIGIN, TestServer, World, get};

pub(crate) const FLEET: &str = r#"
[[environment]]
name = "acme-prod"
  [[environment.storage]]
  bucket = "acme-prod-files"
  [[environment.storage]]
  bucket = "shared-files"
  prefix = "acme prod/"
  [environment.database]
  engine = "postgres"
  host = "db.example.com"
  name = "acme"
  user = "mrt_ro"

[[environment]]
name = "acme-test"
  [[environment.storage]]
  bucket = "shared-files"
  prefix = "acme-test/"
  [environment.database]
  engine = "postgres"
  host = "db.example.com"
  name = "acme_test"
  user = "mrt_ro"
"#;

pub(crate) const BUCKET_SCOPE: &str = "mrt/bucket_size.read";
pub(crate) const TABLE_SCOPE: &str = "mrt/table_size.read";

pub(crate) fn server(world: &World) -> TestServer {
    let history = world.ports();
    world.server(vec![
        api::bucket_size::endpoint(Arc::clone(&world.fleet), world.reader()),
        api::bucket_size::history::endpoint(history.clone()),
        api::bucket_size::changes::endpoint(history.clone()),
        api::table_size::endpoint(Arc::clone(&world.fleet), world.reader()),
        api::table_size::history::endpoint(history.clone()),
        api::table_size::changes::endpoint(history.clone()),
        api::health::endpoint(None),
        api::openapi::endpoint(ROUTES, EXTRA_SCOPES),
    ])
}

pub(crate) fn bucket_ids() -> Vec<TargetId> {
    Fleet::parse("fleet.toml", FLEET)
        .unwrap()
        .buckets()
        .iter()
        .map(|target| target.id())
        .collect()
}

pub(crate) fn database_ids() -> Vec<TargetId> {
    Fleet::parse("fleet.toml", FLEET)
        .unwrap()
        .databases()
        .iter()
        .map(|target| target.id())
        .collect()
}

pub(crate) fn bucket_size(bytes: &[u64]) -> BucketSize {
    let mut size = BucketSize::empty(Method::Listing);
    for bytes in bytes {
        size.add("STANDARD", *bytes);
    }
    size
}

pub(crate) fn table(schema: &str, name: &str, bytes: u64) -> TableSize {
    TableSize {
        heap_bytes: Some(bytes),
        toast_bytes: Some(0),
        index_bytes: Some(0),
        total_bytes: bytes,
        ..TableSize::named(schema, name)
    }
}

pub(crate) fn database_size(database: &str, tables: Vec<TableSize>) -> DatabaseSize {
    let total_bytes = 1000 + tables.iter().map(|table| table.total_bytes).sum::<u64>();
    DatabaseSize {
        engine: Engine::Postgres,
        database: database.into(),
        total_bytes,
        system_bytes: Some(900),
        server_role: None,
        mendix_catalogue: Some(MendixCatalogue::Absent),
        tables,
        unsized_tables: vec![],
        storage: ServerStorage::not_asked(),
    }
}

pub(crate) async fn world_with_snapshots() -> World {
    let world = World::new(FLEET);
    for (index, id) in bucket_ids().into_iter().enumerate() {
        world
            .keep(id, "2026-01-12T10:00:00Z", bucket_size(&[1, index as u64]))
            .await;
    }
    let tables = vec![
        table("public", "big", 300),
        table("audit", "log", 200),
        table("public", "small", 100),
    ];
    for id in database_ids() {
        let name = id.as_str().rsplit('/').next().unwrap().to_owned();
        world
            .keep(
                id,
                "2026-01-12T10:00:00Z",
                database_size(&name, tables.clone()),
            )
            .await;
    }
    world
}
