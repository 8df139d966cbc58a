//! File documents counted on a real PostgreSQL and MariaDB.

use std::sync::atomic::{AtomicU32, Ordering};

use aws_lambda_events::event::sqs::SqsEvent;
use collector::{
    BatchHandler, DatabaseCollector, FileDocumentSource, Job, MeasureError, Progress, Source,
    Subject,
};
use serde_json::json;
use shared::clock;
use shared::deployment_key::DeploymentKey;
use shared::fleet::DatabaseTarget;
use shared::snapshot::{Completeness, DatabaseSize, FileDocuments, Measurement};
use shared::testing::relay::relay;
use shared::testing::time::at;

use super::mysql;
use super::postgres::{PASSWORD, TestDatabase, databases, execute};
use crate::support::{FleetFile, HOUR, World};

const COLUMNS: &str = r#"GRANT SELECT (hascontents, size) ON "system$filedocument" TO :role"#;
const TABLE: &str = r#"CREATE TABLE "system$filedocument" (id bigint PRIMARY KEY, name text, hascontents boolean, size bigint)"#;
/// Two documents with sizes, one without contents, one of nothing, and three without a known size.
const ROWS: &str = r#"INSERT INTO "system$filedocument" VALUES
    (1, 'NEVERLEAK', true, 300), (2, NULL, true, 5000000000), (3, NULL, false, 7), (4, NULL, NULL, 9),
    (5, NULL, true, 0), (6, NULL, true, NULL), (7, NULL, true, -1), (8, NULL, true, NULL)"#;
const COUNTED: FileDocuments = FileDocuments {
    document_count: 6,
    document_bytes: 5_000_000_300,
    unsized_count: 3,
};

async fn count(target: &DatabaseTarget) -> Result<FileDocuments, MeasureError> {
    let source = FileDocumentSource::new(databases(PASSWORD));
    let counted = source.measure(target, &Progress::default()).await;
    counted.inspect_err(|error| {
        assert!(!shared::telemetry::error_chain(error).contains("NEVERLEAK"));
    })
}

#[tokio::test]
async fn documents_with_contents_are_counted_and_those_without_a_size_apart() {
    let Some(mut database) = TestDatabase::empty().await else {
        return;
    };
    for statements in [TABLE, ROWS, COLUMNS] {
        database.run(statements).await;
    }

    let counted = count(&database.target).await.unwrap();

    assert_eq!(counted, COUNTED);
    assert_eq!(counted.completeness(), Completeness::Partial);
    database.drop().await;
}

/// A stand-in for a replica, which cancels the count once and ends the connection.
#[tokio::test]
async fn a_count_that_a_replica_cancels_is_repeated_once() {
    let Some(mut database) = TestDatabase::empty().await else {
        return;
    };
    for statements in [TABLE, ROWS, COLUMNS] {
        database.run(statements).await;
    }
    let replica_that_cancels = |times: u32| {
        let cancelled = AtomicU32::new(0);
        let port = relay(database.target.port, move |piece| {
            let is_count = piece.windows(14).any(|part| part == b"unsized_count\n");
            if !is_count || cancelled.fetch_add(1, Ordering::Relaxed) >= times {
                return None;
            }
            let words = "canceling statement due to conflict with recovery";
            let fields = format!("SERROR\0VERROR\0C40001\0M{words}\0\0");
            let length = u32::try_from(fields.len() + 4).unwrap();
            Some([b"E", &length.to_be_bytes()[..], fields.as_bytes()].concat())
        });
        DatabaseTarget {
            port,
            ..database.target.clone()
        }
    };

    let once = count(&replica_that_cancels(1)).await;
    let twice = count(&replica_that_cancels(2)).await;

    assert_eq!(once.unwrap(), COUNTED);
    let error = twice.unwrap_err();
    assert_eq!((error.code, error.is_transient), ("conflict", true));
    database.drop().await;
}

