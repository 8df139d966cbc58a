//! One table of a database. Domain types only.
//!
//! They serialize as they are answered: a field's comment is its description in the OpenAPI document, where `None` is
//! null.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TableSize {
    /// Schema name; the database's own name on MySQL.
    pub schema: String,
    /// Table name.
    pub table: String,
    /// The engine's own number for the table: PostgreSQL's OID, InnoDB's table id. A renamed table keeps it, a
    /// recreated table gets a new one. `None` where it is unknown. Not answered.
    #[serde(skip)]
    pub table_id: Option<u64>,
    /// `table`, `partitioned` (its numbers are the sums of its partitions) or `materialized_view`.
    pub kind: TableKind,
    /// `permanent`, `unlogged` (emptied by a crash) or `temporary` (dropped with its session).
    pub persistence: Persistence,
    /// The partitioned table whose numbers include these; null for all but partitions.
    pub partition_of: Option<TableName>,
    /// Tables that inherit from this one, such as the chunks of a `TimescaleDB` hypertable. A query of this table reads them
    /// too, and its numbers do not include them. Null when there are none, and for partitioned tables.
    pub child_tables: Option<ChildTables>,
    /// Mendix entity, such as `Sales.Order`; null when the table belongs to no entity.
    pub entity: Option<String>,
    /// Mendix association stored in the table, such as `Sales.Order_Customer`; null for all others.
    pub association: Option<String>,
    /// Mendix module of the entity or association; null when there is neither.
    pub module: Option<String>,
    /// Whether the table belongs to the Mendix runtime itself (`system$…`, `mendixsystem$…`).
    pub is_system: bool,
    /// Whether the table is named like those that a Mendix runtime creates and soon drops.
    pub is_transient: bool,
    /// Bytes of the rows, with the free space map and the visibility map; null where they are not reported separately.
    pub heap_bytes: Option<u64>,
    /// Bytes of out-of-line values with their index; null where the engine does not store them separately.
    pub toast_bytes: Option<u64>,
    /// Bytes of all indexes; null where they are not reported separately.
    pub index_bytes: Option<u64>,
    /// All bytes of the table on disk.
    pub total_bytes: u64,
    /// Whether heap and index bytes come from the server's last statistics, even where the total is exact (MySQL). They
    /// need not add up to the total then.
    pub are_parts_estimated: bool,
    /// Bytes of the total that are allocated but hold nothing; null where the engine does not report them.
    pub free_bytes: Option<u64>,
    /// Rows by the last analysis; null when the table was never analyzed.
    pub row_estimate: Option<u64>,
    /// Deleted rows that still take space, by the server's statistics; null where it keeps none.
    pub dead_row_estimate: Option<u64>,
    /// Last vacuum, manual or automatic, RFC 3339 UTC; null when there was none since the statistics were last reset.
    pub last_vacuum_at: Option<DateTime<Utc>>,
    /// Last analysis, manual or automatic, RFC 3339 UTC; null when there was none since the statistics were last reset.
    pub last_analyze_at: Option<DateTime<Utc>>,
    /// Whether the bytes are exact: answered as `quality` and `quality_reason`.
    #[serde(flatten)]
    pub quality: Quality,
}

impl TableSize {
    /// Returns an ordinary, permanent table of no bytes about which nothing else is known.
    pub fn named(schema: impl Into<String>, table: impl Into<String>) -> Self {
        Self {
            schema: schema.into(),
            table: table.into(),
            table_id: None,
            kind: TableKind::Table,
            persistence: Persistence::Permanent,
            partition_of: None,
            child_tables: None,
            entity: None,
            association: None,
            module: None,
            is_system: false,
            is_transient: false,
            heap_bytes: None,
            toast_bytes: None,
            index_bytes: None,
            total_bytes: 0,
            are_parts_estimated: false,
            free_bytes: None,
            row_estimate: None,
            dead_row_estimate: None,
            last_vacuum_at: None,
            last_analyze_at: None,
            quality: Quality::Exact,
        }
    }

    /// Returns whether another row includes its bytes: a partitioned table includes those of its partitions.
    pub fn is_partition(&self) -> bool {
        self.partition_of.is_some()
    }
}

/// Name of a table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
pub struct TableName {
    /// Schema name.
    pub schema: String,
    /// Table name.
    pub table: String,
}

/// Tables that inherit from another one, directly or through others. Each is listed as a table of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ChildTables {
    /// Number of these tables, sized or not.
    pub table_count: u64,
    /// All their bytes on disk; null when one of them could not be sized.
    pub total_bytes: Option<u64>,
    /// Schemas that contain them, sorted.
    pub schemas: Vec<String>,
}

/// Kinds of tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TableKind {
    /// A table with rows of its own.
    #[default]
    Table,
    /// A table whose rows are in its partitions.
    Partitioned,
    /// A view that stores its rows.
    MaterializedView,
}

impl TableKind {
    /// Returns the word for it in answers and stored items.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Partitioned => "partitioned",
            Self::MaterializedView => "materialized_view",
        }
    }
}

/// How long a table's rows live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Persistence {
    /// Until they are deleted.
    #[default]
    Permanent,
    /// Until the server crashes, at the latest.
    Unlogged,
    /// Until their session ends, at the latest.
    Temporary,
}

impl Persistence {
    /// Returns the word for it in answers and stored items.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Permanent => "permanent",
            Self::Unlogged => "unlogged",
            Self::Temporary => "temporary",
        }
    }
}

/// Whether a table's bytes are exact.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
#[serde(into = "QualityFields")]
pub enum Quality {
    /// Read from the files.
    #[default]
    Exact,
    /// Taken from the catalogue.
    Estimated {
        /// Why it could not be exact.
        reason: String,
    },
}

/// [`Quality`] as fields of a table's answer.
#[derive(Serialize, JsonSchema)]
struct QualityFields {
    /// `exact`, or `estimated` for the reason in `quality_reason`.
    quality: &'static str,
    /// Why the bytes are an estimate; null when they are exact.
    quality_reason: Option<String>,
}

impl From<Quality> for QualityFields {
    fn from(quality: Quality) -> Self {
        match quality {
            Quality::Exact => Self {
                quality: "exact",
                quality_reason: None,
            },
            Quality::Estimated { reason } => Self {
                quality: "estimated",
                quality_reason: Some(reason),
            },
        }
    }
}

/// A table that exists but has no size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UnsizedTable {
    /// Schema name.
    pub schema: String,
    /// Table name.
    pub table: String,
    /// Why it could not be sized.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_serialize_the_words_that_are_printed() {
        for kind in [
            TableKind::Table,
            TableKind::Partitioned,
            TableKind::MaterializedView,
        ] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        for persistence in [
            Persistence::Permanent,
            Persistence::Unlogged,
            Persistence::Temporary,
        ] {
            assert_eq!(
                serde_json::to_value(persistence).unwrap(),
                persistence.as_str()
            );
        }
    }
}
