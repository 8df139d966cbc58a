//! Tables of a PostgreSQL database and their sizes.

use collector::Progress;
use shared::snapshot::{
    Completeness, Measurement, MendixCatalogue, Persistence, Quality, TableKind,
};

use super::postgres::{PASSWORD, TestDatabase, execute, measure, table};

/// Creates one relation of each kind that holds rows, including trees of partitions.
pub(super) const EVERYTHING: &str =
    "CREATE SCHEMA parts;
     CREATE TABLE log (at int NOT NULL, text text) PARTITION BY RANGE (at);
     CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM (0) TO (100);
     CREATE TABLE parts.log_2 PARTITION OF log FOR VALUES FROM (100) TO (200) PARTITION BY RANGE (at);
     CREATE TABLE parts.log_2_1 PARTITION OF parts.log_2 FOR VALUES FROM (100) TO (150);
     CREATE TABLE old (at int NOT NULL, text text);
     ALTER TABLE parts.log_2 ATTACH PARTITION old FOR VALUES FROM (150) TO (200);
     CREATE INDEX ON log (at);
     INSERT INTO log SELECT n, repeat(md5(n::text), 400) FROM generate_series(0, 199) AS n;
     CREATE TABLE alone (at int) PARTITION BY LIST (at);
     CREATE MATERIALIZED VIEW daily AS SELECT at FROM log;
     CREATE UNLOGGED TABLE cache (id int PRIMARY KEY);
     CREATE TABLE base (a int); CREATE TABLE heir () INHERITS (base);
     CREATE VIEW recent AS SELECT 1 AS at;
     CREATE SEQUENCE numbers;
     ANALYZE";

/// Asserts that every size equals PostgreSQL's own, queried table by table without our SQL. A partitioned table is
/// compared with the sum of its tree.
pub(super) async fn assert_sizes_are_right(database: &mut TestDatabase) {
    let size = database.measure().await.unwrap();
    let tables = "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE relkind IN ('r', 'm', 'p') AND nspname !~ '^(pg_catalog|pg_toast|information_schema)'";
    assert_eq!(size.tables.len() as u64, database.number(tables).await);
    for table in &size.tables {
        let oid = format!(
            "(SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
              WHERE nspname = $s${}$s$ AND relname = $s${}$s$)",
            table.schema, table.table
        );
        let tree = match table.kind {
            TableKind::Partitioned => {
                format!("(SELECT relid AS oid FROM pg_partition_tree({oid})) AS tree")
            }
            _ => format!("(SELECT {oid} AS oid) AS tree"),
        };
        let sum = |what: &str| format!("SELECT coalesce(sum({what}), 0)::bigint FROM {tree}");
        let toast = format!(
            "SELECT coalesce(sum(pg_total_relation_size(nullif(reltoastrelid, 0))), 0)::bigint
             FROM pg_class JOIN {tree} USING (oid)"
        );

        let name = &table.table;
        let total = database.number(&sum("pg_total_relation_size(oid)")).await;
        let index = database.number(&sum("pg_indexes_size(oid)")).await;
        let without_indexes = database.number(&sum("pg_table_size(oid)")).await;
        assert_eq!(table.total_bytes, total, "{name}");
        assert_eq!(table.index_bytes, Some(index), "{name}");
        assert_eq!(
            table.toast_bytes,
            Some(database.number(&toast).await),
            "{name}"
        );
        let heap_and_toast = table.heap_bytes.unwrap() + table.toast_bytes.unwrap();
        assert_eq!(heap_and_toast, without_indexes, "{name}");
        assert_eq!(heap_and_toast + table.index_bytes.unwrap(), total, "{name}");
        assert_eq!(table.quality, Quality::Exact, "{name}");
    }
    let whole = "SELECT pg_database_size(current_database())";
    assert_eq!(size.total_bytes, database.number(whole).await);
    let system = "SELECT sum(pg_total_relation_size(c.oid))::bigint
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE relkind IN ('r', 'm') AND nspname IN ('pg_catalog', 'information_schema') AND NOT relisshared";
    assert_eq!(size.system_bytes, Some(database.number(system).await));
    let other = size.other_bytes().unwrap();
    assert_eq!(
        size.table_bytes() + size.system_bytes.unwrap() + other,
        size.total_bytes
    );
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
    assert_eq!(size.mendix_catalogue, Some(MendixCatalogue::Denied));
    assert!(table(&size, "system$user").unwrap().is_system);
    assert!(!table(&size, "sales$order").unwrap().is_system);
    database.drop().await;
}

