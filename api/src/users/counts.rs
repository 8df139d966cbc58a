//! Counts users of one environment in its own database. The only code that reads the app's tables of users.
//!
//! Reads the columns that are counted and no others; of names only whether there is one and whether it is the
//! administrator's, both answered by the database. Nothing but numbers and versions leaves it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use shared::clock;
use shared::database::{DatabaseError, Databases};
use shared::fleet::{DatabaseTarget, Environment};
use sqlx::Connection;
use sqlx::postgres::PgConnection;

use super::error::UsersError;
use super::grants;
use super::schema::Schema;
use super::view::{
    ActiveByKind, HumansByUserType, LicenseEstimate, NamedUsers, Sessions, UserCounts, UserSource,
};

/// Longest time of one statement. Mendix's own metrics allow 60 s; a caller waits for this one.
pub const STATEMENT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest time of a whole count: connecting, which takes at most 5 s, and six statements, which take
/// milliseconds unless the database is in trouble. API Gateway gives up after 29 s.
pub const COUNT_TIMEOUT: Duration = Duration::from_secs(15);

/// All counts come from one state of the database, so they agree with each other.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
const NAMED_USERS: &str = include_str!("named_users_postgres.sql");
const EXTERNAL_USERS: &str = include_str!("external_users_postgres.sql");
const SESSIONS: &str = include_str!("sessions_postgres.sql");
const MENDIX_VERSION: &str = include_str!("mendix_version_postgres.sql");
const MODEL_VERSION: &str = include_str!("model_version_postgres.sql");

/// Counts the users of `environment` in its database as of `now`.
///
/// Sessions count when they were active within the environment's session time-out before `now`. What the
/// app's version of Mendix does not store is `None` in the answer, with a warning. Costs one connection and
/// at most six statements, one of which reads all of `system$user`.
///
/// # Errors
///
/// See [`UsersError`]; takes at most [`COUNT_TIMEOUT`].
pub async fn count_users(
    databases: &Databases,
    environment: &Environment,
    now: DateTime<Utc>,
) -> Result<UserCounts, UsersError> {
    let database = environment
        .database
        .as_ref()
        .ok_or(UsersError::NoDatabase)?;
    let counting = Box::pin(count(databases, database, environment, now));
    tokio::time::timeout(COUNT_TIMEOUT, counting)
        .await
        .unwrap_or(Err(UsersError::Database(DatabaseError::Timeout(None))))
}

async fn count(
    databases: &Databases,
    database: &DatabaseTarget,
    environment: &Environment,
    now: DateTime<Utc>,
) -> Result<UserCounts, UsersError> {
    let connecting = databases.connect_postgres(database, STATEMENT_TIMEOUT);
    let mut connection = connecting.await.map_err(|error| match error {
        DatabaseError::Denied(_) => UsersError::GrantsMissing {
            statements: vec![grants::connect_statement(database)],
        },
        error => UsersError::Database(error),
    })?;
    let mut transaction = connection.begin_with(BEGIN).await?;
    let schema = Schema::probe(&mut transaction, database).await?;
    let counts = count_in(&mut transaction, database, schema, environment, now);
    let counts = counts.await.map_err(|error| match error {
        // Rights on columns end with the table, which the app may have made anew since the probe.
        DatabaseError::Denied(_) => UsersError::GrantsMissing {
            statements: grants::select_statements(database, schema.columns()),
        },
        error => UsersError::Database(error),
    })?;
    transaction.rollback().await?;
    // Says goodbye; that it was not heard changes no count.
    drop(connection.close().await);
    Ok(counts)
}

