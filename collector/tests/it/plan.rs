//! Recorded ticks of the schedule, from the decoder to the queued jobs.

use std::sync::Arc;

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use collector::{CollectError, JobKind, PlanPorts, PlanReport, plan};
use shared::aws::Aws;
use shared::fleet::TargetId;
use shared::history::Historic;
use shared::snapshot::{BucketSize, FileDocuments, Method, Run, Snapshot, Stored};
use shared::store::failing::FailingStore;
use shared::telemetry::Metrics;
use shared::testing::time::at;

use crate::support::{FleetFile, HOUR, MemoryQueue, NOWHERE, World, writers};

const TICK: &str = include_str!("../events/scheduled-tick.json");
const FRACTION: &str = include_str!("../events/scheduled-rule-with-fraction.json");
const WITHOUT_TIME: &str = include_str!("../events/scheduled-without-time.json");

const FLEET: &str = r#"
[[environment]]
name = "acme-prod"
  [[environment.storage]]
  bucket = "acme-files"
  [[environment.storage]]
  bucket = "shared-files"
  prefix = "acme-prod/"
  [environment.database]
  engine = "postgres"
  host = "127.0.0.1"
  name = "acme"
  user = "mrt_ro"
  auth = "env:MRT_TEST_PASSWORD"

[[environment]]
name = "empty-test"
"#;

/// The rest of the job of a bucket that was never measured.
const FIRST: &str = r#""scheduled_at":"2026-11-23T20:00:00Z","refresh":{"interval_seconds":3600,"reason":"every_tick","next_full_at":"2026-11-23T21:00:00Z"}"#;

fn event(json: &str) -> EventBridgeEvent {
    serde_json::from_str(json).unwrap()
}

/// Plans `event` with a fleet file of `fleet` and a store in `world`.
async fn planned(
    event: &EventBridgeEvent,
    (fleet, world): (&str, &World),
    queue: &MemoryQueue,
) -> Result<PlanReport, CollectError> {
    let file = FleetFile::with(fleet);
    let ports = PlanPorts {
        notifier: None,
        fleet: &file.source(&world.clock),
        snapshots: &world.reader,
        writers: &world.writers,
        clock: &*world.clock,
        aws: &Aws::for_tests(NOWHERE),
        every: HOUR,
        metrics: &Metrics::Off,
    };
    plan(event, ports, queue).await
}

fn world() -> World {
    World::at("2026-11-23T20:00:01Z")
}

