//! Stored form of a database's tables: a summary, and the tables as its body.
//!
//! Version 1 had ordinary tables of PostgreSQL only: it lacks every field that has a default below, and its three parts
//! are always there. Version 2 added kinds, partitions, flags, statistics and parts that may be unknown. Version 3 added
//! the server's storage. Version 4 added table ids and renamed the flag of transient tables. Version 5 added the
//! server's role. Version 6 added the sums of bytes and the server's storage to the summary. Version 7 added child tables,
//! and the role of a server that is only known to be read-only. Version 8 added the bytes of modules to the summary.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::server_storage::StoredServerStorage;
use super::{Stored, is_default};
use crate::fleet::Engine;
use crate::snapshot::{
    ChildTables, DatabaseSize, DatabaseSummary, Measurement, MendixCatalogue, Persistence, Quality,
    ServerRole, ServerStorage, TableKind, TableName, TableSize, UnsizedTable,
};

/// Stored form of a [`DatabaseSummary`].
#[derive(Serialize, Deserialize)]
pub struct StoredDatabaseSummary(#[serde(with = "SummaryFields")] DatabaseSummary);

#[derive(Serialize, Deserialize)]
#[serde(remote = "DatabaseSummary")]
struct SummaryFields {
    engine: Engine,
    database: String,
    total_bytes: u64,
    table_count: u64,
    unsized_table_count: u64,
    /// Absent before version 6.
    #[serde(default, skip_serializing_if = "is_default")]
    table_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    system_bytes: Option<u64>,
    #[serde(default = "ServerStorage::not_asked", with = "StoredServerStorage")]
    storage: ServerStorage,
    /// Absent before version 8.
    #[serde(default, skip_serializing_if = "is_default")]
    modules: Option<BTreeMap<String, u64>>,
}

#[derive(Serialize, Deserialize)]
struct StoredBody {
    #[serde(default, skip_serializing_if = "is_default")]
    system_bytes: Option<u64>,
    /// Absent before version 5.
    #[serde(default, skip_serializing_if = "is_default")]
    server_role: Option<ServerRole>,
    #[serde(default, skip_serializing_if = "is_default")]
    mendix_catalogue: Option<MendixCatalogue>,
    tables: Vec<StoredTable>,
    unsized_tables: Vec<StoredUnsizedTable>,
    /// Absent before version 3.
    #[serde(default = "ServerStorage::not_asked", with = "StoredServerStorage")]
    storage: ServerStorage,
}

#[derive(Serialize, Deserialize)]
struct StoredTable(#[serde(with = "TableFields")] TableSize);

#[derive(Serialize, Deserialize)]
#[serde(remote = "TableSize")]
struct TableFields {
    schema: String,
    table: String,
    /// Absent before version 4.
    #[serde(default, skip_serializing_if = "is_default")]
    table_id: Option<u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    kind: TableKind,
    #[serde(default, skip_serializing_if = "is_default")]
    persistence: Persistence,
    #[serde(
        default,
        skip_serializing_if = "is_default",
        serialize_with = "store_name",
        deserialize_with = "read_name"
    )]
    partition_of: Option<TableName>,
    /// Absent before version 7.
    #[serde(
        default,
        skip_serializing_if = "is_default",
        serialize_with = "store_children",
        deserialize_with = "read_children"
    )]
    child_tables: Option<ChildTables>,
    #[serde(default, skip_serializing_if = "is_default")]
    entity: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    association: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    module: Option<String>,
    is_system: bool,
    /// `is_passing` before version 4.
    #[serde(default, alias = "is_passing", skip_serializing_if = "is_default")]
    is_transient: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    heap_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    toast_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    index_bytes: Option<u64>,
    total_bytes: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    are_parts_estimated: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    free_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    row_estimate: Option<u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    dead_row_estimate: Option<u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    last_vacuum_at: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "is_default")]
    last_analyze_at: Option<DateTime<Utc>>,
    /// Absent for an exact size, else the reason.
    #[serde(
        default,
        rename = "estimated_because",
        skip_serializing_if = "is_default",
        serialize_with = "store_quality",
        deserialize_with = "read_quality"
    )]
    quality: Quality,
}

