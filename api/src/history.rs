//! What the histories of storage and of databases have in common: ranges of time, reading, columns.

mod answer;
mod changes;
mod columns;
mod csv;
mod ends;
mod page;
mod range;
mod read;
mod trend;
mod view;
mod window;

pub use answer::HistoryPorts;
pub(crate) use answer::{ChangesPage, Histories, Identity, TargetChanges, changes, histories};
pub use changes::{ChangesReason, Explained};
pub(crate) use columns::{Grouped, Line, Readings, Source, hide_gaps};
pub(crate) use ends::{Ends, ends};
pub(crate) use page::Page;
pub(crate) use range::{AGGREGATE, FROM, Range, STEP, TO, between};
pub(crate) use read::{ReadPage, Selection, Wanted, all_available, read_page, read_window};
pub use trend::DailyTotals;
pub(crate) use trend::trended;
pub use view::{
    Columns, GapReasonView, GapScopeView, GapView, NoValuesReason, SeriesBreak, SeriesName,
    SeriesView, Unit, UnsizedTableView,
};
pub(crate) use window::{Available, Window};
