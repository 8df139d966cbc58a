//! Tables of a MariaDB or MySQL database and their sizes.

use shared::snapshot::{Completeness, Measurement, MendixCatalogue, Quality, TableKind};

use super::mysql::{TestDatabase, execute, names, numbers, table};

/// Files grow immediately; the statistics of `information_schema` lag behind.
#[tokio::test]
async fn bytes_come_from_files_and_not_from_the_last_statistics() {
    let Some(mut database) = TestDatabase::empty().await else {
        return;
    };
    database
        .run(
            "CREATE TABLE `sales$order` (id BIGINT PRIMARY KEY, note VARCHAR(500), KEY (note(50)))",
        )
        .await;
    database
        .run("ALTER TABLE `sales$order` STATS_AUTO_RECALC = 0")
        .await;
    database.run("ANALYZE TABLE `sales$order`").await;
    database
        .run(&format!(
            "INSERT INTO `sales$order` SELECT seq, REPEAT('x', 400) FROM {}",
            numbers(5000)
        ))
        .await;

    let size = database.measure().await.unwrap();

    let file_bytes = database.file_bytes("sales$order").await;
    let statistics = "SELECT DATA_LENGTH + INDEX_LENGTH FROM information_schema.TABLES
        WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'sales$order'";
    let statistics_bytes = database.number(statistics).await;
    let order = table(&size, "sales$order");
    assert!(file_bytes > 2_000_000 && statistics_bytes < 100_000);
    assert_eq!(
        (order.total_bytes, &order.quality),
        (file_bytes, &Quality::Exact)
    );
    assert!(order.are_parts_estimated);
    assert_eq!(
        order.heap_bytes.unwrap() + order.index_bytes.unwrap(),
        statistics_bytes
    );
    assert!(order.free_bytes.is_some() && order.toast_bytes.is_none());
    assert_eq!(size.total_bytes, file_bytes);
    assert_eq!(size.completeness(), Completeness::Complete);
    database.drop().await;
}

#[tokio::test]
async fn free_bytes_are_the_unused_bytes_of_the_file() {
    let Some(mut database) = TestDatabase::empty().await else {
        return;
    };
    database
        .run("CREATE TABLE t (id BIGINT PRIMARY KEY, note VARCHAR(640), KEY by_note (note))")
        .await;
    database
        .run(&format!(
            "INSERT INTO t SELECT seq, REPEAT(SHA2(seq, 256), 10) FROM {}",
            numbers(10000)
        ))
        .await;
    // The file does not shrink when an index is dropped.
    database.run("ALTER TABLE t DROP INDEX by_note").await;

    let data_free = "SELECT DATA_FREE FROM information_schema.TABLES
        WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 't'";
    // The server purges the file in the background, so the value must be the same before and after.
    let (size, free_bytes) = loop {
        let before = database.number(data_free).await;
        let size = database.measure().await.unwrap();
        if database.number(data_free).await == before {
            break (size, before);
        }
    };
    let total_bytes = table(&size, "t").total_bytes;
    assert!(
        (1..total_bytes).contains(&free_bytes),
        "{free_bytes} of {total_bytes}"
    );
    assert_eq!(table(&size, "t").free_bytes, Some(free_bytes));
    database.drop().await;
}

#[tokio::test]
async fn a_partitioned_table_is_one_table_with_the_bytes_of_all_its_files() {
    let Some(mut database) = TestDatabase::empty().await else {
        return;
    };
    database
        .run(
            "CREATE TABLE log (id INT, day INT, PRIMARY KEY (id, day)) PARTITION BY RANGE (day)
             SUBPARTITION BY HASH (id) SUBPARTITIONS 2
             (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE)",
        )
        .await;
    database
        .run(&format!(
            "INSERT INTO log SELECT seq, seq % 20 FROM {}",
            numbers(20000)
        ))
        .await;

    let size = database.measure().await.unwrap();

    // MariaDB's name of a partition's file has a capital letter.
    let files = if database.is_mariadb {
        "log#P#"
    } else {
        "log#p#"
    };
    let bytes_of_files = database.bytes_of_all_files(files).await;
    assert_eq!(names(&size), ["log"]);
    let log = table(&size, "log");
    assert_eq!(log.kind, TableKind::Partitioned);
    assert_eq!(log.total_bytes, bytes_of_files);
    assert_eq!(log.quality, Quality::Exact);
    assert_eq!(size.total_bytes, log.total_bytes);
    assert_eq!(size.summary().table_count, 1);
    database.drop().await;
}

