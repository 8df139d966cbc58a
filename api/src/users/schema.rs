//! What a database has of the columns that counts read, and which of them the role may read.
//!
//! Mendix's tables differ between versions, so columns are looked for, not expected. Reads catalogues only.

use std::collections::BTreeSet;

use shared::fleet::DatabaseTarget;
use sqlx::postgres::PgConnection;

use super::error::UsersError;
use super::grants;

const PROBE: &str = include_str!("probe_postgres.sql");

pub(super) const USER: &str = "system$user";
pub(super) const VERSION: &str = "mendixsystem$version";
const SESSION: &str = "system$session";
const SESSION_USER: &str = "system$session_user";
const REPORT: &str = "system$userreportinfo";
const REPORT_USER: &str = "system$userreportinfo_user";

/// Columns that every Mendix version has.
const REQUIRED: [(&str, &str); 8] = [
    (USER, "id"),
    (USER, "name"),
    (USER, "lastlogin"),
    (USER, "blocked"),
    (USER, "active"),
    (USER, "webserviceuser"),
    (USER, "isanonymous"),
    (VERSION, "lastsyncdate"),
];
const SESSIONS: [(&str, &str); 4] = [
    (SESSION, "id"),
    (SESSION, "lastactive"),
    (SESSION_USER, "system$sessionid"),
    (SESSION_USER, "system$userid"),
];
/// Mendix before 7.5 has no user types.
const USER_TYPES: [(&str, &str); 4] = [
    (REPORT, "id"),
    (REPORT, "usertype"),
    (REPORT_USER, "system$userreportinfoid"),
    (REPORT_USER, "system$userid"),
];
/// Mendix before 9 does not store it.
const MENDIX_VERSION: [(&str, &str); 1] = [(VERSION, "mendixversion")];
const MODEL_VERSION: [(&str, &str); 1] = [(VERSION, "modelversionnumber")];

/// Parts of the answer that a database can give; those that it cannot are missing from its version of Mendix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Schema {
    pub(super) has_sessions: bool,
    pub(super) has_user_types: bool,
    pub(super) has_mendix_version: bool,
    pub(super) has_model_version: bool,
}

impl Schema {
    /// Looks for all columns that counts read.
    ///
    /// # Errors
    ///
    /// - [`UsersError::NotAMendixDatabase`]: a column that every Mendix version has does not exist.
    /// - [`UsersError::GrantsMissing`]: the role may not read all columns that exist.
    /// - [`UsersError::Database`]: the catalogues could not be read.
    pub(super) async fn probe(
        connection: &mut PgConnection,
        database: &DatabaseTarget,
    ) -> Result<Self, UsersError> {
        let (tables, columns): (Vec<_>, Vec<_>) = wanted().unzip();
        let rows: Vec<(String, String, bool, bool, bool, bool)> = sqlx::query_as(PROBE)
            .bind(&tables)
            .bind(&columns)
            .fetch_all(connection)
            .await?;
        let is_schema_usable = rows.iter().all(|(.., is_usable)| *is_usable);
        let existing: BTreeSet<(&str, &str)> = rows
            .iter()
            .filter(|(_, _, _, has_column, ..)| *has_column)
            .map(|(table, column, ..)| (table.as_str(), column.as_str()))
            .collect();
        let has = |columns: &[(&str, &str)]| columns.iter().all(|column| existing.contains(column));
        if !has(&REQUIRED) {
            return Err(UsersError::NotAMendixDatabase);
        }
        let unreadable = rows
            .iter()
            .filter(|(_, _, _, has_column, is_readable, _)| *has_column && !is_readable)
            .map(|(table, column, ..)| (table.as_str(), column.as_str()));
        let mut statements = grants::select_statements(database, unreadable);
        if !is_schema_usable {
            statements.insert(0, grants::usage_statement(database));
        }
        if !statements.is_empty() {
            return Err(UsersError::GrantsMissing { statements });
        }
        Ok(Self {
            has_sessions: has(&SESSIONS),
            has_user_types: has(&USER_TYPES),
            has_mendix_version: has(&MENDIX_VERSION),
            has_model_version: has(&MODEL_VERSION),
        })
    }

    /// Returns every column that counts read from a database with these parts.
    pub(super) fn columns(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let part = |is_there: bool, columns: &'static [(&str, &str)]| {
            columns.iter().copied().filter(move |_| is_there)
        };
        part(true, &REQUIRED)
            .chain(part(self.has_sessions, &SESSIONS))
            .chain(part(self.has_user_types, &USER_TYPES))
            .chain(part(self.has_mendix_version, &MENDIX_VERSION))
            .chain(part(self.has_model_version, &MODEL_VERSION))
    }
}

fn wanted() -> impl Iterator<Item = (&'static str, &'static str)> {
    let everything = Schema {
        has_sessions: true,
        has_user_types: true,
        has_mendix_version: true,
        has_model_version: true,
    };
    everything.columns()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grants_script_names_every_column_that_is_read() {
        let script = include_str!("grants_postgres.sql");

        for (table, column) in wanted() {
            let line = script
                .lines()
                .find(|line| line.contains(&format!("('{table}', ")))
                .unwrap();
            assert!(
                line.contains(&format!("{column},")) || line.contains(&format!("{column}}}")),
                "{table}.{column}"
            );
        }
    }
}
