//! `GET /metrics`: every number of the latest snapshots once, and nothing that the caller may not read.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::metrics::METRICS;
use chrono::{DateTime, TimeDelta, Utc};
use shared::snapshot::bucket_size::{ListingRun, Objects, Refresh, RefreshReason, Uploads};
use shared::snapshot::{BucketSize, MendixCatalogue, TableSize};
use shared::testing::time::at;

use crate::harness::{Reply, TestServer, World, get};
use crate::sizes::http::damage_latest;
use crate::sizes::{FLEET, bucket_ids, bucket_size, database_ids, database_size, table};

const SCOPE: &str = "mrt/metrics.read";
const SIZES: &str = "mrt/bucket_size.read mrt/table_size.read";

fn server(world: &World) -> TestServer {
    let fleet = || Arc::clone(&world.fleet);
    world.server(vec![
        api::metrics::endpoint(world.ports()),
        api::bucket_size::endpoint(fleet(), world.reader()),
        api::table_size::endpoint(fleet(), world.reader()),
    ])
}

/// Three buckets, of which the last was never measured, and one database of two.
async fn world() -> World {
    let world = World::new(FLEET);
    let [first, second, ..] = &bucket_ids()[..] else {
        panic!("the fleet has buckets");
    };
    let mut size = bucket_size(&[70, 30]);
    size.noncurrent = Some(Objects::default());
    size.noncurrent.as_mut().unwrap().add("GLACIER", 1_000);
    size.multipart = Some(Uploads::default());
    world
        .keep(first.clone(), "2026-01-12T10:00:00Z", size)
        .await;
    world
        .keep(second.clone(), "2026-01-12T06:00:00Z", bucket_size(&[9]))
        .await;
    world
        .fail::<BucketSize>(second, "2026-01-12T07:00:00Z", "access_denied")
        .await;
    let database = database_size("acme", vec![table("public", "a", 500)]);
    world
        .keep(database_ids()[0].clone(), "2026-01-12T10:00:00Z", database)
        .await;
    world
}

/// Returns the samples of one metric: their values by labels.
fn samples(reply: &Reply, name: &str) -> BTreeMap<String, String> {
    let lines = reply.text.lines();
    let lines = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix('{'));
    lines
        .map(|line| {
            let (labels, value) = line.rsplit_once("} ").unwrap();
            (labels.to_owned(), value.to_owned())
        })
        .collect()
}

fn sum(reply: &Reply, name: &str) -> u64 {
    let values = samples(reply, name).into_values();
    values.map(|value| value.parse::<u64>().unwrap()).sum()
}

fn storage(environment: &str, bucket: &str, prefix: &str) -> String {
    format!(
        "environment=\"{environment}\",kind=\"s3\",bucket=\"{bucket}\",prefix=\"{prefix}\",suffix=\"\""
    )
}

#[tokio::test]
async fn the_sum_over_sizes_is_that_of_the_other_routes() {
    let world = world().await;
    let server = server(&world);

    let metrics = server.ask(get("/metrics").scopes(SCOPE)).await;

    for (path, name) in [
        ("/bucket_size", "mrt_bucket_size_bytes"),
        ("/table_size", "mrt_database_size_bytes"),
    ] {
        let sizes = server.ask(get(path).scopes(SIZES)).await.json();
        let items = sizes["items"].as_array().unwrap().iter();
        let total: u64 = items
            .map(|item| item["total_bytes"].as_u64().unwrap())
            .sum();
        assert_eq!(sum(&metrics, name), total, "{name}");
    }
    assert_eq!(
        samples(&metrics, "mrt_bucket_part_size_bytes"),
        BTreeMap::from(
            [
                (
                    storage("acme-prod", "acme-prod-files", ""),
                    "current",
                    "STANDARD",
                    "100"
                ),
                (
                    storage("acme-prod", "acme-prod-files", ""),
                    "noncurrent",
                    "GLACIER",
                    "1000"
                ),
                (
                    storage("acme-prod", "shared-files", "acme prod/"),
                    "current",
                    "STANDARD",
                    "9"
                ),
            ]
            .map(|(labels, part, class, value)| {
                let labels = format!("{labels},part=\"{part}\",storage_class=\"{class}\"");
                (labels, value.to_owned())
            })
        )
    );
}

