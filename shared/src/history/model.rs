//! A database that changes like real ones, for measurements and tests of history. Deterministic.
//!
//! Of its tables 70 % never change, 18 % change slowly, 7 % grow steadily, 3 % are cleaned up every night, 1 % grow by one
//! step, and 1 % come and go. Sizes are pages of 8 KiB; most changes happen in office hours; about an eighth of all
//! table-hours have a change.

use chrono::{DateTime, Datelike, TimeDelta, Timelike, Utc, Weekday};

use super::basis::Basis;
use super::frame::{Point, TableReadings};
use super::reading::{Moment, Reading};
use super::series::{Measure, OwnSeries, TableKey};
use crate::fleet::Engine;
use crate::snapshot::{Completeness, DatabaseSize, MendixCatalogue, ServerStorage, TableSize};

const PAGE: u64 = 8192;
const MODULES: [&str; 12] = [
    "Sales",
    "Administration",
    "Billing",
    "Logistics",
    "Planning",
    "Documents",
    "Integration",
    "Notification",
    "Reporting",
    "MasterData",
    "Audit",
    "Customer",
];
const NOUNS: [&str; 24] = [
    "order",
    "orderline",
    "customer",
    "invoice",
    "payment",
    "address",
    "contact",
    "document",
    "attachment",
    "shipment",
    "product",
    "price",
    "stock",
    "message",
    "template",
    "account",
    "role",
    "task",
    "schedule",
    "import",
    "export",
    "log",
    "setting",
    "mapping",
];

