//! Fills the columns of an answer from blocks. No I/O.
//!
//! The target's own series are filled as blocks come. Tables are filled some at a time at the end, each from all
//! blocks: then only their columns are in use, which the processor's caches hold.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};

use super::table::TableColumn;
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

/// Tables that are filled together: their columns of a month by the hour take half a megabyte.
const TOGETHER: usize = 64;

/// Number of a table in the answer; `None` when it is not wanted.
type Number = Option<usize>;

/// Number of each wanted table with its place among a block's series, in the order of the numbers.
type Order = Vec<(usize, usize)>;

/// Columns that are being filled.
pub(super) struct Filler<'a> {
    query: &'a HistoryQuery<'a>,
    /// Position of each moment on the time axis.
    positions: HashMap<DateTime<Utc>, usize>,
    own: BTreeMap<OwnSeries, Column>,
    /// Schema and name of each table, by its number.
    names: Vec<(Arc<str>, Arc<str>)>,
    /// Number of each table by its schema and name.
    numbers: HashMap<Arc<str>, HashMap<Arc<str>, usize>>,
    /// The order of each list.
    lists: HashMap<ListDigest, Arc<Order>>,
    /// Numbers of the list that came last: most of its tables are in the next one as well.
    last: Option<(Arc<TableList>, Vec<Number>)>,
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
    /// Tables of the list.
    listed_order: Arc<Order>,
    /// Tables that the list does not name.
    others_order: Order,
    /// How far either order has been filled in.
    filled: (usize, usize),
}

/// Where the moments of a block are on the time axis; `None` for those that are not on it.
struct Axis {
    positions: Vec<Option<usize>>,
    /// Position of the first moment, when the others follow it one by one.
    start: Option<usize>,
}

/// A table that is being filled.
struct Filled<'a> {
    /// What there are columns of, in their order.
    measures: &'a [TableMeasure],
    /// The columns one after the other.
    readings: &'a mut [Reading],
    identities: Vec<(usize, TableKey)>,
    seen_as: SeenAs,
}

