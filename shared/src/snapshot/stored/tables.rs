//! Stored form of a database's tables: a summary, and the tables as its body.
//!
//! Version 1 knew ordinary tables of PostgreSQL only: it lacks what has a default below, and its three parts are
//! always there. Version 2 added kinds, partitions, marks, statistics and parts that may be unknown. Version 3 added the
//! storage of the server. Version 4 added table ids and renamed the mark of transient tables.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Stored;
use super::server_storage::StoredStorage;
use crate::fleet::Engine;
use crate::snapshot::{
    DatabaseSize, DatabaseSummary, Measurement, MendixCatalogue, Persistence, Quality,
    ServerStorage, TableKind, TableName, TableSize, UnsizedTable,
};

/// Stored form of a database's summary.
#[derive(Serialize, Deserialize)]
pub struct StoredDatabaseSummary {
    engine: String,
    database: String,
    total_bytes: u64,
    table_count: u64,
    unsized_table_count: u64,
}

#[derive(Serialize, Deserialize)]
struct StoredTables {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    system_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mendix_catalogue: Option<String>,
    tables: Vec<StoredTable>,
    unsized_tables: Vec<StoredUnsizedTable>,
    /// Absent before version 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    storage: Option<StoredStorage>,
}

#[derive(Serialize, Deserialize)]
struct StoredTable {
    schema: String,
    table: String,
    /// Absent before version 4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    table_id: Option<u64>,
    /// Absent for an ordinary table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    /// Absent for a permanent table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    persistence: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    partition_of: Option<StoredTableName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entity: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    association: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    module: Option<String>,
    is_system: bool,
    /// `is_passing` before version 4.
    #[serde(
        default,
        alias = "is_passing",
        skip_serializing_if = "std::ops::Not::not"
    )]
    is_transient: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    heap_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    toast_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    index_bytes: Option<u64>,
    total_bytes: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    are_parts_estimated: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    free_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    row_estimate: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dead_row_estimate: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_vacuum_at: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_analyze_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    estimated_because: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct StoredTableName {
    schema: String,
    table: String,
}

#[derive(Serialize, Deserialize)]
struct StoredUnsizedTable {
    schema: String,
    table: String,
    reason: String,
}

impl Stored for DatabaseSize {
    const VERSION: u64 = 4;
    type StoredSummary = StoredDatabaseSummary;

    fn store_summary(summary: &DatabaseSummary) -> StoredDatabaseSummary {
        StoredDatabaseSummary {
            engine: summary.engine.as_str().to_owned(),
            database: summary.database.clone(),
            total_bytes: summary.total_bytes,
            table_count: summary.table_count,
            unsized_table_count: summary.unsized_table_count,
        }
    }

    fn read_summary(stored: StoredDatabaseSummary) -> Result<DatabaseSummary, String> {
        let engine = match stored.engine.as_str() {
            "postgres" => Engine::Postgres,
            "mysql" => Engine::Mysql,
            other => return Err(format!("unknown engine {other:?}")),
        };
        Ok(DatabaseSummary {
            engine,
            database: stored.database,
            total_bytes: stored.total_bytes,
            table_count: stored.table_count,
            unsized_table_count: stored.unsized_table_count,
        })
    }

    fn store_body(&self) -> Result<Option<Vec<u8>>, String> {
        let body = StoredTables {
            system_bytes: self.system_bytes,
            mendix_catalogue: self.mendix_catalogue.map(|word| word.as_str().to_owned()),
            tables: self.tables.iter().map(store_table).collect(),
            unsized_tables: self.unsized_tables.iter().map(store_unsized).collect(),
            storage: Some(StoredStorage::of(&self.storage)),
        };
        serde_json::to_vec(&body)
            .map(Some)
            .map_err(|error| error.to_string())
    }

    fn read_body(summary: DatabaseSummary, body: Option<&[u8]>) -> Result<Self, String> {
        let body = body.ok_or_else(|| "the body is missing".to_owned())?;
        let stored: StoredTables =
            serde_json::from_slice(body).map_err(|error| error.to_string())?;
        let mendix_catalogue = stored.mendix_catalogue.as_deref();
        let mendix_catalogue = mendix_catalogue.map(|word| {
            of_word("Mendix catalogue", word, &MendixCatalogue::ALL, |each| {
                each.as_str()
            })
        });
        let tables: Result<_, _> = stored.tables.into_iter().map(read_table).collect();
        let storage = stored.storage.map(StoredStorage::read).transpose()?;
        let size = Self {
            system_bytes: stored.system_bytes,
            mendix_catalogue: mendix_catalogue.transpose()?,
            engine: summary.engine,
            database: summary.database.clone(),
            total_bytes: summary.total_bytes,
            tables: tables?,
            unsized_tables: stored
                .unsized_tables
                .into_iter()
                .map(read_unsized)
                .collect(),
            storage: storage.unwrap_or_else(ServerStorage::not_asked),
        };
        if size.summary() != summary {
            return Err("the body does not belong to its summary".to_owned());
        }
        Ok(size)
    }
}

