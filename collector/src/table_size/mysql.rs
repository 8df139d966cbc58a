//! Reads sizes from a MySQL or MariaDB database: a few statements over one connection.
//!
//! The bytes of InnoDB tables are the live sizes of their files; `information_schema.TABLES` alone reports the sizes of
//! the last statistics. `mysql/sizes.rs` interprets the lists, `mysql/rights.rs` the role's grants.

mod list;
mod names;
mod rights;
mod role;
mod sizes;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use shared::database::{DatabaseError, Databases};
use shared::fleet::DatabaseTarget;
use shared::snapshot::{DatabaseSize, MendixCatalogue, ServerStorage};
use sqlx::mysql::{MySqlConnection, MySqlDatabaseError, MySqlRow};
use sqlx::{Connection, Executor, FromRow, Row};
use tokio::time::timeout;

use self::list::{ListError, list, query};
use self::rights::Rights;
use self::sizes::{Innodb, InnodbFile, InnodbTable, ListedTable};
use super::mendix::{MendixName, MendixNames};
use super::{ANSWER_RESERVE, CLOSE_TIMEOUT, sort, unexpected};
use crate::error::MeasureError;
use crate::run::Progress;

const TABLES: &str = include_str!("mysql/tables.sql");
const INNODB_FILES: &str = include_str!("mysql/innodb_files.sql");
const INNODB_TABLES: &str = include_str!("mysql/innodb_tables.sql");
const FULL_TEXT: &str = include_str!("mysql/full_text.sql");
const ENCODED_NAMES: &str = include_str!("mysql/encoded_names.sql");
const ENTITIES: &str = include_str!("mysql/entities.sql");
const ASSOCIATIONS: &str = include_str!("mysql/associations.sql");

/// `ER_NO_SUCH_TABLE`.
const NO_TABLE: u16 = 1146;
/// A lock was not granted in time, or not without waiting.
const LOCKED: [u16; 2] = [1205, 3572];
/// No right on the database, the table or a column, or no such column because the catalogue is not Mendix'.
const DENIED: [u16; 4] = [1044, 1142, 1143, 1054];

/// Sizes the database of `target` and all its tables.
pub(super) async fn measure(
    databases: &Databases,
    target: &DatabaseTarget,
    statement_timeout: Duration,
    progress: &Progress,
) -> Result<DatabaseSize, MeasureError> {
    let mut connection = databases.connect_mysql(target, statement_timeout).await?;
    let limit = statement_timeout + ANSWER_RESERVE;
    let size = measure_with(&mut connection, target, limit, progress).await;
    // The sizes are complete: a connection that fails to close cleanly changes nothing.
    let _ = timeout(CLOSE_TIMEOUT, connection.close()).await;
    size
}

async fn measure_with(
    connection: &mut MySqlConnection,
    target: &DatabaseTarget,
    limit: Duration,
    progress: &Progress,
) -> Result<DatabaseSize, MeasureError> {
    let (server, database) = in_time(limit, prepare(connection)).await?;
    let rights = in_time(limit, rights(connection, &server, &database)).await?;
    if !rights.sees_all_tables {
        return Err(MeasureError::permanent(
            "access_denied",
            "the database role does not see all tables: grant it SHOW VIEW on the database, which gives no access to \
             rows, and PROCESS for exact sizes",
        ));
    }
    let mut listed = in_time(limit, tables(connection)).await?;
    progress.add(u64::try_from(listed.len()).unwrap_or(u64::MAX), 0);
    let encoded_database = match names::encoded(&database) {
        // MySQL 8 names files after their tables, unencoded; only its list of tables uses InnoDB's spelling.
        known if server == Server::Mysql8 => known.unwrap_or_default(),
        _ => in_time(limit, spell(connection, &mut listed, &database)).await?,
    };
    let innodb = if rights.sees_files {
        let names = DatabaseNames {
            plain: &database,
            encoded: &encoded_database,
        };
        // Files first: a table that is in both lists of tables existed while files were listed.
        let files = in_time(limit, innodb_files(connection, &server, names)).await?;
        let tables = in_time(limit, innodb_tables(connection, &server, names)).await?;
        if tables.is_none() {
            in_time(limit, mark_full_text(connection, &mut listed)).await?;
        }
        Some(Innodb { tables, files })
    } else {
        None
    };
    let server_role = in_time(limit, role::read(connection, rights.sees_files)).await?;
    let mendix = in_time(limit, mendix_names(connection)).await?;
    let is_plain = server == Server::Mysql8;
    let sizes = sizes::evaluate(&database, listed, innodb.as_ref(), is_plain);
    let mut sizes = sizes.ok_or_else(|| unexpected("more than 64 bits of bytes"))?;
    let mut total_bytes = sizes.other_bytes;
    for table in &mut sizes.tables {
        mendix.mark(table, true);
        total_bytes = total_bytes
            .checked_add(table.total_bytes)
            .ok_or_else(|| unexpected("more than 64 bits of bytes"))?;
    }
    progress.add(0, total_bytes);
    sort(&mut sizes.tables, &mut sizes.unsized_tables);
    Ok(DatabaseSize {
        engine: target.engine,
        database: target.name.clone(),
        total_bytes,
        system_bytes: None,
        server_role,
        mendix_catalogue: Some(mendix.catalogue),
        tables: sizes.tables,
        unsized_tables: sizes.unsized_tables,
        storage: ServerStorage::not_asked(),
    })
}

