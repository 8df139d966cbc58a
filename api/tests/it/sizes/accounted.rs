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
