//! Ticks of a fleet: jobs of `plan`, delivered in batches to the collectors, and scrapes of `/metrics`; all is counted.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use aws_lambda_events::event::sqs::SqsEvent;
use collector::{
    BatchHandler, Collector, CollectorPorts, Job, JobKind, JobQueue, PlanPorts, QueueError,
    Subject, Writers, plan,
};
use serde::Serialize;
use serde_json::json;
use shared::aws::Aws;
use shared::clock::{self, Clock, FixedClock};
use shared::fleet::{Fleet, FleetSource};
use shared::history::HistoryRetention;
use shared::location::Location;
use shared::store::SnapshotReader;
use shared::store::counting::CountingStore;
use shared::store::memory::MemoryStore;
use shared::telemetry::Metrics;

use crate::reading::{Reader, Shown};
use crate::sizes::{Buckets, Databases, Documents, LIST_REQUESTS, START, Truth, Users, name_of};
use crate::{ALLOCATED, number};

pub(crate) const HOURS_OF_A_DAY: u64 = 24;
const HOUR: Duration = Duration::from_secs(3600);
/// `BatchSize` of the template.
const BATCH_SIZE: usize = 4;
/// Messages of one request to SQS at most.
const SENT_AT_ONCE: usize = 10;
/// Snapshots are kept for this time in place of 35 days, so that the machine's memory holds a large fleet: history reads
/// those of the day before and of the open day.
const RETENTION: Duration = HOUR.saturating_mul(24 * 3);
/// An address without a listener.
const NOWHERE: &str = "http://127.0.0.1:9";

/// A fleet: environments with a bucket and a database each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) environments: u64,
    /// Tables of a database.
    pub(crate) tables: u64,
    /// Different databases.
    pub(crate) databases: u64,
    pub(crate) seed: u64,
}

/// Most bytes that one call allocated beyond what there was before it.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Memory {
    pub(crate) planning: usize,
    pub(crate) collecting: usize,
}

/// What was used in a time.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Counters {
    pub(crate) environments: u64,
    pub(crate) hours: u64,
    pub(crate) bucket_runs: u64,
    pub(crate) table_runs: u64,
    pub(crate) document_runs: u64,
    pub(crate) user_runs: u64,
    pub(crate) list_requests: u64,
    /// Of `plan` and of both collectors.
    pub(crate) invocations: u64,
    /// To send, to receive and to delete messages.
    pub(crate) sqs_requests: u64,
    pub(crate) write_units: usize,
    pub(crate) read_units: usize,
    /// Scrapes of `/metrics`: one an hour.
    pub(crate) scrapes: u64,
    /// Read units of these alone.
    pub(crate) scrape_read_units: usize,
    /// Mean of the scrapes.
    pub(crate) shown: Shown,
    pub(crate) memory: Memory,
}

impl Counters {
    /// Adds what was used after this.
    pub(crate) fn add(&mut self, later: &Self) {
        let mean = |so_far: f64, then: f64| {
            let weighted = so_far * number(self.scrapes) + then * number(later.scrapes);
            weighted / number(self.scrapes + later.scrapes)
        };
        self.shown = Shown {
            storage_runs: mean(self.shown.storage_runs, later.shown.storage_runs),
            database_runs: mean(self.shown.database_runs, later.shown.database_runs),
            list_requests: mean(self.shown.list_requests, later.shown.list_requests),
        };
        self.environments = later.environments;
        self.hours += later.hours;
        self.bucket_runs += later.bucket_runs;
        self.table_runs += later.table_runs;
        self.document_runs += later.document_runs;
        self.user_runs += later.user_runs;
        self.list_requests += later.list_requests;
        self.invocations += later.invocations;
        self.sqs_requests += later.sqs_requests;
        self.write_units += later.write_units;
        self.read_units += later.read_units;
        self.scrapes += later.scrapes;
        self.scrape_read_units += later.scrape_read_units;
        self.memory = Memory {
            planning: self.memory.planning.max(later.memory.planning),
            collecting: self.memory.collecting.max(later.memory.collecting),
        };
    }

    /// Returns what each environment used.
    pub(crate) fn each(&self) -> [(&'static str, f64); 7] {
        let each = |count: u64| number(count) / number(self.environments);
        let units = |count: usize| number(count) / number(self.environments);
        [
            ("bucket runs", each(self.bucket_runs)),
            ("table runs", each(self.table_runs)),
            ("document runs", each(self.document_runs)),
            ("LIST requests", each(self.list_requests)),
            ("write units", units(self.write_units)),
            ("read units", units(self.read_units)),
            ("read units of scrapes", units(self.scrape_read_units)),
        ]
    }
}

/// Keeps jobs until they are delivered.
#[derive(Default)]
struct Queue(Mutex<Vec<(JobKind, Job)>>);

#[async_trait]
impl JobQueue for Queue {
    async fn send(&self, kind: JobKind, messages: Vec<Job>) -> Result<(), QueueError> {
        let messages = messages.into_iter().map(|message| (kind, message));
        self.0.lock().unwrap().extend(messages);
        Ok(())
    }
}

pub(crate) struct Simulation {
    clock: Arc<FixedClock>,
    store: Arc<CountingStore<MemoryStore>>,
    fleet: Arc<FleetSource>,
    truth: Arc<Truth>,
    reader: Reader,
    environments: u64,
    _folder: tempfile::TempDir,
}

impl Simulation {
    /// Returns a new fleet, before its first tick.
    pub(crate) fn of(size: Size) -> Self {
        let sections = (0..size.environments).map(name_of).map(|name| {
            format!(
                "[[environment]]\nname = \"{name}\"\n[[environment.storage]]\nbucket = \"{name}-files\"\n\
                 [environment.database]\nengine = \"postgres\"\nhost = \"127.0.0.1\"\nname = \"app\"\nuser = \"mrt_ro\"\n\
                 instance = \"{name}\"\nallocated_gib = 100\n"
            )
        });
        // Enough for all buckets at every tick: the budget is another test's.
        let refresh = "[refresh]\nlist_requests_per_day = 1_000_000_000\n".to_owned();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fleet.toml");
        std::fs::write(&path, refresh + &sections.collect::<String>()).unwrap();
        let clock = Arc::new(FixedClock::at(START));
        let aws = Arc::new(Aws::for_tests(NOWHERE));
        let fleet = Arc::new(FleetSource::new(aws, Location::File(path), clock.clone()));
        let store = Arc::new(CountingStore::new(MemoryStore::new(clock.clone())));
        Self {
            reader: Reader::new(fleet.clone(), store.clone(), clock.clone()),
            fleet,
            store,
            truth: Arc::new(Truth::new(clock.clone(), size)),
            clock,
            environments: size.environments,
            _folder: folder,
        }
    }

