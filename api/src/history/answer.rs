//! Answers with the histories or the changes of a page of targets, as JSON or CSV.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;
use shared::fleet::{FleetSource, TargetId};
use shared::history::HistoryReader;
use shared::store::SnapshotReader;

use super::changes::Explained;
use super::csv::{CHANGES, lines, put_changes, put_columns};
use super::page::Page;
use super::range::Range;
use super::read::ReadPage;
use super::view::{Columns, SeriesName};
use crate::http::answer::{Answer, Freshness};
use crate::http::csv::Cell;
use crate::http::cursor;
use crate::http::endpoint::Call;
use crate::http::media_type::MediaType;
use crate::http::problem::Problem;
use crate::targets;

/// What answers from history need. Clones share it.
#[derive(Clone)]
pub struct HistoryPorts {
    /// The fleet.
    pub fleet: Arc<FleetSource>,
    /// Latest snapshots: when the next measurement is due.
    pub snapshots: SnapshotReader,
    /// Sizes over time.
    pub history: HistoryReader,
}

/// The fields that identify a target in an answer.
pub(crate) trait Identity: Serialize + JsonSchema {
    /// What it identifies.
    type Target;
    /// Names of the fields, in their order: the first columns of CSV.
    const FIELDS: &'static [&'static str];
    /// Names of the fields that identify a series of the target beside its name, in CSV.
    const SERIES_FIELDS: &'static [&'static str];

    /// Returns the fields of `target`.
    fn of(target: &Self::Target) -> Self;
    /// Returns the values of [`Identity::FIELDS`].
    fn cells(&self) -> Vec<Cell<'_>>;
    /// Returns the values of [`Identity::SERIES_FIELDS`].
    fn series_cells(name: &SeriesName) -> Vec<Cell<'_>>;
}

/// Sizes of targets over time, one page.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "{I}Histories")]
pub(crate) struct Histories<I> {
    /// Start of the first cell, inclusive, RFC 3339 UTC.
    from: DateTime<Utc>,
    /// End of the last cell, exclusive, RFC 3339 UTC.
    to: DateTime<Utc>,
    /// Length of a cell in seconds; null with `step=raw`.
    step_seconds: Option<i64>,
    /// When the history of the first of these targets begins, for this step and aggregate; null without any.
    available_from: Option<DateTime<Utc>>,
    /// Targets in the order of the latest sizes. With `schema`, `table` or `module`, only those with such tables in this
    /// range.
    items: Vec<TargetHistory<I>>,
    /// Cursor of the next page; null on the last one.
    next: Option<String>,
}

/// Size of one target, or of tables in it, over time.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "{I}History")]
struct TargetHistory<I> {
    #[serde(flatten)]
    identity: I,
    #[serde(flatten)]
    columns: Columns,
}

/// Changes of targets, one page.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "{I}ChangesPage")]
pub(crate) struct ChangesPage<I> {
    /// Start of the range, inclusive, RFC 3339 UTC.
    from: DateTime<Utc>,
    /// End of the range, exclusive, RFC 3339 UTC.
    to: DateTime<Utc>,
    /// When the history of the first of these targets begins; null without any.
    available_from: Option<DateTime<Utc>>,
    /// Targets in the order of the latest sizes.
    items: Vec<TargetChanges<I>>,
    /// Cursor of the next page; null on the last one.
    next: Option<String>,
}

/// What explains the change of one target.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "{I}Changes")]
pub(crate) struct TargetChanges<I> {
    #[serde(flatten)]
    identity: I,
    #[serde(flatten)]
    explained: Explained,
}

impl<I: Identity> TargetChanges<I> {
    /// Returns what is answered for `target`.
    pub(crate) fn of(target: &I::Target, explained: Explained) -> Self {
        Self {
            identity: I::of(target),
            explained,
        }
    }
}

