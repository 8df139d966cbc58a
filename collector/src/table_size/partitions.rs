//! Sums the partitions of each partitioned table, over any number of levels. No I/O in this file.

use std::collections::BTreeMap;

use shared::snapshot::{Quality, TableKind, TableName, TableSize};

/// Maximum number of partition levels that are followed. PostgreSQL has no limit; real schemas have a few levels.
const MAX_LEVELS: usize = 100;

/// A table with its identity and, if it is a partition, its parent's identity.
#[derive(Debug, Clone)]
pub(super) struct Linked {
    /// Identity in the catalogue.
    pub(super) id: u32,
    /// Identity of the direct parent table; `None` unless the table is a partition.
    pub(super) parent: Option<u32>,
    /// Identities of the tables that inherit from it directly; none for partitioned tables.
    pub(super) children: Vec<u32>,
    /// Name of its schema.
    pub(super) schema: String,
    /// The table; `None` when it exists but could not be sized.
    pub(super) table: Option<TableSize>,
}

/// Returns the tables in the given order, with the sums of partitions set on their partitioned tables.
///
/// Each partition names its direct parent. A partition whose parent is missing, because it was detached or attached
/// in the meantime, counts as a table of its own. A sum that lacks a partition or includes an estimate is an estimate.
pub(super) fn roll_up(mut tables: Vec<Linked>) -> Vec<TableSize> {
    let indexes: BTreeMap<u32, usize> = (0..)
        .zip(&tables)
        .map(|(index, each)| (each.id, index))
        .collect();
    let parent_index = |each: &Linked, tables: &[Linked]| -> Option<usize> {
        let index = *indexes.get(&each.parent?)?;
        let kind = tables.get(index)?.table.as_ref()?.kind;
        (kind == TableKind::Partitioned).then_some(index)
    };
    let parents: Vec<Option<usize>> = tables
        .iter()
        .map(|each| parent_index(each, &tables))
        .collect();

    let mut sums: BTreeMap<usize, Sums> = BTreeMap::new();
    for (index, each) in tables.iter().enumerate() {
        let is_partitioned = |table: &TableSize| table.kind == TableKind::Partitioned;
        if each.table.as_ref().is_some_and(is_partitioned) {
            sums.entry(index).or_default();
            continue;
        }
        let mut next = parents.get(index).copied().flatten();
        for _ in 0..MAX_LEVELS {
            let Some(parent) = next else { break };
            sums.entry(parent).or_default().add(each.table.as_ref());
            next = parents.get(parent).copied().flatten();
        }
    }
    for (index, sums) in sums {
        if let Some(table) = tables.get_mut(index).and_then(|each| each.table.as_mut()) {
            sums.apply_to(table);
        }
    }
    let names: Vec<Option<TableName>> = parents
        .iter()
        .map(|parent| {
            let table = tables.get((*parent)?)?.table.as_ref()?;
            Some(TableName {
                schema: table.schema.clone(),
                table: table.table.clone(),
            })
        })
        .collect();
    let named = tables.into_iter().zip(names);
    let named = named.filter_map(|(each, name)| {
        let table = each.table?;
        Some(TableSize {
            partition_of: name,
            ..table
        })
    });
    named.collect()
}

/// Sums of one table's partitions, leaf partitions only.
struct Sums {
    heap_bytes: Option<u64>,
    toast_bytes: Option<u64>,
    index_bytes: Option<u64>,
    free_bytes: Option<u64>,
    total_bytes: u64,
    row_estimate: Option<u64>,
    dead_row_estimate: Option<u64>,
    is_any: bool,
    estimated: u64,
    missing: u64,
}

impl Default for Sums {
    fn default() -> Self {
        Self {
            heap_bytes: Some(0),
            toast_bytes: Some(0),
            index_bytes: Some(0),
            free_bytes: Some(0),
            total_bytes: 0,
            row_estimate: Some(0),
            dead_row_estimate: Some(0),
            is_any: false,
            estimated: 0,
            missing: 0,
        }
    }
}

impl Sums {
    fn add(&mut self, table: Option<&TableSize>) {
        let Some(table) = table else {
            self.missing += 1;
            return;
        };
        // One unknown part makes the sum unknown.
        let sum = |sum: Option<u64>, part: Option<u64>| Some(sum?.saturating_add(part?));
        self.heap_bytes = sum(self.heap_bytes, table.heap_bytes);
        self.toast_bytes = sum(self.toast_bytes, table.toast_bytes);
        self.index_bytes = sum(self.index_bytes, table.index_bytes);
        self.free_bytes = sum(self.free_bytes, table.free_bytes);
        self.total_bytes = self.total_bytes.saturating_add(table.total_bytes);
        self.row_estimate = sum(self.row_estimate, table.row_estimate);
        self.dead_row_estimate = sum(self.dead_row_estimate, table.dead_row_estimate);
        self.is_any = true;
        self.estimated += u64::from(table.quality != Quality::Exact);
    }