#[tokio::test]
async fn entities_are_named_if_the_catalogue_can_be_read() {
    let Some(mut database) = TestDatabase::mendix().await else {
        return;
    };
    database
        .run(
            r#"GRANT SELECT ("entity_name", "table_name") ON "mendixsystem$entity" TO :role;
               GRANT SELECT ("association_name", "table_name") ON "mendixsystem$association" TO :role;
               CREATE TABLE "aca220e2aca220e2aca220e2aca220e2" (id bigint)"#,
        )
        .await;

    let size = database.measure().await.unwrap();

    let order = table(&size, "sales$order").unwrap();
    assert_eq!(order.entity.as_deref(), Some("Sales.Order"));
    assert_eq!(order.module.as_deref(), Some("Sales"));
    assert_eq!(order.row_estimate, Some(8000));
    let association = table(&size, "sales$order_customer").unwrap();
    assert_eq!(association.entity, None);
    assert_eq!(
        association.association.as_deref(),
        Some("Sales.Order_Customer")
    );
    assert_eq!(association.module.as_deref(), Some("Sales"));
    assert!(table(&size, "system$user").unwrap().is_system);
    assert!(
        table(&size, "aca220e2aca220e2aca220e2aca220e2")
            .unwrap()
            .is_transient
    );
    assert_eq!(size.mendix_catalogue, Some(MendixCatalogue::Read));
    assert_eq!(table(&size, "bi_export_tmp").unwrap().entity, None);
    assert!(table(&size, "sales$remotething").is_none());
    assert!(!format!("{size:?}").to_lowercase().contains("neverleak"));
    database.drop().await;
}

/// Catalogues of old versions lack columns and tables, but none that are needed.
#[tokio::test]
async fn an_old_catalogue_names_its_entities_too() {
    let Some(mut database) = TestDatabase::mendix().await else {
        return;
    };
    database
        .run(
            r#"ALTER TABLE "mendixsystem$version" DROP COLUMN "mendixversion";
               ALTER TABLE "mendixsystem$entity" DROP COLUMN "remote", DROP COLUMN "remote_primary_key";
               DROP TABLE "mendixsystem$association";
               GRANT SELECT ON "mendixsystem$entity" TO :role"#,
        )
        .await;

    let size = database.measure().await.unwrap();

    assert_eq!(size.mendix_catalogue, Some(MendixCatalogue::Read));
    let entity = |name| table(&size, name).unwrap().entity.clone();
    assert_eq!(entity("sales$order").as_deref(), Some("Sales.Order"));
    assert_eq!(entity("sales$order_customer"), None);
    database.drop().await;
}

