//! Reads sizes from a MySQL or MariaDB database: a few statements over one connection.
//!
//! The bytes of InnoDB tables are their files', which are live; `information_schema.TABLES` alone would give those of
//! the last statistics. What a list means is said in `mysql/sizes.rs`, who sees what in `mysql/rights.rs`.

mod names;
mod rights;
mod sizes;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use shared::database::{DatabaseError, Databases, STATEMENT_MARK};
use shared::fleet::DatabaseTarget;
use shared::snapshot::{DatabaseSize, MendixCatalogue, ServerStorage};
use sqlx::mysql::{MySqlArguments, MySqlConnection, MySqlDatabaseError, MySqlRow};
use sqlx::{AssertSqlSafe, Connection, Executor, FromRow};
use tokio::time::timeout;

use self::rights::Rights;
use self::sizes::{Innodb, InnodbFile, InnodbTable, ListedTable};
use super::mendix::{MendixName, MendixNames};
use super::{sort, unexpected};
use crate::error::MeasureError;
use crate::run::Progress;

/// How much longer than the server we wait for an answer, so that its own word about a time-out still arrives.
const ANSWER_RESERVE: Duration = Duration::from_secs(5);
/// Longest wait for an orderly end of the connection.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

const TABLES: &str = include_str!("mysql/tables.sql");
const INNODB_FILES: &str = include_str!("mysql/innodb_files.sql");
const INNODB_TABLES: &str = include_str!("mysql/innodb_tables.sql");
const FULL_TEXT: &str = include_str!("mysql/full_text.sql");
const ENCODED_NAMES: &str = include_str!("mysql/encoded_names.sql");
const ENTITIES: &str = include_str!("mysql/entities.sql");
const ASSOCIATIONS: &str = include_str!("mysql/associations.sql");

/// There is no such table.
const NO_TABLE: u16 = 1146;
/// A lock was not had in time, or without waiting.
const LOCKED: [u16; 2] = [1205, 3572];
/// No right on the database, the table or a column; no such column, in a catalogue that is none of Mendix'.
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
    let measured = ask(&mut connection, target, limit, progress).await;
    // The numbers are in: a server that does not say good-bye changes nothing.
    let _ = timeout(CLOSE_TIMEOUT, connection.close()).await;
    measured
}

async fn ask(
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
            "the database role does not see all tables: grant it SHOW VIEW on the database, which lets it read \
             no row, and PROCESS for exact sizes",
        ));
    }
    let mut listed = in_time(limit, tables(connection)).await?;
    progress.add(u64::try_from(listed.len()).unwrap_or(u64::MAX), 0);
    let encoded_database = match names::encoded(&database) {
        // There files have the names of their tables as they are; InnoDB's own spelling is for its list of tables.
        known if server == Server::Mysql8 => known.unwrap_or_default(),
        _ => in_time(limit, spell(connection, &mut listed, &database)).await?,
    };
    let innodb = if rights.sees_files {
        let names = (database.as_str(), encoded_database.as_slice());
        // Files first: a table that is in both lists of tables was there when files were listed.
        let files = in_time(limit, innodb_files(connection, &server, names)).await?;
        let tables = in_time(limit, innodb_tables(connection, &server, names)).await?;
        if tables.is_none() {
            in_time(limit, mark_full_text(connection, &mut listed)).await?;
        }
        Some(Innodb { tables, files })
    } else {
        None
    };
    let mendix = in_time(limit, mendix_names(connection)).await?;
    let is_plain = server == Server::Mysql8;
    let sizes = sizes::judge(&database, listed, innodb.as_ref(), is_plain);
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
        mendix_catalogue: Some(mendix.catalogue),
        tables: sizes.tables,
        unsized_tables: sizes.unsized_tables,
        storage: ServerStorage::not_asked(),
    })
}

/// Which dialect a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Server {
    MariaDb,
    /// Before 8: as MariaDB, but for settings of the session.
    Mysql5,
    Mysql8,
}

impl Server {
    fn of(version: &str) -> Self {
        if version.to_ascii_lowercase().contains("mariadb") {
            Self::MariaDb
        } else if version.starts_with("5.") {
            Self::Mysql5
        } else {
            Self::Mysql8
        }
    }

