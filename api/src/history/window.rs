//! The cells of an answer, from what is asked for and what there is.

use chrono::{DateTime, Utc};
use shared::history::Resolution;
use shared::history::resample::{Aggregate, Grid, GridError, Step};

use super::range::Range;
use crate::http::problem::Problem;

/// When the history of a target begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Available {
    /// First run of which all measurements are kept.
    pub(super) runs: Option<DateTime<Utc>>,
    /// First day of which the last measurement is kept.
    pub(super) days: Option<DateTime<Utc>>,
}

impl Available {
    /// Returns when the history begins: at the first run, or at the start of a day before it.
    pub(super) fn first(&self) -> Option<DateTime<Utc>> {
        let is_earlier = |day: &DateTime<Utc>| {
            self.runs
                .is_none_or(|run| day.date_naive() < run.date_naive())
        };
        self.days.filter(is_earlier).or(self.runs)
    }

    /// Returns when there is history of two targets.
    pub(crate) fn with(self, other: Self) -> Self {
        let later = |one: Option<DateTime<Utc>>, other| Some(one?.max(other?));
        Self {
            runs: later(self.runs, other.runs),
            days: later(self.days, other.days),
        }
    }

    /// Returns when the history of the first of all targets begins.
    pub(crate) fn of_all(all: &[Self]) -> Self {
        Self {
            runs: all.iter().filter_map(|each| each.runs).min(),
            days: all.iter().filter_map(|each| each.days).min(),
        }
    }
}

/// The cells of an answer, and how to read what belongs in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    /// The cells.
    pub(crate) grid: Grid,
    /// End of the range that was asked for; the last cell may end later.
    pub(super) to: DateTime<Utc>,
    /// What is read.
    pub(super) resolution: Resolution,
    /// What becomes of the readings in a cell.
    pub(super) aggregate: Aggregate,
    /// When what is read begins; `None` without any.
    pub(crate) available_from: Option<DateTime<Utc>>,
}

impl Window {
    /// Returns the cells of a range, cut to what is available.
    ///
    /// Days are enough for the last measurement of each, and, with `has_day_extremes`, for the least and the greatest.
    ///
    /// # Errors
    ///
    /// [`Code::TooLarge`](crate::http::problem::Code::TooLarge).
    pub(crate) fn of(
        range: &Range,
        has_day_extremes: bool,
        available: Available,
    ) -> Result<Self, Problem> {
        let cut = |available_from: Option<DateTime<Utc>>| {
            let later = available_from.filter(|first| *first < range.to);
            later.map_or(range.from, |first| first.max(range.from))
        };
        let start = cut(available.first());
        let hours_from = match available {
            Available {
                runs: Some(runs), ..
            } => runs,
            Available { days: Some(_), .. } => range.to,
            Available { .. } => start,
        };
        let step = range.step.resolve(start..range.to, hours_from);
        let is_of_days = match range.aggregate {
            Aggregate::Last => true,
            Aggregate::Min | Aggregate::Max => has_day_extremes,
            Aggregate::Mean => false,
        };
        let (resolution, available_from) = if step == Step::Day && is_of_days {
            (Resolution::Days, available.days)
        } else {
            (Resolution::Runs, available.runs)
        };
        let grid = Grid::new(cut(available_from), range.to, step);
        Ok(Self {
            grid: grid.map_err(|error| too_large(&error))?,
            to: range.to,
            resolution,
            aggregate: range.aggregate,
            available_from,
        })
    }
}

/// Returns the problem for cells that are too many, which says what to ask instead.
pub(super) fn too_large(error: &GridError) -> Problem {
    Problem::too_large(&error.to_string())
}
