//! Stored form of a database's tables: a summary, and the tables as its body.

use serde::{Deserialize, Serialize};

use super::Stored;
use crate::fleet::Engine;
use crate::snapshot::{
    DatabaseSize, DatabaseSummary, Measurement, Quality, TableSize, UnsizedTable,
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
    tables: Vec<StoredTable>,
    unsized_tables: Vec<StoredUnsizedTable>,
}

#[derive(Serialize, Deserialize)]
struct StoredTable {
    schema: String,
    table: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    entity: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    module: Option<String>,
    is_system: bool,
    heap_bytes: u64,
    toast_bytes: u64,
    index_bytes: u64,
    total_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    row_estimate: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    estimated_because: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct StoredUnsizedTable {
    schema: String,
    table: String,
    reason: String,
}

impl Stored for DatabaseSize {
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
            tables: self.tables.iter().map(store_table).collect(),
            unsized_tables: self.unsized_tables.iter().map(store_unsized).collect(),
        };
        serde_json::to_vec(&body)
            .map(Some)
            .map_err(|error| error.to_string())
    }

    fn read_body(summary: DatabaseSummary, body: Option<&[u8]>) -> Result<Self, String> {
        let body = body.ok_or_else(|| "the body is missing".to_owned())?;
        let stored: StoredTables =
            serde_json::from_slice(body).map_err(|error| error.to_string())?;
        let size = Self {
            engine: summary.engine,
            database: summary.database.clone(),
            total_bytes: summary.total_bytes,
            tables: stored.tables.into_iter().map(read_table).collect(),
            unsized_tables: stored
                .unsized_tables
                .into_iter()
                .map(read_unsized)
                .collect(),
        };
        if size.summary() != summary {
            return Err("the body does not belong to its summary".to_owned());
        }
        Ok(size)
    }
}

fn store_table(table: &TableSize) -> StoredTable {
    StoredTable {
        schema: table.schema.clone(),
        table: table.table.clone(),
        entity: table.entity.clone(),
        module: table.module.clone(),
        is_system: table.is_system,
        heap_bytes: table.heap_bytes,
        toast_bytes: table.toast_bytes,
        index_bytes: table.index_bytes,
        total_bytes: table.total_bytes,
        row_estimate: table.row_estimate,
        estimated_because: match &table.quality {
            Quality::Exact => None,
            Quality::Estimated { reason } => Some(reason.clone()),
        },
    }
}

fn read_table(stored: StoredTable) -> TableSize {
    TableSize {
        schema: stored.schema,
        table: stored.table,
        entity: stored.entity,
        module: stored.module,
        is_system: stored.is_system,
        heap_bytes: stored.heap_bytes,
        toast_bytes: stored.toast_bytes,
        index_bytes: stored.index_bytes,
        total_bytes: stored.total_bytes,
        row_estimate: stored.row_estimate,
        quality: stored
            .estimated_because
            .map_or(Quality::Exact, |reason| Quality::Estimated { reason }),
    }
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
