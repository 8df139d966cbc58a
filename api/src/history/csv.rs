//! Histories and changes as comma-separated values: one line for each value, or for each part.

use chrono::{DateTime, TimeDelta, Utc};
use shared::history::changes::{PartName, UnsizedPart};

use super::changes::Explained;
use super::view::{Columns, SeriesName, Unit};
use crate::http::answer::ANSWER_LIMIT_BYTES;
use crate::http::csv::{Cell, Csv};
use crate::http::problem::Problem;

/// Columns of all changes, after those that identify the target.
pub(super) const CHANGES: [&str; 15] = [
    "from_taken_at",
    "to_taken_at",
    "part",
    "name",
    "storage_class",
    "module",
    "schema",
    "table",
    "change",
    "renamed_from_schema",
    "renamed_from_table",
    "from_bytes",
    "to_bytes",
    "change_bytes",
    "reason",
];

/// Lines of the first items of a page: all, or as many as fit into an answer.
pub(super) struct Lines {
    /// The text.
    pub(super) body: Vec<u8>,
    /// Number of items.
    pub(super) count: usize,
}

/// Returns the lines of `items`, which `put` adds one by one.
///
/// # Errors
///
/// [`Code::TooLarge`](crate::http::problem::Code::TooLarge) when the first item alone does not fit.
pub(super) fn lines<I>(
    header: &[&str],
    items: &[I],
    put: impl Fn(&mut Csv, &I),
) -> Result<Lines, Problem> {
    let mut csv = Csv::new(header);
    let mut count = 0;
    for item in items {
        let before = csv.len();
        put(&mut csv, item);
        if csv.len() > ANSWER_LIMIT_BYTES {
            if count == 0 {
                return Err(Problem::too_large(
                    "request fewer series or parts with \"top\", a longer step, a shorter range, or JSON",
                ));
            }
            csv.truncate(before);
            break;
        }
        count += 1;
    }
    let body = csv.into_body();
    Ok(Lines { body, count })
}

/// Adds a line for each value of a target, which `identity` identifies; `fields` are those of a series beside its name.
pub(super) fn put_columns<'c>(
    csv: &mut Csv,
    identity: &[Cell<'c>],
    columns: &'c Columns,
    step_seconds: Option<i64>,
    fields: impl Fn(&'c SeriesName) -> Vec<Cell<'c>>,
) {
    let unit = match columns.unit {
        Unit::Bytes => "bytes",
        Unit::Rows => "rows",
    };
    for series in &columns.series {
        let fields = fields(&series.name);
        for (position, value) in series.values.iter().enumerate() {
            let cells = identity.iter().cloned();
            let cells = cells.chain([Cell::from(&series.name.name)]);
            let cells = cells.chain(fields.iter().cloned());
            let time = time(columns, step_seconds, position);
            csv.row(cells.chain([unit.into(), time.into(), (*value).into()]));
        }
    }
}

/// Returns the start of a cell, or with `step=raw` the time of its measurement.
fn time(columns: &Columns, step_seconds: Option<i64>, position: usize) -> Option<DateTime<Utc>> {
    if let Some(times) = &columns.times {
        return times.get(position).copied();
    }
    let cells = i64::try_from(position).ok()?;
    let seconds = step_seconds?.checked_mul(cells)?;
    columns
        .start
        .checked_add_signed(TimeDelta::try_seconds(seconds)?)
}

/// Adds a line for each part of a target, which `identity` identifies, and one each for the rest and for what has no
/// known size: the changes of all lines add up to that of the total.
pub(super) fn put_changes(csv: &mut Csv, identity: &[Cell<'_>], explained: &Explained) {
    let Some(changes) = &explained.changes else {
        let reason = explained.reason.map(|reason| reason.as_str());
        let empty = vec![Cell::Empty; CHANGES.len() - 1];
        csv.row(identity.iter().cloned().chain(empty).chain([reason.into()]));
        return;
    };
    let start = || {
        let times = [changes.from_taken_at.into(), changes.to_taken_at.into()];
        identity.iter().cloned().chain(times)
    };
    for part in &changes.parts {
        let before = part.renamed_from.as_ref();
        let cells = [
            part.change.as_str().into(),
            before.and_then(|name| name.schema.as_ref()).into(),
            before.and_then(|name| name.table.as_ref()).into(),
            part.from_bytes.into(),
            part.to_bytes.into(),
            part.change_bytes.into(),
            Cell::Empty,
        ];
        csv.row(
            start()
                .chain(names(&part.identity, &part.name))
                .chain(cells),
        );
    }
    if changes.other_count > 0 {
        let none = vec![Cell::Empty; 4];
        let rest = vec![Cell::Empty; 5];
        let names = ["other".into(), "other".into()].into_iter().chain(none);
        let cells = rest
            .into_iter()
            .chain([changes.other_bytes.into(), Cell::Empty]);
        csv.row(start().chain(names).chain(cells));
    }
    for UnsizedPart {
        name,
        identity: part,
        from_bytes,
        to_bytes,
    } in &changes.unsized_parts
    {
        let cells = [
            "unsized".into(),
            Cell::Empty,
            Cell::Empty,
            (*from_bytes).into(),
            (*to_bytes).into(),
            Cell::Empty,
            Cell::Empty,
        ];
        csv.row(start().chain(names(part, name)).chain(cells));
    }
}

/// Returns the cells that name a part.
fn names<'c>(part: &'c PartName, name: &'c str) -> [Cell<'c>; 6] {
    [
        part.part.as_str().into(),
        name.into(),
        part.storage_class.as_ref().into(),
        part.module.as_ref().into(),
        part.schema.as_ref().into(),
        part.table.as_ref().into(),
    ]
}
