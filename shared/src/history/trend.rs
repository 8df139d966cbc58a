//! What the latest of a target keeps of its history: the closing totals of the last days, and what is folded.
//!
//! It lets an overview of many targets show how each grew without a query for each.

mod totals;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Days, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use self::totals::StoredTotals;
use super::basis::Basis;
use super::digest::ListDigest;
use super::growth::{Closing, ClosingSeries, Growth, WINDOW_DAYS};

/// Days whose closing totals are kept: five whole weeks.
pub const TREND_DAYS: u64 = 35;

/// Closing totals of the last [`TREND_DAYS`] UTC days, and how far the history of a target is folded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trend {
    /// All days up to this one are in blocks, but those in `refold`.
    pub folded_through: NaiveDate,
    /// Days that a late run was kept of since they were folded, or just before.
    pub refold: BTreeSet<NaiveDate>,
    /// Lists of tables that the next run's item refers to; empty without tables.
    pub lists: Vec<ListDigest>,
    /// First day of the month that the lists were made in.
    pub lists_month: Option<NaiveDate>,
    /// Total and basis at the last run of each day; days without a run, and those whose total was not known, are left
    /// out.
    pub closings: BTreeMap<NaiveDate, (u64, Basis)>,
}

impl Trend {
    /// Returns the trend of a target that is folded through a day and has no closing total.
    pub fn folded_through(day: NaiveDate) -> Self {
        Self {
            folded_through: day,
            refold: BTreeSet::new(),
            lists: Vec::new(),
            lists_month: None,
            closings: BTreeMap::new(),
        }
    }

    /// Returns whether all known runs of a day are in blocks.
    pub fn is_closed(&self, day: NaiveDate) -> bool {
        day <= self.folded_through && !self.refold.contains(&day)
    }

    /// Returns the closing totals in the order of their days.
    pub fn totals(&self) -> impl Iterator<Item = (NaiveDate, u64)> {
        self.closings.iter().map(|(day, (bytes, _))| (*day, *bytes))
    }

    /// Returns the days whose total came about in another way than the one before: the two are not comparable.
    pub fn breaks(&self) -> Vec<NaiveDate> {
        let days = self.closings.iter();
        let pairs = days.clone().zip(days.skip(1));
        let differ = pairs.filter(|((_, (_, before)), (_, (_, after)))| before != after);
        differ.map(|(_, (day, _))| *day).collect()
    }

    /// Returns the closing totals of the growth's window that are closed at `now`.
    pub fn closed(&self, now: DateTime<Utc>) -> Vec<Closing> {
        let today = now.date_naive();
        let since = today.checked_sub_days(Days::new(WINDOW_DAYS.into()));
        self.totals()
            .filter(|(day, _)| since.is_none_or(|since| since <= *day) && *day < today)
            .map(|(day, bytes)| Closing { day, bytes })
            .collect()
    }

    /// Returns the growth of a target at `now`; `trend` is `None` before its first day was closed.
    pub fn growth(trend: Option<&Self>, now: DateTime<Utc>) -> Growth {
        let closings = trend.map(|trend| trend.closed(now)).unwrap_or_default();
        let breaks = trend.map(Self::breaks).unwrap_or_default();
        Growth::of(&ClosingSeries {
            closings: &closings,
            breaks: &breaks,
            is_ended: false,
        })
    }

    /// Takes in the closing total of a day that was folded; `None` where it has none.
    pub(super) fn close(&mut self, day: NaiveDate, closing: Option<(u64, Basis)>) {
        self.refold.remove(&day);
        self.folded_through = self.folded_through.max(day);
        match closing {
            Some(closing) => self.closings.insert(day, closing),
            None => self.closings.remove(&day),
        };
        self.forget_old();
    }

    /// Notes that there are no days with snapshots up to `day` that are not folded.
    pub(super) fn pass(&mut self, day: NaiveDate) {
        self.folded_through = self.folded_through.max(day);
        self.forget_old();
    }

    fn forget_old(&mut self) {
        let Some(oldest) = self
            .folded_through
            .checked_sub_days(Days::new(TREND_DAYS - 1))
        else {
            return;
        };
        self.closings = self.closings.split_off(&oldest);
    }
}

/// Stored form of a trend: a part of the latest.
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredTrend {
    folded_through: NaiveDate,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    refold: BTreeSet<NaiveDate>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    lists: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lists_month: Option<NaiveDate>,
    /// Day of the first total.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<NaiveDate>,
    #[serde(default, skip_serializing_if = "StoredTotals::is_empty")]
    totals: StoredTotals,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    bases: Vec<String>,
    /// Numbers of the bases of all days; absent when they all have the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    basis_of: Vec<usize>,
}

