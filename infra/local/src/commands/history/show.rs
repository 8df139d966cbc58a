//! `mrt history`: prints how sizes changed, from the store of `mrt serve`.

mod text;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use shared::clock::{Clock, SystemClock};
use shared::fleet::{BucketTarget, Kind, TargetId};
use shared::history::growth::{ClosingSeries, Closings, Full, Growth, WINDOW_DAYS};
use shared::history::{
    History, HistoryQuery, HistoryReader, Measure, OwnSeries, Reading, Resolution, resample,
};
use shared::snapshot::{BucketSize, DatabaseSize};
use shared::store::SnapshotReader;

use crate::{backend, output};

/// Longest range in days: ten years.
const MOST_DAYS: u64 = 3653;

/// What to show.
pub(crate) struct Options {
    /// Storage, in whichever environment; `None` for all targets of `environment`.
    pub(crate) target: Option<BucketTarget>,
    /// Environment; `None` for all.
    pub(crate) environment: Option<String>,
    /// First day.
    pub(crate) from: FirstDay,
    /// Whether rows of CSV are printed instead of text.
    pub(crate) is_csv: bool,
    /// Data folder of the server.
    pub(crate) data: PathBuf,
}

/// First day of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FirstDay {
    /// A UTC day.
    Day(NaiveDate),
    /// So many days before today.
    DaysAgo(u64),
}

/// Parses a day such as `2026-01-31`, or a number of days or weeks before today such as `-35d` or `-4w`.
pub(crate) fn parse_from(text: &str) -> Result<FirstDay, String> {
    let days_ago = || {
        let (number, days) = match text.strip_prefix('-')? {
            number if number.ends_with('d') => (number.trim_end_matches('d'), 1),
            number => (number.strip_suffix('w')?, 7),
        };
        let days = number.parse::<u64>().ok()?.checked_mul(days)?;
        (1..=MOST_DAYS)
            .contains(&days)
            .then_some(FirstDay::DaysAgo(days))
    };
    let day = || text.parse().ok().map(FirstDay::Day);
    days_ago().or_else(day).ok_or_else(|| {
        format!(
            "write a day such as 2026-01-31, or -35d or -4w before today, at most {MOST_DAYS} days"
        )
    })
}

impl FirstDay {
    fn day(self, today: NaiveDate) -> NaiveDate {
        match self {
            Self::Day(day) => day,
            Self::DaysAgo(days) => today.checked_sub_days(Days::new(days)).unwrap_or(today),
        }
    }
}

/// The size of one target at the end of each day, and how it grows.
#[derive(Debug, PartialEq)]
pub(super) struct Shown {
    /// Id of the target.
    pub(super) target: TargetId,
    /// The days of the range, without those before the first measurement.
    pub(super) days: Vec<ShownDay>,
    /// Growth over the last 35 days, whatever the range.
    pub(super) growth: Growth,
    /// When its storage is full; `None` for what is no database.
    pub(super) full: Option<Full>,
}

/// One UTC day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ShownDay {
    pub(super) day: NaiveDate,
    /// Bytes at the last measurement of the day; `None` without one.
    pub(super) bytes: Option<u64>,
    /// Bytes more than at the last measurement before; `None` without one that can be compared.
    pub(super) change: Option<i128>,
}

/// Prints what `options` select.
///
/// # Errors
///
/// If there is no store, it does not answer, or nothing of that name was ever measured.
pub(crate) async fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = Arc::new(backend::existing_store(&options.data, &clock).await?);
    let show = Show {
        snapshots: SnapshotReader::new(store.clone()),
        history: HistoryReader::new(store),
        from: options.from,
        now: clock.now(),
    };
    let targets = show.targets(options).await?;
    let mut shown = Vec::new();
    for (kind, target) in targets {
        shown.push(show.target(kind, target).await?);
    }
    let printed = if options.is_csv {
        text::csv(&shown)
    } else {
        text::readable(&shown)
    };
    output::print(&printed)?;
    Ok(ExitCode::SUCCESS)
}

struct Show {
    snapshots: SnapshotReader,
    history: HistoryReader,
    from: FirstDay,
    now: DateTime<Utc>,
}

