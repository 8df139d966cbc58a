//! Answers of `/bucket_size` for buckets that are not measured at every tick.

use std::collections::BTreeMap;

use shared::fleet::BucketTarget;
use shared::snapshot::StorageMetrics;
use shared::snapshot::bucket_size::{ListingRun, Refresh, RefreshReason};
use shared::snapshot::{Run, Snapshot};
use shared::store::{Expect, Item, Key, Order, Put, Query};

use super::*;
use crate::harness::Reply;

/// Returns a size that was listed at ten, is listed every three days, and is listed next at `next_full_at`.
fn listed_at_ten(next_full_at: &str) -> BucketSize {
    let mut size = bucket_size(&[7]);
    let ten = "2026-01-12T10:00:00Z".parse().unwrap();
    size.listing = Some(ListingRun {
        scheduled_at: ten,
        taken_at: ten,
        finished_at: ten,
        request_count: 1_000_000,
    });
    size.refresh = Some(Refresh {
        interval_seconds: 3 * 86_400,
        reason: RefreshReason::Budget,
        next_full_at: next_full_at.parse().unwrap(),
    });
    size
}

#[tokio::test]
async fn a_bucket_listed_every_three_days_is_not_stale_after_a_tick() {
    let world = World::new(FLEET);
    let server = server(&world);
    let id = bucket_ids().remove(0);
    let size = listed_at_ten("2026-01-15T10:00:00Z");
    let run = Run::at(
        "2026-01-12T10:00:00Z".parse().unwrap(),
        Duration::from_secs(3 * 86_400),
    );
    let snapshot = Snapshot {
        target: id.clone(),
        run,
        measurement: size,
    };
    world.writer().keep(&snapshot).await.unwrap();
    let ask = async || {
        server
            .ask(get("/bucket_size?bucket=acme-prod-files").scopes(BUCKET_SCOPE))
            .await
    };

    let fresh = ask().await;
    assert_eq!(
        fresh.json()["items"][0]["refresh"],
        json!({"interval_seconds": 259_200, "reason": "budget", "next_full_at": "2026-01-15T10:00:00Z",
               "is_maximum": false, "list_requests_per_day": 333_334,
               "budget_list_requests_per_day": 1_000_000})
    );
    assert_eq!(fresh.header("cache-control"), "private, max-age=259200");
    world
        .clock
        .advance(Duration::from_secs(3 * 86_400 + 82_800 - 1));
    assert_eq!(ask().await.json()["items"][0]["stale"], false);
    world.clock.advance(Duration::from_secs(1));
    let missed = ask().await;
    assert_eq!(
        missed.json()["items"][0]["stale"],
        true,
        "a day after it was due"
    );
    assert_ne!(missed.header("etag"), fresh.header("etag"));
}

/// A fleet of two buckets with CloudWatch's metrics.
const WITH_METRICS: &str = r#"
[[environment]]
name = "acme-prod"
  [[environment.storage]]
  bucket = "files"
  measure = ["current", "cloudwatch"]
  [[environment.storage]]
  bucket = "more-files"
  measure = ["current", "cloudwatch"]
"#;

fn target(bucket: &str) -> TargetId {
    BucketTarget::whole("acme-prod", bucket).id()
}

fn metrics(total_bytes: u64) -> StorageMetrics {
    StorageMetrics {
        as_of: "2026-01-11T00:00:00Z".parse().unwrap(),
        total_bytes,
        overhead_bytes: 2,
        by_storage_type: BTreeMap::new(),
        object_count: None,
        asked_at: "2026-01-12T10:30:00Z".parse().unwrap(),
        metric_count: 27,
    }
}

async fn ask(world: &World, bucket: &str) -> Reply {
    let path = format!("/bucket_size?bucket={bucket}");
    server(world).ask(get(&path).scopes(BUCKET_SCOPE)).await
}

