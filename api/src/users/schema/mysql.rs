//! The probe of a MySQL or MariaDB database, which tells an account nothing of what it may not read.
//!
//! Of a table that it may read in part, MariaDB says whether a further column exists when that column is asked for;
//! MySQL refuses both alike, but shows the table's definition to whoever has SHOW VIEW, as our grants give it. Of a
//! table that it may not read at all, Mendix's own catalogue says whether it exists.

use std::collections::{BTreeMap, BTreeSet};

use shared::database::DatabaseError;
use shared::fleet::{DatabaseTarget, Engine};

use super::columns::{ASSOCIATIONS, Column, ENTITIES, Probed, REQUIRED, is_of_every_version};
use crate::users::connection::Connection;
use crate::users::error::UsersError;
use crate::users::grants;
use crate::users::statement::Parts;

/// No table has it: a server that refuses it refuses whatever it is asked for.
const NO_COLUMN: &str = "mrt$no_column";
const PROBE: &str = include_str!("../probe_mysql.sql");
/// Where Mendix writes down the tables of entities and of associations.
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
            // Refused, as a table is that does not exist.
            _ => refused.push((table, columns)),
        }
    }
    let mut lacking: Vec<String> = lacking.into_iter().collect();
    if !refused.is_empty() {
        let catalogued = catalogued(connection, target, &mut lacking).await?;
        for (table, columns) in refused {
            let is_required = REQUIRED.iter().any(|(known, _)| *known == table);
            if is_required || catalogued.contains(table) {
                // Columns of some versions only are asked for once the others may be read.
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
            // Names of tables may be told in another case of letters, as the file system has them.
            let is = |index: usize, name: &str| {
                text(index).is_some_and(|text| text.eq_ignore_ascii_case(name))
            };
            is(0, table) && is(1, column)
        })
    };
    Ok(wanted.iter().filter(is_row).cloned().collect())
}

/// Returns whether `column` exists; `None` when it may not be read. `1` stands for the table itself.
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

/// Returns which of `columns` exist in a table that is there, whether they may be read or not; `None` when the server
/// neither tells them apart nor shows the table's definition.
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
        // One column a line, its name first; what else a line begins with is no name in quotes.
        refused.retain(|column| definition.contains(&format!("\n  `{column}` ")));
    }
    let refused = refused.into_iter();
    existing.extend(refused.map(|column| (table.to_owned(), column.to_owned())));
    Ok(Some(existing))
}

/// Returns the definition of a table in small letters; `None` when it is not shown.
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

/// Returns the tables that Mendix's catalogue names, and adds the statements that let it be read.
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
