//! Measuring through poolers: exact, and nothing is left behind on the connection that the app uses next.

use shared::fleet::DatabaseTarget;
use shared::snapshot::{DatabaseSize, Quality};
use shared::testing::Pooler;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row};

use super::postgres::{PASSWORD, TestDatabase, failure, measure, table};

/// All settings of a session, and which server process it is.
const STATE: &str = "SELECT pg_backend_pid()::text || E'\\n' || string_agg(name || '=' || setting, E'\\n' ORDER BY name)
    FROM pg_settings WHERE name <> 'application_name'";

/// Returns a database with a table that its app finds by the search path alone.
async fn app() -> Option<TestDatabase> {
    let mut database = TestDatabase::empty().await?;
    database
        .run(
            "CREATE TABLE app_orders (id int PRIMARY KEY);
             INSERT INTO app_orders SELECT generate_series(1, 1000);
             GRANT SELECT ON app_orders TO :role;
             ANALYZE",
        )
        .await;
    Some(database)
}

/// Starts a pgbouncer before the server of `database`, with one server connection.
fn pgbouncer(database: &TestDatabase, settings: &str, forced_login: bool) -> Option<Pooler> {
    let (port, user) = (database.target.port, database.target.user.as_str());
    let login = if forced_login {
        format!(" user={user} password={PASSWORD}")
    } else {
        String::new()
    };
    let server = format!("host=127.0.0.1 port={port}{login}");
    let logins = [(user, PASSWORD), ("mrt_ro", PASSWORD)];
    Pooler::pgbouncer(&server, settings, &logins)
}

fn through(pooler: u16, database: &TestDatabase) -> DatabaseTarget {
    DatabaseTarget {
        port: pooler,
        ..database.target.clone()
    }
}

/// Returns the app's own session through the pooler.
async fn app_session(target: &DatabaseTarget) -> PgConnection {
    let options = PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(target.port)
        .username(&target.user)
        .password(PASSWORD)
        .database(&target.name)
        .extra_float_digits(None);
    options.connect().await.unwrap()
}

async fn text(session: &mut PgConnection, sql: &str) -> String {
    let rows = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
    let row = rows.fetch_one(session).await.unwrap();
    row.try_get(0).unwrap()
}

fn assert_exact(size: &DatabaseSize) {
    let orders = table(size, "app_orders").unwrap();
    assert_eq!(orders.quality, Quality::Exact);
    assert_eq!(orders.row_estimate, Some(1000));
}

#[tokio::test]
async fn nothing_is_left_behind_on_a_poolers_connection() {
    let Some(database) = app().await else { return };
    let settings = "pool_mode = transaction\ndefault_pool_size = 1\n\
                    ignore_startup_parameters = extra_float_digits,options";
    for forced_login in [false, true] {
        let Some(pooler) = pgbouncer(&database, settings, forced_login) else {
            return;
        };
        let target = through(pooler.port(), &database);
        let login = if forced_login { "mrt_ro" } else { &target.user };
        let reader = DatabaseTarget {
            user: login.to_owned(),
            ..target.clone()
        };
        let mut session = app_session(&target).await;
        let before = text(&mut session, STATE).await;

        let size = measure(&reader, PASSWORD, &collector::Progress::default()).await;

        assert_exact(&size.unwrap());
        assert_eq!(text(&mut session, STATE).await, before);
        assert_eq!(
            text(&mut session, "SELECT count(*)::text FROM app_orders").await,
            "1000"
        );
        session.close().await.unwrap();
    }
    database.drop().await;
}

/// Between two transactions the server connection goes to another client, so both steps of a statement must be in one.
#[tokio::test]
async fn a_busy_pool_in_transaction_mode_is_measured_every_time() {
    let Some(database) = app().await else { return };
    let settings = "pool_mode = transaction\ndefault_pool_size = 2\nmax_client_conn = 100";
    let Some(pooler) = pgbouncer(&database, settings, false) else {
        return;
    };
    let target = through(pooler.port(), &database);
    let mut clients = Vec::new();
    for _ in 0..6 {
        let mut session = app_session(&target).await;
        clients.push(tokio::spawn(async move {
            loop {
                text(&mut session, "SELECT count(*)::text FROM app_orders").await;
            }
        }));
    }

    for _ in 0..10 {
        let size = measure(&target, PASSWORD, &collector::Progress::default()).await;
        assert_exact(&size.unwrap());
    }

    for client in clients {
        client.abort();
        let _ = client.await;
    }
    drop(pooler);
    database.drop().await;
}

#[tokio::test]
async fn a_pooler_without_transactions_is_recognised() {
    let Some(database) = app().await else { return };
    let Some(pooler) = pgbouncer(&database, "pool_mode = statement", false) else {
        return;
    };

    let error = failure(&through(pooler.port(), &database), None).await;

    assert_eq!(
        (error.code, error.is_transient),
        ("pooler_unsupported", false)
    );
    assert!(error.reason.contains("not its pooler"), "{}", error.reason);
    drop(pooler);
    database.drop().await;
}

#[tokio::test]
async fn a_pgpool_is_measured_and_nothing_is_left_behind() {
    let Some(database) = app().await else { return };
    let Some(pooler) = Pooler::pgpool(&[database.target.port]) else {
        return;
    };
    let target = through(pooler.port(), &database);

    let size = measure(&target, PASSWORD, &collector::Progress::default()).await;

    assert_exact(&size.unwrap());
    let mut session = app_session(&target).await;
    assert_eq!(
        text(&mut session, "SHOW search_path").await,
        "\"$user\", public"
    );
    assert_eq!(text(&mut session, "SHOW lock_timeout").await, "0");
    session.close().await.unwrap();
    drop(pooler);
    database.drop().await;
}
