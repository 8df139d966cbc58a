//! Listings in parts: paused, killed, delivered twice, and finally the exact size once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use aws_lambda_events::event::sqs::SqsEvent;
use chrono::{DateTime, Utc};
use collector::{BatchHandler, Collector, CollectorPorts, Job, JobKind, JobQueue, QueueError};
use serde_json::json;
use shared::aws::Aws;
use shared::clock::Clock;
use shared::fleet::TargetId;
use shared::snapshot::bucket_size::{Refresh, RefreshReason};
use shared::snapshot::{BucketSize, Latest, Run, Snapshot, StorageMetrics};
use synthetic_s3::{Bucket, Numbers, Response, Server};
use tokio::sync::Notify;

use crate::support::{FleetFile, World};

const KEYS: usize = 25_000;
/// Time that a collector reserves for pausing and writing; the rest is for listing.
const RESERVES: Duration = Duration::from_secs(15);

/// Reaction of the queue to the next message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Reaction {
    #[default]
    Accepts,
    Rejects,
    /// Accepts it without a response: a kill between a queued message and its response.
    AcceptsSilently,
    /// Does not accept it: a kill between a checkpoint and its message.
    Hangs,
}

/// A queue that returns its messages to the test.
#[derive(Default)]
struct TestQueue {
    messages: Mutex<Vec<Job>>,
    reaction: Mutex<Reaction>,
    /// Notified when an invocation must be killed.
    kill: Notify,
}

impl TestQueue {
    fn take(&self) -> Vec<Job> {
        std::mem::take(&mut self.messages.lock().unwrap())
    }
}

#[async_trait]
impl JobQueue for TestQueue {
    async fn send(&self, kind: JobKind, messages: Vec<Job>) -> Result<(), QueueError> {
        assert_eq!(kind, JobKind::Bucket);
        let reaction = *self.reaction.lock().unwrap();
        let count = messages.len();
        if matches!(reaction, Reaction::Accepts | Reaction::AcceptsSilently) {
            self.messages.lock().unwrap().extend(messages);
        }
        match reaction {
            Reaction::Accepts => Ok(()),
            Reaction::Rejects => Err(QueueError {
                kind,
                refused: count,
                of: count,
                source: "down".into(),
            }),
            Reaction::AcceptsSilently | Reaction::Hangs => {
                self.kill.notify_one();
                std::future::pending().await
            }
        }
    }
}

/// A collector of one bucket with slow pages.
struct Scene {
    world: World,
    server: Server,
    /// Number of the request at which an invocation is killed.
    kill_at: Arc<AtomicUsize>,
    queue: Arc<TestQueue>,
    fleet: FleetFile,
    target: TargetId,
}

