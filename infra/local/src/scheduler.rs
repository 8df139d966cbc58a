//! The schedule and the queues of local mode, in place of EventBridge and SQS.
//!
//! Ticks become scheduler event JSON, jobs become queue event JSON, and both pass the production decoders.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use collector::alerts::Notifier;
use collector::{Job, JobKind, JobQueue, PlanPorts, QueueError, Writers};
use serde_json::{Value, json};
use shared::aws::Aws;
use shared::clock::{Clock, rfc3339, whole_second};
use shared::fleet::FleetSource;
use shared::store::SnapshotReader;
use shared::telemetry::Metrics;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

/// Most messages in one batch: the limit of SQS and the deployed batch size.
const BATCH: usize = 10;
/// Most deliveries of one message: the deployed queue's redrive policy.
const MAX_DELIVERIES: u32 = 3;
/// Wait before a failed message is delivered again: short, because people watch.
const REDELIVERY_PAUSE: Duration = Duration::from_secs(5);
/// Most messages that wait; planning pauses while the queue is full.
const QUEUE_LENGTH: usize = 1000;

/// A message in a queue.
#[derive(Debug)]
struct Delivery {
    id: String,
    body: String,
    count: u32,
}

/// The sending ends of both queues.
#[derive(Clone)]
pub(crate) struct LocalQueue {
    buckets: Sender<Delivery>,
    databases: Sender<Delivery>,
}

/// The receiving end of a queue.
pub(crate) struct Deliveries {
    name: &'static str,
    sender: Sender<Delivery>,
    receiver: Receiver<Delivery>,
}

/// Returns the sending ends, and the receiving ends for buckets and for databases.
pub(crate) fn queues() -> (LocalQueue, Deliveries, Deliveries) {
    let (buckets, bucket_end) = mpsc::channel(QUEUE_LENGTH);
    let (databases, database_end) = mpsc::channel(QUEUE_LENGTH);
    let end = |name, sender: &Sender<Delivery>, receiver| Deliveries {
        name,
        sender: sender.clone(),
        receiver,
    };
    let bucket_end = end("bucket-size", &buckets, bucket_end);
    let database_end = end("table-size", &databases, database_end);
    (LocalQueue { buckets, databases }, bucket_end, database_end)
}

#[async_trait]
impl JobQueue for LocalQueue {
    async fn send(&self, kind: JobKind, messages: Vec<Job>) -> Result<(), QueueError> {
        let of = messages.len();
        let sender = match kind {
            JobKind::Bucket => &self.buckets,
            JobKind::Database => &self.databases,
        };
        for (sent, message) in messages.into_iter().enumerate() {
            let failed = |source| QueueError {
                kind,
                refused: of - sent,
                of,
                source,
            };
            let body = message.to_json().map_err(|error| failed(error.into()))?;
            let delivery = Delivery {
                id: uuid::Uuid::new_v4().to_string(),
                body,
                count: 1,
            };
            sender
                .send(delivery)
                .await
                .map_err(|error| failed(error.to_string().into()))?;
        }
        Ok(())
    }
}

/// Returns the event that EventBridge sends for a tick.
pub(crate) fn scheduled_event(time: DateTime<Utc>) -> Value {
    json!({
        "version": "0",
        "id": uuid::Uuid::new_v4().to_string(),
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": "000000000000",
        "time": rfc3339(time),
        "region": "local",
        "resources": ["arn:aws:scheduler:local:000000000000:schedule/default/mrt"],
        "detail": {},
    })
}

/// Plans collections at a fixed interval.
pub(crate) struct Schedule {
    pub(crate) fleet: Arc<FleetSource>,
    pub(crate) snapshots: SnapshotReader,
    pub(crate) writers: Writers,
    pub(crate) aws: Arc<Aws>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) notifier: Notifier,
    pub(crate) every: Duration,
}