    /// Ticks for so many hours, and returns what that used. `/metrics` is scraped, and compared with the dashboard's
    /// screens, when each hour's runs have ended.
    pub(crate) async fn run(&mut self, hours: u64) -> Counters {
        let retention = HistoryRetention::default();
        let writers = Writers::new(self.store.clone(), RETENTION, retention);
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
        let documents = Collector::new(ports.clone(), Documents, Fleet::database);
        let users = Collector::new(ports, Users, Fleet::environment_of_database);
        let (aws, queue) = (Aws::for_tests(NOWHERE), Queue::default());
        let mut used = Counters {
            environments: self.environments,
            hours,
            ..Counters::default()
        };
        self.store.take();
        for _ in 0..hours {
            self.truth.change();
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
            let event = serde_json::from_value(event).unwrap();
            let (report, bytes) = peak_of(Box::pin(plan(&event, plan_ports, &queue))).await;
            used.memory.planning = used.memory.planning.max(bytes);
            used.invocations += 1;
            assert_eq!(report.unwrap().failing_databases.unwrap().failing_count, 0);

            let jobs = std::mem::take(&mut *queue.0.lock().unwrap());
            let of = |wanted: JobKind, subject: Subject| -> Vec<Job> {
                let jobs = jobs
                    .iter()
                    .filter(|(kind, job)| *kind == wanted && job.subject == subject);
                jobs.map(|(_, job)| job.clone()).collect()
            };
            let of_buckets = of(JobKind::Bucket, Subject::Size);
            let of_tables = of(JobKind::Database, Subject::Size);
            let of_documents = of(JobKind::Database, Subject::FileDocuments);
            let of_users = of(JobKind::Database, Subject::Users);
            used.bucket_runs += of_buckets.len() as u64;
            used.list_requests += of_buckets.len() as u64 * LIST_REQUESTS;
            used.table_runs += of_tables.len() as u64;
            used.document_runs += of_documents.len() as u64;
            used.user_runs += of_users.len() as u64;
            deliver(&buckets, &of_buckets, &mut used).await;
            deliver(&tables, &of_tables, &mut used).await;
            deliver(&documents, &of_documents, &mut used).await;
            deliver(&users, &of_users, &mut used).await;

            let units = self.store.take();
            used.write_units += units.write;
            used.read_units += units.read;
            self.scrape(&mut used).await;
            self.clock.advance(HOUR);
            self.store.inner().remove_expired();
        }
        used
    }

    async fn scrape(&self, used: &mut Counters) {
        let shown = self.reader.metrics().await;
        let units = self.store.take().read;
        if used.scrapes.is_multiple_of(HOURS_OF_A_DAY) {
            assert_eq!(shown, self.reader.collection_screens().await);
            self.store.take();
        }
        let scrape = Counters {
            environments: used.environments,
            scrapes: 1,
            scrape_read_units: units,
            shown,
            ..Counters::default()
        };
        used.add(&scrape);
    }
}

/// Delivers `jobs` in batches, each to one invocation.
async fn deliver(collector: &impl BatchHandler, jobs: &[Job], used: &mut Counters) {
    let invocations = jobs.len().div_ceil(BATCH_SIZE);
    used.invocations += invocations as u64;
    // Each batch is received and deleted by one request.
    used.sqs_requests += (jobs.len().div_ceil(SENT_AT_ONCE) + 2 * invocations) as u64;
    for batch in jobs.chunks(BATCH_SIZE) {
        let (handled, bytes) = peak_of(collector.handle(event_of(batch))).await;
        let failed = handled.unwrap().batch_item_failures;
        assert!(failed.is_empty(), "{failed:?}");
        used.memory.collecting = used.memory.collecting.max(bytes);
    }
}

/// Returns what `call` returns, and the most bytes that it allocated beyond what there was before.
async fn peak_of<T>(call: impl Future<Output = T>) -> (T, usize) {
    ALLOCATED.reset_peak_usage();
    let before = ALLOCATED.current_usage();
    let result = call.await;
    (result, ALLOCATED.peak_usage().saturating_sub(before))
}

/// Returns the event that delivers `jobs`.
fn event_of(jobs: &[Job]) -> SqsEvent {
    let records: Vec<_> = jobs
        .iter()
        .map(|job| json!({"messageId": "one", "body": job.to_json().unwrap(), "attributes": {}, "messageAttributes": {}}))
        .collect();
    serde_json::from_value(json!({"Records": records})).unwrap()
}
