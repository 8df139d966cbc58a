//! Ticks over time: the jobs of `plan` and their snapshots.

mod cloudwatch;
mod quiet;
mod simulation;

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use aws_lambda_events::event::sqs::SqsEvent;
use chrono::{DateTime, Utc};
use collector::{
    BatchHandler, CollectError, Collector, Job, JobKind, MeasureError, PlanPorts, PlanReport,
    Progress, Source, Writers, plan,
};
use serde_json::json;
use shared::aws::Aws;
use shared::clock::{self, Clock};
use shared::fleet::{BucketTarget, Fleet, TargetId};
use shared::snapshot::bucket_size::{ListingRun, RefreshReason, Uploads};
use shared::snapshot::{BucketSize, Good, Latest, Objects};
use shared::store::failing::FailingStore;
use shared::store::{Expect, ItemStore, Key, Put, SnapshotReader, Value};
use shared::telemetry::Metrics;

use crate::support::{FleetFile, HOUR, MemoryQueue, NOWHERE, World, writers};

/// Lists a bucket with as many requests as the number at the end of its name; one called `gone` is missing.
struct Named;

#[async_trait]
impl Source for Named {
    type Target = BucketTarget;
    type Measurement = BucketSize;
    const JOBS: JobKind = JobKind::Bucket;

    async fn measure(
        &self,
        target: &BucketTarget,
        _progress: &Progress,
    ) -> Result<BucketSize, MeasureError> {
        let name = target.bucket.as_str();
        if name.starts_with("gone") {
            return Err(MeasureError::permanent("bucket_missing", "it is gone"));
        }
        let request_count = cost(name);
        let mut objects = Objects::default();
        objects.add("STANDARD", request_count);
        let mut size = BucketSize::of_listing(objects);
        size.listing = Some(ListingRun {
            scheduled_at: DateTime::UNIX_EPOCH,
            taken_at: DateTime::UNIX_EPOCH,
            finished_at: DateTime::UNIX_EPOCH,
            request_count,
        });
        if target.measure.noncurrent {
            size.noncurrent = Some(Objects::default());
        }
        if target.measure.multipart {
            size.multipart = Some(Uploads::default());
        }
        Ok(size)
    }
}

fn cost(bucket: &str) -> u64 {
    bucket.rsplit('-').next().unwrap().parse().unwrap()
}

/// A fleet, a store and the clock of both, ticking by the hour.
struct Scene {
    world: World,
    fleet: FleetFile,
    queue: MemoryQueue,
}

impl Scene {
    /// Returns a fleet with this budget and these buckets, each with additional lines of its entry.
    fn of(budget: u64, buckets: &[(&str, &str)]) -> Self {
        let entries = buckets
            .iter()
            .map(|(name, more)| format!("[[environment.storage]]\nbucket = \"{name}\"\n{more}\n"));
        let entries: String = entries.collect();
        Self::at("2026-11-23T00:00:00Z", budget, &entries)
    }

    /// Returns a fleet with this budget and these storage entries at `now`, which pays no attention to how they change.
    fn at(now: &str, budget: u64, entries: &str) -> Self {
        Self::refreshed(now, budget, ("max_error_percent = 0\n", entries))
    }

    /// Returns a fleet with this budget, these lines of `[refresh]` and these storage entries, at `now`.
    fn refreshed(now: &str, budget: u64, (refresh, entries): (&str, &str)) -> Self {
        let text = format!(
            "[refresh]\nlist_requests_per_day = {budget}\n{refresh}[[environment]]\nname = \"acme-prod\"\n{entries}"
        );
        Self {
            world: World::at(now),
            fleet: FleetFile::with(&text),
            queue: MemoryQueue::default(),
        }
    }

    async fn plan_with(
        &self,
        snapshots: &SnapshotReader,
        aws: &Aws,
    ) -> Result<PlanReport, CollectError> {
        self.plan_at(self.world.clock.now(), snapshots, aws).await
    }

    /// Plans the tick of `time` at the current time.
    async fn plan_at(
        &self,
        time: DateTime<Utc>,
        snapshots: &SnapshotReader,
        aws: &Aws,
    ) -> Result<PlanReport, CollectError> {
        self.plan_storing(time, snapshots, &self.world.writers, aws)
            .await
    }

    async fn plan_storing(
        &self,
        time: DateTime<Utc>,
        snapshots: &SnapshotReader,
        writers: &Writers,
        aws: &Aws,
    ) -> Result<PlanReport, CollectError> {
        let time = clock::rfc3339(time);
        let event = json!({"detail-type": "Scheduled Event", "source": "aws.scheduler", "detail": {}, "time": time});
        let event: EventBridgeEvent = serde_json::from_value(event).unwrap();
        let ports = PlanPorts {
            notifier: None,
            fleet: &self.fleet.source(&self.world.clock),
            snapshots,
            writers,
            aws,
            clock: &*self.world.clock,
            every: HOUR,
            metrics: &Metrics::Off,
        };
        plan(&event, ports, &self.queue).await
    }

