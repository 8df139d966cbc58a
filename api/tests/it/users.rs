//! `/users`: counts in a real Mendix database under least rights.

mod database;
mod http;
mod rights;

use std::time::Duration;

use api::users::{UserCounts, UsersError, count_users};
use chrono::{DateTime, Utc};
use serde_json::Value;
use shared::fleet::Environment;
use sqlx::Connection;

use crate::harness::NOW;
use database::{SEED, TestDatabase, databases, databases_with};

fn now() -> DateTime<Utc> {
    NOW.parse().unwrap()
}

async fn count(environment: &Environment) -> Result<UserCounts, UsersError> {
    count_users(&databases(), environment, now()).await
}

/// Returns the JSON that the documentation of the answer shows.
fn documented() -> Value {
    let source = include_str!("../../src/users/view.rs");
    let (_, example) = source.split_once("```json").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    serde_json::from_str(&example.replace("///", "")).unwrap()
}

#[tokio::test]
async fn the_fixture_has_the_counts_that_the_documentation_shows() {
    let Some(database) = TestDatabase::new("example", SEED).await else {
        return;
    };

    let counts = count(&database.environment()).await.unwrap();

    let mut expected = documented();
    expected["as_of"] = NOW.into();
    assert_eq!(serde_json::to_value(&counts).unwrap(), expected);
    database.remove().await;
}

#[tokio::test]
async fn what_an_old_version_does_not_store_is_null_with_a_warning() {
    let older = format!(
        r#"{SEED}
        ALTER TABLE "system$user" DROP COLUMN "blockedsince";
        ALTER TABLE "mendixsystem$version" DROP COLUMN "mendixversion";
        DROP TABLE "system$userreportinfo", "system$userreportinfo_user", "system$session_user";"#
    );
    let Some(database) = TestDatabase::new("old", &older).await else {
        return;
    };

    let counts = count(&database.environment()).await.unwrap();

    assert_eq!(counts.named.active_humans_by_user_type, None);
    assert_eq!(counts.sessions, None);
    assert_eq!(counts.source.mendix_version, None);
    assert_eq!(counts.source.model_version.as_deref(), Some("1.4.0.317"));
    assert_eq!((counts.named.total, counts.named.active), (5, 4));
    assert_eq!(
        counts.warnings,
        [
            "this app's database has no user types: active_humans_by_user_type is null",
            "this app's database has no session tables: sessions is null",
            "this app's database has no column for the Mendix version: mendix_version is null",
        ]
    );
    database.remove().await;
}

#[tokio::test]
async fn a_session_counts_from_the_very_start_of_the_window() {
    let Some(database) = TestDatabase::new("window", SEED).await else {
        return;
    };
    let mut sessions = Vec::new();

    // The sessions were active 60 s and 120 s before now, and three hours before.
    for window_seconds in [59, 60, 119, 120, 10_800] {
        let mut environment = database.environment();
        environment.session_timeout = Duration::from_secs(window_seconds);
        let found = count(&environment).await.unwrap().sessions.unwrap();
        assert_eq!(found.window_seconds, window_seconds);
        sessions.push((
            found.named_user_sessions,
            found.distinct_named_users,
            found.anonymous_sessions,
        ));
    }

    assert_eq!(
        sessions,
        [(0, 0, 0), (1, 1, 1), (1, 1, 1), (2, 1, 1), (3, 2, 1)]
    );
    database.remove().await;
}

#[tokio::test]
async fn an_administrator_of_another_name_is_a_licensed_user_and_a_warning() {
    let Some(database) = TestDatabase::new("administrator", SEED).await else {
        return;
    };
    let mut environment = database.environment();
    environment.administrator = "root".into();

    let counts = count(&environment).await.unwrap();

    assert_eq!(counts.license_estimate.named_user_count, 4);
    assert!(
        counts
            .license_estimate
            .rule
            .ends_with("without administrator 'root'")
    );
    assert_eq!(counts.warnings.len(), 1, "{:?}", counts.warnings);
    database.remove().await;
}

#[tokio::test]
async fn a_table_that_is_locked_ends_the_count_soon() {
    let Some(database) = TestDatabase::new("locked", SEED).await else {
        return;
    };
    let mut owner = database.owner().await;
    let mut deployment = owner.begin().await.unwrap();
    sqlx::raw_sql(r#"LOCK TABLE "system$user" IN ACCESS EXCLUSIVE MODE"#)
        .execute(&mut *deployment)
        .await
        .unwrap();

    let environment = database.environment();
    let limit = Duration::from_secs(4);
    let error = tokio::time::timeout(limit, count(&environment))
        .await
        .expect("a count that does not wait for the lock")
        .unwrap_err();

    assert!(
        matches!(&error, UsersError::Database(error) if error.code() == "lock_timeout"),
        "{error:?}"
    );
    drop(deployment);
    drop(owner);
    assert!(
        count(&database.environment()).await.is_ok(),
        "the lock is gone"
    );
    database.remove().await;
}

#[tokio::test]
async fn no_answer_and_no_error_holds_what_must_not_leave() {
    let Some(database) = TestDatabase::new("leak", SEED).await else {
        return;
    };
    let environment = database.environment();
    let mut texts = Vec::new();

    let counts = count(&environment).await.unwrap();
    texts.push(format!(
        "{counts:?} {}",
        serde_json::to_string(&counts).unwrap()
    ));
    for error in [
        count_users(&databases_with("NEVERLEAK"), &environment, now())
            .await
            .unwrap_err(),
        {
            database
                .run(r#"ALTER TABLE "system$user" ALTER "blocked" TYPE text USING 'NEVERLEAK'"#)
                .await;
            count(&environment).await.unwrap_err()
        },
        {
            database.run(r#"DROP TABLE "system$user" CASCADE"#).await;
            count(&environment).await.unwrap_err()
        },
    ] {
        texts.push(format!(
            "{error:?} {}",
            shared::telemetry::error_chain(&error)
        ));
    }

    assert_eq!(texts.len(), 4);
    let secrets = [
        "NEVERLEAK",
        "dana",
        "erik",
        "farah",
        "svc_warehouse",
        "Anonymous_",
        "@",
    ];
    for text in texts {
        for secret in secrets {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }
    database.remove().await;
}
