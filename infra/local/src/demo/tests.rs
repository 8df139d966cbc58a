//! The whole demo, really started. Skipped if PostgreSQL is not installed, unless services are required.

use std::collections::BTreeMap;
use std::sync::Arc;

use shared::aws::Aws;
use shared::clock::SystemClock;
use shared::database::{DatabaseError, Databases};
use shared::document::{self, DocumentError};
use shared::fleet::Fleet;
use shared::location::{AwsScope, Location};
use sqlx::postgres::PgConnection;

use super::*;

/// A data folder that is removed after the test, together with the server's folder.
struct DataFolder(tempfile::TempDir);

impl DataFolder {
    /// Creates a folder; `None` if the machine cannot run the demo and may skip its tests.
    fn new() -> Option<Self> {
        if let Some(reason) = postgres::missing() {
            shared::testing::skip(&reason);
            return None;
        }
        Some(Self(tempfile::tempdir().unwrap()))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn postgres(&self) -> PathBuf {
        let demo = self.path().join("demo");
        match std::fs::read_to_string(demo.join("postgres.location")) {
            Ok(elsewhere) => PathBuf::from(elsewhere.trim()),
            Err(_) => demo.join("postgres"),
        }
    }

    fn server_id(&self) -> Option<String> {
        let lock = self.postgres().join("cluster/postmaster.pid");
        let text = std::fs::read_to_string(lock).ok()?;
        text.lines().next().map(str::to_owned)
    }
}

impl Drop for DataFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(self.postgres());
    }
}

async fn aws(demo: &Demo) -> Aws {
    Aws::at(&demo.s3_endpoint, &demo.access_key, &demo.secret_key)
}

fn walk(bucket: &Path) -> BTreeMap<String, u64> {
    let mut files = BTreeMap::new();
    let mut folders = vec![bucket.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let key = path.strip_prefix(bucket).unwrap().to_str().unwrap();
                let length = path.metadata().map_or(0, |metadata| metadata.len());
                files.insert(key.to_owned(), length);
            }
        }
    }
    files
}

async fn list(s3: &aws_sdk_s3::Client, bucket: &str, prefix: &str) -> BTreeMap<String, u64> {
    let listing = s3.list_objects_v2().bucket(bucket).prefix(prefix);
    let mut pages = listing.max_keys(40).into_paginator().send();
    let mut objects = BTreeMap::new();
    while let Some(page) = pages.next().await {
        for object in page.unwrap().contents() {
            let size = u64::try_from(object.size().unwrap()).unwrap();
            let key = object.key().unwrap().to_owned();
            assert!(objects.insert(key, size).is_none(), "listed twice");
        }
    }
    objects
}

/// Connects as the API does.
async fn connect(demo: &Demo, environment: &str) -> PgConnection {
    try_connect(demo, environment).await.unwrap()
}

async fn try_connect(demo: &Demo, environment: &str) -> Result<PgConnection, DatabaseError> {
    let text = std::fs::read_to_string(&demo.fleet_path).unwrap();
    let fleet = Fleet::parse("fleet.toml", &text).unwrap();
    let target = fleet.environment(environment).unwrap().database.clone();
    let (clock, variables) = (Arc::new(SystemClock), Arc::new(demo.variables.clone()));
    let databases = Databases::new(Arc::new(aws(demo).await), variables, clock, None);
    databases.connect_postgres(&target.unwrap()).await
}

async fn count(connection: &mut PgConnection, sql: &'static str) -> Result<i64, DatabaseError> {
    let counted = sqlx::query_scalar(sql).fetch_one(connection).await;
    counted.map_err(DatabaseError::from)
}

#[tokio::test]
async fn the_buckets_contain_the_files_of_their_folders() {
    let Some(data) = DataFolder::new() else {
        return;
    };
    let demo = Demo::start(data.path()).await.unwrap();
    let aws = aws(&demo).await;
    let s3 = aws.s3(&AwsScope::default()).await;

    let dropped = "invoices/with space+plus%&ü.txt";
    std::fs::write(
        demo.buckets_path.join("acme-prod-files").join(dropped),
        "12345",
    )
    .unwrap();
    for bucket in ["acme-prod-files", "shared-files", "fleet-config"] {
        // Files change meanwhile: compares only a listing with the same files before and after.
        loop {
            let before = walk(&demo.buckets_path.join(bucket));
            let listed = list(&s3, bucket, "").await;
            if before == walk(&demo.buckets_path.join(bucket)) {
                assert_eq!(listed, before, "{bucket}");
                break;
            }
        }
    }
    let dropped_only = list(&s3, "acme-prod-files", "invoices/with ").await;
    assert_eq!(dropped_only, BTreeMap::from([(dropped.to_owned(), 5)]));
    let empty = list(&s3, "shared-files", "nobody/").await;
    assert_eq!(empty, BTreeMap::new());
    let versions = s3
        .list_object_versions()
        .bucket("fleet-config")
        .send()
        .await;
    let files = walk(&demo.buckets_path.join("fleet-config"));
    assert_eq!(versions.unwrap().versions().len(), files.len());
    let uploads = s3
        .list_multipart_uploads()
        .bucket("fleet-config")
        .send()
        .await;
    assert!(uploads.unwrap().uploads().is_empty());
    let missing = s3.list_objects_v2().bucket("no-such-bucket").send().await;
    assert!(
        missing
            .unwrap_err()
            .into_service_error()
            .is_no_such_bucket()
    );
    let stranger = Aws::at(&demo.s3_endpoint, &demo.access_key, "wrong");
    let stranger = stranger.s3(&AwsScope::default()).await;
    let refused = stranger
        .list_objects_v2()
        .bucket("fleet-config")
        .send()
        .await;
    assert_eq!(
        refused
            .unwrap_err()
            .raw_response()
            .unwrap()
            .status()
            .as_u16(),
        403
    );
    demo.stop().await.unwrap();
}

