//! Closing a day: its blocks are computed from its snapshots, whoever does it and however often.

use chrono::{Days, NaiveDate};

use super::lists::{Lists, choose_lists};
use super::{ATTEMPTS, CATCH_UP_DAYS, HistoryWriter, MAX_DAYS_PER_RUN, contended, contents, owner};
use crate::clock;
use crate::fleet::TargetId;
use crate::history::basis::Basis;
use crate::history::blocks::{Blocks, Slot, StoredBlock, Unreadable, failed, pieces};
use crate::history::frame::{Frame, FrameBuilder, Point};
use crate::history::keys::{self, Content, Span};
use crate::history::point::Historic;
use crate::history::reading::Moment;
use crate::history::series::{Measure, OwnSeries};
use crate::history::trend::Trend;
use crate::snapshot::{Latest, Snapshot};
use crate::store::{Key, StoreError, Written, replace_latest};
use crate::telemetry::error_chain;

/// What to do with a block that is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnDamage {
    /// Leave it as it is.
    Leave,
    /// Make it anew.
    Replace,
}

/// A day whose blocks were written.
#[derive(Debug, Clone, Default)]
pub(super) struct Folded {
    /// Its total and basis at its last run; `None` when there was no run, or its total is not known.
    pub(super) closing: Option<(u64, Basis)>,
    /// Its runs.
    pub(super) runs: usize,
    /// Blocks that could not be written because what is there is unreadable.
    pub(super) left: Vec<(Key, Unreadable)>,
}

/// Which day of a target is folded next.
enum NextDay {
    /// One that is folded already and has a late run.
    Again(NaiveDate),
    /// The first with a run after the last one that is folded.
    After(NaiveDate),
}

/// Returns which day is folded next when `today` is open; `None` when all are folded.
fn next_day(trend: &Trend, today: NaiveDate) -> Option<NextDay> {
    // A late run of a day that is not folded yet is folded with its day.
    let mut again = trend.refold.range(..=trend.folded_through);
    if let Some(day) = again.next() {
        return Some(NextDay::Again(*day));
    }
    let is_behind = keys::next_day(trend.folded_through) < today;
    is_behind.then_some(NextDay::After(trend.folded_through))
}

impl HistoryWriter {
    /// Closes the days before `today` that are not in blocks yet, at most [`MAX_DAYS_PER_RUN`] of them.
    ///
    /// Each day is noted in the latest by itself: what was done before a time-out is not done again. `latest` is what
    /// was read of the target just now, if it was.
    pub(super) async fn fold_closed_days<M: Historic>(
        &self,
        target: &TargetId,
        today: NaiveDate,
        mut latest: Option<Latest<M::Summary>>,
    ) -> Result<(), StoreError> {
        for _ in 0..MAX_DAYS_PER_RUN {
            let latest = latest.take();
            if !self.close_next_day::<M>(target, today, latest).await? {
                break;
            }
        }
        Ok(())
    }

    /// Closes one day, and returns whether more are left.
    async fn close_next_day<M: Historic>(
        &self,
        target: &TargetId,
        today: NaiveDate,
        mut known: Option<Latest<M::Summary>>,
    ) -> Result<bool, StoreError> {
        for _ in 0..ATTEMPTS {
            let latest = match known.take() {
                Some(latest) => Some(latest),
                None => self.snapshots.latest::<M>(target).await?,
            };
            let Some(latest) = latest else {
                return Ok(false);
            };
            // A run that is late, or one that failed, knows less than the newest good one.
            let newest = latest
                .good
                .as_ref()
                .map(|good| keys::day_of(good.run.scheduled_at));
            let today = newest.map_or(today, |newest| newest.max(today));
            let old = latest.trend.clone();
            let Some(trend) = self.with_next_day::<M>(target, old, today).await? else {
                return Ok(false);
            };
            let is_behind = next_day(&trend, today).is_some();
            let new = Latest {
                trend: Some(trend),
                ..latest.clone()
            };
            let put = replace_latest::<M>(Some(&latest), new)?;
            if self.items.put(put).await? == Written::Done {
                return Ok(is_behind);
            }
            // Another run was faster, and the snapshots may be more by now.
        }
        Err(contended::<M>(target))
    }

