//! Sizes of a database and its tables. What counts as what is said here; how it is measured is the collector's.

use chrono::{DateTime, Utc};

use super::{Completeness, Measurement, ServerStorage};
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
    /// Bytes of the tables of the system schemas with their indexes; `None` where the engine does not tell.
    pub system_bytes: Option<u64>,
    /// Whether Mendix' own list of entities could be read; `None` in snapshots from before it was told.
    pub mendix_catalogue: Option<MendixCatalogue>,
    /// All tables outside the system schemas, partitioned ones and each of their partitions too, largest first,
    /// equals by schema and name. Bytes are counted once when those with `partition_of` are left out.
    pub tables: Vec<TableSize>,
    /// Tables that exist but could not be sized; they are in no table sum.
    pub unsized_tables: Vec<UnsizedTable>,
    /// Storage of the server that the database is on, everything else there included: in no sum.
    pub storage: ServerStorage,
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
    /// Number of sized tables; one that is partitioned counts once, its partitions do not.
    pub table_count: u64,
    /// Number of tables that could not be sized.
    pub unsized_table_count: u64,
}

/// One table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSize {
    /// Schema name; the database's own name on MySQL.
    pub schema: String,
    /// Table name.
    pub table: String,
    /// The engine's own number of the table, which a rename keeps and a table of the same name made later does not
    /// have: PostgreSQL's OID, InnoDB's table id. `None` where it is not known.
    pub table_id: Option<u64>,
    /// What kind of table it is.
    pub kind: TableKind,
    /// Whether it outlives a crash, and its session.
    pub persistence: Persistence,
    /// The partitioned table that this is a partition of, whose bytes include these; `None` for all others.
    pub partition_of: Option<TableName>,
    /// Mendix entity, such as `Sales.Order`; `None` when the table is not an entity's.
    pub entity: Option<String>,
    /// Mendix association that the table holds, such as `Sales.Order_Customer`; `None` for all others.
    pub association: Option<String>,
    /// Mendix module of the entity or association; `None` when there is neither.
    pub module: Option<String>,
    /// Whether the table belongs to the Mendix runtime itself (`system$…`, `mendixsystem$…`).
    pub is_system: bool,
    /// Whether its name is of the kind that a Mendix runtime gives tables that it drops again soon.
    pub is_transient: bool,
    /// Bytes of the rows, with the free space map and the visibility map; `None` where they cannot be told apart.
    pub heap_bytes: Option<u64>,
    /// Bytes of out-of-line values with their index; `None` where the engine has no such thing apart.
    pub toast_bytes: Option<u64>,
    /// Bytes of all indexes; `None` where they cannot be told apart.
    pub index_bytes: Option<u64>,
    /// All bytes of the table on disk.
    pub total_bytes: u64,
    /// Whether heap and index bytes are the server's last statistics, also where the total is exact. They need not
    /// add up to it then.
    pub are_parts_estimated: bool,
    /// Bytes of the total that are allocated but hold nothing; `None` where the engine does not tell.
    pub free_bytes: Option<u64>,
    /// Rows by the last analysis; `None` when the table was never analysed.
    pub row_estimate: Option<u64>,
    /// Rows that are deleted but still take room, by the server's statistics; `None` where it keeps none.
    pub dead_row_estimate: Option<u64>,
    /// When the table was last vacuumed, by hand or by itself; `None` when never, or before a reset of statistics.
    pub last_vacuum_at: Option<DateTime<Utc>>,
    /// When it was last analysed, by hand or by itself; `None` when never, or before a reset of statistics.
    pub last_analyze_at: Option<DateTime<Utc>>,
    /// Whether the bytes are exact.
    pub quality: Quality,
}

/// Name of a table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableName {
    /// Schema name.
    pub schema: String,
    /// Table name.
    pub table: String,
}

/// Kinds of tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TableKind {
    /// One with rows of its own.
    #[default]
    Table,
    /// One whose rows are in its partitions; its numbers are their sums.
    Partitioned,
    /// A view that keeps its rows.
    MaterializedView,
}

impl TableKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Table, Self::Partitioned, Self::MaterializedView];

    /// Returns the word for it in answers and stored items.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Partitioned => "partitioned",
            Self::MaterializedView => "materialized_view",
        }
    }
}

