//! MariaDB servers with settings or a state that cut lists or hide files, and proxies that do.

use std::fs;

use collector::{MeasureError, Progress, measure_database};
use shared::fleet::{DatabaseTarget, Engine};
use shared::snapshot::{Completeness, DatabaseSize, Measurement, Quality, ServerRole};
use shared::testing::relay::{relay, replace};
use shared::testing::{PASSWORD, Server};
use sqlx::Connection;
use sqlx::mysql::MySqlConnection;

use super::local;
use super::mysql::{TestDatabase, execute, names, table};
use super::postgres::databases;

/// Measures the database `mrt` of `server` as `user`.
async fn measure(server: &Server, user: &str) -> Result<DatabaseSize, MeasureError> {
    let target = DatabaseTarget {
        user: user.into(),
        ..local(Engine::Mysql, server.port(), "mrt")
    };
    measure_database(databases(PASSWORD), &target, &Progress::default()).await
}

async fn connect(server: &Server) -> MySqlConnection {
    MySqlConnection::connect(&server.url()).await.unwrap()
}

/// After a start, InnoDB opens files when they are needed: those of full-text indexes are not open yet.
#[tokio::test]
async fn a_file_that_is_not_open_after_a_restart_is_not_missing() {
    let Some(mut server) = Server::mariadb(None) else {
        return;
    };
    let mut session = connect(&server).await;
    for statement in [
        "CREATE TABLE plain (id INT PRIMARY KEY)",
        "CREATE TABLE note (id INT PRIMARY KEY, b TEXT, FULLTEXT KEY (b))",
        "CREATE TABLE parts (id INT PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS 3",
        "CREATE SEQUENCE ids",
        "CREATE TABLE lost (id INT PRIMARY KEY)",
        "INSERT INTO note SELECT seq, CONCAT('hello world ', seq) FROM seq_1_to_2000",
    ] {
        execute(&mut session, statement).await;
    }
    let before = measure(&server, "mrt").await.unwrap();
    assert_eq!(before.completeness(), Completeness::Complete);
    let note_bytes = table(&before, "note").total_bytes;
    session.close().await.unwrap();
    server.shut_down();
    fs::remove_file(server.data_folder().join("mrt/lost.ibd")).unwrap();
    server.add_arguments(&["--innodb-buffer-pool-load-at-startup=0"]);
    server.start();

    let after = measure(&server, "mrt").await.unwrap();

    assert_eq!(names(&after), ["note", "parts", "plain"]);
    for name in ["parts", "plain"] {
        assert_eq!(
            table(&after, name).total_bytes,
            table(&before, name).total_bytes
        );
        assert_eq!(table(&after, name).quality, Quality::Exact);
    }
    let note = table(&after, "note");
    let own_bytes = fs::metadata(server.data_folder().join("mrt/note.ibd"))
        .unwrap()
        .len();
    assert!(note.total_bytes >= own_bytes && note.total_bytes < note_bytes);
    let Quality::Estimated { reason } = &note.quality else {
        panic!("{note:?}")
    };
    assert!(reason.contains("has not opened them"), "{reason}");
    assert_eq!(after.completeness(), Completeness::Partial);
    let unsized_tables = after.unsized_tables.iter();
    let unsized_tables: Vec<_> = unsized_tables
        .map(|table| (table.table.as_str(), table.reason.as_str()))
        .collect();
    let [(lost, missing), (index, unknown)] = unsized_tables[..] else {
        panic!("{unsized_tables:?}")
    };
    assert_eq!((lost, missing), ("lost", "its file is missing"));
    assert_eq!(index, "note (full-text indexes)");
    assert!(
        unknown.contains("not opened since the server started"),
        "{unknown}"
    );

    // A search opens them.
    let mut session = connect(&server).await;
    execute(
        &mut session,
        "SELECT COUNT(*) FROM note WHERE MATCH (b) AGAINST ('hello')",
    )
    .await;
    execute(&mut session, "INSERT INTO note VALUES (5000, 'more')").await;
    execute(&mut session, "DELETE FROM note WHERE id < 3000").await;
    execute(
        &mut session,
        "SET GLOBAL innodb_optimize_fulltext_only = ON",
    )
    .await;
    execute(&mut session, "OPTIMIZE TABLE note").await;
    session.close().await.unwrap();
    let searched = measure(&server, "mrt").await.unwrap();
    assert!(table(&searched, "note").total_bytes > note.total_bytes);
}

