//! Finds out which columns a database has and which of them the role may read.
//!
//! Mendix's tables differ between versions, so columns are probed rather than assumed, and associations between tables
//! are looked up in Mendix's own catalogue. Reads catalogues only.

pub(super) mod catalogue;
pub(super) mod columns;
mod mysql;
mod postgres;

use std::collections::BTreeSet;

use crate::fleet::{DatabaseTarget, Engine};

use super::connection::Connection;
use super::error::UsersError;
use super::grants;
use catalogue::{Association, Link};
use columns::{
    ASSOCIATIONS, BLOCKED_SINCE, CREATED, Column, ENTITIES, ENTITY, IDENTIFIER_COLUMN,
    IDENTIFIER_ENTITY, IDENTIFIER_TABLE, IDENTIFIERS, Known, MENDIX_VERSION, MODEL_VERSION, Probed,
    Purpose, REPORT_COLUMN, REPORT_TABLE, REPORTS, REQUIRED, ROLE_TABLE_BY_OTHER, SESSION_COLUMN,
    SESSION_TABLE, SESSIONS, USER_ROLES, owned,
};

/// A table and how its rows refer to users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Linked {
    pub(super) table: String,
    pub(super) link: Link,
}

/// What a database can answer. Its Mendix version lacks the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Schema {
    existing: BTreeSet<Column>,
    pub(super) roles: Option<Linked>,
    pub(super) sessions: Option<Linked>,
    pub(super) user_types: Option<Linked>,
    pub(super) identifiers: Option<Linked>,
    pub(super) has_roles: bool,
    pub(super) has_mendix_version: bool,
    pub(super) has_model_version: bool,
    pub(super) has_blocked_since: bool,
    pub(super) has_created: bool,
    pub(super) has_entity: bool,
}

impl Schema {
    /// Looks up all columns that `purpose` reads.
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
        let mut probed = probe(connection, target, &wanted).await?;
        let has_required = |column| probed.existing.contains(&owned(column));
        if !REQUIRED.iter().all(has_required) {
            return Err(UsersError::NotAMendixDatabase);
        }
        let mut associations = Vec::new();
        let mut catalogue = ENTITIES.iter().chain(&ASSOCIATIONS).map(owned);
        if probed.lacking.is_empty() && catalogue.all(|column| probed.readable.contains(&column)) {
            associations = catalogue::read(connection, target.engine).await?;
            let known = |table: &str| wanted.iter().any(|(known, _)| known == table);
            associations.retain(|association| {
                purpose == Purpose::Counts
                    || known(&association.table)
                    || association.entity == IDENTIFIER_ENTITY
            });
            let further = further(&associations, &wanted);
            if !further.is_empty() {
                let more = probe(connection, target, &further).await?;
                probed.existing.extend(more.existing);
                probed.readable.extend(more.readable);
                probed.lacking.extend(more.lacking);
            }
        }
        let schema = Self::of(probed.existing, &associations);
        let unreadable = schema.existing.difference(&probed.readable);
        let unreadable = unreadable.map(|(table, column)| (table.as_str(), column.as_str()));
        let mut statements = probed.lacking;
        statements.extend(grants::select_statements(target, unreadable));
        if !statements.is_empty() {
            return Err(UsersError::GrantsMissing { statements });
        }
        Ok(schema)
    }

    fn of(existing: BTreeSet<Column>, associations: &[Association]) -> Self {
        let has = |columns: &[Known]| {
            columns
                .iter()
                .all(|column| existing.contains(&owned(column)))
        };
        let catalogued = |name: &str| {
            let is_named =
                |association: &&Association| association.name == name || association.entity == name;
            let mut found = associations.iter().filter(is_named);
            // The catalogue may list tables that do not exist.
            found.find(|association| {
                let columns = association.columns();
                columns.iter().all(|column| existing.contains(column))
            })
        };
        // From the catalogue, else the well-known name. Where a migration left both, the app writes the column.
        let linked = |name: &str, base: &[Known], table: &[Known], column: &[Known]| {
            let known = match (column, table) {
                ([(owner, user)], _) if has(column) => Some(Link::of(owner, user, "id")),
                (_, [(link, other), (_, user)]) if has(table) => Some(Link::of(link, user, other)),
                _ => None,
            };
            let known = known.filter(|_| has(base)).zip(base.first());
            let known = known.map(|(link, (table, _))| Linked {
                table: (*table).to_owned(),
                link,
            });
            let has_base = |association: &&Association| {
                base.iter().all(|(_, column)| {
                    existing.contains(&(association.table.clone(), (*column).to_owned()))
                })
            };
            let catalogued = catalogued(name).filter(has_base).map(|association| Linked {
                table: association.table.clone(),
                link: association.link.clone(),
            });
            catalogued.or(known)
        };
        let roles = linked("System.UserRoles", &USER_ROLES, &ROLE_TABLE_BY_OTHER, &[]);
        Self {
            sessions: linked(
                "System.Session_User",
                &SESSIONS,
                &SESSION_TABLE,
                &SESSION_COLUMN,
            ),
            user_types: linked(
                "System.UserReportInfo_User",
                &REPORTS,
                &REPORT_TABLE,
                &REPORT_COLUMN,
            ),
            identifiers: linked(
                IDENTIFIER_ENTITY,
                &IDENTIFIERS,
                &IDENTIFIER_TABLE,
                &IDENTIFIER_COLUMN,
            ),
            has_roles: roles.is_some(),
            roles,
            has_mendix_version: has(&MENDIX_VERSION),
            has_model_version: has(&MODEL_VERSION),
            has_blocked_since: has(&BLOCKED_SINCE),
            has_created: has(&CREATED),
            has_entity: has(&ENTITY),
            existing,
        }
    }

    /// Returns whether the app has identifiers for metering whose relation to users was not found.
    pub(super) fn has_unknown_identifiers(&self) -> bool {
        let exists = |column| self.existing.contains(&owned(column));
        self.identifiers.is_none() && IDENTIFIERS.iter().any(exists)
    }

    /// Returns every column that exists and is read.
    pub(super) fn columns(&self) -> impl Iterator<Item = (&str, &str)> {
        let columns = self.existing.iter();
        columns.map(|(table, column)| (table.as_str(), column.as_str()))
    }
}