impl Scene {
    fn of_shape(shape: &str) -> Self {
        let bucket = Bucket::of_shape(shape, KEYS);
        let queue: Arc<TestQueue> = Arc::default();
        let kill_at = Arc::new(AtomicUsize::new(usize::MAX));
        let (kill_when, queue_to_notify) = (kill_at.clone(), queue.clone());
        let server = Server::start(bucket, 0, Duration::from_millis(1), move |request| {
            if request.number >= kill_when.load(Ordering::SeqCst) {
                kill_when.store(usize::MAX, Ordering::SeqCst);
                queue_to_notify.kill.notify_one();
            }
            Response::Page
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

    fn message(&self) -> Job {
        Job::at_every_tick(self.target.clone(), self.world.clock.now())
    }

    fn collector(&self) -> Collector<collector::BucketSource> {
        let ports = CollectorPorts {
            queue: Some(self.queue.clone()),
            ..self.world.ports(&self.fleet)
        };
        Collector::of_buckets(ports, Arc::new(Aws::at(&self.server.url(), "test", "test")))
    }

    /// Handles one message with `time` for listing; returns whether it must be delivered again.
    async fn handle(&self, message: &Job, time: Duration) -> bool {
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

    /// Asserts that the snapshot equals the bucket's content and was started at `started_at`.
    async fn assert_exact(&self, started_at: DateTime<Utc>) {
        let latest = self.latest().await.unwrap();
        assert_eq!(latest.last_failure, None);
        let good = latest.good.unwrap();
        let found = (
            good.summary.total_bytes(),
            good.summary.object_count().unwrap(),
        );
        assert_eq!(found, self.server.bucket().sum("", ""));
        assert_eq!(good.run.taken_at, started_at);
    }
}

#[tokio::test]
async fn a_listing_that_exceeds_one_invocation_continues_in_the_next() {
    let scene = Scene::of_shape("mendix");
    let started_at = scene.world.clock.now();
    let mut waiting = vec![scene.message()];
    let mut parts = 0;

    while let Some(message) = waiting.pop() {
        assert!(!scene.handle(&message, Duration::ZERO).await);
        parts += 1;
        waiting.extend(scene.queue.take());
        // Nothing is published before the last range is complete.
        assert_eq!(scene.latest().await.is_none(), !waiting.is_empty());
        scene.world.clock.advance(Duration::from_secs(900));
    }

    assert!(parts > 1, "{parts}");
    scene.assert_exact(started_at).await;
    let good = scene.latest().await.unwrap().good.unwrap();
    assert_eq!(good.run.duration, Duration::from_secs(900 * (parts - 1)));
}

/// Invocations are killed at random requests, between a checkpoint and its message, and between that and its response.
/// Messages arrive twice and concurrently, and are delivered again if they were not acknowledged.
#[tokio::test]
async fn a_kill_at_any_moment_loses_nothing_and_counts_nothing_twice() {
    for (seed, shape) in [(1, "uuid"), (2, "dates"), (3, "skewed"), (4, "unicode")] {
        let scene = Scene::of_shape(shape);
        let started_at = scene.world.clock.now();
        let mut numbers = Numbers(seed);
        let mut waiting = vec![scene.message()];
        let mut kills = 0;

        while let Some(message) = waiting.pop() {
            let reactions = [
                Reaction::Accepts,
                Reaction::Accepts,
                Reaction::Rejects,
                Reaction::AcceptsSilently,
                Reaction::Hangs,
            ];
            *scene.queue.reaction.lock().unwrap() = reactions[numbers.below(reactions.len())];
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
        scene.assert_exact(started_at).await;
    }
}

#[tokio::test]
async fn the_next_tick_skips_an_active_run_and_takes_over_an_abandoned_one() {
    let scene = Scene::of_shape("uuid");
    let started_at = scene.world.clock.now();
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

    scene.assert_exact(started_at).await;
    let good = scene.latest().await.unwrap().good.unwrap();
    assert_eq!(good.run.scheduled_at, scene.world.clock.now());
}

#[tokio::test]
async fn a_message_that_is_redelivered_after_the_end_lists_nothing() {
    let scene = Scene::of_shape("uuid");
    let message = scene.message();
    assert!(!scene.handle(&message, Duration::ZERO).await);
    assert!(!scene.handle(&message, Duration::from_secs(60)).await);
    let requests = scene.server.requests();

    assert!(!scene.handle(&message, Duration::from_secs(60)).await);

    assert_eq!(scene.server.requests(), requests);
    scene.assert_exact(message.scheduled_at).await;
}

#[tokio::test]
async fn a_listing_under_way_hides_neither_newer_metrics_nor_a_postponed_measurement() {
    let scene = Scene::of_shape("uuid");
    let first = scene.message();
    assert!(!scene.handle(&first, Duration::from_secs(60)).await);
    scene.world.clock.advance(Duration::from_secs(3600));
    let started_at = scene.world.clock.now();
    assert!(!scene.handle(&scene.message(), Duration::ZERO).await);

    // What `plan` stores while the second listing is under way.
    scene.world.clock.advance(Duration::from_secs(60));
    let now = scene.world.clock.now();
    let metrics = Snapshot {
        target: scene.target.clone(),
        run: Run::at(now, Duration::from_secs(3600)),
        measurement: StorageMetrics {
            as_of: now,
            total_bytes: 9,
            overhead_bytes: 0,
            by_storage_type: BTreeMap::new(),
            object_count: None,
            asked_at: now,
            metric_count: 27,
        },
    };
    let writer = &scene.world.writers.snapshots;
    writer.keep(&metrics).await.unwrap();
    let refresh = Refresh {
        interval_seconds: 36_000,
        reason: RefreshReason::Budget,
        next_full_at: now,
    };
    let postponing = writer.postpone(&scene.target, first.scheduled_at, refresh);
    assert!(postponing.await.unwrap());

    let between = scene.latest().await.unwrap().good.unwrap();
    assert_eq!(between.summary.refresh, Some(refresh));
    assert_eq!(between.run.taken_at, first.scheduled_at);
    let mut waiting = scene.queue.take();
    while let Some(message) = waiting.pop() {
        assert!(!scene.handle(&message, Duration::from_millis(20)).await);
        waiting.extend(scene.queue.take());
    }
    scene.assert_exact(started_at).await;
    let after = scene.latest().await.unwrap().good.unwrap();
    assert_eq!(after.summary.listing.unwrap().scheduled_at, started_at);
    let reader = &scene.world.reader;
    let stored = reader.latest::<StorageMetrics>(&scene.target).await;
    let stored = stored.unwrap().unwrap();
    assert_eq!(stored.good.unwrap().summary, metrics.measurement);
    assert_eq!(stored.version, 1);
}
