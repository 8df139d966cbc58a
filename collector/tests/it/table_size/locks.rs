//! Tables that the app has locked: each is an estimate, all others are exact, and the app never waits for us.

use shared::snapshot::{Completeness, Measurement, MendixCatalogue, Quality};
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor};

use super::postgres::{LaterCheck, TestDatabase, execute, table};

const TABLES: &str = include_str!("../../../src/table_size/postgres/tables.sql");

/// Asserts that only `name` is an estimate, and that its size is that of its last analysis, since which nothing was
/// written to it.
pub(super) async fn assert_one_estimate(database: &mut TestDatabase, name: &str) {
    let query = format!(
        "SELECT pg_total_relation_size('{name}') - pg_relation_size('{name}', 'fsm')
        - pg_relation_size('{name}', 'vm')"
    );
    let size = database.measure().await.unwrap();

    let estimates: Vec<_> = size
        .tables
        .iter()
        .filter(|table| table.quality != Quality::Exact)
        .map(|table| table.table.as_str())
        .collect();
    assert_eq!(estimates, [name.trim_matches('"')]);
    assert_eq!(size.completeness(), Completeness::Complete);
    assert_eq!(
        size.other_bytes(),
        None,
        "an estimate leaves no exact remainder"
    );
    let locked = table(&size, name.trim_matches('"')).unwrap();
    let Quality::Estimated { reason } = &locked.quality else {
        panic!("{locked:?}")
    };
    assert!(reason.contains("exclusive lock"), "{reason}");
    // The exact size can be queried once the lock is released.
    let parts = [locked.heap_bytes, locked.toast_bytes, locked.index_bytes];
    assert_eq!(parts.into_iter().flatten().sum::<u64>(), locked.total_bytes);
    database.later.push(LaterCheck {
        query,
        expected: locked.total_bytes,
    });
}

#[tokio::test]
async fn a_locked_table_is_an_estimate_and_all_others_are_exact() {
    let Some(mut database) = TestDatabase::mendix().await else {
        return;
    };
    database.run("VACUUM ANALYZE").await;
    let mut other = database.other_session().await;
    execute(
        &mut other,
        r#"BEGIN; LOCK TABLE "sales$order" IN ACCESS EXCLUSIVE MODE"#,
    )
    .await;

    assert_one_estimate(&mut database, "\"sales$order\"").await;

    other.close().await.unwrap();
    database.check_later().await;
    database.drop().await;
}

