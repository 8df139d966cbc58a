//! What `/bucket_size` answers of the file documents in an app's database.

use shared::snapshot::FileDocuments;

use super::*;
use crate::harness::Reply;

const DOCUMENTS: FileDocuments = FileDocuments {
    document_count: 2,
    document_bytes: 900,
    unsized_count: 0,
};

/// Returns a world in which each storage has three objects of 1,200 bytes together.
async fn world() -> World {
    let world = World::new(FLEET);
    for id in bucket_ids() {
        let size = bucket_size(&[300, 400, 500]);
        world.keep(id, NOW, size).await;
    }
    world
}

async fn ask(world: &World, environment: &str) -> Reply {
    let path = format!("/bucket_size?environment={environment}");
    server(world).ask(get(&path).scopes(BUCKET_SCOPE)).await
}

async fn accounted(world: &World, environment: &str) -> Value {
    ask(world, environment).await.json()["items"][0]["accounted"].clone()
}

fn nothing(reason: &str) -> Value {
    json!({"document_count": null, "document_bytes": null, "as_of": null,
           "unaccounted_bytes": null, "unaccounted_objects": null, "reason": reason})
}

#[tokio::test]
async fn what_no_document_has_is_unaccounted() {
    let world = world().await;
    let [_, test] = &database_ids()[..] else {
        panic!("two databases");
    };
    let before = ask(&world, "acme-test").await;

    world
        .keep(test.clone(), "2026-01-12T01:00:00Z", DOCUMENTS)
        .await;

    assert_eq!(
        before.json()["items"][0]["accounted"],
        nothing("not_counted")
    );
    let after = ask(&world, "acme-test").await;
    assert_eq!(
        after.json()["items"][0]["accounted"],
        json!({"document_count": 2, "document_bytes": 900, "as_of": "2026-01-12T01:00:00Z",
               "unaccounted_bytes": 300, "unaccounted_objects": 1, "reason": null})
    );
    assert_ne!(before.header("etag"), after.header("etag"));
}

#[tokio::test]
async fn an_environment_with_several_storages_has_a_reason_instead() {
    let world = world().await;
    let production = database_ids().swap_remove(0);
    world
        .keep(production, "2026-01-12T01:00:00Z", DOCUMENTS)
        .await;

    assert_eq!(
        accounted(&world, "acme-prod").await,
        nothing("several_storages")
    );
}

#[tokio::test]
async fn documents_have_a_history_beside_the_storage() {
    let world = world().await;
    let test = database_ids().swap_remove(1);
    for (day, document_bytes) in [("2026-01-10", 700), ("2026-01-11", 800)] {
        let time = format!("{day}T01:00:00Z").parse().unwrap();
        let counted = FileDocuments {
            document_bytes,
            ..DOCUMENTS
        };
        world.collect(test.clone(), time, counted).await;
    }

    let path = "/bucket_size/history?part=document&from=2026-01-10T00:00:00Z&step=1d";
    let reply = server(&world).ask(get(path).scopes(BUCKET_SCOPE)).await;

    let items = reply.json()["items"].clone();
    let values = |item: &Value| item["series"][0]["values"].clone();
    assert_eq!(items[2]["series"][0]["name"], "document_bytes");
    assert_eq!(values(&items[2]), json!([700, 800, null]));
    // Two storages: whose documents they are is not known.
    assert_eq!(values(&items[0]), json!([null, null, null]));
}

/// Returns the first series of the second environment's storage, and its reason.
async fn unaccounted(world: &World, query: &str) -> (Value, Value) {
    let path = format!("/bucket_size/history?environment=acme-test&part=unaccounted&{query}");
    let reply = server(world).ask(get(&path).scopes(BUCKET_SCOPE)).await;
    let body = reply.json();
    let item = &body["items"][0];
    assert_eq!(item["growth"], Value::Null, "{}", reply.text);
    assert_eq!(item["series"][0]["name"], "unaccounted_bytes");
    (item["series"][0]["values"].clone(), item["reason"].clone())
}