#[derive(Serialize, Deserialize)]
struct StoredTableName(#[serde(with = "NameFields")] TableName);

#[derive(Serialize, Deserialize)]
#[serde(remote = "TableName")]
struct NameFields {
    schema: String,
    table: String,
}

#[derive(Serialize, Deserialize)]
struct StoredChildTables(#[serde(with = "ChildrenFields")] ChildTables);

#[derive(Serialize, Deserialize)]
#[serde(remote = "ChildTables")]
struct ChildrenFields {
    table_count: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    total_bytes: Option<u64>,
    schemas: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct StoredUnsizedTable(#[serde(with = "UnsizedFields")] UnsizedTable);

#[derive(Serialize, Deserialize)]
#[serde(remote = "UnsizedTable")]
struct UnsizedFields {
    schema: String,
    table: String,
    reason: String,
}

impl Stored for DatabaseSize {
    const VERSION: u64 = 9;
    type StoredSummary = StoredDatabaseSummary;

    fn store_summary(summary: &DatabaseSummary) -> StoredDatabaseSummary {
        StoredDatabaseSummary(summary.clone())
    }

    fn read_summary(stored: StoredDatabaseSummary) -> Result<DatabaseSummary, String> {
        Ok(stored.0)
    }

    fn store_body(&self) -> Result<Option<Vec<u8>>, String> {
        let tables = self.tables.iter().cloned();
        let unsized_tables = self.unsized_tables.iter().cloned();
        let body = StoredBody {
            system_bytes: self.system_bytes,
            server_role: self.server_role,
            mendix_catalogue: self.mendix_catalogue,
            tables: tables.map(StoredTable).collect(),
            unsized_tables: unsized_tables.map(StoredUnsizedTable).collect(),
            storage: self.storage.clone(),
        };
        serde_json::to_vec(&body)
            .map(Some)
            .map_err(|error| error.to_string())
    }

    fn read_body(summary: DatabaseSummary, body: Option<&[u8]>) -> Result<Self, String> {
        let body = body.ok_or_else(|| "the body is missing".to_owned())?;
        let stored: StoredBody = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        let tables = stored.tables.into_iter();
        let unsized_tables = stored.unsized_tables.into_iter();
        let size = Self {
            engine: summary.engine,
            database: summary.database.clone(),
            total_bytes: summary.total_bytes,
            system_bytes: stored.system_bytes,
            server_role: stored.server_role,
            mendix_catalogue: stored.mendix_catalogue,
            tables: tables.map(|StoredTable(table)| table).collect(),
            unsized_tables: unsized_tables
                .map(|StoredUnsizedTable(table)| table)
                .collect(),
            storage: stored.storage,
        };
        let mut expected = size.summary();
        if summary.table_bytes.is_none() {
            expected = expected.without_details();
        }
        if summary.modules.is_none() {
            expected.modules = None;
        }
        if summary == expected {
            Ok(size)
        } else {
            Err("the body does not belong to its summary".to_owned())
        }
    }
}

fn store_name<S: Serializer>(name: &Option<TableName>, serializer: S) -> Result<S::Ok, S::Error> {
    name.clone().map(StoredTableName).serialize(serializer)
}

fn read_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<TableName>, D::Error> {
    let stored = Option::<StoredTableName>::deserialize(deserializer)?;
    Ok(stored.map(|StoredTableName(name)| name))
}

fn store_children<S: Serializer>(
    children: &Option<ChildTables>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let children = children.clone().map(StoredChildTables);
    children.serialize(serializer)
}

fn read_children<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<ChildTables>, D::Error> {
    let stored = Option::<StoredChildTables>::deserialize(deserializer)?;
    Ok(stored.map(|StoredChildTables(children)| children))
}

fn store_quality<S: Serializer>(quality: &Quality, serializer: S) -> Result<S::Ok, S::Error> {
    let reason = match quality {
        Quality::Exact => None,
        Quality::Estimated { reason } => Some(reason),
    };
    reason.serialize(serializer)
}

fn read_quality<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Quality, D::Error> {
    let reason = Option::<String>::deserialize(deserializer)?;
    Ok(reason.map_or(Quality::Exact, |reason| Quality::Estimated { reason }))
}