/// InnoDB gives a table a new id when it rebuilds it (`TRUNCATE`, some `ALTER`), and none to a partitioned table.
#[tokio::test]
async fn a_tables_id_survives_a_rename_and_not_a_new_table() {
    let Some(mut database) = TestDatabase::empty().await else {
        return;
    };
    for statement in [
        "CREATE TABLE `renamed` (id INT PRIMARY KEY, body TEXT, FULLTEXT (body))",
        "CREATE TABLE replaced (id INT PRIMARY KEY)",
        "CREATE TABLE emptied (id INT PRIMARY KEY)",
        "CREATE TABLE log (id INT PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS 2",
        "CREATE TABLE my (id INT PRIMARY KEY) ENGINE = MyISAM",
    ] {
        database.run(statement).await;
    }
    let before = database.measure().await.unwrap();
    for statement in [
        "RENAME TABLE `renamed` TO `Größe$1`",
        "DROP TABLE replaced",
        "CREATE TABLE replaced (id INT PRIMARY KEY)",
        "TRUNCATE emptied",
    ] {
        database.run(statement).await;
    }

    let after = database.measure().await.unwrap();

    let id = |size, name| table(size, name).table_id;
    assert!(id(&before, "renamed").is_some() && id(&before, "replaced").is_some());
    assert_eq!(id(&after, "Größe$1"), id(&before, "renamed"));
    for name in ["replaced", "emptied"] {
        assert_ne!(id(&after, name), id(&before, name), "{name}");
    }
    assert_eq!((id(&after, "log"), id(&after, "my")), (None, None));
    database.drop().await;
}

#[tokio::test]
async fn unusual_names_are_reported_unchanged_and_matched_to_their_files() {
    let Some(mut database) = TestDatabase::empty().await else {
        return;
    };
    let long = "ü".repeat(64);
    let unusual = [
        "system$user",
        "with \"quotes\" and spaces",
        "back`tick",
        "a#P#p0",
        "slash/and\\back",
        "日本 表",
        "Ünïcode",
        "aux",
        "FTS_notes",
        "semi;colon--",
        long.as_str(),
    ];
    for name in unusual {
        let name = name.replace('`', "``");
        database
            .run(&format!("CREATE TABLE `{name}` (id INT PRIMARY KEY)"))
            .await;
    }

    let size = database.measure().await.unwrap();

    let bytes = database.file_bytes("FTS_notes").await;
    let mut expected = unusual.to_vec();
    expected.sort_unstable();
    assert_eq!(names(&size), expected);
    for table in &size.tables {
        assert_eq!(table.quality, Quality::Exact, "{table:?}");
        assert_eq!(table.total_bytes, bytes, "{table:?}");
        assert_eq!(table.schema, database.target.name);
    }
    database.drop().await;
}