    /// Replaces a record with one that this program cannot read.
    async fn damage(&self, partition: &str, sort: &str) {
        let key = Key {
            partition: partition.to_owned(),
            sort: sort.to_owned(),
        };
        let mut item = self.world.store.get(&key).await.unwrap().unwrap();
        let newer = Value::Integer(999);
        item.attributes.insert("stored_version".to_owned(), newer);
        let expect = Expect::Anything;
        self.world.store.put(Put { item, expect }).await.unwrap();
    }

    /// Plans this hour and returns the jobs for buckets.
    async fn plan(&self) -> Vec<Job> {
        let aws = Aws::for_tests(NOWHERE);
        self.plan_with(&self.world.reader, &aws).await.unwrap();
        self.queue.take_buckets()
    }

    async fn collect(&self, messages: &[Job]) {
        let collector = Collector::new(self.world.ports(&self.fleet), Named, Fleet::bucket);
        collector.handle(event_of(messages)).await.unwrap();
    }

    /// Plans this hour, collects, and advances to the next; returns the jobs.
    async fn tick(&self) -> Vec<Job> {
        let messages = self.plan().await;
        self.collect(&messages).await;
        self.world.clock.advance(HOUR);
        messages
    }

    async fn latest(&self, bucket: &str) -> Latest<BucketSize> {
        let id = BucketTarget::whole("acme-prod", bucket).id();
        let latest = self.world.reader.latest::<BucketSize>(&id).await;
        latest.unwrap().unwrap()
    }

    async fn good(&self, bucket: &str) -> Good<BucketSize> {
        self.latest(bucket).await.good.unwrap()
    }
}

/// Returns the event that delivers `jobs`.
fn event_of(jobs: &[Job]) -> SqsEvent {
    let records: Vec<_> = jobs
        .iter()
        .map(|job| json!({"messageId": "one", "body": job.to_json().unwrap(), "attributes": {}, "messageAttributes": {}}))
        .collect();
    serde_json::from_value(json!({"Records": records})).unwrap()
}

/// Returns the buckets of `jobs`.
fn measured(jobs: &[Job]) -> Vec<String> {
    jobs.iter().map(|job| bucket_of(&job.target)).collect()
}

fn bucket_of(id: &TargetId) -> String {
    id.as_str().split('/').nth(2).unwrap().to_owned()
}

/// 24 and 240 requests a day for the small buckets leave 1,036, which is the large one once a day.
#[tokio::test]
async fn small_buckets_are_listed_at_every_tick_and_a_large_one_within_the_budget() {
    let scene = Scene::of(
        1_300,
        &[("small-1", ""), ("small-10", ""), ("large-1000", "")],
    );
    let mut large = Vec::new();
    let mut announced = BTreeSet::new();

    for hour in 0..100 {
        let messages = scene.tick().await;
        let measured = measured(&messages);
        assert!(
            measured.contains(&"small-1".to_owned()) && measured.contains(&"small-10".to_owned())
        );
        if measured.contains(&"large-1000".to_owned()) {
            large.push(hour);
        }
        let good = scene.good("large-1000").await;
        let refresh = good.summary.refresh.unwrap();
        announced.insert(refresh.next_full_at);
        assert_eq!(good.run.next_due_at, refresh.next_full_at);
        assert!(!refresh.is_missed(scene.world.clock.now()), "{hour}");
        if hour > 0 && !measured.contains(&"large-1000".to_owned()) {
            assert_eq!(refresh.interval_seconds, 24 * 3600);
            assert_eq!(refresh.reason, RefreshReason::Budget);
        }
        // What is not measured keeps its times.
        let listed_at = good.summary.listing.unwrap().taken_at;
        let last = large.last().copied().unwrap();
        assert_eq!(
            listed_at,
            clock::after("2026-11-23T00:00:00Z".parse().unwrap(), HOUR * last)
        );
        assert_eq!(good.run.taken_at, listed_at);
    }

    // At once, because its cost is not known; then spread over the day; then once a day.
    assert_eq!(large[0], 0);
    // The first announcement of each listing, and the one that postponed the second listing.
    assert_eq!(announced.len(), large.len() + 1);
    assert!((1..=24).contains(&large[1]), "{large:?}");
    assert!(
        large.windows(2).skip(1).all(|pair| pair[1] - pair[0] == 24),
        "{large:?}"
    );
}

