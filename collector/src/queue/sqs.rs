//! Queues in SQS: one for each collector.

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use futures::StreamExt;
use futures::stream;

use super::{Job, JobKind, JobQueue, QueueError};

/// Most messages in one call: a limit of SQS.
const BATCH: usize = 10;
/// Calls at a time. One call takes about 10 ms, so 10,000 targets are queued within seconds.
const CONCURRENT_CALLS: usize = 8;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Sends jobs to SQS.
#[derive(Debug, Clone)]
pub struct SqsQueue {
    client: Client,
    bucket_size_url: String,
    table_size_url: String,
}

impl SqsQueue {
    /// Returns a sender to the queues of storage targets and of database targets.
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

    /// Sends at most [`BATCH`] jobs; returns how many were refused, and the cause of the first refusal.
    async fn send_batch(&self, url: &str, jobs: &[Job]) -> (usize, Option<Cause>) {
        match self.try_batch(url, jobs).await {
            Ok(refused) => refused,
            Err(cause) => (jobs.len(), Some(cause)),
        }
    }

    async fn try_batch(&self, url: &str, jobs: &[Job]) -> Result<(usize, Option<Cause>), Cause> {
        let mut entries = Vec::with_capacity(jobs.len());
        for (number, job) in jobs.iter().enumerate() {
            let entry = SendMessageBatchRequestEntry::builder()
                .id(number.to_string())
                .message_body(job.to_json()?)
                .build()?;
            entries.push(entry);
        }
        let request = self.client.send_message_batch().queue_url(url);
        let sent = request.set_entries(Some(entries)).send().await?;
        // A message that the response does not mention counts as refused.
        let refused = jobs.len().saturating_sub(sent.successful().len());
        let first = sent.failed().first();
        let code = first.map_or("missing in the response", |entry| entry.code());
        Ok((refused, (refused > 0).then(|| code.into())))
    }
}

#[async_trait]
impl JobQueue for SqsQueue {
    async fn send(&self, kind: JobKind, jobs: Vec<Job>) -> Result<(), QueueError> {
        let url = self.url(kind);
        let calls: Vec<_> = jobs
            .chunks(BATCH)
            .map(|batch| self.send_batch(url, batch))
            .collect();
        let mut responses = stream::iter(calls).buffer_unordered(CONCURRENT_CALLS);
        let mut refused = 0;
        let mut first_cause = None;
        // One refused batch does not keep the others from being sent.
        while let Some((count, cause)) = responses.next().await {
            refused += count;
            first_cause = first_cause.or(cause);
        }
        match first_cause {
            Some(source) => Err(QueueError {
                kind,
                refused,
                of: jobs.len(),
                source,
            }),
            None => Ok(()),
        }
    }
}