impl Schedule {
    /// Plans a collection at once and then at every interval, until `stop` is true.
    pub(crate) async fn run(self, queue: LocalQueue, mut stop: watch::Receiver<bool>) {
        let mut ticks = tokio::time::interval(self.every);
        // A tick that is late because the queue was full is skipped: the next one measures the same.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            let tick = async {
                ticks.tick().await;
                self.plan(&queue, whole_second(self.clock.now())).await;
            };
            tokio::select! {
                () = tick => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    async fn plan(&self, queue: &LocalQueue, time: DateTime<Utc>) {
        let event = match serde_json::from_value(scheduled_event(time)) {
            Ok(event) => event,
            Err(error) => {
                return tracing::error!(error = %error, "production code could not decode the scheduled event");
            }
        };
        let ports = PlanPorts {
            notifier: Some(&self.notifier),
            fleet: &self.fleet,
            snapshots: &self.snapshots,
            writers: &self.writers,
            aws: &self.aws,
            clock: &*self.clock,
            every: self.every,
            metrics: &Metrics::Off,
        };
        if let Err(error) = collector::plan(&event, ports, queue).await {
            tracing::error!(error = %shared::telemetry::error_chain(&error), "planning failed");
        }
    }
}

impl Deliveries {
    /// Delivers messages in batches to `handle` until `stop` is true. Redelivers failed messages after a pause.
    pub(crate) async fn deliver<F: Future<Output = anyhow::Result<Value>>>(
        mut self,
        handle: impl Fn(Value) -> F,
        mut stop: watch::Receiver<bool>,
    ) {
        loop {
            let mut batch = Vec::with_capacity(BATCH);
            tokio::select! {
                received = self.receiver.recv_many(&mut batch, BATCH) => if received == 0 { return },
                _ = stop.wait_for(|stop| *stop) => return,
            }
            tokio::select! {
                failed = failed_ids(handle(queue_event(&batch)), &batch) => self.redeliver(batch, &failed),
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    fn redeliver(&self, batch: Vec<Delivery>, failed: &[String]) {
        for mut delivery in batch
            .into_iter()
            .filter(|delivery| failed.contains(&delivery.id))
        {
            if delivery.count >= MAX_DELIVERIES {
                tracing::warn!(queue = self.name, message.id = %delivery.id, "message dropped after {MAX_DELIVERIES} deliveries");
                continue;
            }
            delivery.count += 1;
            let sender = self.sender.clone();
            tokio::spawn(async move {
                tokio::time::sleep(REDELIVERY_PAUSE).await;
                // The receiver is gone only while the server stops.
                let _ = sender.send(delivery).await;
            });
        }
    }
}

/// Returns the ids of the messages that failed.
async fn failed_ids(
    handled: impl Future<Output = anyhow::Result<Value>>,
    batch: &[Delivery],
) -> Vec<String> {
    match handled.await {
        Ok(response) => {
            let failures = response["batchItemFailures"]
                .as_array()
                .into_iter()
                .flatten();
            failures
                .filter_map(|failure| failure["itemIdentifier"].as_str())
                .map(str::to_owned)
                .collect()
        }
        // As with Lambda, all messages of a failed invocation count as failed.
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "a collector failed");
            batch.iter().map(|delivery| delivery.id.clone()).collect()
        }
    }
}

/// Returns the event with which SQS passes a batch to Lambda.
fn queue_event(batch: &[Delivery]) -> Value {
    let records: Vec<Value> = batch
        .iter()
        .map(|delivery| {
            json!({
                "messageId": delivery.id,
                "receiptHandle": delivery.id,
                "body": delivery.body,
                "attributes": {"ApproximateReceiveCount": delivery.count.to_string()},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:local:000000000000:mrt",
                "awsRegion": "local",
            })
        })
        .collect();
    json!({"Records": records})
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use shared::fleet::TargetId;
    use shared::testing::time::at;

    use super::*;

    fn message(target: &str) -> Job {
        let scheduled_at = at("2026-01-12T11:00:00Z");
        Job::at_every_tick(TargetId::from_text(target), scheduled_at)
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_message_is_redelivered_until_it_is_dropped() {
        let (queue, buckets, _databases) = queues();
        let (stop, stopped) = watch::channel(false);
        queue
            .send(JobKind::Bucket, vec![message("good"), message("bad")])
            .await
            .unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let handle = {
            let (seen, stop) = (Arc::clone(&seen), stop.clone());
            move |event: Value| {
                let mut failures = Vec::new();
                for record in event["Records"].as_array().unwrap() {
                    let body = Job::from_body(record["body"].as_str()).unwrap();
                    seen.lock().unwrap().push(body.target.to_string());
                    if body.target.as_str() == "bad" {
                        failures.push(json!({"itemIdentifier": record["messageId"]}));
                    }
                }
                let _ = stop.send(seen.lock().unwrap().len() >= 4);
                std::future::ready(Ok(json!({"batchItemFailures": failures})))
            }
        };

        buckets.deliver(handle, stopped).await;

        assert_eq!(*seen.lock().unwrap(), ["good", "bad", "bad", "bad"]);
    }

    #[test]
    fn the_production_decoders_read_the_events() {
        let time = at("2026-01-12T11:00:00Z");
        let event: aws_lambda_events::eventbridge::EventBridgeEvent =
            serde_json::from_value(scheduled_event(time)).unwrap();
        assert_eq!(event.time, Some(time));

        let batch = [Delivery {
            id: "m-1".into(),
            body: "{}".into(),
            count: 2,
        }];
        let event: aws_lambda_events::sqs::SqsEvent =
            serde_json::from_value(queue_event(&batch)).unwrap();
        assert_eq!(event.records[0].message_id.as_deref(), Some("m-1"));
        assert_eq!(event.records[0].attributes["ApproximateReceiveCount"], "2");
    }
}
