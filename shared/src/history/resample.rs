//! Readings on their own time axis to columns of equal steps. No I/O, no clock, UTC throughout.
//!
//! A cell is an hour or a day of UTC, or one run. It is null when nothing was measured in it: no value is carried into
//! it from its neighbours. Runs belong to the cell of their scheduled time, as in the blocks.

mod step;
mod sum;

use std::ops::Range;

use chrono::{DateTime, TimeDelta, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::reading::{Moment, Reading};
use crate::snapshot::Completeness;

pub use step::{Aggregate, Step};
pub use sum::{Top, sum, top};

/// Most cells of one series.
pub const POINTS_LIMIT: usize = 11_000;
/// Most cells of all series of an answer together: about 2 MB of JSON, where a function answers at most 6 MB.
pub const TOTAL_POINTS_LIMIT: usize = 200_000;
/// Why a range cannot be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GridError {
    /// The range ends before it starts, or where it starts.
    #[error("the range is empty: `from` is not before `to`")]
    Empty,
    /// One series has too many cells.
    #[error(
        "{points} points in a series are more than {POINTS_LIMIT}: choose a longer step or a shorter range"
    )]
    Points {
        /// Cells of a series.
        points: usize,
    },
    /// All series together have too many cells.
    #[error(
        "{points} points in all series are more than {TOTAL_POINTS_LIMIT}: choose fewer series, a longer step or a shorter range"
    )]
    Total {
        /// Cells of all series.
        points: usize,
    },
}

/// The cells of a range, before it is known which runs there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// Start of the first cell, inclusive: `from` of the answer.
    pub from: DateTime<Utc>,
    /// End of the last cell, exclusive: `to` of the answer.
    pub to: DateTime<Utc>,
    /// Length of a cell in seconds; `None` when each run is a cell.
    pub step_seconds: Option<i64>,
}

impl Grid {
    /// Returns the cells from `from` to `to`, which is exclusive.
    ///
    /// Both are moved outwards to the edges of hours or days: a cell is never cut, so its value does not depend on the
    /// range. `step` is a resolved one; see [`Step::resolve`].
    ///
    /// # Errors
    ///
    /// [`GridError::Empty`] and [`GridError::Points`].
    pub fn new(from: DateTime<Utc>, to: DateTime<Utc>, step: Step) -> Result<Self, GridError> {
        if from >= to {
            return Err(GridError::Empty);
        }
        let Some(seconds) = step.seconds() else {
            return Ok(Self {
                from,
                to,
                step_seconds: None,
            });
        };
        let first = from.timestamp().div_euclid(seconds);
        let ends_within = to.timestamp().rem_euclid(seconds) > 0 || to.timestamp_subsec_nanos() > 0;
        let end = to.timestamp().div_euclid(seconds) + i64::from(ends_within);
        let points = usize::try_from(end - first).unwrap_or(usize::MAX);
        let edge = |cell: i64| DateTime::from_timestamp(cell * seconds, 0);
        match edge(first).zip(edge(end)) {
            Some((from, to)) if points <= POINTS_LIMIT => Ok(Self {
                from,
                to,
                step_seconds: Some(seconds),
            }),
            _ => Err(GridError::Points { points }),
        }
    }