/// SQL dialect of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Server {
    MariaDb,
    /// MySQL before 8. Differs from MariaDB only in session settings.
    Mysql5,
    Mysql8,
}

/// Names of one database.
#[derive(Debug, Clone, Copy)]
struct DatabaseNames<'a> {
    plain: &'a str,
    /// As InnoDB spells it; empty if unknown.
    encoded: &'a [u8],
}

impl Server {
    fn from_version(version: &str) -> Self {
        if version.to_ascii_lowercase().contains("mariadb") {
            Self::MariaDb
        } else if version.starts_with("5.") {
            Self::Mysql5
        } else {
            Self::Mysql8
        }
    }

    /// Returns `sql` with this server's names of the InnoDB views.
    fn dialect(self, sql: &str) -> String {
        match self {
            Self::Mysql8 => sql.replace("INNODB_SYS_", "INNODB_"),
            Self::MariaDb | Self::Mysql5 => sql.to_owned(),
        }
    }
}

/// Prepares the session; returns the server's dialect and its spelling of the database's name.
async fn prepare(connection: &mut MySqlConnection) -> Result<(Server, String), MeasureError> {
    let (version, database): (String, String) = query("SELECT VERSION(), DATABASE()")
        .fetch_one(&mut *connection)
        .await
        .map_err(DatabaseError::from)?;
    let server = Server::from_version(&version);
    let setting = match server {
        // Do not wait for a locked table: its row arrives without sizes, and its file is measured anyway.
        Server::MariaDb => Some("SET SESSION lock_wait_timeout = 0"),
        // Current statistics instead of a cache of up to a day.
        Server::Mysql8 => Some("SET SESSION information_schema_stats_expiry = 0"),
        Server::Mysql5 => None,
    };
    if let Some(setting) = setting {
        connection
            .execute(setting)
            .await
            .map_err(DatabaseError::from)?;
    }
    Ok((server, database))
}

async fn rights(
    connection: &mut MySqlConnection,
    server: &Server,
    database: &str,
) -> Result<Rights, MeasureError> {
    let mut statement = "SHOW GRANTS".to_owned();
    if *server == Server::Mysql8 {
        // MySQL 8 lists the grants of roles only if they are named; MariaDB always does.
        let (roles,): (String,) = query("SELECT CURRENT_ROLE()")
            .fetch_one(&mut *connection)
            .await
            .map_err(DatabaseError::from)?;
        if roles != "NONE" {
            // The server has already quoted the names.
            statement = format!("SHOW GRANTS FOR CURRENT_USER() USING {roles}");
        }
    }
    let lines: Vec<(String,)> = query(&statement)
        .fetch_all(connection)
        .await
        .map_err(DatabaseError::from)?;
    Ok(Rights::from_grants(
        lines.iter().map(|(line,)| line.as_str()),
        database,
    ))
}

