//! Counts the users of one database. Reads only the columns that are counted: nothing but numbers, role names and
//! versions leaves the database.

use crate::database::DatabaseError;
use crate::fleet::{DatabaseTarget, Engine};
use chrono::{DateTime, Utc};

use super::connection::{Connection, Row};
use super::error::UsersError;
use super::grants;
use super::question::Question;
use super::schema::columns::{Purpose, USER};
use super::schema::{Linked, Schema};
use super::statement::{Parts, exact, folded, same};

const ACCOUNTS: &str = include_str!("accounts.sql");
const COUNTS: &str = include_str!("counts.sql");
const ROLES: &str = include_str!("roles.sql");
const SESSIONS: &str = include_str!("sessions.sql");
const VERSIONS: &str = include_str!("versions.sql");

/// An empty list of user ids.
pub(super) const NOBODY: &str = "SELECT CAST(NULL AS {{bigint}})";
const ROLE_USERS: &str = r#"SELECT link."{{role_user}}" FROM {{schema}}"{{role_link}}" link"#;
/// Most roles that are counted separately. A large app has a few dozen.
pub const MAX_ROLES: usize = 200;

/// Counts of one database, all from one state of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseCounts {
    /// Version of the runtime that last used the database; `None` if it is not stored.
    pub mendix_version: Option<String>,
    /// Version of the model that last used the database; `None` if it is not stored.
    pub model_version: Option<String>,
    /// Accounts.
    pub accounts: Accounts,
    /// `None` if the app stores no user types.
    pub external_humans: Option<u64>,
    /// By name; `None` if the database has no roles.
    pub roles: Option<Vec<RoleCounts>>,
    /// Recent sessions; `None` if the database has no session tables.
    pub sessions: Option<SessionCounts>,
    /// What this version does not store, or why a number is doubtful.
    pub warnings: Vec<String>,
}

/// Columns of `counts.sql`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accounts {
    /// Accounts with a name, without anonymous visitors.
    pub total: u64,
    /// Those that may log in.
    pub active: u64,
    /// Those that may not.
    pub inactive: u64,
    /// Blocked accounts.
    pub blocked: u64,
    /// Active people.
    pub active_humans: u64,
    /// Active web services.
    pub active_web_services: u64,
    active_external_humans: u64,
    /// Active accounts that never logged in.
    pub active_never_logged_in: u64,
    /// Active accounts without the administrator.
    pub licensed: u64,
    administrators: u64,
    /// Accounts without a role.
    pub without_role: u64,
    /// Rows of anonymous visitors.
    pub anonymous: u64,
    /// Distinct identities of active accounts.
    pub metered: u64,
    /// Those with an account that was not reported as external.
    pub metered_internal: u64,
    /// Those of `metered_internal` with an account that the app reported as internal.
    pub metered_reported_internal: u64,
    /// Identities that are left when letter case is ignored.
    pub metered_folded: u64,
}

/// Counts for one role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleCounts {
    /// Name of the role.
    pub role: String,
    /// Accounts with a name, without anonymous visitors.
    pub total: u64,
    /// Those that may log in.
    pub active: u64,
}

/// Sessions within the time window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionCounts {
    /// Sessions of named users.
    pub named_user_sessions: u64,
    /// Named users with such a session.
    pub distinct_named_users: u64,
    /// Sessions of anonymous visitors.
    pub anonymous_sessions: u64,
}

/// Reads the counts from one state of the database, as of `now`.
///
/// Values that the app's Mendix version does not store are `None`, with a warning. Costs nine short statements, two of
/// which read all of `system$user`.
///
/// # Errors
///
/// See [`UsersError`].
pub async fn read(
    connection: &mut Connection,
    target: &DatabaseTarget,
    question: &Question,
    now: DateTime<Utc>,
) -> Result<DatabaseCounts, UsersError> {
    connection.begin().await?;
    let schema = Schema::probe(connection, target, Purpose::Counts).await?;
    let counts = read_with(connection, target.engine, &schema, question, now).await;
    let counts = counts.map_err(|error| denied_later(error, target, &schema))?;
    connection.end().await?;
    Ok(counts)
}

/// Maps a denied read to missing grants: the app may have recreated a table since the probe, which drops column rights.
pub(super) fn denied_later(
    error: DatabaseError,
    target: &DatabaseTarget,
    schema: &Schema,
) -> UsersError {
    match error {
        DatabaseError::Denied(_) => UsersError::GrantsMissing {
            statements: grants::select_statements(target, schema.columns()),
        },
        error => error.into(),
    }
}

