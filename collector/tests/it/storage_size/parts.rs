//! Listings in parts: paused, killed, delivered twice, and in the end the exact number once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use aws_lambda_events::event::sqs::SqsEvent;
use chrono::{DateTime, Utc};
use collector::{
    CollectMessage, Collector, CollectorPorts, JobKind, QueueError, TargetQueue, Work,
};
use serde_json::json;
use shared::aws::Aws;
use shared::clock::Clock;
use shared::fleet::TargetId;
use shared::snapshot::bucket_size::{Refresh, RefreshReason};
use shared::snapshot::{BucketSize, Latest};
use synthetic_s3::{Answer, Bucket, Numbers, Server};
use tokio::sync::Notify;

use crate::support::{FleetFile, World};

const KEYS: usize = 25_000;
/// What a collector leaves of its time for pausing and writing; the rest is time for listing.
const RESERVES: Duration = Duration::from_secs(15);

/// What a queue does with the next message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Mood {
    #[default]
    Takes,
    Refuses,
    /// Takes it and never says so: the moment for a kill between a queued message and its answer.
    TakesInSilence,
    /// Does not even take it: the moment for a kill between a checkpoint and its message.
    Hangs,
}

/// A queue that hands its messages back to the test.
#[derive(Default)]
struct Waiting {
    messages: Mutex<Vec<CollectMessage>>,
    mood: Mutex<Mood>,
    /// Told when an invocation is to be killed.
    kill: Notify,
}

impl Waiting {
    fn take(&self) -> Vec<CollectMessage> {
        std::mem::take(&mut self.messages.lock().unwrap())
    }
}

#[async_trait]
impl TargetQueue for Waiting {
    async fn send(&self, kind: JobKind, messages: Vec<CollectMessage>) -> Result<(), QueueError> {
        assert_eq!(kind, JobKind::Bucket);
        let mood = *self.mood.lock().unwrap();
        let count = messages.len();
        if matches!(mood, Mood::Takes | Mood::TakesInSilence) {
            self.messages.lock().unwrap().extend(messages);
        }
        match mood {
            Mood::Takes => Ok(()),
            Mood::Refuses => Err(QueueError {
                kind,
                refused: count,
                of: count,
                source: "down".into(),
            }),
            Mood::TakesInSilence | Mood::Hangs => {
                self.kill.notify_one();
                std::future::pending().await
            }
        }
    }
}

/// A collector of one bucket whose pages take a while.
struct Scene {
    world: World,
    server: Server,
    /// Number of the request at which an invocation is killed.
    kill_at: Arc<AtomicUsize>,
    queue: Arc<Waiting>,
    fleet: FleetFile,
    target: TargetId,
}

impl Scene {
    fn of_shape(shape: &str) -> Self {
        let bucket = Bucket::of_shape(shape, KEYS);
        let queue: Arc<Waiting> = Arc::default();
        let (kill_at, queue_to_tell) = (Arc::new(AtomicUsize::new(usize::MAX)), queue.clone());
        let kill_when = kill_at.clone();
        let server = Server::start(bucket, 0, Duration::from_millis(1), move |asked| {
            if asked.number >= kill_when.load(Ordering::SeqCst) {
                kill_when.store(usize::MAX, Ordering::SeqCst);
                queue_to_tell.kill.notify_one();
            }
            Answer::Good
        });
        Self {
            kill_at,
            world: World::at("2026-01-01T10:00:00Z"),
            server,
            queue,
            fleet: FleetFile::with(
                "[[environment]]\nname = \"acme-prod\"\n  [[environment.storage]]\n  bucket = \"files\"\n  measure = [\"current\"]\n",
            ),
            target: TargetId::from_text("acme-prod/s3/files//"),
        }
    }

    fn message(&self) -> CollectMessage {
        CollectMessage::measure(self.target.clone(), self.world.clock.now())
    }

    fn collector(&self) -> Collector<collector::BucketSource> {
        let ports = CollectorPorts {
            queue: Some(self.queue.clone()),
            ..self.world.ports(&self.fleet)
        };
        Collector::of_buckets(ports, Arc::new(Aws::at(&self.server.url(), "test", "test")))
    }

    /// Handles one message with so much time for listing; returns whether it must be delivered again.
    async fn handle(&self, message: &CollectMessage, time: Duration) -> bool {
        let body = message.to_json().unwrap();
        let event: SqsEvent = serde_json::from_value(json!({
            "Records": [{"messageId": "one", "body": body, "attributes": {}, "messageAttributes": {}}]
        }))
        .unwrap();
        let handled = self.collector().handle_within(event, RESERVES + time).await;
        !handled.unwrap().batch_item_failures.is_empty()
    }

    async fn latest(&self) -> Option<Latest<BucketSize>> {
        self.world
            .reader
            .latest::<BucketSize>(&self.target)
            .await
            .unwrap()
    }

    /// Holds the snapshot against the bucket itself.
    async fn assert_exact(&self, began_at: DateTime<Utc>) {
        let latest = self.latest().await.unwrap();
        assert_eq!(latest.last_failure, None);
        let good = latest.good.unwrap();
        let found = (
            good.summary.total_bytes(),
            good.summary.object_count().unwrap(),
        );
        assert_eq!(found, self.server.bucket().sum("", ""));
        assert_eq!(good.run.taken_at, began_at);
    }
}

