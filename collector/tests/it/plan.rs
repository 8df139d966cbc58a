//! Recorded ticks of the schedule, from the decoder to the queued jobs.

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use collector::{CollectError, JobKind, PlanPorts, PlanReport, plan};
use shared::aws::Aws;
use shared::telemetry::Metrics;

use crate::support::{FleetFile, HOUR, MemoryQueue, NOWHERE, World};

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
    assert_eq!(report.document_count, 1);
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
