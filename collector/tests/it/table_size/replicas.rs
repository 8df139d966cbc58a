//! A streaming standby of PostgreSQL: what it cannot know, and measurements that its recovery cancels.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use collector::{MeasureError, Progress};
use shared::fleet::DatabaseTarget;
use shared::snapshot::{Completeness, DatabaseSize, Measurement, Quality, ServerRole};
use shared::testing::Server;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};

use super::postgres::{PASSWORD, TestDatabase, execute, measure, table};

/// Waits until `standby` has replayed everything that the primary wrote so far.
async fn wait_for(standby: &Server, database: &mut TestDatabase) {
    let written: String = sqlx::query_scalar("SELECT pg_current_wal_lsn()::text")
        .fetch_one(&mut database.connection)
        .await
        .unwrap();
    let mut session = PgConnection::connect(&standby.url()).await.unwrap();
    let sql = format!("SELECT pg_last_wal_replay_lsn() >= '{written}'::pg_lsn");
    loop {
        let is_there = sqlx::query_scalar(AssertSqlSafe(sql.clone()));
        if is_there.fetch_one(&mut session).await.unwrap() {
            break;
        }
    }
    session.close().await.unwrap();
}

async fn try_measure(database: &TestDatabase, port: u16) -> Result<DatabaseSize, MeasureError> {
    let target = DatabaseTarget {
        port,
        ..database.target.clone()
    };
    measure(&target, PASSWORD, &Progress::default()).await
}

async fn measured(database: &TestDatabase, port: u16) -> DatabaseSize {
    try_measure(database, port).await.unwrap()
}

#[tokio::test]
async fn a_replica_says_so_and_marks_what_it_cannot_know() {
    let Some(primary) = Server::postgres() else {
        return;
    };
    let mut database = TestDatabase::on(&primary.url()).await;
    database
        .run(
            "CREATE TABLE kept (id int PRIMARY KEY, b text); INSERT INTO kept SELECT n, 'x' FROM generate_series(1, 5000) AS n;
             CREATE UNLOGGED TABLE volatile (id int PRIMARY KEY); INSERT INTO volatile SELECT generate_series(1, 5000);
             DELETE FROM kept WHERE id < 100",
        )
        .await;
    database.run("VACUUM ANALYZE").await;
    let standby = primary.standby(&[]);
    wait_for(&standby, &mut database).await;

    let there = measured(&database, standby.port()).await;
    let here = measured(&database, primary.port()).await;

    assert_eq!(here.server_role, Some(ServerRole::Primary));
    assert_eq!(here.completeness(), Completeness::Complete);
    assert!(table(&here, "volatile").unwrap().total_bytes > 200_000);
    assert!(table(&here, "kept").unwrap().last_vacuum_at.is_some());
    assert_eq!(there.server_role, Some(ServerRole::Replica));
    assert_eq!(there.completeness(), Completeness::Partial);
    assert_eq!(there.unsized_tables.len(), 1);
    assert_eq!(there.unsized_tables[0].table, "volatile");
    assert!(there.unsized_tables[0].reason.contains("replica"));
    let kept = table(&there, "kept").unwrap();
    assert_eq!(kept.quality, Quality::Exact);
    assert_eq!(kept.total_bytes, table(&here, "kept").unwrap().total_bytes);
    assert_eq!((kept.dead_row_estimate, kept.last_vacuum_at), (None, None));
}

/// The primary removes rows of the catalogue all the time, and the standby cancels whoever could still see them.
#[tokio::test]
async fn a_recovery_that_cancels_statements_is_never_a_permanent_failure() {
    let Some(primary) = Server::postgres() else {
        return;
    };
    let mut database = TestDatabase::on(&primary.url()).await;
    database
        .run(
            "DO $$ BEGIN FOR n IN 1..4000 LOOP EXECUTE format('CREATE TABLE many_%s (id int PRIMARY KEY)', n); END LOOP; END $$",
        )
        .await;
    let standby = primary.standby(&["max_standby_streaming_delay=0", "hot_standby_feedback=off"]);
    wait_for(&standby, &mut database).await;
    let is_done = Arc::new(AtomicBool::new(false));
    let mut other = database.other_session().await;
    let storm = tokio::spawn({
        let is_done = Arc::clone(&is_done);
        async move {
            while !is_done.load(Ordering::Relaxed) {
                execute(&mut other, "CREATE TABLE passing (a int)").await;
                execute(&mut other, "DROP TABLE passing").await;
                execute(&mut other, "VACUUM pg_class").await;
            }
        }
    });

    for _ in 0..3 {
        match try_measure(&database, standby.port()).await {
            Ok(size) => {
                let many = size.tables.iter();
                let many = many.filter(|table| table.table.starts_with("many_"));
                assert_eq!(many.count(), 4000);
            }
            // On a machine that is too slow for any statement between two conflicts.
            Err(error) => assert_eq!((error.code, error.is_transient), ("conflict", true)),
        }
    }

    is_done.store(true, Ordering::Relaxed);
    storm.await.unwrap();
}