/// A row of `tables.sql`.
struct TableRow {
    name: Vec<u8>,
    kind: Vec<u8>,
    engine: Option<Vec<u8>>,
    is_partitioned: i64,
    rows: Option<u64>,
    data_bytes: Option<u64>,
    index_bytes: Option<u64>,
    free_bytes: Option<u64>,
    fault: Vec<u8>,
}

impl FromRow<'_, MySqlRow> for TableRow {
    fn from_row(row: &MySqlRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            name: row.try_get(0)?,
            kind: row.try_get(1)?,
            engine: row.try_get(2)?,
            is_partitioned: row.try_get(3)?,
            rows: row.try_get(4)?,
            data_bytes: row.try_get(5)?,
            index_bytes: row.try_get(6)?,
            free_bytes: row.try_get(7)?,
            fault: row.try_get(8)?,
        })
    }
}

async fn tables(connection: &mut MySqlConnection) -> Result<Vec<ListedTable>, MeasureError> {
    let rows: Vec<TableRow> = list(connection, query(TABLES)).await?;
    let mut listed = Vec::with_capacity(rows.len());
    for row in rows {
        let name = text(row.name);
        listed.push(ListedTable {
            spelling: names::encoded(&name),
            name,
            is_sequence: row.kind == b"SEQUENCE",
            engine: row.engine.map(text),
            is_partitioned: row.is_partitioned != 0,
            rows: row.rows,
            data_bytes: row.data_bytes,
            index_bytes: row.index_bytes,
            free_bytes: row.free_bytes,
            fault: text(row.fault),
            has_full_text: false,
        });
    }
    Ok(listed)
}

/// Fills in the spellings that only the server knows; returns the database's own spelling.
async fn spell(
    connection: &mut MySqlConnection,
    listed: &mut [ListedTable],
    database: &str,
) -> Result<Vec<u8>, MeasureError> {
    let is_known = listed.iter().all(|table| table.spelling.is_some());
    if let (Some(known), true) = (names::encoded(database), is_known) {
        return Ok(known);
    }
    let rows: Vec<(Vec<u8>, Vec<u8>)> = list(connection, query(ENCODED_NAMES)).await?;
    let spellings: HashMap<_, _> = rows.into_iter().collect();
    for table in listed.iter_mut().filter(|table| table.spelling.is_none()) {
        table.spelling = spellings.get(table.name.as_bytes()).cloned();
    }
    let known = names::encoded(database);
    Ok(known
        .or_else(|| spellings.get(database.as_bytes()).cloned())
        .unwrap_or_else(|| database.as_bytes().to_vec()))
}

async fn innodb_files(
    connection: &mut MySqlConnection,
    server: &Server,
    names: DatabaseNames<'_>,
) -> Result<Vec<InnodbFile>, MeasureError> {
    let sql = server.dialect(INNODB_FILES);
    let query = query(&sql).bind(names.plain).bind(names.encoded);
    let rows: Vec<(u64, Vec<u8>, u64)> = list(connection, query).await?;
    let files = rows.into_iter().map(|(space, name, bytes)| InnodbFile {
        space,
        name: without_database(name),
        bytes,
    });
    Ok(files.collect())
}

