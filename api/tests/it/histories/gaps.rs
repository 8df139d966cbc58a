//! What is damaged is a named gap, and never a wrong number.

use shared::store::{Expect, Item, Order, Put, Query};

use super::*;

/// Returns the items of a partition that is that of a database's blocks.
async fn items(world: &World, partition: &str) -> Vec<Item> {
    let query = Query {
        partition: format!("{partition}#{}", database_ids()[0]),
        from: "!".into(),
        to: "~".into(),
        order: Order::Ascending,
        after: None,
        limit: 1000,
    };
    world.items.query(&query).await.unwrap().items
}

async fn damage(world: &World, mut item: Item) {
    let body = item.body.as_mut().unwrap();
    let middle = body.len() / 2;
    body[middle] ^= 0x55;
    let expect = Expect::Anything;
    world.items.put(Put { item, expect }).await.unwrap();
}

#[tokio::test]
async fn a_damaged_block_is_null_and_a_named_gap() {
    let world = two_weeks().await;
    let path = "/table_size/history?environment=acme-prod&step=1h&group=module\
                &from=2026-01-05T00:00:00Z&to=2026-01-07T00:00:00Z";
    let whole = ask(&server(&world), path).await;
    let blocks = items(&world, "HOURS").await;
    let block = blocks
        .into_iter()
        .find(|item| item.key.sort == "2026-01-05")
        .unwrap();

    damage(&world, block).await;
    let damaged = ask(&server(&world), path).await;

    let item = &damaged["items"][0];
    assert_eq!(
        item["gaps"],
        json!([{"from": "2026-01-05T00:00:00Z", "to": "2026-01-06T00:00:00Z",
                "scope": "everything", "reason": "damaged"}])
    );
    let values = |body: &Value| {
        series(&body["items"][0], "Sales")["values"]
            .as_array()
            .unwrap()
            .clone()
    };
    assert!(values(&damaged)[..24].iter().all(Value::is_null));
    assert_eq!(values(&damaged)[24..], values(&whole)[24..]);
}

#[tokio::test]
async fn without_the_names_of_tables_their_sums_are_null_and_the_total_is_there() {
    let world = two_weeks().await;
    for list in items(&world, "NAMES").await {
        damage(&world, list).await;
    }
    let server = server(&world);

    let range = "environment=acme-prod&step=1d&from=2026-01-05T00:00:00Z&to=2026-01-07T00:00:00Z";
    let total = ask(&server, &format!("/table_size/history?{range}")).await;
    let modules = ask(
        &server,
        &format!("/table_size/history?{range}&group=module"),
    )
    .await;
    let changes = ask(
        &server,
        "/table_size/changes?environment=acme-prod&from=-10d&to=-2d",
    )
    .await;

    assert!(series(&total["items"][0], "total_bytes")["values"][0].is_u64());
    let item = &modules["items"][0];
    assert!(names(item).iter().all(|name| {
        series(item, name)["values"]
            .as_array()
            .unwrap()
            .iter()
            .all(Value::is_null)
    }));
    assert_eq!(item["gaps"][0]["scope"], "tables");
    let item = &changes["items"][0];
    assert_eq!(item["reason"], "no_measurement", "{item}");
    assert_eq!(item["gaps"][0]["scope"], "tables");
}
