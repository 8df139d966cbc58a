//! Fills the columns of an answer from blocks. No I/O.
//!
//! The target's own series are filled as blocks come. Tables are filled one after the other at the end, each from all
//! blocks: then only one table's columns are in use at a time, which the processor's caches hold.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};

use super::{HistoryError, HistoryQuery, TableHistory};
use crate::history::block::Block;
use crate::history::blocks::Unreadable;
use crate::history::columns::Changes;
use crate::history::digest::ListDigest;
use crate::history::frame::Column;
use crate::history::keys;
use crate::history::names::TableList;
use crate::history::reading::{Moment, Reading};
use crate::history::series::{Measure, OwnSeries, TableKey, TableMeasure};

/// Number of a table in the answer; `None` when it is not wanted.
type Number = Option<usize>;

/// Columns that are being filled.
pub(super) struct Filler<'a> {
    query: &'a HistoryQuery<'a>,
    /// Position of each moment on the time axis.
    positions: HashMap<DateTime<Utc>, usize>,
    own: BTreeMap<OwnSeries, Column>,
    /// Schema and name of each table, by its number.
    names: Vec<(String, String)>,
    /// Number of each table by its schema and name.
    numbers: HashMap<String, HashMap<String, usize>>,
    /// Numbers of the tables of each list.
    lists: HashMap<ListDigest, Vec<Number>>,
    /// Tables of the blocks, in the order of the blocks.
    sources: Vec<Source>,
}

/// The tables of one block.
struct Source {
    axis: Axis,
    list: Option<Arc<TableList>>,
    /// Tables that the list does not name.
    others: Vec<TableKey>,
    measures: Vec<(TableMeasure, Changes)>,
    /// Number of each wanted table with its place among the block's series, in the order of the numbers.
    order: Vec<(usize, usize)>,
}

/// Where the moments of a block are on the time axis; `None` for those that are not on it.
struct Axis {
    positions: Vec<Option<usize>>,
    /// Position of the first moment, when the others follow it one by one.
    start: Option<usize>,
}

/// What a table was seen as first: the list and its place there; `None` for a table that a block names itself.
type SeenAs = Option<(ListDigest, usize)>;

impl<'a> Filler<'a> {
    pub(super) fn new(query: &'a HistoryQuery<'a>, moments: &[Moment]) -> Self {
        let times = moments.iter().map(|moment| moment.scheduled_at);
        Self {
            query,
            positions: times
                .enumerate()
                .map(|(index, time)| (time, index))
                .collect(),
            own: BTreeMap::new(),
            names: Vec::new(),
            numbers: HashMap::new(),
            lists: HashMap::new(),
            sources: Vec::new(),
        }
    }

    fn axis(&self, block: &Block) -> Axis {
        let moments = block.moments.iter();
        let position = |moment: &Moment| self.positions.get(&moment.scheduled_at).copied();
        let positions: Vec<_> = moments.map(position).collect();
        let start = positions.first().copied().flatten();
        let follow = |start: &usize| {
            (*start..)
                .zip(&positions)
                .all(|(at, found)| Some(at) == *found)
        };
        Axis {
            start: start.filter(follow),
            positions,
        }
    }

    /// Fills in the series of the target itself.
    pub(super) fn fill_own(&mut self, block: &Block) {
        let axis = self.axis(block);
        let length = self.positions.len();
        for (series, changes) in &block.own {
            let column = self.own.entry(series.clone());
            let column = column.or_insert_with(|| vec![Reading::ABSENT; length]);
            copy(changes.of(0), &axis, column, |_| ());
        }
    }

