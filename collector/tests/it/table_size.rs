//! Table sizes from a real PostgreSQL and MariaDB. Each test has its own database and role.

mod failures;
mod file_documents;
mod locks;
mod mysql;
mod mysql_failures;
mod mysql_servers;
mod mysql_sizes;
mod odd;
mod poolers;
mod postgres;
mod replicas;
mod sizes;
mod storage;
mod storms;
mod user_activity;
mod versions;

use collector::{Progress, Source, TableSource};
use shared::fleet::{Auth, DatabaseTarget, Engine};
use shared::location::AwsScope;
use shared::testing::{PASSWORD, Server};

/// Name of the variable that holds a role's password.
const PASSWORD_VARIABLE: &str = "MRT_TEST_ROLE_PASSWORD";

/// Returns the database `name` on this machine, with a role of the same name.
fn local(engine: Engine, port: u16, name: &str) -> DatabaseTarget {
    DatabaseTarget {
        environment: "acme-prod".into(),
        engine,
        host: "127.0.0.1".into(),
        port,
        name: name.into(),
        user: name.into(),
        auth: Auth::Variable(PASSWORD_VARIABLE.into()),
        scope: AwsScope::default(),
        server: None,
        allocated_gib: None,
        tls_server_name: None,
        max_error: None,
    }
}

/// Asserts that one source, as in a warm function, measures `server`, reports that it is down, and measures it again
/// after a restart. `name` is both the database and its administrator.
async fn assert_measured_after_a_restart(mut server: Server, engine: Engine, name: &str) {
    let target = local(engine, server.port(), name);
    let source = TableSource::new(postgres::databases(PASSWORD));
    let progress = Progress::default();

    assert!(source.measure(&target, &progress).await.is_ok());
    server.stop();
    let down = source.measure(&target, &progress).await.unwrap_err();
    assert_eq!((down.code, down.is_transient), ("connection_refused", true));
    server.start();
    assert!(source.measure(&target, &progress).await.is_ok());
}
