//! The parts of the calculation: one-off steps, slopes over whole weeks, a change in the last week.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};

use super::rate::{Rate, Rates};
use super::{ClosingSeries, Trend};

/// Days of a week.
const WEEK: i64 = 7;
/// Most one-off steps of a window: more are its pattern.
const ONE_OFFS: usize = 2;
/// Spreads (MAD) from the median that a one-off is beyond.
const ONE_OFF_SPREADS: i128 = 6;
/// How many times as far from the median as every ordinary step a one-off is. Where growth pauses at weekends, these
/// are beyond six spreads too.
const ONE_OFF_RATIO: i128 = 3;
/// Per cent of the size that a one-off is more than.
const ONE_OFF_PERCENT: i128 = 1;
/// Earlier weeks, one ending on each day, that a change needs: they cover two whole weeks.
const EARLIER_WEEKS: usize = 8;
/// Last days on each of which a changed week ends: one closing point that was measured early does not make a change.
const CHANGED_DAYS: usize = 3;
/// Spreads of the earlier weeks' rates that a change is beyond.
const CHANGE_SPREADS: i128 = 3;
/// Per cent of the earlier rate that a change is more than.
const CHANGE_PERCENT: i128 = 15;

/// The points that count: one per day, ascending, comparable with each other.
#[derive(Debug, Clone)]
pub(super) struct Stretch(Vec<Point>);

#[derive(Debug, Clone, Copy)]
struct Point {
    /// Days of the common era.
    day: i64,
    bytes: i128,
}

/// A step that is not part of the trend.
#[derive(Debug, Clone, Copy)]
pub(super) struct OneOff {
    /// Index of the first point after it.
    pub(super) index: usize,
    /// Bytes beyond the ordinary change.
    pub(super) excess: i128,
}

impl Stretch {
    /// Returns the points of `series` since its last break.
    pub(super) fn of(series: &ClosingSeries<'_>) -> Self {
        let start = series.breaks.iter().max();
        let closings = series.closings.iter();
        let days: BTreeMap<_, _> = closings
            .filter(|closing| start.is_none_or(|start| closing.day >= *start))
            .map(|closing| (i64::from(closing.day.num_days_from_ce()), closing.bytes))
            .collect();
        let point = |(day, bytes)| Point {
            day,
            bytes: i128::from(bytes),
        };
        Self(days.into_iter().map(point).collect())
    }

    /// Returns the number of points.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the days from the first to the last point.
    pub(super) fn days(&self) -> i64 {
        self.ends().map_or(0, |(first, last)| last.day - first.day)
    }

    /// Returns whether at least half of the days have a point.
    pub(super) fn has_most_days(&self) -> bool {
        i64::try_from(self.len()).unwrap_or(i64::MAX) > self.days() / 2
    }

    /// Returns the day of a point.
    pub(super) fn day(&self, index: usize) -> Option<NaiveDate> {
        let day = self.0.get(index)?.day;
        NaiveDate::from_num_days_from_ce_opt(day.try_into().ok()?)
    }

    /// Returns the bytes from the first to the last of two or more points.
    pub(super) fn net_change(&self) -> Option<i128> {
        let (first, last) = self.ends()?;
        (first.day < last.day).then_some(last.bytes - first.bytes)
    }

    /// Returns the rate of the whole window.
    pub(super) fn net_rate(&self) -> Option<Rate> {
        Some(Rate::of(self.net_change()?, self.days()))
    }

    /// Returns the steps that are not part of the trend, oldest first.
    pub(super) fn one_offs(&self) -> Vec<OneOff> {
        let pairs = || self.0.iter().zip(self.0.iter().skip(1));
        let Some(rates) = Rates::of(pairs().map(|(a, b)| a.rate_to(b))) else {
            return Vec::new();
        };
        let median = rates.median();
        let distances = rates.distances();
        let ordinary = distances.greatest_but(ONE_OFFS);
        let limit = distances.median().times(ONE_OFF_SPREADS);
        let limit = limit.max(ordinary.times(ONE_OFF_RATIO));
        let one_off = |(before, (a, b)): (usize, (&Point, &Point))| {
            let excess = b.bytes - a.bytes - median.over(b.day - a.day);
            let is_far = a.rate_to(b).distance(median) > limit;
            let is_large = excess.abs() * 100 > a.bytes.max(b.bytes) * ONE_OFF_PERCENT;
            let index = before + 1;
            (is_far && is_large).then_some(OneOff { index, excess })
        };
        pairs().enumerate().filter_map(one_off).collect()
    }

