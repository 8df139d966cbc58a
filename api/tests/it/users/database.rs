//! A separate database for each test, on the server in the engine's variable, with a least-privilege role.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use api::users::Users;
use shared::aws::Aws;
use shared::clock::FixedClock;
use shared::database::Databases;
use shared::fleet::{Auth, DatabaseTarget, Engine, Environment};
use shared::location::AwsScope;
use shared::testing;
use shared::users::grants_script;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use crate::harness::NOW;

/// A small Mendix database.
pub(crate) const SEED: &str = include_str!("../../fixtures/mendix.sql");
/// Changes it to the schema before Mendix 7.4.
pub(crate) const BEFORE_7_4: &str = include_str!("../../fixtures/mendix_before_7_4.sql");
/// Changes it to the schema of Mendix 10 or 11, with associations in columns and identifiers of named users.
pub(crate) const COLUMNS: &str = include_str!("../../fixtures/mendix_columns.sql");
/// Variable that holds the role's password.
pub(crate) const PASSWORD_VARIABLE: &str = "MRT_TEST_ROLE_PASSWORD";
const PASSWORD: &str = "role-password";
/// Both engines.
pub(crate) const ENGINES: [Engine; 2] = [Engine::Postgres, Engine::Mysql];

/// The administrator of a server.
enum Administrator {
    Postgres(PgConnectOptions),
    Mysql(MySqlConnectOptions),
}

/// A temporary database.
pub(crate) struct TestDatabase {
    administrator: Administrator,
    pub(crate) target: DatabaseTarget,
}

impl TestDatabase {
    /// Creates a PostgreSQL database from `seed`, and a role with the rights from the grants script.
    ///
    /// `suffix` makes the names unique within this process. Returns `None` without a server.
    pub(crate) async fn new(suffix: &str, seed: &str) -> Option<Self> {
        Self::on(Engine::Postgres, suffix, seed).await
    }

    /// Creates a database of `engine`, like [`TestDatabase::new`].
    pub(crate) async fn on(engine: Engine, suffix: &str, seed: &str) -> Option<Self> {
        let database = Self::without_rights(engine, suffix, seed).await?;
        database.run(&grants_script(&database.target)).await;
        let user = database.user();
        database
            .run(&match engine {
                Engine::Postgres => format!("ALTER ROLE {user} PASSWORD '{PASSWORD}'"),
                Engine::Mysql => {
                    format!("ALTER USER {user} IDENTIFIED BY '{PASSWORD}' ACCOUNT UNLOCK")
                }
            })
            .await;
        if engine == Engine::Mysql {
            let target = &database.target;
            testing::remember_mysql_login(target.port, &target.user, PASSWORD).await;
        }
        Some(database)
    }

    /// Creates a database from `seed`, without the role.
    pub(crate) async fn without_rights(engine: Engine, suffix: &str, seed: &str) -> Option<Self> {
        let name = format!("mrt_users_{}_{suffix}", std::process::id());
        let (administrator, host, port) = match engine {
            Engine::Postgres => {
                let url = testing::service(testing::POSTGRES)?;
                let options = PgConnectOptions::from_str(&url).unwrap();
                let (host, port) = (options.get_host().to_owned(), options.get_port());
                (Administrator::Postgres(options), host, port)
            }
            Engine::Mysql => {
                let url = testing::service(testing::MYSQL)?;
                let options = MySqlConnectOptions::from_str(&url).unwrap();
                let (host, port) = (options.get_host().to_owned(), options.get_port());
                (Administrator::Mysql(options), host, port)
            }
        };
        let target = DatabaseTarget {
            environment: "acme-prod".into(),
            engine,
            host,
            port,
            // MySQL allows 32 characters.
            user: format!("u{}_{suffix}", std::process::id()),
            name,
            auth: Auth::Variable(PASSWORD_VARIABLE.into()),
            scope: AwsScope::default(),
            server: None,
            allocated_gib: None,
            tls_server_name: None,
            max_error: None,
        };
        let database = Self {
            administrator,
            target,
        };
        let create = format!("CREATE DATABASE {}", database.quoted(&database.target.name));
        database.run_on_server(&create).await;
        let seed = match engine {
            Engine::Postgres => seed.to_owned(),
            Engine::Mysql => format!("SET SESSION sql_mode = 'ANSI_QUOTES';\n{}", of_mysql(seed)),
        };
        database.run(&seed).await;
        Some(database)
    }

    fn quoted(&self, name: &str) -> String {
        match self.target.engine {
            Engine::Postgres => format!("\"{}\"", name.replace('"', "\"\"")),
            Engine::Mysql => format!("`{}`", name.replace('`', "``")),
        }
    }

    /// Returns `statement`, whose identifiers are in double quotes, in the syntax of this engine.
    pub(crate) fn own(&self, statement: &str) -> String {
        match self.target.engine {
            Engine::Postgres => statement.to_owned(),
            Engine::Mysql => statement.replace('"', "`"),
        }
    }

    /// Returns the role as it is written in statements.
    pub(crate) fn user(&self) -> String {
        let user = &self.target.user;
        match self.target.engine {
            Engine::Postgres => self.quoted(user),
            Engine::Mysql => format!("'{}'@'%'", user.replace('\\', "\\\\").replace('\'', "''")),
        }
    }

