//! Lists the users of one database, page by page, ordered by id.
//!
//! Names are read only when the answer needs them: for pseudonyms, or for callers who may see them.

use crate::database::DatabaseError;
use crate::fleet::{DatabaseTarget, Engine};
use chrono::{DateTime, NaiveDateTime, Utc};

use super::connection::{Connection, Row};
use super::counts::{denied_later, missing, reported_users, timestamp, versions, with_roles};
use super::error::UsersError;
use super::schema::columns::Purpose;
use super::schema::{Linked, Schema};
use super::statement::{Parts, same, time_text};

const LIST: &str = include_str!("list.sql");
const LIST_ROLES: &str = include_str!("list_roles.sql");
const LIST_IDENTIFIERS: &str = include_str!("list_identifiers.sql");
const NULL: &str = "CAST(NULL AS {{text}})";

/// Visitors have no type.
const USER_TYPE_FILTER: &str =
    r#"AND u."isanonymous" IS NOT TRUE AND {{user_type}} = CAST({{:type}} AS {{text}})"#;
const USER_TYPE: &str = "CASE WHEN u.\"id\" IN ({{external_users}}) THEN 'external' \
                         WHEN u.\"id\" IN ({{internal_users}}) THEN 'internal' ELSE 'unclassified' END";

/// Types of users: as the app reports them, or that it reports none.
pub const USER_TYPES: &[&str] = &["internal", "external", "unclassified"];
/// Kinds of accounts.
pub const KINDS: &[&str] = &["human", "web_service", "anonymous"];

/// Which users to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// Only users that may log in (`true`) or may not (`false`).
    pub active: Option<bool>,
    /// Only users of this kind; people and web services when `None`.
    pub kind: Option<String>,
    /// Only users of this type, one of `internal`, `external` and `unclassified`.
    pub user_type: Option<String>,
    /// Only users with this role.
    pub role: Option<String>,
    /// Only users without a login for this many days. A user who never logged in counts from the account's creation.
    pub inactive_days: Option<u64>,
    /// Only users with a greater id.
    pub after: i64,
    /// Most users on the page.
    pub limit: usize,
    /// Whether names are read.
    pub with_names: bool,
}

/// One user as stored in the database.
pub struct Listed {
    /// Id in the app.
    pub id: i64,
    /// One of [`KINDS`].
    pub kind: String,
    /// Whether it may log in.
    pub is_active: bool,
    /// Whether it is blocked.
    pub is_blocked: bool,
    /// Start of the block, if it is stored.
    pub blocked_since: Option<DateTime<Utc>>,
    /// Last login; `None` if it never logged in.
    pub last_login: Option<DateTime<Utc>>,
    /// Time of creation, if it is stored.
    pub created: Option<DateTime<Utc>>,
    /// Its entity, if that is stored.
    pub entity: Option<String>,
    /// One of [`USER_TYPES`]; `None` if the app stores none.
    pub user_type: Option<String>,
    /// By name; `None` if the database has no roles.
    pub roles: Option<Vec<String>>,
    /// Never printed: no type that holds it implements `Debug`.
    pub name: Option<String>,
    /// The app's identifier for metering, if it has one for this user. Never printed either.
    pub identifier: Option<String>,
}

/// One page.
pub struct Page {
    /// Version of the runtime that last used the database.
    pub mendix_version: Option<String>,
    /// Version of the model that last used the database.
    pub model_version: Option<String>,
    /// By id.
    pub users: Vec<Listed>,
    /// Whether more users follow.
    pub has_more: bool,
    /// What this version does not store.
    pub warnings: Vec<String>,
}

/// Reads one page from one state of the database.
///
/// # Errors
///
/// See [`UsersError`].
pub async fn read(
    connection: &mut Connection,
    target: &DatabaseTarget,
    query: &ListQuery,
    now: DateTime<Utc>,
) -> Result<Page, UsersError> {
    connection.begin().await?;
    let schema = Schema::probe(connection, target, Purpose::List).await?;
    let page = read_with(connection, target.engine, &schema, query, now).await;
    let page = page.map_err(|error| denied_later(error, target, &schema))?;
    connection.end().await?;
    Ok(page)
}

