//! What counts as a table, whose it is, and in which order tables are told. No I/O in this file.
//!
//! Sizes come from the catalogue and the size functions, never from the tables themselves: a role without any
//! right on the app's tables sees all of them. Tables of other sessions' temporary schemas are left out, as they
//! are gone before anybody reads of them; their bytes are in the database's total, like those of the system
//! catalogues.

mod postgres;

use std::collections::BTreeMap;

use async_trait::async_trait;
use shared::database::Databases;
use shared::fleet::DatabaseTarget;
use shared::snapshot::{DatabaseSize, TableSize, UnsizedTable};

use crate::error::MeasureError;
use crate::run::{MEASURE_TIMEOUT, measure_within};
use crate::source::{Progress, Source};

/// The only schema that a Mendix runtime uses.
const MENDIX_SCHEMA: &str = "public";
/// How the names of the runtime's own tables begin.
const SYSTEM_PREFIXES: [&str; 2] = ["system$", "mendixsystem$"];

/// Measures database targets.
#[derive(Clone)]
pub struct TableSource {
    databases: Databases,
}

impl TableSource {
    /// Returns a source that connects through `databases`.
    pub fn new(databases: Databases) -> Self {
        Self { databases }
    }
}

#[async_trait]
impl Source for TableSource {
    type Target = DatabaseTarget;
    type Measurement = DatabaseSize;

    /// Costs one connection; takes about 0.2 ms for each table.
    async fn measure(
        &self,
        target: &DatabaseTarget,
        progress: &Progress,
    ) -> Result<DatabaseSize, MeasureError> {
        postgres::measure(&self.databases, target, progress).await
    }
}

/// Measures one database target for somebody who waits; keeps nothing.
///
/// # Errors
///
/// See [`MeasureError`]; takes at most [`MEASURE_TIMEOUT`].
pub async fn measure_database(
    databases: Databases,
    target: &DatabaseTarget,
    progress: &Progress,
) -> Result<DatabaseSize, MeasureError> {
    let source = TableSource::new(databases);
    measure_within(&source, target, progress, MEASURE_TIMEOUT).await
}

/// Names of Mendix entities by the names of their tables.
type Entities = BTreeMap<String, String>;

/// One table as the catalogue has it. A size is `None` when the table was not there any more to be sized.
#[derive(Debug, Clone, Default)]
struct CatalogueTable {
    schema: String,
    table: String,
    heap_bytes: Option<u64>,
    toast_bytes: Option<u64>,
    index_bytes: Option<u64>,
    row_estimate: Option<u64>,
}

impl CatalogueTable {
    /// Returns the bytes of what could be sized.
    fn known_bytes(&self) -> u64 {
        let parts = [self.heap_bytes, self.toast_bytes, self.index_bytes];
        parts.into_iter().flatten().fold(0, u64::saturating_add)
    }
}

/// Returns all tables, largest first and equals by schema and name, and those that could not be sized.
///
/// A table without any size was dropped meanwhile and is left out. One with only some of its sizes was dropped or
/// rebuilt while it was being sized: whether it still exists is not known, so it is listed as not sized.
fn judge(
    rows: Vec<CatalogueTable>,
    entities: &Entities,
) -> Result<(Vec<TableSize>, Vec<UnsizedTable>), MeasureError> {
    let mut tables = Vec::with_capacity(rows.len());
    let mut unsized_tables = Vec::new();
    for row in rows {
        match (row.heap_bytes, row.toast_bytes, row.index_bytes) {
            (Some(heap_bytes), Some(toast_bytes), Some(index_bytes)) => {
                let parts = [heap_bytes, toast_bytes, index_bytes];
                let total_bytes = parts
                    .into_iter()
                    .try_fold(0, u64::checked_add)
                    .ok_or_else(|| unexpected("a table of more than 64 bits of bytes"))?;
                let entity = entities
                    .get(&row.table)
                    .filter(|_| row.schema == MENDIX_SCHEMA)
                    .cloned();
                tables.push(TableSize {
                    module: entity.as_deref().and_then(module),
                    entity,
                    is_system: is_system(&row.schema, &row.table),
                    heap_bytes: Some(heap_bytes),
                    toast_bytes: Some(toast_bytes),
                    index_bytes: Some(index_bytes),
                    total_bytes,
                    row_estimate: row.row_estimate,
                    ..TableSize::named(row.schema, row.table)
                });
            }
            (None, _, _) => {}
            _ => unsized_tables.push(UnsizedTable {
                schema: row.schema,
                table: row.table,
                reason: "it was dropped or rebuilt while it was measured".to_owned(),
            }),
        }
    }
    tables.sort_by(|a, b| {
        let by_size = b.total_bytes.cmp(&a.total_bytes);
        by_size.then_with(|| (&a.schema, &a.table).cmp(&(&b.schema, &b.table)))
    });
    unsized_tables.sort_by(|a, b| (&a.schema, &a.table).cmp(&(&b.schema, &b.table)));
    Ok((tables, unsized_tables))
}