#[tokio::test]
async fn what_collecting_takes_is_summed_at_the_present_intervals() {
    let world = world().await;
    let mut size = bucket_size(&[70]);
    size.listing = Some(ListingRun {
        scheduled_at: at("2026-01-12T10:00:00Z"),
        taken_at: at("2026-01-12T10:00:00Z"),
        finished_at: at("2026-01-12T10:00:00Z"),
        request_count: 101,
    });
    size.refresh = Some(Refresh {
        interval_seconds: 19 * 3600,
        reason: RefreshReason::ExpectedChange,
        next_full_at: at("2026-01-13T05:00:00Z"),
    });
    let first = bucket_ids()[0].clone();
    world.keep(first, "2026-01-12T10:00:00Z", size).await;

    let metrics = server(&world).ask(get("/metrics").scopes(SCOPE)).await;

    // 24 and 24 / 19 runs a day; 101 requests in each of the latter.
    let runs = samples(&metrics, "mrt_collection_runs_per_day");
    assert_eq!(runs["runs=\"bucket\""], "26");
    assert_eq!(runs["runs=\"database\""], "24");
    let line = "\nmrt_collection_list_requests_per_day 128\n";
    assert!(metrics.text.contains(line), "{}", metrics.text);
}

#[tokio::test]
async fn what_is_missing_stale_or_failing_is_said() {
    let world = world().await;

    let metrics = server(&world).ask(get("/metrics").scopes(SCOPE)).await;

    let fresh = storage("acme-prod", "acme-prod-files", "");
    let failing = storage("acme-prod", "shared-files", "acme prod/");
    let pending = storage("acme-test", "shared-files", "acme-test/");
    let values = |name: &str| {
        let samples = samples(&metrics, name);
        [&fresh, &failing, &pending].map(|labels| samples.get(labels).cloned())
    };
    let some = |value: &str| Some(value.to_owned());
    assert_eq!(
        values("mrt_snapshot_available"),
        [some("1"), some("1"), some("0")]
    );
    assert_eq!(values("mrt_snapshot_stale"), [some("0"), some("1"), None]);
    assert_eq!(
        values("mrt_snapshot_complete"),
        [some("1"), some("1"), None]
    );
    assert_eq!(
        values("mrt_snapshot_interval_seconds"),
        [some("3600"), some("3600"), None]
    );
    assert_eq!(
        values("mrt_snapshot_timestamp_seconds"),
        [some("1768212000"), some("1768197600"), None]
    );
    assert_eq!(
        values("mrt_bucket_size_bytes"),
        [some("100"), some("9"), None]
    );
    let failed = samples(&metrics, "mrt_collection_failed_timestamp_seconds");
    let labels = format!("{failing},code=\"access_denied\"");
    assert_eq!(failed, BTreeMap::from([(labels, "1768201200".to_owned())]));
    let unknown = ["mrt_growth_bytes_per_day", "mrt_growth_changed"];
    assert!(
        unknown
            .iter()
            .all(|name| samples(&metrics, name).is_empty())
    );
}

#[tokio::test]
async fn a_limited_token_and_a_filter_leave_other_environments_out() {
    let world = world().await;
    let server = server(&world);
    let ask = |path: &str| get(path).scopes(SCOPE);

    let limited = server.ask(ask("/metrics").environments("acme-test")).await;
    let filtered = server.ask(ask("/metrics?environment=acme-test")).await;
    let outside = server.ask(ask("/metrics?environment=acme-prod").environments("acme-test"));
    let outside = outside.await;
    let without_scope = server.ask(get("/metrics").scopes(SIZES)).await;

    assert!(!limited.text.contains("acme-prod") && limited.text.contains("acme-test"));
    assert_eq!(limited.text, filtered.text);
    outside.problem(404, "not_found");
    without_scope.problem(403, "scope_missing");
}

#[tokio::test]
async fn prometheus_gets_the_format_that_it_prefers() {
    let world = world().await;
    let server = server(&world);
    let prometheus = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5";
    let content_type = async |accept: &str| {
        let reply = server
            .ask(get("/metrics").scopes(SCOPE).header("accept", accept))
            .await;
        (
            reply.header("content-type").to_owned(),
            reply.text.ends_with("# EOF\n"),
        )
    };

    let open = "application/openmetrics-text; version=1.0.0; charset=utf-8".to_owned();
    let plain = "text/plain; version=0.0.4; charset=utf-8".to_owned();
    assert_eq!(content_type(prometheus).await, (open.clone(), true));
    assert_eq!(content_type("*/*").await, (open, true));
    assert_eq!(content_type("text/plain").await, (plain, false));
}

