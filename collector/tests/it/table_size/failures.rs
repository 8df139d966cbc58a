//! Databases that give no numbers, and what is said about them.

use shared::fleet::{Auth, DatabaseTarget, Engine};

use super::local;
use super::postgres::{TestDatabase, failure};

/// A target on this machine that needs no server to fail.
fn nowhere() -> DatabaseTarget {
    local(Engine::Postgres, 9, "acme")
}

#[tokio::test]
async fn a_closed_port_may_open_again() {
    let error = failure(&nowhere(), None).await;

    assert_eq!(
        (error.code, error.is_transient),
        ("connection_refused", true)
    );
}

#[tokio::test]
async fn a_password_that_is_not_set_is_missing_credentials() {
    let target = DatabaseTarget {
        auth: Auth::Variable("MRT_TEST_NOT_SET".into()),
        ..nowhere()
    };

    let error = failure(&target, None).await;

    assert_eq!(
        (error.code, error.is_transient),
        ("credentials_missing", false)
    );
}

#[tokio::test]
async fn a_wrong_password_is_refused_for_good() {
    let Some(database) = TestDatabase::empty().await else {
        return;
    };

    let error = failure(&database.target, Some("wrong")).await;

    assert_eq!((error.code, error.is_transient), ("login_refused", false));
    database.drop().await;
}

#[tokio::test]
async fn a_database_that_does_not_exist_is_missing_for_good() {
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
async fn a_database_without_a_free_connection_may_have_one_later() {
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
