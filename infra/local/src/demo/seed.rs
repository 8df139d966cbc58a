//! Creates the demo's databases, with the schema of a Mendix app, and the role that reads them.

use anyhow::Context;
use futures::future::try_join_all;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, raw_sql};
use uuid::Uuid;

use super::environments::{DemoEnvironment, ENVIRONMENTS};
use super::postgres::Postgres;
use super::reader::{self, READER};

const SESSION: &str = include_str!("seed/session.sql");
const SCHEMA: &str = include_str!("seed/schema.sql");
const APP: &str = include_str!("seed/app.sql");
const ROWS: &str = include_str!("seed/rows.sql");
const REPORT: &str = include_str!("seed/report.sql");

/// Creates missing databases, and returns a new password of the reading role.
pub(super) async fn seed(postgres: &Postgres) -> anyhow::Result<String> {
    let password = reader_password(postgres)
        .await
        .context("could not prepare the demo's database role")?;
    try_join_all(ENVIRONMENTS.iter().map(|environment| async move {
        seed_environment(postgres, environment)
            .await
            .with_context(|| format!("could not seed the database of {}", environment.name))
    }))
    .await?;
    Ok(password)
}

/// Prepares a session for the demo's statements on the database of `environment`.
pub(super) async fn prepare_session(
    connection: &mut PgConnection,
    environment: &DemoEnvironment,
) -> Result<(), sqlx::Error> {
    let settings = [
        ("project", environment.project.to_owned()),
        ("model_version", environment.model_version.to_owned()),
        ("domain", environment.domain.to_owned()),
        ("users", environment.users.to_string()),
        ("customers", environment.customers.to_string()),
        ("orders", environment.orders.to_string()),
        ("documents", environment.documents.to_string()),
        ("messages", environment.messages.to_string()),
        ("tasks", environment.tasks.to_string()),
    ];
    for (name, value) in settings {
        sqlx::query("SELECT set_config('demo.' || $1, $2, false)")
            .bind(name)
            .bind(value)
            .execute(&mut *connection)
            .await?;
    }
    raw_sql(SESSION).execute(connection).await?;
    Ok(())
}

async fn reader_password(postgres: &Postgres) -> Result<String, sqlx::Error> {
    let mut admin = postgres.connect("postgres").await?;
    let exists: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)")
            .bind(READER)
            .fetch_one(&mut admin)
            .await?;
    if !exists {
        let create = format!("CREATE ROLE {READER} LOGIN CONNECTION LIMIT 20");
        raw_sql(AssertSqlSafe(create)).execute(&mut admin).await?;
    }
    // Hexadecimal digits, so there is nothing to escape; a password cannot be a bound value here.
    let password = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    let change = format!(
        "ALTER ROLE {READER} PASSWORD '{password}'; \
         ALTER ROLE {READER} SET default_transaction_read_only = on"
    );
    raw_sql(AssertSqlSafe(change)).execute(&mut admin).await?;
    admin.close().await?;
    Ok(password)
}

/// Makes the environment's database under another name, and names it when it is whole.
async fn seed_environment(
    postgres: &Postgres,
    environment: &DemoEnvironment,
) -> Result<(), sqlx::Error> {
    let mut admin = postgres.connect("postgres").await?;
    let name = environment.database;
    let exists: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
            .bind(name)
            .fetch_one(&mut admin)
            .await?;
    if exists {
        // A newer version may read more than the version that created the database.
        let mut connection = postgres.connect(name).await?;
        let grants = shared::users::grants_script(&reader::target(postgres.port(), name));
        raw_sql(AssertSqlSafe(grants))
            .execute(&mut connection)
            .await?;
        connection.close().await?;
        return admin.close().await;
    }
    let unfinished = format!("{name}_unfinished");
    for statement in [
        format!("DROP DATABASE IF EXISTS {unfinished} WITH (FORCE)"),
        format!("CREATE DATABASE {unfinished}"),
        format!("REVOKE ALL ON DATABASE {unfinished} FROM PUBLIC"),
    ] {
        raw_sql(AssertSqlSafe(statement))
            .execute(&mut admin)
            .await?;
    }
    let mut connection = postgres.connect(&unfinished).await?;
    prepare_session(&mut connection, environment).await?;
    let report = if environment.has_report { REPORT } else { "" };
    for script in [SCHEMA, APP, ROWS, report, "ANALYZE"] {
        raw_sql(script).execute(&mut connection).await?;
    }
    let grants = shared::users::grants_script(&reader::target(postgres.port(), &unfinished));
    raw_sql(AssertSqlSafe(grants))
        .execute(&mut connection)
        .await?;
    connection.close().await?;
    let finish = format!("ALTER DATABASE {unfinished} RENAME TO {name}");
    raw_sql(AssertSqlSafe(finish)).execute(&mut admin).await?;
    admin.close().await
}
