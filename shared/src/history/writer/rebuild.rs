//! Making blocks anew that were lost or damaged.

use std::ops::RangeInclusive;

use chrono::NaiveDate;

use super::fold::OnDamage;
use super::lists::Lists;
use super::{ATTEMPTS, HistoryWriter, MAX_DAYS_PER_RUN};
use crate::fleet::TargetId;
use crate::history::blocks::Unreadable;
use crate::history::point::Historic;
use crate::snapshot::Latest;
use crate::store::{Key, StoreError, Written, replace_latest};

/// What a rebuild did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rebuilt {
    /// Days that have blocks now.
    pub days: usize,
    /// Runs in them.
    pub runs: usize,
    /// Closed days of the range that no run is known of, in order.
    pub days_without_runs: Vec<NaiveDate>,
    /// Blocks that stay unreadable.
    pub left: Vec<LeftBlock>,
}

/// A block that a rebuild left as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftBlock {
    /// Where it is.
    pub key: Key,
    /// Why.
    pub reason: Unreadable,
}

impl HistoryWriter {
    /// Computes the blocks of all days of a target in `days`, and writes those that differ or are damaged.
    ///
    /// `today` is not closed yet and left out, with all days after it. A day whose snapshots have expired is taken from
    /// its block of hours, where that is there; nothing is ever removed. The day before may be closed here ahead of the
    /// run that would do it: so a target that is no longer measured keeps its last day. Costs at least five reads a day.
    ///
    /// # Errors
    ///
    /// See [`StoreError`]; days before the failure are written.
    pub async fn rebuild<M: Historic>(
        &self,
        target: &TargetId,
        days: RangeInclusive<NaiveDate>,
        today: NaiveDate,
    ) -> Result<Rebuilt, StoreError> {
        let mut rebuilt = Rebuilt::default();
        let (first, last) = days.into_inner();
        let days = first.iter_days().take_while(|day| *day <= last);
        let mut days = days.take_while(|day| *day < today).peekable();
        while days.peek().is_some() {
            let chunk: Vec<_> = days.by_ref().take(MAX_DAYS_PER_RUN).collect();
            self.rebuild_days::<M>(target, &chunk, &mut rebuilt).await?;
        }
        Ok(rebuilt)
    }

    async fn rebuild_days<M: Historic>(
        &self,
        target: &TargetId,
        days: &[NaiveDate],
        rebuilt: &mut Rebuilt,
    ) -> Result<(), StoreError> {
        for _ in 0..ATTEMPTS {
            let latest = self.snapshots.latest::<M>(target).await?;
            let mut trend = latest.as_ref().and_then(|latest| latest.trend.clone());
            let mut lists = Lists::default();
            let mut found = Rebuilt::default();
            for day in days {
                let folded = self.fold_day::<M>(target, *day, &mut lists, OnDamage::Replace);
                let folded = folded.await?;
                match folded.runs {
                    0 => found.days_without_runs.push(*day),
                    _ => found.days += 1,
                }
                found.runs += folded.runs;
                let left = folded.left.into_iter();
                found
                    .left
                    .extend(left.map(|(key, reason)| LeftBlock { key, reason }));
                // Days that a trend has not come to yet are left to the next run, which folds them in order.
                if let Some(trend) = trend.as_mut().filter(|trend| *day <= trend.folded_through) {
                    trend.close(*day, folded.closing);
                }
            }
            let written = match latest {
                Some(latest) if latest.trend != trend => {
                    let new = Latest {
                        trend,
                        ..latest.clone()
                    };
                    let put = replace_latest::<M>(Some(&latest), new)?;
                    self.items.put(put).await?
                }
                _ => Written::Done,
            };
            if written == Written::Done {
                rebuilt.days += found.days;
                rebuilt.runs += found.runs;
                rebuilt.days_without_runs.extend(found.days_without_runs);
                rebuilt.left.extend(found.left);
                return Ok(());
            }
        }
        Err(super::contended::<M>(target))
    }
}
