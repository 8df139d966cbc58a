//! The reading half: series of a target over a range of time.

mod assemble;
mod fill;
mod point;
mod table;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};

use super::block::Block;
use super::blocks::{Blocks, Pieces, Unreadable};
use super::frame::Column;
use super::keys::{self, Content, Owner, Span};
use super::reading::Moment;
use super::series::{OwnSeries, TableKey};
use crate::fleet::{Kind, TargetId};
use crate::store::{ItemStore, StoreError};

use assemble::Assembly;
pub use table::{TableColumn, TableHistory};

/// Reads the history of targets. API functions hold one, collectors do not.
#[derive(Clone)]
pub struct HistoryReader {
    items: Arc<dyn ItemStore>,
}

/// How far apart the points of an answer are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// Every run.
    Runs,
    /// The last run of each UTC day, with the least and the greatest total of the day.
    Days,
}

/// Which part of a target's history to read.
#[derive(Clone, Copy)]
pub struct HistoryQuery<'a> {
    /// Scheduled time of the first run, inclusive.
    pub from: DateTime<Utc>,
    /// Scheduled time of the last run, exclusive.
    pub to: DateTime<Utc>,
    /// Distance of the points.
    pub resolution: Resolution,
    /// Which tables to return; none without it, which saves reading their lists.
    pub tables: Option<&'a (dyn Fn(&TableKey) -> bool + Sync)>,
    /// Whether to return the parts of tables besides their totals, which costs another query.
    pub with_parts: bool,
    /// Most readings of tables to return: points times tables.
    pub limit: usize,
}

/// History of a target in a range of time.
///
/// All columns have one reading for each moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History {
    /// Runs in the order of their scheduled times.
    pub moments: Vec<Moment>,
    /// Series of the target itself.
    pub own: BTreeMap<OwnSeries, Column>,
    /// Tables in the order of their names.
    pub tables: Vec<TableHistory>,
    /// Where something is missing, in the order of time.
    pub gaps: Vec<Gap>,
    /// First day whose points are not closed yet: a later run of that day may still follow.
    pub open_from: Option<NaiveDate>,
}

/// A stretch of time in which history is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Start, inclusive.
    pub from: DateTime<Utc>,
    /// End, exclusive.
    pub to: DateTime<Utc>,
    /// What is missing.
    pub scope: GapScope,
    /// Why it is.
    pub reason: GapReason,
}

/// What is missing in a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapScope {
    /// All series.
    Everything,
    /// Tables; the target's own series are there.
    Tables,
    /// Parts of tables; their totals are there.
    Parts,
}

/// Why something is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GapReason {
    /// No run of a whole UTC day is known: none was made, none succeeded, or all were lost.
    NoRuns,
    /// A block is unreadable.
    Unreadable(Unreadable),
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is more than the query allows.
    #[error("the tables have {points} points each, and more than {limit} readings together")]
    TooMany {
        /// Runs or days in the range.
        points: usize,
        /// What the query allows.
        limit: usize,
    },
}

impl HistoryReader {
    /// Returns a reader of the store that the collectors write to.
    pub fn new(items: Arc<dyn ItemStore>) -> Self {
        Self { items }
    }

    /// Returns when history of that resolution begins: the scheduled time of the first run, or the start of the first
    /// UTC day; `None` without any.
    ///
    /// Costs one read, and a second one before the first day is closed.
    ///
    /// # Errors
    ///
    /// See [`StoreError`].
    pub async fn available_from(
        &self,
        kind: Kind,
        target: &TargetId,
        resolution: Resolution,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let blocks = Blocks::new(&*self.items, Owner { kind, target });
        let first = match blocks.first_moment(resolution.span()).await? {
            Some(first) => Some(first),
            None => blocks.first_moment(Span::Run).await?,
        };
        Ok(first.map(|first| match resolution {
            Resolution::Runs => first,
            Resolution::Days => keys::day_start(keys::day_of(first)),
        }))
    }

