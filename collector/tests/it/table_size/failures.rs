//! Errors of databases that cannot be measured.

use shared::fleet::{Auth, DatabaseTarget, Engine};

use super::local;
use super::postgres::{TestDatabase, failure};

/// Returns a target on this machine without a server.
fn unreachable() -> DatabaseTarget {
    local(Engine::Postgres, 9, "acme")
}

#[tokio::test]
async fn a_closed_port_is_a_transient_error() {
    let error = failure(&unreachable(), None).await;

    assert_eq!(
        (error.code, error.is_transient),
        ("connection_refused", true)
    );
}

#[tokio::test]
async fn an_unset_password_is_reported_as_missing_credentials() {
    let target = DatabaseTarget {
        auth: Auth::Variable("MRT_TEST_NOT_SET".into()),
        ..unreachable()
    };

    let error = failure(&target, None).await;

    assert_eq!(
        (error.code, error.is_transient),
        ("credentials_missing", false)
    );
}

#[tokio::test]
async fn a_wrong_password_is_a_permanent_error() {
    let Some(database) = TestDatabase::empty().await else {
        return;
    };

    let error = failure(&database.target, Some("wrong")).await;

    assert_eq!((error.code, error.is_transient), ("login_refused", false));
    database.drop().await;
}

#[tokio::test]
async fn a_missing_database_is_a_permanent_error() {
    let Some(database) = TestDatabase::empty().await else {
        return;
    };
    let missing = DatabaseTarget {
        name: "never_created".into(),
        ..database.target.clone()
    };

    let error = failure(&missing, None).await;

    assert_eq!(
        (error.code, error.is_transient),
        ("database_missing", false)
    );
    database.drop().await;
}

#[tokio::test]
async fn too_many_connections_is_a_transient_error() {
    let Some(mut database) = TestDatabase::empty().await else {
        return;
    };
    database
        .run("ALTER DATABASE :role WITH CONNECTION LIMIT 0")
        .await;

    let error = failure(&database.target, None).await;

    assert_eq!(
        (error.code, error.is_transient),
        ("too_many_connections", true)
    );
    database.drop().await;
}