#[tokio::test]
async fn each_thing_that_is_missing_has_its_own_code() {
    let Some(mut database) = TestDatabase::empty().await else {
        return;
    };

    let no_table = count(&database.target).await.unwrap_err();
    database
        .run(r#"CREATE TABLE "system$filedocument" (id bigint, hascontents boolean)"#)
        .await;
    let no_column = count(&database.target).await.unwrap_err();
    database
        .run(r#"ALTER TABLE "system$filedocument" ADD size bigint"#)
        .await;
    database
        .run(r#"GRANT SELECT (hascontents) ON "system$filedocument" TO :role"#)
        .await;
    let no_right = count(&database.target).await.unwrap_err();

    let codes = [&no_table, &no_column, &no_right].map(|error| error.code);
    assert_eq!(
        codes,
        [
            "not_a_mendix_database",
            "document_sizes_missing",
            "grants_missing"
        ]
    );
    assert!(
        [&no_table, &no_column, &no_right]
            .iter()
            .all(|error| !error.is_transient)
    );
    // Only a database that has nothing to count needs no action.
    assert!(no_table.is_not_applicable && !no_column.is_not_applicable);
    database.drop().await;
}

#[tokio::test]
async fn a_locked_table_is_a_transient_error_and_the_app_does_not_wait() {
    let Some(mut database) = TestDatabase::empty().await else {
        return;
    };
    for statements in [TABLE, COLUMNS] {
        database.run(statements).await;
    }
    let mut other = database.other_session().await;
    execute(
        &mut other,
        r#"BEGIN; LOCK TABLE "system$filedocument" IN ACCESS EXCLUSIVE MODE"#,
    )
    .await;

    let error = count(&database.target).await.unwrap_err();

    assert_eq!((error.code, error.is_transient), ("lock_timeout", true));
    execute(&mut other, "ROLLBACK").await;
    assert!(count(&database.target).await.is_ok());
    drop(other);
    database.drop().await;
}

#[tokio::test]
async fn mariadb_counts_the_same_with_bits_and_with_small_integers() {
    for kind in ["bit(1)", "tinyint(1)"] {
        let Some(mut database) = mysql::TestDatabase::empty().await else {
            return;
        };
        let table = TABLE.replace('"', "`").replace("boolean", kind);
        database.run(&table).await;
        database.run(&ROWS.replace('"', "`")).await;
        database
            .run("GRANT SELECT (hascontents, size) ON :database.`system$filedocument` TO :role")
            .await;

        assert_eq!(count(&database.target).await.unwrap(), COUNTED, "{kind}");
        database.drop().await;
    }
}

#[tokio::test]
async fn mariadb_tells_apart_what_is_missing() {
    let Some(mut database) = mysql::TestDatabase::empty().await else {
        return;
    };

    let no_table = count(&database.target).await.unwrap_err();
    database
        .run("CREATE TABLE `system$filedocument` (id bigint, hascontents bit(1))")
        .await;
    let no_right = count(&database.target).await.unwrap_err();
    database
        .run("GRANT SELECT (hascontents) ON :database.`system$filedocument` TO :role")
        .await;
    let no_column = count(&database.target).await.unwrap_err();

    let codes = [no_table, no_column, no_right].map(|error| error.code);
    assert_eq!(
        codes,
        [
            "not_a_mendix_database",
            "document_sizes_missing",
            "grants_missing"
        ]
    );
    database.drop().await;
}

#[tokio::test]
async fn an_empty_table_has_no_documents() {
    let Some(mut database) = TestDatabase::empty().await else {
        return;
    };
    for statements in [TABLE, COLUMNS] {
        database.run(statements).await;
    }

    let counted = count(&database.target).await.unwrap();

    assert_eq!((counted.document_count, counted.document_bytes), (0, 0));
    assert_eq!(counted.completeness(), Completeness::Complete);
    database.drop().await;
}

#[tokio::test]
async fn one_batch_measures_tables_and_counts_documents() {
    let Some(mut database) = TestDatabase::empty().await else {
        return;
    };
    for statements in [TABLE, ROWS, COLUMNS] {
        database.run(statements).await;
    }
    let target = &database.target;
    let world = World::at("2026-11-23T20:00:03Z");
    let fleet = FleetFile::with(&format!(
        "[[environment]]\nname = \"acme-prod\"\n[environment.database]\nengine = \"postgres\"\n\
         host = \"127.0.0.1\"\nport = {}\nname = \"{}\"\nuser = \"{}\"\nauth = \"env:MRT_TEST_ROLE_PASSWORD\"\n",
        target.port, target.name, target.user
    ));
    let scheduled_at = at("2026-11-23T20:00:00Z");
    let tables = Job::at_every_tick(target.id(), scheduled_at);
    let documents = Job::about(Subject::FileDocuments, target.id(), scheduled_at);
    let record = |id: &str, body: String| json!({"messageId": id, "body": body, "attributes": {}, "messageAttributes": {}});
    let event: SqsEvent = serde_json::from_value(json!({"Records": [
        record("documents", documents.to_json().unwrap()),
        record("malformed", "{}".to_owned()),
        record("tables", tables.to_json().unwrap()),
    ]}))
    .unwrap();

    let collector = DatabaseCollector::new(
        world.ports(&fleet),
        databases(PASSWORD),
        DeploymentKey::none(),
    );
    let handled = collector.handle(event).await.unwrap();

    let failures = handled.batch_item_failures.iter();
    let failures: Vec<_> = failures
        .map(|failure| failure.item_identifier.as_str())
        .collect();
    assert_eq!(failures, ["malformed"]);
    let size = world.reader.latest::<DatabaseSize>(&target.id()).await;
    let size = size.unwrap().unwrap().good.unwrap();
    assert_eq!(size.run.next_due_at, clock::after(scheduled_at, HOUR));
    let counted = world.reader.latest::<FileDocuments>(&target.id()).await;
    let counted = counted.unwrap().unwrap().good.unwrap();
    assert_eq!(
        counted.run.next_due_at,
        clock::after(scheduled_at, HOUR * 24)
    );
    assert_eq!(counted.summary, COUNTED);
    assert_eq!(counted.completeness, Completeness::Partial);
    database.drop().await;
}
