//! Readings of many series over one time axis: what blocks hold, unpacked. No I/O.

use std::collections::{BTreeMap, BTreeSet};

use super::bytes::unzigzag;
use super::reading::{Moment, Reading};
use super::series::{Measure, OwnSeries, TableKey, TableMeasure};

/// Readings of one series, one for each moment.
pub type Column = Vec<Reading>;

/// All series of a target at one moment. Series that do not exist then are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// The run.
    pub moment: Moment,
    /// Series of the target itself.
    pub own: Vec<(OwnSeries, Reading)>,
    /// Its tables, each once; in the order of their keys is the fastest to work with.
    pub tables: Vec<(TableKey, TableReadings)>,
}

/// What history keeps of a table at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TableReadings {
    /// See [`TableMeasure::TotalBytes`].
    pub total_bytes: Reading,
    /// See [`TableMeasure::ToastBytes`].
    pub toast_bytes: Reading,
    /// See [`TableMeasure::IndexBytes`].
    pub index_bytes: Reading,
    /// See [`TableMeasure::HeapDifference`].
    pub heap_difference: Reading,
    /// See [`TableMeasure::Rows`].
    pub rows: Reading,
}

impl TableReadings {
    /// Returns one of them.
    pub fn get(&self, measure: TableMeasure) -> Reading {
        match measure {
            TableMeasure::TotalBytes => self.total_bytes,
            TableMeasure::ToastBytes => self.toast_bytes,
            TableMeasure::IndexBytes => self.index_bytes,
            TableMeasure::HeapDifference => self.heap_difference,
            TableMeasure::Rows => self.rows,
        }
    }

    /// Returns the bytes of the heap: absent where they cannot be told apart, unsized where the table is.
    pub fn heap_bytes(&self) -> Reading {
        let Some(total) = self.total_bytes.value() else {
            return self.total_bytes;
        };
        let Some(difference) = self.heap_difference.value() else {
            return self.heap_difference;
        };
        let parts = [self.toast_bytes, self.index_bytes];
        let parts: i128 = parts
            .iter()
            .filter_map(|part| part.value())
            .map(i128::from)
            .sum();
        let heap = i128::from(total) - parts - i128::from(unzigzag(difference));
        Reading::or_unsized(u64::try_from(heap).ok())
    }

    /// Sets one of them.
    pub fn set(&mut self, measure: TableMeasure, reading: Reading) {
        match measure {
            TableMeasure::TotalBytes => self.total_bytes = reading,
            TableMeasure::ToastBytes => self.toast_bytes = reading,
            TableMeasure::IndexBytes => self.index_bytes = reading,
            TableMeasure::HeapDifference => self.heap_difference = reading,
            TableMeasure::Rows => self.rows = reading,
        }
    }
}

/// Puts points together into a frame.
#[derive(Debug)]
pub struct FrameBuilder(Frame);

impl FrameBuilder {
    /// Returns a builder of a frame whose tables have these measures.
    pub fn new(measures: &[TableMeasure]) -> Self {
        Self(Frame::empty(measures))
    }

    /// Adds a point that is later than all moments so far; another one is ignored.
    pub fn push(&mut self, point: &Point) {
        let Frame {
            moments,
            own,
            measures,
            tables,
        } = &mut self.0;
        let is_later = |last: &Moment| last.scheduled_at < point.moment.scheduled_at;
        if !moments.last().is_none_or(is_later) {
            return;
        }
        let before = moments.len();
        moments.push(point.moment.clone());
        let add = |column: &mut Column, reading| {
            column.resize(before, Reading::ABSENT);
            column.push(reading);
        };
        if measures.contains(&TableMeasure::TotalBytes) {
            for (series, reading) in &point.own {
                add(own.entry(series.clone()).or_default(), *reading);
            }
        }
        let first = |readings: &TableReadings| -> Vec<Column> {
            let readings = measures.iter().map(|measure| readings.get(*measure));
            readings.map(|reading| vec![reading]).collect()
        };
        if before == 0 {
            let all = point.tables.iter();
            *tables = all
                .map(|(key, readings)| (key.clone(), first(readings)))
                .collect();
            return;
        }
        for (key, readings) in &point.tables {
            if !tables.contains_key(key) {
                tables.insert(key.clone(), vec![Column::new(); measures.len()]);
            }
            for (column, measure) in tables.get_mut(key).into_iter().flatten().zip(&*measures) {
                add(column, readings.get(*measure));
            }
        }
    }

    /// Returns the frame.
    pub fn finish(mut self) -> Frame {
        self.0.make_whole();
        self.0
    }
}

/// Columns over one time axis.
///
/// Moments ascend by scheduled time. Every column has one reading for each moment, and at least one that is not
/// absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The time axis.
    pub moments: Vec<Moment>,
    /// Series of the target itself.
    pub own: BTreeMap<OwnSeries, Column>,
    /// What the columns of each table measure, in this order.
    pub measures: Vec<TableMeasure>,
    /// Columns of each table.
    pub tables: BTreeMap<TableKey, Vec<Column>>,
}

