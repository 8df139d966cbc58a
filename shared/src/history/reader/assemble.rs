//! Puts blocks together on one time axis. No I/O.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::fill::Filler;
use super::{Gap, GapReason, GapScope, History, HistoryError, HistoryQuery, Resolution};
use crate::history::block::Block;
use crate::history::blocks::Unreadable;
use crate::history::digest::ListDigest;
use crate::history::keys::{self, Content, Span};
use crate::history::names::TableList;
use crate::history::reading::Moment;

/// A block that was read: one or more pieces with the same moments.
struct Part {
    content: Content,
    span: Span,
    start: DateTime<Utc>,
    pieces: Vec<Block>,
}

/// Blocks on their way to an answer.
pub(super) struct Assembly<'a> {
    query: &'a HistoryQuery<'a>,
    parts: Vec<Part>,
    gaps: Vec<Gap>,
    lists: HashMap<ListDigest, Arc<TableList>>,
}

impl<'a> Assembly<'a> {
    pub(super) fn new(query: &'a HistoryQuery<'a>) -> Self {
        Self {
            query,
            parts: Vec::new(),
            gaps: Vec::new(),
            lists: HashMap::new(),
        }
    }

    /// Adds the pieces of a block, or the gap that it leaves.
    pub(super) fn add(
        &mut self,
        span: Span,
        start: DateTime<Utc>,
        content: Content,
        pieces: Result<Vec<Block>, Unreadable>,
    ) {
        let scope = match content {
            Content::Totals => GapScope::Everything,
            Content::Parts => GapScope::Parts,
        };
        match pieces {
            Ok(pieces) => self.parts.push(Part {
                content,
                span,
                start,
                pieces,
            }),
            Err(unreadable) => self.gaps.push(self.gap(span, start, scope, unreadable)),
        }
    }

    fn gap(&self, span: Span, start: DateTime<Utc>, scope: GapScope, why: Unreadable) -> Gap {
        Gap {
            from: start.max(self.query.from),
            to: keys::end(span, start).min(self.query.to),
            scope,
            reason: GapReason::Unreadable(why),
        }
    }

    /// Returns the lists that blocks refer to.
    pub(super) fn lists(&self) -> BTreeSet<ListDigest> {
        let pieces = self.parts.iter().flat_map(|part| &part.pieces);
        pieces.filter_map(|block| block.list).collect()
    }

    /// Adds a list.
    pub(super) fn add_list(&mut self, list: Arc<TableList>) {
        self.lists.insert(list.digest(), list);
    }

    /// Returns the answer.
    pub(super) fn finish(mut self) -> Result<History, HistoryError> {
        let moments: Vec<Moment> = self.axis().into_values().cloned().collect();
        let mut filler = Filler::new(self.query, &moments);
        let mut gaps = Vec::new();
        for part in &self.parts {
            for block in &part.pieces {
                if part.content == Content::Totals {
                    filler.fill_own(block);
                }
                if self.query.tables.is_none() {
                    continue;
                }
                let list = block.list.map(|digest| self.lists.get(&digest));
                let filled = match list {
                    Some(None) => Err(Unreadable::ListMissing),
                    Some(Some(list)) => filler.add_tables(block, Some(list))?,
                    None => filler.add_tables(block, None)?,
                };
                let scope = match part.content {
                    Content::Totals => GapScope::Tables,
                    Content::Parts => GapScope::Parts,
                };
                let gap = |why| self.gap(part.span, part.start, scope, why);
                gaps.extend(filled.err().map(gap));
            }
        }
        if self.query.resolution == Resolution::Days {
            let open = self.parts.iter().filter(|part| part.span == Span::Run);
            filler.fill_extremes(open.flat_map(|part| &part.pieces));
        }
        self.gaps.append(&mut gaps);
        self.gaps.extend(missing_days(&moments, &self.gaps));
        self.gaps.sort_by_key(|gap| (gap.from, gap.to));
        self.gaps.dedup();
        let open = self.parts.iter().filter(|part| part.span == Span::Run);
        let open_from = open.map(|part| keys::day_of(part.start)).min();
        let (own, tables) = filler.finish();
        Ok(History {
            moments,
            own,
            tables,
            gaps: self.gaps,
            open_from,
        })
    }

    /// Returns the moments of the answer by their scheduled times.
    fn axis(&self) -> BTreeMap<DateTime<Utc>, &Moment> {
        let mut axis = BTreeMap::new();
        for part in &self.parts {
            if part.content == Content::Parts {
                continue;
            }
            let moments = part.pieces.first().map(|block| &block.moments);
            for moment in moments.into_iter().flatten() {
                let time = moment.scheduled_at;
                if time < self.query.from || time >= self.query.to {
                    continue;
                }
                axis.insert(time, moment);
                if self.query.resolution == Resolution::Days && part.span == Span::Run {
                    // Runs come in their order: the last one of a day replaces those before it.
                    let day = keys::day_start(keys::day_of(time));
                    axis.retain(|other, _| *other < day || *other >= time);
                }
            }
        }
        axis
    }
}

/// Returns the whole days between the first and the last moment that nothing is known of.
fn missing_days(moments: &[Moment], known: &[Gap]) -> Vec<Gap> {
    let mut missing = Vec::new();
    for pair in moments.windows(2) {
        let [before, after] = pair else { continue };
        let last_day = keys::day_start(keys::day_of(before.scheduled_at));
        let from = keys::end(Span::Hours, last_day);
        let to = keys::day_start(keys::day_of(after.scheduled_at));
        let is_known =
            |gap: &Gap| gap.scope == GapScope::Everything && gap.from < to && gap.to > from;
        if from < to && !known.iter().any(is_known) {
            missing.push(Gap {
                from,
                to,
                scope: GapScope::Everything,
                reason: GapReason::NoRuns,
            });
        }
    }
    missing
}