impl StoredTrend {
    pub(crate) fn of(trend: &Trend) -> Self {
        let Trend {
            folded_through,
            refold,
            lists,
            lists_month,
            closings,
        } = trend;
        let from = closings.keys().next().copied();
        let last = closings.keys().next_back().copied();
        let days = from.into_iter().flat_map(|day| day.iter_days());
        let days: Vec<_> = days.take_while(|day| Some(*day) <= last).collect();
        let mut bases: Vec<_> = closings.values().map(|(_, basis)| basis).collect();
        bases.sort_unstable();
        bases.dedup();
        let totals: Vec<_> = days
            .iter()
            .map(|day| closings.get(day).map(|(bytes, _)| *bytes))
            .collect();
        let basis = |day| {
            let basis = closings.get(day).map(|(_, basis)| basis);
            basis
                .and_then(|basis| bases.binary_search(&basis).ok())
                .unwrap_or_default()
        };
        Self {
            folded_through: *folded_through,
            refold: refold.clone(),
            lists: lists.iter().map(|digest| digest.to_hex()).collect(),
            lists_month: *lists_month,
            from,
            totals: StoredTotals::of(&totals),
            basis_of: match bases.len() {
                0 | 1 => Vec::new(),
                _ => days.iter().map(basis).collect(),
            },
            bases: bases
                .iter()
                .map(|basis| basis.as_str().to_owned())
                .collect(),
        }
    }

    pub(crate) fn read(self) -> Result<Trend, String> {
        let bases: Vec<_> = self
            .bases
            .iter()
            .map(|text| Basis::from_text(text))
            .collect();
        let totals = self
            .totals
            .read()
            .ok_or("the totals of the trend are damaged")?;
        let days = self.from.into_iter().flat_map(|day| day.iter_days());
        let mut closings = BTreeMap::new();
        for (index, (day, total)) in days.zip(totals).enumerate() {
            let number = self.basis_of.get(index).copied().unwrap_or_default();
            let basis = bases.get(number).ok_or("a day of the trend has no basis")?;
            if let Some(bytes) = total {
                closings.insert(day, (bytes, basis.clone()));
            }
        }
        let lists = self.lists.iter().map(|hex| ListDigest::from_hex(hex));
        let lists: Option<Vec<_>> = lists.collect();
        Ok(Trend {
            folded_through: self.folded_through,
            refold: self.refold,
            lists: lists.ok_or("a list of the trend has no digest")?,
            lists_month: self.lists_month,
            closings,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn closing(bytes: u64, method: &str) -> Option<(u64, Basis)> {
        Some((bytes, Basis::new(&[("method", method)])))
    }

    fn trend() -> Trend {
        let mut trend = Trend::folded_through(day("2026-02-26"));
        trend.close(day("2026-02-27"), closing(7, "listing"));
        trend.close(day("2026-02-28"), None);
        trend.close(day("2026-03-01"), closing(0, "listing"));
        trend.close(day("2026-03-02"), closing(9, "service"));
        trend.lists = vec![ListDigest([7; 16])];
        trend.lists_month = Some(day("2026-03-01"));
        trend.refold.insert(day("2026-02-20"));
        trend
    }

    #[test]
    fn a_trend_comes_back_from_its_stored_form() {
        let empty = Trend::folded_through(day("2026-02-26"));
        for trend in [trend(), empty] {
            let stored = serde_json::to_string(&StoredTrend::of(&trend)).unwrap();
            let read: StoredTrend = serde_json::from_str(&stored).unwrap();

            assert_eq!(read.read(), Ok(trend));
        }
    }

    #[test]
    fn a_day_without_a_total_is_left_out_and_a_total_of_zero_is_not() {
        let totals: Vec<_> = trend().totals().collect();

        let expected = [("2026-02-27", 7), ("2026-03-01", 0), ("2026-03-02", 9)];
        assert_eq!(totals, expected.map(|(text, bytes)| (day(text), bytes)));
        assert_eq!(trend().breaks(), [day("2026-03-02")]);
    }

    #[test]
    fn days_that_are_folded_late_are_taken_in_and_old_ones_are_forgotten() {
        let mut trend = trend();

        trend.close(day("2026-02-20"), closing(5, "listing"));
        assert!(trend.refold.is_empty());
        assert_eq!(trend.folded_through, day("2026-03-02"));
        trend.pass(day("2026-04-03"));

        let totals: Vec<_> = trend.totals().collect();
        assert_eq!(totals, [(day("2026-03-01"), 0), (day("2026-03-02"), 9)]);
    }
}
