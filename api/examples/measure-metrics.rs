//! Measures `GET /metrics` of 1,000 environments: `measure-metrics`. Prints one JSON object.
//!
//! Each environment has a bucket and a database of 36 modules, both with 35 daily totals, as the collectors' own writers
//! store them. The endpoint's own handler answers from a store in memory that counts what a query of DynamoDB would
//! return. For `make bench-metrics`.

#![allow(clippy::print_stdout, reason = "a tool for the benchmark")]

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use api::history::HistoryPorts;
use api::http::server::Server;
use api::routes::ROUTES;
use async_trait::async_trait;
use base64::Engine as _;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use shared::aws::Aws;
use shared::clock::FixedClock;
use shared::config::{EnvironmentAccess, Environments};
use shared::fleet::{Engine, Fleet, FleetSource, Kind, TargetId};
use shared::history::model::Model;
use shared::history::{Historic, HistoryReader, HistoryRetention, HistoryWriter};
use shared::location::Location;
use shared::snapshot::{
    BucketSize, DatabaseSize, MendixCatalogue, Method, Run, ServerStorage, Snapshot, Stored,
    TableSize,
};
use shared::store::memory::MemoryStore;
use shared::store::{
    Expect, Item, ItemStore, Key, Page, Put, Query, SnapshotReader, SnapshotWriter, StoreError,
    Written,
};
use shared::telemetry::Metrics;

const ENVIRONMENTS: usize = 1000;
const START: &str = "2026-01-12T00:00:00Z";
const DAYS: i64 = 36;
const EVERY: Duration = Duration::from_secs(86_400);
const RETENTION: Duration = Duration::from_secs(35 * 86_400);
/// Bytes of one page of a query.
const PAGE_BYTES: usize = 1 << 20;
/// Answers; the least of their times counts.
const ANSWERS: usize = 20;

type Failure = Box<dyn Error>;

/// A store in memory that counts the pages of queries as DynamoDB makes them.
struct Counting {
    inner: MemoryStore,
    pages: AtomicUsize,
}

#[async_trait]
impl ItemStore for Counting {
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        self.inner.get(key).await
    }

    async fn put(&self, put: Put) -> Result<Written, StoreError> {
        self.inner.put(put).await
    }

    async fn put_all(&self, puts: Vec<Put>) -> Result<Written, StoreError> {
        self.inner.put_all(puts).await
    }

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        let page = self.inner.query(query).await?;
        let bytes = page.items.iter().map(Item::size_bytes).sum::<usize>();
        self.pages
            .fetch_add(bytes.div_ceil(PAGE_BYTES).max(1), Ordering::Relaxed);
        Ok(page)
    }
}

fn name(number: usize) -> String {
    format!("customer-{number:04}-prod")
}

fn fleet() -> String {
    let environments = (0..ENVIRONMENTS).map(|number| {
        let name = name(number);
        format!(
            "[[environment]]\nname = \"{name}\"\n[[environment.storage]]\nbucket = \"{name}-files\"\n\
             [environment.database]\nengine = \"postgres\"\nhost = \"db.example.com\"\nname = \"mendix\"\n\
             user = \"mrt_ro\"\n"
        )
    });
    environments.collect()
}

fn database(model: &mut Model, at: DateTime<Utc>) -> DatabaseSize {
    let point = model.hour(at);
    let tables = point.tables.iter().zip(0..);
    let tables = tables.map(|((key, readings), number)| TableSize {
        table_id: key.table_id,
        module: key
            .module
            .as_ref()
            .map(|module| format!("{module}{}", number % 3)),
        total_bytes: readings.total_bytes.value().unwrap_or_default(),
        ..TableSize::named(&*key.schema, &*key.table)
    });
    let tables: Vec<_> = tables.collect();
    DatabaseSize {
        engine: Engine::Postgres,
        database: "mendix".into(),
        total_bytes: tables.iter().map(|table| table.total_bytes).sum::<u64>() + (8 << 20),
        system_bytes: Some(8 << 20),
        server_role: None,
        mendix_catalogue: Some(MendixCatalogue::Read),
        tables,
        unsized_tables: Vec::new(),
        storage: ServerStorage::not_asked(),
    }
}

fn bucket(day: i64) -> BucketSize {
    let mut size = BucketSize::empty(Method::Listing);
    for (class, bytes) in [("STANDARD", 48_000_000_000), ("STANDARD_IA", 9_000_000_000)] {
        size.add(class, bytes + day.unsigned_abs() * 123_456_789);
    }
    size
}

async fn keep<M: Stored + Historic>(
    store: &Arc<Counting>,
    target: &TargetId,
    at: DateTime<Utc>,
    measurement: M,
) -> Result<(), Failure> {
    let snapshot = Snapshot {
        target: target.clone(),
        run: Run::at(at, EVERY),
        measurement,
    };
    let writer = SnapshotWriter::new(store.clone(), RETENTION);
    writer.keep(&snapshot).await?;
    let history = HistoryWriter::new(store.clone(), HistoryRetention::default());
    history.record(&snapshot).await?;
    Ok(())
}

