//! `group=module`: sums of tables for each Mendix module.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use shared::snapshot::{Quality, TableSize};

/// Sums of one Mendix module's tables; a partitioned table counts once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ModuleView {
    /// Module name; null for tables without a known module.
    pub module: Option<String>,
    /// Whether the tables belong to the Mendix runtime itself.
    pub is_system: bool,
    /// Number of tables.
    pub table_count: u64,
    /// Number of them whose bytes are an estimate.
    pub estimated_table_count: u64,
    /// Bytes of their rows; null when they are unknown for one of the tables.
    pub heap_bytes: Option<u64>,
    /// Bytes of their out-of-line values; null when they are unknown for one of the tables.
    pub toast_bytes: Option<u64>,
    /// Bytes of their indexes; null when they are unknown for one of the tables.
    pub index_bytes: Option<u64>,
    /// All their bytes on disk.
    pub total_bytes: u64,
    /// Their rows by the last analyses; null when one of the tables was never analyzed.
    pub row_estimate: Option<u64>,
}

impl ModuleView {
    /// Returns the sums of `tables`, largest first, equals by name. `tables` must not include partitions.
    pub(super) fn of_tables<'t>(tables: impl Iterator<Item = &'t TableSize>) -> Vec<Self> {
        let mut modules: BTreeMap<_, Self> = BTreeMap::new();
        for table in tables {
            let key = (table.module.as_deref(), table.is_system);
            let sums = modules.entry(key).or_insert_with(|| Self::empty(key));
            sums.add(table);
        }
        let mut modules: Vec<_> = modules.into_values().collect();
        // A stable sort keeps equals in the order of their names.
        modules.sort_by_key(|module| std::cmp::Reverse(module.total_bytes));
        modules
    }

    fn empty((module, is_system): (Option<&str>, bool)) -> Self {
        Self {
            module: module.map(str::to_owned),
            is_system,
            table_count: 0,
            estimated_table_count: 0,
            heap_bytes: Some(0),
            toast_bytes: Some(0),
            index_bytes: Some(0),
            total_bytes: 0,
            row_estimate: Some(0),
        }
    }

    fn add(&mut self, table: &TableSize) {
        let sum = |sum: Option<u64>, part: Option<u64>| Some(sum?.saturating_add(part?));
        self.table_count += 1;
        self.estimated_table_count += u64::from(table.quality != Quality::Exact);
        self.heap_bytes = sum(self.heap_bytes, table.heap_bytes);
        self.toast_bytes = sum(self.toast_bytes, table.toast_bytes);
        self.index_bytes = sum(self.index_bytes, table.index_bytes);
        self.total_bytes = self.total_bytes.saturating_add(table.total_bytes);
        self.row_estimate = sum(self.row_estimate, table.row_estimate);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_part_makes_its_modules_sum_unknown() {
        let table = |module: Option<&str>, bytes, rows| TableSize {
            module: module.map(str::to_owned),
            heap_bytes: Some(bytes),
            total_bytes: bytes,
            row_estimate: rows,
            ..TableSize::named("public", "t")
        };
        let tables = [
            table(Some("Sales"), 10, Some(1)),
            table(Some("Sales"), 20, None),
            table(None, 5, Some(3)),
            table(Some("Admin"), 40, Some(4)),
            TableSize {
                is_system: true,
                ..table(None, 5, Some(2))
            },
        ];

        let modules = ModuleView::of_tables(tables.iter());

        let sums: Vec<_> = modules
            .iter()
            .map(|sums| {
                (
                    sums.module.as_deref(),
                    sums.is_system,
                    sums.table_count,
                    sums.total_bytes,
                    sums.row_estimate,
                )
            })
            .collect();
        assert_eq!(
            sums,
            [
                (Some("Admin"), false, 1, 40, Some(4)),
                (Some("Sales"), false, 2, 30, None),
                (None, false, 1, 5, Some(3)),
                (None, true, 1, 5, Some(2)),
            ]
        );
        assert_eq!(
            (modules[1].heap_bytes, modules[1].toast_bytes),
            (Some(30), None)
        );
    }
}
