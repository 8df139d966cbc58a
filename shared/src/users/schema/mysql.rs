//! Probes a MySQL or MariaDB database, which reveals nothing to an account about tables that it may not read.
//!
//! For a partly readable table, MariaDB's error shows whether a column exists. MySQL denies both cases alike, but shows
//! the table's definition to an account with SHOW VIEW, which our grants include. For an unreadable table, Mendix's own
//! catalogue shows whether it exists.

use std::collections::{BTreeMap, BTreeSet};

use crate::database::DatabaseError;
use crate::fleet::{DatabaseTarget, Engine};

use super::columns::{ASSOCIATIONS, Column, ENTITIES, Probed, REQUIRED, is_of_every_version};
use crate::users::connection::Connection;
use crate::users::error::UsersError;
use crate::users::grants;
use crate::users::statement::Parts;

/// A column that no table has: a server that denies it denies every unknown column.
const NO_COLUMN: &str = "mrt$no_column";
const PROBE: &str = include_str!("../probe_mysql.sql");
/// Mendix's tables of entities and associations.
const CATALOGUE: [&str; 2] = ["mendixsystem$entity", "mendixsystem$association"];

pub(super) async fn probe(
    connection: &mut Connection,
    target: &DatabaseTarget,
    wanted: &BTreeSet<Column>,
) -> Result<Probed, UsersError> {
    let readable = readable(connection, wanted).await?;
    let mut existing = readable.clone();
    let mut by_table: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (table, column) in wanted.difference(&readable) {
        by_table.entry(table).or_default().push(column);
    }
    let (mut refused, mut lacking) = (Vec::new(), BTreeSet::new());
    for (table, columns) in by_table {
        if readable.iter().any(|(known, _)| *known == table) {
            match existing_of(connection, table, columns).await? {
                Some(found) => existing.extend(found),
                None => {
                    lacking.insert(grants::see_statement(target));
                }
            }
            continue;
        }
        match is_there(connection, table, "1").await? {
            Some(false) => {}
            // Denied, as for a table that does not exist.
            _ => refused.push((table, columns)),
        }
    }
    let mut lacking: Vec<String> = lacking.into_iter().collect();
    if !refused.is_empty() {
        let catalogued = catalogued(connection, target, &mut lacking).await?;
        for (table, columns) in refused {
            let is_required = REQUIRED.iter().any(|(known, _)| *known == table);
            if is_required || catalogued.contains(table) {
                // Columns of some versions are probed only once the others are readable.
                let column = |column: &str| (table.to_owned(), column.to_owned());
                let columns = columns.into_iter().map(column);
                existing.extend(columns.filter(is_of_every_version));
            }
        }
    }
    Ok(Probed {
        existing,
        readable,
        lacking,
    })
}

async fn readable(
    connection: &mut Connection,
    wanted: &BTreeSet<Column>,
) -> Result<BTreeSet<Column>, UsersError> {
    let tables: BTreeSet<String> = wanted
        .iter()
        .map(|(table, _)| format!("'{table}'"))
        .collect();
    let tables = tables.into_iter().collect::<Vec<_>>().join(", ");
    let parts = Parts::default().text("tables", tables);
    let rows = connection.rows(parts.fill(Engine::Mysql, PROBE)).await?;
    let is_row = |(table, column): &&Column| {
        rows.iter().any(|row| {
            let text = |index: usize| row.get(index).and_then(Option::as_deref);
            // The server may report table names in another letter case, depending on the file system.
            let is = |index: usize, name: &str| {
                text(index).is_some_and(|text| text.eq_ignore_ascii_case(name))
            };
            is(0, table) && is(1, column)
        })
    };
    Ok(wanted.iter().filter(is_row).cloned().collect())
}

/// Returns whether `column` exists; `None` if reading it is denied. `1` probes the table itself.
async fn is_there(
    connection: &mut Connection,
    table: &str,
    column: &str,
) -> Result<Option<bool>, UsersError> {
    let column = match column {
        "1" => "1".to_owned(),
        column => format!("\"{column}\""),
    };
    let text = format!("SELECT CAST({column} AS CHAR) FROM \"{table}\" LIMIT 0");
    let asked = connection.rows(Parts::default().fill(Engine::Mysql, &text));
    match asked.await {
        Ok(_) => Ok(Some(true)),
        Err(DatabaseError::Denied(_)) => Ok(None),
        Err(error) if is_unknown(&error) => Ok(Some(false)),
        Err(error) => Err(error.into()),
    }
}

/// Returns which of `columns` exist in an existing table, readable or not; `None` if the server neither distinguishes
/// them nor shows the table's definition.
async fn existing_of(
    connection: &mut Connection,
    table: &str,
    columns: Vec<&str>,
) -> Result<Option<Vec<Column>>, UsersError> {
    let (mut existing, mut refused) = (Vec::new(), Vec::new());
    for column in columns {
        match is_there(connection, table, column).await? {
            Some(true) => existing.push((table.to_owned(), column.to_owned())),
            Some(false) => {}
            None => refused.push(column),
        }
    }
    if refused.is_empty() {
        return Ok(Some(existing));
    }
    let tells_apart = is_there(connection, table, NO_COLUMN).await?.is_some();
    if !tells_apart {
        let Some(definition) = definition(connection, table).await? else {
            return Ok(None);
        };
        // One column per line, starting with its quoted name. Other lines start with something else.
        refused.retain(|column| definition.contains(&format!("\n  `{column}` ")));
    }
    let refused = refused.into_iter();
    existing.extend(refused.map(|column| (table.to_owned(), column.to_owned())));
    Ok(Some(existing))
}

/// Returns the definition of a table in lower case; `None` if the server does not show it.
async fn definition(
    connection: &mut Connection,
    table: &str,
) -> Result<Option<String>, UsersError> {
    let text = format!("SHOW CREATE TABLE \"{table}\"");
    let asked = connection.rows(Parts::default().fill(Engine::Mysql, &text));
    match asked.await {
        // The name, then the definition.
        Ok(rows) => Ok(rows
            .into_iter()
            .flatten()
            .flatten()
            .nth(1)
            .map(|text| text.to_lowercase())),
        Err(DatabaseError::Denied(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Returns whether the server has no such table (42S02) or column (42S22).
fn is_unknown(error: &DatabaseError) -> bool {
    let DatabaseError::Failed(error) = error else {
        return false;
    };
    let code = error.as_database_error().and_then(|error| error.code());
    matches!(code.as_deref(), Some("42S02" | "42S22"))
}

/// Returns the tables in Mendix's catalogue, and adds the grants that make the catalogue readable.
async fn catalogued(
    connection: &mut Connection,
    target: &DatabaseTarget,
    lacking: &mut Vec<String>,
) -> Result<BTreeSet<String>, UsersError> {
    let mut tables = BTreeSet::new();
    for catalogue in CATALOGUE {
        let text = format!("SELECT CAST(\"table_name\" AS CHAR) FROM \"{catalogue}\"");
        let asked = connection.rows(Parts::default().fill(Engine::Mysql, &text));
        match asked.await {
            Ok(rows) => tables.extend(rows.into_iter().flatten().flatten()),
            Err(DatabaseError::Denied(_)) => {
                let columns = ENTITIES.iter().chain(&ASSOCIATIONS);
                let columns = columns.filter(|(table, _)| *table == catalogue);
                lacking.extend(grants::select_statements(target, columns.copied()));
            }
            Err(error) if is_unknown(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(tables)
}
