//! Where the items of history are. The table of keys is in `store.rs`.

use std::fmt;

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, Utc};

use super::digest::ListDigest;
use crate::clock::rfc3339;
use crate::fleet::{Kind, TargetId};
use crate::store::Key;

/// What one block spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Span {
    /// One run, until its day is closed.
    Run,
    /// All runs of one UTC day.
    Hours,
    /// The closing points of all days of one month.
    Days,
}

/// Which series of the target's tables a block has. The target's own are with the totals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// Each table's total.
    Totals,
    /// What the totals consist of.
    Parts,
}

/// A target in the part of its history that is of one kind of measurement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owner<'a> {
    pub(super) kind: Kind,
    pub(super) target: &'a TargetId,
}

impl fmt::Display for Owner<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Bucket | Kind::Database => write!(formatter, "{}", self.target),
            // A bucket has both its size and its metrics, and a database its tables, its documents and its users.
            Kind::StorageMetrics | Kind::FileDocuments | Kind::Users => {
                write!(formatter, "{}#{}", self.kind.as_str(), self.target)
            }
        }
    }
}

/// Returns the partition of a target's blocks.
pub(super) fn partition(span: Span, content: Content, owner: Owner<'_>) -> String {
    let name = match (span, content) {
        // The item of a run has both.
        (Span::Run, _) => "POINT",
        (Span::Hours, Content::Totals) => "HOURS",
        (Span::Hours, Content::Parts) => "HOURS_PARTS",
        (Span::Days, Content::Totals) => "DAYS",
        (Span::Days, Content::Parts) => "DAYS_PARTS",
    };
    format!("{name}#{owner}")
}

/// Returns the key of a list of tables.
pub(super) fn list_key(owner: Owner<'_>, digest: ListDigest) -> Key {
    Key {
        partition: format!("NAMES#{owner}"),
        sort: digest.to_hex(),
    }
}

/// Returns the sort key of the block that a time belongs to.
pub(super) fn sort(span: Span, time: DateTime<Utc>) -> String {
    match span {
        Span::Run => rfc3339(time),
        Span::Hours => time.format("%Y-%m-%d").to_string(),
        Span::Days => time.format("%Y-%m").to_string(),
    }
}

/// Returns the sort key of a further piece of a block that is too large for one item.
pub(super) fn piece_sort(sort: &str, number: usize) -> String {
    match number {
        0 => sort.to_owned(),
        _ => format!("{sort}#{number:02}"),
    }
}

/// Returns the sort key of the block that an item is a piece of, and the number of the piece.
pub(super) fn block_of(sort: &str) -> (&str, usize) {
    match sort.split_once('#') {
        Some((block, number)) => (block, number.parse().unwrap_or(usize::MAX)),
        None => (sort, 0),
    }
}

/// Returns the time that a block starts at; `None` when its key is none of ours.
pub(super) fn start(span: Span, sort: &str) -> Option<DateTime<Utc>> {
    let day = |text: &str| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    match span {
        Span::Run => sort.parse().ok(),
        Span::Hours => day(sort).map(day_start),
        Span::Days => day(&format!("{sort}-01")).map(day_start),
    }
}

/// Returns the time that a block ends before.
pub(super) fn end(span: Span, start: DateTime<Utc>) -> DateTime<Utc> {
    let end = match span {
        Span::Run => start.checked_add_signed(chrono::TimeDelta::seconds(1)),
        Span::Hours => start.checked_add_days(Days::new(1)),
        Span::Days => start.checked_add_months(Months::new(1)),
    };
    end.unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// Returns the UTC day of a time.
pub(super) fn day_of(time: DateTime<Utc>) -> NaiveDate {
    time.date_naive()
}

/// Returns the first day of the month of a day.
pub(super) fn month_of(day: NaiveDate) -> NaiveDate {
    day.with_day(1).unwrap_or(day)
}

/// Returns the time that a UTC day starts at.
pub(super) fn day_start(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}

/// Returns the day after one.
pub(super) fn next_day(day: NaiveDate) -> NaiveDate {
    day.succ_opt().unwrap_or(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_months_are_those_of_utc_and_leap_days_are_days() {
        let time = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let last = time("2028-02-29T23:59:59Z");

        assert_eq!(sort(Span::Hours, last), "2028-02-29");
        assert_eq!(sort(Span::Days, last), "2028-02");
        assert_eq!(
            sort(Span::Hours, time("2028-03-01T01:30:00+02:00")),
            "2028-02-29"
        );
        let day = start(Span::Hours, "2028-02-29").unwrap();
        assert_eq!(end(Span::Hours, day), time("2028-03-01T00:00:00Z"));
        let month = start(Span::Days, "2028-02").unwrap();
        assert_eq!(end(Span::Days, month), time("2028-03-01T00:00:00Z"));
    }

    #[test]
    fn pieces_lie_behind_their_block_and_before_the_next() {
        let sorts = ["2026-11-28", "2026-11-29"]
            .map(|sort| [0, 1, 12].map(|number| piece_sort(sort, number)));
        let sorts = sorts.concat();

        assert!(sorts.is_sorted());
        assert_eq!(block_of(&sorts[2]), ("2026-11-28", 12));
    }
}