/// A small generator of random numbers: the same seed gives the same numbers.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Returns the generator of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns the next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `limit`, which is not 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.number() % limit
    }

    /// Returns whether something happens that happens `percent` of the time.
    pub fn happens(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

enum Shape {
    Constant,
    Slow,
    Steady { pages: u64 },
    CleanedUp { pages: u64 },
    OneStep,
    ComesAndGoes,
}

struct Table {
    key: TableKey,
    shape: Shape,
    is_there: bool,
    heap: u64,
    toast: u64,
    index: u64,
    rows: u64,
    /// Rows by the last analysis, which runs when a tenth of them has changed.
    analysed_rows: u64,
}

/// The database.
pub struct Model {
    random: Random,
    tables: Vec<Table>,
}

impl Model {
    /// Returns a database with so many tables.
    pub fn new(tables: u64, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let tables = (0..tables)
            .map(|number| table(&mut random, number))
            .collect();
        Self { random, tables }
    }

    /// Lets an hour go by that starts at `scheduled_at`, and returns the sizes at its start.
    pub fn hour(&mut self, scheduled_at: DateTime<Utc>) -> Point {
        let point = self.point(scheduled_at);
        let is_weekend = matches!(scheduled_at.weekday(), Weekday::Sat | Weekday::Sun);
        let is_busy = (7..19).contains(&scheduled_at.hour()) && !is_weekend;
        for table in &mut self.tables {
            table.step(&mut self.random, scheduled_at.hour(), is_busy);
        }
        point
    }

    /// Returns what a collector measures at a point.
    pub fn measurement(point: &Point) -> DatabaseSize {
        let own = |measure| {
            let mut series = point.own.iter();
            let found = series.find(|(series, _)| *series == OwnSeries::all(measure));
            found.and_then(|(_, reading)| reading.value())
        };
        let table = |(key, readings): &(TableKey, TableReadings)| TableSize {
            table_id: key.table_id,
            module: key.module.as_deref().map(str::to_owned),
            heap_bytes: readings.heap_bytes().value(),
            toast_bytes: readings.toast_bytes.value(),
            index_bytes: readings.index_bytes.value(),
            total_bytes: readings.total_bytes.value().unwrap_or_default(),
            row_estimate: readings.rows.value(),
            ..TableSize::named(&*key.schema, &*key.table)
        };
        DatabaseSize {
            engine: Engine::Postgres,
            database: "bench".into(),
            total_bytes: own(Measure::TotalBytes).unwrap_or_default(),
            system_bytes: own(Measure::SystemBytes),
            server_role: None,
            mendix_catalogue: Some(MendixCatalogue::Read),
            tables: point.tables.iter().map(table).collect(),
            unsized_tables: Vec::new(),
            storage: ServerStorage::not_asked(),
        }
    }

    /// Returns the sizes as a point of the time that is given.
    pub fn point(&mut self, scheduled_at: DateTime<Utc>) -> Point {
        let late = i64::try_from(700 + self.random.below(2000)).unwrap_or_default();
        let there = self.tables.iter().filter(|table| table.is_there);
        let tables: Vec<_> = there
            .map(|table| (table.key.clone(), table.readings()))
            .collect();
        let bytes: u64 = tables
            .iter()
            .filter_map(|(_, readings)| readings.total_bytes.value())
            .sum();
        let own = |measure, value| (OwnSeries::all(measure), Reading::of(value));
        Point {
            moment: Moment {
                scheduled_at,
                taken_at: scheduled_at + TimeDelta::milliseconds(late),
                completeness: Completeness::Complete,
                basis: Basis::new(&[("engine", "postgres")]),
            },
            own: vec![
                own(Measure::TotalBytes, bytes + 9_400_003),
                own(Measure::TableBytes, bytes),
                own(Measure::SystemBytes, 9_200_000),
                own(Measure::OtherBytes, 200_003),
                own(Measure::TableCount, tables.len() as u64),
            ],
            tables,
        }
    }
}

fn table(random: &mut Random, number: u64) -> Table {
    let word = |random: &mut Random, words: &[&'static str]| {
        let limit = words.len() as u64;
        let index = usize::try_from(random.below(limit)).unwrap_or_default();
        words.get(index).copied().unwrap_or_default()
    };
    let module = word(random, &MODULES);
    let (one, other) = (word(random, &NOUNS), word(random, &NOUNS));
    let shape = match random.below(100) {
        0..70 => Shape::Constant,
        70..88 => Shape::Slow,
        88..95 => Shape::Steady {
            pages: 1 + random.below(12),
        },
        95..98 => Shape::CleanedUp {
            pages: 5 + random.below(60),
        },
        98 => Shape::OneStep,
        _ => Shape::ComesAndGoes,
    };
    let magnitude = random.below(13);
    let heap = random.below(1 << magnitude);
    Table {
        key: TableKey {
            schema: "public".into(),
            table: format!("{}${one}{other}{number}", module.to_lowercase()).into(),
            table_id: Some(16_384 + number * 7),
            module: Some(module.into()),
            is_partition: false,
        },
        shape,
        is_there: true,
        heap,
        toast: 1 + random.below(1 + heap / 4),
        index: 2 + heap / 3,
        rows: heap * 57,
        analysed_rows: heap * 57,
    }
}

impl Table {
    fn step(&mut self, random: &mut Random, hour: u32, is_busy: bool) {
        let is_night = hour == 2;
        match self.shape {
            Shape::Constant => {}
            Shape::Slow if random.happens(if is_busy { 30 } else { 5 }) => self.grow(random, 1),
            Shape::Steady { pages } if is_busy || random.happens(75) => self.grow(random, pages),
            Shape::CleanedUp { .. } if is_night => {
                self.heap /= 3;
                self.index = 2 + self.heap / 3;
                self.rows = self.heap * 57;
            }
            Shape::CleanedUp { pages } if is_busy || random.happens(60) => {
                self.grow(random, pages);
            }
            Shape::OneStep if random.below(840) == 0 => self.grow(random, 5000),
            Shape::ComesAndGoes if random.happens(20) => self.is_there = !self.is_there,
            _ => {}
        }
        if self.rows.abs_diff(self.analysed_rows) > 50 + self.analysed_rows / 10 {
            self.analysed_rows = self.rows;
        }
    }

    fn grow(&mut self, random: &mut Random, pages: u64) {
        let grown = 1 + random.below(pages);
        self.heap += grown;
        self.rows += grown * 57 + random.below(57);
        self.index += grown / 3 + u64::from(random.happens(30));
        self.toast += u64::from(random.happens(15)) * (1 + random.below(pages));
    }

    fn readings(&self) -> TableReadings {
        TableReadings {
            total_bytes: Reading::of((self.heap + self.toast + self.index) * PAGE),
            toast_bytes: Reading::of(self.toast * PAGE),
            index_bytes: Reading::of(self.index * PAGE),
            heap_difference: Reading::of(0),
            rows: Reading::of(self.analysed_rows),
        }
    }
}