#[tokio::test]
async fn a_record_that_cannot_be_read_harms_its_own_target_only() {
    let world = world().await;
    damage_latest(&world).await;

    let metrics = server(&world).ask(get("/metrics").scopes(SCOPE)).await;

    assert_eq!(metrics.status, 200, "{}", metrics.text);
    assert_eq!(sum(&metrics, "mrt_bucket_size_bytes"), 9);
    assert_eq!(sum(&metrics, "mrt_database_size_bytes"), 1500);
    let damaged = storage("acme-prod", "acme-prod-files", "");
    assert_eq!(samples(&metrics, "mrt_snapshot_available")[&damaged], "0");
    let failed = samples(&metrics, "mrt_collection_failed_timestamp_seconds");
    assert!(failed.contains_key(&format!("{damaged},code=\"record_unreadable\"")));
}

#[tokio::test]
async fn every_sample_is_one_of_the_catalogue_with_its_labels() {
    let world = world().await;

    let metrics = server(&world).ask(get("/metrics").scopes(SCOPE)).await;

    let mut count = 0;
    for line in metrics.text.lines().filter(|line| !line.starts_with('#')) {
        let (sample, _) = line.rsplit_once(' ').unwrap();
        let (name, rest) = sample.split_once('{').unwrap_or((sample, ""));
        let metric = METRICS.iter().find(|metric| metric.name == name).unwrap();
        let labels = rest.split("=\"").filter(|part| !part.ends_with("\"}"));
        let labels = labels.map(|part| part.rsplit(['"', ',']).next().unwrap());
        let labels: Vec<_> = labels.filter(|name| !name.is_empty()).collect();
        let targets: [&[&str]; 2] = [
            &["environment", "kind", "bucket", "prefix", "suffix"],
            &["environment", "database", "engine"],
        ];
        let is_expected = match metric.labels {
            ["those of the target", more @ ..] => targets
                .iter()
                .any(|target| labels == [*target, more].concat()),
            own => labels == own,
        };
        assert!(is_expected, "{line}");
        count += 1;
    }
    assert!(count > 20, "{count}");
}

/// Samples of one label of the first database.
fn of_database(reply: &Reply, name: &str) -> BTreeMap<String, String> {
    let samples = samples(reply, name).into_iter();
    let labels = "environment=\"acme-prod\",database=\"acme\",engine=\"postgres\",";
    samples
        .map(|(text, value)| (text.strip_prefix(labels).unwrap().to_owned(), value))
        .collect()
}

#[tokio::test]
async fn modules_add_up_to_the_tables_and_are_absent_while_they_are_unknown() {
    let world = World::new(FLEET);
    let server = server(&world);
    let tables = [("Sales", 300), ("Sales", 200), ("", 70), ("Audit", 5)];
    let tables = tables
        .into_iter()
        .zip(0..)
        .map(|((module, bytes), number)| TableSize {
            module: Some(module.to_owned()).filter(|module| !module.is_empty()),
            ..table("public", &format!("t{number}"), bytes)
        });
    let mut size = database_size("acme", tables.collect());
    size.mendix_catalogue = Some(MendixCatalogue::Read);
    let id = database_ids()[0].clone();
    world
        .keep(id.clone(), "2026-01-12T09:00:00Z", size.clone())
        .await;

    let read = server.ask(get("/metrics").scopes(SCOPE)).await;
    size.mendix_catalogue = Some(MendixCatalogue::Locked);
    world.keep(id, "2026-01-12T10:00:00Z", size.clone()).await;
    let locked = server.ask(get("/metrics").scopes(SCOPE)).await;

    let expected = [("Audit", "5"), ("Sales", "500"), ("", "70")];
    let expected = expected.map(|(name, value)| (format!("module=\"{name}\""), value.to_owned()));
    let modules = of_database(&read, "mrt_module_size_bytes");
    assert_eq!(modules, BTreeMap::from(expected));
    assert_eq!(sum(&read, "mrt_module_size_bytes"), size.table_bytes());
    assert!(samples(&locked, "mrt_module_size_bytes").is_empty());
}