    /// Takes in the tables of a block, for which `list` is the one that it refers to.
    ///
    /// # Errors
    ///
    /// [`HistoryError::TooMany`]; inside of it why the block's tables are unreadable: nothing was taken in then.
    pub(super) fn add_tables(
        &mut self,
        block: &Block,
        list: Option<&Arc<TableList>>,
    ) -> Result<Result<(), Unreadable>, HistoryError> {
        let last = match self.query.with_parts {
            true => None,
            false => Some(TableMeasure::TotalBytes),
        };
        let tables = match block.tables_until(last, list.map(|list| &**list)) {
            Ok(tables) => tables,
            Err(error) => return Ok(Err(error.into())),
        };
        let mut numbers = match list {
            Some(list) => self.numbers_of(list)?,
            None => Vec::new(),
        };
        for key in &tables.others {
            numbers.push(self.number(key)?);
        }
        let places = numbers.into_iter().zip(0..);
        let mut order: Vec<_> = places
            .filter_map(|(number, place)| Some((number?, place)))
            .collect();
        order.sort_unstable();
        self.sources.push(Source {
            axis: self.axis(block),
            list: list.cloned(),
            others: tables.others,
            measures: tables.measures,
            order,
        });
        Ok(Ok(()))
    }

    /// Fills in the least and the greatest total of days that are not closed, from all of their runs.
    pub(super) fn fill_extremes<'b>(&mut self, runs: impl Iterator<Item = &'b Block>) {
        let total = OwnSeries::all(Measure::TotalBytes);
        let mut days: BTreeMap<NaiveDate, (u64, u64)> = BTreeMap::new();
        let mut last = BTreeMap::new();
        for block in runs {
            let found = block.own.iter().find(|(series, _)| *series == total);
            let value = found.and_then(|(_, changes)| changes.of(0).first()?.1.value());
            let time = block.moments.first().map(|moment| moment.scheduled_at);
            let (Some(value), Some(time)) = (value, time) else {
                continue;
            };
            let day = keys::day_of(time);
            let (least, greatest) = days.entry(day).or_insert((value, value));
            (*least, *greatest) = (value.min(*least), value.max(*greatest));
            last.extend(self.positions.get(&time).map(|position| (day, *position)));
        }
        let length = self.positions.len();
        for (day, (least, greatest)) in days {
            let Some(position) = last.get(&day) else {
                continue;
            };
            for (measure, value) in [
                (Measure::DayMinBytes, least),
                (Measure::DayMaxBytes, greatest),
            ] {
                let column = self.own.entry(OwnSeries::all(measure));
                let column = column.or_insert_with(|| vec![Reading::ABSENT; length]);
                if let Some(reading) = column.get_mut(*position) {
                    *reading = Reading::of(value);
                }
            }
        }
    }

    /// Returns the columns, of series that exist at some moment.
    pub(super) fn finish(mut self) -> (BTreeMap<OwnSeries, Column>, Vec<TableHistory>) {
        let exists = |column: &Column| column.iter().any(|reading| !reading.is_absent());
        self.own.retain(|_, column| exists(column));
        let length = self.positions.len();
        let parts = TableMeasure::PARTS.iter().filter(|_| self.query.with_parts);
        let mut tables = Vec::with_capacity(self.names.len());
        // How far each source has been filled in.
        let mut filled = vec![0; self.sources.len()];
        for (number, (schema, table)) in self.names.into_iter().enumerate() {
            let column = || vec![Reading::ABSENT; length];
            let mut table = TableHistory {
                schema,
                table,
                identities: Vec::new(),
                parts: parts.clone().map(|measure| (*measure, column())).collect(),
                total_bytes: column(),
            };
            let mut seen_as = None;
            for (source, filled) in self.sources.iter().zip(&mut filled) {
                let left = source.order.get(*filled..).unwrap_or_default();
                for (_, place) in left.iter().take_while(|(of, _)| *of == number) {
                    source.fill(*place, &mut table, &mut seen_as);
                    *filled += 1;
                }
            }
            if exists(&table.total_bytes) {
                table.identities.sort_by_key(|(position, _)| *position);
                let is_same = |(_, next): &mut (usize, TableKey),
                               (_, known): &mut (usize, TableKey)| {
                    next == known
                };
                table.identities.dedup_by(is_same);
                tables.push(table);
            }
        }
        tables.sort_by(|one, other| (&one.schema, &one.table).cmp(&(&other.schema, &other.table)));
        (self.own, tables)
    }

    fn numbers_of(&mut self, list: &TableList) -> Result<Vec<Number>, HistoryError> {
        if let Some(known) = self.lists.get(&list.digest()) {
            return Ok(known.clone());
        }
        let mut numbers = Vec::with_capacity(list.tables().len());
        for key in list.tables() {
            numbers.push(self.number(key)?);
        }
        self.lists.insert(list.digest(), numbers.clone());
        Ok(numbers)
    }

    /// Returns the number of a table's name.
    fn number(&mut self, key: &TableKey) -> Result<Number, HistoryError> {
        if !self.query.tables.is_some_and(|is_wanted| is_wanted(key)) {
            return Ok(None);
        }
        let of_schema = self.numbers.get(&key.schema);
        if let Some(number) = of_schema.and_then(|tables| tables.get(&key.table)) {
            return Ok(Some(*number));
        }
        let points = self.positions.len();
        let number = self.names.len();
        let limit = self.query.limit;
        if points.saturating_mul(number + 1) > limit {
            return Err(HistoryError::TooMany { points, limit });
        }
        self.names.push((key.schema.clone(), key.table.clone()));
        let of_schema = self.numbers.entry(key.schema.clone()).or_default();
        of_schema.insert(key.table.clone(), number);
        Ok(Some(number))
    }
}

