//! Logins to real databases: read-only sessions, time limits, and errors.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use shared::aws::Aws;
use shared::clock::SystemClock;
use shared::database::{APPLICATION_NAME, DatabaseError, Databases, ReadOnly, end_postgres};
use shared::fleet::{Auth, DatabaseTarget, Engine};
use shared::testing::{self, fleet::database_target};
use sqlx::mysql::MySqlConnection;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor};
use url::Url;

pub(crate) const VARIABLE: &str = "MRT_TEST_LOGIN_PASSWORD";
pub(crate) const LIMIT: Duration = Duration::from_secs(2);

/// Returns the shared server's administrator as a target, with its password; `None` if the test is skipped.
pub(crate) fn administrator(engine: Engine) -> Option<(DatabaseTarget, String)> {
    let service = match engine {
        Engine::Postgres => testing::POSTGRES,
        Engine::Mysql => testing::MYSQL,
    };
    let url = Url::parse(&testing::service(service)?).unwrap();
    let target = DatabaseTarget {
        engine,
        port: url.port().unwrap(),
        name: url.path().trim_start_matches('/').into(),
        user: url.username().into(),
        auth: Auth::Variable(VARIABLE.into()),
        ..database_target()
    };
    Some((target, url.password().unwrap().to_owned()))
}

pub(crate) fn databases(password: &str, aws: Aws) -> Databases {
    let variables = BTreeMap::from([(VARIABLE.to_owned(), password.to_owned())]);
    Databases::new(
        Arc::new(aws),
        Arc::new(variables),
        Arc::new(SystemClock),
        None,
    )
}

/// Fails to connect, and returns the error's code and whether it is transient.
pub(crate) async fn failure(target: &DatabaseTarget, password: &str) -> (&'static str, bool) {
    let databases = databases(password, Aws::without_credentials());
    let error = match target.engine {
        Engine::Postgres => databases.connect_postgres(target).await.err(),
        Engine::Mysql => databases.connect_mysql(target, LIMIT).await.err(),
    };
    let error = error.expect("it connected");
    let text = error.to_string();
    for secret in [password, &target.host, &target.user] {
        assert!(!text.contains(secret), "{text}");
    }
    (error.code(), error.is_transient())
}

#[tokio::test]
async fn connection_failures_have_different_codes() {
    for engine in [Engine::Postgres, Engine::Mysql] {
        let Some((target, password)) = administrator(engine) else {
            return;
        };
        let with = |change: fn(&mut DatabaseTarget)| {
            let mut changed = target.clone();
            change(&mut changed);
            changed
        };

        let closed = with(|target| target.port = 9);
        assert_eq!(
            failure(&closed, &password).await,
            ("connection_refused", true)
        );
        let missing = with(|target| target.name = "never_created".into());
        assert_eq!(
            failure(&missing, &password).await,
            ("database_missing", false)
        );
        assert_eq!(
            failure(&target, "NEVERLEAK").await,
            ("login_refused", false)
        );
        let variable = with(|target| target.auth = Auth::Variable("MRT_TEST_NOT_SET".into()));
        assert_eq!(
            failure(&variable, &password).await,
            ("credentials_missing", false)
        );
    }
}

/// The domain name system reserves this name, so the resolver fails before TLS.
#[tokio::test]
async fn an_unknown_host_name_is_an_error() {
    let Some((target, password)) = administrator(Engine::Postgres) else {
        return;
    };
    let file = std::env::temp_dir().join(format!("mrt-logins-{}.pem", std::process::id()));
    std::fs::write(&file, "-----BEGIN CERTIFICATE-----").unwrap();
    let unknown = DatabaseTarget {
        host: "db.invalid".into(),
        ..target
    };
    let databases = Databases::new(
        Arc::new(Aws::without_credentials()),
        Arc::new(BTreeMap::from([(VARIABLE.to_owned(), password)])),
        Arc::new(SystemClock),
        Some(file.clone()),
    );

    let error = databases.connect_postgres(&unknown).await;

    assert_eq!(
        error.err().map(|error| error.code()),
        Some("host_not_found")
    );
    std::fs::remove_file(file).unwrap();
}