fn is_system(schema: &str, table: &str) -> bool {
    schema == MENDIX_SCHEMA
        && SYSTEM_PREFIXES
            .iter()
            .any(|prefix| table.starts_with(prefix))
}

/// Returns the module of `Module.Entity`.
fn module(entity: &str) -> Option<String> {
    entity.split_once('.').map(|(module, _)| module.to_owned())
}

/// Returns the failure of a catalogue that holds `what`.
fn unexpected(what: &str) -> MeasureError {
    MeasureError::permanent("unexpected_answer", format!("the catalogue has {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(schema: &str, table: &str, bytes: [u64; 3]) -> CatalogueTable {
        CatalogueTable {
            schema: schema.into(),
            table: table.into(),
            heap_bytes: Some(bytes[0]),
            toast_bytes: Some(bytes[1]),
            index_bytes: Some(bytes[2]),
            row_estimate: None,
        }
    }

    fn names(tables: &[TableSize]) -> Vec<(&str, &str)> {
        tables
            .iter()
            .map(|table| (table.schema.as_str(), table.table.as_str()))
            .collect()
    }

    #[test]
    fn the_largest_comes_first_and_equals_come_by_schema_and_name() {
        let rows = vec![
            row("b", "a", [1, 1, 1]),
            row("a", "z", [3, 0, 0]),
            row("a", "B", [0, 3, 0]),
            row("a", "large", [1, 2, 3]),
        ];

        let (tables, _) = judge(rows, &Entities::new()).unwrap();

        assert_eq!(
            names(&tables),
            [("a", "large"), ("a", "B"), ("a", "z"), ("b", "a")]
        );
        assert_eq!(tables[0].total_bytes, 6);
    }

    #[test]
    fn a_table_that_was_dropped_meanwhile_is_left_out() {
        let dropped = CatalogueTable {
            heap_bytes: None,
            toast_bytes: Some(0),
            index_bytes: None,
            ..row("public", "gone", [0; 3])
        };

        let (tables, unsized_tables) = judge(vec![dropped], &Entities::new()).unwrap();

        assert_eq!((tables.len(), unsized_tables.len()), (0, 0));
    }

    #[test]
    fn a_table_with_only_some_sizes_is_listed_and_never_counted() {
        let rebuilt = CatalogueTable {
            toast_bytes: None,
            ..row("public", "rebuilt", [8192, 0, 0])
        };

        let (tables, unsized_tables) = judge(vec![rebuilt], &Entities::new()).unwrap();

        assert!(tables.is_empty());
        assert_eq!(unsized_tables[0].table, "rebuilt");
    }

    #[test]
    fn entities_belong_to_tables_of_the_mendix_schema_only() {
        let entities = Entities::from([
            ("sales$order".to_owned(), "Sales.Order".to_owned()),
            ("odd".to_owned(), "NoModule".to_owned()),
        ]);
        let rows = vec![
            row("public", "sales$order", [3, 0, 0]),
            row("archive", "sales$order", [2, 0, 0]),
            row("public", "odd", [1, 0, 0]),
        ];

        let (tables, _) = judge(rows, &entities).unwrap();

        let found: Vec<_> = tables
            .iter()
            .map(|table| (table.entity.as_deref(), table.module.as_deref()))
            .collect();
        assert_eq!(
            found,
            [
                (Some("Sales.Order"), Some("Sales")),
                (None, None),
                (Some("NoModule"), None)
            ]
        );
    }

    #[test]
    fn tables_of_the_runtime_are_told_by_their_prefix() {
        let cases = [
            ("public", "system$user", true),
            ("public", "mendixsystem$entity", true),
            ("public", "systematic$user", false),
            ("public", "sales$system$x", false),
            ("other", "system$user", false),
        ];

        for (schema, table, expected) in cases {
            assert_eq!(is_system(schema, table), expected, "{schema}.{table}");
        }
    }

    #[test]
    fn a_sum_beyond_64_bits_is_an_error_and_not_a_small_number() {
        let rows = vec![row("public", "a", [u64::MAX, 1, 0])];

        let error = judge(rows, &Entities::new()).unwrap_err();

        assert_eq!(error.code, "unexpected_answer");
    }
}