#[tokio::test]
async fn metrics_change_the_answer_and_each_number_keeps_its_own_times() {
    let world = World::new(WITH_METRICS);
    let listed = Snapshot {
        target: target("files"),
        run: Run::at(
            "2026-01-12T10:00:00Z".parse().unwrap(),
            Duration::from_secs(3 * 86_400),
        ),
        measurement: listed_at_ten("2026-01-15T10:00:00Z"),
    };
    world.writer().keep(&listed).await.unwrap();
    let before = ask(&world, "files").await;
    assert_eq!(before.json()["items"][0]["cloudwatch"], Value::Null);

    world
        .keep(target("files"), "2026-01-12T10:30:00Z", metrics(9))
        .await;

    let after = ask(&world, "files").await;
    let item = &after.json()["items"][0];
    assert_eq!(item["cloudwatch"]["as_of"], "2026-01-11");
    assert_eq!(item["cloudwatch"]["taken_at"], "2026-01-12T10:30:00Z");
    assert_eq!(item["cloudwatch"]["age_seconds"], 1800);
    assert_eq!(item["reconciliation"]["difference_bytes"], 2);
    assert_eq!(item["cost"]["scan"]["cloudwatch_metrics"], 27);
    for time in ["scheduled_at", "taken_at", "finished_at"] {
        assert_eq!(item[time], "2026-01-12T10:00:00Z", "{time}");
    }
    assert_eq!(item["age_seconds"], 3600);
    assert_ne!(after.header("etag"), before.header("etag"));
    assert_eq!(
        after.header("last-modified"),
        "Mon, 12 Jan 2026 10:30:00 GMT"
    );
    // Until CloudWatch is read again at noon, counted from the older of the two.
    assert_eq!(after.header("age"), "3600");
    assert_eq!(after.header("cache-control"), "private, max-age=7200");

    // A newer listing leaves the metrics as they are.
    world
        .keep(target("files"), "2026-01-12T11:00:00Z", bucket_size(&[8]))
        .await;
    let item = &ask(&world, "files").await.json()["items"][0];
    assert_eq!(item["cloudwatch"]["total_bytes"], 9);
    assert_eq!(item["total_bytes"], 8);
}

#[tokio::test]
async fn a_failed_read_of_metrics_is_reported_with_the_last_good_values() {
    let world = World::new(WITH_METRICS);
    let id = target("files");
    world
        .keep(id.clone(), "2026-01-12T10:00:00Z", bucket_size(&[7]))
        .await;
    world
        .keep(id.clone(), "2026-01-12T10:00:00Z", metrics(9))
        .await;
    let before = ask(&world, "files").await;

    world
        .fail::<StorageMetrics>(&id, "2026-01-12T10:30:00Z", "throttled")
        .await;

    let after = ask(&world, "files").await;
    let item = &after.json()["items"][0];
    assert_eq!(item["cloudwatch"]["total_bytes"], 9);
    assert_eq!(item["unmeasured"][0]["part"], "cloudwatch");
    assert_eq!(item["unmeasured"][0]["code"], "throttled");
    assert_eq!(item["completeness"], "complete");
    assert_eq!(item["last_failure"], Value::Null);
    assert_ne!(after.header("etag"), before.header("etag"));
    world
        .fail::<StorageMetrics>(&id, "2026-01-12T10:45:00Z", "no_metrics")
        .await;
    let item = &ask(&world, "files").await.json()["items"][0];
    assert_eq!(item["cloudwatch"], Value::Null);
    assert_eq!(item["unmeasured"][0]["code"], "no_metrics");
}

#[tokio::test]
async fn metrics_stored_inside_the_size_by_an_older_version_are_shown_until_others_exist() {
    let world = World::new(WITH_METRICS);
    let mut old = bucket_size(&[7]);
    old.cloudwatch = Some(metrics(9));
    let id = target("files");
    world.keep(id.clone(), "2026-01-12T10:00:00Z", old).await;
    let shown =
        async || ask(&world, "files").await.json()["items"][0]["cloudwatch"]["total_bytes"].clone();

    assert_eq!(shown().await, 9);
    world.keep(id, "2026-01-12T10:00:00Z", metrics(10)).await;
    assert_eq!(shown().await, 10);
}

