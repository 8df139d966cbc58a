//! What `/table_size` answers from snapshots.

use super::*;

#[tokio::test]
async fn tables_are_largest_first_and_what_is_left_out_is_counted() {
    let world = world_with_snapshots().await;
    let server = server(&world);

    let all = server
        .ask(get("/table_size?environment=acme-prod").scopes(TABLE_SCOPE))
        .await
        .json();
    let item = &all["items"][0];
    assert_eq!(
        (&item["database"], &item["engine"]),
        (&json!("acme"), &json!("postgres"))
    );
    assert_eq!(
        (&item["total_bytes"], &item["table_count"]),
        (&json!(1600), &json!(3))
    );
    let names: Vec<_> = item["tables"]
        .as_array()
        .unwrap()
        .iter()
        .map(|table| table["table"].clone())
        .collect();
    assert_eq!(names, ["big", "log", "small"]);
    assert_eq!(
        item["tables_omitted"],
        json!({"table_count": 0, "total_bytes": 0})
    );

    let one = server
        .ask(get("/table_size?environment=acme-prod&tables=1").scopes(TABLE_SCOPE))
        .await
        .json();
    assert_eq!(one["items"][0]["tables"].as_array().unwrap().len(), 1);
    assert_eq!(
        one["items"][0]["tables_omitted"],
        json!({"table_count": 2, "total_bytes": 300})
    );
    assert_eq!(one["items"][0]["table_count"], 3);

    let named = server
        .ask(get("/table_size?schema=public&table=small").scopes(TABLE_SCOPE))
        .await
        .json();
    assert_eq!(named["items"].as_array().unwrap().len(), 2);
    assert_eq!(named["items"][1]["tables"][0]["total_bytes"], 100);
    server
        .ask(get("/table_size?table=missing").scopes(TABLE_SCOPE))
        .await
        .problem(404, "not_found");
}

#[tokio::test]
async fn a_page_of_large_databases_ends_early_and_goes_on() {
    let world = World::new(FLEET);
    let wide = |index: u64| TableSize {
        entity: Some("E".repeat(900)),
        ..table("public", &format!("t{index:05}"), index)
    };
    let tables: Vec<_> = (0..3000).rev().map(wide).collect();
    for id in database_ids() {
        let name = id.as_str().rsplit('/').next().unwrap().to_owned();
        world
            .keep(
                id,
                "2026-01-12T10:00:00Z",
                database_size(&name, tables.clone()),
            )
            .await;
    }
    let server = server(&world);

    let first = server
        .ask(
            get("/table_size?tables=3000")
                .scopes(TABLE_SCOPE)
                .header("Accept-Encoding", "gzip"),
        )
        .await;
    let body = first.json();
    assert_eq!(body["items"].as_array().unwrap().len(), 1);
    let path = format!(
        "/table_size?tables=3000&cursor={}",
        body["next"].as_str().unwrap()
    );
    let second = server.ask(get(&path).scopes(TABLE_SCOPE)).await.json();
    assert_eq!(
        (&second["items"][0]["database"], &second["next"]),
        (&json!("acme_test"), &Value::Null)
    );
}

#[tokio::test]
async fn a_last_page_without_a_match_ends_the_walk_and_is_no_problem() {
    let world = World::new(FLEET);
    let server = server(&world);
    let names = [("acme", "only_here"), ("acme_test", "elsewhere")];
    for (id, (database, name)) in database_ids().into_iter().zip(names) {
        let size = database_size(database, vec![table("public", name, 1)]);
        world.keep(id, "2026-01-12T10:00:00Z", size).await;
    }

    let path = "/table_size?limit=1&table=only_here";
    let page = server.ask(get(path).scopes(TABLE_SCOPE)).await.json();
    assert_eq!(page["items"][0]["tables"][0]["table"], "only_here");
    let path = format!("{path}&cursor={}", page["next"].as_str().unwrap());
    let last = server.ask(get(&path).scopes(TABLE_SCOPE)).await;

    assert_eq!(last.status, 200, "{}", last.text);
    assert_eq!(
        (&last.json()["items"], &last.json()["next"]),
        (&json!([]), &Value::Null)
    );
}