    /// Returns the history of a target in a range.
    ///
    /// Blocks of closed days come first; days after the last of them are read from the items of single runs. A block
    /// that is unreadable is a gap that the answer names, never a wrong point. Series are those of names: see
    /// [`TableHistory`].
    ///
    /// Costs one query for each megabyte of blocks, one for the runs of days that are not closed, and one read for each
    /// list of tables, which is about one a month. With parts, the queries of blocks double.
    ///
    /// # Errors
    ///
    /// See [`HistoryError`].
    pub async fn read(
        &self,
        kind: Kind,
        target: &TargetId,
        query: &HistoryQuery<'_>,
    ) -> Result<History, HistoryError> {
        let mut blocks = Blocks::new(&*self.items, Owner { kind, target });
        let mut assembly = Assembly::new(query);
        if query.from >= query.to {
            return assembly.finish();
        }
        let contents: &[_] = match (query.tables, query.with_parts) {
            (Some(_), true) => &[Content::Totals, Content::Parts],
            _ => &[Content::Totals],
        };
        let mut open_from = Vec::with_capacity(contents.len());
        for content in contents {
            let span = query.resolution.span();
            let (closed, until) = self.closed(&blocks, *content, query).await?;
            for pieces in closed {
                if let Some(start) = keys::start(span, &pieces.sort) {
                    assembly.add(span, start, *content, decoded(&pieces));
                }
            }
            open_from.push(until);
        }
        let (totals_from, from) = (open_from.first().copied(), open_from.into_iter().min());
        for pieces in self.open(&blocks, from, query).await? {
            let Some(start) = keys::start(Span::Run, &pieces.sort) else {
                continue;
            };
            // The item of a run has both. Of a day whose totals alone are closed, the parts are wanted.
            let content = match totals_from.is_some_and(|from| start < from) {
                true => Content::Parts,
                false => Content::Totals,
            };
            assembly.add(Span::Run, start, content, decoded(&pieces));
        }
        if query.tables.is_some() {
            for digest in assembly.lists() {
                if let Some(list) = blocks.list(digest).await? {
                    assembly.add_list(list);
                }
            }
        }
        assembly.finish()
    }

    /// Returns the blocks of closed days, and from when on days are open.
    async fn closed(
        &self,
        blocks: &Blocks<'_>,
        content: Content,
        query: &HistoryQuery<'_>,
    ) -> Result<(Vec<Pieces>, DateTime<Utc>), StoreError> {
        let span = query.resolution.span();
        let closed = blocks
            .between(span, content, query.from, query.last())
            .await?;
        let closed_until = closed.last().and_then(|pieces| {
            let start = keys::start(span, &pieces.sort)?;
            match (span, decoded(pieces)) {
                // The last block of days is that of the running month.
                (Span::Days, Ok(pieces)) => {
                    let last = pieces.first()?.moments.last()?;
                    let day = keys::day_start(keys::day_of(last.scheduled_at));
                    Some(keys::end(Span::Hours, day))
                }
                (_, Err(_)) => Some(start),
                (_, Ok(_)) => Some(keys::end(span, start)),
            }
        });
        let from = closed_until.unwrap_or(query.from);
        // Of days, the first one counts whole, wherever in it the range starts.
        let from = match query.resolution {
            Resolution::Runs => from.max(query.from),
            Resolution::Days => keys::day_start(keys::day_of(from.max(query.from))),
        };
        Ok((closed, from))
    }

    /// Returns the items of the runs of open days.
    async fn open(
        &self,
        blocks: &Blocks<'_>,
        from: Option<DateTime<Utc>>,
        query: &HistoryQuery<'_>,
    ) -> Result<Vec<Pieces>, StoreError> {
        match from.filter(|from| *from < query.to) {
            Some(from) => {
                let content = Content::Totals;
                blocks.between(Span::Run, content, from, query.last()).await
            }
            None => Ok(Vec::new()),
        }
    }
}

impl HistoryQuery<'_> {
    /// Returns the last second of the range.
    fn last(&self) -> DateTime<Utc> {
        self.to - chrono::TimeDelta::seconds(1)
    }
}

impl Resolution {
    fn span(self) -> Span {
        match self {
            Self::Runs => Span::Hours,
            Self::Days => Span::Days,
        }
    }
}

fn decoded(pieces: &Pieces) -> Result<Vec<Block>, Unreadable> {
    let bodies = pieces.bodies.as_ref().map_err(Clone::clone)?;
    let blocks = bodies.iter().map(|body| Block::decode(body));
    let blocks: Vec<_> = blocks.collect::<Result<_, _>>().map_err(Unreadable::from)?;
    let first = blocks.first().map(|block| &block.moments);
    if blocks.iter().any(|block| Some(&block.moments) != first) {
        return Err(Unreadable::Damaged("its pieces differ".to_owned()));
    }
    Ok(blocks)
}
