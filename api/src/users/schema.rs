//! What a database has of the columns that are read, and which of them the role may read.
//!
//! Mendix's tables differ between versions, so columns are looked for, not expected. Reads catalogues only.

mod mysql;
mod postgres;

use std::collections::BTreeSet;

use shared::fleet::{DatabaseTarget, Engine};

use super::connection::Connection;
use super::error::UsersError;
use super::grants;

/// A column: its table and its name.
pub(super) type Column = (&'static str, &'static str);

pub(super) const USER: &str = "system$user";
const VERSION: &str = "mendixsystem$version";
const SESSION: &str = "system$session";
const SESSION_USER: &str = "system$session_user";
const REPORT: &str = "system$userreportinfo";
const REPORT_USER: &str = "system$userreportinfo_user";
const ROLE: &str = "system$userrole";
const ROLES: &str = "system$userroles";
const IDENTIFIER: &str = "usercommons$nameduseridentifier";
const IDENTIFIER_USER: &str = "usercommons$nameduseridentifier_user";

/// Columns that every Mendix version has.
const REQUIRED: [Column; 8] = [
    (USER, "id"),
    (USER, "name"),
    (USER, "lastlogin"),
    (USER, "blocked"),
    (USER, "active"),
    (USER, "webserviceuser"),
    (USER, "isanonymous"),
    (VERSION, "lastsyncdate"),
];
const SESSIONS: [Column; 2] = [(SESSION, "id"), (SESSION, "lastactive")];
const SESSION_TABLE: [Column; 2] = [
    (SESSION_USER, "system$sessionid"),
    (SESSION_USER, "system$userid"),
];
const SESSION_COLUMN: [Column; 1] = [(SESSION, "system$session_user")];
/// Mendix before 7.5 has no user types.
const REPORTS: [Column; 2] = [(REPORT, "id"), (REPORT, "usertype")];
const REPORT_TABLE: [Column; 2] = [
    (REPORT_USER, "system$userreportinfoid"),
    (REPORT_USER, "system$userid"),
];
const REPORT_COLUMN: [Column; 1] = [(REPORT, "system$userreportinfo_user")];
const USER_ROLES: [Column; 4] = [
    (ROLE, "id"),
    (ROLE, "name"),
    (ROLES, "system$userid"),
    (ROLES, "system$userroleid"),
];
/// Apps without module `UserCommons` 2.2.0 or newer have none.
const IDENTIFIERS: [Column; 2] = [(IDENTIFIER, "id"), (IDENTIFIER, "value")];
const IDENTIFIER_TABLE: [Column; 2] = [
    (IDENTIFIER_USER, "usercommons$nameduseridentifierid"),
    (IDENTIFIER_USER, "system$userid"),
];
const IDENTIFIER_COLUMN: [Column; 1] = [(IDENTIFIER, "usercommons$nameduseridentifier_user")];
/// Mendix before 9 does not store it.
const MENDIX_VERSION: [Column; 1] = [(VERSION, "mendixversion")];
const MODEL_VERSION: [Column; 1] = [(VERSION, "modelversionnumber")];
/// Old versions do not store it.
const BLOCKED_SINCE: [Column; 1] = [(USER, "blockedsince")];
const CREATED: [Column; 1] = [(USER, "createddate")];
const ENTITY: [Column; 1] = [(USER, "submetaobjectname")];

/// All that counts read where it exists.
const COUNTED: [&[Column]; 13] = [
    &REQUIRED,
    &SESSIONS,
    &SESSION_TABLE,
    &SESSION_COLUMN,
    &REPORTS,
    &REPORT_TABLE,
    &REPORT_COLUMN,
    &USER_ROLES,
    &IDENTIFIERS,
    &IDENTIFIER_TABLE,
    &IDENTIFIER_COLUMN,
    &MENDIX_VERSION,
    &MODEL_VERSION,
];
/// All that a list reads where it exists.
const LISTED: [&[Column]; 10] = [
    &REQUIRED,
    &REPORTS,
    &REPORT_TABLE,
    &REPORT_COLUMN,
    &USER_ROLES,
    &BLOCKED_SINCE,
    &CREATED,
    &ENTITY,
    &MENDIX_VERSION,
    &MODEL_VERSION,
];

/// What is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Counts,
    List,
}

impl Purpose {
    /// Returns the columns that it reads where they exist.
    fn columns(self) -> BTreeSet<Column> {
        let parts: &[&[Column]] = match self {
            Self::Counts => &COUNTED,
            Self::List => &LISTED,
        };
        parts.iter().copied().flatten().copied().collect()
    }
}

/// Returns the columns that every Mendix version has.
pub(super) fn required() -> impl Iterator<Item = Column> {
    REQUIRED.into_iter()
}

/// Returns whether every version of the table that has the column has it, so that a right on it can be given.
fn is_of_every_version(column: &Column) -> bool {
    let always: [&[Column]; 8] = [
        &REQUIRED,
        &SESSIONS,
        &SESSION_TABLE,
        &REPORTS,
        &REPORT_TABLE,
        &USER_ROLES,
        &IDENTIFIERS,
        &IDENTIFIER_TABLE,
    ];
    always.iter().any(|part| part.contains(column))
}

