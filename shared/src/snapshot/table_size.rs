//! Sizes of a database and its tables.

use super::{Completeness, Measurement};
use crate::fleet::{Engine, Kind};

/// A database with all its tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseSize {
    /// Engine that was asked.
    pub engine: Engine,
    /// Database name on its server.
    pub database: String,
    /// Bytes of the whole database on disk, system catalogues included.
    pub total_bytes: u64,
    /// All tables outside the system schemas, largest first, equals by schema and name.
    pub tables: Vec<TableSize>,
    /// Tables that exist but could not be sized; they are in no table sum.
    pub unsized_tables: Vec<UnsizedTable>,
}

/// What lists and histories read of a [`DatabaseSize`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseSummary {
    /// Engine that was asked.
    pub engine: Engine,
    /// Database name on its server.
    pub database: String,
    /// Bytes of the whole database on disk, system catalogues included.
    pub total_bytes: u64,
    /// Number of sized tables.
    pub table_count: u64,
    /// Number of tables that could not be sized.
    pub unsized_table_count: u64,
}

/// One table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSize {
    /// Schema name.
    pub schema: String,
    /// Table name.
    pub table: String,
    /// Mendix entity, such as `Sales.Order`; `None` when the table is not an entity's.
    pub entity: Option<String>,
    /// Mendix module of the entity; `None` when there is no entity.
    pub module: Option<String>,
    /// Whether the table belongs to the Mendix runtime itself (`system$…`, `mendixsystem$…`).
    pub is_system: bool,
    /// Bytes of the rows, with the free space map and the visibility map.
    pub heap_bytes: u64,
    /// Bytes of out-of-line values with their index.
    pub toast_bytes: u64,
    /// Bytes of all indexes.
    pub index_bytes: u64,
    /// Heap, TOAST and indexes together.
    pub total_bytes: u64,
    /// Rows by the last analysis; `None` when the table was never analysed.
    pub row_estimate: Option<u64>,
    /// Whether the bytes are exact.
    pub quality: Quality,
}

/// Whether a table's bytes are exact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Quality {
    /// Read from the files.
    Exact,
    /// Taken from the catalogue, for the reason given.
    Estimated {
        /// Why it could not be exact.
        reason: String,
    },
}

/// A table that exists but has no size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsizedTable {
    /// Schema name.
    pub schema: String,
    /// Table name.
    pub table: String,
    /// Why it could not be sized.
    pub reason: String,
}

impl Measurement for DatabaseSize {
    const KIND: Kind = Kind::Database;
    type Summary = DatabaseSummary;

    fn summary(&self) -> DatabaseSummary {
        DatabaseSummary {
            engine: self.engine,
            database: self.database.clone(),
            total_bytes: self.total_bytes,
            table_count: u64::try_from(self.tables.len()).unwrap_or(u64::MAX),
            unsized_table_count: u64::try_from(self.unsized_tables.len()).unwrap_or(u64::MAX),
        }
    }

    fn completeness(&self) -> Completeness {
        if self.unsized_tables.is_empty() {
            Completeness::Complete
        } else {
            Completeness::Partial
        }
    }

    fn total_bytes(&self) -> u64 {
        self.total_bytes
    }
}
