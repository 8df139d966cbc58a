//! Recorded SQS events, from the decoder to the response.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use collector::BatchHandler;
use collector::Collector;
use collector::collect::CONCURRENT_RUNS;
use shared::fleet::Fleet;
use shared::snapshot::BucketSize;
use shared::store::failing::FailingStore;

use crate::support::{FleetFile, NamedFate, World, bucket, writers};

/// Reads a recorded event.
fn event(name: &str) -> SqsEvent {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/events");
    let json = std::fs::read_to_string(format!("{folder}/{name}.json")).unwrap();
    serde_json::from_str(&json).unwrap()
}

const FLEET: [&str; 5] = [
    "good-one",
    "good-two",
    "good-three",
    "gone-bucket",
    "slow-bucket",
];

fn setting() -> (World, FleetFile) {
    let world = World::at("2026-11-23T20:00:01Z");
    (world, FleetFile::with_buckets(&FLEET))
}

fn collector(world: &World, fleet: &FleetFile) -> Collector<NamedFate> {
    Collector::new(world.ports(fleet), NamedFate::default(), Fleet::bucket)
}

/// Returns the last two digits of the ids that are delivered again.
fn redelivered(response: &SqsBatchResponse) -> Vec<&str> {
    let failures = response.batch_item_failures.iter();
    failures
        .map(|failure| {
            let id = failure.item_identifier.as_str();
            id.get(id.len().saturating_sub(2)..).unwrap_or_default()
        })
        .collect()
}

async fn is_measured(world: &World, name: &str) -> bool {
    let id = bucket(name).id();
    let latest = world.reader.latest::<BucketSize>(&id).await.unwrap();
    latest.is_some_and(|latest| latest.good.is_some())
}

#[tokio::test]
async fn every_target_of_a_batch_is_measured() {
    let (world, fleet) = setting();

    let response = collector(&world, &fleet)
        .handle(event("sqs-three-targets"))
        .await
        .unwrap();

    assert_eq!(redelivered(&response), Vec::<&str>::new());
    for name in ["good-one", "good-two", "good-three"] {
        assert!(is_measured(&world, name).await, "{name}");
    }
}

/// Measured, permanently missing, throttled, and no longer in the fleet: only the third is delivered again.
#[tokio::test]
async fn only_transient_failures_are_delivered_again() {
    let (world, fleet) = setting();

    let response = collector(&world, &fleet)
        .handle(event("sqs-one-of-each-fate"))
        .await
        .unwrap();

    assert_eq!(redelivered(&response), ["03"]);
    let id = bucket("gone-bucket").id();
    let gone = world.reader.latest::<BucketSize>(&id).await.unwrap();
    assert_eq!(gone.unwrap().last_failure.unwrap().code, "bucket_missing");
    let id = bucket("not-in-the-fleet").id();
    let unknown = world.reader.latest::<BucketSize>(&id).await.unwrap();
    assert!(unknown.is_none());
}

#[tokio::test]
async fn malformed_records_are_delivered_again_and_delay_no_others() {
    let (world, fleet) = setting();

    let response = collector(&world, &fleet)
        .handle(event("sqs-malformed-records"))
        .await
        .unwrap();

    assert_eq!(redelivered(&response), ["01", "03"]);
    assert!(is_measured(&world, "good-one").await);
}

#[tokio::test]
async fn the_same_message_twice_in_one_batch_is_one_snapshot() {
    let (world, fleet) = setting();

    let response = collector(&world, &fleet)
        .handle(event("sqs-same-message-twice"))
        .await
        .unwrap();

    assert_eq!(redelivered(&response), Vec::<&str>::new());
    let items = world.store.dump().len();
    assert_eq!(items, 3, "one snapshot, its point and the latest");
}

#[tokio::test]
async fn of_several_ticks_in_one_batch_the_last_is_the_latest() {
    let (world, fleet) = setting();

    let response = collector(&world, &fleet)
        .handle(event("sqs-eight-ticks-of-one-target"))
        .await
        .unwrap();

    assert_eq!(redelivered(&response), Vec::<&str>::new());
    let id = bucket("good-one").id();
    let latest = world.reader.latest::<BucketSize>(&id).await.unwrap();
    let good = latest.unwrap().good.unwrap();
    assert_eq!(
        shared::clock::rfc3339(good.run.scheduled_at),
        "2026-11-23T19:00:00Z"
    );
    assert_eq!(
        world.store.dump().len(),
        17,
        "eight snapshots, their points and the latest"
    );
}

#[tokio::test]
async fn only_a_few_runs_are_under_way_at_a_time() {
    let (world, fleet) = setting();
    let source = NamedFate::default();
    let (calls, at_once) = (Arc::clone(&source.calls), Arc::clone(&source.at_once));
    let collector = Collector::new(world.ports(&fleet), source, Fleet::bucket);

    collector
        .handle(event("sqs-eight-ticks-of-one-target"))
        .await
        .unwrap();

    assert_eq!(calls.load(Ordering::SeqCst), 8);
    assert_eq!(at_once.most(), CONCURRENT_RUNS);
}

#[tokio::test]
async fn after_one_store_failure_one_message_is_delivered_again() {
    let (world, fleet) = setting();
    let mut ports = world.ports(&fleet);
    ports.writers = writers(Arc::new(FailingStore::new(world.store.clone(), [1])));
    let collector = Collector::new(ports, NamedFate::default(), Fleet::bucket);

    let response = collector.handle(event("sqs-three-targets")).await.unwrap();

    assert_eq!(response.batch_item_failures.len(), 1);
}

#[tokio::test]
async fn without_time_left_the_whole_batch_is_delivered_again() {
    let (world, fleet) = setting();

    let response = collector(&world, &fleet)
        .handle_within(event("sqs-three-targets"), Duration::from_secs(5))
        .await
        .unwrap();

    assert_eq!(redelivered(&response), ["01", "02", "03"]);
    assert!(world.store.dump().is_empty());
}

/// SQS takes an empty id as an invalid response and delivers the whole batch again.
#[tokio::test]
async fn a_record_without_an_id_is_never_dropped() {
    let (world, fleet) = setting();

    let response = collector(&world, &fleet)
        .handle(event("sqs-record-without-id"))
        .await
        .unwrap();

    let json = serde_json::to_value(&response).unwrap();
    assert_eq!(
        json,
        serde_json::json!({"batchItemFailures": [{"itemIdentifier": ""}]})
    );
}

#[tokio::test]
async fn without_a_fleet_the_invocation_fails_and_nothing_is_run() {
    let (world, _) = setting();
    let fleet = FleetFile::with("not a fleet");

    let error = collector(&world, &fleet)
        .handle(event("sqs-three-targets"))
        .await
        .unwrap_err();

    assert_eq!(error.error_type(), "FleetUnreadable");
    assert!(world.store.dump().is_empty());
}
