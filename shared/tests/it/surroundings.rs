//! What is between us and a database, and what it says: proxies, poolers, replicas, limits and refusals.

use shared::aws::Aws;
use shared::database::{DatabaseError, ReadOnly, end_postgres};
use shared::fleet::{Auth, DatabaseTarget, Engine};
use shared::testing::relay::{relay, replace};
use shared::testing::{self, Pooler, Server, fleet::database_target};
use sqlx::mysql::MySqlConnection;
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor};

use crate::logins::{LIMIT, VARIABLE, administrator, connect_postgres, databases, failure};

/// A proxy that drops the guard from the statement.
#[tokio::test]
async fn a_guard_that_is_not_in_effect_is_noticed() {
    let Some((target, password)) = administrator(Engine::Postgres) else {
        return;
    };
    let port = relay(target.port, |piece| {
        replace(
            piece,
            "READ COMMITTED READ ONLY;",
            "READ COMMITTED          ;",
        );
        None
    });
    let through = DatabaseTarget { port, ..target };
    let mut session = connect_postgres(&through, &password).await;

    let error = ReadOnly::new(LIMIT).begin(&mut session).await.unwrap_err();

    assert_eq!(
        (error.code(), error.is_transient()),
        ("guard_refused", false)
    );
    let Some((target, password)) = administrator(Engine::Mysql) else {
        return;
    };
    let port = relay(target.port, |piece| {
        let limit = "sql_select_limit = ";
        let none = format!("{limit}18446744073709551615");
        replace(piece, &none, &format!("{limit}{:020}", 500));
        None
    });
    let through = DatabaseTarget { port, ..target };
    assert_eq!(failure(&through, &password).await, ("guard_refused", false));
}

/// RDS Proxy refuses the parameter `options` of the startup message, and says so in these words.
#[tokio::test]
async fn nothing_is_sent_that_a_pooler_refuses() {
    let Some((target, password)) = administrator(Engine::Postgres) else {
        return;
    };
    let refusal =
        "Feature not supported: RDS Proxy currently doesn't support command-line options.";
    let port = relay(target.port, move |piece| {
        let has = |name: &[u8]| piece.windows(name.len()).any(|part| part == name);
        if !has(b"\0options\0") && !has(b"\0extra_float_digits\0") {
            return None;
        }
        let fields = format!("SFATAL\0VFATAL\0C0A000\0M{refusal}\0\0");
        let length = u32::try_from(fields.len() + 4).unwrap();
        Some([b"E", &length.to_be_bytes()[..], fields.as_bytes()].concat())
    });
    let through = DatabaseTarget { port, ..target };

    let mut session = connect_postgres(&through, &password).await;
    ReadOnly::new(LIMIT).begin(&mut session).await.unwrap();
}

/// Poolers answer all of these with SQLSTATE 08P01, or with the server's own codes in newer versions.
#[tokio::test]
async fn a_refusal_by_a_pooler_is_permanent_and_keeps_its_words() {
    let Some((target, password)) = administrator(Engine::Postgres) else {
        return;
    };
    let server = format!("host=127.0.0.1 port={}", target.port);
    let logins = [("postgres", password.as_str())];
    let Some(pooler) = Pooler::pgbouncer(&server, "pool_mode = transaction", &logins) else {
        return;
    };
    let through = DatabaseTarget {
        port: pooler.port(),
        ..target
    };
    let unknown_user = DatabaseTarget {
        user: "nobody".into(),
        ..through.clone()
    };

    assert_eq!(
        failure(&through, "NEVERLEAK").await,
        ("login_refused", false)
    );
    assert_eq!(
        failure(&unknown_user, "NEVERLEAK").await,
        ("login_refused", false)
    );
    let databases = databases("NEVERLEAK", Aws::without_credentials());
    let said = databases
        .connect_postgres(&through)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        said.contains("SQLSTATE 08P01, ") && said.contains("auth"),
        "{said}"
    );
}

