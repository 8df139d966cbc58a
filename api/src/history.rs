//! What the histories of storage and of databases have in common: ranges of time, reading, columns.

mod changes;
mod columns;
pub(crate) mod csv;
mod ends;
mod page;
mod range;
mod read;
mod trend;
mod view;
mod window;

use serde::Serialize;

use crate::http::answer::{Answer, Freshness};
use crate::http::cursor;
use crate::http::endpoint::Call;
use crate::http::media_type::MediaType;
use crate::http::problem::Problem;

pub use changes::{ChangesReason, Explained};
pub(crate) use columns::{Grouped, Line, Readings, Source, hide_gaps};
pub(crate) use ends::{Ends, ends};
pub(crate) use page::Page;
pub(crate) use range::{AGGREGATE, FROM, Range, STEP, TO};
pub(crate) use read::{ReadPage, Selection, Wanted, read_page};
pub use trend::DailyTotals;
pub(crate) use trend::trended;
pub use view::{
    Columns, GapReasonView, GapScopeView, GapView, SeriesBreak, SeriesName, SeriesView, Unit,
    UnsizedTableView,
};
pub(crate) use window::Window;

/// Returns the answer with `view`, or with its lines of CSV, whose next page is at the cursor `next`.
///
/// Its ETag is that of the body: a run becomes a part of history a moment after it became the latest.
///
/// # Errors
///
/// An internal problem when `view` has no JSON form.
pub(crate) fn answer(
    call: &Call<'_>,
    view: &impl Serialize,
    csv: Option<Vec<u8>>,
    next: Option<&str>,
    freshness: Freshness,
) -> Result<Answer, Problem> {
    let (media_type, body) = match csv {
        Some(csv) => (MediaType::Csv, csv),
        None => (
            MediaType::Json,
            serde_json::to_vec(view).map_err(Problem::internal)?,
        ),
    };
    let next_query = next.map(|cursor| cursor::next_query(call, cursor));
    Ok(Answer::of_body(media_type, body, freshness).with_next(next_query))
}