/// Copies the latest item of one target to all others of its kind.
async fn spread(store: &Arc<Counting>, kind: Kind, targets: &[TargetId]) -> Result<usize, Failure> {
    let [first, others @ ..] = targets else {
        return Err("the fleet is empty".into());
    };
    let key = Key {
        partition: format!("LATEST#{}", kind.as_str()),
        sort: first.to_string(),
    };
    let latest = store.get(&key).await?.ok_or("there is no latest")?;
    for target in others {
        let mut item = latest.clone();
        item.key.sort = target.to_string();
        let expect = Expect::Anything;
        store.put(Put { item, expect }).await?;
    }
    Ok(latest.size_bytes())
}

/// Returns the processor time of this thread so far, in milliseconds.
fn cpu_ms() -> Result<f64, Failure> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: u64 = text.split_whitespace().next().unwrap_or_default().parse()?;
    Ok(Duration::from_nanos(nanoseconds).as_secs_f64() * 1000.0)
}

fn event() -> Value {
    json!({
        "resource": "/metrics", "path": "/metrics", "httpMethod": "GET", "headers": {},
        "multiValueHeaders": {"accept-encoding": ["gzip"]},
        "queryStringParameters": null, "multiValueQueryStringParameters": null,
        "requestContext": {
            "httpMethod": "GET", "requestId": "bench", "stage": "v1",
            "authorizer": {"claims": {
                "token_use": "access", "client_id": "bench", "scope": "mrt/metrics.read",
            }},
        },
        "body": null, "isBase64Encoded": false,
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let start: DateTime<Utc> = START.parse()?;
    let end = start + TimeDelta::days(DAYS - 1);
    let clock = Arc::new(FixedClock::at(&end.to_rfc3339()));
    let store = Arc::new(Counting {
        inner: MemoryStore::new(clock.clone()),
        pages: AtomicUsize::new(0),
    });
    let text = fleet();
    let fleet = Fleet::parse("fleet.toml", &text)?;
    let buckets: Vec<_> = fleet.buckets().iter().map(|target| target.id()).collect();
    let databases: Vec<_> = fleet.databases().iter().map(|target| target.id()).collect();
    let mut model = Model::new(500, 1);
    for day in 0..DAYS {
        let at = start + TimeDelta::days(day);
        keep(&store, &buckets[0], at, bucket(day)).await?;
        keep(&store, &databases[0], at, database(&mut model, at)).await?;
    }
    let bucket_bytes = spread(&store, Kind::Bucket, &buckets).await?;
    let database_bytes = spread(&store, Kind::Database, &databases).await?;

    let folder = tempfile::tempdir()?;
    let path = folder.path().join("fleet.toml");
    std::fs::write(&path, text)?;
    let aws = Arc::new(Aws::without_credentials());
    let ports = HistoryPorts {
        fleet: Arc::new(FleetSource::new(aws, Location::File(path), clock.clone())),
        snapshots: SnapshotReader::new(store.clone()),
        history: HistoryReader::new(store.clone()),
    };
    let endpoints = vec![api::metrics::endpoint(ports)];
    let access = EnvironmentAccess {
        clients: BTreeMap::new(),
        default: Environments::All,
    };
    let server =
        Server::new(ROUTES, endpoints, Vec::new(), clock, Metrics::Off).with_access(access);
    let (mut least_ms, mut answer) = (f64::MAX, Value::Null);
    for _ in 0..ANSWERS {
        store.pages.store(0, Ordering::Relaxed);
        let event = serde_json::from_value(event())?;
        let before = cpu_ms()?;
        let response = server.handle(event).await;
        least_ms = least_ms.min(cpu_ms()? - before);
        answer = serde_json::to_value(response)?;
    }
    let body = answer["body"].as_str().unwrap_or_default();
    let packed = base64::engine::general_purpose::STANDARD.decode(body)?;
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&*packed), &mut text)?;
    let samples = text.lines().filter(|line| !line.starts_with('#')).count();
    let sizes = text.matches("\nmrt_bucket_size_bytes{").count();
    let modules = text.matches("\nmrt_module_size_bytes{").count();
    if sizes != ENVIRONMENTS || modules < ENVIRONMENTS {
        return Err(format!("the answer has {sizes} sizes and {modules} modules").into());
    }
    println!(
        "{}",
        json!({
            "environments": ENVIRONMENTS, "samples": samples, "modules": modules,
            "pages": store.pages.load(Ordering::Relaxed),
            "latest_bytes": {"bucket": bucket_bytes, "database": database_bytes},
            "text_bytes": text.len(), "gzip_bytes": packed.len(), "cpu_ms": least_ms,
        })
    );
    Ok(())
}
