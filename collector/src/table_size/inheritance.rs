//! Says of each table that others inherit from where those are, such as the chunks of a `TimescaleDB` hypertable. No I/O in
//! this file.

use std::collections::{BTreeMap, BTreeSet};

use shared::snapshot::ChildTables;

use super::partitions::Linked;

/// Sets the child tables of each table that has some, over any number of levels; each counts once.
///
/// Children that are not among `tables` are left out: foreign tables hold nothing here, and others were dropped.
pub(super) fn set_child_tables(tables: &mut [Linked]) {
    let indexes: BTreeMap<u32, usize> = (0..)
        .zip(tables.iter())
        .map(|(index, each)| (each.id, index))
        .collect();
    let parents = (0..tables.len()).filter(|index| {
        let parent = tables.get(*index);
        parent.is_some_and(|parent| !parent.children.is_empty())
    });
    let described: Vec<_> = parents
        .map(|index| (index, children_of(index, tables, &indexes)))
        .collect();
    for (index, children) in described {
        if let Some(table) = tables.get_mut(index).and_then(|each| each.table.as_mut()) {
            table.child_tables = children;
        }
    }
}

fn children_of(
    parent: usize,
    tables: &[Linked],
    indexes: &BTreeMap<u32, usize>,
) -> Option<ChildTables> {
    let mut found = BTreeSet::new();
    let mut next = vec![parent];
    while let Some(each) = next.pop().and_then(|index| tables.get(index)) {
        for child in &each.children {
            if let Some(index) = indexes.get(child)
                && found.insert(*index)
            {
                next.push(*index);
            }
        }
    }
    let children: Vec<&Linked> = found
        .iter()
        .filter_map(|index| tables.get(*index))
        .collect();
    let sizes = children.iter().map(|each| each.table.as_ref());
    let total_bytes = sizes
        .clone()
        .try_fold(0_u64, |sum, table| sum.checked_add(table?.total_bytes));
    let schemas: BTreeSet<String> = children.iter().map(|each| each.schema.clone()).collect();
    let table_count = u64::try_from(children.len()).ok()?;
    (table_count > 0).then(|| ChildTables {
        table_count,
        total_bytes,
        schemas: schemas.into_iter().collect(),
    })
}

#[cfg(test)]
mod tests {
    use shared::snapshot::TableSize;

    use super::*;

    fn linked(id: u32, schema: &str, children: &[u32]) -> Linked {
        Linked {
            id,
            parent: None,
            children: children.to_vec(),
            schema: schema.to_owned(),
            table: Some(TableSize {
                total_bytes: 10_u64.pow(id),
                ..TableSize::named(schema, "t")
            }),
        }
    }

    fn described(mut tables: Vec<Linked>) -> Vec<Option<ChildTables>> {
        set_child_tables(&mut tables);
        let tables = tables.into_iter();
        tables
            .map(|each| each.table.and_then(|table| table.child_tables))
            .collect()
    }

    /// Table 4 inherits from 2 and from 3, and 9 is a foreign table.
    fn tree() -> Vec<Linked> {
        vec![
            linked(1, "public", &[2, 3, 9]),
            linked(2, "chunks", &[4]),
            linked(3, "archive", &[4]),
            linked(4, "chunks", &[]),
            linked(5, "public", &[9]),
        ]
    }

    #[test]
    fn children_on_all_levels_count_once() {
        let children = described(tree());

        let expected = ChildTables {
            table_count: 3,
            total_bytes: Some(11_100),
            schemas: vec!["archive".into(), "chunks".into()],
        };
        assert_eq!(children[0], Some(expected));
        assert_eq!(children[1].as_ref().unwrap().total_bytes, Some(10_000));
        assert_eq!((&children[3], &children[4]), (&None, &None));
    }

    #[test]
    fn a_child_without_a_size_makes_the_sum_unknown() {
        let mut tables = tree();
        tables[3].table = None;

        let children = described(tables);

        let above = children[0].as_ref().unwrap();
        assert_eq!((above.table_count, above.total_bytes), (3, None));
    }
}
