//! Reads the histories of a page of targets.

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use futures::{StreamExt, TryStreamExt, stream};
use shared::fleet::{Kind, TargetId};
use shared::history::growth::WINDOW_DAYS;
use shared::history::resample::{GridError, TOTAL_POINTS_LIMIT};
use shared::history::{HistoryError, HistoryQuery, HistoryReader, Resolution, TableKey};
use shared::store::StoreError;

use super::columns::{Grouped, Source};
use super::range::Range;
use super::view::Columns;
use super::window::{Available, Window, too_large};
use crate::http::problem::Problem;

/// Targets whose first run is read concurrently.
const FIRSTS_AT_ONCE: usize = 8;
/// Targets without tables whose histories are read concurrently.
const READS_AT_ONCE: usize = 4;
/// Most readings of tables for one target, which take 8 bytes each: 40 MB of a function's 256 MB.
pub(super) const READINGS_LIMIT: usize = 5_000_000;
/// The same with the parts of tables, which are four further series for each.
const READINGS_LIMIT_WITH_PARTS: usize = 1_000_000;

/// What to read of a target.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// Kind of the measurements.
    pub(crate) kind: Kind,
    /// Which tables; none without it.
    pub(crate) tables: Option<&'a (dyn Fn(&TableKey) -> bool + Sync)>,
    /// Whether measures of tables other than their totals are read.
    pub(crate) with_parts: bool,
}

/// The series that a request asks for.
pub(crate) trait Selection: Sync {
    /// Returns whether the least and the greatest values of closed days are kept for all of them.
    fn has_day_extremes(&self) -> bool;
    /// Returns the series of a target.
    fn group<'h>(&self, window: &Window, source: &'h Source) -> Grouped<'h>;
}

/// Columns of the targets of a page.
pub(crate) struct ReadPage {
    /// The cells.
    pub(crate) window: Window,
    /// Columns of the first targets, in their order: all, or as many as fit into an answer.
    pub(crate) columns: Vec<Columns>,
}

/// Returns the columns of `targets`.
///
/// Costs two to four reads of each target for when its history begins, and then what [`HistoryReader::read`] does,
/// twice: growth takes days.
///
/// # Errors
///
/// [`Code::TooLarge`](crate::http::problem::Code::TooLarge) when the first target alone does not fit into an answer, and
/// any failure of the store.
pub(crate) async fn read_page(
    reader: &HistoryReader,
    targets: &[TargetId],
    range: &Range,
    wanted: Wanted<'_>,
    selection: &impl Selection,
    now: DateTime<Utc>,
) -> Result<ReadPage, Problem> {
    let firsts = all_available(reader, wanted.kind, targets).await?;
    let available = Available::of_all(&firsts);
    let window = Window::of(range, selection.has_day_extremes(), available)?;
    read_window(reader, targets, window, wanted, selection, now).await
}

/// Returns when the history of each of `targets` begins, in their order.
pub(crate) async fn all_available(
    reader: &HistoryReader,
    kind: Kind,
    targets: &[TargetId],
) -> Result<Vec<Available>, StoreError> {
    let firsts = targets.iter().map(|id| available(reader, kind, id));
    stream::iter(firsts.collect::<Vec<_>>())
        .buffered(FIRSTS_AT_ONCE)
        .try_collect()
        .await
}

/// Returns the columns of `targets` in the cells of `window`.
///
/// # Errors
///
/// See [`read_page`].
pub(crate) async fn read_window(
    reader: &HistoryReader,
    targets: &[TargetId],
    window: Window,
    wanted: Wanted<'_>,
    selection: &impl Selection,
    now: DateTime<Utc>,
) -> Result<ReadPage, Problem> {
    let at_once = match wanted.tables {
        Some(_) => 1,
        None => READS_AT_ONCE,
    };
    let reads = targets.iter().map(|id| source(reader, id, &window, wanted));
    let mut sources = stream::iter(reads.collect::<Vec<_>>()).buffered(at_once);
    let (mut columns, mut points) = (Vec::new(), 0_usize);
    while let Some(source) = sources.try_next().await? {
        let grouped = selection.group(&window, &source);
        let next = window.columns(&source, grouped, now);
        let next = match next {
            Err(GridError::Total { .. }) if !columns.is_empty() => break,
            next => next.map_err(|error| too_large(&error))?,
        };
        points += next
            .series
            .iter()
            .map(|series| series.values.len())
            .sum::<usize>();
        if points > TOTAL_POINTS_LIMIT && !columns.is_empty() {
            break;
        }
        columns.push(next);
    }
    Ok(ReadPage { window, columns })
}

/// Returns when the history of a target begins.
pub(super) async fn available(
    reader: &HistoryReader,
    kind: Kind,
    id: &TargetId,
) -> Result<Available, StoreError> {
    let (runs, days) = tokio::try_join!(
        reader.available_from(kind, id, Resolution::Runs),
        reader.available_from(kind, id, Resolution::Days),
    )?;
    Ok(Available { runs, days })
}

async fn source(
    reader: &HistoryReader,
    id: &TargetId,
    window: &Window,
    wanted: Wanted<'_>,
) -> Result<Source, Problem> {
    let closed_until = window.to.date_naive().and_time(NaiveTime::MIN).and_utc();
    let growth_from = closed_until - TimeDelta::days(i64::from(WINDOW_DAYS));
    let query = |from, to, resolution| HistoryQuery {
        from,
        to,
        resolution,
        tables: wanted.tables,
        with_parts: wanted.with_parts,
        limit: if wanted.with_parts {
            READINGS_LIMIT_WITH_PARTS
        } else {
            READINGS_LIMIT
        },
    };
    let grid = &window.grid;
    let shown = query(grid.from, grid.to, window.resolution);
    let days = query(growth_from, window.to, Resolution::Days);
    Ok(Source {
        shown: reader.read(wanted.kind, id, &shown).await?,
        days: reader.read(wanted.kind, id, &days).await?,
    })
}

impl From<HistoryError> for Problem {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::Store(error) => error.into(),
            HistoryError::TooMany { points, .. } => Self::too_large(&format!(
                "the tables have {points} points each: choose a longer step, a shorter range, or fewer tables by \
                 \"schema\", \"table\" or \"module\""
            )),
        }
    }
}