    /// Returns `sql` with InnoDB's own lists as this server calls them.
    fn dialect(self, sql: &str) -> String {
        match self {
            Self::Mysql8 => sql.replace("INNODB_SYS_", "INNODB_"),
            Self::MariaDb | Self::Mysql5 => sql.to_owned(),
        }
    }
}

/// Readies the session; returns the server's dialect and the database's name as the server has it.
async fn prepare(connection: &mut MySqlConnection) -> Result<(Server, String), MeasureError> {
    let (version, database): (String, String) = query("SELECT VERSION(), DATABASE()")
        .fetch_one(&mut *connection)
        .await
        .map_err(DatabaseError::from)?;
    let server = Server::of(&version);
    let setting = match server {
        // A locked table is not waited for: its row comes without sizes, and its file is looked at anyway.
        Server::MariaDb => Some("SET SESSION lock_wait_timeout = 0"),
        // Statistics as they are, not as they were up to a day ago.
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
        // There it shows what roles give only when they are named; MariaDB shows it by itself.
        let (roles,): (String,) = query("SELECT CURRENT_ROLE()")
            .fetch_one(&mut *connection)
            .await
            .map_err(DatabaseError::from)?;
        if roles != "NONE" {
            // The server quotes the names itself.
            statement = format!("SHOW GRANTS FOR CURRENT_USER() USING {roles}");
        }
    }
    let lines: Vec<(String,)> = query(&statement)
        .fetch_all(connection)
        .await
        .map_err(DatabaseError::from)?;
    Ok(Rights::of(
        lines.iter().map(|(line,)| line.as_str()),
        database,
    ))
}

/// Name, type, engine, whether it has partitions, rows, data, index and free bytes: the columns of `tables.sql`.
type TableRow = (
    Vec<u8>,
    Vec<u8>,
    Option<Vec<u8>>,
    i64,
    Option<u64>,
    Option<u64>,
    Option<u64>,
    Option<u64>,
);

async fn tables(connection: &mut MySqlConnection) -> Result<Vec<ListedTable>, MeasureError> {
    let rows: Vec<TableRow> = query(TABLES)
        .fetch_all(connection)
        .await
        .map_err(DatabaseError::from)?;
    let mut listed = Vec::with_capacity(rows.len());
    for (name, kind, engine, is_partitioned, rows, data_bytes, index_bytes, free_bytes) in rows {
        let name = text(name)?;
        listed.push(ListedTable {
            spelling: names::encoded(&name),
            name,
            is_sequence: kind == b"SEQUENCE",
            engine: engine.map(text).transpose()?,
            is_partitioned: is_partitioned != 0,
            rows,
            data_bytes,
            index_bytes,
            free_bytes,
            has_full_text: false,
        });
    }
    Ok(listed)
}

/// Fills in the spellings that only the server knows; returns that of the database.
async fn spell(
    connection: &mut MySqlConnection,
    listed: &mut [ListedTable],
    database: &str,
) -> Result<Vec<u8>, MeasureError> {
    let is_known = listed.iter().all(|table| table.spelling.is_some());
    if let (Some(known), true) = (names::encoded(database), is_known) {
        return Ok(known);
    }
    let rows: Vec<(Vec<u8>, Vec<u8>)> = query(ENCODED_NAMES)
        .fetch_all(connection)
        .await
        .map_err(DatabaseError::from)?;
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
    (plain, encoded): (&str, &[u8]),
) -> Result<Vec<InnodbFile>, MeasureError> {
    let sql = server.dialect(INNODB_FILES);
    let rows: Vec<(u64, Vec<u8>, u64)> = query(&sql)
        .bind(plain)
        .bind(encoded)
        .fetch_all(connection)
        .await
        .map_err(DatabaseError::from)?;
    let files = rows.into_iter().map(|(space, name, bytes)| InnodbFile {
        space,
        name: without_database(name),
        bytes,
    });
    Ok(files.collect())
}