    /// Opens a connection to this PostgreSQL database as the superuser.
    pub(crate) async fn owner(&self) -> PgConnection {
        let Administrator::Postgres(options) = &self.administrator else {
            panic!("not a PostgreSQL");
        };
        let options = options.clone().database(&self.target.name);
        options.connect().await.unwrap()
    }

    /// Opens a connection as the least-privilege role, without our session settings.
    pub(crate) async fn role(&self) -> PgConnection {
        let Administrator::Postgres(options) = &self.administrator else {
            panic!("not a PostgreSQL");
        };
        let options = options.clone().database(&self.target.name);
        options
            .username(&self.target.user)
            .password(PASSWORD)
            .connect()
            .await
            .unwrap()
    }

    /// Returns the error code of `statement` when the role runs it; empty if it succeeds.
    pub(crate) async fn refusal(&self, statement: &str) -> String {
        let statement = AssertSqlSafe(statement.to_owned());
        let ran = match &self.administrator {
            Administrator::Postgres(_) => {
                let mut role = self.role().await;
                sqlx::raw_sql(statement)
                    .execute(&mut role)
                    .await
                    .map(|_| ())
            }
            Administrator::Mysql(options) => {
                let options = options.clone().database(&self.target.name);
                let options = options.username(&self.target.user).password(PASSWORD);
                let mut role = options.connect().await.unwrap();
                sqlx::raw_sql(statement)
                    .execute(&mut role)
                    .await
                    .map(|_| ())
            }
        };
        let error = ran.err();
        let code = error
            .as_ref()
            .and_then(|error| error.as_database_error()?.code());
        code.unwrap_or_default().into_owned()
    }

    /// Runs `script` as the administrator in this database.
    pub(crate) async fn run(&self, script: &str) {
        let script = AssertSqlSafe(script.to_owned());
        match &self.administrator {
            Administrator::Postgres(_) => {
                let mut owner = self.owner().await;
                sqlx::raw_sql(script).execute(&mut owner).await.unwrap();
                owner.close().await.unwrap();
            }
            Administrator::Mysql(options) => {
                let options = options.clone().database(&self.target.name);
                let mut owner = options.connect().await.unwrap();
                sqlx::raw_sql(script).execute(&mut owner).await.unwrap();
                owner.close().await.unwrap();
            }
        }
    }

    /// Returns the numbers that a query of the administrator of this MySQL or MariaDB finds.
    pub(crate) async fn numbers(&self, query: &str) -> Vec<i64> {
        let Administrator::Mysql(options) = &self.administrator else {
            panic!("not a MySQL");
        };
        let mut connection = options.connect().await.unwrap();
        sqlx::query_scalar(AssertSqlSafe(query.to_owned()))
            .fetch_all(&mut connection)
            .await
            .unwrap()
    }

    async fn run_on_server(&self, statement: &str) {
        let statement = AssertSqlSafe(statement.to_owned());
        match &self.administrator {
            Administrator::Postgres(options) => {
                let mut connection = options.connect().await.unwrap();
                sqlx::raw_sql(statement)
                    .execute(&mut connection)
                    .await
                    .unwrap();
            }
            Administrator::Mysql(options) => {
                let mut connection = options.connect().await.unwrap();
                sqlx::raw_sql(statement)
                    .execute(&mut connection)
                    .await
                    .unwrap();
            }
        }
    }

    /// Returns the environment of this database.
    pub(crate) fn environment(&self) -> Environment {
        environment(Some(self.target.clone()))
    }

    /// Returns a fleet file with this database in the environment `name`.
    pub(crate) fn fleet(&self, name: &str) -> String {
        let target = &self.target;
        format!(
            "[[environment]]\nname = \"{name}\"\n[environment.database]\nengine = \"{}\"\nhost = \"{}\"\nport = {}\n\
             name = \"{}\"\nuser = \"{}\"\nauth = \"env:{PASSWORD_VARIABLE}\"\n",
            target.engine.as_str(),
            target.host,
            target.port,
            target.name,
            target.user
        )
    }

    /// Removes the database and its role.
    pub(crate) async fn remove(self) {
        let (name, user) = (self.quoted(&self.target.name), self.user());
        let statements = match self.target.engine {
            Engine::Postgres => [
                format!("DROP DATABASE {name} WITH (FORCE)"),
                format!("DROP ROLE IF EXISTS {user}"),
            ],
            Engine::Mysql => [
                format!("DROP DATABASE {name}"),
                format!("DROP USER IF EXISTS {user}"),
            ],
        };
        for statement in statements {
            self.run_on_server(&statement).await;
        }
    }
}

/// Returns `seed` with the types that Mendix uses on MySQL.
fn of_mysql(seed: &str) -> String {
    seed.replace(" timestamp", " datetime(3)")
        .replace(" bytea", " longblob")
        .replace(" boolean", " tinyint(1)")
}

/// Returns an environment with the fleet file's defaults.
pub(crate) fn environment(database: Option<DatabaseTarget>) -> Environment {
    Environment {
        gone: BTreeMap::new(),
        name: "acme-prod".into(),
        storage: Vec::new(),
        database,
        constants: None,
        administrator: "MxAdmin".into(),
        session_timeout: Duration::from_secs(600),
        is_production: false,
    }
}

/// Returns a reader with the role's password and without a cache.
pub(crate) fn users() -> Users {
    Users::new(databases_with(PASSWORD), Duration::ZERO)
}

/// Returns a connector with the role's password.
pub(crate) fn databases() -> Databases {
    databases_with(PASSWORD)
}

/// Returns a connector that uses `password` for the role.
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