#[tokio::test]
async fn documents_are_read_again_when_their_file_changes() {
    let Some(data) = DataFolder::new() else {
        return;
    };
    let demo = Demo::start(data.path()).await.unwrap();
    let aws = aws(&demo).await;
    let read = async |key: &str, tag: Option<&str>| {
        let location = Location::parse(&format!("s3://{key}")).unwrap();
        document::read(&aws, &location, tag, 1 << 20).await
    };
    let layer = "fleet-config/acme-prod/m2ee.yaml";

    let first = read(layer, None).await.unwrap().unwrap();
    assert!(first.bytes.starts_with(b"# What acme-prod sets"));
    assert_eq!(read(layer, Some(&first.tag)).await.unwrap(), None);
    std::fs::write(demo.buckets_path.join(layer), "mxruntime: {}\n").unwrap();
    let second = read(layer, Some(&first.tag)).await.unwrap().unwrap();
    assert_eq!(second.bytes, b"mxruntime: {}\n");
    for gone in ["fleet-config/gone.json", "no-such-bucket/gone.json"] {
        let error = read(gone, None).await.unwrap_err();
        assert!(matches!(error, DocumentError::NotFound(_)), "{error}");
    }
    demo.stop().await.unwrap();
}

#[tokio::test]
async fn the_reader_counts_users_and_reads_no_secret() {
    let Some(data) = DataFolder::new() else {
        return;
    };
    let demo = Demo::start(data.path()).await.unwrap();

    let mut connection = connect(&demo, "acme-test").await;
    let people = "SELECT count(*) FROM \"system$user\" WHERE \"submetaobjectname\" = 'Administration.Account'";
    assert!((25..=26).contains(&count(&mut connection, people).await.unwrap()));
    let sessions = "SELECT count(\"id\") FROM \"system$session\"";
    assert!(count(&mut connection, sessions).await.unwrap() > 0);
    let largest = "SELECT max(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r'";
    assert!(count(&mut connection, largest).await.unwrap() > 100_000);
    for secret in [
        "SELECT count(\"password\") FROM \"system$user\"",
        "SELECT count(\"sessionid\") FROM \"system$session\"",
        "SELECT count(\"token\") FROM \"system$tokeninformation\"",
        "SELECT count(\"email\") FROM \"administration$account\"",
        "SELECT count(\"payload\") FROM \"erp$message\"",
        "SELECT count(rolpassword) FROM pg_authid",
    ] {
        let error = count(&mut connection, secret).await.unwrap_err();
        assert_eq!(error.code(), "access_denied", "{secret}");
    }
    demo.stop().await.unwrap();
}

#[tokio::test]
async fn a_stopped_demo_leaves_its_data_and_no_process() {
    let Some(data) = DataFolder::new() else {
        return;
    };
    let demo = Demo::start(data.path()).await.unwrap();
    let files = walk(&demo.buckets_path.join("fleet-config"));
    let mut connection = connect(&demo, "globex-prod").await;
    let orders = "SELECT min(\"id\") FROM \"system$userrole\"";
    let before = count(&mut connection, orders).await.unwrap();
    let second = Demo::start(data.path()).await.err().unwrap();
    assert!(second.to_string().contains("another mrt"), "{second:#}");
    let first_id = data.server_id().unwrap();

    demo.stop().await.unwrap();

    assert_eq!(data.server_id(), None);
    let alive = std::process::Command::new("kill")
        .args(["-0", &first_id])
        .output();
    assert!(!alive.unwrap().status.success());
    let demo = Demo::start(data.path()).await.unwrap();
    assert_eq!(walk(&demo.buckets_path.join("fleet-config")), files);
    let mut connection = connect(&demo, "globex-prod").await;
    assert_eq!(count(&mut connection, orders).await.unwrap(), before);
    demo.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_that_ends_is_started_again_on_its_port() {
    let Some(data) = DataFolder::new() else {
        return;
    };
    let demo = Demo::start(data.path()).await.unwrap();
    let first_id = data.server_id().unwrap();
    let killed = std::process::Command::new("kill")
        .args(["-KILL", &first_id])
        .status();
    assert!(killed.unwrap().success());

    let restarted = async {
        while data.server_id().is_none_or(|id| id == first_id)
            || try_connect(&demo, "globex-prod").await.is_err()
        {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(60), restarted);
    waited.await.unwrap();

    let mut connection = connect(&demo, "globex-prod").await;
    assert!(
        count(&mut connection, "SELECT count(*) FROM \"system$userrole\"")
            .await
            .unwrap()
            > 0
    );
    demo.stop().await.unwrap();
}