    /// Folds the next day of a target, and returns its new trend; `None` when nothing is to be folded.
    async fn with_next_day<M: Historic>(
        &self,
        target: &TargetId,
        old: Option<Trend>,
        today: NaiveDate,
    ) -> Result<Option<Trend>, StoreError> {
        let catch_up = today
            .checked_sub_days(Days::new(CATCH_UP_DAYS + 1))
            .unwrap_or(today);
        let mut trend = old.unwrap_or_else(|| Trend::folded_through(catch_up));
        let day = match next_day(&trend, today) {
            None => return Ok(None),
            Some(NextDay::Again(day)) => Some(day),
            Some(NextDay::After(last)) => {
                let range = keys::day_start(keys::next_day(last))..keys::day_start(today);
                let first = self.snapshots.first_run::<M>(target, range).await?;
                first.map(keys::day_of)
            }
        };
        let Some(day) = day else {
            trend.pass(today.pred_opt().unwrap_or(today));
            return Ok(Some(trend));
        };
        let mut blocks = Blocks::new(&*self.items, owner::<M>(target));
        let mut lists = Lists::load(&mut blocks, Some(&trend)).await?;
        let folded = self.fold_or_skip::<M>(target, day, &mut lists).await?;
        trend.close(day, folded);
        trend.lists = lists.all.iter().map(|list| list.digest()).collect();
        trend.lists_month = lists.month;
        Ok(Some(trend))
    }

