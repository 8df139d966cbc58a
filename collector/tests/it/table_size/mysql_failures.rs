//! What a MariaDB role without rights is told and what is estimated for it, and a server that does not hold still.

use std::time::Duration;

use collector::{Progress, Source, TableSource};
use shared::fleet::Engine;
use shared::snapshot::{Completeness, Measurement, Quality};
use shared::telemetry::error_chain;
use shared::testing::Server;

use super::assert_measured_after_a_restart;
use super::mysql::{TestDatabase, names, table};
use super::postgres::{PASSWORD, databases};

#[tokio::test]
async fn a_role_that_may_miss_tables_fails_instead_of_giving_a_part() {
    let Some(mut database) = TestDatabase::with(&["GRANT PROCESS ON *.* TO :role"]).await else {
        return;
    };
    database.run("CREATE TABLE mine (id INT PRIMARY KEY)").await;
    database
        .run("CREATE TABLE other (id INT PRIMARY KEY)")
        .await;
    database
        .run("GRANT SELECT ON :database.mine TO :role")
        .await;

    let error = database.measure().await.unwrap_err();

    assert_eq!((error.code, error.is_transient), ("access_denied", false));
    assert!(error.reason.contains("SHOW VIEW"), "{}", error.reason);
    assert!(!error_chain(&error).contains("NEVERLEAK"));
    database.drop().await;
}

#[tokio::test]
async fn a_right_through_a_role_counts() {
    let Some(mut database) = TestDatabase::with(&["GRANT PROCESS ON *.* TO :role"]).await else {
        return;
    };
    for statement in [
        "CREATE TABLE t (id INT PRIMARY KEY)",
        "CREATE ROLE :database",
        "GRANT SHOW VIEW ON :database.* TO :database",
        "GRANT :database TO :role",
        "SET DEFAULT ROLE :database FOR :role",
    ] {
        // Here the last word of a grant is a role's name, not the database's.
        database.run(statement).await;
    }

    let size = database.measure().await.unwrap();

    assert_eq!(names(&size), ["t"]);
    database.run("DROP ROLE :database").await;
    database.drop().await;
}

#[tokio::test]
async fn without_process_every_innodb_table_is_an_estimate_with_its_reason() {
    let Some(mut database) = TestDatabase::with(&["GRANT SHOW VIEW ON :database.* TO :role"]).await
    else {
        return;
    };
    database
        .run("CREATE TABLE t (id INT PRIMARY KEY, n INT, KEY (n))")
        .await;
    database
        .run("CREATE TABLE my (id INT PRIMARY KEY) ENGINE = MyISAM")
        .await;

    let size = database.measure().await.unwrap();

    let Quality::Estimated { reason } = &table(&size, "t").quality else {
        panic!("{size:?}");
    };
    assert!(reason.contains("PROCESS"), "{reason}");
    assert_eq!(table(&size, "t").total_bytes, 32_768);
    assert_eq!(table(&size, "t").free_bytes, None);
    assert_eq!(table(&size, "my").quality, Quality::Exact);
    assert_eq!(size.completeness(), Completeness::Complete);
    database.drop().await;
}

/// A server that ends our connection in the middle: a failure that passes, and never a part of the tables.
#[tokio::test]
async fn a_killed_connection_is_a_failure_that_passes() {
    let Some(mut database) = TestDatabase::empty().await else {
        return;
    };
    for number in 0..50 {
        database
            .run(&format!("CREATE TABLE t{number} (id INT PRIMARY KEY)"))
            .await;
    }
    let role = database.target.user.clone();
    let mut lost = 0;
    for _ in 0..200 {
        let is_ours = format!(
            "SELECT COALESCE(MAX(ID), 0) FROM information_schema.PROCESSLIST WHERE USER = '{role}'"
        );
        let target = database.target.clone();
        let mut other = database.other_session().await;
        let killer = tokio::spawn(async move {
            for _ in 0..1000 {
                let id: u64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
                    "SELECT CAST(({is_ours}) AS UNSIGNED)"
                )))
                .fetch_one(&mut other)
                .await
                .unwrap();
                if id != 0 {
                    // It may be gone by itself meanwhile.
                    let kill = format!("KILL {id}");
                    let _ = sqlx::raw_sql(sqlx::AssertSqlSafe(kill))
                        .execute(&mut other)
                        .await;
                    return;
                }
            }
        });
        match database.measure().await {
            Ok(size) => assert_eq!(size.tables.len(), 50, "{target:?}"),
            Err(error) => {
                assert!(
                    error.is_transient,
                    "{}: {}",
                    error.code,
                    error_chain(&error)
                );
                lost += 1;
            }
        }
        killer.await.unwrap();
        if lost == 3 {
            break;
        }
    }
    assert_eq!(lost, 3, "no connection was ever caught in the middle");
    database.drop().await;
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_ended() {
    let Some(mut database) = TestDatabase::empty().await else {
        return;
    };
    for number in 0..200 {
        let table = format!("CREATE TABLE t{number} (id INT PRIMARY KEY) ENGINE = MyISAM");
        database.run(&table).await;
    }
    let source =
        TableSource::new(databases(PASSWORD)).with_statement_timeout(Duration::from_millis(1));

    let measured = source.measure(&database.target, &Progress::default()).await;

    let error = measured.unwrap_err();
    assert_eq!((error.code, error.is_transient), ("timeout", true));
    assert_eq!(names(&database.measure().await.unwrap()).len(), 200);
    database.drop().await;
}

#[tokio::test]
async fn a_server_that_was_restarted_is_measured_again() {
    let Some(server) = Server::mariadb(None) else {
        return;
    };

    assert_measured_after_a_restart(server, Engine::Mysql, "mrt").await;
}