async fn read_with(
    connection: &mut Connection,
    engine: Engine,
    schema: &Schema,
    query: &ListQuery,
    now: DateTime<Utc>,
) -> Result<Page, DatabaseError> {
    let mut warnings = Vec::new();
    let (mendix_version, model_version) =
        versions(connection, engine, schema, &mut warnings).await?;
    for (is_there, what, field) in [
        (schema.has_blocked_since, "column for it", "blocked_since"),
        (schema.has_created, "column for it", "created"),
        (schema.has_entity, "column for it", "entity"),
        (schema.user_types.is_some(), "user types", "user_type"),
        (schema.has_roles, "roles", "roles"),
    ] {
        if !is_there {
            warnings.push(missing(what, field));
        }
    }
    let parts = parts(engine, schema, query, now);
    if schema.has_unknown_identifiers() {
        let doubt = "this app's database has identifiers of named users in a form that is not known: user is a \
                     pseudonym of the name";
        warnings.push(doubt.to_owned());
    }
    let mut rows = connection.rows(parts.fill(engine, LIST)).await?;
    let has_more = rows.len() > query.limit;
    rows.truncate(query.limit);
    let mut users = rows
        .into_iter()
        .map(|row| listed(row, schema))
        .collect::<Result<Vec<_>, _>>()?;
    if schema.has_roles && !users.is_empty() {
        add_roles(connection, engine, schema, &mut users).await?;
    }
    if let Some(linked) = schema.identifiers.as_ref().filter(|_| query.with_names) {
        add_identifiers(connection, engine, linked, &mut users).await?;
    }
    Ok(Page {
        mendix_version,
        model_version,
        users,
        has_more,
        warnings,
    })
}

