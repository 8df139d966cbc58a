//! Queues in SQS: one for each kind of target.

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use futures::StreamExt;
use futures::stream;

use super::{QueueError, TargetQueue};
use crate::queue::{CollectMessage, JobKind};

/// Most messages in one call: a limit of SQS.
const BATCH: usize = 10;
/// Calls at a time. One call takes about 10 ms, so 10,000 targets are queued within seconds.
const CONCURRENT_CALLS: usize = 8;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Sends messages to SQS.
#[derive(Debug, Clone)]
pub struct SqsQueue {
    client: Client,
    bucket_size_url: String,
    table_size_url: String,
}

impl SqsQueue {
    /// Returns a sender to the queues of bucket targets and of database targets.
    pub fn new(
        client: Client,
        bucket_size_url: impl Into<String>,
        table_size_url: impl Into<String>,
    ) -> Self {
        Self {
            client,
            bucket_size_url: bucket_size_url.into(),
            table_size_url: table_size_url.into(),
        }
    }

    fn url(&self, kind: JobKind) -> &str {
        match kind {
            JobKind::Bucket => &self.bucket_size_url,
            JobKind::Database => &self.table_size_url,
        }
    }

    /// Sends at most [`BATCH`] messages; returns how many were refused, and why the first was.
    async fn send_batch(&self, url: &str, messages: &[CollectMessage]) -> (usize, Option<Cause>) {
        match self.try_batch(url, messages).await {
            Ok(refused) => refused,
            Err(cause) => (messages.len(), Some(cause)),
        }
    }

    async fn try_batch(
        &self,
        url: &str,
        messages: &[CollectMessage],
    ) -> Result<(usize, Option<Cause>), Cause> {
        let mut entries = Vec::with_capacity(messages.len());
        for (number, message) in messages.iter().enumerate() {
            let entry = SendMessageBatchRequestEntry::builder()
                .id(number.to_string())
                .message_body(message.to_json()?)
                .build()?;
            entries.push(entry);
        }
        let request = self.client.send_message_batch().queue_url(url);
        let sent = request.set_entries(Some(entries)).send().await?;
        // What is neither accepted nor refused by name counts as refused.
        let refused = messages.len().saturating_sub(sent.successful().len());
        let first = sent.failed().first();
        let code = first.map_or("not mentioned in the answer", |entry| entry.code());
        Ok((refused, (refused > 0).then(|| code.into())))
    }
}

#[async_trait]
impl TargetQueue for SqsQueue {
    async fn send(&self, kind: JobKind, messages: Vec<CollectMessage>) -> Result<(), QueueError> {
        let url = self.url(kind);
        let calls: Vec<_> = messages
            .chunks(BATCH)
            .map(|batch| self.send_batch(url, batch))
            .collect();
        let mut answers = stream::iter(calls).buffer_unordered(CONCURRENT_CALLS);
        let mut refused = 0;
        let mut first_cause = None;
        // One refused batch does not keep the others from being sent.
        while let Some((count, cause)) = answers.next().await {
            refused += count;
            first_cause = first_cause.or(cause);
        }
        match first_cause {
            Some(source) => Err(QueueError {
                kind,
                refused,
                of: messages.len(),
                source,
            }),
            None => Ok(()),
        }
    }
}