    /// Folds a day. One that can never be folded is logged and passed over, so that it keeps no other back.
    async fn fold_or_skip<M: Historic>(
        &self,
        target: &TargetId,
        day: NaiveDate,
        lists: &mut Lists,
    ) -> Result<Option<(u64, Basis)>, StoreError> {
        match self
            .fold_day::<M>(target, day, lists, OnDamage::Leave)
            .await
        {
            Ok(folded) => Ok(folded.closing),
            Err(error @ (StoreError::Unreadable { .. } | StoreError::TooLarge { .. })) => {
                tracing::warn!(
                    target.id = target.as_str(),
                    history.day = %day,
                    error = error_chain(&error),
                    "a day could not be added to the history"
                );
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Computes the blocks of a day from its snapshots, and writes what differs from what is there.
    ///
    /// A run that is in a block but no longer among the snapshots, because they expire earlier, stays in it. The
    /// blocks are read before the snapshots, and written only if they are still the same: so of two writers the
    /// later one has seen all snapshots that the earlier one saw.
    pub(super) async fn fold_day<M: Historic>(
        &self,
        target: &TargetId,
        day: NaiveDate,
        lists: &mut Lists,
        on_damage: OnDamage,
    ) -> Result<Folded, StoreError> {
        let start = keys::day_start(day);
        let mut blocks = Blocks::new(&*self.items, owner::<M>(target));
        for _ in 0..ATTEMPTS {
            let mut slots = Vec::new();
            for (content, _) in contents::<M>() {
                let month = blocks.slot(Span::Days, *content, start).await?;
                let hours = blocks.slot(Span::Hours, *content, start).await?;
                slots.push(DaySlots { month, hours });
            }
            let frames = self.frames::<M>(target, day).await?;
            let frames = frames.into_iter().zip(&slots);
            let frames: Vec<_> = frames
                .map(|(frame, slots)| with_expired(frame, &slots.hours))
                .collect();
            let Some(totals) = frames.first().filter(|frame| !frame.moments.is_empty()) else {
                return Ok(Folded::default());
            };
            let mut folded = Folded {
                closing: closing(totals),
                runs: totals.moments.len(),
                left: Vec::new(),
            };
            let of_block = slots.first().map(|slots| slots.hours.lists());
            let bodies = choose_lists(&frames, of_block.unwrap_or_default(), lists, day);
            let bodies = bodies.map_err(|error| failed(&day_key::<M>(target, day), &error))?;
            for list in &lists.all {
                if blocks.list(list.digest()).await?.is_none() {
                    blocks.keep_list(list).await?;
                }
            }
            let mut is_done = true;
            for ((slots, frame), bodies) in slots.iter().zip(frames).zip(bodies) {
                let expires_at = clock::after(keys::end(Span::Hours, start), self.retention.hours);
                is_done &= match slots.hours.refusal(on_damage) {
                    None => {
                        let hours = &slots.hours;
                        blocks.replace(hours, bodies, Some(expires_at)).await? == Written::Done
                    }
                    Some(unreadable) => folded.leave(&slots.hours, unreadable),
                };
                // A block of days that is newer than the day's own would contradict it.
                if !is_done {
                    break;
                }
                is_done &= match slots.month.refusal(on_damage) {
                    None => {
                        let month = &slots.month;
                        let written = self.write_month(&blocks, month, frame, day, lists);
                        written.await? == Written::Done
                    }
                    Some(unreadable) => folded.leave(&slots.month, unreadable),
                };
                if !is_done {
                    break;
                }
            }
            if is_done {
                return Ok(folded);
            }
        }
        Err(contended::<M>(target))
    }

    /// Puts the closing point of a day into the block of its month.
    async fn write_month(
        &self,
        blocks: &Blocks<'_>,
        slot: &Slot,
        day_frame: Frame,
        day: NaiveDate,
        lists: &Lists,
    ) -> Result<Written, StoreError> {
        let is_of_day = |moment: &Moment| keys::day_of(moment.scheduled_at) == day;
        let closed = day_frame.closed();
        let old = slot.block.as_ref().ok().and_then(Option::as_ref);
        let month = match old {
            Some(old) => {
                let others = old.frame.clone().retained(|moment| !is_of_day(moment));
                closed.merged_over(others)
            }
            None => closed,
        };
        // The block refers to the lists of its last day.
        let is_last = month.moments.last().is_some_and(is_of_day);
        let old = old.filter(|_| !is_last);
        let lists = old.map_or(&lists.all, |old| &old.lists);
        let bodies = pieces(&month, lists).map_err(|error| failed(&slot.key, &error))?;
        let start = keys::day_start(keys::month_of(day));
        let end = keys::end(Span::Days, start);
        let expires_at = self.retention.days.map(|days| clock::after(end, days));
        blocks.replace(slot, bodies, expires_at).await
    }

    /// Returns the snapshots of a day as frames of totals and of parts. One that cannot be read is a gap.
    async fn frames<M: Historic>(
        &self,
        target: &TargetId,
        day: NaiveDate,
    ) -> Result<Vec<Frame>, StoreError> {
        let builders = contents::<M>().iter();
        let mut builders: Vec<_> = builders
            .map(|(_, measures)| FrameBuilder::new(measures))
            .collect();
        let start = keys::day_start(day);
        let range = start..keys::end(Span::Hours, start);
        let visit = |snapshot: Result<Snapshot<M>, StoreError>| match snapshot {
            Ok(snapshot) => {
                let point = Point::of(&snapshot);
                builders.iter_mut().for_each(|builder| builder.push(&point));
            }
            Err(error) => tracing::warn!(
                target.id = target.as_str(),
                error = error_chain(&error),
                "a snapshot is unreadable and missing in the history"
            ),
        };
        self.snapshots
            .each_snapshot::<M>(target, range, visit)
            .await?;
        Ok(builders.into_iter().map(FrameBuilder::finish).collect())
    }
}

/// Blocks that a day is in.
struct DaySlots {
    month: Slot,
    hours: Slot,
}

impl Folded {
    /// Notes that a block stays as it is; true, because nothing else has to be done about it.
    fn leave(&mut self, slot: &Slot, unreadable: Unreadable) -> bool {
        tracing::warn!(
            history.block = %slot.key,
            history.reason = ?unreadable,
            "a block of the history is unreadable and was left as it is"
        );
        self.left.push((slot.key.clone(), unreadable));
        true
    }
}

impl Slot {
    /// Returns why what is there must stay; `None` when it may be replaced.
    fn refusal(&self, on_damage: OnDamage) -> Option<Unreadable> {
        let unreadable = self.block.as_ref().err()?;
        let is_replaced = on_damage == OnDamage::Replace && *unreadable != Unreadable::Newer;
        (!is_replaced).then(|| unreadable.clone())
    }
}

/// Adds the runs of a block whose snapshots have expired.
fn with_expired(frame: Frame, hours: &Slot) -> Frame {
    let Ok(Some(StoredBlock { frame: old, .. })) = &hours.block else {
        return frame;
    };
    let is_known = |moment: &Moment| {
        let found = frame
            .moments
            .binary_search_by_key(&moment.scheduled_at, |known| known.scheduled_at);
        found.is_ok()
    };
    if old.moments.iter().all(is_known) {
        return frame;
    }
    let expired = old.clone().retained(|moment| !is_known(moment));
    frame.merged_over(expired)
}

/// Returns the total and the basis of the last run; `None` where the total is not known.
fn closing(totals: &Frame) -> Option<(u64, Basis)> {
    let column = totals.own.get(&OwnSeries::all(Measure::TotalBytes))?;
    let total = column.last()?.value()?;
    Some((total, totals.moments.last()?.basis.clone()))
}

fn day_key<M: Historic>(target: &TargetId, day: NaiveDate) -> Key {
    Key {
        partition: keys::partition(Span::Hours, Content::Totals, owner::<M>(target)),
        sort: keys::sort(Span::Hours, keys::day_start(day)),
    }
}
