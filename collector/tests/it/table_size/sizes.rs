//! Which tables there are and how large they are.

use collector::Progress;
use shared::snapshot::{Completeness, Measurement, Quality};

use super::postgres::{PASSWORD, TestDatabase, execute, measure, table};

/// What PostgreSQL says itself, table by table, without our SQL.
async fn assert_sizes_are_right(database: &mut TestDatabase) {
    let size = database.measure().await.unwrap();
    let tables = "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE relkind IN ('r', 'm') AND nspname !~ '^(pg_|information_schema$)'";
    assert_eq!(size.tables.len() as u64, database.number(tables).await);
    for table in &size.tables {
        let oid = format!(
            "(SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
              WHERE nspname = $s${}$s$ AND relname = $s${}$s$)",
            table.schema, table.table
        );
        let total = format!("SELECT pg_total_relation_size({oid})");
        let without_indexes = format!("SELECT pg_table_size({oid})");
        let index = format!("SELECT pg_indexes_size({oid})");
        let toast = format!(
            "SELECT coalesce(pg_total_relation_size(nullif(reltoastrelid, 0)), 0) FROM pg_class WHERE oid = {oid}"
        );

        let name = &table.table;
        assert_eq!(table.total_bytes, database.number(&total).await, "{name}");
        assert_eq!(
            table.index_bytes,
            Some(database.number(&index).await),
            "{name}"
        );
        assert_eq!(
            table.toast_bytes,
            Some(database.number(&toast).await),
            "{name}"
        );
        assert_eq!(
            table.heap_bytes.unwrap() + table.toast_bytes.unwrap(),
            database.number(&without_indexes).await,
            "{name}"
        );
        assert_eq!(
            table.total_bytes,
            table.heap_bytes.unwrap() + table.toast_bytes.unwrap() + table.index_bytes.unwrap(),
            "{name}"
        );
        assert_eq!(table.quality, Quality::Exact);
    }
    let whole = "SELECT pg_database_size(current_database())";
    assert_eq!(size.total_bytes, database.number(whole).await);
    assert_eq!(size.completeness(), Completeness::Complete);
    assert!(
        size.tables
            .is_sorted_by(|a, b| a.total_bytes >= b.total_bytes)
    );
}

#[tokio::test]
async fn a_role_without_any_right_sees_every_table_with_its_right_size() {
    let Some(mut database) = TestDatabase::mendix().await else {
        return;
    };
    database
        .run("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC; REVOKE ALL ON SCHEMA public FROM PUBLIC")
        .await;

    assert_sizes_are_right(&mut database).await;
    let size = database.measure().await.unwrap();

    assert!(size.tables.iter().all(|table| table.entity.is_none()));
    assert!(table(&size, "system$user").unwrap().is_system);
    assert!(!table(&size, "sales$order").unwrap().is_system);
    database.drop().await;
}

