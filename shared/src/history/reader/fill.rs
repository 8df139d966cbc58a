//! Fills the columns of an answer from blocks. No I/O.

use std::collections::{BTreeMap, HashMap};

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
    tables: Vec<TableHistory>,
    /// Number of each name.
    numbers: HashMap<(String, String), usize>,
    /// Numbers of the tables of each list.
    lists: HashMap<ListDigest, Vec<Number>>,
    /// The list, and the number in it, that each table was seen as first.
    seen_as: Vec<Option<(ListDigest, usize)>>,
}

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
            tables: Vec::new(),
            numbers: HashMap::new(),
            lists: HashMap::new(),
            seen_as: Vec::new(),
        }
    }

    /// Returns where the moments of a block are on the time axis.
    fn axis(&self, block: &Block) -> Vec<Option<usize>> {
        let moments = block.moments.iter();
        let position = |moment: &Moment| self.positions.get(&moment.scheduled_at).copied();
        moments.map(position).collect()
    }

    /// Fills in the series of the target itself.
    pub(super) fn fill_own(&mut self, block: &Block) {
        let axis = self.axis(block);
        let length = self.positions.len();
        for (series, changes) in &block.own {
            let column = self.own.entry(series.clone());
            let column = column.or_insert_with(|| vec![Reading::ABSENT; length]);
            copy(changes, 0, &axis, column, &mut Vec::new());
        }
    }

    /// Fills in the tables of a block, for which `list` is the one that it refers to.
    ///
    /// # Errors
    ///
    /// [`HistoryError::TooMany`]; inside of it why the block's tables are unreadable: nothing was filled in then.
    pub(super) fn fill_tables(
        &mut self,
        block: &Block,
        list: Option<&TableList>,
    ) -> Result<Result<(), Unreadable>, HistoryError> {
        let tables = match block.tables(list) {
            Ok(tables) => tables,
            Err(error) => return Ok(Err(error.into())),
        };
        let axis = self.axis(block);
        let mut numbers = match list {
            Some(list) => self.numbers_of(list)?,
            None => Vec::new(),
        };
        let listed = numbers.len();
        for key in &tables.others {
            numbers.push(self.number(key)?);
        }
        let names = list.map(TableList::tables).unwrap_or_default();
        let first = axis.iter().flatten().next().copied();
        let mut appearances = Vec::new();
        for (measure, changes) in &tables.measures {
            let keys = names.iter().chain(&tables.others);
            for (index, (number, key)) in numbers.iter().zip(keys).enumerate() {
                let Some(number) = *number else { continue };
                let Some(table) = self.tables.get_mut(number) else {
                    continue;
                };
                let column = match (measure, table.part_mut(*measure)) {
                    (TableMeasure::TotalBytes, _) => &mut table.total_bytes,
                    (_, Some(column)) => column,
                    (_, None) => continue,
                };
                appearances.clear();
                copy(changes, index, &axis, column, &mut appearances);
                if *measure == TableMeasure::TotalBytes {
                    let source = block.list.filter(|_| index < listed);
                    let source = source.map(|list| (list, index));
                    self.identify(number, key, source, first, &appearances);
                }
            }
        }
        Ok(Ok(()))
    }

    /// Notes the positions from which on a table's name is that of `key`, in a block that starts at `first`.
    fn identify(
        &mut self,
        number: usize,
        key: &TableKey,
        source: Option<(ListDigest, usize)>,
        first: Option<usize>,
        appearances: &[usize],
    ) {
        let (Some(table), Some(seen_as)) =
            (self.tables.get_mut(number), self.seen_as.get_mut(number))
        else {
            return;
        };
        for position in appearances {
            if table.identities.is_empty() {
                *seen_as = source;
            } else if table.identities.len() == 1
                && Some(*position) == first
                && *seen_as == source
                && source.is_some()
            {
                // The only one that has had the name so far goes on from the block before.
                continue;
            }
            table.identities.push((*position, key.clone()));
        }
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
        self.tables.retain(|table| exists(&table.total_bytes));
        for table in &mut self.tables {
            table.identities.sort_by_key(|(position, _)| *position);
            table
                .identities
                .dedup_by(|(_, next), (_, known)| next == known);
        }
        self.tables
            .sort_by(|one, other| (&one.schema, &one.table).cmp(&(&other.schema, &other.table)));
        (self.own, self.tables)
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

    /// Returns the number of a table's name, after making its columns where it is new.
    fn number(&mut self, key: &TableKey) -> Result<Number, HistoryError> {
        if !self.query.tables.is_some_and(|is_wanted| is_wanted(key)) {
            return Ok(None);
        }
        let name = (key.schema.clone(), key.table.clone());
        if let Some(number) = self.numbers.get(&name) {
            return Ok(Some(*number));
        }
        let length = self.positions.len();
        let number = self.tables.len();
        let limit = self.query.limit;
        if length.saturating_mul(number + 1) > limit {
            return Err(HistoryError::TooMany {
                points: length,
                limit,
            });
        }
        let column = vec![Reading::ABSENT; length];
        let parts = TableMeasure::PARTS.iter().filter(|_| self.query.with_parts);
        self.tables.push(TableHistory {
            schema: key.schema.clone(),
            table: key.table.clone(),
            identities: Vec::new(),
            parts: parts.map(|measure| (*measure, column.clone())).collect(),
            total_bytes: column,
        });
        self.seen_as.push(None);
        self.numbers.insert(name, number);
        Ok(Some(number))
    }
}

/// Copies a series to where its moments are on the time axis, and adds the positions from which on it exists.
///
/// What is absent is left as it is: another table may have the name then.
fn copy(
    changes: &Changes,
    series: usize,
    axis: &[Option<usize>],
    column: &mut [Reading],
    appearances: &mut Vec<usize>,
) {
    let changes = changes.of(series);
    let nexts = changes.iter().skip(1).map(|(next, _)| *next as usize);
    let mut is_there = false;
    for ((start, reading), end) in changes.iter().zip(nexts.chain([axis.len()])) {
        if reading.is_absent() {
            is_there = false;
            continue;
        }
        let run = axis.get(*start as usize..end).unwrap_or_default();
        for position in run.iter().flatten() {
            if !is_there {
                appearances.push(*position);
                is_there = true;
            }
            if let Some(target) = column.get_mut(*position) {
                *target = *reading;
            }
        }
    }
}
