//! A database and a login role for one test, on MariaDB or, in a second run of the tests, on MySQL.

use std::str::FromStr;

use collector::{MeasureError, Progress, measure_database};
use shared::fleet::{DatabaseTarget, Engine};
use shared::snapshot::{DatabaseSize, TableSize};
use shared::testing;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use super::local;
use super::postgres::{PASSWORD, databases};
use crate::services;

/// The database, and its administrator's connection to it.
pub(super) struct TestDatabase {
    pub(super) connection: MySqlConnection,
    pub(super) is_mariadb: bool,
    server: MySqlConnectOptions,
    pub(super) target: DatabaseTarget,
}

impl TestDatabase {
    /// Returns an empty database and a role with `grants`, in which `:database` and `:role` are replaced by their
    /// names; `None` if the test is skipped.
    pub(super) async fn with(grants: &[&str]) -> Option<Self> {
        let url = testing::service(testing::MYSQL)?;
        let server = MySqlConnectOptions::from_str(&url).unwrap();
        let name = format!("mrt_collector_{}", services::unique_account());
        let mut connection = server.connect().await.unwrap();
        let version: String = sqlx::query_scalar("SELECT VERSION()")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        execute(&mut connection, &format!("CREATE DATABASE {name}")).await;
        execute(
            &mut connection,
            &format!("CREATE USER {name}@'%' IDENTIFIED BY '{PASSWORD}'"),
        )
        .await;
        testing::remember_mysql_login(server.get_port(), &name, PASSWORD).await;
        let target = local(Engine::Mysql, server.get_port(), &name);
        let connection_to_it = server.clone().database(&name).connect().await.unwrap();
        connection.close().await.unwrap();
        let mut database = Self {
            connection: connection_to_it,
            is_mariadb: version.contains("MariaDB"),
            server,
            target,
        };
        for grant in grants {
            database.run(grant).await;
        }
        Some(database)
    }

    /// Returns an empty database whose role has the README's grants: it sees every table and can read none.
    pub(super) async fn empty() -> Option<Self> {
        Self::with(&[
            "GRANT SHOW VIEW ON :database.* TO :role",
            "GRANT PROCESS ON *.* TO :role",
        ])
        .await
    }

    /// Runs one statement as the administrator.
    pub(super) async fn run(&mut self, statement: &str) {
        let name = &self.target.name;
        let statement = statement
            .replace(":database", name)
            .replace(":role", &format!("{name}@'%'"));
        execute(&mut self.connection, &statement).await;
    }

    /// Runs a query as the administrator and returns its only number.
    pub(super) async fn number(&mut self, query: &str) -> u64 {
        let query =
            sqlx::query_scalar(AssertSqlSafe(format!("SELECT CAST(({query}) AS UNSIGNED)")));
        query.fetch_one(&mut self.connection).await.unwrap()
    }

    /// Returns the bytes of the file of this table.
    pub(super) async fn file_bytes(&mut self, table: &str) -> u64 {
        let name = if self.is_mariadb {
            format!("CAST(CONVERT('{table}' USING filename) AS BINARY)")
        } else {
            format!("'{table}'")
        };
        self.bytes_of_files(&format!("= CONCAT(DATABASE(), '/', {name})"))
            .await
    }

    /// Returns the bytes of the files whose names begin with `start` in this database.
    pub(super) async fn bytes_of_all_files(&mut self, start: &str) -> u64 {
        self.bytes_of_files(&format!("LIKE CONCAT(DATABASE(), '/{start}%')"))
            .await
    }

    async fn bytes_of_files(&mut self, condition: &str) -> u64 {
        let view = if self.is_mariadb {
            "INNODB_SYS_TABLESPACES"
        } else {
            "INNODB_TABLESPACES"
        };
        let query = format!(
            "SELECT SUM(FILE_SIZE) FROM information_schema.{view} WHERE CAST(NAME AS BINARY) {condition}"
        );
        self.number(&query).await
    }

    /// Measures as the role.
    pub(super) async fn measure(&self) -> Result<DatabaseSize, MeasureError> {
        measure_database(databases(PASSWORD), &self.target, &Progress::default()).await
    }

    /// Returns a second connection of the administrator.
    pub(super) async fn other_session(&self) -> MySqlConnection {
        let options = self.server.clone().database(&self.target.name);
        options.connect().await.unwrap()
    }

    /// Drops the database and the role.
    pub(super) async fn drop(mut self) {
        self.run("DROP DATABASE :database").await;
        self.run("DROP USER :role").await;
        self.connection.close().await.unwrap();
    }
}

pub(super) async fn execute(connection: &mut MySqlConnection, statement: &str) {
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
        .execute(connection)
        .await
        .unwrap();
}

/// Returns the table with this name.
pub(super) fn table<'a>(size: &'a DatabaseSize, name: &str) -> &'a TableSize {
    let found = size.tables.iter().find(|table| table.table == name);
    found.unwrap_or_else(|| panic!("no {name:?} among {:?}", size.tables))
}

/// Returns the names of all sized tables.
pub(super) fn names(size: &DatabaseSize) -> Vec<&str> {
    let mut names: Vec<_> = size
        .tables
        .iter()
        .map(|table| table.table.as_str())
        .collect();
    names.sort_unstable();
    names
}

/// Returns a table in a statement, `numbers`, with the column `seq` from 1 to `count`, up to 100,000.
pub(super) fn numbers(count: u32) -> String {
    let digits = (0..10).map(|digit| format!("SELECT {digit} AS n"));
    let digits = digits.collect::<Vec<_>>().join(" UNION ALL ");
    format!(
        "(SELECT 1 + a.n + 10 * b.n + 100 * c.n + 1000 * d.n + 10000 * e.n AS seq
          FROM ({digits}) AS a, ({digits}) AS b, ({digits}) AS c, ({digits}) AS d, ({digits}) AS e
          HAVING seq <= {count} ORDER BY seq) AS numbers"
    )
}
