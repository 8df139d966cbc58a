//! Answers of `/table_size` from snapshots.

use shared::snapshot::{Quality, TableKind, TableName};

use super::*;

#[tokio::test]
async fn tables_are_largest_first_and_omitted_ones_are_counted() {
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

    for (query, count, bytes) in [("", 3, None), ("&table=small", 1, Some(100))] {
        let path = format!("/table_size?environment=acme-prod&tables=0{query}");
        let totals = server.ask(get(&path).scopes(TABLE_SCOPE)).await.json();
        let item = &totals["items"][0];
        assert_eq!(item["tables"], json!([]), "{query}");
        assert_eq!(item["tables_omitted"]["table_count"], count, "{query}");
        if let Some(bytes) = bytes {
            assert_eq!(item["tables_omitted"]["total_bytes"], bytes, "{query}");
        }
    }
    let missing = "/table_size?environment=acme-prod&tables=0&table=missing";
    let missing = server.ask(get(missing).scopes(TABLE_SCOPE)).await;
    missing.problem(404, "not_found");

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
async fn a_page_of_large_databases_ends_early_and_the_next_one_continues() {
    let world = World::new(FLEET);
    let wide = |index: u64| TableSize {
        entity: Some("E".repeat(900)),
        ..table("public", &format!("t{index:05}"), index)
    };
    let tables: Vec<_> = (0..2500).rev().map(wide).collect();
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
async fn pagination_ends_with_a_last_page_even_without_a_match() {
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

/// A row as it is answered: a field that appears or disappears here changes the contract.
#[tokio::test]
async fn a_table_has_all_its_fields_and_no_internal_ones() {
    let world = World::new(FLEET);
    let parent = TableName {
        schema: "public".into(),
        table: "log".into(),
    };
    let row = TableSize {
        table_id: Some(16_402),
        partition_of: Some(parent),
        entity: Some("Sales.Order".into()),
        module: Some("Sales".into()),
        last_vacuum_at: Some("2026-01-11T03:04:05.678Z".parse().unwrap()),
        quality: Quality::Estimated {
            reason: "locked".into(),
        },
        ..table("public", "log_1", 300)
    };
    let id = database_ids().remove(0);
    let size = database_size("acme", vec![row]);
    world.keep(id, "2026-01-12T10:00:00Z", size).await;

    let path = "/table_size?environment=acme-prod&table=log_1";
    let reply = server(&world).ask(get(path).scopes(TABLE_SCOPE)).await;

    assert_eq!(
        reply.json()["items"][0]["tables"],
        json!([{
            "schema": "public", "table": "log_1", "kind": "table", "persistence": "permanent",
            "partition_of": {"schema": "public", "table": "log"}, "child_tables": null,
            "entity": "Sales.Order", "association": null, "module": "Sales",
            "is_system": false, "is_transient": false,
            "heap_bytes": 300, "toast_bytes": 0, "index_bytes": 0, "total_bytes": 300,
            "are_parts_estimated": false, "free_bytes": null, "row_estimate": null, "dead_row_estimate": null,
            "last_vacuum_at": "2026-01-11T03:04:05.678Z", "last_analyze_at": null,
            "quality": "estimated", "quality_reason": "locked",
        }])
    );
}

/// A database with a partitioned table, two modules and a locked table.
fn grouped() -> DatabaseSize {
    let of = |module: &str, table: TableSize| TableSize {
        module: Some(module.into()),
        entity: Some(format!("{module}.Entity")),
        ..table
    };
    let parent = TableName {
        schema: "public".into(),
        table: "log".into(),
    };
    let partition = |name: &str, bytes| TableSize {
        partition_of: Some(parent.clone()),
        ..table("public", name, bytes)
    };
    let partitioned = TableSize {
        kind: TableKind::Partitioned,
        ..table("public", "log", 700)
    };
    let locked = TableSize {
        quality: Quality::Estimated {
            reason: "another session holds it locked".into(),
        },
        ..table("public", "sales$order", 300)
    };
    let mut size = database_size(
        "acme",
        vec![
            partitioned,
            partition("log_1", 400),
            partition("log_2", 300),
            of("Sales", locked),
            of("Sales", table("public", "sales$customer", 100)),
            of(
                "System",
                TableSize {
                    is_system: true,
                    ..table("public", "system$user", 50)
                },
            ),
        ],
    );
    size.total_bytes = 2050;
    size
}

async fn grouped_world() -> World {
    let world = World::new(FLEET);
    let id = database_ids().remove(0);
    world.keep(id, "2026-01-12T10:00:00Z", grouped()).await;
    world
}

#[tokio::test]
async fn partitions_are_shown_on_request_and_never_counted_twice() {
    let world = grouped_world().await;
    let server = server(&world);
    let ask = async |query: &str| {
        let path = format!("/table_size?environment=acme-prod{query}");
        server.ask(get(&path).scopes(TABLE_SCOPE)).await.json()["items"][0].clone()
    };
    let names = |item: &Value| -> Vec<String> {
        let tables = item["tables"].as_array().unwrap().iter();
        tables
            .map(|table| table["table"].as_str().unwrap().to_owned())
            .collect()
    };

    let plain = ask("").await;
    assert_eq!(
        names(&plain),
        ["log", "sales$order", "sales$customer", "system$user"]
    );
    assert_eq!(
        (&plain["table_bytes"], &plain["table_count"]),
        (&json!(1150), &json!(4))
    );
    assert_eq!(plain["estimated_table_count"], 1);
    assert_eq!(
        plain["other_bytes"],
        Value::Null,
        "an estimate is in the sum"
    );
    assert_eq!(plain["tables"][1]["quality"], "estimated");
    assert_eq!(plain["modules"], Value::Null);

    let first = ask("&tables=2").await;
    assert_eq!(
        first["tables_omitted"],
        json!({"table_count": 2, "total_bytes": 150})
    );

    let all = ask("&include=partitions&tables=3").await;
    assert_eq!(names(&all), ["log", "log_1", "log_2"]);
    assert_eq!(
        all["tables"][1]["partition_of"],
        json!({"schema": "public", "table": "log"})
    );
    // Three of the four counted tables are not shown; the first one already includes the shown partitions.
    assert_eq!(
        all["tables_omitted"],
        json!({"table_count": 3, "total_bytes": 450})
    );

    let by_name = ask("&table=log_2").await;
    assert_eq!(names(&by_name), ["log_2"]);
    assert_eq!(
        by_name["tables_omitted"],
        json!({"table_count": 0, "total_bytes": 0})
    );
}

#[tokio::test]
async fn modules_are_sums_of_all_their_tables() {
    let world = grouped_world().await;
    let server = server(&world);

    let path = "/table_size?environment=acme-prod&group=module";
    let item = server.ask(get(path).scopes(TABLE_SCOPE)).await.json()["items"][0].clone();

    let sums: Vec<_> = item["modules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|sums| {
            json!([
                sums["module"],
                sums["is_system"],
                sums["table_count"],
                sums["estimated_table_count"],
                sums["total_bytes"]
            ])
        })
        .collect();
    assert_eq!(
        sums,
        [
            json!([null, false, 1, 0, 700]),
            json!(["Sales", false, 2, 1, 400]),
            json!(["System", true, 1, 0, 50])
        ]
    );
    assert_eq!(item["tables"], json!([]));
    assert_eq!(
        item["tables_omitted"],
        json!({"table_count": 4, "total_bytes": 1150})
    );
    server
        .ask(get("/table_size?group=colour").scopes(TABLE_SCOPE))
        .await
        .problem(400, "bad_parameter");
    server
        .ask(
            get("/table_size?environment=acme-prod&group=module&table=missing").scopes(TABLE_SCOPE),
        )
        .await
        .problem(404, "not_found");
}
