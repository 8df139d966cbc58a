//! Days of a fleet in virtual time, through the real plan, the collectors' code and a store that counts what DynamoDB would
//! bill: what an environment costs, and that the costs are linear.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use collector::{
    BatchHandler, Collector, CollectorPorts, Job, JobKind, MeasureError, PlanPorts, Progress,
    Source, Subject, plan,
};
use serde_json::json;
use shared::aws::Aws;
use shared::clock::{self, Clock, FixedClock};
use shared::fleet::{BucketTarget, DatabaseTarget, Fleet, FleetSource};
use shared::history::model::Model;
use shared::snapshot::bucket_size::ListingRun;
use shared::snapshot::bucket_size::Uploads;
use shared::snapshot::{BucketSize, DatabaseSize, FileDocuments, Objects, TableSize};
use shared::store::SnapshotReader;
use shared::store::counting::{CountingStore, Units};
use shared::store::memory::MemoryStore;
use shared::telemetry::Metrics;
use shared::testing::time::at;

use super::event_of;
use crate::support::{FleetFile, HOUR, MemoryQueue, NOWHERE, writers};

/// A Monday.
const START: &str = "2026-11-23T00:00:00Z";
/// Objects of a bucket; a request lists 1,000.
const OBJECTS: u64 = 100_000;
/// Bytes of a database's largest table, which does not change.
const ARCHIVE_BYTES: u64 = 5_000_000_000;

/// How much the bucket of an environment grows: every other environment is in production and grows by 0.5 % in the ten
/// working hours of a day, the others are tests and do not.
fn bucket_bytes(number: u64, hour: u64) -> u64 {
    let size = 50_000_000_000 + number * 1_000_000_000;
    if number % 2 == 1 {
        return size;
    }
    let days = hour / 168 * 5 + (hour % 168 / 24).min(5);
    let is_working_day = hour % 168 < 120;
    let today = match is_working_day {
        true => (hour % 24).clamp(8, 18) - 8,
        false => 0,
    };
    size + (days * 10 + today) * size / 2_000
}

/// The true sizes of a fleet at the time of its clock.
struct Truth {
    clock: Arc<FixedClock>,
    databases: Mutex<BTreeMap<String, DatabaseSize>>,
}

impl Truth {
    fn hour(&self) -> u64 {
        u64::try_from((self.clock.now() - at(START)).num_hours()).unwrap()
    }
}

fn number_of(environment: &str) -> u64 {
    environment.trim_start_matches("env-").parse().unwrap()
}

struct Buckets(Arc<Truth>);

#[async_trait]
impl Source for Buckets {
    type Target = BucketTarget;
    type Measurement = BucketSize;
    const JOBS: JobKind = JobKind::Bucket;

    async fn measure(
        &self,
        target: &BucketTarget,
        _: &Progress,
    ) -> Result<BucketSize, MeasureError> {
        let bytes = bucket_bytes(number_of(&target.environment), self.0.hour());
        let mut objects = Objects::default();
        objects.add("STANDARD", bytes);
        objects.object_count = OBJECTS;
        let mut size = BucketSize::of_listing(objects);
        size.multipart = Some(Uploads::default());
        size.listing = Some(ListingRun {
            scheduled_at: at(START),
            taken_at: at(START),
            finished_at: at(START),
            // And one for uploads.
            request_count: OBJECTS / 1_000 + 1,
        });
        Ok(size)
    }
}

struct Databases(Arc<Truth>);

#[async_trait]
impl Source for Databases {
    type Target = DatabaseTarget;
    type Measurement = DatabaseSize;
    const JOBS: JobKind = JobKind::Database;

    async fn measure(
        &self,
        target: &DatabaseTarget,
        _: &Progress,
    ) -> Result<DatabaseSize, MeasureError> {
        Ok(self.0.databases.lock().unwrap()[&target.environment].clone())
    }
}

struct Documents;

