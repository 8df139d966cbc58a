//! One table's history: the series of a name, whatever tables had it.

use crate::history::frame::{Column, TableReadings};
use crate::history::reading::Reading;
use crate::history::series::{TableKey, TableMeasure};

/// History of the tables that had one name after each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableHistory {
    /// Schema name; the database's own name on MySQL.
    pub schema: String,
    /// Table name.
    pub table: String,
    /// Its identities in the order of time, each with the position of the first moment that it is seen at. Another id
    /// is another table.
    pub identities: Vec<(usize, TableKey)>,
    /// All bytes on disk.
    pub total_bytes: Column,
    /// The other measures, each as long as the totals; empty when they were not asked for.
    pub parts: Vec<(TableMeasure, Column)>,
}

impl TableHistory {
    /// Returns the identity that it has at the end. One with an id counts more than one without: that is of a table which
    /// could not be sized for a while.
    pub fn last_identity(&self) -> Option<&TableKey> {
        let mut keys = self.identities.iter().rev().map(|(_, key)| key);
        let last = keys.clone().next();
        keys.find(|key| key.table_id.is_some()).or(last)
    }

    /// Returns the Mendix module that it belonged to last.
    pub fn module(&self) -> Option<&str> {
        let keys = self.identities.iter().rev().map(|(_, key)| key);
        keys.into_iter().find_map(|key| key.module.as_deref())
    }

    /// Returns whether its bytes are part of another table's: sums leave it out.
    pub fn is_partition(&self) -> bool {
        self.last_identity().is_some_and(|key| key.is_partition)
    }

    /// Returns the positions of moments from which on another table has the name: its sizes are not comparable with those
    /// before. A table whose id is not known is taken for the one before it.
    pub fn breaks(&self) -> Vec<usize> {
        let mut known = None;
        let mut breaks = Vec::new();
        for (position, key) in &self.identities {
            if let Some(id) = key.table_id {
                if known.is_some_and(|known| known != id) {
                    breaks.push(*position);
                }
                known = Some(id);
            }
        }
        breaks
    }

    /// Returns the readings of a measure; empty when it was not asked for.
    pub fn column(&self, measure: TableMeasure) -> &[Reading] {
        let found = self.parts.iter().find(|(each, _)| *each == measure);
        match (measure, found) {
            (TableMeasure::TotalBytes, _) => &self.total_bytes,
            (_, Some((_, column))) => column,
            (_, None) => &[],
        }
    }

    pub(super) fn part_mut(&mut self, measure: TableMeasure) -> Option<&mut Column> {
        let mut parts = self.parts.iter_mut();
        let found = parts.find(|(each, _)| *each == measure);
        found.map(|(_, column)| column)
    }

    /// Returns the bytes of the heap, which follow from the total and the other parts; empty without parts.
    pub fn heap_bytes(&self) -> Column {
        if self.parts.is_empty() {
            return Column::new();
        }
        let heap = |(position, total): (usize, &Reading)| {
            let mut readings = TableReadings {
                total_bytes: *total,
                ..TableReadings::default()
            };
            for (measure, column) in &self.parts {
                let reading = column.get(position).copied();
                readings.set(*measure, reading.unwrap_or_default());
            }
            readings.heap_bytes()
        };
        self.total_bytes.iter().enumerate().map(heap).collect()
    }
}