#[tokio::test]
async fn limits_of_the_server_cut_no_list() {
    let Some(server) = Server::mariadb(None) else {
        return;
    };
    let mut session = connect(&server).await;
    let limits = "SET sql_select_limit = 3, sql_safe_updates = 1, max_join_size = 2, sql_quote_show_create = 0, \
                  autocommit = 0, sql_mode = ''ANSI_QUOTES''";
    for statement in [
        "SET GLOBAL sql_select_limit = 5".to_owned(),
        format!("SET GLOBAL init_connect = '{limits}'"),
    ] {
        execute(&mut session, &statement).await;
    }
    for number in 0..12 {
        let statement = format!("CREATE TABLE t{number} (id INT PRIMARY KEY)");
        execute(&mut session, &statement).await;
    }
    for statement in [
        format!("CREATE USER reader@'%' IDENTIFIED BY '{PASSWORD}'"),
        "GRANT SHOW VIEW ON mrt.* TO reader@'%'".into(),
        "GRANT PROCESS ON *.* TO reader@'%'".into(),
    ] {
        execute(&mut session, &statement).await;
    }

    let size = measure(&server, "reader").await.unwrap();

    assert_eq!(size.tables.len(), 12);
    assert_eq!(size.total_bytes, 12 * 65_536);
    assert!(
        size.tables
            .iter()
            .all(|table| table.quality == Quality::Exact)
    );
}

/// A proxy that adds a limit of its own to a statement.
#[tokio::test]
async fn a_list_that_is_cut_on_its_way_is_an_error() {
    let Some(mut database) = TestDatabase::empty().await else {
        return;
    };
    for number in 0..6 {
        database
            .run(&format!("CREATE TABLE t{number} (id INT PRIMARY KEY)"))
            .await;
    }
    for end in [", 'TEMPORARY')", "NAME LIKE '%/%'"] {
        let port = relay(database.target.port, move |piece| {
            let kept = if end.starts_with(',') { ")" } else { "1=1" };
            let limited = format!("{kept} LIMIT 5");
            replace(piece, end, &format!("{limited:width$}", width = end.len()));
            None
        });
        let through = DatabaseTarget {
            port,
            ..database.target.clone()
        };
        let password = super::postgres::PASSWORD;

        let measured = measure_database(databases(password), &through, &Progress::default()).await;

        let error = measured.unwrap_err();
        assert_eq!((error.code, error.is_transient), ("list_cut", false));
        assert!(error.reason.contains("5 of 6 rows"), "{}", error.reason);
    }
    database.drop().await;
}

#[tokio::test]
async fn a_primary_a_replica_and_a_read_only_server_are_told_apart() {
    let (Some(mut primary), Some(replica)) = (Server::mariadb(None), Server::mariadb(None)) else {
        return;
    };
    primary.shut_down();
    primary.add_arguments(&["--log-bin", "--server-id=1"]);
    primary.start();
    let mut session = connect(&replica).await;
    for user in ["reader", "blind"] {
        for statement in [
            format!("CREATE USER {user}@'%' IDENTIFIED BY '{PASSWORD}'"),
            format!("GRANT SHOW VIEW ON mrt.* TO {user}@'%'"),
        ] {
            execute(&mut session, &statement).await;
        }
    }
    execute(&mut session, "GRANT PROCESS ON *.* TO reader@'%'").await;
    let role = async |user: &str| measure(&replica, user).await.unwrap().server_role;

    assert_eq!(role("reader").await, Some(ServerRole::Primary));
    execute(&mut session, "SET GLOBAL read_only = 1").await;
    assert_eq!(role("reader").await, Some(ServerRole::ReadOnly));
    let follow = format!(
        "CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = {}, MASTER_USER = 'mrt', MASTER_PASSWORD = '{PASSWORD}'",
        primary.port()
    );
    for statement in ["SET GLOBAL server_id = 2", &follow, "START SLAVE"] {
        execute(&mut session, statement).await;
    }
    let receiving =
        "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE COMMAND = 'Slave_IO'";
    while sqlx::query_scalar::<_, i64>(receiving)
        .fetch_one(&mut session)
        .await
        .unwrap()
        == 0
    {
        tokio::task::yield_now().await;
    }
    assert_eq!(role("reader").await, Some(ServerRole::Replica));
    assert_eq!(role("blind").await, None);
}