#[tokio::test]
async fn a_listing_that_one_invocation_is_too_short_for_goes_on_in_the_next() {
    let scene = Scene::of_shape("mendix");
    let began_at = scene.world.clock.now();
    let mut waiting = vec![scene.message()];
    let mut parts = 0;

    while let Some(message) = waiting.pop() {
        assert!(!scene.handle(&message, Duration::ZERO).await);
        parts += 1;
        waiting.extend(scene.queue.take());
        // Until the last range is done there is nothing to serve.
        assert_eq!(scene.latest().await.is_none(), !waiting.is_empty());
        scene.world.clock.advance(Duration::from_secs(900));
    }

    assert!(parts > 1, "{parts}");
    scene.assert_exact(began_at).await;
    let good = scene.latest().await.unwrap().good.unwrap();
    assert_eq!(good.run.duration, Duration::from_secs(900 * (parts - 1)));
}

/// Invocations die at random requests, between a checkpoint and its message and between that and its answer; messages
/// come twice and at the same time, and are delivered again when nobody answered for them.
#[tokio::test]
async fn a_kill_at_any_moment_loses_nothing_and_counts_nothing_twice() {
    for (seed, shape) in [(1, "uuid"), (2, "dates"), (3, "skewed"), (4, "unicode")] {
        let scene = Scene::of_shape(shape);
        let began_at = scene.world.clock.now();
        let mut numbers = Numbers(seed);
        let mut waiting = vec![scene.message()];
        let mut kills = 0;

        while let Some(message) = waiting.pop() {
            let moods = [
                Mood::Takes,
                Mood::Takes,
                Mood::Refuses,
                Mood::TakesInSilence,
                Mood::Hangs,
            ];
            *scene.queue.mood.lock().unwrap() = moods[numbers.below(moods.len())];
            if numbers.below(2) == 0 {
                let at = scene.server.requests() + numbers.below(4);
                scene.kill_at.store(at, Ordering::SeqCst);
            }
            let time = Duration::from_millis(numbers.below(4) as u64);
            let handled = async {
                let handled = scene.handle(&message, time);
                if numbers.below(4) == 0 {
                    let (one, other) = tokio::join!(handled, scene.handle(&message, time));
                    one || other
                } else {
                    handled.await
                }
            };
            let is_redelivered = tokio::select! {
                is_redelivered = handled => is_redelivered,
                () = scene.queue.kill.notified() => {
                    kills += 1;
                    true
                }
            };
            if is_redelivered {
                waiting.push(message);
            }
            waiting.extend(scene.queue.take());
        }

        assert!(kills > 0, "{shape}: nothing was killed");
        scene.assert_exact(began_at).await;
    }
}

#[tokio::test]
async fn the_next_tick_does_not_list_beside_a_run_under_way_and_takes_over_an_abandoned_one() {
    let scene = Scene::of_shape("uuid");
    let began_at = scene.world.clock.now();
    assert!(!scene.handle(&scene.message(), Duration::ZERO).await);
    assert_eq!(scene.queue.take().len(), 1);
    let requests = scene.server.requests();

    scene.world.clock.advance(Duration::from_secs(600));
    assert!(
        !scene
            .handle(&scene.message(), Duration::from_secs(60))
            .await
    );
    assert_eq!(scene.server.requests(), requests);
    assert!(scene.latest().await.is_none());
    scene.world.clock.advance(Duration::from_secs(3_000));
    assert!(
        !scene
            .handle(&scene.message(), Duration::from_secs(60))
            .await
    );

    scene.assert_exact(began_at).await;
    let good = scene.latest().await.unwrap().good.unwrap();
    assert_eq!(good.run.scheduled_at, scene.world.clock.now());
}

#[tokio::test]
async fn a_message_that_comes_after_the_end_lists_nothing_again() {
    let scene = Scene::of_shape("uuid");
    let message = scene.message();
    assert!(!scene.handle(&message, Duration::ZERO).await);
    assert!(!scene.handle(&message, Duration::from_secs(60)).await);
    let requests = scene.server.requests();

    assert!(!scene.handle(&message, Duration::from_secs(60)).await);

    assert_eq!(scene.server.requests(), requests);
    scene.assert_exact(message.scheduled_at).await;
}

/// What is told of a bucket between two listings neither disturbs one that is under way nor hides what it finds.
#[tokio::test]
async fn what_is_added_while_a_listing_is_under_way_is_kept_with_its_numbers() {
    let scene = Scene::of_shape("uuid");
    let first = scene.message();
    assert!(!scene.handle(&first, Duration::from_secs(60)).await);
    scene.world.clock.advance(Duration::from_secs(3600));
    let began_at = scene.world.clock.now();
    assert!(!scene.handle(&scene.message(), Duration::ZERO).await);
    let requests = scene.server.requests();

    scene.world.clock.advance(Duration::from_secs(60));
    let refresh = Refresh {
        interval_seconds: 36_000,
        reason: RefreshReason::Budget,
        next_full_at: scene.world.clock.now(),
    };
    let mut told = scene.message();
    told.order.work = Work::Carry {
        measured_at: first.scheduled_at,
    };
    told.order.refresh = Some(refresh);
    assert!(!scene.handle(&told, Duration::from_secs(60)).await);

    assert_eq!(scene.server.requests(), requests);
    let between = scene.latest().await.unwrap().good.unwrap();
    assert_eq!(between.summary.refresh, Some(refresh));
    assert_eq!(between.run.taken_at, first.scheduled_at);
    let listing = between.summary.listing.unwrap();
    assert_eq!(listing.taken_at, first.scheduled_at);
    let mut waiting = scene.queue.take();
    while let Some(message) = waiting.pop() {
        assert!(!scene.handle(&message, Duration::from_millis(20)).await);
        waiting.extend(scene.queue.take());
    }
    scene.assert_exact(began_at).await;
    let after = scene.latest().await.unwrap().good.unwrap();
    assert_eq!(after.summary.listing.unwrap().scheduled_at, began_at);

    // Delivered again after the newer listing, it changes nothing.
    assert!(!scene.handle(&told, Duration::from_secs(60)).await);
    assert_eq!(scene.latest().await.unwrap().good, Some(after));
}
