//! The parts that a size has at one time, and their names.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::history::frame::Point;
use crate::history::reading::Reading;
use crate::history::series::{Measure, OwnSeries};

/// Measured parts of storage that add up, with what each measures.
const STORAGE: [(PartKind, Measure); 4] = [
    (PartKind::Current, Measure::CurrentBytes),
    (PartKind::Noncurrent, Measure::NoncurrentBytes),
    (PartKind::Multipart, Measure::MultipartBytes),
    (PartKind::Used, Measure::UsedBytes),
];
/// What stands for all storage where none of these was measured, the first that there is.
const WHOLE_STORAGE: [(PartKind, Measure); 2] = [
    (PartKind::Provisioned, Measure::ProvisionedBytes),
    (PartKind::Whole, Measure::TotalBytes),
];

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PartKind {
    /// A table, with its partitions.
    Table,
    /// All tables of a Mendix module, or those that belong to none.
    Module,
    /// The tables of the system schemas.
    System,
    /// What neither a table nor the system schemas have, such as sequences, temporary files and tables that were not
    /// sized both times.
    Unattributed,
    /// Current objects.
    Current,
    /// Versions that are no longer current.
    Noncurrent,
    /// Incomplete uploads.
    Multipart,
    /// Bytes in use of storage that is not a bucket.
    Used,
    /// Allocated bytes of storage that is not a bucket.
    Provisioned,
    /// The whole storage, as one number or by CloudWatch's storage types.
    Whole,
}

impl PartKind {
    /// Returns the word for it in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Module => "module",
            Self::System => "system",
            Self::Unattributed => "unattributed",
            Self::Current => "current",
            Self::Noncurrent => "noncurrent",
            Self::Multipart => "multipart",
            Self::Used => "used",
            Self::Provisioned => "provisioned",
            Self::Whole => "whole",
        }
    }

    /// Returns whether it is shown beyond the number of parts that was asked for.
    pub(super) fn is_always_shown(self) -> bool {
        matches!(self, Self::System | Self::Unattributed)
    }
}

/// Name of a part. Fields that do not apply to its kind are left out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct PartName {
    /// What the part is.
    pub part: PartKind,
    /// Schema name of a table; the database's own name on MySQL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// Table name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// Mendix module; left out for tables that belong to none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// Storage class, volume type or storage type; left out for a part that is not divided by class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_class: Option<String>,
}

impl PartName {
    /// Returns the name of a part that there is only one of.
    pub(super) fn of_kind(part: PartKind) -> Self {
        Self {
            part,
            schema: None,
            table: None,
            module: None,
            storage_class: None,
        }
    }

    /// Returns the name of a module's tables, or of those without one.
    pub(super) fn of_module(module: Option<String>) -> Self {
        Self {
            module,
            ..Self::of_kind(PartKind::Module)
        }
    }

    /// Returns what identifies the part at one time: the module is no part of it.
    pub(super) fn key(&self) -> (PartKind, Option<&str>, Option<&str>, Option<&str>) {
        (
            self.part,
            self.schema.as_deref(),
            self.table.as_deref(),
            self.storage_class.as_deref(),
        )
    }

    /// Returns whether `later` is another name of the same part.
    pub(super) fn is_renamed_to(&self, later: &Self) -> bool {
        self.key() != later.key()
    }
}

/// The name to show.
impl fmt::Display for PartName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own = match self.part {
            PartKind::Table => self.table.as_deref(),
            PartKind::Module => self.module.as_deref().or(Some("no_module")),
            _ => self.storage_class.as_deref(),
        };
        formatter.write_str(own.unwrap_or(self.part.as_str()))
    }
}

/// A part at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) name: PartName,
    /// The engine's own number for a table; `None` where it is not known, and for all other parts.
    pub(super) id: Option<u64>,
    /// Its size; `None` when that is not known.
    pub(super) bytes: Option<u64>,
}

