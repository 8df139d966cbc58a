//! When the demo's past was measured, and how much of its growth had happened by then. Pure.

use std::time::Duration;

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Timelike, Utc, Weekday};

use crate::demo::random::Random;

/// Most days of the past, and those that the growth is spread over.
pub(crate) const MAX_DAYS: u16 = 60;
/// Hours of them.
const HOURS: i64 = MAX_DAYS as i64 * 24;
/// Days before now with a run every hour; the days before them have one every six hours.
const HOURLY_DAYS: i64 = 7;
/// Hours between two runs before that.
const FEW_RUNS_HOURS: u32 = 6;
/// The UTC day without any run, in days before now.
const SILENT_DAY: i64 = 15;
/// All of the growth, in parts per million.
pub(super) const WHOLE: u64 = 1_000_000;

/// A run of the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PastRun {
    /// Its scheduled time, a whole hour.
    pub(super) at: DateTime<Utc>,
    /// Time until the next one was due.
    pub(super) every: Duration,
}

/// The days before one moment.
#[derive(Debug)]
pub(super) struct Calendar {
    /// When the past ends.
    pub(super) now: DateTime<Utc>,
    /// No run is before this.
    first: DateTime<Utc>,
    /// Start of the growth, a whole hour.
    start: DateTime<Utc>,
    /// Work of the app's users from the start to each whole hour.
    work: Vec<u64>,
}

impl Calendar {
    /// Returns so many days before `now`.
    pub(super) fn before(now: DateTime<Utc>, days: u16) -> Self {
        let start = whole_hour(now) - TimeDelta::hours(HOURS);
        let mut total = 0;
        let work = (0..HOURS).map(|hour| {
            total += work_in(start + TimeDelta::hours(hour));
            total
        });
        let work = std::iter::once(0).chain(work).collect();
        let first = now - TimeDelta::days(days.into());
        Self {
            now,
            first,
            start,
            work,
        }
    }

    /// Returns the time so many days before now.
    pub(super) fn days_ago(&self, days: i64) -> DateTime<Utc> {
        self.now - TimeDelta::days(days)
    }

    /// Returns the runs, oldest first.
    pub(super) fn runs(&self) -> impl Iterator<Item = PastRun> {
        let silent = self.days_ago(SILENT_DAY).date_naive();
        let hourly_from = self.days_ago(HOURLY_DAYS);
        let hours = (0..=HOURS).map(|hour| self.start + TimeDelta::hours(hour));
        hours.filter_map(move |at| {
            let hours = if at >= hourly_from { 1 } else { FEW_RUNS_HOURS };
            let is_run = at.hour().is_multiple_of(hours)
                && (self.first..self.now).contains(&at)
                && at.date_naive() != silent;
            let every = Duration::from_secs(3600) * hours;
            is_run.then_some(PastRun { at, every })
        })
    }

    /// Returns the share of the growth that had happened at `time`: 0 at the start, [`WHOLE`] from the last whole hour
    /// on.
    pub(super) fn grown(&self, time: DateTime<Utc>) -> u64 {
        let hour = usize::try_from((time - self.start).num_hours()).unwrap_or(0);
        let all = self.work.last().copied().unwrap_or(0);
        let done = self.work.get(hour).copied().unwrap_or(all);
        (done * WHOLE).checked_div(all).unwrap_or(WHOLE)
    }
}

fn whole_hour(time: DateTime<Utc>) -> DateTime<Utc> {
    let seconds = time.timestamp();
    DateTime::from_timestamp(seconds - seconds.rem_euclid(3600), 0).unwrap_or(time)
}

/// Returns how much is done in the hour from `time` on: most of it in office hours, little at weekends.
fn work_in(time: DateTime<Utc>) -> u64 {
    let is_weekend = matches!(time.weekday(), Weekday::Sat | Weekday::Sun);
    let is_day = (7..18).contains(&time.hour());
    let usual = match (is_weekend, is_day) {
        (false, true) => 20,
        (true, true) => 3,
        (_, false) => 1,
    };
    usual * busyness(time.date_naive())
}

/// Returns how busy a day is, in per cent of an ordinary one.
fn busyness(day: NaiveDate) -> u64 {
    let seed = u64::try_from(day.num_days_from_ce()).unwrap_or(0);
    Random::seeded(seed).in_range(&(80..121))
}

#[cfg(test)]
mod tests {
    use shared::testing::time::at;

    use super::*;

    #[test]
    fn runs_are_hourly_for_a_week_and_six_hourly_before() {
        let calendar = Calendar::before(at("2026-03-10T10:20:00Z"), MAX_DAYS);

        let runs: Vec<_> = calendar.runs().collect();

        assert!(runs.is_sorted_by(|one, next| one.at < next.at));
        let count = |from: &str, to: &str| {
            let range = at(from)..at(to);
            runs.iter().filter(|run| range.contains(&run.at)).count()
        };
        assert_eq!(count("2026-03-09T00:00:00Z", "2026-03-10T00:00:00Z"), 24);
        assert_eq!(count("2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"), 4);
        assert_eq!(count("2026-02-23T00:00:00Z", "2026-02-24T00:00:00Z"), 0);
        assert_eq!(runs[0].at, at("2026-01-09T12:00:00Z"));
        assert_eq!(runs.last().unwrap().at, at("2026-03-10T10:00:00Z"));
    }

    #[test]
    fn the_last_run_is_before_the_end() {
        let calendar = Calendar::before(at("2026-03-10T10:00:00Z"), 1);

        let runs: Vec<_> = calendar.runs().map(|run| run.at).collect();
        assert_eq!(runs.first(), Some(&at("2026-03-09T10:00:00Z")));
        assert_eq!(runs.last(), Some(&at("2026-03-10T09:00:00Z")));
    }

    #[test]
    fn growth_ends_whole_and_is_slower_at_weekends() {
        let calendar = Calendar::before(at("2026-03-10T10:20:00Z"), MAX_DAYS);

        let grown = |time: &str| calendar.grown(at(time));
        let on = |day: &str, next: &str| grown(next) - grown(day);
        let monday = on("2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z");
        let sunday = on("2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z");
        assert!(sunday > 0 && monday > 3 * sunday, "{monday} {sunday}");
        assert_eq!(grown("2026-01-09T10:00:00Z"), 0);
        assert_eq!(grown("2026-03-10T10:20:00Z"), WHOLE);
        assert_eq!(grown("2026-03-10T10:00:00Z"), WHOLE);
    }
}