#[tokio::test]
async fn too_many_connections_is_a_transient_error() {
    let Some((postgres, password)) = administrator(Engine::Postgres) else {
        return;
    };
    let mut session = connect_postgres(&postgres, &password).await;
    let role = format!("mrt_full_{}", std::process::id());
    for statement in [format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'NEVERLEAK' CONNECTION LIMIT 0"
    )] {
        session.execute(AssertSqlSafe(statement)).await.unwrap();
    }
    let full = DatabaseTarget {
        user: role.clone(),
        ..postgres
    };
    assert_eq!(
        failure(&full, "NEVERLEAK").await,
        ("too_many_connections", true)
    );
    session
        .execute(AssertSqlSafe(format!("DROP ROLE {role}")))
        .await
        .unwrap();

    let Some((mariadb, password)) = administrator(Engine::Mysql) else {
        return;
    };
    let mut session = connect_mysql(&mariadb, &password).await;
    for statement in [
        "SET SESSION TRANSACTION READ WRITE".to_owned(),
        format!("CREATE USER {role}@'%' IDENTIFIED BY 'NEVERLEAK' WITH MAX_USER_CONNECTIONS 1"),
        format!("GRANT SELECT ON mrt.* TO {role}@'%'"),
    ] {
        session.execute(AssertSqlSafe(statement)).await.unwrap();
    }
    let full = DatabaseTarget {
        user: role.clone(),
        ..mariadb.clone()
    };
    let only = connect_mysql(&full, "NEVERLEAK").await;
    assert_eq!(
        failure(&full, "NEVERLEAK").await,
        ("too_many_connections", true)
    );
    // Without a privilege on the database, the server does not reveal whether it exists.
    session
        .execute(AssertSqlSafe(format!(
            "REVOKE SELECT ON mrt.* FROM {role}@'%'"
        )))
        .await
        .unwrap();
    only.close().await.unwrap();
    session
        .execute(AssertSqlSafe(format!(
            "ALTER USER {role}@'%' WITH MAX_USER_CONNECTIONS 0"
        )))
        .await
        .unwrap();
    assert_eq!(failure(&full, "NEVERLEAK").await, ("access_denied", false));
    session
        .execute(AssertSqlSafe(format!("DROP USER {role}@'%'")))
        .await
        .unwrap();
}

pub(crate) async fn connect_postgres(target: &DatabaseTarget, password: &str) -> PgConnection {
    databases(password, Aws::without_credentials())
        .connect_postgres(target)
        .await
        .unwrap()
}

async fn connect_mysql(target: &DatabaseTarget, password: &str) -> MySqlConnection {
    databases(password, Aws::without_credentials())
        .connect_mysql(target, LIMIT)
        .await
        .unwrap()
}

/// Returns the code of a statement's error.
fn code<T>(result: Result<T, sqlx::Error>) -> &'static str {
    match result {
        Ok(_) => "none",
        Err(error) => DatabaseError::from(error).code(),
    }
}

#[tokio::test]
async fn a_postgres_transaction_is_read_only_and_ends_slow_statements() {
    let Some((target, password)) = administrator(Engine::Postgres) else {
        return;
    };
    let mut session = connect_postgres(&target, &password).await;
    let setting = async |session: &mut PgConnection, name: &str| -> String {
        let shown = sqlx::query_scalar(AssertSqlSafe(format!("SHOW {name}")));
        shown.fetch_one(session).await.unwrap()
    };
    assert_eq!(
        setting(&mut session, "application_name").await,
        APPLICATION_NAME
    );

    let guarded = ReadOnly::new(LIMIT);
    guarded.begin(&mut session).await.unwrap();
    assert_eq!(setting(&mut session, "lock_timeout").await, "1s");
    let written = session.execute("CREATE TABLE never (a int)").await;
    let written = written.unwrap_err().to_string();
    assert!(written.contains("read-only"), "{written}");
    end_postgres(&mut session).await.unwrap();
    guarded.begin(&mut session).await.unwrap();
    assert_eq!(
        code(session.execute("SELECT pg_sleep(60)").await),
        "timeout"
    );
    end_postgres(&mut session).await.unwrap();

    // The session is still usable, and has no settings of ours.
    for (name, expected) in [
        ("lock_timeout", "0"),
        ("statement_timeout", "0"),
        ("row_security", "on"),
        ("default_transaction_read_only", "off"),
    ] {
        assert_eq!(setting(&mut session, name).await, expected, "{name}");
    }
}