pub(super) async fn read_with(
    connection: &mut Connection,
    engine: Engine,
    schema: &Schema,
    question: &Question,
    now: DateTime<Utc>,
) -> Result<DatabaseCounts, DatabaseError> {
    let mut warnings = Vec::new();
    let accounts = accounts(connection, engine, schema, question).await?;
    if schema.user_types.is_none() {
        warnings.push(missing("user types", "active_humans_by_user_type"));
    }
    let roles = roles(connection, engine, schema, question, &mut warnings).await?;
    let sessions = sessions(connection, engine, schema, question, now).await?;
    if sessions.is_none() {
        warnings.push(missing("session tables", "sessions"));
    }
    let (mendix_version, model_version) =
        versions(connection, engine, schema, &mut warnings).await?;
    if accounts.administrators == 0 {
        let doubt = "no account has the administrator's name that the fleet file gives: \
                     license_estimate may count the administrator";
        warnings.push(doubt.to_owned());
    }
    if schema.has_unknown_identifiers() {
        let doubt = "this app's database has identifiers of named users in a form that is not known: metering \
                     counts by names";
        warnings.push(doubt.to_owned());
    }
    Ok(DatabaseCounts {
        mendix_version,
        model_version,
        external_humans: schema
            .user_types
            .as_ref()
            .map(|_| accounts.active_external_humans),
        accounts,
        roles,
        sessions,
        warnings,
    })
}

pub(super) fn missing(what: &str, field: &str) -> String {
    format!("this app's database has no {what}: {field} is null")
}