    /// Returns the points as they would be without `one_offs`.
    pub(super) fn without(&self, one_offs: &[OneOff]) -> Self {
        let excess_until = |index: usize| -> i128 {
            let earlier = one_offs.iter().filter(|one_off| one_off.index <= index);
            earlier.map(|one_off| one_off.excess).sum()
        };
        let cleaned = self.0.iter().enumerate().map(|(index, point)| Point {
            bytes: point.bytes - excess_until(index),
            ..*point
        });
        Self(cleaned.collect())
    }

    /// Returns the rates of all pairs of points that are whole weeks apart; of all pairs where there are none, and
    /// below eight days.
    pub(super) fn slopes(&self) -> Option<Rates> {
        let slopes = |is_wanted: fn(i64) -> bool| {
            let later = |index: usize| self.0.iter().skip(index + 1);
            let all = self.0.iter().enumerate();
            let pairs = all.flat_map(|(index, a)| later(index).map(move |b| (a, b)));
            let wanted = pairs.filter(|(a, b)| is_wanted(b.day - a.day));
            Rates::of(wanted.map(|(a, b)| a.rate_to(b)))
        };
        let weekly = if self.days() > WEEK {
            slopes(|days| days % WEEK == 0)
        } else {
            None
        };
        weekly.or_else(|| slopes(|_| true))
    }

    /// Returns the rates of the seven days until each day, from the eighth day on.
    ///
    /// A day without a point lies on the line between its neighbours.
    pub(super) fn weeks(&self) -> Vec<Rate> {
        let Some((first, last)) = self.ends() else {
            return Vec::new();
        };
        let rate = |day: i64| {
            let change = self.bytes_on(day)? - self.bytes_on(day - WEEK)?;
            Some(Rate::of(change, WEEK))
        };
        (first.day + WEEK..=last.day).filter_map(rate).collect()
    }

    fn bytes_on(&self, day: i64) -> Option<i128> {
        let next = self.0.partition_point(|point| point.day < day);
        let b = self.0.get(next)?;
        if b.day == day {
            return Some(b.bytes);
        }
        let a = self.0.get(next.checked_sub(1)?)?;
        Some(a.bytes + a.rate_to(b).over(day - a.day))
    }

    fn ends(&self) -> Option<(&Point, &Point)> {
        self.0.first().zip(self.0.last())
    }
}

impl Point {
    /// Returns the rate from this point to a later one.
    fn rate_to(&self, later: &Self) -> Rate {
        Rate::of(later.bytes - self.bytes, later.day - self.day)
    }
}

/// Returns the last of `weeks` where it differs from the earlier ones.
pub(super) fn changed_rate(weeks: &[Rate]) -> Option<Rate> {
    let earlier = weeks
        .len()
        .checked_sub(7)
        .filter(|count| *count >= EARLIER_WEEKS)?;
    let earlier = Rates::of(weeks.iter().take(earlier).copied())?;
    let median = earlier.median();
    let spread = earlier.spread().times(CHANGE_SPREADS);
    let [low, high] = median.around(spread.max(median.percent(CHANGE_PERCENT)));
    let last = || weeks.iter().rev().take(CHANGED_DAYS);
    let is_changed = last().all(|rate| *rate < low) || last().all(|rate| *rate > high);
    weeks.last().copied().filter(|_| is_changed)
}

/// Returns the direction of `slopes`, whose median is `rate`: flat when at least a quarter of them goes the other way.
pub(super) fn direction(rate: Rate, slopes: &Rates) -> Trend {
    let (lower, upper) = slopes.quartiles();
    match rate.bytes_per_day() {
        Some(0) => Trend::Flat,
        _ if rate > Rate::ZERO && lower >= Rate::ZERO => Trend::Growing,
        _ if rate < Rate::ZERO && upper <= Rate::ZERO => Trend::Shrinking,
        _ => Trend::Flat,
    }
}
