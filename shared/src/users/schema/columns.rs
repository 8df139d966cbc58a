//! The columns of Mendix's tables that are read, by purpose. Pure.

use std::collections::BTreeSet;

/// A column: table and name.
pub(in crate::users) type Column = (String, String);
/// A column with its usual names.
pub(super) type Known = (&'static str, &'static str);

pub(in crate::users) const USER: &str = "system$user";
const VERSION: &str = "mendixsystem$version";
pub(super) const SESSION: &str = "system$session";
pub(super) const SESSION_USER: &str = "system$session_user";
const REPORT: &str = "system$userreportinfo";
const REPORT_USER: &str = "system$userreportinfo_user";
const ROLE: &str = "system$userrole";
const ROLES: &str = "system$userroles";
const CATALOGUE_ENTITY: &str = "mendixsystem$entity";
const CATALOGUE_ASSOCIATION: &str = "mendixsystem$association";
/// Entity in which the module `UserCommons` keeps the identifiers for metering.
pub(super) const IDENTIFIER_ENTITY: &str = "UserCommons.NamedUserIdentifier";
const IDENTIFIER: &str = "usercommons$nameduseridentifier";
const IDENTIFIER_USER: &str = "usercommons$nameduseridentifier_user";

/// Columns that every Mendix version has.
pub(super) const REQUIRED: [Known; 8] = [
    (USER, "id"),
    (USER, "name"),
    (USER, "lastlogin"),
    (USER, "blocked"),
    (USER, "active"),
    (USER, "webserviceuser"),
    (USER, "isanonymous"),
    (VERSION, "lastsyncdate"),
];
pub(super) const SESSIONS: [Known; 2] = [(SESSION, "id"), (SESSION, "lastactive")];
pub(super) const SESSION_TABLE: [Known; 2] = [
    (SESSION_USER, "system$sessionid"),
    (SESSION_USER, "system$userid"),
];
pub(super) const SESSION_COLUMN: [Known; 1] = [(SESSION, "system$session_user")];
/// Mendix before 7.5 has no user types.
pub(super) const REPORTS: [Known; 2] = [(REPORT, "id"), (REPORT, "usertype")];
pub(super) const REPORT_TABLE: [Known; 2] = [
    (REPORT_USER, "system$userreportinfoid"),
    (REPORT_USER, "system$userid"),
];
pub(super) const REPORT_COLUMN: [Known; 1] = [(REPORT, "system$userreportinfo_user")];
pub(super) const USER_ROLES: [Known; 2] = [(ROLE, "id"), (ROLE, "name")];
const ROLE_TABLE: [Known; 2] = [(ROLES, "system$userid"), (ROLES, "system$userroleid")];
/// The same, with the role's column first.
pub(super) const ROLE_TABLE_BY_OTHER: [Known; 2] = [ROLE_TABLE[1], ROLE_TABLE[0]];
/// Only apps with module `UserCommons` 2.2.0 or newer have them.
pub(super) const IDENTIFIERS: [Known; 2] = [(IDENTIFIER, "id"), (IDENTIFIER, "value")];
pub(super) const IDENTIFIER_TABLE: [Known; 2] = [
    (IDENTIFIER_USER, "usercommons$nameduseridentifierid"),
    (IDENTIFIER_USER, "system$userid"),
];
pub(super) const IDENTIFIER_COLUMN: [Known; 1] =
    [(IDENTIFIER, "usercommons$nameduseridentifier_user")];
/// Mendix before 9 does not store it.
pub(super) const MENDIX_VERSION: [Known; 1] = [(VERSION, "mendixversion")];
pub(super) const MODEL_VERSION: [Known; 1] = [(VERSION, "modelversionnumber")];
/// Old versions do not store it.
pub(super) const BLOCKED_SINCE: [Known; 1] = [(USER, "blockedsince")];
pub(super) const CREATED: [Known; 1] = [(USER, "createddate")];
pub(super) const ENTITY: [Known; 1] = [(USER, "submetaobjectname")];

/// The columns of Mendix's catalogue that are read.
pub(super) const ENTITIES: [Known; 3] = [
    (CATALOGUE_ENTITY, "id"),
    (CATALOGUE_ENTITY, "entity_name"),
    (CATALOGUE_ENTITY, "table_name"),
];
pub(super) const ASSOCIATIONS: [Known; 6] = [
    (CATALOGUE_ASSOCIATION, "association_name"),
    (CATALOGUE_ASSOCIATION, "table_name"),
    (CATALOGUE_ASSOCIATION, "parent_entity_id"),
    (CATALOGUE_ASSOCIATION, "child_entity_id"),
    (CATALOGUE_ASSOCIATION, "parent_column_name"),
    (CATALOGUE_ASSOCIATION, "child_column_name"),
];

/// Every column that counts read if it exists.
const COUNTED: [&[Known]; 16] = [
    &REQUIRED,
    &ENTITIES,
    &ASSOCIATIONS,
    &SESSIONS,
    &SESSION_TABLE,
    &SESSION_COLUMN,
    &REPORTS,
    &REPORT_TABLE,
    &REPORT_COLUMN,
    &USER_ROLES,
    &ROLE_TABLE,
    &IDENTIFIERS,
    &IDENTIFIER_TABLE,
    &IDENTIFIER_COLUMN,
    &MENDIX_VERSION,
    &MODEL_VERSION,
];
/// Every column that a list reads if it exists.
const LISTED: [&[Known]; 16] = [
    &REQUIRED,
    &ENTITIES,
    &ASSOCIATIONS,
    &REPORTS,
    &REPORT_TABLE,
    &REPORT_COLUMN,
    &USER_ROLES,
    &ROLE_TABLE,
    &BLOCKED_SINCE,
    &CREATED,
    &ENTITY,
    &IDENTIFIERS,
    &IDENTIFIER_TABLE,
    &IDENTIFIER_COLUMN,
    &MENDIX_VERSION,
    &MODEL_VERSION,
];

/// What the columns are read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::users) enum Purpose {
    Counts,
    List,
}

impl Purpose {
    /// Returns the columns that it reads if they exist.
    pub(super) fn columns(self) -> BTreeSet<Column> {
        let parts: &[&[Known]] = match self {
            Self::Counts => &COUNTED,
            Self::List => &LISTED,
        };
        parts.iter().copied().flatten().map(owned).collect()
    }
}

pub(super) fn owned(column: &Known) -> Column {
    (column.0.to_owned(), column.1.to_owned())
}

fn is_same(known: &Known, column: &Column) -> bool {
    known.0 == column.0 && known.1 == column.1
}

/// Returns the columns that every Mendix version has.
pub(in crate::users) fn required() -> impl Iterator<Item = (&'static str, &'static str)> {
    REQUIRED.into_iter()
}

/// Returns whether every version of the table has the column, so that a right on it can always be granted.
pub(super) fn is_of_every_version(column: &Column) -> bool {
    let sometimes: [&[Known]; 8] = [
        &SESSION_COLUMN,
        &REPORT_COLUMN,
        &IDENTIFIER_COLUMN,
        &MENDIX_VERSION,
        &MODEL_VERSION,
        &BLOCKED_SINCE,
        &CREATED,
        &ENTITY,
    ];
    let mut sometimes = sometimes.iter().copied().flatten();
    !sometimes.any(|known| is_same(known, column))
}

/// Result of a probe.
pub(super) struct Probed {
    /// Existing columns.
    pub(super) existing: BTreeSet<Column>,
    /// Existing columns that the role may read.
    pub(super) readable: BTreeSet<Column>,
    /// Statements for missing rights other than those on columns.
    pub(super) lacking: Vec<String>,
}
