//! Many tables, and servers that change or fail during a measurement.

use std::time::Duration;

use collector::{Progress, Source, TableSource};
use shared::fleet::Engine;
use shared::snapshot::{Completeness, Measurement, Quality};
use shared::testing::Server;
use sqlx::{AssertSqlSafe, Executor};

use super::assert_measured_after_a_restart;
use super::postgres::{PASSWORD, TestDatabase, databases, execute, measure};

const TABLES: u64 = 10_000;

/// Creates ten thousand tables once, for several cases.
#[tokio::test]
async fn ten_thousand_tables_are_all_reported_whatever_happens_meanwhile() {
    let Some(mut database) = TestDatabase::empty().await else {
        return;
    };
    database
        .run(
            "SET synchronous_commit = off;
             DO $$ BEGIN
               FOR n IN 1..10000 LOOP EXECUTE format('CREATE TABLE many_%s (a int)', n); END LOOP;
               FOR n IN 1..500 LOOP EXECUTE format('INSERT INTO many_%s VALUES (1)', n * 20); END LOOP;
             END $$",
        )
        .await;

    let size = database.measure().await.unwrap();
    let sum = "SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class WHERE relname LIKE 'many\\_%'";
    assert_eq!(size.summary().table_count, TABLES);
    assert_eq!(size.table_bytes(), database.number(sum).await);
    assert!(
        size.tables
            .iter()
            .all(|table| table.quality == Quality::Exact)
    );

    a_statement_beyond_its_time_limit_is_cancelled(&database).await;
    a_killed_connection_is_a_transient_error(&mut database).await;
    short_locks_cost_estimates_and_no_tables(&mut database).await;
    tables_dropped_meanwhile_cause_no_error(&mut database).await;
    database.drop().await;
}

async fn a_statement_beyond_its_time_limit_is_cancelled(database: &TestDatabase) {
    let source =
        TableSource::new(databases(PASSWORD)).with_statement_timeout(Duration::from_millis(1));

    let measured = source.measure(&database.target, &Progress::default()).await;

    let error = measured.unwrap_err();
    assert_eq!((error.code, error.is_transient), ("timeout", true));
}

async fn a_killed_connection_is_a_transient_error(database: &mut TestDatabase) {
    let target = database.target.clone();
    let measuring =
        tokio::spawn(async move { measure(&target, PASSWORD, &Progress::default()).await });
    let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE application_name = 'mrt-api' AND datname = current_database() AND state = 'active'
        AND query LIKE '%one batch of the relations%'";
    // Again and again: the first one may hit the session of an earlier case that has not ended yet.
    while !measuring.is_finished() {
        database.number(kill).await;
        tokio::task::yield_now().await;
    }

    let error = measuring.await.unwrap().unwrap_err();

    assert_eq!((error.code, error.is_transient), ("connection_lost", true));
}

async fn short_locks_cost_estimates_and_no_tables(database: &mut TestDatabase) {
    let mut app = database.other_session().await;
    let target = database.target.clone();
    let measuring =
        tokio::spawn(async move { measure(&target, PASSWORD, &Progress::default()).await });
    let mut n = 0_u64;
    while !measuring.is_finished() {
        // Locks three tables at a time and cycles through all of them.
        n += 1;
        let names: Vec<_> = (0..3)
            .map(|k| format!("many_{}", 1 + (n * 7 + k * 3331) % TABLES))
            .collect();
        let lock = format!(
            "BEGIN; LOCK TABLE {} IN ACCESS EXCLUSIVE MODE; COMMIT",
            names.join(", ")
        );
        execute(&mut app, &lock).await;
    }

    let size = measuring.await.unwrap().unwrap();

    let reported = size.summary().table_count + size.summary().unsized_table_count;
    assert_eq!(reported, TABLES);
    let exact = size
        .tables
        .iter()
        .filter(|table| table.quality == Quality::Exact);
    assert!(exact.count() > 9000);
}

async fn tables_dropped_meanwhile_cause_no_error(database: &mut TestDatabase) {
    let mut app = database.other_session().await;
    let target = database.target.clone();
    let measuring =
        tokio::spawn(async move { measure(&target, PASSWORD, &Progress::default()).await });
    let mut dropped = 0;
    while !measuring.is_finished() && dropped < 9000 {
        dropped += 1;
        let drop = format!("DROP TABLE many_{dropped}; CREATE TABLE new_{dropped} (a int)");
        app.execute(AssertSqlSafe(drop)).await.unwrap();
    }

    let size = measuring.await.unwrap().unwrap();

    let names: std::collections::BTreeSet<_> = size
        .tables
        .iter()
        .map(|table| table.table.as_str())
        .collect();
    for n in dropped + 1..=TABLES {
        assert!(names.contains(format!("many_{n}").as_str()), "{n}");
    }
    let after = database.measure().await.unwrap();
    assert_eq!(after.summary().table_count, TABLES);
    assert_eq!(after.completeness(), Completeness::Complete);
}

#[tokio::test]
async fn a_server_that_was_restarted_is_measured_again() {
    let Some(server) = Server::postgres() else {
        return;
    };

    assert_measured_after_a_restart(server, Engine::Postgres, "postgres").await;
}