fn store_table(table: &TableSize) -> StoredTable {
    let not_default =
        |word: &'static str, default: &'static str| (word != default).then(|| word.to_owned());
    StoredTable {
        schema: table.schema.clone(),
        table: table.table.clone(),
        table_id: table.table_id,
        kind: not_default(table.kind.as_str(), TableKind::default().as_str()),
        persistence: not_default(table.persistence.as_str(), Persistence::default().as_str()),
        partition_of: table.partition_of.as_ref().map(|parent| StoredTableName {
            schema: parent.schema.clone(),
            table: parent.table.clone(),
        }),
        entity: table.entity.clone(),
        association: table.association.clone(),
        module: table.module.clone(),
        is_system: table.is_system,
        is_transient: table.is_transient,
        heap_bytes: table.heap_bytes,
        toast_bytes: table.toast_bytes,
        index_bytes: table.index_bytes,
        total_bytes: table.total_bytes,
        are_parts_estimated: table.are_parts_estimated,
        free_bytes: table.free_bytes,
        row_estimate: table.row_estimate,
        dead_row_estimate: table.dead_row_estimate,
        last_vacuum_at: table.last_vacuum_at,
        last_analyze_at: table.last_analyze_at,
        estimated_because: match &table.quality {
            Quality::Exact => None,
            Quality::Estimated { reason } => Some(reason.clone()),
        },
    }
}

fn read_table(stored: StoredTable) -> Result<TableSize, String> {
    let kind = stored.kind.as_deref();
    let kind =
        kind.map(|word| of_word("kind of table", word, &TableKind::ALL, |each| each.as_str()));
    let persistence = stored.persistence.as_deref();
    let persistence = persistence
        .map(|word| of_word("persistence", word, &Persistence::ALL, |each| each.as_str()));
    Ok(TableSize {
        schema: stored.schema,
        table: stored.table,
        table_id: stored.table_id,
        kind: kind.transpose()?.unwrap_or_default(),
        persistence: persistence.transpose()?.unwrap_or_default(),
        partition_of: stored.partition_of.map(|parent| TableName {
            schema: parent.schema,
            table: parent.table,
        }),
        entity: stored.entity,
        association: stored.association,
        module: stored.module,
        is_system: stored.is_system,
        is_transient: stored.is_transient,
        heap_bytes: stored.heap_bytes,
        toast_bytes: stored.toast_bytes,
        index_bytes: stored.index_bytes,
        total_bytes: stored.total_bytes,
        are_parts_estimated: stored.are_parts_estimated,
        free_bytes: stored.free_bytes,
        row_estimate: stored.row_estimate,
        dead_row_estimate: stored.dead_row_estimate,
        last_vacuum_at: stored.last_vacuum_at,
        last_analyze_at: stored.last_analyze_at,
        quality: stored
            .estimated_because
            .map_or(Quality::Exact, |reason| Quality::Estimated { reason }),
    })
}

/// Returns the one of `all` whose word it is.
pub(super) fn of_word<T: Copy>(
    what: &str,
    word: &str,
    all: &[T],
    as_str: fn(T) -> &'static str,
) -> Result<T, String> {
    let found = all.iter().copied().find(|each| as_str(*each) == word);
    found.ok_or_else(|| format!("unknown {what} {word:?}"))
}

fn store_unsized(table: &UnsizedTable) -> StoredUnsizedTable {
    let UnsizedTable {
        schema,
        table,
        reason,
    } = table.clone();
    StoredUnsizedTable {
        schema,
        table,
        reason,
    }
}

fn read_unsized(stored: StoredUnsizedTable) -> UnsizedTable {
    let StoredUnsizedTable {
        schema,
        table,
        reason,
    } = stored;
    UnsizedTable {
        schema,
        table,
        reason,
    }
}