/// Returns the tables and the system schemas at two times.
pub(super) fn of_database(from: &Point, to: &Point) -> [Vec<Part>; 2] {
    let mut sides = [tables(from), tables(to)];
    let system = [from, to].map(|point| own(point, &OwnSeries::all(Measure::SystemBytes)));
    add_whole(&mut sides, PartKind::System, system);
    sides
}

/// Returns the bytes of a database in total; `None` when they are not known.
pub(super) fn database_total(point: &Point) -> Option<u64> {
    own(point, &OwnSeries::all(Measure::TotalBytes)).value()
}

/// Returns the measured parts of storage by class at two times.
pub(super) fn of_storage(from: &Point, to: &Point) -> [Vec<Part>; 2] {
    let mut sides = [Vec::new(), Vec::new()];
    for (kind, measure) in STORAGE {
        add_measure(&mut sides, [from, to], kind, measure);
    }
    for (kind, measure) in WHOLE_STORAGE {
        if sides.iter().all(Vec::is_empty) {
            add_measure(&mut sides, [from, to], kind, measure);
        }
    }
    sides
}

/// Returns the tables of a point. Partitions are left out: their bytes are their table's.
fn tables(point: &Point) -> Vec<Part> {
    let counted = point.tables.iter().filter(|(key, readings)| {
        let is_there = !readings.total_bytes.is_absent();
        is_there && !key.is_partition
    });
    let part = counted.map(|(key, readings)| Part {
        name: PartName {
            part: PartKind::Table,
            schema: Some(key.schema.to_string()),
            table: Some(key.table.to_string()),
            module: key.module.as_deref().map(str::to_owned),
            storage_class: None,
        },
        id: key.table_id,
        bytes: readings.total_bytes.value(),
    });
    part.collect()
}

/// Adds a measure by class where it has a size at both times.
fn add_measure(sides: &mut [Vec<Part>; 2], points: [&Point; 2], kind: PartKind, measure: Measure) {
    let totals = points.map(|point| own(point, &OwnSeries::all(measure)));
    let classes = points.map(|point| classes(point, measure));
    let rests = [0, 1].map(|side: usize| {
        let total = totals.get(side)?.value()?;
        let classes = classes.get(side)?.values();
        let known = classes.copied().try_fold(0_u64, u64::checked_add)?;
        total.checked_sub(known)
    });
    let ([Some(first), Some(second)], false) = (rests, classes.iter().all(BTreeMap::is_empty))
    else {
        add_whole(sides, kind, totals);
        return;
    };
    for ((side, classes), rest) in sides.iter_mut().zip(classes).zip([first, second]) {
        let class = |(class, bytes)| Part {
            name: PartName {
                storage_class: Some(class),
                ..PartName::of_kind(kind)
            },
            id: None,
            bytes: Some(bytes),
        };
        side.extend(classes.into_iter().map(class));
        if rest > 0 {
            side.push(Part {
                name: PartName::of_kind(kind),
                id: None,
                bytes: Some(rest),
            });
        }
    }
}

/// Adds a part that is one number; nothing when it was measured at neither time. Not measured is not absent: the part
/// exists at both times, and its size is not known at one.
fn add_whole(sides: &mut [Vec<Part>; 2], kind: PartKind, readings: [Reading; 2]) {
    if readings.iter().all(|reading| reading.is_absent()) {
        return;
    }
    for (side, reading) in sides.iter_mut().zip(readings) {
        side.push(Part {
            name: PartName::of_kind(kind),
            id: None,
            bytes: reading.value(),
        });
    }
}

fn own(point: &Point, series: &OwnSeries) -> Reading {
    let mut all = point.own.iter();
    let found = all.find(|(each, _)| each == series);
    found.map_or(Reading::ABSENT, |(_, reading)| *reading)
}

fn classes(point: &Point, measure: Measure) -> BTreeMap<String, u64> {
    let own = point
        .own
        .iter()
        .filter(|(series, _)| series.measure == measure);
    let sized = own.filter_map(|(series, reading)| Some((series.class.clone()?, reading.value()?)));
    sized.collect()
}
