//! What `include=trend` adds to a target: its daily totals and how fast they grow, from its latest alone. No I/O.

use chrono::{DateTime, NaiveDate, Utc};
use schemars::JsonSchema;
use serde::Serialize;
use shared::history::Trend;
use shared::history::growth::Growth;

/// Total of each of the last UTC days that are closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DailyTotals {
    /// UTC day of the first total; null without any.
    pub from: Option<NaiveDate>,
    /// Total at the last measurement of each day in bytes, at most 35 days; null for a day without one.
    pub totals: Vec<Option<u64>>,
    /// Days whose total came about in another way than the one before: not comparable.
    pub breaks: Vec<NaiveDate>,
}

/// Returns the daily totals of a target, and their growth over the last 35 days that are closed at `now`.
///
/// `trend` is that of its latest; `None` before its first day was closed.
pub(crate) fn trended(trend: Option<&Trend>, now: DateTime<Utc>) -> (DailyTotals, Growth) {
    let closings = trend.map(|trend| trend.closed(now)).unwrap_or_default();
    let breaks = trend.map(Trend::breaks).unwrap_or_default();
    let growth = Trend::growth(trend, now);
    let from = closings.first().map(|closing| closing.day);
    let last = closings.last().map(|closing| closing.day);
    let days = from.into_iter().flat_map(|day| day.iter_days());
    let days = days.take_while(|day| Some(*day) <= last);
    let total = |day: NaiveDate| {
        let found = closings.binary_search_by_key(&day, |closing| closing.day);
        found
            .ok()
            .and_then(|index| closings.get(index))
            .map(|closing| closing.bytes)
    };
    let totals = DailyTotals {
        from,
        totals: days.map(total).collect(),
        breaks: breaks
            .into_iter()
            .filter(|day| from.is_some_and(|from| from <= *day))
            .collect(),
    };
    (totals, growth)
}
