//! A database and a login role for one test.

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

/// The role's password: nothing that comes out may hold it.
pub(super) const PASSWORD: &str = "NEVERLEAK-PASSWORD";

/// The app of the fixture.
pub(super) const MENDIX: &str = include_str!("../../fixtures/mendix.sql");

/// The database, and its superuser's connection to it.
pub(super) struct TestDatabase {
    pub(super) connection: PgConnection,
    server: PgConnectOptions,
    pub(super) target: DatabaseTarget,
    /// Queries of the superuser with the numbers that they must give once nothing is locked any more.
    pub(super) later: Vec<(String, u64)>,
}

impl TestDatabase {
    /// Returns an empty database and a role that may do nothing but connect; `None` when the test is skipped.
    pub(super) async fn empty() -> Option<Self> {
        Some(Self::on(&testing::service(testing::POSTGRES)?).await)
    }

    /// Returns an empty database, and a role as that of [`TestDatabase::empty`], on the server at `url`.
    pub(super) async fn on(url: &str) -> Self {
        let server = PgConnectOptions::from_str(url).unwrap();
        let name = format!("mrt_collector_{}", services::unique_account());
        let mut connection = server.connect().await.unwrap();
        for statement in [
            format!("CREATE DATABASE {name}"),
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

    /// Returns a database with the app of the fixture.
    pub(super) async fn mendix() -> Option<Self> {
        let mut database = Self::empty().await?;
        database.run(MENDIX).await;
        Some(database)
    }

    /// Runs statements as the superuser; `:role` stands for the role's name.
    pub(super) async fn run(&mut self, statements: &str) {
        let statements = statements.replace(":role", &self.target.user);
        execute(&mut self.connection, &statements).await;
    }

    /// Returns the one number that a query gives the superuser.
    pub(super) async fn number(&mut self, query: &str) -> u64 {
        let query = sqlx::query_scalar(AssertSqlSafe(query.to_owned()));
        let number: i64 = query.fetch_one(&mut self.connection).await.unwrap();
        u64::try_from(number).unwrap()
    }

    /// Measures as the role.
    pub(super) async fn measure(&self) -> Result<DatabaseSize, MeasureError> {
        measure(&self.target, PASSWORD, &Progress::default()).await
    }

    /// Asks what could not be asked while a table was locked.
    pub(super) async fn check_later(&mut self) {
        for (query, expected) in std::mem::take(&mut self.later) {
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

/// Returns an opener of connections with `password`.
pub(super) fn databases(password: &str) -> Databases {
    databases_beside(Arc::new(Aws::for_tests(NOWHERE)), password)
}

/// Returns an opener of connections with `password` that has clients of `aws`.
pub(super) fn databases_beside(aws: Arc<Aws>, password: &str) -> Databases {
    let variables = BTreeMap::from([(PASSWORD_VARIABLE.to_owned(), password.to_owned())]);
    Databases::new(aws, Arc::new(variables), Arc::new(SystemClock), None)
}

/// Measures `target` with the role's password, and returns why that failed.
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

/// Returns the table of that name in schema `public`.
pub(super) fn table<'a>(size: &'a DatabaseSize, name: &str) -> Option<&'a TableSize> {
    size.tables
        .iter()
        .find(|table| (table.schema.as_str(), table.table.as_str()) == ("public", name))
}
