//! MariaDB roles without sufficient rights, and servers that fail during a measurement.

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
async fn a_role_that_might_not_see_all_tables_is_an_error_and_not_a_partial_result() {
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
async fn rights_granted_through_a_role_count() {
    let Some(mut database) = TestDatabase::with(&["GRANT PROCESS ON *.* TO :role"]).await else {
        return;
    };
    let default = if database.is_mariadb {
        "SET DEFAULT ROLE readers FOR :role"
    } else {
        "SET DEFAULT ROLE readers TO :role"
    };
    for statement in [
        "CREATE TABLE t (id INT PRIMARY KEY)",
        "CREATE ROLE readers",
        "GRANT SHOW VIEW ON :database.* TO readers",
        "GRANT readers TO :role",
        default,
    ] {
        let statement = statement.replace("readers", &format!("{}_r", database.target.name));
        database.run(&statement).await;
    }

    let size = database.measure().await.unwrap();

    assert_eq!(names(&size), ["t"]);
    database.run("DROP ROLE :database_r").await;
    database.drop().await;
}

#[tokio::test]
async fn without_process_every_innodb_table_is_an_estimate_with_a_reason() {
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

#[tokio::test]
async fn a_killed_connection_is_a_transient_error_and_never_a_partial_result() {
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
                    // The connection may have ended by itself.
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
    assert_eq!(lost, 3, "no connection was killed during a measurement");
    database.drop().await;
}

#[tokio::test]
async fn a_statement_beyond_its_time_limit_is_cancelled() {
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
