//! Idle connections and cached counts: what they save, and what they must never do.

use std::collections::BTreeSet;
use std::time::Duration;

use api::users::Users;
use shared::clock;
use shared::fleet::Engine;
use shared::users::UsersError;
use sqlx::Row;

use super::database::{ENGINES, SEED, TestDatabase, databases, users};
use super::now;

/// Returns the number of the role's connections.
async fn connections(database: &TestDatabase) -> i64 {
    let mut owner = database.owner().await;
    let statement = "SELECT count(*) FROM pg_stat_activity WHERE usename = $1";
    let row = sqlx::query(statement)
        .bind(&database.target.user)
        .fetch_one(&mut owner)
        .await
        .unwrap();
    row.get(0)
}

#[tokio::test]
async fn counts_are_cached_for_a_while_and_show_their_age() {
    let Some(database) = TestDatabase::new("kept", SEED).await else {
        return;
    };
    let (users, environment) = (
        Users::new(databases(), Duration::from_secs(5)),
        database.environment(),
    );
    let later = |seconds| now() + chrono::Duration::seconds(seconds);

    let first = users.counts(&environment, now()).await.unwrap();
    database
        .run(r#"UPDATE "system$user" SET "blocked" = true"#)
        .await;
    let kept = users.counts(&environment, later(4)).await.unwrap();
    let mut other = environment.clone();
    other.administrator = "root".into();
    let other = users.counts(&other, later(4)).await.unwrap();
    let fresh = users.counts(&environment, later(9)).await.unwrap();

    assert_eq!((first.named.blocked, first.age_seconds), (1, 0));
    assert_eq!((kept.named.blocked, kept.age_seconds), (1, 4));
    assert_eq!(kept.as_of, first.as_of);
    assert_eq!(
        other.named.blocked, 5,
        "another question is not answered from the cache"
    );
    assert_eq!((fresh.named.blocked, fresh.age_seconds), (5, 0));
    database.remove().await;
}

#[tokio::test]
async fn many_callers_share_one_connection() {
    let Some(database) = TestDatabase::new("shared", SEED).await else {
        return;
    };
    let (users, environment) = (users(), database.environment());

    let counting = (0..12).map(|_| users.counts(&environment, now()));
    let counts = futures::future::join_all(counting).await;

    assert!(counts.iter().all(Result::is_ok), "{counts:?}");
    assert_eq!(connections(&database).await, 1, "one connection stays open");
    database.remove().await;
}

#[tokio::test]
async fn callers_with_the_same_question_share_one_answer_without_a_limit() {
    let Some(database) = TestDatabase::new("crowd", SEED).await else {
        return;
    };
    // Nothing is cached: what they share is the reading.
    let users = Users::new(databases(), Duration::ZERO);
    let environment = database.environment();
    let later = |number| now() + chrono::Duration::milliseconds(number);

    let counting = (0..500).map(|number| users.counts(&environment, later(number)));
    let counts = futures::future::join_all(counting).await;

    let times = counts.iter().map(|counts| counts.as_ref().unwrap().as_of);
    assert_eq!(times.collect::<BTreeSet<_>>().len(), 1);
    assert_eq!(connections(&database).await, 1);
    let next = users.counts(&environment, later(60_000)).await.unwrap();
    assert_eq!(
        next.as_of,
        clock::whole_second(later(60_000)),
        "and it is not kept"
    );
    database.remove().await;
}

#[tokio::test]
async fn callers_with_the_same_question_share_its_error() {
    let Some(database) = TestDatabase::new("crowd_error", SEED).await else {
        return;
    };
    let (users, mut environment) = (users(), database.environment());
    let target = environment.database.as_mut().unwrap();
    target.name = "nowhere".to_owned();

    let counting = (0..100).map(|_| users.counts(&environment, now()));
    let counts = futures::future::join_all(counting).await;

    let codes = counts.iter().map(|counts| match counts {
        Err(UsersError::Database(error)) => error.code(),
        other => panic!("{other:?}"),
    });
    assert_eq!(
        codes.collect::<BTreeSet<_>>(),
        BTreeSet::from(["database_missing"])
    );
    database.remove().await;
}

#[tokio::test]
async fn a_reading_goes_on_when_the_caller_that_started_it_leaves() {
    let Some(database) = TestDatabase::new("left", SEED).await else {
        return;
    };
    let (users, environment) = (users(), database.environment());
    let mut first = Box::pin(users.counts(&environment, now()));
    assert!(futures::poll!(first.as_mut()).is_pending());
    let mut second = Box::pin(users.counts(&environment, now()));
    assert!(futures::poll!(second.as_mut()).is_pending());

    drop(first);

    assert!(second.await.is_ok());
    database.remove().await;
}

#[tokio::test]
async fn too_many_different_questions_are_told_to_retry() {
    let Some(database) = TestDatabase::new("busy", SEED).await else {
        return;
    };
    let users = users();
    let environments = (0..30).map(|number| {
        let mut environment = database.environment();
        environment.administrator = format!("admin{number}");
        environment
    });
    let environments: Vec<_> = environments.collect();

    let counting = environments
        .iter()
        .map(|environment| users.counts(environment, now()));
    let counts = futures::future::join_all(counting).await;

    let busy = counts.iter().filter(|counts| counts.is_err()).count();
    // One reads and sixteen wait.
    assert_eq!(busy, 30 - 17, "{counts:?}");
    let after = users.counts(&environments[0], now()).await;
    assert!(after.is_ok(), "the pool recovers");
    database.remove().await;
}

#[tokio::test]
async fn a_closed_connection_is_replaced_transparently() {
    for engine in ENGINES {
        let Some(database) = TestDatabase::on(engine, "ended", SEED).await else {
            return;
        };
        let (users, environment) = (users(), database.environment());

        users.counts(&environment, now()).await.unwrap();
        match engine {
            Engine::Postgres => {
                let user = &database.target.user;
                database
                    .run(&format!(
                        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = '{user}'"
                    ))
                    .await;
            }
            Engine::Mysql => {
                let user = &database.target.user;
                let sessions = format!(
                    "SELECT CAST(ID AS SIGNED) FROM information_schema.PROCESSLIST WHERE USER = '{user}'"
                );
                for id in database.numbers(&sessions).await {
                    database.run(&format!("KILL {id}")).await;
                }
            }
        }

        let again = users.counts(&environment, now()).await;
        assert!(again.is_ok(), "{again:?}");
        database.remove().await;
    }
}

/// The fleet file may move an environment to another database; nothing of the old one may be answered then.
#[tokio::test]
async fn an_environment_that_moves_is_read_where_it_is_now() {
    let Some(old) = TestDatabase::new("moved_from", SEED).await else {
        return;
    };
    let grown = format!(r#"{SEED} DELETE FROM "system$user" WHERE "name" = 'svc_warehouse';"#);
    let new = TestDatabase::new("moved_to", &grown).await.unwrap();
    let users = Users::new(databases(), Duration::from_secs(300));
    let mut moved = old.environment();
    moved
        .database
        .as_mut()
        .unwrap()
        .name
        .clone_from(&new.target.name);
    moved
        .database
        .as_mut()
        .unwrap()
        .user
        .clone_from(&new.target.user);

    let before = users.counts(&old.environment(), now()).await.unwrap();
    let after = users.counts(&moved, now()).await.unwrap();

    assert_eq!((before.named.total, after.named.total), (5, 4));
    old.remove().await;
    new.remove().await;
}
