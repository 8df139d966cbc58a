//! Recorded ticks of the schedule, from the decoder to the queued messages.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use collector::{CollectMessage, QueueError, TargetQueue, plan};
use shared::clock::FixedClock;
use shared::fleet::Kind;

use crate::support::FleetFile;

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

fn event(json: &str) -> EventBridgeEvent {
    serde_json::from_str(json).unwrap()
}

/// Keeps messages, and refuses those of one kind when it was told so.
#[derive(Default)]
struct MemoryQueue {
    messages: Mutex<Vec<(Kind, CollectMessage)>>,
    refused: Option<Kind>,
}

impl MemoryQueue {
    fn bodies(&self, kind: Kind) -> Vec<String> {
        let messages = self.messages.lock().unwrap();
        messages
            .iter()
            .filter(|(of, _)| *of == kind)
            .map(|(_, message)| message.to_json().unwrap())
            .collect()
    }
}

#[async_trait]
impl TargetQueue for MemoryQueue {
    async fn send(&self, kind: Kind, messages: Vec<CollectMessage>) -> Result<(), QueueError> {
        if self.refused == Some(kind) {
            return Err(QueueError {
                kind,
                refused: messages.len(),
                of: messages.len(),
                source: "the queue is closed".into(),
            });
        }
        let mut kept = self.messages.lock().unwrap();
        kept.extend(messages.into_iter().map(|message| (kind, message)));
        Ok(())
    }
}

fn clock() -> Arc<FixedClock> {
    Arc::new(FixedClock::at("2026-11-23T20:00:01Z"))
}

#[tokio::test]
async fn a_tick_queues_one_message_per_target() {
    let (fleet, queue) = (FleetFile::with(FLEET), MemoryQueue::default());

    let report = plan(&event(TICK), &fleet.source(&clock()), &queue)
        .await
        .unwrap();

    assert_eq!((report.bucket_count, report.database_count), (2, 1));
    assert_eq!(
        queue.bodies(Kind::Bucket),
        [
            r#"{"target":"acme-prod/s3/acme-files//","scheduled_at":"2026-11-23T20:00:00Z"}"#,
            r#"{"target":"acme-prod/s3/shared-files/acme-prod%2F/","scheduled_at":"2026-11-23T20:00:00Z"}"#,
        ]
    );
    assert_eq!(
        queue.bodies(Kind::Database),
        [r#"{"target":"acme-prod/db/acme","scheduled_at":"2026-11-23T20:00:00Z"}"#]
    );
}

#[tokio::test]
async fn the_same_tick_twice_queues_the_same_messages_twice() {
    let (fleet, queue) = (FleetFile::with(FLEET), MemoryQueue::default());
    let source = fleet.source(&clock());

    let first = plan(&event(TICK), &source, &queue).await.unwrap();
    let second = plan(&event(TICK), &source, &queue).await.unwrap();

    assert_eq!(first, second);
    let bodies = queue.bodies(Kind::Bucket);
    assert_eq!(bodies[..2], bodies[2..]);
}

#[tokio::test]
async fn the_tick_of_a_rule_counts_in_whole_seconds() {
    let (fleet, queue) = (FleetFile::with(FLEET), MemoryQueue::default());

    let report = plan(&event(FRACTION), &fleet.source(&clock()), &queue)
        .await
        .unwrap();

    assert_eq!(
        shared::clock::rfc3339(report.scheduled_at),
        "2026-11-23T20:00:00Z"
    );
    assert_eq!(report.scheduled_at.timestamp_subsec_nanos(), 0);
}

#[tokio::test]
async fn an_event_without_a_time_is_refused() {
    let (fleet, queue) = (FleetFile::with(FLEET), MemoryQueue::default());

    let error = plan(&event(WITHOUT_TIME), &fleet.source(&clock()), &queue)
        .await
        .unwrap_err();

    assert_eq!(error.error_type(), "EventWithoutTime");
    assert!(queue.messages.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_kind_that_cannot_be_queued_does_not_hold_up_the_other() {
    for (refused, other) in [
        (Kind::Bucket, Kind::Database),
        (Kind::Database, Kind::Bucket),
    ] {
        let fleet = FleetFile::with(FLEET);
        let queue = MemoryQueue {
            refused: Some(refused),
            ..MemoryQueue::default()
        };

        let error = plan(&event(TICK), &fleet.source(&clock()), &queue)
            .await
            .unwrap_err();

        assert_eq!(error.error_type(), "QueueFailed");
        assert!(!queue.bodies(other).is_empty());
    }
}

#[tokio::test]
async fn without_a_fleet_nothing_is_queued() {
    let (fleet, queue) = (FleetFile::with("[[environment]]"), MemoryQueue::default());

    let error = plan(&event(TICK), &fleet.source(&clock()), &queue)
        .await
        .unwrap_err();

    assert_eq!(error.error_type(), "FleetUnreadable");
    assert!(queue.messages.lock().unwrap().is_empty());
}
