//! One row of `tables.sql` and its evaluation. No I/O.

use chrono::{DateTime, Utc};
use shared::snapshot::{Persistence, Quality, TableKind, TableSize, UnsizedTable};
use sqlx::postgres::PgRow;
use sqlx::postgres::types::Oid;
use sqlx::{FromRow, Row as _};

use super::negative;
use crate::error::MeasureError;
use crate::table_size::unexpected;

/// Reason of an estimate.
const LOCKED: &str = "another session holds or waits for an exclusive lock; the size is as of the last vacuum or analysis";
/// Reason why a locked table has no size.
const LOCKED_AND_UNKNOWN: &str = "another session holds or waits for an exclusive lock, and the table, its TOAST table or an index was not \
                                  vacuumed or analysed since it was created or rebuilt";
/// Reason why a table with only some of its sizes has no size.
const REBUILT: &str = "it was dropped or rebuilt while it was measured";

/// Reason why a replica has no size of a table.
const NOT_ON_REPLICA: &str =
    "the server is a replica, and unlogged and temporary tables have contents on the primary only";

/// A row of `tables.sql`, by the names of its columns. A size is `None` if the relation no longer existed, or if it is
/// locked and nothing is known about it.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) oid: Oid,
    pub(super) schema_name: String,
    pub(super) table_name: String,
    pub(super) kind: String,
    pub(super) persistence: String,
    pub(super) parent: Option<Oid>,
    pub(super) children: Vec<Oid>,
    pub(super) is_catalogue: bool,
    pub(super) is_locked: bool,
    pub(super) is_replica: bool,
    pub(super) heap_bytes: Option<i64>,
    pub(super) toast_bytes: Option<i64>,
    pub(super) index_bytes: Option<i64>,
    pub(super) row_estimate: Option<i64>,
    pub(super) dead_row_estimate: Option<i64>,
    pub(super) last_vacuum_at: Option<DateTime<Utc>>,
    pub(super) last_analyze_at: Option<DateTime<Utc>>,
}

/// Result of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The table with its size.
    Sized(Box<TableSize>),
    /// The table exists, or may exist, but has no size.
    Unsized(UnsizedTable),
    /// The table was dropped since the statement started.
    Gone,
}

/// Returns the name in a column. In a database of `SQL_ASCII` a name has any bytes; those that are not UTF-8 are replaced.
pub(super) fn name(row: &PgRow, column: &str) -> Result<String, sqlx::Error> {
    let value = row.try_get_raw(column)?;
    let bytes = value.as_bytes().map_err(sqlx::Error::Decode)?;
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

impl FromRow<'_, PgRow> for Row {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            oid: row.try_get("oid")?,
            schema_name: name(row, "schema_name")?,
            table_name: name(row, "table_name")?,
            kind: row.try_get("kind")?,
            persistence: row.try_get("persistence")?,
            parent: row.try_get("parent")?,
            children: row
                .try_get::<Option<Vec<Oid>>, _>("children")?
                .unwrap_or_default(),
            is_catalogue: row.try_get("is_catalogue")?,
            is_locked: row.try_get("is_locked")?,
            is_replica: row.try_get("is_replica")?,
            heap_bytes: row.try_get("heap_bytes")?,
            toast_bytes: row.try_get("toast_bytes")?,
            index_bytes: row.try_get("index_bytes")?,
            row_estimate: row.try_get("row_estimate")?,
            dead_row_estimate: row.try_get("dead_row_estimate")?,
            last_vacuum_at: row.try_get("last_vacuum_at")?,
            last_analyze_at: row.try_get("last_analyze_at")?,
        })
    }
}