#[tokio::test]
async fn a_part_that_the_fleet_file_newly_wants_is_measured_at_the_next_tick() {
    let mut scene = Scene::of(100, &[("large-1000", "")]);
    scene.tick().await;
    assert_eq!(measured(&scene.tick().await), Vec::<String>::new());

    let wanting = "measure = [\"current\", \"noncurrent\"]";
    scene.fleet = Scene::of(100, &[("large-1000", wanting)]).fleet;

    assert_eq!(measured(&scene.tick().await), ["large-1000"]);
    assert_eq!(measured(&scene.tick().await), Vec::<String>::new());
}

#[tokio::test]
async fn what_was_never_measured_is_due_at_every_tick_whatever_the_budget() {
    let scene = Scene::of(1, &[("gone-1", ""), ("large-1000", "")]);
    scene.tick().await;

    for _ in 0..3 {
        assert_eq!(measured(&scene.tick().await), ["gone-1"]);
    }
}

#[tokio::test]
async fn without_the_snapshots_databases_are_queued_and_no_bucket_is() {
    let scene = Scene::of(1_000, &[("small-1", "")]);
    let database = "[environment.database]\nengine = \"postgres\"\nhost = \"127.0.0.1\"\nname = \"acme\"\n\
                    user = \"mrt_ro\"\nauth = \"env:MRT_TEST_PASSWORD\"";
    let scene = Scene {
        fleet: Scene::of(1_000, &[("small-1", database)]).fleet,
        ..scene
    };
    let store = FailingStore::new(scene.world.store.clone(), [1, 2]);
    let snapshots = SnapshotReader::new(Arc::new(store));

    let error = scene.plan_with(&snapshots, &Aws::for_tests(NOWHERE)).await;

    assert_eq!(error.unwrap_err().error_type(), "SnapshotsUnreadable");
    // Its tables, and the documents and users in it: the store answers again.
    assert_eq!(scene.queue.bodies(JobKind::Database).len(), 3);
    assert_eq!(scene.queue.bodies(JobKind::Bucket), Vec::<String>::new());
}

#[tokio::test]
async fn a_target_with_a_damaged_record_is_measured_again_and_heals() {
    let scene = Scene::of(100, &[("large-1000", "")]);
    scene.tick().await;
    scene
        .damage("LATEST#bucket", "acme-prod/s3/large-1000//")
        .await;

    assert_eq!(measured(&scene.tick().await), ["large-1000"]);
    assert!(scene.latest("large-1000").await.good.is_some());
    assert_eq!(measured(&scene.tick().await), Vec::<String>::new());
}

#[tokio::test]
async fn a_tick_that_is_planned_twice_measures_twice_and_keeps_one_snapshot() {
    let scene = Scene::of(100, &[("large-1000", ""), ("small-1", "")]);
    scene.tick().await;
    let first = scene.plan().await;
    scene.collect(&first).await;
    let postponed = scene.latest("large-1000").await;
    let items = scene.world.store.dump().len();

    let again = scene.plan().await;
    scene.collect(&again).await;
    scene.collect(&first).await;

    assert_eq!(measured(&first), ["small-1"]);
    assert_eq!(first, again);
    assert_eq!(scene.latest("large-1000").await, postponed);
    assert_eq!(scene.world.store.dump().len(), items);
}

#[tokio::test]
async fn a_tick_that_arrives_late_does_not_move_an_announced_listing() {
    let scene = Scene::of(100, &[("large-1000", "")]);
    let first = scene.world.clock.now();
    scene.tick().await;
    scene.world.clock.advance(HOUR * 2);
    scene.plan().await;
    let announced = scene.latest("large-1000").await;
    let refresh = announced.good.as_ref().unwrap().summary.refresh.unwrap();
    assert_eq!(refresh.reason, RefreshReason::Budget);

    let aws = Aws::for_tests(NOWHERE);
    let late = clock::after(first, HOUR);
    let planned = scene.plan_at(late, &scene.world.reader, &aws).await;

    assert_eq!(planned.unwrap().postponed_count, 0);
    assert_eq!(scene.latest("large-1000").await, announced);
}

#[tokio::test]
async fn a_failing_target_is_new_at_one_tick_and_named_there() {
    let scene = Scene::of(1_000_000, &[("good-1", ""), ("gone-1", "")]);
    let aws = Aws::for_tests(NOWHERE);
    let mut counted = Vec::new();

    for _ in 0..3 {
        let report = scene.plan_with(&scene.world.reader, &aws).await.unwrap();
        scene.collect(&scene.queue.take_buckets()).await;
        scene.world.clock.advance(HOUR);
        let counts = report.failing_storage.unwrap();
        counted.push((
            counts.target_count,
            counts.failing_count,
            counts.newly_failing_count,
        ));
        assert_eq!(report.failing_databases, None);
    }

    assert_eq!(counted, [(2, 0, 0), (2, 1, 1), (2, 1, 0)]);
    let failure = scene.latest("gone-1").await.last_failure.unwrap();
    assert!(failure.failing_since < failure.failed_at, "{failure:?}");
}
