//! A database of its own for each test, on the server of `MRT_TEST_POSTGRES_URL`, with a least-privilege role.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use api::users::grants_script;
use shared::aws::Aws;
use shared::clock::FixedClock;
use shared::database::Databases;
use shared::fleet::{Auth, DatabaseTarget, Engine, Environment};
use shared::testing;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use crate::harness::NOW;

/// A Mendix database in small.
pub(crate) const SEED: &str = include_str!("../../fixtures/mendix.sql");
/// Variable that holds the role's password.
pub(crate) const PASSWORD_VARIABLE: &str = "MRT_TEST_ROLE_PASSWORD";
const PASSWORD: &str = "role-password";

/// Returns the server's superuser, or says that the test is skipped.
fn superuser() -> Option<PgConnectOptions> {
    let url = testing::service(testing::POSTGRES)?;
    Some(PgConnectOptions::from_str(&url).unwrap())
}

/// A database that exists as long as the test needs it.
pub(crate) struct TestDatabase {
    superuser: PgConnectOptions,
    pub(crate) target: DatabaseTarget,
}

impl TestDatabase {
    /// Makes a database from `seed` and a role with the rights that our own script gives.
    ///
    /// `suffix` makes the names unique within this process. `None` when there is no server to test on.
    pub(crate) async fn new(suffix: &str, seed: &str) -> Option<Self> {
        let database = Self::without_rights(suffix, seed).await?;
        database.run(&grants_script(&database.target)).await;
        let role = database.target.user.replace('"', "\"\"");
        database
            .run(&format!("ALTER ROLE \"{role}\" PASSWORD '{PASSWORD}'"))
            .await;
        Some(database)
    }

    /// Makes a database from `seed`; the role does not exist yet.
    pub(crate) async fn without_rights(suffix: &str, seed: &str) -> Option<Self> {
        let superuser = superuser()?;
        let name = format!("mrt_users_{}_{suffix}", std::process::id());
        let quoted = name.replace('"', "\"\"");
        let mut connection = superuser.connect().await.unwrap();
        let create = format!("CREATE DATABASE \"{quoted}\"");
        sqlx::raw_sql(AssertSqlSafe(create))
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
        let target = DatabaseTarget {
            environment: "acme-prod".into(),
            engine: Engine::Postgres,
            host: superuser.get_host().into(),
            port: superuser.get_port(),
            user: format!("{name}_ro"),
            name,
            auth: Auth::Variable(PASSWORD_VARIABLE.into()),
            region: None,
            role_arn: None,
        };
        let database = Self { superuser, target };
        database.run(seed).await;
        Some(database)
    }

    /// Opens a connection to this database as the superuser.
    pub(crate) async fn owner(&self) -> PgConnection {
        self.superuser
            .clone()
            .database(&self.target.name)
            .connect()
            .await
            .unwrap()
    }

    /// Opens a connection as the least-privilege role, with none of our session settings.
    pub(crate) async fn role(&self) -> PgConnection {
        let options = self.superuser.clone().database(&self.target.name);
        options
            .username(&self.target.user)
            .password(PASSWORD)
            .connect()
            .await
            .unwrap()
    }

    /// Runs `script` as the superuser.
    pub(crate) async fn run(&self, script: &str) {
        let mut owner = self.owner().await;
        sqlx::raw_sql(AssertSqlSafe(script.to_owned()))
            .execute(&mut owner)
            .await
            .unwrap();
        owner.close().await.unwrap();
    }

    /// Returns the environment that this is the database of.
    pub(crate) fn environment(&self) -> Environment {
        environment(Some(self.target.clone()))
    }

    /// Removes the database and its role.
    pub(crate) async fn remove(self) {
        let mut connection = self.superuser.connect().await.unwrap();
        let (name, role) = (
            self.target.name.replace('"', "\"\""),
            self.target.user.replace('"', "\"\""),
        );
        for statement in [
            format!("DROP DATABASE \"{name}\" WITH (FORCE)"),
            format!("DROP ROLE IF EXISTS \"{role}\""),
        ] {
            sqlx::raw_sql(AssertSqlSafe(statement))
                .execute(&mut connection)
                .await
                .unwrap();
        }
    }
}

/// Returns an environment with the fleet file's defaults.
pub(crate) fn environment(database: Option<DatabaseTarget>) -> Environment {
    Environment {
        name: "acme-prod".into(),
        storage: Vec::new(),
        database,
        constants: None,
        administrator: "MxAdmin".into(),
        session_timeout: Duration::from_secs(600),
    }
}

/// Returns an opener that knows the role's password.
pub(crate) fn databases() -> Databases {
    databases_with(PASSWORD)
}

/// Returns an opener that takes `password` for the role's.
pub(crate) fn databases_with(password: &str) -> Databases {
    let variables = BTreeMap::from([(PASSWORD_VARIABLE.to_owned(), password.to_owned())]);
    let aws = Arc::new(Aws::for_tests("http://127.0.0.1:9"));
    Databases::new(
        aws,
        Arc::new(variables),
        Arc::new(FixedClock::at(NOW)),
        None,
    )
}