/// How long a table lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Persistence {
    /// Until it is dropped.
    #[default]
    Permanent,
    /// Emptied by a crash.
    Unlogged,
    /// Until its session ends.
    Temporary,
}

impl Persistence {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Permanent, Self::Unlogged, Self::Temporary];

    /// Returns the word for it in answers and stored items.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Permanent => "permanent",
            Self::Unlogged => "unlogged",
            Self::Temporary => "temporary",
        }
    }
}

/// What Mendix' own list of entities and associations said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MendixCatalogue {
    /// It was read: a table without entity and association is none of Mendix' model.
    Read,
    /// There is one, but not all of it is ours to read: entities may be missing where there are some.
    Denied,
    /// Another session held it locked while it was asked for: entities are missing.
    Locked,
    /// There is none: this is no Mendix database.
    Absent,
}

impl MendixCatalogue {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Read, Self::Denied, Self::Locked, Self::Absent];

    /// Returns the word for it in answers and stored items.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Denied => "denied",
            Self::Locked => "locked",
            Self::Absent => "absent",
        }
    }
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

    /// Returns whether its bytes are part of another row's: a partition's are in its partitioned table's.
    pub fn is_partition(&self) -> bool {
        self.partition_of.is_some()
    }
}

impl DatabaseSize {
    /// Returns the tables that together have every byte once: all but partitions.
    pub fn counted_tables(&self) -> impl Iterator<Item = &TableSize> {
        self.tables.iter().filter(|table| !table.is_partition())
    }

    /// Returns the bytes of all sized tables.
    pub fn table_bytes(&self) -> u64 {
        let bytes = self.counted_tables().map(|table| table.total_bytes);
        bytes.fold(0, u64::saturating_add)
    }

    /// Returns the bytes of the database that are neither a table's nor the system schemas': sequences, temporary
    /// files, files that nothing refers to.
    ///
    /// `None` where it cannot be told: the engine does not tell the system's bytes, a table has no exact size, or
    /// tables grew so fast while they were measured that they are more than the whole.
    pub fn other_bytes(&self) -> Option<u64> {
        let is_exact = |table: &TableSize| table.quality == Quality::Exact;
        if !self.unsized_tables.is_empty() || !self.counted_tables().all(is_exact) {
            return None;
        }
        let known = self.table_bytes().checked_add(self.system_bytes?)?;
        self.total_bytes.checked_sub(known)
    }
}

impl Measurement for DatabaseSize {
    const KIND: Kind = Kind::Database;
    type Summary = DatabaseSummary;

    fn summary(&self) -> DatabaseSummary {
        DatabaseSummary {
            engine: self.engine,
            database: self.database.clone(),
            total_bytes: self.total_bytes,
            table_count: u64::try_from(self.counted_tables().count()).unwrap_or(u64::MAX),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn database() -> DatabaseSize {
        let table = |name: &str, total_bytes| TableSize {
            total_bytes,
            ..TableSize::named("public", name)
        };
        let parent = TableName {
            schema: "public".into(),
            table: "log".into(),
        };
        DatabaseSize {
            engine: Engine::Postgres,
            database: "acme".into(),
            total_bytes: 1000,
            system_bytes: Some(500),
            mendix_catalogue: Some(MendixCatalogue::Absent),
            tables: vec![
                TableSize {
                    kind: TableKind::Partitioned,
                    ..table("log", 300)
                },
                TableSize {
                    partition_of: Some(parent),
                    ..table("log_1", 300)
                },
                table("plain", 100),
            ],
            unsized_tables: vec![],
            storage: ServerStorage::not_asked(),
        }
    }

    #[test]
    fn partitions_are_counted_in_their_table_and_nowhere_else() {
        let size = database();

        assert_eq!(size.table_bytes(), 400);
        assert_eq!(size.summary().table_count, 2);
        assert_eq!(size.other_bytes(), Some(100));
    }

    #[test]
    fn what_is_beyond_tables_is_told_only_where_all_else_is_exact() {
        let mut estimated = database();
        estimated.tables[2].quality = Quality::Estimated {
            reason: "locked".into(),
        };
        let mut grown = database();
        grown.tables[2].total_bytes = 300;
        let unknown = DatabaseSize {
            system_bytes: None,
            ..database()
        };

        for size in [estimated, grown, unknown] {
            assert_eq!(size.other_bytes(), None, "{size:?}");
        }
    }
}
