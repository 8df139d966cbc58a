//! Measures several targets, some at a time, until Ctrl-C.

use std::sync::Arc;
use std::time::Duration;

use collector::{MeasureError, Progress};
use futures::StreamExt;
use futures::stream;
use shared::aws::Aws;
use shared::clock::{Clock, SystemClock};
use shared::fleet::BucketTarget;
use shared::snapshot::BucketSize;

use super::report::{Counted, Entry, Found, Report};
use crate::commands::progress;

/// Targets that are measured at a time. One listing alone uses all the requests that help it, so more would only hold
/// more memory.
const AT_A_TIME: usize = 4;
/// Longest time for one target. A person who waits can stop it.
const LIMIT: Duration = Duration::from_secs(24 * 3_600);

/// Measures `targets`, or what can be measured until Ctrl-C.
pub(super) async fn all(aws: &Arc<Aws>, targets: Vec<BucketTarget>) -> Report {
    let started_at = SystemClock.now();
    let progresses: Vec<Progress> = targets.iter().map(|_| Progress::default()).collect();
    let mut found: Vec<Option<Found>> = targets.iter().map(|_| None).collect();
    let measuring = async {
        let measured = targets.iter().zip(&progresses).enumerate();
        let measured = measured.map(|(number, (target, progress))| async move {
            let aws = Arc::clone(aws);
            let size = collector::measure_bucket_within(aws, target, progress, LIMIT).await;
            (number, size)
        });
        let mut measured = std::pin::pin!(stream::iter(measured).buffer_unordered(AT_A_TIME));
        while let Some((number, size)) = measured.next().await {
            if let Some(slot) = found.get_mut(number) {
                *slot = Some(Found::of(size));
            }
        }
    };
    tokio::select! {
        () = progress::watch(&progresses, "objects", measuring) => {}
        // Without a handler, Ctrl-C ends the program anyway.
        Ok(()) = tokio::signal::ctrl_c() => {}
    }
    let found = found.into_iter().zip(&progresses);
    let found = found.map(|(found, progress)| {
        found.unwrap_or(Found::Interrupted(Counted {
            object_count: progress.items(),
            total_bytes: progress.bytes(),
        }))
    });
    let entries = targets.into_iter().zip(found);
    Report {
        entries: entries
            .map(|(target, found)| Entry { target, found })
            .collect(),
        started_at,
        ended_at: SystemClock.now(),
    }
}

impl Found {
    fn of(size: Result<BucketSize, MeasureError>) -> Self {
        match size {
            Ok(size) => Self::Measured(Box::new(size)),
            Err(error) => Self::Failed(Box::new(error)),
        }
    }
}
