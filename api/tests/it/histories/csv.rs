//! Comma-separated values: one line for each value, part, table or target.

use shared::snapshot::UnsizedTable;

use super::*;

/// Returns the lines of an answer as CSV, the header first.
async fn lines(server: &TestServer, path: &str) -> Vec<String> {
    let scope = if path.starts_with("/bucket") {
        BUCKET_SCOPE
    } else {
        TABLE_SCOPE
    };
    let asked = get(path).scopes(scope).header("Accept", "text/csv");
    let reply = server.ask(asked).await;
    assert_eq!(reply.status, 200, "{path}: {}", reply.text);
    assert_eq!(
        reply.header("content-type"),
        "text/csv; charset=utf-8; header=present"
    );
    assert!(reply.text.ends_with("\r\n"));
    let lines = reply.text.strip_suffix("\r\n").unwrap().split("\r\n");
    lines.map(str::to_owned).collect()
}

#[tokio::test]
async fn a_history_has_a_line_for_each_value_and_nulls_are_empty() {
    let world = two_weeks().await;
    let server = server(&world);

    let path = "/table_size/history?environment=acme-prod&group=table&top=1&step=1d\
                &from=2025-12-31T00:00:00Z&to=2026-01-02T00:00:00Z";
    let found = lines(&server, path).await;

    assert_eq!(
        found,
        [
            "environment,database,name,module,schema,table,unit,time,value",
            "acme-prod,acme,sales$order,Sales,public,sales$order,bytes,2025-12-31T00:00:00Z,11100",
            "acme-prod,acme,sales$order,Sales,public,sales$order,bytes,2026-01-01T00:00:00Z,",
            "acme-prod,acme,other,,,,bytes,2025-12-31T00:00:00Z,7010",
            "acme-prod,acme,other,,,,bytes,2026-01-01T00:00:00Z,",
        ]
    );
}

#[tokio::test]
async fn names_that_begin_like_formulas_are_harmless() {
    let world = World::new(FLEET);
    let tables = vec![
        table("public", "=cmd|'/C calc'!A0", 7),
        table("public", "a,\"b\"", 5),
    ];
    let mut size = database_size("acme", tables);
    size.unsized_tables = vec![UnsizedTable {
        schema: "public".into(),
        table: "+locked".into(),
        reason: "locked".into(),
    }];
    let (id, time) = (database_ids()[0].clone(), at("2026-01-12T10:00:00Z"));
    world.collect(id, time, size).await;
    let server = server(&world);

    let found = lines(&server, "/table_size?environment=acme-prod&tables=1").await;
    let quoted = lines(&server, "/table_size?environment=acme-prod&table=a,%22b%22").await;
    let values = lines(&server, "/table_size/history?group=table&top=1&step=raw").await;

    let expected = [
        "environment,database,row,schema,table,kind,module,entity,table_count,total_bytes,heap_bytes,toast_bytes,\
         index_bytes,row_estimate,quality,reason,taken_at,stale",
        "acme-prod,acme,table,public,'=cmd|'/C calc'!A0,table,,,,7,7,0,0,,exact,,2026-01-12T10:00:00Z,false",
        "acme-prod,acme,omitted,,,,,,1,5,,,,,,,2026-01-12T10:00:00Z,false",
        "acme-prod,acme,unsized,public,'+locked,,,,,,,,,,,locked,2026-01-12T10:00:00Z,false",
    ];
    assert_eq!(found, expected);
    assert!(quoted[1].contains(",\"a,\"\"b\"\"\","), "{}", quoted[1]);
    assert!(values[1].contains(",'=cmd|'/C calc'!A0,"), "{}", values[1]);
}

#[tokio::test]
async fn the_changes_of_all_lines_add_up_and_a_target_without_measurements_has_a_line() {
    let world = two_weeks().await;
    let server = server(&world);

    let found = lines(&server, "/bucket_size/changes?from=-10d").await;
    let json = ask(&server, "/bucket_size/changes?from=-10d").await;

    let columns: Vec<_> = found[0].split(',').collect();
    let position = |name| columns.iter().position(|column| *column == name).unwrap();
    let cell = |line: &str, name| line.split(',').nth(position(name)).unwrap().to_owned();
    assert_eq!(found.len(), 4, "{found:?}");
    let change = json["items"][0]["changes"]["change_bytes"].to_string();
    assert_eq!(cell(&found[1], "change_bytes"), change);
    assert_eq!(cell(&found[1], "change"), "grown");
    assert_eq!(cell(&found[2], "reason"), "no_measurement");
}

#[tokio::test]
async fn sizes_have_a_line_for_each_target_also_for_those_without_a_snapshot() {
    let world = two_weeks().await;
    let server = server(&world);

    let found = lines(&server, "/bucket_size?include=trend").await;

    assert_eq!(found.len(), 4);
    assert!(
        found[0].starts_with("environment,kind,bucket,prefix,suffix,total_bytes,object_count,")
    );
    assert!(
        found[1].starts_with("acme-prod,s3,acme-prod-files,,,1055,2,current_objects,listing,1055,")
    );
    assert_eq!(
        found[2],
        format!("acme-prod,s3,shared-files,acme prod/,{}", ",".repeat(20))
    );
    let columns = |line: &str| line.matches(',').count();
    assert!(found.iter().all(|line| columns(line) == columns(&found[0])));
}
