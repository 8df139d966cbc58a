//! A PostgreSQL database and a login role for one test.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use collector::{MeasureError, Progress, measure_database};
use shared::aws::Aws;
use shared::clock::SystemClock;
use shared::database::Databases;
use shared::fleet::{DatabaseTarget, Engine};
use shared::snapshot::{DatabaseSize, TableSize};
use shared::testing;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use super::{PASSWORD_VARIABLE, local};
use crate::services;
use crate::support::NOWHERE;

/// The role's password. No result, error or log may contain it.
pub(super) const PASSWORD: &str = "NEVERLEAK-PASSWORD";

/// Schema and rows of a Mendix app.
pub(super) const MENDIX: &str = include_str!("../../fixtures/mendix.sql");

/// The database, and its superuser's connection to it.
pub(super) struct TestDatabase {
    pub(super) connection: PgConnection,
    server: PgConnectOptions,
    pub(super) target: DatabaseTarget,
    /// Checks to run once all locks are released.
    pub(super) later: Vec<LaterCheck>,
}

/// A query of the superuser with its expected result.
pub(super) struct LaterCheck {
    pub(super) query: String,
    pub(super) expected: u64,
}

impl TestDatabase {
    /// Returns an empty database and a role that can only connect; `None` if the test is skipped.
    pub(super) async fn empty() -> Option<Self> {
        Some(Self::on(&testing::service(testing::POSTGRES)?).await)
    }

    /// Like [`TestDatabase::empty`], on the server at `url`.
    pub(super) async fn on(url: &str) -> Self {
        Self::with(url, "").await
    }

    /// Like [`TestDatabase::on`], with options of `CREATE DATABASE`.
    pub(super) async fn with(url: &str, options: &str) -> Self {
        let server = PgConnectOptions::from_str(url).unwrap();
        let name = format!("mrt_collector_{}", services::unique_account());
        let mut connection = server.connect().await.unwrap();
        for statement in [
            format!("CREATE DATABASE {name} {options}"),
            format!("CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'"),
        ] {
            execute(&mut connection, &statement).await;
        }
        connection.close().await.unwrap();
        let target = local(Engine::Postgres, server.get_port(), &name);
        let connection = server.clone().database(&name).connect().await.unwrap();
        Self {
            connection,
            server,
            target,
            later: Vec::new(),
        }
    }

    /// Returns a database with the app of [`MENDIX`].
    pub(super) async fn mendix() -> Option<Self> {
        let mut database = Self::empty().await?;
        database.run(MENDIX).await;
        Some(database)
    }

    /// Runs statements as the superuser; `:role` is replaced by the role's name.
    pub(super) async fn run(&mut self, statements: &str) {
        let statements = statements.replace(":role", &self.target.user);
        execute(&mut self.connection, &statements).await;
    }

    /// Runs a query as the superuser and returns its only number.
    pub(super) async fn number(&mut self, query: &str) -> u64 {
        let query = sqlx::query_scalar(AssertSqlSafe(query.to_owned()));
        let number: i64 = query.fetch_one(&mut self.connection).await.unwrap();
        u64::try_from(number).unwrap()
    }

    /// Measures as the role.
    pub(super) async fn measure(&self) -> Result<DatabaseSize, MeasureError> {
        measure(&self.target, PASSWORD, &Progress::default()).await
    }

    /// Runs the checks that had to wait for locks to be released.
    pub(super) async fn check_later(&mut self) {
        for LaterCheck { query, expected } in std::mem::take(&mut self.later) {
            assert_eq!(self.number(&query).await, expected, "{query}");
        }
    }

    /// Drops the database and the role.
    pub(super) async fn drop(self) {
        self.connection.close().await.unwrap();
        let mut connection = self.server.connect().await.unwrap();
        let name = self.target.user;
        execute(
            &mut connection,
            &format!("DROP DATABASE {name} WITH (FORCE)"),
        )
        .await;
        execute(&mut connection, &format!("DROP ROLE {name}")).await;
    }

    /// Returns a second connection of the superuser.
    pub(super) async fn other_session(&self) -> PgConnection {
        let options = self.server.clone().database(&self.target.name);
        options.connect().await.unwrap()
    }
}

pub(super) async fn execute(connection: &mut PgConnection, statements: &str) {
    sqlx::raw_sql(AssertSqlSafe(statements.to_owned()))
        .execute(connection)
        .await
        .unwrap();
}

/// Measures `target` with `password`.
pub(super) async fn measure(
    target: &DatabaseTarget,
    password: &str,
    progress: &Progress,
) -> Result<DatabaseSize, MeasureError> {
    measure_database(databases(password), target, progress).await
}

/// Returns a connector with `password`.
pub(super) fn databases(password: &str) -> Databases {
    databases_with_aws(Arc::new(Aws::for_tests(NOWHERE)), password)
}

/// Returns a connector with `password` and the clients of `aws`.
pub(super) fn databases_with_aws(aws: Arc<Aws>, password: &str) -> Databases {
    let variables = BTreeMap::from([(PASSWORD_VARIABLE.to_owned(), password.to_owned())]);
    Databases::new(aws, Arc::new(variables), Arc::new(SystemClock), None)
}

/// Measures `target`, with the role's password by default, and returns the error.
pub(super) async fn failure(target: &DatabaseTarget, password: Option<&str>) -> MeasureError {
    let password = password.unwrap_or(PASSWORD);
    let error = measure(target, password, &Progress::default()).await;
    let error = error.unwrap_err();
    for secret in [
        "NEVERLEAK",
        target.host.as_str(),
        target.user.as_str(),
        "SELECT",
    ] {
        assert!(!error.reason.contains(secret), "{}", error.reason);
    }
    assert!(!shared::telemetry::error_chain(&error).contains("NEVERLEAK"));
    error
}

/// Returns the table with this name in schema `public`.
pub(super) fn table<'a>(size: &'a DatabaseSize, name: &str) -> Option<&'a TableSize> {
    size.tables
        .iter()
        .find(|table| (table.schema.as_str(), table.table.as_str()) == ("public", name))
}