#[tokio::test]
async fn entities_are_named_where_their_list_may_be_read() {
    let Some(mut database) = TestDatabase::mendix().await else {
        return;
    };
    database
        .run(r#"GRANT SELECT ("entity_name", "table_name") ON "mendixsystem$entity" TO :role"#)
        .await;

    let size = database.measure().await.unwrap();

    let order = table(&size, "sales$order").unwrap();
    assert_eq!(order.entity.as_deref(), Some("Sales.Order"));
    assert_eq!(order.module.as_deref(), Some("Sales"));
    assert_eq!(order.row_estimate, Some(8000));
    let association = table(&size, "sales$order_customer").unwrap();
    assert_eq!((&association.entity, &association.module), (&None, &None));
    assert_eq!(table(&size, "bi_export_tmp").unwrap().entity, None);
    assert!(table(&size, "sales$remotething").is_none());
    assert!(!format!("{size:?}").to_lowercase().contains("neverleak"));
    database.drop().await;
}

/// One of the two columns is not enough, and trying would only fill the database's log.
#[tokio::test]
async fn a_list_of_entities_that_may_be_read_in_part_is_left_alone() {
    let Some(mut database) = TestDatabase::mendix().await else {
        return;
    };
    database
        .run(r#"GRANT SELECT ("entity_name") ON "mendixsystem$entity" TO :role"#)
        .await;

    let size = database.measure().await.unwrap();

    assert_eq!(table(&size, "sales$order").unwrap().entity, None);
    database.drop().await;
}

#[tokio::test]
async fn a_database_that_is_not_mendix_has_tables_without_entities() {
    let Some(mut database) = TestDatabase::empty().await else {
        return;
    };
    let empty = database.measure().await.unwrap();
    database
        .run(r#"CREATE TABLE plain (a int); CREATE VIEW "mendixsystem$entity" AS SELECT 1 AS entity_name, 2 AS table_name"#)
        .await;

    let size = database.measure().await.unwrap();

    assert!(empty.tables.is_empty());
    assert!(empty.total_bytes > 0, "its catalogue takes room");
    assert_eq!(size.tables.len(), 1);
    assert_eq!(
        (size.tables[0].entity.as_ref(), size.tables[0].is_system),
        (None, false)
    );
    database.drop().await;
}

#[tokio::test]
async fn odd_names_are_names() {
    let Some(mut database) = TestDatabase::empty().await else {
        return;
    };
    database
        .run(
            r#"CREATE SCHEMA "o'dd ""Schema""";
               CREATE TABLE "o'dd ""Schema"""."t $1 \ ; -- ünï 表" (a text);
               CREATE TABLE "Module$Entity" (id bigint PRIMARY KEY);
               CREATE TABLE "aca220e2aca220e2aca220e2aca220e2" (id bigint)"#,
        )
        .await;

    assert_sizes_are_right(&mut database).await;
    let size = database.measure().await.unwrap();

    let found: Vec<_> = size
        .tables
        .iter()
        .map(|table| format!("{}.{}", table.schema, table.table))
        .collect();
    assert!(
        found.contains(&r#"o'dd "Schema".t $1 \ ; -- ünï 表"#.to_owned()),
        "{found:?}"
    );
    assert!(
        found.contains(&"public.Module$Entity".to_owned()),
        "{found:?}"
    );
    database.drop().await;
}

#[tokio::test]
async fn values_out_of_line_are_toast_and_not_heap() {
    let Some(database) = TestDatabase::mendix().await else {
        return;
    };

    let size = database.measure().await.unwrap();

    let export = table(&size, "bi_export_tmp").unwrap();
    assert!(export.toast_bytes > Some(300_000), "{export:?}");
    assert!(export.heap_bytes < Some(50_000), "{export:?}");
    database.drop().await;
}

#[tokio::test]
async fn rows_are_estimated_only_after_an_analysis() {
    let Some(mut database) = TestDatabase::empty().await else {
        return;
    };
    database
        .run(
            "CREATE TABLE never (a int) WITH (autovacuum_enabled = off);
             INSERT INTO never SELECT generate_series(1, 100);
             CREATE TABLE emptied (a int) WITH (autovacuum_enabled = off);
             ANALYZE emptied;
             CREATE TABLE counted (a int) WITH (autovacuum_enabled = off);
             INSERT INTO counted SELECT generate_series(1, 100);
             ANALYZE counted",
        )
        .await;

    let size = database.measure().await.unwrap();

    let rows = |name| table(&size, name).unwrap().row_estimate;
    assert_eq!(rows("never"), None);
    assert_eq!(rows("counted"), Some(100));
    // From version 14 on, "analysed and empty" differs from "never analysed".
    let is_14 = database
        .number("SELECT current_setting('server_version_num')::bigint")
        .await
        >= 140_000;
    assert_eq!(rows("emptied"), is_14.then_some(0));
    database.drop().await;
}

#[tokio::test]
async fn everything_that_holds_rows_counts_once() {
    let Some(mut database) = TestDatabase::empty().await else {
        return;
    };
    database
        .run(
            "CREATE TABLE log (at int NOT NULL, text text) PARTITION BY RANGE (at);
             CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM (0) TO (100);
             CREATE TABLE log_2 PARTITION OF log FOR VALUES FROM (100) TO (200);
             CREATE INDEX ON log (at);
             INSERT INTO log SELECT n, 'x' FROM generate_series(0, 199) AS n;
             CREATE MATERIALIZED VIEW daily AS SELECT at FROM log;
             CREATE UNLOGGED TABLE cache (id int PRIMARY KEY);
             CREATE VIEW looked AS SELECT at FROM log;
             CREATE SEQUENCE numbers",
        )
        .await;
    let mut other = database.other_session().await;
    execute(
        &mut other,
        "CREATE TEMP TABLE passing AS SELECT generate_series(1, 1000)",
    )
    .await;

    // Temporary schemas begin with `pg_`, so the comparison leaves them out by itself.
    assert_sizes_are_right(&mut database).await;
    let size = database.measure().await.unwrap();

    let mut names: Vec<_> = size
        .tables
        .iter()
        .map(|table| table.table.as_str())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["cache", "daily", "log_1", "log_2"]);
    drop(other);
    database.drop().await;
}

/// A search path of the app's choice must not put its functions into our mouth.
#[tokio::test]
async fn a_search_path_cannot_redirect_what_is_asked() {
    let Some(mut database) = TestDatabase::mendix().await else {
        return;
    };
    database
        .run(
            "CREATE SCHEMA shadow; GRANT USAGE ON SCHEMA shadow TO PUBLIC;
             CREATE FUNCTION shadow.pg_indexes_size(regclass) RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint';
             CREATE FUNCTION shadow.pg_database_size(name) RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint';
             CREATE VIEW shadow.pg_class AS SELECT * FROM pg_catalog.pg_class WHERE false;
             GRANT SELECT ON shadow.pg_class TO PUBLIC;
             ALTER ROLE :role SET search_path = shadow, pg_catalog",
        )
        .await;

    assert_sizes_are_right(&mut database).await;
    database.drop().await;
}

#[tokio::test]
async fn progress_ends_at_the_tables_and_their_bytes() {
    let Some(database) = TestDatabase::mendix().await else {
        return;
    };
    let progress = Progress::default();

    let size = measure(&database.target, PASSWORD, &progress)
        .await
        .unwrap();

    let bytes: u64 = size.tables.iter().map(|table| table.total_bytes).sum();
    assert_eq!(progress.items(), size.tables.len() as u64);
    assert_eq!(progress.bytes(), bytes);
    assert!(
        bytes < size.total_bytes,
        "the catalogue is in the total only"
    );
    database.drop().await;
}