async fn count_in(
    connection: &mut PgConnection,
    database: &DatabaseTarget,
    schema: Schema,
    environment: &Environment,
    now: DateTime<Utc>,
) -> Result<UserCounts, DatabaseError> {
    let mut warnings = Vec::new();
    let mut missing = |what: &str, field: &str| {
        warnings.push(format!(
            "this app's database has no {what}: {field} is null"
        ));
    };
    let accounts = count_accounts(connection, &environment.administrator).await?;

    let mut active_humans_by_user_type = None;
    if schema.has_user_types {
        let (external,): (i64,) = sqlx::query_as(EXTERNAL_USERS)
            .fetch_one(&mut *connection)
            .await?;
        let external = non_negative(external);
        active_humans_by_user_type = Some(HumansByUserType {
            internal: accounts.active_humans.saturating_sub(external),
            external,
        });
    } else {
        missing("user types", "active_humans_by_user_type");
    }
    let mut sessions = None;
    if schema.has_sessions {
        sessions = Some(count_sessions(connection, environment.session_timeout, now).await?);
    } else {
        missing("session tables", "sessions");
    }
    let mut mendix_version = None;
    if schema.has_mendix_version {
        mendix_version = read_version(connection, MENDIX_VERSION).await?;
    } else {
        missing("column for the Mendix version", "mendix_version");
    }
    let mut model_version = None;
    if schema.has_model_version {
        model_version = read_version(connection, MODEL_VERSION).await?;
    } else {
        missing("column for the model version", "model_version");
    }
    if accounts.administrators == 0 {
        let doubt = "no account has the administrator's name that the fleet file gives: \
                     license_estimate may count the administrator";
        warnings.push(doubt.to_owned());
    }

    Ok(UserCounts {
        environment: environment.name.clone(),
        as_of: clock::whole_second(now),
        source: UserSource {
            kind: "database".to_owned(),
            engine: database.engine.as_str().to_owned(),
            mendix_version,
            model_version,
        },
        named: NamedUsers {
            total: accounts.total,
            active: accounts.active,
            inactive: accounts.inactive,
            blocked: accounts.blocked,
            active_by_kind: ActiveByKind {
                human: accounts.active_humans,
                web_service: accounts.active_web_services,
            },
            active_humans_by_user_type,
            active_never_logged_in: accounts.active_never_logged_in,
        },
        license_estimate: LicenseEstimate {
            named_user_count: accounts.licensed,
            rule: format!(
                "active, not anonymous, without administrator '{}'",
                environment.administrator
            ),
            estimate: true,
        },
        sessions,
        anonymous_rows: accounts.anonymous,
        warnings,
    })
}

/// Columns of `named_users_postgres.sql`.
struct Accounts {
    total: u64,
    active: u64,
    inactive: u64,
    blocked: u64,
    active_humans: u64,
    active_web_services: u64,
    active_never_logged_in: u64,
    licensed: u64,
    anonymous: u64,
    administrators: u64,
}

async fn count_accounts(
    connection: &mut PgConnection,
    administrator: &str,
) -> Result<Accounts, DatabaseError> {
    type Row = (i64, i64, i64, i64, i64, i64, i64, i64, i64, i64);
    let row: Row = sqlx::query_as(NAMED_USERS)
        .bind(administrator)
        .fetch_one(connection)
        .await?;
    Ok(Accounts {
        total: non_negative(row.0),
        active: non_negative(row.1),
        inactive: non_negative(row.2),
        blocked: non_negative(row.3),
        active_humans: non_negative(row.4),
        active_web_services: non_negative(row.5),
        active_never_logged_in: non_negative(row.6),
        licensed: non_negative(row.7),
        anonymous: non_negative(row.8),
        administrators: non_negative(row.9),
    })
}

async fn count_sessions(
    connection: &mut PgConnection,
    window: Duration,
    now: DateTime<Utc>,
) -> Result<Sessions, DatabaseError> {
    let since = chrono::Duration::from_std(window)
        .ok()
        .and_then(|window| now.checked_sub_signed(window))
        .unwrap_or(DateTime::UNIX_EPOCH);
    let (named, distinct, anonymous): (i64, i64, i64) = sqlx::query_as(SESSIONS)
        .bind(since.naive_utc())
        .fetch_one(connection)
        .await?;
    Ok(Sessions {
        window_seconds: window.as_secs(),
        named_user_sessions: non_negative(named),
        distinct_named_users: non_negative(distinct),
        anonymous_sessions: non_negative(anonymous),
    })
}

async fn read_version(
    connection: &mut PgConnection,
    statement: &'static str,
) -> Result<Option<String>, DatabaseError> {
    let row: Option<(Option<String>,)> =
        sqlx::query_as(statement).fetch_optional(connection).await?;
    Ok(row.and_then(|(version,)| version))
}

/// Returns a count as what it is: PostgreSQL has no unsigned numbers.
fn non_negative(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::database::CONNECT_TIMEOUT;

    #[test]
    fn the_time_outs_add_up_below_the_gateways() {
        let gateway = crate::server::ANSWER_TIMEOUT;
        // The fleet file may have to be read first.
        let fleet = shared::document::READ_TIMEOUT;

        assert!(CONNECT_TIMEOUT + STATEMENT_TIMEOUT < COUNT_TIMEOUT);
        assert!(fleet + COUNT_TIMEOUT < gateway);
    }
}