/// Returns the tables that InnoDB lists; `None` where it does not say which are this database's.
///
/// MySQL 8 locks the definition of each table of the server for that, one after the other, and so meets those that
/// others hold or wait for; and it spells the database's name as only it can.
async fn innodb_tables(
    connection: &mut MySqlConnection,
    server: &Server,
    (plain, encoded): (&str, &[u8]),
) -> Result<Option<Vec<InnodbTable>>, MeasureError> {
    if encoded.is_empty() {
        return Ok(None);
    }
    let sql = server.dialect(INNODB_TABLES);
    let asked = query(&sql).bind(plain).bind(encoded).fetch_all(connection);
    let rows: Vec<(u64, Vec<u8>, u64, i64)> = match asked.await.map_err(DatabaseError::from) {
        Ok(rows) => rows,
        Err(DatabaseError::Locked(_)) if *server == Server::Mysql8 => return Ok(None),
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
    let rows: Vec<(Vec<u8>,)> = query(FULL_TEXT)
        .fetch_all(connection)
        .await
        .map_err(DatabaseError::from)?;
    let names: HashSet<Vec<u8>> = rows.into_iter().map(|(name,)| name).collect();
    for table in listed {
        table.has_full_text = names.contains(table.name.as_bytes());
    }
    Ok(())
}

/// Returns the runtime's own list of names.
///
/// A part of it that is not ours to read leaves the other part; sizes never depend on it.
async fn mendix_names(connection: &mut MySqlConnection) -> Result<MendixNames, MeasureError> {
    let entities = match list(connection, ENTITIES).await? {
        Ok(entities) => entities,
        Err(why) => return Ok(MendixNames::none(why)),
    };
    let (associations, catalogue) = match list(connection, ASSOCIATIONS).await? {
        Ok(associations) => (associations, MendixCatalogue::Read),
        // Without associations there is no list of them.
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
        // An entity wins: an association may be kept in the table of an entity.
        names: associations.chain(entities).collect(),
    })
}

/// Returns tables and names of one of the runtime's lists, or why there are none.
async fn list(
    connection: &mut MySqlConnection,
    sql: &str,
) -> Result<Result<Vec<(String, String)>, MendixCatalogue>, MeasureError> {
    let error = match query(sql).fetch_all(connection).await {
        Ok(rows) => return Ok(Ok(rows)),
        Err(error) => error,
    };
    let code = error
        .as_database_error()
        .and_then(|error| error.try_downcast_ref::<MySqlDatabaseError>())
        .map(MySqlDatabaseError::number);
    match code {
        Some(NO_TABLE) => Ok(Err(MendixCatalogue::Absent)),
        Some(code) if LOCKED.contains(&code) => Ok(Err(MendixCatalogue::Locked)),
        Some(code) if DENIED.contains(&code) => Ok(Err(MendixCatalogue::Denied)),
        _ => Err(DatabaseError::from(error).into()),
    }
}

/// Returns a statement that says whose it is.
fn query<'q, R>(sql: &str) -> sqlx::query::QueryAs<'q, sqlx::MySql, R, MySqlArguments>
where
    R: for<'r> FromRow<'r, MySqlRow>,
{
    sqlx::query_as(AssertSqlSafe(format!("{STATEMENT_MARK} {sql}"))).persistent(false)
}

/// Returns `name` without the database before its first slash.
fn without_database(mut name: Vec<u8>) -> Vec<u8> {
    if let Some(slash) = name.iter().position(|byte| *byte == b'/') {
        name.drain(..=slash);
    }
    name
}

fn text(bytes: Vec<u8>) -> Result<String, MeasureError> {
    String::from_utf8(bytes).map_err(|_| unexpected("a name that is no text"))
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
    fn servers_say_their_dialect_in_their_version() {
        for (version, expected) in [
            ("10.11.14-MariaDB-0+deb12u2", Server::MariaDb),
            ("5.7.44-log", Server::Mysql5),
            ("5.7.mysql_aurora.2.11.2", Server::Mysql5),
            ("8.0.39", Server::Mysql8),
            ("8.4.2", Server::Mysql8),
        ] {
            assert_eq!(Server::of(version), expected, "{version}");
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