#[tokio::test]
async fn a_mariadb_session_is_read_only_and_ends_slow_statements() {
    let Some((target, password)) = administrator(Engine::Mysql) else {
        return;
    };
    let mut session = connect_mysql(&target, &password).await;

    let written = session.execute("CREATE TABLE never (a int)").await;
    let written = written.unwrap_err().to_string();
    assert!(written.contains("READ ONLY"), "{written}");
    let endless =
        "SELECT count(*) FROM seq_1_to_1000000 AS a, seq_1_to_1000000 AS b, seq_1_to_1000000 AS c";
    assert_eq!(code(session.execute(endless).await), "timeout");
    let settings: (i64, i64, String) = sqlx::query_as(
        "SELECT CAST(@@lock_wait_timeout AS SIGNED), CAST(@@innodb_lock_wait_timeout AS SIGNED), @@sql_mode",
    )
    .fetch_one(&mut session)
    .await
    .unwrap();
    assert_eq!(settings, (1, 1, String::new()));
    let limits: (u64, i64, i64) = sqlx::query_as(
        "SELECT CAST(@@sql_select_limit AS UNSIGNED), CAST(@@sql_big_selects AS SIGNED), CAST(@@autocommit AS SIGNED)",
    )
    .fetch_one(&mut session)
    .await
    .unwrap();
    assert_eq!(limits, (u64::MAX, 1, 1));
}

#[tokio::test]
async fn a_secret_is_the_login_and_its_rotation_is_noticed() {
    let Some((administrator, password)) = administrator(Engine::Postgres) else {
        return;
    };
    let Some(endpoint) = testing::service(testing::MOTO) else {
        return;
    };
    let aws = Aws::for_tests(&endpoint);
    let client = aws_sdk_secretsmanager::Client::new(aws.config());
    let role = format!("mrt_secret_{}", std::process::id());
    let mut session = connect_postgres(&administrator, &password).await;
    for statement in [format!("CREATE ROLE {role} LOGIN PASSWORD 'NEVERLEAK-1'")] {
        session.execute(AssertSqlSafe(statement)).await.unwrap();
    }
    let secret = |password: &str| format!(r#"{{"username": "{role}", "password": "{password}"}}"#);
    let created = client.create_secret().name(&role);
    let created = created.secret_string(secret("NEVERLEAK-1")).send().await;
    let arn = created.unwrap().arn.unwrap();
    let target = DatabaseTarget {
        user: "another_user".into(),
        auth: Auth::Secret(arn.clone()),
        ..administrator
    };
    let databases = databases("", aws);
    let whoami = async || {
        let mut session = databases.connect_postgres(&target).await?;
        let name: String = sqlx::query_scalar("SELECT current_user::text")
            .fetch_one(&mut session)
            .await?;
        Ok::<_, DatabaseError>(name)
    };
    let rotate = async |password: &str| {
        let rotated = client.put_secret_value().secret_id(&arn);
        rotated
            .secret_string(secret(password))
            .send()
            .await
            .unwrap();
    };

    // The user in the secret takes precedence over the one in the fleet file.
    assert_eq!(whoami().await.unwrap(), role);
    let changed = format!("ALTER ROLE {role} PASSWORD 'NEVERLEAK-2'");
    session.execute(AssertSqlSafe(changed)).await.unwrap();
    let refused = whoami().await.unwrap_err();
    assert_eq!(refused.code(), "login_refused");
    rotate("NEVERLEAK-2").await;
    assert_eq!(whoami().await.unwrap(), role);

    client
        .delete_secret()
        .secret_id(&arn)
        .force_delete_without_recovery(true)
        .send()
        .await
        .unwrap();
    let dropped = format!("DROP ROLE {role}");
    session.execute(AssertSqlSafe(dropped)).await.unwrap();
    let gone = whoami().await.unwrap_err();
    assert_eq!(gone.code(), "credentials_missing");
    assert!(gone.to_string().contains("does not exist"), "{gone}");
    assert!(!format!("{refused:?}{gone:?}").contains("NEVERLEAK"));
}
