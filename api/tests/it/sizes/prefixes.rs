//! Sizes by prefix in answers of `/bucket_size`.

use shared::snapshot::ClassSize;
use shared::snapshot::bucket_size::{OtherPrefixes, PrefixSize, Prefixes};
use shared::store::{Expect, Key, Put};

use super::*;

/// The fleet with sizes by prefix of one of its buckets.
fn fleet() -> String {
    FLEET.replacen(
        "bucket = \"acme-prod-files\"",
        "bucket = \"acme-prod-files\"\n  by_prefix = 1",
        1,
    )
}

fn sizes() -> Prefixes {
    let prefix = |name: &str, total_bytes| PrefixSize {
        prefix: name.to_owned(),
        total_bytes,
        object_count: 2,
        noncurrent: None,
    };
    Prefixes {
        prefixes: vec![prefix("a/", 70), prefix("b/", 20), prefix("c/", 5)],
        other: Some(OtherPrefixes {
            prefix_count: 4,
            total_bytes: 5,
            object_count: 9,
            noncurrent: None,
        }),
        reason: None,
    }
}

async fn world() -> World {
    let world = World::new(&fleet());
    for id in bucket_ids() {
        let mut size = BucketSize::empty(Method::Listing);
        size.add("STANDARD", 100);
        if id.as_str().contains("acme-prod-files") {
            size.by_prefix = Some(sizes());
        }
        world.keep(id, "2026-01-12T10:00:00Z", size).await;
    }
    world
}

async fn by_prefix(server: &TestServer, query: &str) -> Vec<Value> {
    let path = format!("/bucket_size?{query}");
    let reply = server.ask(get(&path).scopes(BUCKET_SCOPE)).await.json();
    let Some(items) = reply["items"].as_array() else {
        panic!("{query}: {reply}");
    };
    let items = items.iter();
    items.map(|item| item["by_prefix"].clone()).collect()
}

#[tokio::test]
async fn sizes_by_prefix_are_answered_on_request_and_add_up() {
    let world = world().await;
    let server = server(&world);

    let [whole, others @ ..] = &by_prefix(&server, "include=prefixes").await[..] else {
        panic!("there are targets");
    };

    assert_eq!(whole, &serde_json::to_value(sizes()).unwrap());
    assert_eq!(others, [Value::Null, Value::Null]);
    let [limited, ..] = &by_prefix(&server, "include=prefixes&prefixes=1").await[..] else {
        panic!("there are targets");
    };
    let other =
        json!({"prefix_count": 6, "total_bytes": 30, "object_count": 13, "noncurrent": null});
    assert_eq!(limited["other"], other);
    assert_eq!(limited["prefixes"].as_array().unwrap().len(), 1);
    assert_eq!(
        by_prefix(&server, "limit=9").await,
        [Value::Null, Value::Null, Value::Null]
    );
}

/// The size itself is in the latest, so it stays known.
#[tokio::test]
async fn an_unreadable_snapshot_is_the_reason_and_a_newer_one_has_none_yet() {
    let world = world().await;
    let id = bucket_ids().remove(0);
    damage_snapshot(&world, &id).await;
    let server = server(&world);

    let damaged = by_prefix(&server, "bucket=acme-prod-files&include=prefixes").await;
    assert_eq!(damaged[0]["reason"], "record_unreadable");
    assert_eq!(damaged[0]["other"], Value::Null);

    let size = BucketSize::empty(Method::Listing);
    world.keep(id, "2026-01-12T10:30:00Z", size).await;
    let newer = by_prefix(&server, "bucket=acme-prod-files&include=prefixes").await;
    assert_eq!(newer, [Value::Null]);
}

/// Makes the body of the snapshot of `id` unreadable.
async fn damage_snapshot(world: &World, id: &TargetId) {
    let key = Key {
        partition: format!("SNAP#{id}"),
        sort: "2026-01-12T10:00:00Z".to_owned(),
    };
    let mut item = world.items.get(&key).await.unwrap().unwrap();
    item.body = Some(b"no gzip".to_vec());
    let put = Put {
        item,
        expect: Expect::Anything,
    };
    world.items.put(put).await.unwrap();
}

#[tokio::test]
async fn too_many_prefixes_for_one_answer_are_refused_with_what_to_do() {
    let prefix = |number: usize| PrefixSize {
        prefix: format!("{number:04}{}", "x".repeat(1_000)),
        total_bytes: 1,
        object_count: 1,
        noncurrent: Some(ClassSize::default()),
    };
    let mut size = BucketSize::empty(Method::Listing);
    size.by_prefix = Some(Prefixes {
        prefixes: (0..1_000).map(prefix).collect(),
        ..sizes()
    });
    let fleet = format!("{}{}", fleet(), many_buckets());
    let wide = World::new(&fleet);
    let ids = Fleet::parse("fleet.toml", &fleet).unwrap();
    for target in ids.buckets() {
        wide.keep(target.id(), "2026-01-12T10:00:00Z", size.clone())
            .await;
    }

    let path = "/bucket_size?include=prefixes&prefixes=1000";
    let reply = server(&wide).ask(get(path).scopes(BUCKET_SCOPE)).await;

    assert_eq!(reply.status, 422);
    let detail = reply.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("\"prefixes\""), "{detail}");
}

/// Five more buckets with sizes by prefix.
fn many_buckets() -> String {
    let buckets = (0..5).map(|number| {
        format!("  [[environment.storage]]\n  bucket = \"more-{number}\"\n  by_prefix = 1\n")
    });
    format!(
        "\n[[environment]]\nname = \"more\"\n{}",
        buckets.collect::<String>()
    )
}
