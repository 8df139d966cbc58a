//! `/users`: counts and lists in real Mendix databases with least rights.

mod all_environments;
pub(crate) mod database;
mod distinct;
mod generations;
mod history;
mod history_distinct;
mod http;
mod leaks;
mod list;
mod pool;
mod rights;

use std::time::Duration;

use api::users::{UserCounts, Users};
use chrono::{DateTime, Utc};
use serde_json::Value;
use shared::fleet::Environment;
use shared::users::UsersError;
use sqlx::Connection;

use crate::harness::NOW;
use database::{ENGINES, SEED, TestDatabase, databases_with, users};

fn now() -> DateTime<Utc> {
    NOW.parse().unwrap()
}

async fn count(environment: &Environment) -> Result<UserCounts, UsersError> {
    users().counts(environment, now()).await
}

/// Returns the JSON in the documentation of an answer: 0 for counts, 1 for the list.
fn documented(number: usize) -> Value {
    let source = include_str!("../../src/users/view.rs");
    let example = source.split("```json").nth(number + 1).unwrap();
    let (example, _) = example.split_once("```").unwrap();
    serde_json::from_str(&example.replace("///", "")).unwrap()
}

#[tokio::test]
async fn the_fixture_has_the_documented_counts_on_both_engines() {
    for engine in ENGINES {
        let Some(database) = TestDatabase::on(engine, "example", SEED).await else {
            return;
        };

        let counts = count(&database.environment()).await.unwrap();

        let mut expected = documented(0);
        expected["as_of"] = NOW.into();
        expected["source"]["engine"] = engine.as_str().into();
        // A third role, which only anonymous visitors have, is left out.
        assert_eq!(serde_json::to_value(&counts).unwrap(), expected);
        database.remove().await;
    }
}

#[tokio::test]
async fn a_session_counts_from_the_exact_start_of_the_window() {
    for engine in ENGINES {
        session_window(engine).await;
    }
}

async fn session_window(engine: shared::fleet::Engine) {
    let Some(database) = TestDatabase::on(engine, "window", SEED).await else {
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
async fn an_administrator_with_another_name_counts_as_licensed_with_a_warning() {
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
async fn a_locked_table_ends_the_count_soon() {
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
        .expect("the count does not wait for the lock")
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
async fn answers_and_errors_contain_no_names_and_no_secrets() {
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
        Users::new(databases_with("NEVERLEAK"), Duration::ZERO)
            .counts(&environment, now())
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

/// Mendix bills each spelling, whatever the column's collation.
#[tokio::test]
async fn accounts_that_differ_in_case_count_each_and_are_told() {
    for engine in ENGINES {
        let seed = SEED.replace(r#""name" varchar(100) UNIQUE"#, r#""name" varchar(100)"#);
        let seed = format!(
            r#"{seed}
            UPDATE "system$user" SET "name" = 'Eve@example.org' WHERE "id" = 844424930131970;
            UPDATE "system$user" SET "name" = 'eve@example.org' WHERE "id" = 844424930131971;
            UPDATE "system$user" SET "name" = 'EVE@example.org' WHERE "id" = 844424930131973;"#
        );
        let Some(database) = TestDatabase::on(engine, "case", &seed).await else {
            return;
        };

        let metering = count(&database.environment()).await.unwrap().metering;

        assert_eq!(metering.named_user_count, 4);
        assert_eq!(metering.case_duplicates, 2);
        assert_eq!((metering.internal, metering.external), (3, 1));
        assert_eq!(metering.unclassified, Some(2), "the administrator, and EVE");
        database.remove().await;
    }
}

/// Names are compared exactly, whatever the column's collation.
#[tokio::test]
async fn names_are_compared_exactly_on_both_engines() {
    for engine in ENGINES {
        let seed = SEED.replace(r#""name" varchar(100) UNIQUE"#, r#""name" varchar(100)"#);
        let seed = format!(
            r#"{seed}
            UPDATE "system$user" SET "name" = 'résumé' WHERE "id" = 844424930131970;
            UPDATE "system$user" SET "name" = 'resume' WHERE "id" = 844424930131971;
            UPDATE "system$user" SET "name" = 'mxadmin' WHERE "id" = 844424930131969;
            UPDATE "system$userrole" SET "name" = 'user' WHERE "name" = 'Administrator';"#
        );
        let Some(database) = TestDatabase::on(engine, "letters", &seed).await else {
            return;
        };

        let counts = count(&database.environment()).await.unwrap();

        assert_eq!(counts.metering.named_user_count, 4);
        assert_eq!(
            counts.license_estimate.named_user_count, 4,
            "mxadmin is not the administrator MxAdmin"
        );
        let roles: Vec<_> = counts.by_role.iter().flatten().collect();
        let names: Vec<_> = roles.iter().map(|role| role.role.as_str()).collect();
        assert_eq!(names, ["User", "user"]);
        database.remove().await;
    }
}
