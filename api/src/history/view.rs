//! What the history of one target looks like in answers. No I/O: domain in, wire out.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;
use shared::history::growth::{Full, Growth};
use shared::history::resample::Break;
use shared::history::{Gap, GapReason, GapScope, Unreadable};

/// Series of one target in columns.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Columns {
    /// What `values` count: `bytes`, or `rows`.
    pub unit: Unit,
    /// Start of the first cell, RFC 3339 UTC.
    pub start: DateTime<Utc>,
    /// With `step=raw`, when measuring started for each value, RFC 3339 UTC; else null: cells follow each other from
    /// `start` on, `step_seconds` apart. CloudWatch's metrics of a bucket have the start of the day that they belong to.
    pub times: Option<Vec<DateTime<Utc>>>,
    /// The series, largest first at the last measurement, `other` at the end.
    pub series: Vec<SeriesView>,
    /// Positions of the cells in which a measurement could not measure everything, from 0.
    pub partial: Vec<usize>,
    /// Tables that exist in this range without a known value at any time, at most 100 by name: they are in no series.
    #[serde(rename = "unsized")]
    pub unsized_tables: Vec<UnsizedTableView>,
    /// Number of such tables.
    pub unsized_count: usize,
    /// When the way of measuring changed: no series is comparable with before.
    pub breaks: Vec<Break>,
    /// Stretches of time of which something is missing, oldest first. Their values are null.
    pub gaps: Vec<GapView>,
    /// Growth of all series together over the last 35 closed UTC days before `to`; null for rows and unaccounted bytes.
    pub growth: Option<Growth>,
    /// When the storage of the database's server is full, as of now and whatever the range: that of `/table_size` with
    /// `include=trend`. Null for a database without a measurement; left out for storage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full: Option<Option<Full>>,
    /// Why no cell of `part=document` or `part=unaccounted` can have a value; null otherwise.
    pub reason: Option<NoValuesReason>,
}

/// Why nothing can be said about the file documents of a storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoValuesReason {
    /// The documents of the environment are in more than one storage.
    SeveralStorages,
    /// The environment has no database.
    NoDatabase,
    /// Its documents were not counted in this range.
    NotCounted,
    /// Its objects were not listed in this range.
    NotListed,
}

/// What values count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Rows, by the last analysis of each table.
    Rows,
}

/// One series.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct SeriesView {
    /// What it is a series of.
    #[serde(flatten)]
    pub name: SeriesName,
    /// One value for each cell; null where nothing was measured, where it does not exist or its size is not known. Negative
    /// only with `part=unaccounted`.
    pub values: Vec<Option<i64>>,
    /// When it became the series of another table under the same name: not comparable with before.
    pub breaks: Vec<SeriesBreak>,
    /// Its growth over the last 35 closed UTC days before `to`; null for rows and unaccounted bytes.
    pub growth: Option<Growth>,
}

/// What a series is of. Fields that do not apply are left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SeriesName {
    /// Name to show: a measure such as `total_bytes`, a module or `no_module`, a table, a storage class, or `other` for
    /// the sum of what is not shown.
    pub name: String,
    /// Storage class, volume type or storage type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_class: Option<String>,
    /// Mendix module; left out for tables that belong to none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// Schema name of a table; the database's own name on MySQL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// Table name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// Number of tables in the sum of a module or of `other`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table_count: Option<usize>,
}

impl SeriesName {
    /// Returns a name without fields that identify.
    pub(crate) fn of(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            storage_class: None,
            module: None,
            schema: None,
            table: None,
            table_count: None,
        }
    }
}

/// A time from which on a table's series is that of another table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SeriesBreak {
    /// When measuring started in the first run after it, RFC 3339 UTC.
    pub at: DateTime<Utc>,
    /// What changed: `table_id`, because a table was dropped and another one has its name.
    pub reason: &'static str,
}

/// A table without a known value at any time of a range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UnsizedTableView {
    /// Schema name; the database's own name on MySQL.
    pub schema: String,
    /// Table name.
    pub table: String,
}

/// A stretch of time of which something is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct GapView {
    /// Start, inclusive, RFC 3339 UTC.
    pub from: DateTime<Utc>,
    /// End, exclusive, RFC 3339 UTC.
    pub to: DateTime<Utc>,
    /// What is missing.
    pub scope: GapScopeView,
    /// Why it is.
    pub reason: GapReasonView,
}

/// What is missing in a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GapScopeView {
    /// All series.
    Everything,
    /// All series of tables and of sums of tables.
    Tables,
    /// All measures of tables but their totals.
    Parts,
}

/// Why something is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GapReasonView {
    /// No measurement of whole UTC days is known.
    NoRuns,
    /// What was stored is damaged; `mrt history rebuild` makes it anew while its snapshots exist.
    Damaged,
    /// A newer version of this program stored it.
    Newer,
}

impl From<&Gap> for GapView {
    fn from(gap: &Gap) -> Self {
        Self {
            from: gap.from,
            to: gap.to,
            scope: match gap.scope {
                GapScope::Everything => GapScopeView::Everything,
                GapScope::Tables => GapScopeView::Tables,
                GapScope::Parts => GapScopeView::Parts,
            },
            reason: match gap.reason {
                GapReason::NoRuns => GapReasonView::NoRuns,
                GapReason::Unreadable(Unreadable::Newer) => GapReasonView::Newer,
                GapReason::Unreadable(Unreadable::Damaged(_) | Unreadable::ListMissing) => {
                    GapReasonView::Damaged
                }
            },
        }
    }
}
