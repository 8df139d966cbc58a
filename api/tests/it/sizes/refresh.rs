//! What `/bucket_size` answers of buckets that are not measured at every tick.

use std::collections::BTreeMap;

use shared::snapshot::StorageMetrics;
use shared::snapshot::bucket_size::{ListingRun, Refresh, RefreshReason};
use shared::snapshot::{Good, Run, Snapshot};

use super::*;

/// Returns a size that was listed at ten and is listed again at `next_full_at`, once in three days.
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
async fn a_bucket_that_is_listed_every_three_days_is_not_stale_after_a_tick() {
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
               "is_maximum": false})
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

/// A figure of CloudWatch that came between two listings changes the answer and makes no number younger.
#[tokio::test]
async fn what_was_added_to_a_listing_is_answered_with_the_listings_own_times() {
    let world = World::new(FLEET);
    let server = server(&world);
    let id = bucket_ids().remove(0);
    let listed = listed_at_ten("2026-01-15T10:00:00Z");
    world
        .keep(id.clone(), "2026-01-12T10:00:00Z", listed.clone())
        .await;
    let ask = async || {
        server
            .ask(get("/bucket_size?bucket=acme-prod-files").scopes(BUCKET_SCOPE))
            .await
    };
    let before = ask().await;

    let add = |good: &Good<BucketSize>| {
        let run = Run {
            scheduled_at: "2026-01-12T11:00:00Z".parse().unwrap(),
            ..good.run
        };
        let mut size = good.summary.clone();
        size.cloudwatch = Some(StorageMetrics {
            as_of: "2026-01-11T00:00:00Z".parse().unwrap(),
            total_bytes: 9,
            overhead_bytes: 2,
            by_storage_type: BTreeMap::new(),
            object_count: None,
            asked_at: run.scheduled_at,
            metric_count: 27,
        });
        Some((run, size))
    };
    world.writer().carry(&id, add).await.unwrap();

    let after = ask().await;
    let item = &after.json()["items"][0];
    assert_eq!(item["cloudwatch"]["as_of"], "2026-01-11");
    assert_eq!(item["reconciliation"]["difference_bytes"], 2);
    for time in ["scheduled_at", "taken_at", "finished_at"] {
        assert_eq!(item[time], "2026-01-12T10:00:00Z", "{time}");
    }
    assert_eq!(item["age_seconds"], 3600);
    assert_ne!(after.header("etag"), before.header("etag"));
    assert_eq!(
        after.header("last-modified"),
        before.header("last-modified")
    );
}
