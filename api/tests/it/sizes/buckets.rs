//! Answers of `/bucket_size` from snapshots.

use std::collections::BTreeMap;

use shared::snapshot::bucket_size::ResourceSize;

use super::*;

#[tokio::test]
async fn a_bucket_item_has_its_numbers_and_their_age() {
    let world = world_with_snapshots().await;

    let reply = server(&world)
        .ask(get("/bucket_size?bucket=acme-prod-files").scopes(BUCKET_SCOPE))
        .await;

    assert_eq!(
        reply.json(),
        json!({
            "items": [{
                "environment": "acme-prod", "kind": "s3",
                "bucket": "acme-prod-files", "prefix": "", "suffix": "",
                "total_bytes": 1, "object_count": 2,
                "by_storage_class": {"STANDARD": {"total_bytes": 1, "object_count": 2}},
                "definition": "current_objects", "method": "listing", "inventory": null,
                "current": {"total_bytes": 1, "object_count": 2,
                            "by_storage_class": {"STANDARD": {"total_bytes": 1, "object_count": 2}}},
                "noncurrent": null, "delete_markers": null, "multipart": null,
                "cloudwatch": null, "resource": null, "unmeasured": [],
                "reconciliation": {"cloudwatch_bytes": null, "overhead_bytes": null, "measured_bytes": null,
                                   "difference_bytes": null, "difference_includes": [],
                                   "reason": "no_cloudwatch_metrics"},
                "accounted": {"document_count": null, "document_bytes": null, "as_of": null,
                              "unaccounted_bytes": null, "unaccounted_objects": null,
                              "reason": "several_storages"},
                "cost": {"estimate": true, "currency": "USD",
                         "prices_as_of": "2025-06-30", "prices_region": "us-east-1",
                         "basis": "listing", "monthly_total": 0.0,
                         "by_storage_class": {"STANDARD": {"total_bytes": 1, "monthly": 0.0}}, "unpriced": {},
                         "scan": {"list_requests": null, "cloudwatch_metrics": null, "amount": null}},
                "completeness": "complete",
                "scheduled_at": "2026-01-12T10:00:00Z", "taken_at": "2026-01-12T10:00:00Z",
                "finished_at": "2026-01-12T10:00:00Z",
                "age_seconds": 3600, "stale": false, "clock_skew": false, "refresh": null, "last_failure": null,
                "collection": {"runs_per_day": 24.0, "run_seconds": 0.0, "list_requests": 0},
                "by_prefix": null, "trend": null, "growth": null,
            }],
            "pending": [],
            "next": null,
        })
    );
    assert_eq!(reply.header("age"), "3600");
    assert_eq!(reply.header("cache-control"), "private, max-age=3600");
    assert_eq!(
        reply.header("last-modified"),
        "Mon, 12 Jan 2026 10:00:00 GMT"
    );
}

#[tokio::test]
async fn filters_narrow_and_no_match_is_not_found() {
    let world = world_with_snapshots().await;
    let server = server(&world);
    let count = async |path: &str| {
        let reply = server.ask(get(path).scopes(BUCKET_SCOPE)).await;
        reply.json()["items"].as_array().map(Vec::len)
    };

    assert_eq!(count("/bucket_size").await, Some(3));
    assert_eq!(count("/bucket_size?environment=acme-prod").await, Some(2));
    assert_eq!(count("/bucket_size?bucket=shared-files").await, Some(2));
    assert_eq!(
        count("/bucket_size?bucket=shared-files&prefix=acme%20prod/").await,
        Some(1)
    );
    for path in [
        "/bucket_size?environment=globex",
        "/bucket_size?bucket=acme-prod-files&prefix=x",
        "/bucket_size?bucket=acme-prod-files&suffix=.pdf",
    ] {
        server
            .ask(get(path).scopes(BUCKET_SCOPE))
            .await
            .problem(404, "not_found");
    }
}