impl Frame {
    /// Returns a frame without moments.
    pub fn empty(measures: &[TableMeasure]) -> Self {
        Self {
            moments: Vec::new(),
            own: BTreeMap::new(),
            measures: measures.to_vec(),
            tables: BTreeMap::new(),
        }
    }

    /// Returns the totals or the parts of one point. The target's own series are in the totals.
    pub fn of_point(point: &Point, measures: &[TableMeasure]) -> Self {
        let mut builder = FrameBuilder::new(measures);
        builder.push(point);
        builder.finish()
    }

    /// Returns the moments and columns of both; where both have a moment, those of `self` are kept.
    ///
    /// Both have the same measures.
    #[must_use]
    pub fn merged_over(self, older: Self) -> Self {
        let mut moments: BTreeMap<_, _> = BTreeMap::new();
        for (index, moment) in older.moments.iter().enumerate() {
            moments.insert(moment.scheduled_at, (moment.clone(), None, Some(index)));
        }
        for (index, moment) in self.moments.iter().enumerate() {
            moments.insert(moment.scheduled_at, (moment.clone(), Some(index), None));
        }
        let sources: Vec<(Option<usize>, Option<usize>)> = moments
            .values()
            .map(|(_, newer, older)| (*newer, *older))
            .collect();
        let join = |newer: Option<&Column>, older: Option<&Column>| -> Column {
            let at = |column: Option<&Column>, index: &Option<usize>| {
                column.and_then(|column| column.get((*index)?).copied())
            };
            let both = sources
                .iter()
                .map(|(new, old)| at(newer, new).or_else(|| at(older, old)));
            both.map(Option::unwrap_or_default).collect()
        };
        let mut merged = Self::empty(&self.measures);
        let all_own: BTreeSet<_> = self.own.keys().chain(older.own.keys()).collect();
        for series in all_own {
            let column = join(self.own.get(series), older.own.get(series));
            merged.own.insert(series.clone(), column);
        }
        let all_tables: BTreeSet<_> = self.tables.keys().chain(older.tables.keys()).collect();
        for key in all_tables {
            let columns = (self.tables.get(key), older.tables.get(key));
            let column = |number| {
                join(
                    columns.0.and_then(|columns| columns.get(number)),
                    columns.1.and_then(|columns| columns.get(number)),
                )
            };
            let joined = (0..self.measures.len()).map(column).collect();
            merged.tables.insert(key.clone(), joined);
        }
        merged.moments = moments.into_values().map(|(moment, ..)| moment).collect();
        merged.make_whole();
        merged
    }

    /// Keeps the moments that `keep` wants.
    #[must_use]
    pub fn retained(mut self, keep: impl Fn(&Moment) -> bool) -> Self {
        let kept: Vec<bool> = self.moments.iter().map(keep).collect();
        let thin = |column: &mut Column| {
            let mut flags = kept.iter();
            column.retain(|_| flags.next().copied().unwrap_or(false));
        };
        self.own.values_mut().for_each(thin);
        self.tables.values_mut().flatten().for_each(thin);
        let mut flags = kept.iter();
        self.moments
            .retain(|_| flags.next().copied().unwrap_or(false));
        self.make_whole();
        self
    }

    /// Returns the last moment alone, with the least and greatest total of all moments beside its own.
    #[must_use]
    pub fn closed(self) -> Self {
        let Some(last) = self.moments.last().map(|moment| moment.scheduled_at) else {
            return self;
        };
        let totals = self.own.get(&OwnSeries::all(Measure::TotalBytes));
        let values = || totals.into_iter().flatten().copied();
        let known = || values().filter_map(Reading::value);
        let (least, greatest) = (known().min(), known().max());
        let mut closed = self.retained(|moment| moment.scheduled_at == last);
        for (measure, value) in [
            (Measure::DayMinBytes, least),
            (Measure::DayMaxBytes, greatest),
        ] {
            if let Some(value) = value {
                let column = vec![Reading::of(value)];
                closed.own.insert(OwnSeries::all(measure), column);
            }
        }
        closed
    }

    /// Returns the tables that exist at every moment.
    pub fn stable_tables(&self) -> impl Iterator<Item = &TableKey> {
        let is_there = |columns: &[Column], index: usize| {
            let mut readings = columns.iter().filter_map(|column| column.get(index));
            readings.any(|reading| !reading.is_absent())
        };
        let moments = 0..self.moments.len();
        self.tables
            .iter()
            .filter(move |(_, columns)| moments.clone().all(|index| is_there(columns, index)))
            .map(|(key, _)| key)
    }

    /// Gives every column a reading for each moment, and drops those that never exist.
    fn make_whole(&mut self) {
        let length = self.moments.len();
        let exists = |column: &mut Column| {
            column.resize(length, Reading::ABSENT);
            column.iter().any(|reading| !reading.is_absent())
        };
        self.own.retain(|_, column| exists(column));
        self.tables.retain(|_, columns| {
            let mut any = false;
            for column in columns {
                any |= exists(column);
            }
            any
        });
    }
}