/// A reader, then a schema change that waits for it: every later reader queues behind the schema change.
#[tokio::test]
async fn a_lock_that_is_only_requested_is_avoided_too() {
    let Some(mut database) = TestDatabase::mendix().await else {
        return;
    };
    database.run("VACUUM ANALYZE").await;
    let mut reader = database.other_session().await;
    execute(&mut reader, r#"BEGIN; SELECT count(*) FROM "sales$order""#).await;
    let mut changer = database.other_session().await;
    let change = tokio::spawn(async move {
        let changed = changer.execute(r#"ALTER TABLE "sales$order" ADD COLUMN late int"#);
        changed.await.unwrap();
    });
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = '\"sales$order\"'::regclass";
    while database.number(waiting).await == 0 {}

    assert_one_estimate(&mut database, "\"sales$order\"").await;

    // The schema change continues as soon as the reader ends: we hold no lock that it waits for.
    reader.close().await.unwrap();
    change.await.unwrap();
    database.drop().await;
}

#[tokio::test]
async fn a_locked_index_or_toast_table_makes_its_table_an_estimate() {
    let Some(mut database) = TestDatabase::mendix().await else {
        return;
    };
    database
        .run("CREATE TABLE solo (a int PRIMARY KEY, b text); INSERT INTO solo VALUES (1, 'x')")
        .await;
    database.run("VACUUM ANALYZE").await;
    let toast: String = sqlx::query_scalar(
        "SELECT reltoastrelid::regclass::text FROM pg_class WHERE oid = 'solo'::regclass",
    )
    .fetch_one(&mut database.connection)
    .await
    .unwrap();
    // Both lock only an index exclusively, and its table in a weaker mode.
    for lock in [
        "BEGIN; REINDEX INDEX solo_pkey".to_owned(),
        format!("BEGIN; REINDEX TABLE {toast}"),
    ] {
        let mut other = database.other_session().await;
        execute(&mut other, &lock).await;

        let size = database.measure().await.unwrap();

        let is_exact = |name: &str| table(&size, name).unwrap().quality == Quality::Exact;
        assert!(!is_exact("solo"), "{lock}");
        assert!(is_exact("sales$order"), "{lock}");
        other.close().await.unwrap();
    }
    database.drop().await;
}

/// Asserts that locked tables have the sizes that the server knows, and are not sized if any part is unknown.
///
/// Statements that empty a table lock its TOAST table too; with others it can still be read.
pub(super) async fn assert_unknown_parts_are_not_sized(database: &mut TestDatabase) {
    let version = "SELECT current_setting('server_version_num')::bigint / 10000";
    let distinguishes_empty = database.number(version).await >= 14;
    let tables = [
        ("loaded", "", "LOCK TABLE loaded"),
        ("analysed", "ANALYZE analysed", "TRUNCATE analysed"),
        ("readable", "ANALYZE readable", "LOCK TABLE readable"),
        ("vacuumed", "VACUUM ANALYZE vacuumed", "TRUNCATE vacuumed"),
        ("short", "VACUUM ANALYZE short", "TRUNCATE short"),
        ("skipped", "VACUUM skipped", "LOCK TABLE skipped"),
    ];
    let mut app = database.other_session().await;
    let mut locks = vec!["BEGIN"];
    for (name, maintenance, lock) in tables {
        let payload = match name {
            "short" | "skipped" => "'x'",
            _ => "repeat('x', 4000)",
        };
        database
            .run(&format!(
                "CREATE TABLE {name} (id bigint PRIMARY KEY, b text)
                   WITH (autovacuum_enabled = off, toast.autovacuum_enabled = off);
                 ALTER TABLE {name} ALTER b SET STORAGE EXTERNAL;
                 INSERT INTO {name} SELECT n, {payload} FROM generate_series(1, 3000) AS n"
            ))
            .await;
        if !maintenance.is_empty() {
            database.run(maintenance).await;
        }
        locks.push(lock);
    }
    execute(&mut app, &locks.join("; ")).await;

    let size = database.measure().await.unwrap();

    let names = tables.map(|(name, _, _)| name);
    let is_ours = |name: &str| names.contains(&name);
    let unsized_tables = size.unsized_tables.iter();
    let mut unknown: Vec<_> = unsized_tables
        .map(|table| table.table.as_str())
        .filter(|name| is_ours(name))
        .collect();
    unknown.sort_unstable();
    let expected: &[_] = match distinguishes_empty {
        true => &["analysed", "loaded", "skipped"],
        // An empty TOAST table looks like one that was never visited; a vacuum visits every index.
        false => &["analysed", "loaded", "short"],
    };
    assert_eq!(unknown, expected);
    assert_eq!(size.completeness(), Completeness::Partial);
    for name in names.iter().filter(|name| !expected.contains(name)) {
        let table = table(&size, name).unwrap();
        assert_ne!(table.quality, Quality::Exact, "{name}");
        let toast_bytes = table.toast_bytes.unwrap();
        database.later.extend([
            LaterCheck {
                query: format!("SELECT pg_relation_size('{name}')"),
                expected: table.heap_bytes.unwrap(),
            },
            LaterCheck {
                query: format!("SELECT pg_indexes_size('{name}')"),
                expected: table.index_bytes.unwrap(),
            },
        ]);
        match *name {
            "readable" => database.later.push(LaterCheck {
                query: format!(
                    "SELECT pg_total_relation_size(reltoastrelid) FROM pg_class WHERE oid = '{name}'::regclass"
                ),
                expected: toast_bytes,
            }),
            "vacuumed" => assert!(toast_bytes > 3000 * 4000, "{toast_bytes}"),
            _ => assert!(toast_bytes <= 8192, "{name}: {toast_bytes}"),
        }
    }
    execute(&mut app, "ROLLBACK").await;
    app.close().await.unwrap();
    database.check_later().await;
}

#[tokio::test]
async fn a_locked_table_with_an_unknown_part_is_not_sized() {
    let Some(mut database) = TestDatabase::empty().await else {
        return;
    };
    assert_unknown_parts_are_not_sized(&mut database).await;
    database.drop().await;
}

/// Its size is unknown: it is reported as not sized and never as zero bytes.
#[tokio::test]
async fn a_locked_table_that_was_never_analysed_is_not_sized() {
    let Some(mut database) = TestDatabase::mendix().await else {
        return;
    };
    database
        .run("CREATE TABLE fresh (a int) WITH (autovacuum_enabled = off); INSERT INTO fresh VALUES (1)")
        .await;
    let mut other = database.other_session().await;
    execute(
        &mut other,
        "BEGIN; LOCK TABLE fresh IN ACCESS EXCLUSIVE MODE",
    )
    .await;

    let size = database.measure().await.unwrap();

    assert_eq!(size.completeness(), Completeness::Partial);
    assert_eq!(size.unsized_tables[0].table, "fresh");
    assert!(table(&size, "fresh").is_none());
    other.close().await.unwrap();
    database.drop().await;
}

#[tokio::test]
async fn a_locked_partition_makes_its_table_an_estimate() {
    let Some(mut database) = TestDatabase::empty().await else {
        return;
    };
    database
        .run(
            "CREATE TABLE log (at int) PARTITION BY RANGE (at);
             CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM (0) TO (100);
             CREATE TABLE log_2 PARTITION OF log FOR VALUES FROM (100) TO (200);
             INSERT INTO log SELECT generate_series(0, 199); ANALYZE",
        )
        .await;
    let mut other = database.other_session().await;
    execute(
        &mut other,
        "BEGIN; LOCK TABLE log_1 IN ACCESS EXCLUSIVE MODE",
    )
    .await;

    let size = database.measure().await.unwrap();

    let log = table(&size, "log").unwrap();
    let Quality::Estimated { reason } = &log.quality else {
        panic!("{log:?}")
    };
    assert_eq!(reason, "1 of its partitions are estimated");
    assert_eq!(table(&size, "log_2").unwrap().quality, Quality::Exact);
    assert_eq!(log.total_bytes, 2 * 8192);
    other.close().await.unwrap();
    database.drop().await;
}

/// The runtime changes its own catalogue during a deployment: sizes are reported, names return with the next run.
#[tokio::test]
async fn a_locked_catalogue_costs_names_and_no_sizes() {
    let Some(mut database) = TestDatabase::mendix().await else {
        return;
    };
    database
        .run(
            r#"GRANT SELECT ("entity_name", "table_name") ON "mendixsystem$entity" TO :role;
               GRANT SELECT ("association_name", "table_name") ON "mendixsystem$association" TO :role; ANALYZE"#,
        )
        .await;
    let mut other = database.other_session().await;
    execute(
        &mut other,
        r#"BEGIN; LOCK TABLE "mendixsystem$entity" IN ACCESS EXCLUSIVE MODE"#,
    )
    .await;

    let size = database.measure().await.unwrap();

    assert_eq!(size.mendix_catalogue, Some(MendixCatalogue::Locked));
    let order = table(&size, "sales$order").unwrap();
    assert_eq!((&order.entity, &order.quality), (&None, &Quality::Exact));
    other.close().await.unwrap();
    database.drop().await;
}

/// Each table is unlocked before the next one is opened, even inside a transaction.
#[tokio::test]
async fn no_lock_on_a_table_outlives_its_size() {
    let Some(mut database) = TestDatabase::mendix().await else {
        return;
    };
    let connection: &mut PgConnection = &mut database.connection;
    connection.execute("BEGIN").await.unwrap();
    let rows = sqlx::query(TABLES)
        .bind(sqlx::postgres::types::Oid(0))
        .bind(1000_i64)
        .bind(false)
        .bind(false)
        .fetch_all(&mut *connection)
        .await
        .unwrap();
    assert!(rows.len() > 30);

    let locks = "SELECT count(*) FROM pg_locks AS l JOIN pg_class AS c ON c.oid = l.relation
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE l.pid = pg_backend_pid() AND n.nspname <> 'pg_catalog'";
    assert_eq!(database.number(locks).await, 0);
    database.run("ROLLBACK").await;
    database.drop().await;
}
