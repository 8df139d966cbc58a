//! `/table_size` as comma-separated values: one line for each table, module or database without one.

use shared::snapshot::{Quality, TableSize, UnsizedTable};

use super::{DatabaseItem, ModuleView, PendingDatabase, TableSizes};
use crate::http::csv::{Cell, Csv};

const HEADER: [&str; 18] = [
    "environment",
    "database",
    "row",
    "schema",
    "table",
    "kind",
    "module",
    "entity",
    "table_count",
    "total_bytes",
    "heap_bytes",
    "toast_bytes",
    "index_bytes",
    "row_estimate",
    "quality",
    "reason",
    "taken_at",
    "stale",
];

/// What a line has beside its database.
#[derive(Default)]
struct Row<'a> {
    /// What the line is about: `table`, `module`, `omitted`, `unsized` or `pending`.
    row: &'static str,
    schema: Option<&'a String>,
    table: Option<&'a String>,
    kind: Option<&'static str>,
    module: Option<&'a String>,
    entity: Option<&'a String>,
    table_count: Option<u64>,
    total_bytes: Option<u64>,
    heap_bytes: Option<u64>,
    toast_bytes: Option<u64>,
    index_bytes: Option<u64>,
    row_estimate: Option<u64>,
    quality: Option<&'static str>,
    reason: Option<&'a String>,
}

/// Returns the lines of a page: what is shown, what is not shown in sum, what could not be sized, and databases without a
/// snapshot.
pub(super) fn body(page: &TableSizes) -> Vec<u8> {
    let mut csv = Csv::new(&HEADER);
    for item in &page.items {
        let tables = item.tables.iter().map(Row::of_table);
        let modules = item.modules.iter().flatten().map(Row::of_module);
        let omitted = &item.tables_omitted;
        let omitted = (omitted.table_count > 0).then(|| Row {
            row: "omitted",
            table_count: Some(omitted.table_count),
            total_bytes: Some(omitted.total_bytes),
            ..Row::default()
        });
        let not_sized = item.unsized_tables.iter().map(Row::of_unsized);
        for row in tables.chain(modules).chain(omitted).chain(not_sized) {
            let of_item = |item: &DatabaseItem| [item.taken_at.into(), item.stale.into()];
            let start = [(&item.environment).into(), (&item.database).into()];
            csv.row(start.into_iter().chain(row.cells()).chain(of_item(item)));
        }
    }
    for PendingDatabase {
        environment,
        database,
        last_failure,
    } in &page.pending
    {
        let row = Row {
            row: "pending",
            reason: last_failure.as_ref().map(|failure| &failure.code),
            ..Row::default()
        };
        let start = [environment.into(), database.into()];
        let end = [Cell::Empty, Cell::Empty];
        csv.row(start.into_iter().chain(row.cells()).chain(end));
    }
    csv.into_body()
}

impl<'a> Row<'a> {
    fn of_table(table: &'a TableSize) -> Self {
        let (quality, reason) = match &table.quality {
            Quality::Exact => ("exact", None),
            Quality::Estimated { reason } => ("estimated", Some(reason)),
        };
        Self {
            row: if table.is_partition() {
                "partition"
            } else {
                "table"
            },
            schema: Some(&table.schema),
            table: Some(&table.table),
            kind: Some(table.kind.as_str()),
            module: table.module.as_ref(),
            entity: table.entity.as_ref(),
            table_count: None,
            total_bytes: Some(table.total_bytes),
            heap_bytes: table.heap_bytes,
            toast_bytes: table.toast_bytes,
            index_bytes: table.index_bytes,
            row_estimate: table.row_estimate,
            quality: Some(quality),
            reason,
        }
    }

    fn of_module(module: &'a ModuleView) -> Self {
        Self {
            row: "module",
            module: module.module.as_ref(),
            table_count: Some(module.table_count),
            total_bytes: Some(module.total_bytes),
            heap_bytes: module.heap_bytes,
            toast_bytes: module.toast_bytes,
            index_bytes: module.index_bytes,
            row_estimate: module.row_estimate,
            ..Self::default()
        }
    }

    fn of_unsized(table: &'a UnsizedTable) -> Self {
        Self {
            row: "unsized",
            schema: Some(&table.schema),
            table: Some(&table.table),
            reason: Some(&table.reason),
            ..Self::default()
        }
    }

    fn cells(self) -> [Cell<'a>; 14] {
        [
            self.row.into(),
            self.schema.into(),
            self.table.into(),
            self.kind.into(),
            self.module.into(),
            self.entity.into(),
            self.table_count.into(),
            self.total_bytes.into(),
            self.heap_bytes.into(),
            self.toast_bytes.into(),
            self.index_bytes.into(),
            self.row_estimate.into(),
            self.quality.into(),
            self.reason.into(),
        ]
    }
}
