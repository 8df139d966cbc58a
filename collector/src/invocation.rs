//! What fails a whole invocation. A failure of one target is a [`MeasureError`](crate::MeasureError) instead.

use shared::fleet::FleetError;
use shared::store::StoreError;

use crate::discover::UpdateError;
use crate::queue::QueueError;
use crate::rebuild::RebuildError;

/// What stops a whole invocation.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// Without a fleet there are no targets.
    #[error("the targets are not known")]
    FleetUnreadable(#[source] FleetError),
    /// The event is neither a tick nor a request.
    #[error("the event is not valid: {0}")]
    EventInvalid(String),
    /// The event's time is the scheduled time of its runs.
    #[error("the scheduled event has no time")]
    EventWithoutTime,
    /// The previous measurements decide which targets are due.
    #[error("the snapshots of buckets could not be read")]
    SnapshotsUnreadable(#[source] StoreError),
    /// Metrics that CloudWatch returned were lost.
    #[error("not all storage metrics were stored")]
    MetricsNotStored(#[source] StoreError),
    /// Nothing was rebuilt.
    #[error(transparent)]
    NotRebuilt(#[from] RebuildError),
    /// The earlier discovery stays in force.
    #[error("nothing was discovered")]
    NotDiscovered(#[from] UpdateError),
    /// Some targets are not measured at this tick unless the event is delivered again.
    #[error("not all targets were queued")]
    QueueFailed(#[source] QueueError),
}

impl CollectError {
    /// Returns the word that alarms and log filters look for.
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::FleetUnreadable(_) => "FleetUnreadable",
            Self::EventInvalid(_) => "EventInvalid",
            Self::EventWithoutTime => "EventWithoutTime",
            Self::SnapshotsUnreadable(_) => "SnapshotsUnreadable",
            Self::MetricsNotStored(_) => "MetricsNotStored",
            Self::NotRebuilt(_) => "NotRebuilt",
            Self::NotDiscovered(_) => "NotDiscovered",
            Self::QueueFailed(_) => "QueueFailed",
        }
    }
}
