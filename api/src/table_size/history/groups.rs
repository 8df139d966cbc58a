//! Series of tables, one by one or in sums. No I/O.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use shared::history::resample::{sum, top};
use shared::history::{History, Measure, OwnSeries, Reading, TableHistory, TableKey, TableMeasure};

use crate::history::{
    Grouped, Line, Readings, Selection, SeriesName, Source, Unit, UnsizedTableView, Window,
    hide_gaps,
};
use crate::http::endpoint::Call;

/// The series that a request asks for.
pub(super) struct TableSeries<'a> {
    schema: Option<&'a str>,
    table: Option<&'a str>,
    module: Option<&'a str>,
    group: Group,
    measure: &'a str,
    top: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Group {
    Total,
    Module,
    Table,
}

/// What the tables of one series have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Key<'h> {
    All,
    Module(Option<&'h str>),
    Table(&'h str, &'h str),
}

/// The tables of each series.
type Groups<'h> = BTreeMap<Key<'h>, Vec<&'h TableHistory>>;

impl<'a> TableSeries<'a> {
    pub(super) fn of(call: &'a Call<'_>) -> Self {
        let text = |name| call.parameters.text(name);
        Self {
            schema: text("schema"),
            table: text("table"),
            module: text("module"),
            group: match text("group") {
                Some("module") => Group::Module,
                Some("table") => Group::Table,
                _ => Group::Total,
            },
            measure: text("measure").unwrap_or("total"),
            top: usize::try_from(call.parameters.number("top")).unwrap_or(usize::MAX),
        }
    }
}

impl TableSeries<'_> {
    /// Returns whether it selects tables.
    pub(super) fn is_narrow(&self) -> bool {
        self.schema.is_some() || self.table.is_some() || self.module.is_some()
    }

    /// Returns whether tables are read: without, the one series is that of the database itself.
    pub(super) fn needs_tables(&self) -> bool {
        self.is_narrow() || self.group != Group::Total || self.needs_parts()
    }

    /// Returns whether measures other than totals are read.
    pub(super) fn needs_parts(&self) -> bool {
        self.measure != "total"
    }

    /// Returns whether a table may be selected. Its module is not known while it cannot be sized.
    pub(super) fn may_want(&self, key: &TableKey) -> bool {
        self.schema.is_none_or(|schema| *schema == *key.schema)
            && self.table.is_none_or(|table| *table == *key.table)
            && (self.module.is_none()
                || key.module.is_none()
                || self.module == key.module.as_deref())
    }

    /// Returns whether a table is in the answer: a partition only by its own name, as its table has its bytes.
    fn wants(&self, table: &TableHistory) -> bool {
        let is_module = self.module.is_none() || self.module == table.module();
        let is_by_name = self.group == Group::Table && self.table.is_some();
        is_module && (is_by_name || !table.is_partition())
    }

    fn groups<'h>(&self, history: &'h History) -> Groups<'h> {
        let mut groups = Groups::new();
        for table in history.tables.iter().filter(|table| self.wants(table)) {
            let key = match self.group {
                Group::Total => Key::All,
                Group::Module => Key::Module(table.module()),
                Group::Table => Key::Table(&table.schema, &table.table),
            };
            groups.entry(key).or_default().push(table);
        }
        groups
    }

    /// Returns the readings of a table. What exists without this measure is unsized: a sum without it would be too small.
    fn readings<'h>(&self, table: &'h TableHistory) -> Cow<'h, [Reading]> {
        let readings = match self.measure {
            "heap" => Cow::Owned(table.heap_bytes()),
            "toast" => Cow::Borrowed(table.column(TableMeasure::ToastBytes)),
            "index" => Cow::Borrowed(table.column(TableMeasure::IndexBytes)),
            "rows" => Cow::Borrowed(table.column(TableMeasure::Rows)),
            _ => return Cow::Borrowed(&table.total_bytes),
        };
        let known = |(total, reading): (&Reading, &Reading)| match reading.is_absent() {
            true if !total.is_absent() => Reading::UNSIZED,
            _ => *reading,
        };
        table
            .total_bytes
            .iter()
            .zip(&*readings)
            .map(known)
            .collect()
    }

    /// Returns the sum of tables.
    fn sum<'h>(&self, history: &History, tables: &[&'h TableHistory]) -> Cow<'h, [Reading]> {
        let mut readings = match tables {
            [table] => self.readings(table),
            tables => {
                let all: Vec<_> = tables.iter().map(|table| self.readings(table)).collect();
                let all: Vec<_> = all.iter().map(|readings| &**readings).collect();
                Cow::Owned(sum(&all))
            }
        };
        hide_gaps(history, &mut readings, self.needs_parts());
        readings
    }

    /// Returns the name of a series of `tables`.
    fn name(&self, key: &Key<'_>, tables: &[&TableHistory]) -> SeriesName {
        match key {
            Key::All => SeriesName {
                table_count: Some(tables.len()),
                ..SeriesName::of(self.total_name())
            },
            Key::Module(module) => SeriesName {
                module: module.map(str::to_owned),
                table_count: Some(tables.len()),
                ..SeriesName::of(module.unwrap_or("no_module"))
            },
            Key::Table(schema, table) => SeriesName {
                module: tables
                    .iter()
                    .find_map(|table| table.module())
                    .map(str::to_owned),
                schema: Some((*schema).to_owned()),
                table: Some((*table).to_owned()),
                ..SeriesName::of(table)
            },
        }
    }

    fn total_name(&self) -> &'static str {
        match self.measure {
            "heap" => "heap_bytes",
            "toast" => "toast_bytes",
            "index" => "index_bytes",
            "rows" => "row_estimate",
            _ => "table_bytes",
        }
    }

    fn line<'h>(
        &self,
        key: &Key<'h>,
        tables: &[&'h TableHistory],
        readings: Readings<'h>,
        days: &Groups<'_>,
    ) -> Line<'h> {
        let breaks = |tables: &[&TableHistory]| match (key, tables) {
            (Key::Table(..), [table]) => table.breaks(),
            _ => Vec::new(),
        };
        let of_days = days.get(key).map(Vec::as_slice).unwrap_or_default();
        Line {
            name: self.name(key, tables),
            readings,
            breaks: [breaks(tables), breaks(of_days)],
            can_end: *key != Key::All,
        }
    }

    /// Returns tables without a value at any moment.
    fn never_sized(&self, groups: &Groups<'_>) -> Vec<UnsizedTableView> {
        let tables = groups.values().flatten();
        let is_never = |table: &&&TableHistory| {
            !self
                .readings(table)
                .iter()
                .any(|reading| reading.value().is_some())
        };
        let mut never: Vec<_> = tables
            .filter(is_never)
            .map(|table| UnsizedTableView {
                schema: table.schema.to_string(),
                table: table.table.to_string(),
            })
            .collect();
        never
            .sort_unstable_by(|one, two| (&one.schema, &one.table).cmp(&(&two.schema, &two.table)));
        never
    }
}

