//! Sizes of a database and its tables: what counts as what. The collector measures them.

mod table;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Completeness, Measurement, ServerStorage};
use crate::fleet::{Engine, Kind};

pub use table::{ChildTables, Persistence, Quality, TableKind, TableName, TableSize, UnsizedTable};

/// Most Mendix modules whose bytes a summary has. Apps have about 30; it keeps the summary small.
const MAX_MODULES: usize = 500;

/// A database with all its tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseSize {
    /// Engine of the server.
    pub engine: Engine,
    /// Database name on its server.
    pub database: String,
    /// Bytes of the whole database on disk, system catalogues included.
    pub total_bytes: u64,
    /// Bytes of the tables of the system schemas with their indexes; `None` where the engine does not report them.
    pub system_bytes: Option<u64>,
    /// Whether a primary or a replica was measured; `None` in old snapshots, and where the login may not know.
    pub server_role: Option<ServerRole>,
    /// Whether Mendix' own list of entities could be read; `None` in old snapshots.
    pub mendix_catalogue: Option<MendixCatalogue>,
    /// All tables outside the system schemas, partitioned tables and each of their partitions included. Largest first,
    /// equals by schema and name. Without those that have `partition_of`, each byte is counted once.
    pub tables: Vec<TableSize>,
    /// Tables that exist but could not be sized; no sum of tables includes them.
    pub unsized_tables: Vec<UnsizedTable>,
    /// Storage of the database's server, shared with everything else there; no sum includes it.
    pub storage: ServerStorage,
}

/// What lists and histories read of a [`DatabaseSize`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseSummary {
    /// Engine of the server.
    pub engine: Engine,
    /// Database name on its server.
    pub database: String,
    /// Bytes of the whole database on disk, system catalogues included.
    pub total_bytes: u64,
    /// Number of sized tables; a partitioned table counts once, its partitions do not.
    pub table_count: u64,
    /// Number of tables that could not be sized.
    pub unsized_table_count: u64,
    /// Bytes of all sized tables; `None` in summaries that an older release wrote.
    pub table_bytes: Option<u64>,
    /// Bytes of the system schemas; `None` where the engine does not report them, and in older summaries.
    pub system_bytes: Option<u64>,
    /// Storage of the server; as not asked for in older summaries.
    pub storage: ServerStorage,
    /// Bytes of the tables of each Mendix module; the rest of `table_bytes` belongs to no module. `None` where the
    /// modules of some tables are unknown, with more than 500 modules, and in older summaries.
    pub modules: Option<BTreeMap<String, u64>>,
}

impl DatabaseSummary {
    /// Returns the summary as releases before the sums of bytes and the storage wrote it.
    #[must_use]
    pub fn without_details(self) -> Self {
        Self {
            table_bytes: None,
            system_bytes: None,
            storage: ServerStorage::not_asked(),
            modules: None,
            ..self
        }
    }

    /// Returns the bytes of the tables that belong to no Mendix module; `None` where they are unknown.
    pub fn bytes_without_module(&self) -> Option<u64> {
        let modules = self.modules.as_ref()?.values();
        let of_modules = modules.fold(0, |sum: u64, bytes| sum.saturating_add(*bytes));
        self.table_bytes?.checked_sub(of_modules)
    }
}

/// Role of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServerRole {
    /// It accepts writes.
    Primary,
    /// It follows a primary. On PostgreSQL, unlogged and temporary tables have no contents, and there are no counts of
    /// dead rows.
    Replica,
    /// A MySQL or MariaDB that refuses writes and receives from no primary: a replica whose replication is stopped, or a
    /// primary under maintenance.
    ReadOnly,
}

/// Whether Mendix' own list of entities and associations could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MendixCatalogue {
    /// It was read: a table without entity and association is not part of the Mendix model.
    Read,
    /// It exists, but the role may not read all of it: entities may be missing.
    Denied,
    /// Another session held a lock on it: entities are missing.
    Locked,
    /// It does not exist: this is not a Mendix database.
    Absent,
}

impl DatabaseSize {
    /// Returns the tables that together count every byte once: all but partitions.
    pub fn counted_tables(&self) -> impl Iterator<Item = &TableSize> {
        self.tables.iter().filter(|table| !table.is_partition())
    }

    /// Returns the bytes of all sized tables.
    pub fn table_bytes(&self) -> u64 {
        let bytes = self.counted_tables().map(|table| table.total_bytes);
        bytes.fold(0, u64::saturating_add)
    }

    /// Returns the bytes of the tables of each Mendix module.
    ///
    /// `None` where the modules of some tables are unknown, because Mendix' own list of them could not be read whole, and
    /// with more than [`MAX_MODULES`].
    fn modules(&self) -> Option<BTreeMap<String, u64>> {
        match self.mendix_catalogue {
            Some(MendixCatalogue::Read | MendixCatalogue::Absent) => {}
            Some(MendixCatalogue::Denied | MendixCatalogue::Locked) | None => return None,
        }
        let mut modules = BTreeMap::new();
        for table in self.counted_tables() {
            if let Some(module) = &table.module {
                let sum: &mut u64 = modules.entry(module.clone()).or_default();
                *sum = sum.saturating_add(table.total_bytes);
            }
        }
        (modules.len() <= MAX_MODULES).then_some(modules)
    }

    /// Returns the bytes of the database that belong neither to a table nor to the system schemas: sequences,
    /// temporary files, orphaned files.
    ///
    /// `None` where they cannot be computed: the engine does not report the system's bytes, a table has no exact size,
    /// or the tables grew during the measurement and exceed the whole.
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
            table_bytes: Some(self.table_bytes()),
            system_bytes: self.system_bytes,
            storage: self.storage.clone(),
            modules: self.modules(),
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

    fn paced_bytes(&self) -> Option<u64> {
        Some(self.total_bytes)
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
            server_role: None,
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
    fn partitions_count_only_in_their_table() {
        let size = database();

        assert_eq!(size.table_bytes(), 400);
        assert_eq!(size.summary().table_count, 2);
        assert_eq!(size.other_bytes(), Some(100));
    }

    #[test]
    fn bytes_of_modules_and_of_the_other_tables_add_up() {
        let mut size = database();
        size.mendix_catalogue = Some(MendixCatalogue::Read);
        size.tables[2].module = Some("Sales".into());

        let summary = size.summary();

        let expected = BTreeMap::from([("Sales".to_owned(), 100)]);
        assert_eq!(summary.modules, Some(expected));
        assert_eq!(summary.bytes_without_module(), Some(300));
    }

    #[test]
    fn bytes_of_modules_are_unknown_if_the_list_of_entities_could_not_be_read_whole() {
        for catalogue in [
            Some(MendixCatalogue::Denied),
            Some(MendixCatalogue::Locked),
            None,
        ] {
            let mut size = database();
            size.mendix_catalogue = catalogue;
            size.tables[2].module = Some("Sales".into());

            let summary = size.summary();

            assert_eq!(
                (&summary.modules, summary.bytes_without_module()),
                (&None, None)
            );
        }
        let mut size = database();
        let table = |number: usize| TableSize {
            module: Some(format!("M{number}")),
            ..TableSize::named("public", format!("t{number}"))
        };
        size.tables.extend((0..=MAX_MODULES).map(table));
        assert_eq!(size.summary().modules, None);
    }

    #[test]
    fn other_bytes_are_known_only_where_all_tables_are_exact() {
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