impl Show {
    /// Returns the selected targets of those that were ever measured.
    async fn targets(&self, options: &Options) -> anyhow::Result<Vec<(Kind, TargetId)>> {
        let mut known = Vec::new();
        let buckets = self
            .snapshots
            .each_latest::<BucketSize>(|id, _| known.push((Kind::Bucket, id)));
        buckets.await.context("could not read the store")?;
        let databases = self
            .snapshots
            .each_latest::<DatabaseSize>(|id, _| known.push((Kind::Database, id)));
        databases.await.context("could not read the store")?;
        let wanted = options.target.as_ref().map(|target| target.id());
        let is_selected = |id: &TargetId| {
            // The environment of what a command names is not known. A suffix is at the end.
            let Some((environment, rest)) = id.as_str().split_once('/') else {
                return false;
            };
            let named = wanted.as_ref().and_then(|id| id.as_str().split_once('/'));
            named.is_none_or(|(_, named)| rest.starts_with(named))
                && options
                    .environment
                    .as_deref()
                    .is_none_or(|name| name == environment)
        };
        known.sort_by(|(_, one), (_, other)| one.cmp(other));
        let (selected, others): (Vec<_>, Vec<_>) =
            known.into_iter().partition(|(_, id)| is_selected(id));
        if selected.is_empty() {
            let ids: Vec<_> = others.iter().map(|(_, id)| id.as_str()).collect();
            bail!(
                "nothing of that name was ever measured here; there is: {}",
                ids.join(", ")
            );
        }
        Ok(selected)
    }

    async fn target(&self, kind: Kind, target: TargetId) -> anyhow::Result<Shown> {
        let today = self.now.date_naive();
        let from = self.from.day(today);
        let window = today
            .checked_sub_days(Days::new(WINDOW_DAYS.into()))
            .unwrap_or(today);
        let query = HistoryQuery {
            from: from.min(window).and_time(NaiveTime::MIN).and_utc(),
            to: self.now,
            resolution: Resolution::Days,
            tables: None,
            with_parts: false,
            limit: usize::MAX,
        };
        let history = self.history.read(kind, &target, &query).await;
        let history = history.with_context(|| format!("could not read the history of {target}"))?;
        let readings = history.own.get(&OwnSeries::all(Measure::TotalBytes));
        let readings = readings.map(Vec::as_slice).unwrap_or_default();
        let Closings { points, breaks } = Closings::of(&history.moments, readings, &[], today);
        let points = points.into_iter().filter(|point| point.day >= window);
        let growth = Growth::of(&ClosingSeries {
            closings: &points.collect::<Vec<_>>(),
            breaks: &breaks,
            is_ended: false,
        });
        let full = match kind {
            Kind::Database => self.full(&target, &growth).await?,
            _ => None,
        };
        let days = days(&history, readings, from, today);
        Ok(Shown {
            target,
            days,
            growth,
            full,
        })
    }

    /// Returns when the storage of a database is full, by its newest snapshot.
    async fn full(&self, target: &TargetId, growth: &Growth) -> anyhow::Result<Option<Full>> {
        let latest = self.snapshots.latest::<DatabaseSize>(target).await?;
        let Some(good) = latest.and_then(|latest| latest.good) else {
            return Ok(None);
        };
        let scheduled_at = good.run.scheduled_at;
        let snapshot = self
            .snapshots
            .snapshot::<DatabaseSize>(target, scheduled_at)
            .await?;
        Ok(snapshot.map(|snapshot| Full::of(growth, &snapshot.measurement.storage)))
    }
}

/// Returns the days from `from` or the first measurement on, up to `today`.
fn days(
    history: &History,
    readings: &[Reading],
    from: NaiveDate,
    today: NaiveDate,
) -> Vec<ShownDay> {
    let breaks: Vec<_> = resample::breaks(&history.moments)
        .into_iter()
        .map(|(at, _)| at)
        .collect();
    let mut points = history.moments.iter().zip(readings).enumerate().peekable();
    let mut last: Option<u64> = None;
    let mut days = Vec::new();
    let first = history
        .moments
        .first()
        .map(|moment| moment.scheduled_at.date_naive());
    for day in first.into_iter().flat_map(|first| first.iter_days()) {
        if day > today {
            break;
        }
        let (mut bytes, mut is_break) = (None, false);
        while let Some((position, (_, reading))) =
            points.next_if(|(_, (moment, _))| moment.scheduled_at.date_naive() == day)
        {
            bytes = reading.value();
            is_break |= breaks.contains(&position);
        }
        if is_break {
            last = None;
        }
        let change = bytes
            .zip(last)
            .map(|(bytes, last)| i128::from(bytes) - i128::from(last));
        last = bytes.or(last);
        if day >= from {
            days.push(ShownDay { day, bytes, change });
        }
    }
    days
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_starts_on_a_day_or_some_days_before_today() {
        let today: NaiveDate = "2026-03-10".parse().unwrap();
        for (text, first) in [
            ("-35d", "2026-02-03"),
            ("-1w", "2026-03-03"),
            ("2025-12-31", "2025-12-31"),
        ] {
            assert_eq!(
                parse_from(text).unwrap().day(today),
                first.parse().unwrap(),
                "{text}"
            );
        }
        for bad in [
            "",
            "35d",
            "-d",
            "-0d",
            "-4000d",
            "-dd",
            "-99999999999999999999w",
            "2026-02-30",
        ] {
            assert!(parse_from(bad).is_err(), "{bad}");
        }
    }
}