/// Returns the answer with the columns that were read of the first of `targets`.
///
/// With `nothing`, targets without a series are left out, and it is what was not found when none has one.
///
/// # Errors
///
/// [`Code::TooLarge`](crate::http::problem::Code::TooLarge) when the first target does not fit into CSV, and 404.
pub(crate) fn histories<I: Identity>(
    call: &Call<'_>,
    targets: &targets::Page<'_, I::Target>,
    read: ReadPage,
    nothing: Option<&'static str>,
    freshness: Freshness,
) -> Result<Answer, Problem> {
    let ReadPage { window, columns } = read;
    let step_seconds = window.grid.step_seconds;
    let found = targets.targets.iter().zip(columns);
    let items = found.map(|((_, target), columns)| TargetHistory {
        identity: I::of(target),
        columns,
    });
    let mut items: Vec<TargetHistory<I>> = items.collect();
    let header = I::FIELDS.iter().chain(&["name"]).chain(I::SERIES_FIELDS);
    let header: Vec<_> = header.chain(&["unit", "time", "value"]).copied().collect();
    let csv = (call.media_type == MediaType::Csv)
        .then(|| {
            lines(&header, &items, |csv, item| {
                let cells = item.identity.cells();
                put_columns(csv, &cells, &item.columns, step_seconds, I::series_cells);
            })
        })
        .transpose()?;
    items.truncate(csv.as_ref().map_or(usize::MAX, |lines| lines.count));
    let next = next(targets, items.len());
    if let Some(nothing) = nothing {
        items.retain(|item| !item.columns.series.is_empty());
        if items.is_empty() && next.is_none() && cursor::is_first_page(call) {
            return Err(Problem::not_found(nothing));
        }
    }
    let view = Histories {
        from: window.grid.from,
        to: window.grid.to,
        step_seconds,
        available_from: window.available_from,
        items,
        next,
    };
    let csv = csv.map(|lines| lines.body);
    answer(call, &view, csv, view.next.as_deref(), freshness)
}

/// Returns the answer with the changes of the first of `targets`.
///
/// # Errors
///
/// [`Code::TooLarge`](crate::http::problem::Code::TooLarge) when the first target does not fit into CSV.
pub(crate) fn changes<I: Identity>(
    call: &Call<'_>,
    targets: &targets::Page<'_, I::Target>,
    range: &Range,
    page: Page<TargetChanges<I>>,
    freshness: Freshness,
) -> Result<Answer, Problem> {
    let mut items = page.items;
    let header: Vec<_> = I::FIELDS.iter().chain(&CHANGES).copied().collect();
    let csv = (call.media_type == MediaType::Csv)
        .then(|| {
            lines(&header, &items, |csv, item| {
                put_changes(csv, &item.identity.cells(), &item.explained);
            })
        })
        .transpose()?;
    items.truncate(csv.as_ref().map_or(usize::MAX, |lines| lines.count));
    let view = ChangesPage {
        from: range.from,
        to: range.to,
        available_from: page.available_from,
        next: next(targets, items.len()),
        items,
    };
    let csv = csv.map(|lines| lines.body);
    answer(call, &view, csv, view.next.as_deref(), freshness)
}

/// Returns the cursor behind the first `count` of `targets`; `None` if nothing follows.
fn next<T>(targets: &targets::Page<'_, T>, count: usize) -> Option<String> {
    let has_more = targets.has_more || count < targets.targets.len();
    let last: &(TargetId, &T) = targets.targets.get(count.checked_sub(1)?)?;
    has_more.then(|| cursor::encode(last.0.as_str()))
}

/// Returns the answer with `view`, or with its lines of CSV, whose next page is at the cursor `next`.
///
/// Its ETag is that of the body: a run becomes a part of history a moment after it became the latest.
fn answer(
    call: &Call<'_>,
    view: &impl Serialize,
    csv: Option<Vec<u8>>,
    next: Option<&str>,
    freshness: Freshness,
) -> Result<Answer, Problem> {
    let (media_type, body) = match csv {
        Some(csv) => (MediaType::Csv, csv),
        None => (
            MediaType::Json,
            serde_json::to_vec(view).map_err(Problem::internal)?,
        ),
    };
    let next_query = next.map(|cursor| cursor::next_query(call, cursor));
    Ok(Answer::of_body(media_type, body, freshness).with_next(next_query))
}
