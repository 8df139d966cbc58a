//! The oldest and the newest supported PostgreSQL; all other tests run on the distribution's version.

use std::path::PathBuf;

use shared::snapshot::{MendixCatalogue, TableKind};
use shared::testing::{self, Server};

use super::locks::{assert_one_estimate, assert_unknown_parts_are_not_sized};
use super::postgres::{MENDIX, TestDatabase, execute, table};
use super::sizes::{EVERYTHING, assert_sizes_are_right};

#[tokio::test]
async fn the_oldest_and_the_newest_version_are_sized_alike() {
    let Some(folders) = testing::service(testing::OTHER_POSTGRES_BINS) else {
        return;
    };
    let mut versions = Vec::new();
    for programs in folders.split(':').map(PathBuf::from) {
        let server = Server::postgres_of(programs);
        let mut database = TestDatabase::on(&server.url()).await;
        versions.push(
            database
                .number("SELECT current_setting('server_version_num')::bigint / 10000")
                .await,
        );
        database.run(MENDIX).await;
        database
            .run("GRANT SELECT ON \"mendixsystem$entity\", \"mendixsystem$association\" TO :role")
            .await;
        database.run(EVERYTHING).await;
        database
            .run("CREATE TABLE unseen (a int) WITH (autovacuum_enabled = off)")
            .await;

        assert_sizes_are_right(&mut database).await;
        let size = database.measure().await.unwrap();
        assert_eq!(size.mendix_catalogue, Some(MendixCatalogue::Read));
        let log = table(&size, "log").unwrap();
        assert_eq!(
            (log.kind, log.row_estimate),
            (TableKind::Partitioned, Some(200))
        );
        assert_eq!(
            table(&size, "unseen").unwrap().row_estimate,
            None,
            "never analysed"
        );

        database.run("VACUUM ANALYZE").await;
        let mut app = database.other_session().await;
        let lock = r#"BEGIN; LOCK TABLE "sales$order" IN ACCESS EXCLUSIVE MODE"#;
        execute(&mut app, lock).await;
        assert_one_estimate(&mut database, "\"sales$order\"").await;
        execute(&mut app, "ROLLBACK").await;
        database.check_later().await;
        assert_unknown_parts_are_not_sized(&mut database).await;
    }
    assert_eq!(versions, [12, 18]);
}
