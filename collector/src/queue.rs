//! The port between planning and collecting: a queue of jobs for each collector.

mod job;
mod sqs;

use async_trait::async_trait;

pub use job::{Job, MessageError, Subject};
pub use sqs::SqsQueue;

/// Which collector a job is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobKind {
    /// The collector of buckets and other storage.
    Bucket,
    /// The collector of databases.
    Database,
}

impl JobKind {
    /// Returns the word for it in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bucket => "bucket",
            Self::Database => "database",
        }
    }
}

/// Takes jobs for collectors.
#[async_trait]
pub trait JobQueue: Send + Sync {
    /// Queues `jobs` for the collector of `kind`.
    ///
    /// Success means that every job will be delivered at least once, in any order. An empty list does nothing. Sending
    /// the same jobs again is harmless.
    ///
    /// # Errors
    ///
    /// See [`QueueError`]; some of the jobs may be queued then.
    async fn send(&self, kind: JobKind, jobs: Vec<Job>) -> Result<(), QueueError>;
}

/// Why not all jobs were queued.
#[derive(Debug, thiserror::Error)]
#[error("{refused} of {of} jobs of kind {} were not queued", .kind.as_str())]
pub struct QueueError {
    /// Which queue it was.
    pub kind: JobKind,
    /// Jobs that were not queued, or for which that is not known.
    pub refused: usize,
    /// Jobs that were to be queued.
    pub of: usize,
    /// Cause of the first refusal.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}