impl<'a> Filled<'a> {
    fn new(measures: &'a [TableMeasure], readings: &'a mut [Reading]) -> Self {
        Self {
            measures,
            readings,
            identities: Vec::new(),
            seen_as: None,
        }
    }
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
            last: None,
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
        let listed_order = match list {
            Some(list) => self.order_of(list)?,
            None => Arc::default(),
        };
        let listed = list.map_or(0, |list| list.tables().len());
        let mut others_order = Order::new();
        for (key, place) in tables.others.iter().zip(listed..) {
            let number = self.number(key)?;
            others_order.extend(number.map(|number| (number, place)));
        }
        others_order.sort_unstable();
        self.sources.push(Source {
            axis: self.axis(block),
            list: list.cloned(),
            others: tables.others,
            measures: tables.measures,
            listed_order,
            others_order,
            filled: (0, 0),
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
        let exists = |column: &[Reading]| column.iter().any(|reading| !reading.is_absent());
        self.own.retain(|_, column| exists(column));
        let length = self.positions.len();
        if length == 0 {
            return (self.own, Vec::new());
        }
        let measures = match self.query.with_parts {
            true => TableMeasure::ALL.as_slice(),
            false => TableMeasure::TOTALS,
        };
        let size = measures.len() * length;
        let mut tables: Vec<TableHistory> = Vec::with_capacity(self.names.len());
        for (group, names) in self.names.chunks(TOGETHER).enumerate() {
            let mut readings = vec![Reading::ABSENT; names.len() * size];
            let mut filled: Vec<_> = readings
                .chunks_exact_mut(size)
                .map(|readings| Filled::new(measures, readings))
                .collect();
            for source in &mut self.sources {
                source.fill_all(group * TOGETHER, &mut filled);
            }
            let identities = filled.into_iter().map(|filled| filled.identities);
            let identities: Vec<_> = identities.collect();
            let readings = Arc::new(readings);
            let starts = (0..).step_by(size);
            for (((schema, table), identities), start) in names.iter().zip(identities).zip(starts) {
                let columns = (start..).step_by(length).zip(measures);
                let mut columns = columns.map(|(start, measure)| {
                    let range = start..start + length;
                    (*measure, TableColumn::of(&readings, range))
                });
                let Some((_, total_bytes)) = columns.next().filter(|(_, total)| exists(total))
                else {
                    continue;
                };
                tables.push(TableHistory {
                    schema: Arc::clone(schema),
                    table: Arc::clone(table),
                    identities,
                    total_bytes,
                    parts: columns.collect(),
                });
            }
        }
        for table in &mut tables {
            table.identities.sort_by_key(|(position, _)| *position);
            let is_same = |(_, next): &mut (usize, TableKey),
                           (_, known): &mut (usize, TableKey)| {
                next == known
            };
            table.identities.dedup_by(is_same);
        }
        tables.sort_by(|one, other| (&one.schema, &one.table).cmp(&(&other.schema, &other.table)));
        (self.own, tables)
    }

    /// Returns the order of the tables of a list.
    fn order_of(&mut self, list: &Arc<TableList>) -> Result<Arc<Order>, HistoryError> {
        if let Some(known) = self.lists.get(&list.digest()) {
            return Ok(Arc::clone(known));
        }
        let last = self.last.take();
        let last = last.iter();
        let last = last.flat_map(|(list, numbers)| list.tables().iter().zip(numbers));
        // Lists are in the order of names.
        let mut last = last.peekable();
        let mut numbers = Vec::with_capacity(list.tables().len());
        for key in list.tables() {
            let name = (&key.schema, &key.table);
            while last
                .next_if(|(known, _)| (&known.schema, &known.table) < name)
                .is_some()
            {}
            let known = last.peek();
            let known = known.filter(|(known, _)| (&known.schema, &known.table) == name);
            numbers.push(match known {
                // Of a table that is wanted, the number is that of its name.
                Some((_, Some(number))) if self.is_wanted(key) => Some(*number),
                _ => self.number(key)?,
            });
        }
        let places = numbers.iter().zip(0..);
        let mut order: Order = places
            .filter_map(|(number, place)| Some(((*number)?, place)))
            .collect();
        order.sort_unstable();
        let order = Arc::new(order);
        self.lists.insert(list.digest(), Arc::clone(&order));
        self.last = Some((Arc::clone(list), numbers));
        Ok(order)
    }

    fn is_wanted(&self, key: &TableKey) -> bool {
        self.query.tables.is_some_and(|is_wanted| is_wanted(key))
    }

    /// Returns the number of a table's name.
    fn number(&mut self, key: &TableKey) -> Result<Number, HistoryError> {
        if !self.is_wanted(key) {
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
        let (schema, table) = (&key.schema, &key.table);
        self.names.push((Arc::clone(schema), Arc::clone(table)));
        let of_schema = self.numbers.entry(Arc::clone(schema)).or_default();
        of_schema.insert(Arc::clone(table), number);
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

    /// Fills in the tables with the numbers from `first` on. Those before it are filled in already.
    fn fill_all(&mut self, first: usize, tables: &mut [Filled<'_>]) {
        let (mut listed, mut others) = self.filled;
        for (order, filled) in [
            (&*self.listed_order, &mut listed),
            (&self.others_order, &mut others),
        ] {
            for (number, place) in order.get(*filled..).unwrap_or_default() {
                let index = number.checked_sub(first);
                let Some(table) = index.and_then(|index| tables.get_mut(index)) else {
                    break;
                };
                self.fill(*place, table);
                *filled += 1;
            }
        }
        self.filled = (listed, others);
    }

    /// Fills in one series of the block.
    fn fill(&self, place: usize, table: &mut Filled<'_>) {
        let length = table.readings.len() / table.measures.len();
        for (measure, changes) in &self.measures {
            let changes = changes.of(place);
            let number = table.measures.iter().position(|each| each == measure);
            let range = number.map(|number| number * length..(number + 1) * length);
            let Some(column) = range.and_then(|range| table.readings.get_mut(range)) else {
                continue;
            };
            if *measure == TableMeasure::TotalBytes {
                let (identities, seen_as) = (&mut table.identities, &mut table.seen_as);
                copy(changes, &self.axis, column, |position| {
                    self.identify(place, identities, seen_as, position);
                });
            } else {
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
