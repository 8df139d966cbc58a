//! One table's history: the series of a name, whatever tables had it.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

use crate::history::frame::{Column, TableReadings};
use crate::history::reading::Reading;
use crate::history::series::{TableKey, TableMeasure};

/// History of the tables that had one name after each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableHistory {
    /// Schema name; the database's own name on MySQL.
    pub schema: Arc<str>,
    /// Table name.
    pub table: Arc<str>,
    /// Its identities in the order of time, each with the position of the first moment that it is seen at. Another id
    /// is another table.
    pub identities: Vec<(usize, TableKey)>,
    /// All bytes on disk.
    pub total_bytes: TableColumn,
    /// The other measures, each as long as the totals; empty when they were not asked for.
    pub parts: Vec<(TableMeasure, TableColumn)>,
}

/// Readings of one measure of a table. Columns of several tables share their memory: thousands of tables are one answer.
#[derive(Clone)]
pub struct TableColumn {
    readings: Arc<Vec<Reading>>,
    range: Range<usize>,
}

impl TableColumn {
    /// Returns the column that `range` of `readings` is.
    pub(super) fn of(readings: &Arc<Vec<Reading>>, range: Range<usize>) -> Self {
        Self {
            readings: Arc::clone(readings),
            range,
        }
    }
}

impl Deref for TableColumn {
    type Target = [Reading];

    fn deref(&self) -> &[Reading] {
        self.readings.get(self.range.clone()).unwrap_or_default()
    }
}

impl PartialEq for TableColumn {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for TableColumn {}

impl fmt::Debug for TableColumn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(formatter)
    }
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
