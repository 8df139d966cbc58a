//! Runs in parts: where a run starts, and the checkpoint that it leaves for the next part.

use std::cmp::Ordering;
use std::time::Duration;

use chrono::{DateTime, Utc};
use shared::store::{Checkpoint, SnapshotWriter, StoreError, Written};

use super::task::Task;

/// Time after which an unfinished run without a new checkpoint counts as abandoned: twice an invocation's longest.
pub const ABANDONED_AFTER: Duration = Duration::from_secs(1800);

/// A run that may pause at a checkpoint and continue from it in a later invocation.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PausableRun {
    /// When its first part started.
    started_at: DateTime<Utc>,
    /// Checkpoint that this part continues from.
    resumed: Option<Checkpoint>,
    /// Version of the checkpoint that this part replaces.
    replaced: Option<u64>,
}

impl PausableRun {
    /// Returns a run that starts `now` and leaves no checkpoint.
    pub(super) fn unpausable(now: DateTime<Utc>) -> Self {
        Self {
            started_at: now,
            resumed: None,
            replaced: None,
        }
    }

    /// Decides by the target's `checkpoint` and its version where a run that is scheduled for `scheduled_at` starts; `None`
    /// if another run does the work or has done it.
    ///
    /// A checkpoint of an earlier run that is idle for [`ABANDONED_AFTER`] is continued, so that what was measured is not
    /// lost; an earlier run that is still under way leaves nothing to do.
    pub(super) fn resume(
        checkpoint: Option<(Checkpoint, u64)>,
        scheduled_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Option<Self> {
        let Some((checkpoint, version)) = checkpoint else {
            return Some(Self::unpausable(now));
        };
        let idle = (now - checkpoint.written_at).to_std().unwrap_or_default();
        let is_under_way = checkpoint.state.is_some() && idle < ABANDONED_AFTER;
        let is_handled = match checkpoint.scheduled_at.cmp(&scheduled_at) {
            Ordering::Greater => true,
            Ordering::Equal => checkpoint.state.is_none(),
            Ordering::Less => is_under_way,
        };
        if is_handled {
            return None;
        }
        let resumed = Some(checkpoint).filter(|checkpoint| checkpoint.state.is_some());
        Some(Self {
            started_at: resumed.as_ref().map_or(now, |before| before.started_at),
            resumed,
            replaced: Some(version),
        })
    }

    /// Returns when the first part started.
    pub(super) fn started_at(&self) -> DateTime<Utc> {
        self.started_at
    }

    /// Returns whether an earlier part exists.
    pub(super) fn is_resumed(&self) -> bool {
        self.resumed.is_some()
    }

    /// Returns the state that an earlier part left.
    pub(super) fn state(&self) -> Option<&[u8]> {
        self.resumed.as_ref()?.state.as_deref()
    }

    /// Leaves `state` for the next part; returns whether it was written: another process may have been faster.
    pub(super) async fn pause<T>(
        &self,
        writer: &SnapshotWriter,
        task: &Task<'_, T>,
        now: DateTime<Utc>,
        state: Vec<u8>,
    ) -> Result<bool, StoreError> {
        let checkpoint = self.checkpoint(task, now, Some(state));
        let written = writer.keep_checkpoint(task.id, &checkpoint, self.replaced);
        Ok(written.await? == Written::Done)
    }

    /// Marks the run as ended, if it ever left a checkpoint.
    pub(super) async fn clear<T>(
        &self,
        writer: &SnapshotWriter,
        task: &Task<'_, T>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        if self.replaced.is_none() {
            return Ok(());
        }
        let checkpoint = self.checkpoint(task, now, None);
        let written = writer.keep_checkpoint(task.id, &checkpoint, self.replaced);
        written.await.map(drop)
    }

    fn checkpoint<T>(
        &self,
        task: &Task<'_, T>,
        now: DateTime<Utc>,
        state: Option<Vec<u8>>,
    ) -> Checkpoint {
        Checkpoint {
            scheduled_at: task.tick.at,
            started_at: self.started_at,
            written_at: now,
            parts: self.resumed.as_ref().map_or(0, |before| before.parts) + 1,
            state,
        }
    }
}

#[cfg(test)]
mod tests {
    use shared::testing::time::minute;

    use super::*;

    /// Returns a checkpoint of a run scheduled and written at these minutes.
    fn checkpoint(scheduled: i64, written: i64, state: Option<&[u8]>) -> Checkpoint {
        Checkpoint {
            scheduled_at: minute(scheduled),
            started_at: minute(scheduled),
            written_at: minute(written),
            parts: 1,
            state: state.map(<[u8]>::to_vec),
        }
    }

    #[test]
    fn a_run_continues_its_own_checkpoint_or_an_abandoned_one_and_never_races_another() {
        let open = |scheduled, written| checkpoint(scheduled, written, Some(b"state"));
        let continued = |before: Checkpoint| {
            Some(PausableRun {
                started_at: before.started_at,
                resumed: Some(before),
                replaced: Some(3),
            })
        };
        let from_the_beginning = |replaced| {
            Some(PausableRun {
                started_at: minute(75),
                resumed: None,
                replaced,
            })
        };
        let cases = [
            (None, from_the_beginning(None)),
            (Some(open(60, 70)), continued(open(60, 70))),
            (Some(checkpoint(60, 70, None)), None),
            (Some(open(61, 70)), None),
            (Some(checkpoint(61, 70, None)), None),
            (Some(open(0, 70)), None),
            (Some(open(0, 15)), continued(open(0, 15))),
            (Some(checkpoint(0, 15, None)), from_the_beginning(Some(3))),
        ];

        for (found, expected) in cases {
            let versioned = found.clone().map(|checkpoint| (checkpoint, 3));
            let run = PausableRun::resume(versioned, minute(60), minute(75));
            assert_eq!(run, expected, "{found:?}");
        }
    }
}
