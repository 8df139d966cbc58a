//! Tables that the app holds locked: one estimate each, all others exact, and nobody waits for us.

use shared::snapshot::{Completeness, Measurement, MendixCatalogue, Quality};
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor};

use super::postgres::{TestDatabase, execute, table};

const TABLES: &str = include_str!("../../../src/table_size/postgres/tables.sql");

/// Asserts that `name` alone is an estimate, and that its size is the one of its last analysis: nothing was written
/// to it since.
pub(super) async fn assert_one_estimate(database: &mut TestDatabase, name: &str) {
    let exact = format!(
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
        "an estimate is no part of an exact rest"
    );
    let locked = table(&size, name.trim_matches('"')).unwrap();
    let Quality::Estimated { reason } = &locked.quality else {
        panic!("{locked:?}")
    };
    assert!(reason.contains("exclusive lock"), "{reason}");
    // The lock is over once its session is: what is there now is what the estimate was of.
    let parts = [locked.heap_bytes, locked.toast_bytes, locked.index_bytes];
    assert_eq!(parts.into_iter().flatten().sum::<u64>(), locked.total_bytes);
    database.later.push((exact, locked.total_bytes));
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

/// A reader, then a schema change that waits for it: whoever comes now waits behind the schema change.
#[tokio::test]
async fn a_lock_that_is_only_waited_for_is_gone_around_too() {
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

    // The app goes on as soon as its own reader lets it: we hold nothing that it waits for.
    reader.close().await.unwrap();
    change.await.unwrap();
    database.drop().await;
}

#[tokio::test]
async fn a_locked_index_or_toast_table_counts_as_its_table() {
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
    // Both lock an index alone in the mode that matters, and its table in a weaker one.
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

/// Asserts that locked tables are told with the parts that the server knows, and as not sized where it does not know one.
///
/// Statements that empty a table lock its TOAST table too; others leave that to be read.
pub(super) async fn assert_what_is_not_known_is_not_sized(database: &mut TestDatabase) {
    let version = "SELECT current_setting('server_version_num')::bigint / 10000";
    let tells_empty = database.number(version).await >= 14;
    let tables = [
        ("loaded", "", "LOCK TABLE loaded"),
        ("analysed", "ANALYZE analysed", "TRUNCATE analysed"),
        ("readable", "ANALYZE readable", "LOCK TABLE readable"),
        ("vacuumed", "VACUUM ANALYZE vacuumed", "TRUNCATE vacuumed"),
        ("short", "VACUUM ANALYZE short", "TRUNCATE short"),
        ("passed", "VACUUM passed", "LOCK TABLE passed"),
    ];
    let mut app = database.other_session().await;
    let mut locks = vec!["BEGIN"];
    for (name, known_by, lock) in tables {
        let payload = match name {
            "short" | "passed" => "'x'",
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
        if !known_by.is_empty() {
            database.run(known_by).await;
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
    let expected: &[_] = match tells_empty {
        true => &["analysed", "loaded", "passed"],
        // An empty TOAST table is as one that nobody looked at; a vacuum looks at every index.
        false => &["analysed", "loaded", "short"],
    };
    assert_eq!(unknown, expected);
    assert_eq!(size.completeness(), Completeness::Partial);
    for name in names.iter().filter(|name| !expected.contains(name)) {
        let table = table(&size, name).unwrap();
        assert_ne!(table.quality, Quality::Exact, "{name}");
        let heap = format!("SELECT pg_relation_size('{name}')");
        let indexes = format!("SELECT pg_indexes_size('{name}')");
        database.later.push((heap, table.heap_bytes.unwrap()));
        database.later.push((indexes, table.index_bytes.unwrap()));
        let toast_bytes = table.toast_bytes.unwrap();
        match *name {
            "readable" => {
                let exact = format!(
                    "SELECT pg_total_relation_size(reltoastrelid) FROM pg_class WHERE oid = '{name}'::regclass"
                );
                database.later.push((exact, toast_bytes));
            }
            "vacuumed" => assert!(toast_bytes > 3000 * 4000, "{toast_bytes}"),
            _ => assert!(toast_bytes <= 8192, "{name}: {toast_bytes}"),
        }
    }
    execute(&mut app, "ROLLBACK").await;
    app.close().await.unwrap();
    database.check_later().await;
}

#[tokio::test]
async fn a_locked_table_of_which_a_part_is_not_known_is_not_sized() {
    let Some(mut database) = TestDatabase::empty().await else {
        return;
    };
    assert_what_is_not_known_is_not_sized(&mut database).await;
    database.drop().await;
}

/// Nothing is known of it and nothing can be: it is told as not sized, and never as zero bytes.
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
async fn a_locked_partition_is_an_estimate_and_its_table_says_so() {
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

/// The runtime changes its own list during a deployment: sizes are there, names come with the next run.
#[tokio::test]
async fn a_locked_list_of_entities_costs_names_and_no_sizes() {
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

/// Each table is let go before the next one is looked at: even inside a transaction nothing of the app's stays held.
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
        .fetch_all(&mut *connection)
        .await
        .unwrap();
    assert!(rows.len() > 30);

    let held = "SELECT count(*) FROM pg_locks AS l JOIN pg_class AS c ON c.oid = l.relation
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE l.pid = pg_backend_pid() AND n.nspname <> 'pg_catalog'";
    assert_eq!(database.number(held).await, 0);
    database.run("ROLLBACK").await;
    database.drop().await;
}