#[async_trait]
impl Source for Documents {
    type Target = DatabaseTarget;
    type Measurement = FileDocuments;
    const JOBS: JobKind = JobKind::Database;

    async fn measure(
        &self,
        _: &DatabaseTarget,
        _: &Progress,
    ) -> Result<FileDocuments, MeasureError> {
        Ok(FileDocuments {
            document_count: OBJECTS,
            document_bytes: 1,
            unsized_count: 0,
        })
    }
}

/// What was used in a time.
#[derive(Debug, Clone, Copy, Default)]
struct Used {
    bucket_runs: u64,
    table_runs: u64,
    document_runs: u64,
    units: Units,
}

struct Simulation {
    clock: Arc<FixedClock>,
    store: Arc<CountingStore<MemoryStore>>,
    fleet: Arc<FleetSource>,
    _file: FleetFile,
    truth: Arc<Truth>,
    models: Vec<(String, Model)>,
}

impl Simulation {
    /// Returns a fleet of so many environments with a bucket and a database of so many tables each.
    fn of(environments: u64, tables: u64) -> Self {
        let names: Vec<_> = (0..environments)
            .map(|number| format!("env-{number:04}"))
            .collect();
        let sections = names.iter().map(|name| {
            format!(
                "[[environment]]\nname = \"{name}\"\n[[environment.storage]]\nbucket = \"{name}-files\"\n\
                 [environment.database]\nengine = \"postgres\"\nhost = \"127.0.0.1\"\nname = \"app\"\nuser = \"mrt_ro\"\n\
                 instance = \"{name}\"\nallocated_gib = 100\n"
            )
        });
        // Enough for all buckets at every tick: the budget is another test's.
        let refresh = "[refresh]\nlist_requests_per_day = 1_000_000_000\n".to_owned();
        let file = FleetFile::with(&(refresh + &sections.collect::<String>()));
        let clock = Arc::new(FixedClock::at(START));
        let store = CountingStore::new(MemoryStore::new(clock.clone()));
        let models = names
            .iter()
            .zip(1..)
            .map(|(name, seed)| (name.clone(), Model::new(tables, seed)));
        Self {
            fleet: file.source(&clock),
            _file: file,
            store: Arc::new(store),
            truth: Arc::new(Truth {
                clock: clock.clone(),
                databases: Mutex::default(),
            }),
            models: models.collect(),
            clock,
        }
    }

    /// Ticks for so many hours, and returns what that used.
    async fn run(&mut self, hours: u64) -> Used {
        let writers = writers(self.store.clone());
        let reader = SnapshotReader::new(self.store.clone());
        let ports = CollectorPorts {
            fleet: self.fleet.clone(),
            writers: writers.clone(),
            clock: self.clock.clone(),
            every: HOUR,
            metrics: Metrics::Off,
            queue: None,
        };
        let buckets = Collector::new(ports.clone(), Buckets(self.truth.clone()), Fleet::bucket);
        let tables = Collector::new(
            ports.clone(),
            Databases(self.truth.clone()),
            Fleet::database,
        );
        let documents = Collector::new(ports, Documents, Fleet::database);
        let (aws, queue) = (Aws::for_tests(NOWHERE), MemoryQueue::default());
        let mut used = Used::default();
        self.store.take();
        for _ in 0..hours {
            self.change();
            let plan_ports = PlanPorts {
                notifier: None,
                fleet: &self.fleet,
                snapshots: &reader,
                writers: &writers,
                aws: &aws,
                clock: &*self.clock,
                every: HOUR,
                metrics: &Metrics::Off,
            };
            let time = clock::rfc3339(self.clock.now());
            let event = json!({"detail-type": "Scheduled Event", "source": "aws.scheduler", "detail": {}, "time": time});
            let report = plan(&serde_json::from_value(event).unwrap(), plan_ports, &queue)
                .await
                .unwrap();
            assert_eq!(report.failing_databases.unwrap().failing_count, 0);
            let jobs = std::mem::take(&mut *queue.messages.lock().unwrap());
            for (kind, job) in jobs {
                let event = event_of(std::slice::from_ref::<Job>(&job));
                match (kind, job.subject) {
                    (JobKind::Bucket, _) => {
                        used.bucket_runs += 1;
                        buckets.handle(event).await.unwrap();
                    }
                    (JobKind::Database, Subject::Size) => {
                        used.table_runs += 1;
                        tables.handle(event).await.unwrap();
                    }
                    (JobKind::Database, Subject::FileDocuments) => {
                        used.document_runs += 1;
                        documents.handle(event).await.unwrap();
                    }
                    // Months of users are not simulated: their identities are made of real accounts.
                    (JobKind::Database, Subject::Users) => {}
                }
            }
            self.clock.advance(HOUR);
        }
        used.units = self.store.take();
        used
    }