    fn apply_to(self, table: &mut TableSize) {
        table.heap_bytes = self.heap_bytes;
        table.toast_bytes = self.toast_bytes;
        table.index_bytes = self.index_bytes;
        table.free_bytes = self.free_bytes.filter(|_| self.is_any);
        table.total_bytes = self.total_bytes;
        table.row_estimate = self.row_estimate.filter(|_| self.missing == 0);
        table.dead_row_estimate = self.dead_row_estimate.filter(|_| self.missing == 0);
        let reason = match (self.missing, self.estimated) {
            (0, 0) => return,
            (0, estimated) => format!("{estimated} of its partitions are estimated"),
            (missing, _) => {
                format!("{missing} of its partitions could not be sized and are not in the sum")
            }
        };
        table.quality = Quality::Estimated { reason };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partitioned(id: u32, parent: Option<u32>, name: &str) -> Linked {
        Linked {
            id,
            parent,
            children: Vec::new(),
            schema: "public".into(),
            table: Some(TableSize {
                kind: TableKind::Partitioned,
                ..TableSize::named("public", name)
            }),
        }
    }

    fn leaf(id: u32, parent: Option<u32>, name: &str, bytes: u64) -> Linked {
        Linked {
            id,
            parent,
            children: Vec::new(),
            schema: "public".into(),
            table: Some(TableSize {
                heap_bytes: Some(bytes),
                toast_bytes: Some(0),
                index_bytes: Some(1),
                total_bytes: bytes + 1,
                row_estimate: Some(bytes),
                dead_row_estimate: Some(0),
                ..TableSize::named("public", name)
            }),
        }
    }

    fn find<'t>(tables: &'t [TableSize], name: &str) -> &'t TableSize {
        tables.iter().find(|table| table.table == name).unwrap()
    }

    /// Ids are not ordered by level: a partition may be older than the table that it was attached to.
    fn tree() -> Vec<Linked> {
        vec![
            leaf(1, Some(9), "log_old", 10),
            leaf(2, Some(5), "log_new_1", 100),
            partitioned(5, Some(9), "log_new"),
            leaf(7, Some(5), "log_new_2", 1000),
            partitioned(9, None, "log"),
            leaf(10, None, "plain", 5),
        ]
    }

    #[test]
    fn every_level_has_the_sum_of_all_levels_below() {
        let tables = roll_up(tree());

        assert_eq!(find(&tables, "log_new").total_bytes, 1102);
        let log = find(&tables, "log");
        assert_eq!((log.total_bytes, log.index_bytes), (1113, Some(3)));
        assert_eq!((log.row_estimate, log.free_bytes), (Some(1110), None));
        assert_eq!(log.partition_of, None);
        let above = find(&tables, "log_new_2").partition_of.clone().unwrap();
        assert_eq!(above.table, "log_new");
        let counted = tables.iter().filter(|table| !table.is_partition());
        assert_eq!(
            counted.map(|table| table.total_bytes).sum::<u64>(),
            1113 + 6
        );
    }

    #[test]
    fn a_sum_with_a_missing_or_estimated_partition_is_an_estimate() {
        let mut missing = tree();
        missing[3].table = None;
        let mut estimated = tree();
        if let Some(table) = &mut estimated[1].table {
            table.quality = Quality::Estimated {
                reason: "locked".into(),
            };
            table.row_estimate = None;
        }

        let missing = roll_up(missing);
        let estimated = roll_up(estimated);

        let log = find(&missing, "log");
        assert_eq!((log.total_bytes, log.row_estimate), (112, None));
        let Quality::Estimated { reason } = &log.quality else {
            panic!("{log:?}")
        };
        assert!(reason.contains("1 of its partitions could not be sized"));
        let log = find(&estimated, "log");
        assert_eq!((log.total_bytes, log.row_estimate), (1113, None));
        assert_ne!(log.quality, Quality::Exact);
        assert_eq!(find(&estimated, "plain").quality, Quality::Exact);
    }

    #[test]
    fn a_partition_without_its_parent_counts_as_a_table() {
        let mut tables = tree();
        tables.retain(|each| each.id != 9);

        let tables = roll_up(tables);

        assert_eq!(find(&tables, "log_old").partition_of, None);
        assert_eq!(find(&tables, "log_new").partition_of, None);
    }

    #[test]
    fn a_partitioned_table_without_partitions_is_empty_and_exact() {
        let tables = roll_up(vec![partitioned(1, None, "log")]);

        assert_eq!(
            (tables[0].total_bytes, tables[0].row_estimate),
            (0, Some(0))
        );
        assert_eq!(tables[0].quality, Quality::Exact);
    }
}
