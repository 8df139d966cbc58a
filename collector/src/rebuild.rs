//! Making the history of many targets anew from their snapshots, on request.
//!
//! Every block of a closed day is computed again and written where it differs or is damaged. Work goes by weeks, oldest
//! first, and by targets in each, so that what one call has no time for another can go on with.

mod report;
mod request;

use std::ops::RangeInclusive;

use chrono::{Days, NaiveDate};
use futures::{StreamExt, stream};
use shared::fleet::{Kind, TargetId};
use shared::history::{Historic, HistoryWriter, Rebuilt};
use shared::snapshot::{BucketSize, DatabaseSize, FileDocuments, StorageMetrics};
use shared::store::{SnapshotReader, StoreError};
use tokio::time::Instant;

pub use report::{RebuildReport, RebuiltTarget, UnwrittenBlock};
pub use request::{RebuildError, RebuildRequest};

use request::Selection;

/// Days of one step, the least that is done of one target.
const STEP_DAYS: u64 = 7;
/// Targets that are rebuilt at a time: most of the time of one is waiting for the store.
const CONCURRENT_TARGETS: usize = 4;
/// What rebuilding needs.
#[derive(Clone, Copy)]
pub struct RebuildPorts<'a> {
    /// Tells which targets were ever measured.
    pub snapshots: &'a SnapshotReader,
    /// Makes the blocks.
    pub history: &'a HistoryWriter,
    /// The UTC day that is not closed yet.
    pub today: NaiveDate,
}

/// One measurement of one target.
struct Subject {
    kind: Kind,
    target: TargetId,
}

/// Rebuilds what `request` selects, and starts no step after `until`, except the first.
///
/// Targets are those that have a latest record, also those that the fleet no longer has. A target that fails is in the
/// report with its error and stops no other. Calls `on_step` with the days of each step before it is done.
///
/// # Errors
///
/// See [`RebuildError`]; nothing was written then.
pub async fn rebuild(
    ports: RebuildPorts<'_>,
    request: &RebuildRequest,
    until: Instant,
    mut on_step: impl FnMut(&RangeInclusive<NaiveDate>, usize),
) -> Result<RebuildReport, RebuildError> {
    let selection = Selection::of(request, ports.today)?;
    let subjects = selected(ports.snapshots, &selection).await?;
    let mut report = RebuildReport::of(&selection.days);
    let mut after = request.after.clone();
    for (number, days) in steps(&selection.days).into_iter().enumerate() {
        on_step(&days, subjects.len());
        let left = subjects.iter().filter(|subject| {
            let after = after.as_deref();
            after.is_none_or(|after| subject.label().as_str() > after)
        });
        let work = left.enumerate().map(|(position, subject)| {
            let days = days.clone();
            let is_first = number == 0 && position == 0;
            async move {
                if Instant::now() >= until && !is_first {
                    return None;
                }
                Some((subject, rebuild_days(ports, subject, days).await))
            }
        });
        let work: Vec<_> = work.collect();
        let mut done = stream::iter(work).buffered(CONCURRENT_TARGETS);
        while let Some(step) = done.next().await {
            let Some((subject, rebuilt)) = step else {
                report.next = Some(RebuildRequest {
                    from: Some(*days.start()),
                    to: Some(*selection.days.end()),
                    after,
                    ..request.clone()
                });
                return Ok(report);
            };
            after = Some(subject.label());
            report.add(subject.kind, &subject.target, rebuilt);
        }
        after = None;
    }
    Ok(report)
}

impl Subject {
    /// Returns its name in requests and the order of work.
    fn label(&self) -> String {
        format!("{}/{}", self.kind.as_str(), self.target)
    }
}

async fn rebuild_days(
    ports: RebuildPorts<'_>,
    subject: &Subject,
    days: RangeInclusive<NaiveDate>,
) -> Result<Rebuilt, StoreError> {
    let (history, today, target) = (ports.history, ports.today, &subject.target);
    match subject.kind {
        Kind::Bucket => history.rebuild::<BucketSize>(target, days, today).await,
        Kind::Database => history.rebuild::<DatabaseSize>(target, days, today).await,
        Kind::FileDocuments => {
            let rebuilding = history.rebuild::<FileDocuments>(target, days, today);
            rebuilding.await
        }
        // Only kinds with a history are selected.
        Kind::Users => Ok(Rebuilt::default()),
        Kind::StorageMetrics => {
            let rebuilding = history.rebuild::<StorageMetrics>(target, days, today);
            rebuilding.await
        }
    }
}

/// Returns the days of each step, oldest first.
fn steps(days: &RangeInclusive<NaiveDate>) -> Vec<RangeInclusive<NaiveDate>> {
    let mut steps = Vec::new();
    let mut first = *days.start();
    while first <= *days.end() {
        let last = first + Days::new(STEP_DAYS - 1);
        steps.push(first..=last.min(*days.end()));
        first = last + Days::new(1);
    }
    steps
}

/// Returns what a selection names, in the order of work.
async fn selected(
    snapshots: &SnapshotReader,
    selection: &Selection,
) -> Result<Vec<Subject>, RebuildError> {
    let mut subjects = Vec::new();
    add_selected::<BucketSize>(snapshots, selection, &mut subjects).await?;
    add_selected::<DatabaseSize>(snapshots, selection, &mut subjects).await?;
    add_selected::<StorageMetrics>(snapshots, selection, &mut subjects).await?;
    add_selected::<FileDocuments>(snapshots, selection, &mut subjects).await?;
    if subjects.is_empty() {
        return Err(RebuildError::NothingSelected(selection.to_string()));
    }
    subjects.sort_by_cached_key(Subject::label);
    Ok(subjects)
}

async fn add_selected<M: Historic>(
    snapshots: &SnapshotReader,
    selection: &Selection,
    subjects: &mut Vec<Subject>,
) -> Result<(), StoreError> {
    // Of a record that cannot be read the target is known all the same; rebuilding it says what is wrong.
    let visit = |target, _| {
        if selection.has(&target) {
            let kind = M::KIND;
            subjects.push(Subject { kind, target });
        }
    };
    snapshots.each_latest::<M>(visit).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_weeks_and_end_with_the_range() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let of = |first, last| steps(&(day(first)..=day(last)));

        assert_eq!(
            of("2028-02-20", "2028-03-01"),
            [
                day("2028-02-20")..=day("2028-02-26"),
                day("2028-02-27")..=day("2028-03-01")
            ]
        );
        assert_eq!(of("2028-02-29", "2028-02-29").len(), 1);
        assert_eq!(of("2028-03-02", "2028-03-01"), []);
    }
}