#[tokio::test]
async fn full_text_indexes_sequences_views_and_other_engines_are_distinguished() {
    let Some(mut database) = TestDatabase::empty().await else {
        return;
    };
    for statement in [
        "CREATE TABLE note (id INT PRIMARY KEY, body TEXT, FULLTEXT (body))",
        "CREATE VIEW seen AS SELECT * FROM note",
        "CREATE TABLE my (id INT PRIMARY KEY, body TEXT) ENGINE = MyISAM",
        "CREATE TABLE memory (id INT) ENGINE = MEMORY",
        "CREATE TABLE csv (id INT NOT NULL) ENGINE = CSV",
    ] {
        database.run(statement).await;
    }
    let rows = format!("SELECT seq, REPEAT('y', 100) FROM {}", numbers(1000));
    database.run(&format!("INSERT INTO my {rows}")).await;
    let mut expected = vec!["my", "note"];
    if database.is_mariadb {
        database.run("CREATE SEQUENCE numbers").await;
        database
            .run("CREATE TABLE versioned (id INT PRIMARY KEY) WITH SYSTEM VERSIONING")
            .await;
        expected.push("versioned");
    }

    let size = database.measure().await.unwrap();

    assert_eq!(names(&size), expected);
    let parts = "SELECT DATA_LENGTH + INDEX_LENGTH FROM information_schema.TABLES
        WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'my'";
    let my = table(&size, "my");
    assert_eq!(my.total_bytes, database.number(parts).await);
    assert_eq!(
        (&my.quality, my.are_parts_estimated, my.row_estimate),
        (&Quality::Exact, false, Some(1000))
    );
    let note = table(&size, "note");
    let own = database.file_bytes("note").await;
    // The index that is in the table's own file counts once the server has updated its statistics.
    assert!(note.total_bytes > own && note.index_bytes.unwrap() >= note.total_bytes - own);
    assert_eq!(size.unsized_tables.len(), 1);
    assert_eq!(size.unsized_tables[0].table, "csv");
    assert_eq!(size.completeness(), Completeness::Partial);
    let all_files = database.bytes_of_all_files("").await;
    assert_eq!(size.total_bytes, all_files + my.total_bytes);
    database.drop().await;
}

#[tokio::test]
async fn entities_come_from_the_runtimes_catalogue_if_the_role_can_read_it() {
    let Some(mut database) = TestDatabase::empty().await else {
        return;
    };
    for statement in [
        "CREATE TABLE `mendixsystem$entity` (id VARCHAR(36) PRIMARY KEY, entity_name VARCHAR(511), table_name VARCHAR(255))",
        "INSERT INTO `mendixsystem$entity` VALUES ('1', 'Sales.Order', 'sales$order'), ('2', 'Sales.Never', NULL)",
        "CREATE TABLE `sales$order` (id BIGINT PRIMARY KEY)",
        "CREATE TABLE `mendixsystem$association` (id VARCHAR(36) PRIMARY KEY, association_name VARCHAR(511), table_name VARCHAR(255))",
        "INSERT INTO `mendixsystem$association` VALUES ('1', 'Sales.Order_Customer', 'sales$order_customer'), ('2', 'Sales.Order_Item', 'sales$order')",
        "CREATE TABLE `sales$order_customer` (id BIGINT PRIMARY KEY)",
        "CREATE TABLE `aca220e2aca220e2aca220e2aca220e2` (id BIGINT PRIMARY KEY)",
    ] {
        database.run(statement).await;
    }
    let denied = database.measure().await.unwrap();
    database
        .run("GRANT SELECT (entity_name, table_name) ON :database.`mendixsystem$entity` TO :role")
        .await;

    let in_part = database.measure().await.unwrap();
    database
        .run("GRANT SELECT (association_name, table_name) ON :database.`mendixsystem$association` TO :role")
        .await;

    let read = database.measure().await.unwrap();

    assert_eq!(in_part.mendix_catalogue, Some(MendixCatalogue::Denied));
    assert!(table(&in_part, "sales$order").entity.is_some());
    assert_eq!(table(&in_part, "sales$order_customer").association, None);
    assert_eq!(denied.mendix_catalogue, Some(MendixCatalogue::Denied));
    assert_eq!(table(&denied, "sales$order").entity, None);
    assert_eq!(read.mendix_catalogue, Some(MendixCatalogue::Read));
    let order = table(&read, "sales$order");
    assert_eq!(
        (order.entity.as_deref(), order.module.as_deref()),
        (Some("Sales.Order"), Some("Sales"))
    );
    let customer = table(&read, "sales$order_customer");
    assert_eq!(
        customer.association.as_deref(),
        Some("Sales.Order_Customer")
    );
    assert_eq!(
        (&customer.entity, customer.module.as_deref()),
        (&None, Some("Sales"))
    );
    assert!(table(&read, "aca220e2aca220e2aca220e2aca220e2").is_transient);
    assert!(table(&read, "mendixsystem$entity").is_system);
    database.drop().await;
}