#[tokio::test]
async fn a_tick_queues_one_job_for_each_target() {
    let queue = MemoryQueue::default();

    let report = planned(&event(TICK), (FLEET, &world()), &queue)
        .await
        .unwrap();

    assert_eq!((report.bucket_count, report.database_count), (2, 1));
    assert_eq!((report.document_count, report.users_count), (1, 1));
    assert_eq!(
        queue.bodies(JobKind::Bucket),
        [
            format!(r#"{{"target":"acme-prod/s3/acme-files//",{FIRST}}}"#),
            format!(r#"{{"target":"acme-prod/s3/shared-files/acme-prod%2F/",{FIRST}}}"#),
        ]
    );
    assert_eq!(
        queue.bodies(JobKind::Database),
        [
            r#"{"target":"acme-prod/db/acme","scheduled_at":"2026-11-23T20:00:00Z"}"#,
            r#"{"target":"acme-prod/db/acme","scheduled_at":"2026-11-23T20:00:00Z","subject":"file_documents"}"#,
            r#"{"target":"acme-prod/db/acme","scheduled_at":"2026-11-23T20:00:00Z","refresh":{"interval_seconds":86400,"reason":"every_tick","next_full_at":"2026-11-24T20:00:00Z"},"subject":"users"}"#,
        ]
    );
}

#[tokio::test]
async fn the_same_tick_twice_queues_the_same_jobs_twice() {
    let (world, queue) = (world(), MemoryQueue::default());
    let planned = async || planned(&event(TICK), (FLEET, &world), &queue).await;

    let first = planned().await.unwrap();
    let second = planned().await.unwrap();

    assert_eq!(first, second);
    let bodies = queue.bodies(JobKind::Bucket);
    assert_eq!(bodies[..2], bodies[2..]);
}

#[tokio::test]
async fn the_tick_of_a_rule_counts_in_whole_seconds() {
    let queue = MemoryQueue::default();

    let report = planned(&event(FRACTION), (FLEET, &world()), &queue)
        .await
        .unwrap();

    assert_eq!(
        shared::clock::rfc3339(report.scheduled_at),
        "2026-11-23T20:00:00Z"
    );
    assert_eq!(report.scheduled_at.timestamp_subsec_nanos(), 0);
}

#[tokio::test]
async fn an_event_without_a_time_is_rejected() {
    let queue = MemoryQueue::default();

    let error = planned(&event(WITHOUT_TIME), (FLEET, &world()), &queue)
        .await
        .unwrap_err();

    assert_eq!(error.error_type(), "EventWithoutTime");
    assert!(queue.messages.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_failing_queue_does_not_delay_the_other() {
    for (rejected, other) in [
        (JobKind::Bucket, JobKind::Database),
        (JobKind::Database, JobKind::Bucket),
    ] {
        let queue = MemoryQueue {
            rejected: Some(rejected),
            ..MemoryQueue::default()
        };

        let error = planned(&event(TICK), (FLEET, &world()), &queue)
            .await
            .unwrap_err();

        assert_eq!(error.error_type(), "QueueFailed");
        assert!(!queue.bodies(other).is_empty());
    }
}

#[tokio::test]
async fn without_a_fleet_nothing_is_queued() {
    let queue = MemoryQueue::default();

    let error = planned(&event(TICK), ("[[environment]]", &world()), &queue)
        .await
        .unwrap_err();

    assert_eq!(error.error_type(), "FleetUnreadable");
    assert!(queue.messages.lock().unwrap().is_empty());
}

/// Returns an event at another time.
fn event_at(time: &str) -> EventBridgeEvent {
    event(&TICK.replace("2026-11-23T20:00:00Z", time))
}

/// Keeps a run of the evening with its history.
async fn keep<M: Stored + Historic>(world: &World, target: &TargetId, measurement: M) {
    let snapshot = Snapshot {
        target: target.clone(),
        run: Run::at(at("2026-11-23T19:00:00Z"), HOUR),
        measurement,
    };
    world.writers.snapshots.keep(&snapshot).await.unwrap();
    world.writers.history.record(&snapshot).await.unwrap();
}

#[tokio::test]
async fn the_first_tick_of_a_day_closes_the_last_day_of_removed_targets() {
    let (world, queue) = (world(), MemoryQueue::default());
    let id = TargetId::from_text;
    let (storage, database) = (id("gone/s3/old-files//"), id("gone/db/old"));
    let measured = id("acme-prod/s3/acme-files//");
    keep(&world, &storage, BucketSize::empty(Method::Listing)).await;
    keep(&world, &measured, BucketSize::empty(Method::Listing)).await;
    let documents = FileDocuments {
        document_count: 1,
        document_bytes: 2,
        unsized_count: 0,
    };
    keep(&world, &database, documents).await;
    let plan = async |time| {
        let report = planned(&event_at(time), (FLEET, &world), &queue).await;
        report.unwrap().removed_count
    };

    let counts = [
        plan("2026-11-23T23:00:00Z").await,
        plan("2026-11-24T00:00:00Z").await,
        plan("2026-11-25T00:00:00Z").await,
    ];

    assert_eq!(counts, [0, 2, 0]);
    let day = at("2026-11-23T00:00:00Z").date_naive();
    let reader = &world.reader;
    let stored = reader.latest::<BucketSize>(&storage).await.unwrap();
    let counted = reader.latest::<FileDocuments>(&database).await.unwrap();
    assert!(stored.unwrap().trend.unwrap().is_closed(day));
    assert!(counted.unwrap().trend.unwrap().is_closed(day));
    let trend = reader.latest::<BucketSize>(&measured).await.unwrap();
    let trend = trend.unwrap().trend;
    assert!(
        trend.is_none_or(|trend| !trend.is_closed(day)),
        "its next run does"
    );
}

#[tokio::test]
async fn a_last_day_that_could_not_be_closed_is_closed_a_day_later() {
    let (world, queue) = (world(), MemoryQueue::default());
    let storage = TargetId::from_text("gone/s3/old-files//");
    keep(&world, &storage, BucketSize::empty(Method::Listing)).await;
    let failing = World {
        // The records are read, and nothing is written.
        writers: writers(Arc::new(FailingStore::new(world.store.clone(), 1..1_000))),
        reader: world.reader.clone(),
        clock: world.clock.clone(),
        store: world.store.clone(),
    };

    let failed = planned(&event_at("2026-11-24T00:00:00Z"), (FLEET, &failing), &queue).await;
    let closed = planned(&event_at("2026-11-25T00:00:00Z"), (FLEET, &world), &queue).await;

    assert_eq!(failed.unwrap().removed_count, 0);
    assert_eq!(closed.unwrap().removed_count, 1);
}
