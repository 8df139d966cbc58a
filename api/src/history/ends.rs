//! The measurements at the two ends of a range.

use chrono::{DateTime, TimeDelta, Utc};
use shared::fleet::{Kind, TargetId};
use shared::history::{History, HistoryQuery, HistoryReader, Point, Resolution, TableKey};

use super::range::Range;
use super::read::{READINGS_LIMIT, available};
use super::view::GapView;
use super::window::Available;
use crate::http::problem::Problem;

/// Shortest stretch that is searched for a measurement; each further one is twice as long as the one before.
const FIRST_STRETCH: TimeDelta = TimeDelta::hours(3);
/// The same where only days are kept.
const FIRST_STRETCH_OF_DAYS: TimeDelta = TimeDelta::days(1);

/// The first and the last measurement in a range.
pub(crate) struct Ends {
    /// Both; the same one twice when there is only one, `None` without any.
    pub(crate) points: Option<[Point; 2]>,
    /// Stretches of time near the ends that could not be read.
    pub(crate) gaps: Vec<GapView>,
    /// When the history of the target begins; `None` without any.
    pub(crate) available_from: Option<DateTime<Utc>>,
}

/// Returns the first and the last measurement of a target in a range, with `has_tables` those of its tables too.
///
/// Single runs count where they are kept, else the last ones of days. Costs two to four reads for when the history
/// begins, and usually one to three for each end.
///
/// # Errors
///
/// Any failure of the store.
pub(crate) async fn ends(
    reader: &HistoryReader,
    kind: Kind,
    id: &TargetId,
    range: &Range,
    has_tables: bool,
) -> Result<Ends, Problem> {
    let available = available(reader, kind, id).await?;
    let search = Search {
        reader,
        kind,
        id,
        has_tables,
        available,
    };
    let available_from = available.first();
    let from = available_from.map_or(range.from, |first| first.max(range.from));
    let mut gaps = Vec::new();
    let first = search.first(from, range.to, &mut gaps).await?;
    let points = match first {
        Some(first) => {
            let since = first.moment.scheduled_at;
            let last = search.last(since, range.to, &mut gaps).await?;
            let last = last.unwrap_or_else(|| first.clone());
            Some([first, last])
        }
        None => None,
    };
    gaps.sort_by_key(|gap| (gap.from, gap.to));
    gaps.dedup();
    Ok(Ends {
        points,
        gaps,
        available_from,
    })
}

struct Search<'a> {
    reader: &'a HistoryReader,
    kind: Kind,
    id: &'a TargetId,
    has_tables: bool,
    available: Available,
}

impl Search<'_> {
    /// Returns the first measurement of a range.
    async fn first(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        gaps: &mut Vec<GapView>,
    ) -> Result<Option<Point>, Problem> {
        let (mut start, mut length) = (from, self.first_stretch(from));
        while start < to {
            let end = (start + length).min(to);
            let history = self.read(start, end, gaps).await?;
            let mut positions = 0..history.moments.len();
            let found = positions.find_map(|position| history.point(position));
            if found.is_some() {
                return Ok(found);
            }
            (start, length) = (end, length * 2);
        }
        Ok(None)
    }

    /// Returns the last measurement of a range.
    async fn last(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        gaps: &mut Vec<GapView>,
    ) -> Result<Option<Point>, Problem> {
        let (mut end, mut length) = (to, self.first_stretch(to));
        while end > from {
            let start = (end - length).max(from);
            let history = self.read(start, end, gaps).await?;
            let mut positions = (0..history.moments.len()).rev();
            let found = positions.find_map(|position| history.point(position));
            if found.is_some() {
                return Ok(found);
            }
            (end, length) = (start, length * 2);
        }
        Ok(None)
    }

    fn has_runs(&self, from: DateTime<Utc>) -> bool {
        self.available.runs.is_some_and(|runs| runs <= from)
    }

    fn first_stretch(&self, time: DateTime<Utc>) -> TimeDelta {
        if self.has_runs(time) {
            FIRST_STRETCH
        } else {
            FIRST_STRETCH_OF_DAYS
        }
    }

    async fn read(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        gaps: &mut Vec<GapView>,
    ) -> Result<History, Problem> {
        let all = |_: &TableKey| true;
        let query = HistoryQuery {
            from,
            to,
            resolution: if self.has_runs(from) {
                Resolution::Runs
            } else {
                Resolution::Days
            },
            tables: self.has_tables.then_some(&all),
            with_parts: false,
            limit: READINGS_LIMIT,
        };
        let history = self.reader.read(self.kind, self.id, &query).await?;
        gaps.extend(history.gaps.iter().map(GapView::from));
        Ok(history)
    }
}
