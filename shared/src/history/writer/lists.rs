//! Which lists of tables the blocks of a day refer to.

use std::sync::Arc;

use chrono::NaiveDate;

use crate::history::blocks::{Blocks, MAX_PIECES, PIECE_BYTES, Slot, pieces};
use crate::history::bytes::BlockError;
use crate::history::frame::Frame;
use crate::history::keys::month_of;
use crate::history::names::TableList;
use crate::history::trend::Trend;
use crate::store::StoreError;

/// Share of a list that a block may be without, or name besides, before there is a new one: one in so many.
const LIST_DRIFT: usize = 20;
/// Tables that a block may always be without, or name besides.
const SMALL_DRIFT: usize = 8;

/// Pieces of each frame.
type Bodies = Vec<Vec<Vec<u8>>>;

/// The lists that blocks of a target refer to now.
#[derive(Debug, Clone, Default)]
pub(super) struct Lists {
    /// One for each piece of a block; none without tables.
    pub(super) all: Vec<Arc<TableList>>,
    /// First day of the month that they were made in: sizes drift away from those of a list, so each month has its own.
    pub(super) month: Option<NaiveDate>,
}

impl Lists {
    /// Returns the lists that a trend names; none when one of them is lost.
    pub(super) async fn load(
        blocks: &mut Blocks<'_>,
        trend: Option<&Trend>,
    ) -> Result<Self, StoreError> {
        let Some(trend) = trend else {
            return Ok(Self::default());
        };
        let mut all = Vec::with_capacity(trend.lists.len());
        for digest in &trend.lists {
            match blocks.list(*digest).await? {
                Some(list) => all.push(list),
                None => return Ok(Self::default()),
            }
        }
        Ok(Self {
            all,
            month: trend.lists_month,
        })
    }
}

impl Slot {
    /// Returns the lists that the block refers to.
    pub(super) fn lists(&self) -> Vec<Arc<TableList>> {
        let block = self.block.as_ref().ok().and_then(Option::as_ref);
        block.map(|block| block.lists.clone()).unwrap_or_default()
    }
}

/// Returns the pieces of all frames of a day, after setting the lists that they refer to.
///
/// Those are the ones that the day's block refers to already, else the target's, as long as they name most of the
/// tables; else new ones.
pub(super) fn choose_lists(
    frames: &[Frame],
    of_block: Vec<Arc<TableList>>,
    lists: &mut Lists,
    day: NaiveDate,
) -> Result<Bodies, BlockError> {
    let encoded = |lists: &[Arc<TableList>]| -> Result<Bodies, BlockError> {
        frames.iter().map(|frame| pieces(frame, lists)).collect()
    };
    let month = Some(month_of(day));
    let Some(totals) = frames.first() else {
        return Ok(Vec::new());
    };
    if totals.tables.is_empty() {
        return encoded(&[]);
    }
    let current = Some(lists.all.clone()).filter(|_| lists.month == month);
    for all in [of_block, current.unwrap_or_default()] {
        if !all.is_empty()
            && fits(totals, &all)
            && let Ok(bodies) = encoded(&all)
        {
            *lists = Lists { all, month };
            return Ok(bodies);
        }
    }
    let empty = Frame::empty(&[]);
    let whole = TableList::of_day(totals, frames.get(1).unwrap_or(&empty));
    let mut count = 1;
    loop {
        let all: Vec<_> = whole.split(count).into_iter().map(Arc::new).collect();
        match encoded(&all) {
            Ok(bodies) if all.iter().all(|list| is_small(list)) => {
                *lists = Lists { all, month };
                return Ok(bodies);
            }
            Err(error) if error != BlockError::TooLarge => return Err(error),
            _ if count >= MAX_PIECES => return Err(BlockError::TooLarge),
            _ => count = (count * 2).min(MAX_PIECES),
        }
    }
}

fn is_small(list: &TableList) -> bool {
    list.encode().is_ok_and(|body| body.len() <= PIECE_BYTES)
}

/// Returns whether lists name most tables of a frame, and few others.
fn fits(totals: &Frame, lists: &[Arc<TableList>]) -> bool {
    let listed: usize = lists.iter().map(|list| list.tables().len()).sum();
    let tables = totals.tables.keys();
    let is_named = |key| lists.iter().any(|list| list.names(key));
    let named = tables.filter(|key| is_named(key)).count();
    let drift = (totals.tables.len() - named) + (listed - named);
    drift <= SMALL_DRIFT.max(listed / LIST_DRIFT)
}