/// How rows of one table refer to users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    /// By a table of their own.
    Table,
    /// By a column, as apps of Mendix 10 and 11 may.
    Column,
}

/// Parts of the answer that a database can give; those that it cannot are missing from its version of Mendix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Schema {
    existing: BTreeSet<Column>,
    pub(super) sessions: Option<Link>,
    pub(super) user_types: Option<Link>,
    pub(super) identifiers: Option<Link>,
    pub(super) has_roles: bool,
    pub(super) has_mendix_version: bool,
    pub(super) has_model_version: bool,
    pub(super) has_blocked_since: bool,
    pub(super) has_created: bool,
    pub(super) has_entity: bool,
}

/// What a probe found out.
struct Probed {
    /// Columns that exist.
    existing: BTreeSet<Column>,
    /// Those of them that the role may read.
    readable: BTreeSet<Column>,
    /// Rights that lack beside those on columns, as statements.
    lacking: Vec<String>,
}

impl Schema {
    /// Looks for all columns that `purpose` reads.
    ///
    /// # Errors
    ///
    /// - [`UsersError::NotAMendixDatabase`]: a column that every Mendix version has does not exist.
    /// - [`UsersError::GrantsMissing`]: the role may not read all columns that exist.
    /// - [`UsersError::Database`]: the catalogues could not be read.
    pub(super) async fn probe(
        connection: &mut Connection,
        target: &DatabaseTarget,
        purpose: Purpose,
    ) -> Result<Self, UsersError> {
        let wanted = purpose.columns();
        let probed = match target.engine {
            Engine::Postgres => postgres::probe(connection, target, &wanted).await?,
            Engine::Mysql => mysql::probe(connection, target, &wanted).await?,
        };
        let existing = probed.existing;
        if !REQUIRED.iter().all(|column| existing.contains(column)) {
            return Err(UsersError::NotAMendixDatabase);
        }
        let unreadable = existing.difference(&probed.readable).copied();
        let mut statements = probed.lacking;
        statements.extend(grants::select_statements(target, unreadable));
        if !statements.is_empty() {
            return Err(UsersError::GrantsMissing { statements });
        }
        Ok(Self::of(existing))
    }

    fn of(existing: BTreeSet<Column>) -> Self {
        let has = |columns: &[Column]| columns.iter().all(|column| existing.contains(column));
        // Where a migration has left both, the column is what the app of today writes.
        let link = |base: &[Column], table: &[Column], column: &[Column]| {
            let form = match (has(column), has(table)) {
                (true, _) => Some(Link::Column),
                (false, true) => Some(Link::Table),
                (false, false) => None,
            };
            form.filter(|_| has(base))
        };
        Self {
            sessions: link(&SESSIONS, &SESSION_TABLE, &SESSION_COLUMN),
            user_types: link(&REPORTS, &REPORT_TABLE, &REPORT_COLUMN),
            identifiers: link(&IDENTIFIERS, &IDENTIFIER_TABLE, &IDENTIFIER_COLUMN),
            has_roles: has(&USER_ROLES),
            has_mendix_version: has(&MENDIX_VERSION),
            has_model_version: has(&MODEL_VERSION),
            has_blocked_since: has(&BLOCKED_SINCE),
            has_created: has(&CREATED),
            has_entity: has(&ENTITY),
            existing,
        }
    }

    /// Returns whether the app has identifiers that metering counts by, reachable or not.
    pub(super) fn has_identifier_entity(&self) -> bool {
        IDENTIFIERS
            .iter()
            .any(|column| self.existing.contains(column))
    }

    /// Returns every column that exists and is read.
    pub(super) fn columns(&self) -> impl Iterator<Item = Column> {
        self.existing.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grants_scripts_name_every_column_that_is_read() {
        for purpose in [Purpose::Counts, Purpose::List] {
            for (table, column) in purpose.columns() {
                assert!(
                    grants::GRANTED
                        .iter()
                        .any(|(known, columns)| *known == table && columns.contains(&column)),
                    "{table}.{column}"
                );
            }
        }
    }

    #[test]
    fn a_column_wins_over_a_table_and_neither_is_none() {
        let with = |parts: &[&[Column]]| {
            let columns = parts.iter().copied().flatten().copied();
            Schema::of(columns.collect()).sessions
        };

        assert_eq!(with(&[&SESSIONS, &SESSION_TABLE]), Some(Link::Table));
        assert_eq!(with(&[&SESSIONS, &SESSION_COLUMN]), Some(Link::Column));
        assert_eq!(
            with(&[&SESSIONS, &SESSION_TABLE, &SESSION_COLUMN]),
            Some(Link::Column)
        );
        assert_eq!(with(&[&SESSIONS]), None);
        assert_eq!(with(&[&SESSION_TABLE]), None);
    }
}