#[tokio::test]
async fn without_access_to_associations_entities_are_named_and_the_catalogue_is_denied() {
    let Some(mut database) = TestDatabase::mendix().await else {
        return;
    };
    database
        .run(r#"GRANT SELECT ON "mendixsystem$entity" TO :role"#)
        .await;

    let size = database.measure().await.unwrap();

    assert_eq!(size.mendix_catalogue, Some(MendixCatalogue::Denied));
    assert!(table(&size, "sales$order").unwrap().entity.is_some());
    assert_eq!(
        table(&size, "sales$order_customer").unwrap().association,
        None
    );
    database.drop().await;
}

/// One of the two columns is not enough, and a failed attempt would only fill the database's log.
#[tokio::test]
async fn a_catalogue_that_can_be_read_only_in_part_is_not_queried() {
    let Some(mut database) = TestDatabase::mendix().await else {
        return;
    };
    database
        .run(r#"GRANT SELECT ("entity_name") ON "mendixsystem$entity" TO :role"#)
        .await;

    let size = database.measure().await.unwrap();

    assert_eq!(table(&size, "sales$order").unwrap().entity, None);
    assert_eq!(size.mendix_catalogue, Some(MendixCatalogue::Denied));
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
async fn unusual_names_are_reported_unchanged() {
    let Some(mut database) = TestDatabase::empty().await else {
        return;
    };
    database
        .run(
            r#"CREATE SCHEMA "o'dd ""Schema""";
               CREATE TABLE "o'dd ""Schema"""."t $1 \ ; -- ünï 表" (a text);
               CREATE TABLE "Module$Entity" (id bigint PRIMARY KEY);
               CREATE TABLE "sixty_three_bytes_are_the_longest_name_that_postgresql_keeps_xx" (id bigint PRIMARY KEY);
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
async fn out_of_line_values_are_toast_and_not_heap() {
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
async fn every_relation_with_rows_counts_once() {
    let Some(mut database) = TestDatabase::empty().await else {
        return;
    };
    database.run(EVERYTHING).await;
    let mut other = database.other_session().await;
    execute(
        &mut other,
        "CREATE TEMP TABLE session_data AS SELECT generate_series(1, 1000)",
    )
    .await;

    assert_sizes_are_right(&mut database).await;
    let size = database.measure().await.unwrap();

    let mut reported: Vec<_> = size
        .tables
        .iter()
        .map(|table| {
            let parent = table
                .partition_of
                .as_ref()
                .map(|parent| parent.table.as_str());
            (
                table.table.as_str(),
                table.kind.as_str(),
                table.persistence.as_str(),
                parent,
            )
        })
        .collect();
    reported.sort_unstable();
    assert_eq!(
        reported,
        [
            ("alone", "partitioned", "permanent", None),
            ("base", "table", "permanent", None),
            ("cache", "table", "unlogged", None),
            ("daily", "materialized_view", "permanent", None),
            ("heir", "table", "permanent", None),
            ("log", "partitioned", "permanent", None),
            ("log_1", "table", "permanent", Some("log")),
            ("log_2", "partitioned", "permanent", Some("log")),
            ("log_2_1", "table", "permanent", Some("log_2")),
            ("old", "table", "permanent", Some("log_2")),
            ("session_data", "table", "temporary", None),
        ]
    );
    assert_eq!(table(&size, "log").unwrap().row_estimate, Some(200));
    assert_eq!(size.summary().table_count, 7);
    let sum: u64 = size.tables.iter().map(|table| table.total_bytes).sum();
    assert!(size.table_bytes() < sum, "partitions are not counted twice");
    let temporary =
        |table: &&shared::snapshot::TableSize| table.persistence == Persistence::Temporary;
    assert!(size.tables.iter().find(temporary).unwrap().total_bytes > 0);
    drop(other);
    database.drop().await;
}

#[tokio::test]
async fn a_tables_id_survives_a_rename_and_not_a_new_table() {
    let Some(mut database) = TestDatabase::empty().await else {
        return;
    };
    database
        .run(
            "CREATE TABLE renamed (a int); CREATE TABLE replaced (a int);
             CREATE TABLE log (at int) PARTITION BY RANGE (at);
             CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM (0) TO (100)",
        )
        .await;
    let before = database.measure().await.unwrap();
    database
        .run(
            "ALTER TABLE renamed RENAME TO other; ALTER TABLE other ADD COLUMN b text DEFAULT random()::text;
             TRUNCATE other; DROP TABLE replaced; CREATE TABLE replaced (a int)",
        )
        .await;

    let after = database.measure().await.unwrap();

    let id = |size, name| table(size, name).unwrap().table_id.unwrap();
    assert_eq!(id(&after, "other"), id(&before, "renamed"));
    assert_ne!(id(&after, "replaced"), id(&before, "replaced"));
    for name in ["log", "log_1"] {
        let oid = format!("SELECT '{name}'::regclass::oid::bigint");
        assert_eq!(id(&after, name), database.number(&oid).await);
    }
    database.drop().await;
}

#[tokio::test]
async fn dead_rows_and_the_last_vacuum_are_reported() {
    let Some(mut database) = TestDatabase::empty().await else {
        return;
    };
    database
        .run(
            "CREATE TABLE worn (a int) WITH (autovacuum_enabled = off);
             CREATE TABLE fresh (a int) WITH (autovacuum_enabled = off);
             INSERT INTO worn SELECT generate_series(1, 100)",
        )
        .await;
    database.run("VACUUM ANALYZE worn").await;
    database.run("DELETE FROM worn WHERE a <= 40").await;
    database.run("SELECT pg_stat_force_next_flush()").await;
    // A session publishes its statistics when it is idle, so the query is repeated until they arrive.
    while database
        .number("SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = 'worn'")
        .await
        < 40
    {
        database.run("SELECT pg_stat_force_next_flush()").await;
    }

    let size = database.measure().await.unwrap();

    let worn = table(&size, "worn").unwrap();
    assert_eq!(
        (worn.row_estimate, worn.dead_row_estimate),
        (Some(100), Some(40))
    );
    assert!(worn.last_vacuum_at.is_some() && worn.last_analyze_at.is_some());
    let fresh = table(&size, "fresh").unwrap();
    assert_eq!((fresh.last_vacuum_at, fresh.last_analyze_at), (None, None));
    database.drop().await;
}

/// A search path that the app controls must not replace the functions that we call.
#[tokio::test]
async fn a_search_path_cannot_redirect_our_queries() {
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
async fn progress_counts_all_tables_and_their_bytes() {
    let Some(database) = TestDatabase::mendix().await else {
        return;
    };
    let progress = Progress::default();

    let size = measure(&database.target, PASSWORD, &progress)
        .await
        .unwrap();

    let bytes = size.table_bytes();
    assert_eq!(progress.items(), size.tables.len() as u64);
    assert_eq!(progress.bytes(), bytes);
    assert!(
        bytes < size.total_bytes,
        "the catalogue is in the total only"
    );
    database.drop().await;
}