async fn probe(
    connection: &mut Connection,
    target: &DatabaseTarget,
    wanted: &BTreeSet<Column>,
) -> Result<Probed, UsersError> {
    match target.engine {
        Engine::Postgres => postgres::probe(connection, target, wanted).await,
        Engine::Mysql => mysql::probe(connection, target, wanted).await,
    }
}

/// Returns the columns from the catalogue that have not been probed yet.
fn further(associations: &[Association], wanted: &BTreeSet<Column>) -> BTreeSet<Column> {
    let mut further: BTreeSet<Column> =
        associations.iter().flat_map(Association::columns).collect();
    for association in associations {
        if association.entity == IDENTIFIER_ENTITY {
            let columns = IDENTIFIERS.iter();
            further
                .extend(columns.map(|(_, name)| (association.table.clone(), (*name).to_owned())));
        }
    }
    further.retain(|column| !wanted.contains(column));
    further
}

#[cfg(test)]
mod tests {
    use super::columns::{SESSION, SESSION_USER};
    use super::*;

    #[test]
    fn the_grants_scripts_name_every_column_that_is_read() {
        for purpose in [Purpose::Counts, Purpose::List] {
            for (table, column) in purpose.columns() {
                assert!(
                    grants::GRANTED
                        .iter()
                        .any(|(known, columns)| *known == table && columns.contains(&&*column)),
                    "{table}.{column}"
                );
            }
        }
    }

    fn sessions(parts: &[&[Known]], associations: &[Association]) -> Option<Link> {
        let columns = parts.iter().copied().flatten().map(owned);
        let schema = Schema::of(columns.collect(), associations);
        schema.sessions.map(|sessions| sessions.link)
    }

    #[test]
    fn a_column_wins_over_a_table_and_neither_is_none() {
        let table = Link::of(SESSION_USER, "system$userid", "system$sessionid");
        let column = Link::of(SESSION, "system$session_user", "id");

        assert_eq!(sessions(&[&SESSIONS, &SESSION_TABLE], &[]), Some(table));
        assert_eq!(
            sessions(&[&SESSIONS, &SESSION_COLUMN], &[]),
            Some(column.clone())
        );
        assert_eq!(
            sessions(&[&SESSIONS, &SESSION_TABLE, &SESSION_COLUMN], &[]),
            Some(column)
        );
        assert_eq!(sessions(&[&SESSIONS], &[]), None);
        assert_eq!(sessions(&[&SESSION_TABLE], &[]), None);
    }

    #[test]
    fn the_catalogue_wins_over_what_is_well_known_as_far_as_it_is_true() {
        let association = |table: &str| Association {
            name: "System.Session_User".into(),
            entity: "System.Session".into(),
            table: SESSION.into(),
            link: Link::of(table, "u", "s"),
        };
        let parts: [&[Known]; 3] = [&SESSIONS, &SESSION_TABLE, &[("su_1", "u"), ("su_1", "s")]];

        let found = sessions(&parts, &[association("su_1")]).unwrap();
        assert_eq!(found, Link::of("su_1", "u", "s"));
        let found = sessions(&parts, &[association("gone")]).unwrap();
        assert_eq!(found.table, SESSION_USER);
    }
}
