//! One moment of a history as a point, for comparisons.

use super::{GapScope, History, TableHistory};
use crate::history::frame::{Point, TableReadings};
use crate::history::series::{TableKey, TableMeasure};

impl History {
    /// Returns everything that was read of the moment at `position`; `None` when there is no such moment, and when its
    /// tables are missing.
    ///
    /// Measures of tables that were not read are absent. Series and tables are in order.
    pub fn point(&self, position: usize) -> Option<Point> {
        let moment = self.moments.get(position)?;
        let mut gaps = self.gaps.iter().filter(|gap| gap.scope != GapScope::Parts);
        if gaps.any(|gap| (gap.from..gap.to).contains(&moment.scheduled_at)) {
            return None;
        }
        let own = self.own.iter();
        let own = own.filter_map(|(series, column)| Some((series.clone(), *column.get(position)?)));
        let tables = self.tables.iter();
        let mut tables: Vec<_> = tables.filter_map(|table| table.point(position)).collect();
        tables.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        Some(Point {
            moment: moment.clone(),
            own: own.filter(|(_, reading)| !reading.is_absent()).collect(),
            tables,
        })
    }
}

impl TableHistory {
    /// Returns the identity and the readings at a moment; `None` when the table does not exist then.
    fn point(&self, position: usize) -> Option<(TableKey, TableReadings)> {
        let total_bytes = *self.total_bytes.get(position)?;
        if total_bytes.is_absent() {
            return None;
        }
        let known = self.identities.iter();
        let mut known = known.rev().filter(|(start, _)| *start <= position);
        let (_, key) = known.next()?;
        let mut readings = TableReadings::default();
        for measure in TableMeasure::ALL {
            let reading = self.column(measure).get(position).copied();
            readings.set(measure, reading.unwrap_or_default());
        }
        Some((key.clone(), readings))
    }
}
