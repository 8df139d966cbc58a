//! The port between planning and collecting: a queue of targets for each kind.

mod message;
mod order;
mod sqs;

use async_trait::async_trait;
pub use message::{CollectMessage, MessageError};
pub use order::{Asked, Order, Work};
pub use sqs::SqsQueue;

/// Which collector a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobKind {
    /// The one that measures buckets and other storage.
    Bucket,
    /// The one that measures databases.
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

/// Takes messages for collectors.
#[async_trait]
pub trait TargetQueue: Send + Sync {
    /// Queues `messages` for the collector of `kind`.
    ///
    /// Success means that every message will be delivered at least once, in any order. An empty list does
    /// nothing. Sending the same messages again is harmless.
    ///
    /// # Errors
    ///
    /// See [`QueueError`]; some of the messages may be queued then.
    async fn send(&self, kind: JobKind, messages: Vec<CollectMessage>) -> Result<(), QueueError>;
}

/// Why not all messages were queued.
#[derive(Debug, thiserror::Error)]
#[error("{refused} of {of} messages of kind {} were not queued", .kind.as_str())]
pub struct QueueError {
    /// Which queue it was.
    pub kind: JobKind,
    /// Messages that were not queued, or of which that is not known.
    pub refused: usize,
    /// Messages that were to be queued.
    pub of: usize,
    /// What the queue said about the first of them.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}