/// Returns the tables that InnoDB lists; `None` if it does not report which ones belong to this database.
///
/// MySQL 8 locks the definition of each table of the server in turn, so any table that another session holds or waits
/// for can fail the statement. It also spells the database's name in a way that only the server knows.
async fn innodb_tables(
    connection: &mut MySqlConnection,
    server: &Server,
    names: DatabaseNames<'_>,
) -> Result<Option<Vec<InnodbTable>>, MeasureError> {
    if names.encoded.is_empty() {
        return Ok(None);
    }
    let sql = server.dialect(INNODB_TABLES);
    let query = query(&sql).bind(names.plain).bind(names.encoded);
    let rows: Vec<(u64, Vec<u8>, u64, i64)> = match list(connection, query).await {
        Ok(rows) => rows,
        Err(ListError::Database(DatabaseError::Locked(_))) if *server == Server::Mysql8 => {
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    let tables = rows
        .into_iter()
        .map(|(id, name, space, is_shared)| InnodbTable {
            id,
            name: without_database(name),
            space,
            is_shared: is_shared != 0,
        });
    Ok(Some(tables.collect()))
}

/// Marks the tables that have full-text indexes.
async fn mark_full_text(
    connection: &mut MySqlConnection,
    listed: &mut [ListedTable],
) -> Result<(), MeasureError> {
    let rows: Vec<(Vec<u8>,)> = list(connection, query(FULL_TEXT)).await?;
    let names: HashSet<Vec<u8>> = rows.into_iter().map(|(name,)| name).collect();
    for table in listed {
        table.has_full_text = names.contains(table.name.as_bytes());
    }
    Ok(())
}

/// Returns the runtime's own catalogue of names.
///
/// If one part of it cannot be read, the other part is still used. Sizes never depend on it.
async fn mendix_names(connection: &mut MySqlConnection) -> Result<MendixNames, MeasureError> {
    let entities = match names_in(connection, ENTITIES).await? {
        Ok(entities) => entities,
        Err(why) => return Ok(MendixNames::none(why)),
    };
    let (associations, catalogue) = match names_in(connection, ASSOCIATIONS).await? {
        Ok(associations) => (associations, MendixCatalogue::Read),
        // An app without associations has no such table.
        Err(MendixCatalogue::Absent) => (Vec::new(), MendixCatalogue::Read),
        Err(why) => (Vec::new(), why),
    };
    let associations = associations
        .into_iter()
        .map(|(table, name)| (table, MendixName::Association(name)));
    let entities = entities
        .into_iter()
        .map(|(table, name)| (table, MendixName::Entity(name)));
    Ok(MendixNames {
        catalogue,
        // An entity wins: an association may be stored in an entity's table.
        names: associations.chain(entities).collect(),
    })
}

/// Returns the tables and names of one of the runtime's lists, or the reason why it cannot be read.
async fn names_in(
    connection: &mut MySqlConnection,
    sql: &str,
) -> Result<Result<Vec<(String, String)>, MendixCatalogue>, MeasureError> {
    let error = match list(connection, query(sql)).await {
        Ok(rows) => return Ok(Ok(rows)),
        Err(error @ ListError::Cut { .. }) => return Err(error.into()),
        Err(ListError::Database(error)) => error,
    };
    let code = std::error::Error::source(&error)
        .and_then(|error| error.downcast_ref::<sqlx::Error>())
        .and_then(sqlx::Error::as_database_error)
        .and_then(|error| error.try_downcast_ref::<MySqlDatabaseError>())
        .map(MySqlDatabaseError::number);
    match code {
        Some(NO_TABLE) => Ok(Err(MendixCatalogue::Absent)),
        Some(code) if LOCKED.contains(&code) => Ok(Err(MendixCatalogue::Locked)),
        Some(code) if DENIED.contains(&code) => Ok(Err(MendixCatalogue::Denied)),
        _ => Err(error.into()),
    }
}

/// Returns `name` without the database before its first slash.
fn without_database(mut name: Vec<u8>) -> Vec<u8> {
    if let Some(slash) = name.iter().position(|byte| *byte == b'/') {
        name.drain(..=slash);
    }
    name
}

/// Returns a name. One that is not valid UTF-8 is shown with replacement characters.
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

async fn in_time<T>(
    limit: Duration,
    answer: impl Future<Output = Result<T, MeasureError>>,
) -> Result<T, MeasureError> {
    timeout(limit, answer)
        .await
        .unwrap_or_else(|_| Err(DatabaseError::Timeout(None).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dialect_follows_from_the_servers_version() {
        for (version, expected) in [
            ("10.11.14-MariaDB-0+deb12u2", Server::MariaDb),
            ("5.7.44-log", Server::Mysql5),
            ("5.7.mysql_aurora.2.11.2", Server::Mysql5),
            ("8.0.39", Server::Mysql8),
            ("8.4.2", Server::Mysql8),
        ] {
            assert_eq!(Server::from_version(version), expected, "{version}");
        }
        assert!(
            Server::Mysql8
                .dialect(INNODB_FILES)
                .contains("information_schema.INNODB_TABLESPACES")
        );
        assert!(
            Server::Mysql8
                .dialect(INNODB_TABLES)
                .contains("information_schema.INNODB_TABLES")
        );
    }
}