impl Source {
    /// Returns the key of a series, and what it is seen as.
    fn key(&self, place: usize) -> Option<(&TableKey, SeenAs)> {
        let listed = self
            .list
            .as_ref()
            .map(|list| (list.digest(), list.tables()));
        let (digest, listed) = listed.unzip();
        let listed = listed.unwrap_or_default();
        match listed.get(place) {
            Some(key) => Some((key, digest.map(|digest| (digest, place)))),
            None => Some((self.others.get(place - listed.len())?, None)),
        }
    }

    /// Fills in one series of the block.
    fn fill(&self, place: usize, table: &mut TableHistory, seen_as: &mut SeenAs) {
        for (measure, changes) in &self.measures {
            let changes = changes.of(place);
            if *measure == TableMeasure::TotalBytes {
                let (axis, identities) = (&self.axis, &mut table.identities);
                copy(changes, axis, &mut table.total_bytes, |position| {
                    self.identify(place, identities, seen_as, position);
                });
            } else if let Some(column) = table.part_mut(*measure) {
                copy(changes, &self.axis, column, |_| ());
            }
        }
    }

    /// Notes a position from which on a table's name is that of this block's series.
    fn identify(
        &self,
        place: usize,
        identities: &mut Vec<(usize, TableKey)>,
        seen_as: &mut SeenAs,
        position: usize,
    ) {
        let Some((key, source)) = self.key(place) else {
            return;
        };
        let first = self.axis.positions.iter().flatten().next();
        if identities.is_empty() {
            *seen_as = source;
        } else if identities.len() == 1
            && Some(&position) == first
            && *seen_as == source
            && source.is_some()
        {
            // The only one that has had the name so far goes on from the block before.
            return;
        }
        identities.push((position, key.clone()));
    }
}

/// Copies a series to where its moments are on the time axis, and tells the positions from which on it exists.
///
/// What is absent is left as it is: another table may have the name then.
fn copy(
    changes: &[(u32, Reading)],
    axis: &Axis,
    column: &mut [Reading],
    mut appears: impl FnMut(usize),
) {
    let nexts = changes.iter().skip(1).map(|(next, _)| *next as usize);
    let ends = nexts.chain([axis.positions.len()]);
    let mut is_there = false;
    for ((start, reading), end) in changes.iter().zip(ends) {
        if reading.is_absent() {
            is_there = false;
            continue;
        }
        let start = *start as usize;
        let run = axis.positions.get(start..end).unwrap_or_default();
        if let Some(first) = run.iter().flatten().next()
            && !is_there
        {
            appears(*first);
            is_there = true;
        }
        match axis.start {
            Some(offset) => {
                let targets = column.get_mut(offset + start..offset + end);
                targets
                    .into_iter()
                    .for_each(|targets| targets.fill(*reading));
            }
            None => {
                for position in run.iter().flatten() {
                    if let Some(target) = column.get_mut(*position) {
                        *target = *reading;
                    }
                }
            }
        }
    }
}