#[tokio::test]
async fn a_page_takes_one_query_for_sizes_and_one_for_metrics_and_shows_no_other_targets() {
    let clock = Arc::new(FixedClock::at(NOW));
    let memory = Arc::new(MemoryStore::new(clock.clone()));
    let store = Arc::new(FailingStore::new(memory, []));
    let world = World::with_store(WITH_METRICS, clock, store.clone());
    for bucket in ["files", "gone-files", "more-files"] {
        let id = target(bucket);
        world
            .keep(id.clone(), "2026-01-12T10:00:00Z", bucket_size(&[7]))
            .await;
        world.keep(id, "2026-01-12T10:00:00Z", metrics(9)).await;
    }
    let calls = store.calls();

    let reply = server(&world)
        .ask(get("/bucket_size").scopes(BUCKET_SCOPE))
        .await
        .json();

    assert_eq!(store.calls() - calls, 2);
    let items = reply["items"].as_array().unwrap();
    let names: Vec<_> = items.iter().map(|item| item["bucket"].clone()).collect();
    assert_eq!(names, ["files", "more-files"]);
    for item in items {
        assert_eq!(item["cloudwatch"]["total_bytes"], 9);
    }
}

/// The listing does not depend on the metrics: an unreadable record costs its own bucket its metrics and nothing else.
#[tokio::test]
async fn unreadable_metrics_are_reported_for_their_bucket_and_take_nothing_else() {
    for page in ["/bucket_size", "/bucket_size?bucket=files"] {
        let world = World::new(WITH_METRICS);
        for bucket in ["files", "more-files"] {
            let id = target(bucket);
            world
                .keep(id.clone(), "2026-01-12T10:00:00Z", bucket_size(&[7]))
                .await;
            world.keep(id, "2026-01-12T10:00:00Z", metrics(9)).await;
        }
        let ask = async || server(&world).ask(get(page).scopes(BUCKET_SCOPE)).await;
        let before = ask().await;
        let key = Key {
            partition: "LATEST#storage_metrics".into(),
            sort: target("files").to_string(),
        };
        let mut item = world.items.get(&key).await.unwrap().unwrap();
        item.attributes.remove("stored_version");
        let put = Put {
            item,
            expect: Expect::Anything,
        };
        world.items.put(put).await.unwrap();

        let after = ask().await;

        assert_eq!(after.status, 200, "{page}");
        assert_ne!(after.header("etag"), before.header("etag"));
        let items = after.json()["items"].as_array().unwrap().clone();
        assert_eq!(items[0]["total_bytes"], 7);
        assert_eq!(items[0]["completeness"], "complete");
        assert_eq!(items[0]["cloudwatch"], Value::Null);
        assert_eq!(items[0]["unmeasured"][0]["part"], "cloudwatch");
        assert_eq!(items[0]["unmeasured"][0]["code"], "record_unreadable");
        for item in items.iter().skip(1) {
            assert_eq!(item["cloudwatch"]["total_bytes"], 9);
        }
    }
}

#[tokio::test]
async fn an_unreadable_record_is_a_problem_of_its_own_target_only() {
    let world = world_with_snapshots().await;
    let server = server(&world);
    let snapshots = format!("SNAP#{}", database_ids()[0]);
    for (path, scope, partition) in [
        ("/bucket_size", BUCKET_SCOPE, "LATEST#bucket"),
        ("/table_size", TABLE_SCOPE, "LATEST#database"),
        ("/table_size", TABLE_SCOPE, &snapshots),
    ] {
        let before = server.ask(get(path).scopes(scope)).await;
        let newest = Query {
            partition: partition.to_owned(),
            from: "!".to_owned(),
            to: "~".to_owned(),
            order: Order::Descending,
            after: None,
            limit: 1,
        };
        let intact = world.items.query(&newest).await.unwrap().items.remove(0);
        let damaged = Item::undecodable(intact.key.clone(), intact.version, String::new());
        let put = |item: Item| {
            let expect = Expect::Anything;
            world.items.put(Put { item, expect })
        };
        put(damaged).await.unwrap();

        let after = server.ask(get(path).scopes(scope)).await;

        assert_eq!(after.status, 200, "{path}");
        assert_ne!(after.header("etag"), before.header("etag"));
        let (before, after) = (before.json(), after.json());
        let count = |answer: &Value, list: &str| answer[list].as_array().unwrap().len();
        assert_eq!(
            count(&after, "items") + 1,
            count(&before, "items"),
            "{path}"
        );
        let pending = after["pending"].as_array().unwrap();
        let codes = pending.iter().map(|one| &one["last_failure"]["code"]);
        assert_eq!(codes.filter(|code| *code == "record_unreadable").count(), 1);
        put(intact).await.unwrap();
    }
}
