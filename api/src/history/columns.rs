//! Columns of one target from its history. No I/O.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use shared::history::growth::{ClosingSeries, Closings, Growth};
use shared::history::resample::{self, Aggregate, Break, GridError};
use shared::history::{GapScope, History, Measure, OwnSeries, Reading, Resolution};
use shared::snapshot::Completeness;

use super::view::{Columns, GapView, SeriesBreak, SeriesName, SeriesView, Unit, UnsizedTableView};
use super::window::Window;

/// Most tables without a known value that an answer names.
const NAMED_UNSIZED: usize = 100;

/// The history of one target.
pub(crate) struct Source {
    /// What is shown.
    pub(crate) shown: History,
    /// The days that growth is computed from.
    pub(crate) days: History,
}

/// Readings over both time axes of a source.
#[derive(Debug, Clone, Default)]
pub(crate) struct Readings<'h> {
    /// One for each moment that is shown.
    pub(crate) shown: Cow<'h, [Reading]>,
    /// One for each of the days.
    pub(crate) days: Cow<'h, [Reading]>,
}

/// A series before it is in cells.
pub(crate) struct Line<'h> {
    /// What it is a series of.
    pub(crate) name: SeriesName,
    /// Its readings.
    pub(crate) readings: Readings<'h>,
    /// Positions on both time axes from which on it is another series under the same name.
    pub(crate) breaks: [Vec<usize>; 2],
    /// Whether it ends when its readings do: a target does not.
    pub(crate) can_end: bool,
}

impl<'h> Line<'h> {
    /// Returns a series that never ends and has no breaks of its own.
    pub(crate) fn endless(name: SeriesName, readings: Readings<'h>) -> Self {
        Self {
            name,
            readings,
            breaks: [Vec::new(), Vec::new()],
            can_end: false,
        }
    }
}

/// The series of one target.
pub(crate) struct Grouped<'h> {
    /// What they count.
    pub(crate) unit: Unit,
    /// The series that are shown.
    pub(crate) lines: Vec<Line<'h>>,
    /// All of them together.
    pub(crate) total: Readings<'h>,
    /// Tables without a known value at any time, by name.
    pub(crate) never_sized: Vec<UnsizedTableView>,
}

impl Window {
    /// Returns the readings of a series of the target itself.
    ///
    /// Where a cell is one closed day, its least and greatest total are series of their own. On a day on which the way of
    /// measuring changed they are of both ways, and so not known.
    pub(crate) fn own<'h>(&self, source: &'h Source, series: &OwnSeries) -> Readings<'h> {
        let column = |history: &'h History, series: &OwnSeries| {
            let column = history.own.get(series);
            column.map_or_else(
                || vec![Reading::ABSENT; history.moments.len()].into(),
                Cow::from,
            )
        };
        let extreme = match (self.resolution, self.aggregate) {
            (Resolution::Days, Aggregate::Min) => Some(Measure::DayMinBytes),
            (Resolution::Days, Aggregate::Max) => Some(Measure::DayMaxBytes),
            (Resolution::Days | Resolution::Runs, _) => None,
        };
        let mut shown = match extreme {
            Some(measure) => column(&source.shown, &OwnSeries::all(measure)),
            None => column(&source.shown, series),
        };
        if extreme.is_some() {
            for (position, _) in resample::breaks(&source.shown.moments) {
                if let Some(reading) = shown.to_mut().get_mut(position) {
                    *reading = Reading::UNSIZED;
                }
            }
        }
        Readings {
            shown,
            days: column(&source.days, series),
        }
    }

    /// Returns the columns of a target.
    ///
    /// # Errors
    ///
    /// [`GridError`]: there are too many values.
    pub(super) fn columns(
        &self,
        source: &Source,
        grouped: Grouped<'_>,
        now: DateTime<Utc>,
    ) -> Result<Columns, GridError> {
        let history = &source.shown;
        let moments = &history.moments;
        let cells = self.grid.cells(moments, grouped.lines.len().max(1))?;
        let times = || cells.taken_at(moments).into_iter().flatten().collect();
        let is_partial =
            |completeness: &Option<Completeness>| *completeness == Some(Completeness::Partial);
        let completeness = cells.completeness(moments).into_iter().enumerate();
        let partial = completeness.filter(|(_, completeness)| is_partial(completeness));
        let growth = |readings: &[Reading], breaks: &[usize], can_end| {
            let growth = growth(&source.days, readings, breaks, can_end, now);
            (grouped.unit == Unit::Bytes).then_some(growth)
        };
        let series = grouped.lines.iter().map(|line| {
            let [breaks, days_breaks] = &line.breaks;
            let at = |position: &usize| Some(moments.get(*position)?.taken_at);
            let reason = "table_id";
            SeriesView {
                name: line.name.clone(),
                values: cells
                    .column(&line.readings.shown, breaks, self.aggregate)
                    .into_iter()
                    // Beyond 8 EiB it is unknown, as in readings: no storage is that large.
                    .map(|value| value.and_then(|value| value.try_into().ok()))
                    .collect(),
                breaks: breaks
                    .iter()
                    .filter_map(at)
                    .map(|at| SeriesBreak { at, reason })
                    .collect(),
                growth: growth(&line.readings.days, days_breaks, line.can_end),
            }
        });
        let breaks: Vec<(usize, Break)> = resample::breaks(moments);
        let mut unsized_tables = grouped.never_sized;
        let unsized_count = unsized_tables.len();
        unsized_tables.truncate(NAMED_UNSIZED);
        Ok(Columns {
            unit: grouped.unit,
            start: self.grid.from,
            times: self.grid.step_seconds.is_none().then(times),
            series: series.collect(),
            partial: partial.map(|(position, _)| position).collect(),
            unsized_tables,
            unsized_count,
            breaks: breaks.into_iter().map(|(_, each)| each).collect(),
            gaps: history.gaps.iter().map(GapView::from).collect(),
            growth: growth(&grouped.total.days, &[], false),
            full: None,
            reason: None,
        })
    }
}

/// Returns the growth of a series of days.
fn growth(
    days: &History,
    readings: &[Reading],
    breaks: &[usize],
    can_end: bool,
    now: DateTime<Utc>,
) -> Growth {
    let open_from = days.open_from.unwrap_or_else(|| now.date_naive());
    let closings = Closings::of(&days.moments, readings, breaks, open_from);
    Growth::of(&ClosingSeries {
        closings: &closings.points,
        breaks: &closings.breaks,
        is_ended: can_end && readings.last().is_none_or(|last| last.is_absent()),
    })
}

/// Makes what is missing in a gap of tables unknown: what is there beside it is not all.
pub(crate) fn hide_gaps(history: &History, readings: &mut Cow<'_, [Reading]>, has_parts: bool) {
    let is_hidden = |scope| match scope {
        GapScope::Everything | GapScope::Tables => true,
        GapScope::Parts => has_parts,
    };
    for gap in history.gaps.iter().filter(|gap| is_hidden(gap.scope)) {
        let until = |time| {
            let moments = &history.moments;
            moments.partition_point(|moment| moment.scheduled_at < time)
        };
        for position in until(gap.from)..until(gap.to) {
            if let Some(reading) = readings.to_mut().get_mut(position) {
                *reading = Reading::UNSIZED;
            }
        }
    }
}