fn parts(engine: Engine, schema: &Schema, query: &ListQuery, now: DateTime<Utc>) -> Parts {
    let time = |is_there: bool, column: &str| match is_there {
        true => time_text(engine, column),
        false => NULL.to_owned(),
    };
    let text = |is_there: bool, column: &str| match is_there {
        true => format!("CAST({column} AS {{{{text}}}})"),
        false => NULL.to_owned(),
    };
    let mut parts = with_roles(Parts::default(), schema)
        .text(
            "blocked_since",
            time(schema.has_blocked_since, r#"u."blockedsince""#),
        )
        .text("last_login", time(true, r#"u."lastlogin""#))
        .text("created", time(schema.has_created, r#"u."createddate""#))
        .text(
            "entity",
            text(schema.has_entity, r#"u."submetaobjectname""#),
        )
        .text("name", text(query.with_names, r#"u."name""#))
        .text("external_users", reported_users(schema, "External"))
        .text("internal_users", reported_users(schema, "Internal"))
        .text("user_type", USER_TYPE)
        .text("limit", (query.limit + 1).to_string())
        .value("after", query.after.to_string());
    let mut filters = Vec::new();
    match query.active {
        Some(true) => filters.push(r#"AND u."active" IS TRUE"#),
        Some(false) => filters.push(r#"AND u."active" IS NOT TRUE"#),
        None => {}
    }
    filters.push(match query.kind.as_deref() {
        Some("anonymous") => r#"AND u."isanonymous" IS TRUE"#,
        Some("web_service") => r#"AND u."isanonymous" IS NOT TRUE AND u."webserviceuser" IS TRUE"#,
        Some("human") => r#"AND u."isanonymous" IS NOT TRUE AND u."webserviceuser" IS NOT TRUE"#,
        _ => r#"AND u."isanonymous" IS NOT TRUE"#,
    });
    if let Some(user_type) = &query.user_type {
        filters.push(match schema.user_types {
            Some(_) => USER_TYPE_FILTER,
            None => "AND 1 = 0",
        });
        parts = parts.value("type", user_type.as_str());
    }
    if let Some(role) = &query.role {
        filters.push(match schema.has_roles {
            true => {
                r#"AND u."id" IN (
      SELECT link."{{role_user}}"
      FROM {{schema}}"{{role_link}}" link
      JOIN {{schema}}"{{role_table}}" r ON r."id" = link."{{role_role}}"
      WHERE {{is_role}})"#
            }
            false => "AND 1 = 0",
        });
        let is_role = same(engine, r#"r."name""#, "{{:role}}");
        parts = parts.text("is_role", is_role).value("role", role.as_str());
    }
    if let Some(days) = query.inactive_days {
        filters.push(match schema.has_created {
            true => {
                r#"AND coalesce(coalesce(u."lastlogin", u."createddate") < CAST({{:cutoff}} AS {{time}}), TRUE)"#
            }
            false => r#"AND coalesce(u."lastlogin" < CAST({{:cutoff}} AS {{time}}), TRUE)"#,
        });
        let days = i64::try_from(days)
            .ok()
            .and_then(chrono::Duration::try_days);
        let cutoff = days.and_then(|days| now.checked_sub_signed(days));
        let cutoff = timestamp(cutoff.unwrap_or(DateTime::UNIX_EPOCH));
        parts = parts.value("cutoff", cutoff);
    }
    parts.text("filters", filters.join("\n  "))
}

fn listed(row: Row, schema: &Schema) -> Result<Listed, DatabaseError> {
    let mut columns = row.into_iter();
    let mut next = || columns.next().flatten();
    let id = next().and_then(|text| text.parse().ok());
    let id = id.ok_or_else(|| {
        let fault = "the id of a user is no number";
        DatabaseError::Failed(sqlx::Error::Decode(fault.into()))
    })?;
    let kind = next().unwrap_or_default();
    let is_active = next().as_deref() == Some("1");
    let is_blocked = next().as_deref() == Some("1");
    let blocked_since = next().and_then(|text| time(&text));
    let last_login = next().and_then(|text| time(&text));
    let created = next().and_then(|text| time(&text));
    let entity = next();
    let user_type = next();
    let has_type = schema.user_types.is_some() && kind != "anonymous";
    Ok(Listed {
        id,
        is_active,
        is_blocked,
        blocked_since,
        last_login,
        created,
        entity,
        user_type: user_type.filter(|_| has_type),
        roles: schema.has_roles.then(Vec::new),
        name: next(),
        identifier: None,
        kind,
    })
}

fn time(text: &str) -> Option<DateTime<Utc>> {
    let time = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.fZ");
    time.ok().map(|time| time.and_utc())
}

async fn add_roles(
    connection: &mut Connection,
    engine: Engine,
    schema: &Schema,
    users: &mut [Listed],
) -> Result<(), DatabaseError> {
    let parts = with_roles(Parts::default(), schema).text("ids", ids(users));
    for row in connection.rows(parts.fill(engine, LIST_ROLES)).await? {
        let mut columns = row.into_iter().flatten();
        let (Some(id), Some(role)) = (columns.next(), columns.next()) else {
            continue;
        };
        if let Some(roles) = with_id(users, &id).and_then(|user| user.roles.as_mut()) {
            roles.push(role);
        }
    }
    Ok(())
}

async fn add_identifiers(
    connection: &mut Connection,
    engine: Engine,
    Linked { table, link }: &Linked,
    users: &mut [Listed],
) -> Result<(), DatabaseError> {
    if users.is_empty() {
        return Ok(());
    }
    let parts = Parts::default()
        .text("identifier_table", table)
        .text("identifier_link", &link.table)
        .text("identifier_user", &link.user)
        .text("identifier_other", &link.other)
        .text("ids", ids(users));
    for row in connection
        .rows(parts.fill(engine, LIST_IDENTIFIERS))
        .await?
    {
        let mut columns = row.into_iter().flatten();
        let (Some(id), Some(identifier)) = (columns.next(), columns.next()) else {
            continue;
        };
        if let Some(user) = with_id(users, &id) {
            user.identifier = Some(identifier);
        }
    }
    Ok(())
}

fn ids(users: &[Listed]) -> String {
    let ids: Vec<String> = users.iter().map(|user| user.id.to_string()).collect();
    ids.join(", ")
}

/// Returns the user with `id` on a page, which is ordered by id.
fn with_id<'u>(users: &'u mut [Listed], id: &str) -> Option<&'u mut Listed> {
    let id = id.parse().ok()?;
    let position = users.binary_search_by_key(&id, |user: &Listed| user.id);
    users.get_mut(position.ok()?)
}