/// `LOCK TABLES … WRITE` does not conflict with any query. A table that is being created is listed without sizes by MariaDB,
/// and its file counts; MySQL does not list it yet.
#[tokio::test]
async fn locks_of_other_sessions_cost_no_wait_and_no_table() {
    let Some(mut database) = TestDatabase::empty().await else {
        return;
    };
    for name in ["locked", "free"] {
        database
            .run(&format!("CREATE TABLE {name} (id INT PRIMARY KEY)"))
            .await;
    }
    let mut writer = database.other_session().await;
    execute(&mut writer, "LOCK TABLES locked WRITE").await;
    let mut maker = database.other_session().await;
    let making = tokio::spawn(async move {
        // Until its connection is killed.
        let made = sqlx::raw_sql(
            "CREATE TABLE making AS SELECT n, SLEEP(600) FROM (SELECT 1 AS n UNION SELECT 2) AS two",
        );
        made.execute(&mut maker).await.is_err()
    });
    let is_making = "SELECT COUNT(*) FROM information_schema.PROCESSLIST
        WHERE DB = DATABASE() AND STATE = 'User sleep'";
    while database.number(is_making).await == 0 {
        tokio::task::yield_now().await;
    }

    let size = database.measure().await.unwrap();

    let kill = "SELECT ID FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND STATE = 'User sleep'";
    let id = database.number(kill).await;
    database.run(&format!("KILL {id}")).await;
    assert!(making.await.unwrap());
    assert_eq!(table(&size, "locked").quality, Quality::Exact);
    assert_eq!(table(&size, "free").quality, Quality::Exact);
    if database.is_mariadb {
        let making = table(&size, "making");
        assert_eq!((making.total_bytes, making.heap_bytes), (65_536, None));
    }
    drop(writer);
    database.drop().await;
}

/// Other sessions queue behind a waiting schema change, but the measurement does not.
#[tokio::test]
async fn a_measurement_does_not_wait_for_a_pending_schema_change() {
    let Some(mut database) = TestDatabase::empty().await else {
        return;
    };
    database.run("CREATE TABLE t (id INT PRIMARY KEY)").await;
    let mut reader = database.other_session().await;
    execute(&mut reader, "BEGIN").await;
    execute(&mut reader, "SELECT * FROM t").await;
    let mut changer = database.other_session().await;
    let change = tokio::spawn(async move {
        execute(&mut changer, "ALTER TABLE t ADD COLUMN n INT").await;
    });
    let waiting = "SELECT COUNT(*) FROM information_schema.PROCESSLIST
        WHERE DB = DATABASE() AND STATE = 'Waiting for table metadata lock'";
    while database.number(waiting).await == 0 {
        tokio::task::yield_now().await;
    }

    let size = database.measure().await.unwrap();

    assert_eq!(table(&size, "t").quality, Quality::Exact);
    assert_eq!(table(&size, "t").heap_bytes, Some(16_384));
    execute(&mut reader, "COMMIT").await;
    change.await.unwrap();
    database.drop().await;
}

#[tokio::test]
async fn tables_created_and_dropped_meanwhile_cause_no_error() {
    let Some(mut database) = TestDatabase::empty().await else {
        return;
    };
    for number in 0..20 {
        database
            .run(&format!("CREATE TABLE stays{number} (id INT PRIMARY KEY)"))
            .await;
    }
    let mut other = database.other_session().await;
    let is_over = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let flag = is_over.clone();
    let churn = tokio::spawn(async move {
        let mut rounds = 0;
        while !flag.load(std::sync::atomic::Ordering::SeqCst) {
            execute(&mut other, "CREATE TABLE comes (id INT PRIMARY KEY)").await;
            execute(&mut other, "ALTER TABLE comes FORCE").await;
            execute(&mut other, "DROP TABLE comes").await;
            rounds += 1;
        }
        rounds
    });

    for _ in 0..10 {
        let size = database.measure().await.unwrap();

        for number in 0..20 {
            let name = format!("stays{number}");
            assert_eq!(table(&size, &name).quality, Quality::Exact);
        }
        assert!(
            size.unsized_tables
                .iter()
                .all(|table| table.table == "comes")
        );
    }
    is_over.store(true, std::sync::atomic::Ordering::SeqCst);
    assert!(churn.await.unwrap() > 0);
    database.drop().await;
}