#[tokio::test]
async fn pages_return_every_item_once_in_order() {
    let world = world_with_snapshots().await;
    let server = server(&world);
    let mut path = "/bucket_size?limit=1".to_owned();
    let mut seen = Vec::new();

    loop {
        let reply = server.ask(get(&path).scopes(BUCKET_SCOPE)).await;
        let body = reply.json();
        seen.extend(
            body["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["prefix"].clone()),
        );
        let Some(next) = body["next"].as_str() else {
            assert_eq!(reply.header("link"), "");
            break;
        };
        let link = reply.header("link").to_owned();
        assert!(
            link.contains(next) && link.ends_with("; rel=\"next\""),
            "{link}"
        );
        path = format!(
            "/bucket_size{}",
            link.trim_start_matches('<').split('>').next().unwrap()
        );
    }

    assert_eq!(seen, ["", "acme prod/", "acme-test/"]);
    let bad = server
        .ask(get("/bucket_size?cursor=nonsense").scopes(BUCKET_SCOPE))
        .await;
    assert!(bad.problem(400, "bad_parameter").contains("cursor"));
}

#[tokio::test]
async fn a_target_without_snapshot_is_pending_and_never_zero() {
    let world = World::new(FLEET);
    let server = server(&world);

    let none = server.ask(get("/bucket_size").scopes(BUCKET_SCOPE)).await;
    none.problem(404, "snapshot_pending");
    assert_eq!(none.header("retry-after"), "60");
    assert_eq!(none.json()["targets"].as_array().unwrap().len(), 3);

    let ids = bucket_ids();
    world
        .keep(ids[0].clone(), "2026-01-12T10:00:00Z", bucket_size(&[7]))
        .await;
    world
        .fail::<BucketSize>(&ids[1], "2026-01-12T10:00:00Z", "access_denied")
        .await;
    let some = server
        .ask(get("/bucket_size").scopes(BUCKET_SCOPE))
        .await
        .json();
    assert_eq!(some["items"].as_array().unwrap().len(), 1);
    assert_eq!(some["pending"][0]["last_failure"]["code"], "access_denied");
    assert_eq!(some["pending"][1]["last_failure"], Value::Null);
    assert!(some["pending"][0].get("total_bytes").is_none());
}

#[tokio::test]
async fn a_failure_is_shown_with_the_last_good_numbers_until_a_run_succeeds() {
    let world = world_with_snapshots().await;
    let server = server(&world);
    let id = bucket_ids().remove(0);
    let ask = async || {
        let reply = server
            .ask(get("/bucket_size?bucket=acme-prod-files").scopes(BUCKET_SCOPE))
            .await;
        reply.json()["items"][0].clone()
    };

    world
        .fail::<BucketSize>(&id, "2026-01-12T11:00:00Z", "bucket_missing")
        .await;
    let item = ask().await;
    assert_eq!(item["total_bytes"], 1);
    assert_eq!(item["last_failure"]["code"], "bucket_missing");
    world.clock.advance(Duration::from_secs(3600));
    assert_eq!(ask().await["stale"], true);
    world
        .keep(id, "2026-01-12T12:00:00Z", bucket_size(&[9]))
        .await;
    let item = ask().await;
    assert_eq!(
        (&item["total_bytes"], &item["last_failure"], &item["stale"]),
        (&json!(9), &Value::Null, &json!(false))
    );
}

/// Pagination used to end in a 404 when only unmeasured targets were left for the last page.
#[tokio::test]
async fn pagination_ends_with_a_last_page_even_if_all_its_targets_are_pending() {
    let world = World::new(FLEET);
    let server = server(&world);
    let first = bucket_ids().remove(0);
    world
        .keep(first, "2026-01-12T10:00:00Z", bucket_size(&[7]))
        .await;

    let page = server
        .ask(get("/bucket_size?limit=1").scopes(BUCKET_SCOPE))
        .await
        .json();
    let path = format!(
        "/bucket_size?limit=2&cursor={}",
        page["next"].as_str().unwrap()
    );
    let last = server.ask(get(&path).scopes(BUCKET_SCOPE)).await;

    assert_eq!(last.status, 200, "{}", last.text);
    assert_eq!(
        (&last.json()["items"], &last.json()["next"]),
        (&json!([]), &Value::Null)
    );
    assert_eq!(last.json()["pending"].as_array().unwrap().len(), 2);
}

const OTHER_STORAGE: &str = r#"
[[environment]]
name = "acme-prod"
  [[environment.storage]]
  bucket = "files"
  [[environment.storage]]
  kind = "dynamodb"
  id = "Sessions"
  [[environment.storage]]
  kind = "ebs"
  id = "vol-0123abcd"
  [[environment.storage]]
  kind = "rds"
  id = "acme"
  allocated_gib = 20
"#;

/// Returns a world with a measured bucket, table and volume, and an instance that could not be measured.
async fn world_with_other_storage() -> World {
    let world = World::new(OTHER_STORAGE);
    let at = "2026-01-12T10:00:00Z";
    let table = ResourceSize {
        used_bytes: Some(1 << 30),
        provisioned_bytes: None,
        item_count: Some(7),
        by_storage_class: BTreeMap::from([("STANDARD".to_owned(), 1 << 30)]),
        as_of: None,
    };
    let volume = ResourceSize {
        used_bytes: None,
        provisioned_bytes: Some(2 << 30),
        item_count: None,
        by_storage_class: BTreeMap::from([("gp3".to_owned(), 2 << 30)]),
        as_of: Some("2026-01-12T09:45:00Z".parse().unwrap()),
    };
    let sizes = [
        (
            "acme-prod/dynamodb/Sessions//",
            BucketSize::of_resource(Method::Service, table),
        ),
        (
            "acme-prod/ebs/vol-0123abcd//",
            BucketSize::of_resource(Method::Service, volume),
        ),
        ("acme-prod/s3/files//", bucket_size(&[5])),
    ];
    for (id, size) in sizes {
        world.keep(TargetId::from_text(id), at, size).await;
    }
    let instance = TargetId::from_text("acme-prod/rds/acme//");
    world.fail::<BucketSize>(&instance, at, "no_metrics").await;
    world
}

#[tokio::test]
async fn other_storage_has_the_same_shape_with_its_kind_and_its_services_numbers() {
    let world = world_with_other_storage().await;

    let reply = server(&world)
        .ask(get("/bucket_size").scopes(BUCKET_SCOPE))
        .await
        .json();

    let items = reply["items"].as_array().unwrap();
    let shapes: Vec<Vec<_>> = items
        .iter()
        .map(|item| item.as_object().unwrap().keys().collect())
        .collect();
    assert!(shapes.iter().all(|shape| *shape == shapes[0]));
    let found: Vec<_> = items
        .iter()
        .map(|item| {
            let words = ["kind", "bucket", "definition", "method"].map(|name| &item[name]);
            (
                json!(words),
                json!([item["total_bytes"], item["object_count"]]),
            )
        })
        .collect();
    let expected = [
        (
            json!(["dynamodb", "Sessions", "used", "service"]),
            json!([1 << 30, 7]),
        ),
        (
            json!(["ebs", "vol-0123abcd", "provisioned", "service"]),
            json!([2_u64 << 30, null]),
        ),
        (
            json!(["s3", "files", "current_objects", "listing"]),
            json!([5, 1]),
        ),
    ];
    assert_eq!(found, expected);
    assert_eq!(
        items[1]["resource"],
        json!({"used_bytes": null, "provisioned_bytes": 2_u64 << 30, "provisioned_source": "service",
               "item_count": null, "by_storage_class": {"gp3": 2_u64 << 30}, "as_of": "2026-01-12T09:45:00Z"})
    );
    for name in [
        "current",
        "noncurrent",
        "multipart",
        "by_storage_class",
        "cloudwatch",
    ] {
        assert_eq!(items[1][name], Value::Null, "{name}");
    }
    assert_eq!(items[1]["reconciliation"]["reason"], "no_bucket");
    assert_eq!(items[1]["completeness"], "complete");
    assert_eq!(items[1]["cost"]["monthly_total"], 0.16);
    assert_eq!(
        items[0]["cost"]["by_storage_class"]["DYNAMODB_STANDARD"]["monthly"],
        0.25
    );
    let pending = &reply["pending"][0];
    assert_eq!(
        (&pending["kind"], &pending["bucket"]),
        (&json!("rds"), &json!("acme"))
    );
    assert_eq!(pending["last_failure"]["code"], "no_metrics");
}

#[tokio::test]
async fn a_kind_narrows_and_an_unknown_kind_is_rejected() {
    let world = world_with_other_storage().await;
    let server = server(&world);
    let ask = async |path: &str| server.ask(get(path).scopes(BUCKET_SCOPE)).await;

    let tables = ask("/bucket_size?kind=dynamodb").await.json();
    assert_eq!(tables["items"].as_array().unwrap().len(), 1);
    let volume = ask("/bucket_size?kind=ebs&bucket=vol-0123abcd")
        .await
        .json();
    assert_eq!(volume["items"][0]["kind"], "ebs");
    ask("/bucket_size?kind=efs").await.problem(404, "not_found");
    let unknown = ask("/bucket_size?kind=tape").await;
    assert!(unknown.problem(400, "bad_parameter").contains("dynamodb"));
}

/// Nothing measures an instance's allocation: the answer names its source.
#[tokio::test]
async fn used_bytes_of_an_instance_come_with_the_source_of_its_allocation() {
    let world = world_with_other_storage().await;
    let instance = ResourceSize {
        used_bytes: Some(5 << 30),
        provisioned_bytes: Some(20 << 30),
        item_count: None,
        by_storage_class: BTreeMap::new(),
        as_of: Some("2026-01-12T10:59:00Z".parse().unwrap()),
    };
    let id = TargetId::from_text("acme-prod/rds/acme//");
    let size = BucketSize::of_resource(Method::CloudWatch, instance);
    world.keep(id, "2026-01-12T11:00:00Z", size).await;

    let reply = server(&world)
        .ask(get("/bucket_size").scopes(BUCKET_SCOPE))
        .await
        .json();

    let items = reply["items"].as_array().unwrap();
    let sources: Vec<_> = items
        .iter()
        .map(|item| {
            let resource = &item["resource"];
            let source = resource.get("provisioned_source");
            json!([item["kind"], resource["used_bytes"], source])
        })
        .collect();
    let expected = [
        json!(["dynamodb", 1 << 30, null]),
        json!(["ebs", null, "service"]),
        json!(["rds", 5_u64 << 30, "fleet_file"]),
        json!(["s3", null, null]),
    ];
    assert_eq!(sources, expected);
}