    /// Lets an hour pass in the databases.
    fn change(&mut self) {
        let now = self.clock.now();
        let mut databases = self.truth.databases.lock().unwrap();
        for (name, model) in &mut self.models {
            let mut size = Model::measurement(&model.hour(now));
            size.database = "app".to_owned();
            size.total_bytes += ARCHIVE_BYTES;
            size.tables.push(TableSize {
                total_bytes: ARCHIVE_BYTES,
                ..TableSize::named("public", "archive")
            });
            databases.insert(name.clone(), size);
        }
    }
}

const WEEK: u64 = 7 * 24;

/// Returns a number of the environment that `infra/aws/costs.py` assumes.
fn assumed(name: &str) -> f64 {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/aws/costs.py");
    let text = std::fs::read_to_string(path).unwrap();
    let line = text
        .lines()
        .find_map(|line| line.trim().strip_prefix(&format!("\"{name}\": ")));
    let number = line.unwrap().split([',', ' ']).next().unwrap();
    number.replace('_', "").parse().unwrap()
}

fn number(count: impl TryInto<u32, Error: std::fmt::Debug>) -> f64 {
    f64::from(count.try_into().unwrap())
}

/// A week after one for learning; a month is 730 hours.
#[tokio::test]
async fn an_environment_uses_what_its_costs_are_computed_from() {
    let environments = 4;
    let mut simulation = Simulation::of(environments, 200);
    simulation.run(WEEK).await;

    let used = simulation.run(WEEK).await;

    println!("{used:?}");
    let a_month = |count: f64| count * 730.0 / number(WEEK * environments);
    for (name, counted) in [
        ("bucket_runs", number(used.bucket_runs)),
        ("table_runs", number(used.table_runs)),
        ("document_runs", number(used.document_runs)),
        ("write_units", number(used.units.write)),
        ("read_units", number(used.units.read)),
    ] {
        let (counted, assumed) = (a_month(counted), assumed(name));
        println!("{name}: {counted:.1}, assumed {assumed}");
        let is_close = (counted / assumed - 1.0).abs() < 0.1;
        assert!(is_close, "{name}: {counted:.1}, assumed {assumed}");
    }
}

/// Ten, a hundred and a thousand environments, with all that a tick reads of all of them.
#[tokio::test]
async fn what_a_fleet_uses_grows_with_its_environments_and_no_faster() {
    let mut shares = Vec::new();
    for environments in [10, 100, 1_000] {
        let mut simulation = Simulation::of(environments, 5);
        simulation.run(1).await;
        let used = simulation.run(1).await;

        let share = |count: usize| number(count) / number(environments);
        let runs = used.bucket_runs + used.table_runs;
        assert_eq!(runs, 2 * environments, "a fleet that is new");
        shares.push((share(used.units.write), share(used.units.read)));
    }
    println!("units of each environment: {shares:?}");
    for (write, read) in &shares[1..] {
        assert!(*write <= shares[0].0 * 1.05, "{shares:?}");
        assert!(*read <= shares[0].1 * 1.05, "{shares:?}");
    }
}
