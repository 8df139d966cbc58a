//! What one run does.

use shared::fleet::TargetId;
use shared::snapshot::bucket_size::Refresh;
use tokio::time::Instant;

use crate::queue::JobQueue;
use crate::tick::Tick;

/// What to measure, and by when.
pub struct Task<'a, T> {
    /// The target.
    pub target: &'a T,
    /// Its identity.
    pub id: &'a TargetId,
    /// Tick that the run is scheduled for.
    pub tick: Tick,
    /// When the target is measured again, and why then; `None` for the next tick.
    pub refresh: Option<Refresh>,
    /// When everything must be over, writing included.
    pub deadline: Instant,
    /// Takes the job for the rest of a run that pauses; without it no run pauses.
    pub queue: Option<&'a dyn JobQueue>,
}