impl Row {
    /// Evaluates the row.
    ///
    /// Without any size, the table was dropped. With only some of its sizes, it was dropped or rebuilt meanwhile, and
    /// may or may not exist. A locked table with an unknown part is not sized: its known parts may be the smallest. A
    /// statistic below zero is unknown.
    pub(super) fn evaluate(self) -> Result<Verdict, MeasureError> {
        let unsized_because = |reason: &str| UnsizedTable {
            schema: self.schema_name.clone(),
            table: self.table_name.clone(),
            reason: reason.to_owned(),
        };
        let kind = match self.kind.as_str() {
            "r" => TableKind::Table,
            "p" => TableKind::Partitioned,
            "m" => TableKind::MaterializedView,
            _ => return Err(unexpected("an unknown kind of table")),
        };
        let persistence = match self.persistence.as_str() {
            "p" => Persistence::Permanent,
            "u" => Persistence::Unlogged,
            "t" => Persistence::Temporary,
            _ => return Err(unexpected("an unknown persistence")),
        };
        let number = |number: Option<i64>| {
            number
                .map(u64::try_from)
                .transpose()
                .map_err(|_| negative())
        };
        let (heap, toast, index) = (
            number(self.heap_bytes)?,
            number(self.toast_bytes)?,
            number(self.index_bytes)?,
        );
        let is_partitioned = kind == TableKind::Partitioned;
        if self.is_replica && persistence != Persistence::Permanent && !is_partitioned {
            return Ok(Verdict::Unsized(unsized_because(NOT_ON_REPLICA)));
        }
        let (Some(heap_bytes), Some(toast_bytes), Some(index_bytes)) = (heap, toast, index) else {
            return Ok(match heap {
                _ if self.is_locked => Verdict::Unsized(unsized_because(LOCKED_AND_UNKNOWN)),
                None => Verdict::Gone,
                Some(_) => Verdict::Unsized(unsized_because(REBUILT)),
            });
        };
        let total_bytes = [heap_bytes, toast_bytes, index_bytes]
            .into_iter()
            .try_fold(0, u64::checked_add)
            .ok_or_else(|| unexpected("a table of more than 64 bits of bytes"))?;
        let statistic = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok());
        let quality = if self.is_locked && !is_partitioned {
            Quality::Estimated {
                reason: LOCKED.to_owned(),
            }
        } else {
            Quality::Exact
        };
        Ok(Verdict::Sized(Box::new(TableSize {
            table_id: Some(self.oid.0.into()),
            kind,
            persistence,
            heap_bytes: Some(heap_bytes),
            toast_bytes: Some(toast_bytes),
            index_bytes: Some(index_bytes),
            total_bytes,
            row_estimate: statistic(self.row_estimate),
            dead_row_estimate: statistic(self.dead_row_estimate),
            last_vacuum_at: self.last_vacuum_at,
            last_analyze_at: self.last_analyze_at,
            quality,
            ..TableSize::named(self.schema_name, self.table_name)
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        Row {
            oid: Oid(1),
            schema_name: "public".into(),
            table_name: "t".into(),
            kind: "r".into(),
            persistence: "p".into(),
            parent: None,
            children: Vec::new(),
            is_catalogue: false,
            is_locked: false,
            is_replica: false,
            heap_bytes: Some(3),
            toast_bytes: Some(2),
            index_bytes: Some(1),
            row_estimate: None,
            dead_row_estimate: Some(0),
            last_vacuum_at: None,
            last_analyze_at: None,
        }
    }

    #[test]
    fn a_total_is_the_sum_of_its_parts() {
        let Verdict::Sized(table) = row().evaluate().unwrap() else {
            panic!("not sized")
        };

        assert_eq!((table.total_bytes, table.heap_bytes), (6, Some(3)));
        assert_eq!(table.table_id, Some(1));
        assert_eq!(table.quality, Quality::Exact);
    }

    #[test]
    fn a_table_that_was_dropped_meanwhile_is_omitted() {
        let dropped = Row {
            heap_bytes: None,
            toast_bytes: Some(0),
            index_bytes: None,
            ..row()
        };

        assert_eq!(dropped.evaluate().unwrap(), Verdict::Gone);
    }

    #[test]
    fn a_table_with_only_some_sizes_is_reported_and_never_counted() {
        let rebuilt = Row {
            toast_bytes: None,
            ..row()
        };

        assert!(
            matches!(rebuilt.evaluate().unwrap(), Verdict::Unsized(table) if table.table == "t")
        );
    }

    #[test]
    fn a_locked_table_is_an_estimate_and_never_zero_because_it_is_unknown() {
        let locked = Row {
            is_locked: true,
            ..row()
        };
        let empty = Row {
            heap_bytes: Some(0),
            toast_bytes: Some(0),
            index_bytes: Some(0),
            row_estimate: Some(0),
            ..locked.clone()
        };
        let unknown = [
            Row {
                heap_bytes: None,
                ..locked.clone()
            },
            Row {
                toast_bytes: None,
                ..locked.clone()
            },
            Row {
                index_bytes: None,
                ..locked.clone()
            },
        ];

        let quality = |row: Row| match row.evaluate().unwrap() {
            Verdict::Sized(table) => Some(table.quality != Quality::Exact),
            _ => None,
        };
        assert_eq!(quality(locked), Some(true));
        assert_eq!(quality(empty), Some(true));
        for unknown in unknown {
            let Verdict::Unsized(table) = unknown.evaluate().unwrap() else {
                panic!("sized by its known parts alone")
            };
            assert!(table.reason.contains("vacuumed or analysed"));
        }
    }

    #[test]
    fn a_replica_cannot_know_what_is_not_replicated() {
        let on_replica = |persistence: &str| Row {
            is_replica: true,
            persistence: persistence.into(),
            ..row()
        };

        assert!(matches!(
            on_replica("p").evaluate().unwrap(),
            Verdict::Sized(_)
        ));
        for persistence in ["u", "t"] {
            let verdict = on_replica(persistence).evaluate().unwrap();
            assert!(matches!(verdict, Verdict::Unsized(table) if table.reason.contains("replica")));
        }
    }

    #[test]
    fn a_statistic_below_zero_is_unknown_and_fails_nothing() {
        let odd = Row {
            row_estimate: Some(-5),
            dead_row_estimate: Some(-1),
            ..row()
        };

        let Verdict::Sized(table) = odd.evaluate().unwrap() else {
            panic!("not sized")
        };
        assert_eq!((table.row_estimate, table.dead_row_estimate), (None, None));
    }

    #[test]
    fn a_sum_beyond_64_bits_is_an_error_and_not_a_small_number() {
        let vast = Row {
            heap_bytes: Some(i64::MAX),
            toast_bytes: Some(i64::MAX),
            index_bytes: Some(2),
            ..row()
        };

        assert_eq!(vast.evaluate().unwrap_err().code, "unexpected_answer");
        let negative = Row {
            heap_bytes: Some(-1),
            ..row()
        };
        assert_eq!(negative.evaluate().unwrap_err().code, "unexpected_answer");
    }
}