#[tokio::test]
async fn unaccounted_bytes_have_a_history_where_both_sides_were_measured() {
    let world = World::new(FLEET);
    let (storage, database) = (bucket_ids().swap_remove(2), database_ids().swap_remove(1));
    let hour = |time: &str| time.parse().unwrap();
    for (time, sizes) in [
        ("2026-01-07T03:00:00Z", &[300_u64, 400][..]),
        ("2026-01-07T20:00:00Z", &[300, 500]),
        ("2026-01-08T20:00:00Z", &[600]),
        ("2026-01-10T20:00:00Z", &[700]),
        ("2026-01-11T20:00:00Z", &[900]),
    ] {
        let size = bucket_size(sizes);
        world.collect(storage.clone(), hour(time), size).await;
    }
    for (time, document_bytes, unsized_count) in [
        ("2026-01-07T03:00:00Z", 650, 0),
        ("2026-01-08T01:00:00Z", 650, 0),
        ("2026-01-09T01:00:00Z", 650, 0),
        ("2026-01-11T01:00:00Z", 10, 1),
    ] {
        let counted = FileDocuments {
            document_bytes,
            unsized_count,
            ..DOCUMENTS
        };
        world.collect(database.clone(), hour(time), counted).await;
    }

    let range = "from=2026-01-07T00:00:00Z&to=2026-01-12T00:00:00Z";
    let (by_day, reason) = unaccounted(&world, range).await;

    // The last listing of a day; more documents than objects; no listing; no count; documents without a size.
    assert_eq!(by_day, json!([150, -50, null, null, null]));
    assert_eq!(reason, Value::Null);
    let range = "from=2026-01-07T03:00:00Z&to=2026-01-07T05:00:00Z&step=1h";
    let (by_hour, _) = unaccounted(&world, range).await;
    assert_eq!(by_hour, json!([50, null]));
    let path = "/bucket_size/history?environment=acme-test&part=document&step=1d&from=2026-01-11T00:00:00Z";
    let reply = server(&world).ask(get(path).scopes(BUCKET_SCOPE)).await;
    let values = reply.json()["items"][0]["series"][0]["values"].clone();
    assert_eq!(
        values,
        json!([null, null]),
        "a sum without all sizes is none"
    );
}

#[tokio::test]
async fn a_history_of_unaccounted_bytes_without_values_has_a_reason() {
    let world = world().await;
    let (storage, database) = (bucket_ids().swap_remove(2), database_ids().swap_remove(1));
    let time = "2026-01-11T20:00:00Z".parse().unwrap();

    let (_, nothing) = unaccounted(&world, "from=-2d").await;
    world.collect(storage, time, bucket_size(&[700])).await;
    let (_, uncounted) = unaccounted(&world, "from=-2d").await;
    world.collect(database, time, DOCUMENTS).await;
    let (values, known) = unaccounted(&world, "from=-2d").await;

    assert_eq!(nothing, "not_listed");
    assert_eq!(uncounted, "not_counted");
    assert_eq!((values, known), (json!([-200, null]), Value::Null));
    for part in ["document", "unaccounted"] {
        let path = format!("/bucket_size/history?environment=acme-prod&part={part}&step=1d");
        let reply = server(&world).ask(get(&path).scopes(BUCKET_SCOPE)).await;
        let reasons = reply.json()["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["reason"].clone())
            .collect::<Vec<_>>();
        assert_eq!(reasons, ["several_storages", "several_storages"]);
    }
}

#[tokio::test]
async fn a_difference_of_two_measurements_has_no_single_runs_extremes_or_classes() {
    let world = World::new(FLEET);

    for query in ["step=raw", "aggregate=max", "group=storage_class"] {
        let path = format!("/bucket_size/history?part=unaccounted&{query}");
        let reply = server(&world).ask(get(&path).scopes(BUCKET_SCOPE)).await;

        let detail = reply.problem(400, "bad_parameter");
        assert!(detail.contains("part=unaccounted"), "{detail}");
    }
}

#[tokio::test]
async fn a_failed_count_is_the_reason_until_one_succeeds() {
    let world = world().await;
    let test = database_ids().swap_remove(1);

    world
        .fail::<FileDocuments>(&test, "2026-01-12T01:00:00Z", "not_a_mendix_database")
        .await;

    assert_eq!(
        accounted(&world, "acme-test").await,
        nothing("not_a_mendix_database")
    );
}
