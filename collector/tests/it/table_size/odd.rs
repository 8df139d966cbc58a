//! Databases that most have never seen: huge page counts, names in no known encoding, a detach that was interrupted.

use shared::snapshot::{ChildTables, Quality};
use shared::testing;
use sqlx::Connection;

use super::postgres::{TestDatabase, execute, table};

/// Pages are counted in an unsigned number, which the catalogue keeps in a signed column.
#[tokio::test]
async fn a_locked_table_of_more_than_sixteen_tebibytes_is_an_estimate() {
    let Some(mut database) = TestDatabase::empty().await else {
        return;
    };
    database
        .run(
            "CREATE TABLE huge (id int PRIMARY KEY) WITH (autovacuum_enabled = off);
             CREATE TABLE plain (id int);
             INSERT INTO huge VALUES (1)",
        )
        .await;
    database.run("VACUUM ANALYZE huge").await;
    database
        .run("UPDATE pg_class SET relpages = -1000000, reltuples = '1e30' WHERE relname = 'huge'")
        .await;
    let mut other = database.other_session().await;
    execute(
        &mut other,
        "BEGIN; LOCK TABLE huge IN ACCESS EXCLUSIVE MODE",
    )
    .await;

    let size = database.measure().await.unwrap();

    let huge = table(&size, "huge").unwrap();
    assert_eq!(huge.heap_bytes, Some((4_294_967_296 - 1_000_000) * 8192));
    assert_ne!(huge.quality, Quality::Exact);
    assert_eq!(huge.row_estimate, None);
    assert_eq!(table(&size, "plain").unwrap().quality, Quality::Exact);
    other.close().await.unwrap();
    database.drop().await;
}

/// A name of any bytes in `SQL_ASCII`, and one that has no equivalent in UTF-8.
#[tokio::test]
async fn an_odd_name_costs_no_other_table_its_size() {
    let Some(url) = testing::service(testing::POSTGRES) else {
        return;
    };
    for (encoding, bytes, shown) in [
        ("SQL_ASCII", "62e962e9", "b\u{fffd}b\u{fffd}"),
        ("WIN1252", "6281", "b\\201"),
    ] {
        let options =
            format!("ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
        let mut database = TestDatabase::with(&url, &options).await;
        database
            .run(&format!(
                "CREATE TABLE plain (id int PRIMARY KEY);
                 DO $$ BEGIN
                   EXECUTE format('CREATE TABLE %I (id int PRIMARY KEY)', convert_from('\\x{bytes}'::bytea, '{encoding}'));
                 END $$"
            ))
            .await;

        let size = database.measure().await.unwrap();

        let names: Vec<_> = size.tables.iter().map(|table| &table.table).collect();
        for name in [shown, "plain"] {
            let table = table(&size, name);
            let table = table.unwrap_or_else(|| panic!("{encoding}: no {name:?} in {names:?}"));
            assert_eq!((table.total_bytes, &table.quality), (8192, &Quality::Exact));
        }
        assert_eq!(size.tables.len(), 2);
        database.drop().await;
    }
}

#[tokio::test]
async fn a_partition_whose_detach_is_pending_no_longer_counts_in_its_table() {
    let Some(mut database) = TestDatabase::empty().await else {
        return;
    };
    database
        .run(
            "CREATE TABLE log (id int) PARTITION BY RANGE (id);
             CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM (0) TO (10);
             CREATE TABLE log_2 PARTITION OF log FOR VALUES FROM (10) TO (20);
             INSERT INTO log SELECT generate_series(0, 19)",
        )
        .await;
    let mut reader = database.other_session().await;
    execute(&mut reader, "BEGIN; SELECT count(*) FROM log").await;
    let mut owner = database.other_session().await;
    let detach = tokio::spawn(async move {
        let detach = "SET lock_timeout = '1s'; ALTER TABLE log DETACH PARTITION log_1 CONCURRENTLY";
        for statement in detach.split("; ") {
            // It waits for the reader, and is interrupted.
            let _ = sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned()))
                .execute(&mut owner)
                .await;
        }
    });
    detach.await.unwrap();
    let pending = "SELECT count(*) FROM pg_inherits WHERE inhdetachpending";
    assert_eq!(database.number(pending).await, 1);

    let size = database.measure().await.unwrap();

    assert_eq!(table(&size, "log").unwrap().total_bytes, 8192);
    assert_eq!(table(&size, "log_1").unwrap().partition_of, None);
    assert!(table(&size, "log_2").unwrap().partition_of.is_some());
    reader.close().await.unwrap();
    database.drop().await;
}

/// As `TimescaleDB` does it: the rows of a table are in tables that inherit from it, in another schema.
#[tokio::test]
async fn a_table_says_where_the_tables_are_that_inherit_from_it() {
    let Some(mut database) = TestDatabase::empty().await else {
        return;
    };
    database
        .run(
            "CREATE SCHEMA chunks;
             CREATE TABLE reading (id int PRIMARY KEY, body text);
             CREATE TABLE also (n int);
             CREATE TABLE chunks.reading_1 (PRIMARY KEY (id)) INHERITS (reading);
             CREATE TABLE chunks.reading_2 (PRIMARY KEY (id)) INHERITS (reading, also);
             CREATE TABLE childless (id int); CREATE TABLE chunks.gone () INHERITS (childless); DROP TABLE chunks.gone;
             INSERT INTO chunks.reading_1 SELECT n, 'x' FROM generate_series(1, 5000) AS n",
        )
        .await;

    let size = database.measure().await.unwrap();

    let in_all = "SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class WHERE relname LIKE 'reading__' AND relkind = 'r'";
    let children = |name: &str| table(&size, name).unwrap().child_tables.clone();
    let expected = ChildTables {
        table_count: 2,
        total_bytes: Some(database.number(in_all).await),
        schemas: vec!["chunks".into()],
    };
    assert_eq!(children("reading"), Some(expected));
    assert_eq!(children("also").unwrap().table_count, 1);
    assert_eq!(children("childless"), None);
    let whole = "SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class
        WHERE relkind = 'r' AND relnamespace IN ('public'::regnamespace, 'chunks'::regnamespace)";
    assert_eq!(size.table_bytes(), database.number(whole).await);
    database.drop().await;
}