/// Asks for the tables of an environment; returns the names and bytes of those that are shown.
async fn tables(server: &TestServer, min_bytes: u64) -> BTreeMap<String, String> {
    let path = format!("/metrics?environment=acme-prod&min_bytes={min_bytes}");
    let reply = server.ask(get(&path).scopes(SCOPE)).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let shown = of_database(&reply, "mrt_table_size_bytes").into_iter();
    let shown = shown.map(|(labels, bytes)| {
        let name = labels.strip_prefix("schema=\"public\",table=\"").unwrap();
        (name.trim_end_matches('"').to_owned(), bytes)
    });
    shown.collect()
}

#[tokio::test]
async fn tables_are_shown_for_one_environment_and_count_every_byte_once() {
    let world = World::new(FLEET);
    let server = server(&world);
    let mut parent = table("public", "log", 700);
    parent.toast_bytes = None;
    let partition = TableSize {
        partition_of: Some(shared::snapshot::TableName {
            schema: "public".into(),
            table: "log".into(),
        }),
        ..table("public", "log_1", 700)
    };
    let all = vec![parent, partition, table("public", "small", 30)];
    let size = database_size("acme", all);
    world
        .keep(database_ids()[0].clone(), "2026-01-12T10:00:00Z", size)
        .await;

    let path = "/metrics?environment=acme-prod&min_bytes=1";
    let reply = server.ask(get(path).scopes(SCOPE)).await;
    let default = server
        .ask(get("/metrics?environment=acme-prod").scopes(SCOPE))
        .await;
    let whole = server.ask(get("/metrics?min_bytes=1").scopes(SCOPE)).await;

    assert_eq!(sum(&reply, "mrt_table_size_bytes"), 730);
    let parts = of_database(&reply, "mrt_table_part_size_bytes");
    let part = |table: &str, part: &str| {
        let labels = format!("schema=\"public\",table=\"{table}\",part=\"{part}\"");
        parts.get(&labels).map(String::as_str)
    };
    assert_eq!(part("log", "heap"), Some("700"));
    assert_eq!(part("log", "toast"), None, "unknown is not zero");
    assert_eq!(part("small", "indexes"), Some("0"));
    assert!(!default.text.contains("mrt_table_size"), "{}", default.text);
    whole.problem(400, "bad_parameter");
}

#[tokio::test]
async fn a_table_that_was_large_enough_within_a_week_stays_while_it_has_half() {
    let world = World::new(FLEET);
    let server = server(&world);
    let id = database_ids()[0].clone();
    let end: DateTime<Utc> = "2026-01-12T10:00:00Z".parse().unwrap();
    let world_at = async |hours_ago: i64, sizes: [u64; 4]| {
        let names = ["grows", "shrinks", "collapses", "never"];
        let tables = names.into_iter().zip(sizes);
        let tables = tables.map(|(name, bytes)| table("public", name, bytes));
        let size = database_size("acme", tables.collect());
        let time = end - TimeDelta::hours(hours_ago);
        world.collect(id.clone(), time, size).await;
    };

    // A day on which one of them is large for an hour only.
    world_at(8 * 24, [10, 1_000, 1_000, 999]).await;
    world_at(7 * 24, [10, 999, 1_000, 999]).await;
    world_at(6 * 24 + 1, [10, 1_000, 1_000, 999]).await;
    world_at(6 * 24, [10, 500, 1_000, 999]).await;
    world_at(0, [1_000, 500, 499, 999]).await;
    let now = tables(&server, 1_000).await;

    let shown = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        let pairs = pairs.iter();
        pairs
            .map(|(name, bytes)| ((*name).to_owned(), (*bytes).to_owned()))
            .collect()
    };
    assert_eq!(now, shown(&[("grows", "1000"), ("shrinks", "500")]));
    let later = end + TimeDelta::days(2);
    let size = database_size("acme", vec![table("public", "shrinks", 999)]);
    world.collect(id, later, size).await;
    assert_eq!(tables(&server, 1_000).await, shown(&[]), "a week is over");
    assert_eq!(tables(&server, 999).await, shown(&[("shrinks", "999")]));
}