impl Selection for TableSeries<'_> {
    fn has_day_extremes(&self) -> bool {
        !self.needs_tables()
    }

    fn group<'h>(&self, window: &Window, source: &'h Source) -> Grouped<'h> {
        if !self.needs_tables() {
            let total = window.own(source, &OwnSeries::all(Measure::TotalBytes));
            return Grouped {
                unit: Unit::Bytes,
                lines: vec![Line::endless(SeriesName::of("total_bytes"), total.clone())],
                total,
                never_sized: Vec::new(),
            };
        }
        let groups = self.groups(&source.shown);
        let days = self.groups(&source.days);
        let sums: Vec<_> = groups
            .iter()
            .map(|(key, tables)| (*key, self.sum(&source.shown, tables)))
            .collect();
        let columns: Vec<_> = sums
            .iter()
            .map(|(key, readings)| (*key, &**readings))
            .collect();
        let found = top(&columns, self.top);
        let of_days = |tables: Vec<_>| self.sum(&source.days, &tables);
        let shown = found.shown.iter().filter_map(|index| sums.get(*index));
        let shown_keys: BTreeSet<_> = shown.clone().map(|(key, _)| *key).collect();
        let mut lines: Vec<_> = shown
            .filter_map(|(key, readings)| {
                let readings = Readings {
                    shown: readings.clone(),
                    days: of_days(days.get(key).cloned().unwrap_or_default()),
                };
                Some(self.line(key, groups.get(key)?, readings, &days))
            })
            .collect();
        if let Some(other) = found.other {
            let never_sized = found
                .never_sized
                .iter()
                .filter_map(|index| sums.get(*index));
            let never_sized: BTreeSet<_> = never_sized.map(|(key, _)| *key).collect();
            let is_other = |key: &Key<'_>| !shown_keys.contains(key) && !never_sized.contains(key);
            let count = groups.iter().filter(|(key, _)| is_other(key));
            let name = SeriesName {
                table_count: Some(count.map(|(_, tables)| tables.len()).sum()),
                ..SeriesName::of("other")
            };
            let days = days.iter().filter(|(key, _)| !shown_keys.contains(key));
            let days = days.flat_map(|(_, tables)| tables.iter().copied());
            let readings = Readings {
                shown: Cow::Owned(other),
                days: of_days(days.collect()),
            };
            lines.push(Line::endless(name, readings));
        }
        let all = days.values().flatten().copied();
        Grouped {
            unit: match self.measure {
                "rows" => Unit::Rows,
                _ => Unit::Bytes,
            },
            lines,
            total: Readings {
                shown: Cow::default(),
                days: of_days(all.collect()),
            },
            never_sized: self.never_sized(&groups),
        }
    }
}