/// The server asks for the plug-in of the account; Debian's MariaDB does not come with one that we lack.
#[tokio::test]
async fn a_plug_in_that_is_not_supported_is_named() {
    let Some((administrator, password)) = administrator(Engine::Mysql) else {
        return;
    };
    let port = relay(administrator.port, |_| {
        let request = [b"\xfeclient_ed25519\0".as_slice(), &[7; 32]].concat();
        let length = u32::try_from(request.len()).unwrap().to_le_bytes();
        // The second answer of the server, after its greeting and our login.
        Some([&length[..3], &[2], &request].concat())
    });
    let target = DatabaseTarget {
        port,
        ..administrator
    };

    let error = databases(&password, Aws::without_credentials())
        .connect_mysql(&target, LIMIT)
        .await
        .unwrap_err();

    assert_eq!(
        (error.code(), error.is_transient()),
        ("login_unsupported", false)
    );
    assert!(error.to_string().contains("client_ed25519"), "{error}");
}

#[tokio::test]
async fn a_pooler_a_replica_and_limits_of_the_server_are_told() {
    let Some(primary) = Server::postgres() else {
        return;
    };
    let standby = primary.standby(&[]);
    let password = testing::PASSWORD;
    let databases = databases(password, Aws::without_credentials());
    let target = |port: u16| DatabaseTarget {
        port,
        name: "postgres".into(),
        user: "postgres".into(),
        auth: Auth::Variable(VARIABLE.into()),
        ..database_target()
    };
    let server = format!("host=127.0.0.1 port={}", primary.port());
    let logins = [("postgres", password)];
    let Some(pooler) = Pooler::pgbouncer(&server, "pool_mode = transaction", &logins) else {
        return;
    };

    let direct = databases.surroundings(&target(primary.port())).await;
    let replica = databases.surroundings(&target(standby.port())).await;
    let pooled = databases.surroundings(&target(pooler.port())).await;

    assert_eq!(direct.unwrap(), Vec::<String>::new());
    let (replica, pooled) = (replica.unwrap(), pooled.unwrap());
    assert!(
        replica.len() == 1 && replica[0].contains("replica"),
        "{replica:?}"
    );
    assert!(
        pooled.len() == 1 && pooled[0].contains("pooler"),
        "{pooled:?}"
    );

    let Some(mariadb) = Server::mariadb(None) else {
        return;
    };
    let mut session = MySqlConnection::connect(&mariadb.url()).await.unwrap();
    session
        .execute("SET GLOBAL sql_select_limit = 500")
        .await
        .unwrap();
    let limited = DatabaseTarget {
        engine: Engine::Mysql,
        name: "mrt".into(),
        user: "mrt".into(),
        ..target(mariadb.port())
    };
    let notes = databases.surroundings(&limited).await.unwrap();
    assert!(
        notes.len() == 1 && notes[0].contains("500 rows"),
        "{notes:?}"
    );
}

/// The server names the right itself, and so do we.
#[tokio::test]
async fn a_missing_right_is_named() {
    let Some(server) = Server::postgres() else {
        return;
    };
    let mut administrator = PgConnection::connect(&server.url()).await.unwrap();
    for statement in [
        "CREATE ROLE reader LOGIN PASSWORD 'NEVERLEAK'",
        "REVOKE EXECUTE ON FUNCTION pg_database_size(name) FROM PUBLIC",
    ] {
        administrator.execute(statement).await.unwrap();
    }
    let target = DatabaseTarget {
        port: server.port(),
        name: "postgres".into(),
        user: "reader".into(),
        auth: Auth::Variable(VARIABLE.into()),
        ..database_target()
    };
    let mut session = connect_postgres(&target, "NEVERLEAK").await;
    ReadOnly::new(LIMIT).begin(&mut session).await.unwrap();

    let denied = session
        .execute("SELECT pg_database_size(current_database())")
        .await;
    let error = DatabaseError::from(denied.unwrap_err());

    assert_eq!(error.code(), "access_denied");
    assert!(
        error.to_string().contains("function pg_database_size"),
        "{error}"
    );
    end_postgres(&mut session).await.unwrap();
    ReadOnly::new(LIMIT).begin(&mut session).await.unwrap();
    let failed = session.execute("SELECT never FROM pg_class").await;
    let error = DatabaseError::from(failed.unwrap_err()).to_string();
    assert!(error.contains("SQLSTATE 42703, column"), "{error}");
    end_postgres(&mut session).await.unwrap();
    ReadOnly::new(LIMIT).begin(&mut session).await.unwrap();
    let failed = session.execute("SELECT 'NEVERLEAK'::integer").await;
    let error = DatabaseError::from(failed.unwrap_err()).to_string();
    assert!(error.ends_with("SQLSTATE 22P02"), "{error}");
}