    /// Returns the cells with the runs that are in each.
    ///
    /// `moments` ascend by scheduled time; those outside the range are left out.
    ///
    /// # Errors
    ///
    /// [`GridError::Points`] when each run is a cell, and [`GridError::Total`] for `series` series.
    pub fn cells(&self, moments: &[Moment], series: usize) -> Result<Cells, GridError> {
        let until =
            |time: DateTime<Utc>| moments.partition_point(|moment| moment.scheduled_at < time);
        let all = until(self.from)..until(self.to);
        let ranges: Vec<_> = match self.step_seconds {
            None => all.map(|index| index..index + 1).collect(),
            Some(seconds) => {
                let edges = std::iter::successors(Some(self.from), |edge| {
                    edge.checked_add_signed(TimeDelta::seconds(seconds))
                });
                let starts = edges.take_while(|edge| *edge < self.to);
                let cell = |start: DateTime<Utc>| {
                    let end = start.checked_add_signed(TimeDelta::seconds(seconds));
                    until(start)..until(end.unwrap_or(self.to))
                };
                starts.map(cell).collect()
            }
        };
        if ranges.len() > POINTS_LIMIT {
            let points = ranges.len();
            return Err(GridError::Points { points });
        }
        let points = ranges.len().saturating_mul(series);
        if points > TOTAL_POINTS_LIMIT {
            return Err(GridError::Total { points });
        }
        Ok(Cells {
            breaks: breaks(moments)
                .into_iter()
                .map(|(index, _)| index)
                .collect(),
            ranges,
        })
    }
}

/// Cells with the positions of the runs that are in each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cells {
    ranges: Vec<Range<usize>>,
    /// Positions of the runs that begin a stretch, ascending.
    breaks: Vec<usize>,
}

impl Cells {
    /// Returns the number of cells.
    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Returns whether there is no cell, as with no run where each run is a cell.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Returns one value for each cell; `None` is a gap.
    ///
    /// `readings` has one reading for each moment of the grid. `breaks` are positions from which on they are those of
    /// another series under the same name. A cell with a break, this or one of all series, shows what follows it.
    pub fn column(
        &self,
        readings: &[Reading],
        breaks: &[usize],
        aggregate: Aggregate,
    ) -> Vec<Option<u64>> {
        let value = |range: &Range<usize>| {
            let all = self.breaks.iter().chain(breaks);
            let within = all.filter(|index| range.contains(index)).max();
            let start = within.copied().unwrap_or(range.start);
            aggregate.of(readings.get(start..range.end)?)
        };
        self.ranges.iter().map(value).collect()
    }

    /// Returns for each cell whether its runs measured everything; `None` without a run. One partial run makes it
    /// partial.
    pub fn completeness(&self, moments: &[Moment]) -> Vec<Option<Completeness>> {
        let of = |range: &Range<usize>| {
            let runs = moments.get(range.clone()).unwrap_or_default();
            let is_partial = |run: &Moment| run.completeness == Completeness::Partial;
            match runs {
                [] => None,
                runs if runs.iter().any(is_partial) => Some(Completeness::Partial),
                _ => Some(Completeness::Complete),
            }
        };
        self.ranges.iter().map(of).collect()
    }

    /// Returns when measuring started in the last run of each cell; `None` without a run. These are the `times` of an
    /// answer where each run is a cell.
    pub fn taken_at(&self, moments: &[Moment]) -> Vec<Option<DateTime<Utc>>> {
        let last = |range: &Range<usize>| {
            let runs = moments.get(range.clone()).unwrap_or_default();
            runs.last().map(|run| run.taken_at)
        };
        self.ranges.iter().map(last).collect()
    }
}

/// A time from which on a series is not comparable with before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Break {
    /// When measuring started in the first run after it, RFC 3339 UTC.
    pub at: DateTime<Utc>,
    /// What changed: words such as `method`, `definition` or `measure`, with `, ` between them.
    pub reason: String,
}

/// Returns where the way of measuring changes: the position of the first run after each change, and the change.
pub fn breaks(moments: &[Moment]) -> Vec<(usize, Break)> {
    let pairs = moments.iter().zip(moments.iter().skip(1));
    let changed = |(before, (one, next)): (usize, (&Moment, &Moment))| {
        let keys = one.basis.changed_keys(&next.basis);
        (!keys.is_empty()).then(|| {
            let reason = keys.join(", ");
            let at = next.taken_at;
            (before + 1, Break { at, reason })
        })
    };
    pairs.enumerate().filter_map(changed).collect()
}
