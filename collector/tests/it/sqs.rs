//! Queues in SQS: what arrives, and what is rejected.

use aws_lambda_events::event::sqs::SqsEvent;
use chrono::{DateTime, Utc};
use collector::{Job, JobKind, JobQueue, SqsQueue};
use shared::aws::Aws;
use shared::fleet::TargetId;
use shared::testing;
use shared::testing::stand_in::{Response, StandIn};

use crate::services;

fn messages(count: usize) -> Vec<Job> {
    let scheduled_at: DateTime<Utc> = "2026-11-23T20:00:00Z".parse().unwrap();
    (0..count)
        .map(|number| {
            let target = TargetId::from_text(&format!("acme-prod/db/ü-{number}"));
            Job::at_every_tick(target, scheduled_at)
        })
        .collect()
}

#[tokio::test]
async fn every_job_arrives_in_the_queue_of_its_kind() {
    let Some(url) = testing::service(testing::MINISTACK) else {
        return;
    };
    let account = services::unique_account();
    let aws = Aws::at(&url, &account, "test");
    let client = aws_sdk_sqs::Client::new(aws.config());
    let mut urls = Vec::new();
    for name in ["buckets", "databases"] {
        let created = client
            .create_queue()
            .queue_name(format!("{name}-{account}"));
        urls.push(created.send().await.unwrap().queue_url.unwrap());
    }
    let queue = SqsQueue::new(client.clone(), &urls[0], &urls[1]);

    queue.send(JobKind::Database, messages(23)).await.unwrap();
    queue.send(JobKind::Bucket, Vec::new()).await.unwrap();

    let mut received = Vec::new();
    loop {
        let request = client.receive_message().queue_url(&urls[1]);
        let batch = request.max_number_of_messages(10).send().await.unwrap();
        let batch = batch.messages.unwrap_or_default();
        if batch.is_empty() {
            break;
        }
        received.extend(batch.into_iter().filter_map(|message| message.body));
    }
    received.sort();
    let mut expected: Vec<_> = messages(23)
        .iter()
        .map(|message| message.to_json().unwrap())
        .collect();
    expected.sort();
    assert_eq!(received, expected);
    let empty = client.receive_message().queue_url(&urls[0]).send().await;
    assert!(empty.unwrap().messages.unwrap_or_default().is_empty());
}

/// Accepts the first batch and rejects two messages of every other.
fn reject_two(number: usize, body: &str) -> Response {
    let sent: serde_json::Value = serde_json::from_str(body).unwrap();
    let ids = sent["Entries"].as_array().unwrap().iter();
    let ids: Vec<_> = ids.map(|entry| entry["Id"].clone()).collect();
    let refused = if number == 0 { 0 } else { 2 };
    let (failed, successful) = ids.split_at(refused);
    let failed: Vec<_> = failed
        .iter()
        .map(|id| serde_json::json!({"Id": id, "Code": "InternalError", "SenderFault": false}))
        .collect();
    let successful: Vec<_> = successful
        .iter()
        .map(|id| serde_json::json!({"Id": id, "MessageId": "m", "MD5OfMessageBody": "x"}))
        .collect();
    let answer = serde_json::json!({"Failed": failed, "Successful": successful});
    Response::new(200, answer.to_string())
}

#[tokio::test]
async fn rejected_messages_of_a_batch_are_counted() {
    let sqs = StandIn::start(|number, request| reject_two(number, &request.body)).await;
    let client = aws_sdk_sqs::Client::new(sqs.aws.config());
    let queue = SqsQueue::new(client, "http://127.0.0.1/1/buckets", "unused");

    let error = queue.send(JobKind::Bucket, messages(25)).await.unwrap_err();

    assert_eq!((error.refused, error.of), (4, 25));
    assert_eq!(
        error.to_string(),
        "4 of 25 jobs of kind bucket were not queued"
    );
    assert_eq!(sqs.requests().len(), 3, "the other batches were still sent");
}

#[tokio::test]
async fn a_missing_queue_rejects_all() {
    let sqs = StandIn::start(|_, _| {
        Response::new(
            400,
            r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"NEVERLEAK"}"#,
        )
    })
    .await;
    let client = aws_sdk_sqs::Client::new(sqs.aws.config());
    let queue = SqsQueue::new(client, "unused", "http://127.0.0.1/1/databases");

    let error = queue
        .send(JobKind::Database, messages(3))
        .await
        .unwrap_err();

    assert_eq!((error.refused, error.of), (3, 3));
    assert!(!error.to_string().contains("NEVERLEAK"));
}

/// SQS delivers to a function what a collector reads.
#[test]
fn a_queued_job_survives_the_way_through_an_event() {
    let [message] = &messages(1)[..] else {
        panic!("one message");
    };
    let event =
        serde_json::json!({"Records": [{"messageId": "1", "body": message.to_json().unwrap()}]});

    let event: SqsEvent = serde_json::from_value(event).unwrap();

    let read = Job::from_body(event.records[0].body.as_deref()).unwrap();
    assert_eq!(read, *message);
}