/// Returns the statement parts for accounts in a database with `schema`.
pub(super) fn account_parts(engine: Engine, schema: &Schema, question: &Question) -> Parts {
    let (identity, identifiers) = match &schema.identifiers {
        None => (r#"u."name""#, String::new()),
        Some(Linked { table, link }) => (
            r#"coalesce(named.value, u."name")"#,
            format!(
                r#"LEFT JOIN (
    SELECT link."{}" AS user_id, max(i."value") AS value
    FROM {{{{schema}}}}"{table}" i
    JOIN {{{{schema}}}}"{}" link ON link."{}" = i."id"
    WHERE i."value" <> ''
    GROUP BY link."{}"
) named ON named.user_id = u."id""#,
                link.user, link.table, link.other, link.user
            ),
        ),
    };
    let users_with_role = if schema.has_roles { ROLE_USERS } else { NOBODY };
    with_roles(Parts::default(), schema)
        .text("accounts", ACCOUNTS)
        .text("external_users", reported_users(schema, "External"))
        .text("internal_users", reported_users(schema, "Internal"))
        .text("users_with_role", users_with_role)
        .text("identity", exact(engine, identity))
        .text("identity_text", identity)
        .text("folded_identity", folded(engine, identity))
        .text(
            "is_administrator",
            same(engine, r#"u."name""#, "{{:administrator}}"),
        )
        .text("role", exact(engine, r#"coalesce(r."name", '')"#))
        .text("identifiers", identifiers)
        .value("administrator", question.administrator.as_str())
}

/// Adds the statement parts for the association between users and roles.
pub(super) fn with_roles(parts: Parts, schema: &Schema) -> Parts {
    let Some(Linked { table, link }) = &schema.roles else {
        return parts;
    };
    parts
        .text("role_table", table)
        .text("role_link", &link.table)
        .text("role_user", &link.user)
        .text("role_role", &link.other)
}

/// Returns the SQL that lists the ids of users whom the app reported as `user_type`, a value of Mendix's own.
pub(super) fn reported_users(schema: &Schema, user_type: &'static str) -> String {
    let Some(Linked { table, link }) = &schema.user_types else {
        return NOBODY.to_owned();
    };
    format!(
        r#"
    SELECT link."{}"
    FROM {{{{schema}}}}"{}" link
    JOIN {{{{schema}}}}"{table}" report ON report."id" = link."{}"
    WHERE report."usertype" = '{user_type}'"#,
        link.user, link.table, link.other
    )
}

async fn accounts(
    connection: &mut Connection,
    engine: Engine,
    schema: &Schema,
    question: &Question,
) -> Result<Accounts, DatabaseError> {
    let parts = account_parts(engine, schema, question);
    let rows = connection.rows(parts.fill(engine, COUNTS)).await?;
    let row = rows.first();
    let number = |column: usize| number(row, column);
    Ok(Accounts {
        total: number(0)?,
        active: number(1)?,
        inactive: number(2)?,
        blocked: number(3)?,
        active_humans: number(4)?,
        active_web_services: number(5)?,
        active_external_humans: number(6)?,
        active_never_logged_in: number(7)?,
        licensed: number(8)?,
        administrators: number(9)?,
        without_role: number(10)?,
        anonymous: number(11)?,
        metered: number(12)?,
        metered_internal: number(13)?,
        metered_reported_internal: number(14)?,
        metered_folded: number(15)?,
    })
}

async fn roles(
    connection: &mut Connection,
    engine: Engine,
    schema: &Schema,
    question: &Question,
    warnings: &mut Vec<String>,
) -> Result<Option<Vec<RoleCounts>>, DatabaseError> {
    if !schema.has_roles {
        warnings.push(missing("roles", "by_role"));
        return Ok(None);
    }
    let parts = account_parts(engine, schema, question).text("limit", (MAX_ROLES + 1).to_string());
    let rows = connection.rows(parts.fill(engine, ROLES)).await?;
    if rows.len() > MAX_ROLES {
        warnings.push(format!(
            "by_role contains only the first {MAX_ROLES} roles by name"
        ));
    }
    let role = |row: &Row| {
        Ok(RoleCounts {
            role: row.first().cloned().flatten().unwrap_or_default(),
            total: number(Some(row), 1)?,
            active: number(Some(row), 2)?,
        })
    };
    rows.iter()
        .take(MAX_ROLES)
        .map(role)
        .collect::<Result<_, _>>()
        .map(Some)
}

async fn sessions(
    connection: &mut Connection,
    engine: Engine,
    schema: &Schema,
    question: &Question,
    now: DateTime<Utc>,
) -> Result<Option<SessionCounts>, DatabaseError> {
    let Some(Linked { table, link }) = &schema.sessions else {
        return Ok(None);
    };
    let session_users = format!(
        r#"JOIN {{{{schema}}}}"{}" link ON link."{}" = s."id"
JOIN {{{{schema}}}}"system$user" u ON u."id" = link."{}""#,
        link.table, link.other, link.user
    );
    let window = chrono::Duration::from_std(question.session_timeout).ok();
    let since = window.and_then(|window| now.checked_sub_signed(window));
    let parts = Parts::default()
        .text("session_table", table)
        .text("session_users", session_users)
        .value("since", timestamp(since.unwrap_or(DateTime::UNIX_EPOCH)));
    let rows = connection.rows(parts.fill(engine, SESSIONS)).await?;
    let row = rows.first();
    Ok(Some(SessionCounts {
        named_user_sessions: number(row, 0)?,
        distinct_named_users: number(row, 1)?,
        anonymous_sessions: number(row, 2)?,
    }))
}

/// Returns the versions of Mendix and of the model.
pub(super) async fn versions(
    connection: &mut Connection,
    engine: Engine,
    schema: &Schema,
    warnings: &mut Vec<String>,
) -> Result<(Option<String>, Option<String>), DatabaseError> {
    let mut column = |is_there: bool, name: &str, what: &str, field: &str| {
        if is_there {
            format!("CAST(\"{name}\" AS {{{{text}}}})")
        } else {
            warnings.push(missing(what, field));
            "CAST(NULL AS {{text}})".to_owned()
        }
    };
    let mendix = column(
        schema.has_mendix_version,
        "mendixversion",
        "column for the Mendix version",
        "mendix_version",
    );
    let model = column(
        schema.has_model_version,
        "modelversionnumber",
        "column for the model version",
        "model_version",
    );
    let parts = Parts::default()
        .text("mendix_version", mendix)
        .text("model_version", model);
    let rows = connection.rows(parts.fill(engine, VERSIONS)).await?;
    let mut row = rows.into_iter().next().unwrap_or_default().into_iter();
    Ok((row.next().flatten(), row.next().flatten()))
}

/// Formats `time` as both engines read it: UTC without a zone.
pub(super) fn timestamp(time: DateTime<Utc>) -> String {
    time.naive_utc().format("%Y-%m-%d %H:%M:%S%.6f").to_string()
}

/// Returns the number in a column. A missing number is an error, never zero.
fn number(row: Option<&Row>, column: usize) -> Result<u64, DatabaseError> {
    let text = row.and_then(|row| row.get(column)?.as_deref());
    text.and_then(|text| text.parse().ok()).ok_or_else(|| {
        let fault = format!("column {column} of a count of {USER} is no number");
        DatabaseError::Failed(sqlx::Error::Decode(fault.into()))
    })
}
