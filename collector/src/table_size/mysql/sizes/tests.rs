//! Sizes from files and statistics of MySQL and MariaDB.

use super::*;

fn listed(name: &str) -> ListedTable {
    ListedTable {
        name: name.to_owned(),
        spelling: names::encoded(name),
        engine: Some("InnoDB".to_owned()),
        rows: Some(7),
        data_bytes: Some(16_384),
        index_bytes: Some(32_768),
        free_bytes: Some(4096),
        ..ListedTable::default()
    }
}

/// Each entry is the id and file number, the name, the bytes of the file if there is one, and whether it is shared.
fn innodb(tables: &[(u64, &str, Option<u64>, bool)]) -> Innodb {
    let name = |text: &str| text.as_bytes().to_vec();
    Innodb {
        tables: Some(
            tables
                .iter()
                .map(|(id, text, _, is_shared)| InnodbTable {
                    id: *id,
                    name: name(text),
                    space: if *is_shared { 0 } else { *id },
                    is_shared: *is_shared,
                })
                .collect(),
        ),
        files: tables
            .iter()
            .filter_map(|(id, text, bytes, _)| {
                Some(InnodbFile {
                    space: *id,
                    name: name(text),
                    bytes: (*bytes)?,
                })
            })
            .collect(),
    }
}

fn sizes_of(listed: Vec<ListedTable>, innodb: &Innodb) -> Sizes {
    evaluate("acme", listed, Some(innodb), false).unwrap()
}

#[test]
fn the_total_comes_from_the_file_and_the_parts_from_statistics() {
    let innodb = innodb(&[(5, "system@0024user", Some(147_456), false)]);

    let sizes = sizes_of(vec![listed("system$user")], &innodb);

    let table = &sizes.tables[0];
    assert_eq!(
        (table.total_bytes, &table.quality),
        (147_456, &Quality::Exact)
    );
    assert_eq!(
        (table.heap_bytes, table.index_bytes),
        (Some(16_384), Some(32_768))
    );
    assert!(table.are_parts_estimated);
    assert_eq!(
        (table.free_bytes, table.row_estimate),
        (Some(4096), Some(7))
    );
    assert_eq!(sizes.other_bytes, 0);
}

#[test]
fn partitions_and_full_text_indexes_count_in_their_table() {
    let innodb = innodb(&[
        (1, "log#P#p0", Some(100), false),
        (2, "log#P#p1#SP#p1sp0", Some(200), false),
        (33, "note", Some(1000), false),
        (34, "FTS_0000000000000021_CONFIG", Some(30), false),
        (35, "FTS_0000000000000099_CONFIG", Some(5), false),
        (36, "#sql-alter-1f", Some(6), false),
    ]);
    let log = ListedTable {
        is_partitioned: true,
        ..listed("log")
    };

    let sizes = sizes_of(vec![log, listed("note")], &innodb);

    let [log, note] = &sizes.tables[..] else {
        panic!("two tables: {sizes:?}")
    };
    assert_eq!((log.total_bytes, log.kind), (300, TableKind::Partitioned));
    assert_eq!((note.total_bytes, note.index_bytes), (1030, Some(32_798)));
    assert_eq!((log.table_id, note.table_id), (None, Some(33)));
    assert_eq!(sizes.other_bytes, 11);
}

#[test]
fn a_table_in_a_shared_file_is_an_estimate_without_free_bytes() {
    let innodb = innodb(&[(1, "old", None, true)]);

    let sizes = sizes_of(vec![listed("old")], &innodb);

    assert_eq!(sizes.tables[0].total_bytes, 49_152);
    assert_eq!(sizes.tables[0].free_bytes, None);
    assert_eq!(sizes.tables[0].table_id, Some(1));
    assert!(matches!(sizes.tables[0].quality, Quality::Estimated { .. }));
}

#[test]
fn a_dropped_table_is_omitted_and_one_without_its_file_is_not_sized() {
    let innodb = innodb(&[(1, "discarded", None, false)]);

    let sizes = sizes_of(vec![listed("dropped"), listed("discarded")], &innodb);

    assert!(sizes.tables.is_empty());
    assert_eq!(sizes.unsized_tables.len(), 1);
    assert_eq!(sizes.unsized_tables[0].table, "discarded");
    assert!(sizes.unsized_tables[0].reason.contains("discarded"));
}

#[test]
fn a_table_that_was_rebuilt_between_the_lists_is_matched_by_name() {
    let mut innodb = innodb(&[(9, "rebuilt", None, false)]);
    innodb.files.push(InnodbFile {
        space: 4,
        name: b"rebuilt".to_vec(),
        bytes: 64,
    });

    let sizes = sizes_of(vec![listed("rebuilt")], &innodb);

    assert_eq!(sizes.tables[0].total_bytes, 64);
}

#[test]
fn a_locked_table_is_sized_by_its_file() {
    let locked = ListedTable {
        name: "locked".to_owned(),
        spelling: names::encoded("locked"),
        ..ListedTable::default()
    };
    let other = ListedTable {
        name: "elsewhere".to_owned(),
        spelling: None,
        ..locked.clone()
    };

    let sizes = sizes_of(
        vec![locked, other],
        &innodb(&[(1, "locked", Some(64), false)]),
    );

    assert_eq!(sizes.tables[0].total_bytes, 64);
    assert_eq!(sizes.tables[0].heap_bytes, None);
    assert_eq!(sizes.unsized_tables[0].table, "elsewhere");
}

#[test]
fn without_files_every_innodb_table_is_an_estimate() {
    let sizes = evaluate("acme", vec![listed("a")], None, false).unwrap();

    assert_eq!(sizes.tables[0].total_bytes, 49_152);
    assert_eq!(sizes.tables[0].table_id, None);
    assert!(matches!(sizes.tables[0].quality, Quality::Estimated { .. }));
}

#[test]
fn other_engines_are_live_estimated_omitted_or_not_sized() {
    let of = |engine: &str, bytes| ListedTable {
        engine: Some(engine.to_owned()),
        data_bytes: Some(bytes),
        index_bytes: Some(0),
        ..listed(engine)
    };
    let tables = vec![
        of("MyISAM", 5),
        of("ROCKSDB", 6),
        of("MEMORY", 7),
        of("CSV", 0),
    ];

    let sizes = sizes_of(tables, &Innodb::default());

    let found: Vec<_> = sizes
        .tables
        .iter()
        .map(|table| (table.table.as_str(), table.quality == Quality::Exact))
        .collect();
    assert_eq!(found, [("MyISAM", true), ("ROCKSDB", false)]);
    assert_eq!(sizes.unsized_tables[0].table, "CSV");
}

/// MySQL 8 spells files unencoded and tables in InnoDB's encoding.
#[test]
fn two_spellings_of_a_table_are_matched_by_file_number() {
    let innodb = Innodb {
        tables: Some(vec![InnodbTable {
            id: 1,
            name: b"system@0024user".to_vec(),
            space: 3,
            is_shared: false,
        }]),
        files: vec![
            InnodbFile {
                space: 3,
                name: b"system$user".to_vec(),
                bytes: 64,
            },
            InnodbFile {
                space: 4,
                name: b"sales$order".to_vec(),
                bytes: 32,
            },
        ],
    };
    let tables = vec![listed("system$user"), listed("sales$order")];

    let sizes = evaluate("acme", tables, Some(&innodb), true).unwrap();

    let bytes: Vec<_> = sizes.tables.iter().map(|table| table.total_bytes).collect();
    assert_eq!((bytes, sizes.other_bytes), (vec![64, 32], 0));
    let ids: Vec<_> = sizes.tables.iter().map(|table| table.table_id).collect();
    assert_eq!(ids, [Some(1), None]);
}

#[test]
fn sequences_count_as_other_bytes_and_not_as_tables() {
    let sequence = ListedTable {
        is_sequence: true,
        ..listed("numbers")
    };

    let sizes = sizes_of(vec![sequence], &innodb(&[(1, "numbers", Some(64), false)]));

    assert_eq!((sizes.tables.len(), sizes.other_bytes), (0, 64));
}

/// As on MySQL 8: the table's spelling is unknown, and its file has the plain name.
#[test]
fn a_full_text_index_counts_in_a_table_with_a_non_ascii_name() {
    let mut innodb = innodb(&[
        (33, "t@0k", Some(1000), false),
        (34, "fts_0000000000000021_config", Some(30), false),
    ]);
    innodb.files[0].name = "tä".as_bytes().to_vec();

    let sizes = evaluate("acme", vec![listed("tä")], Some(&innodb), true).unwrap();

    assert_eq!(sizes.tables[0].total_bytes, 1030);
    assert_eq!(sizes.tables[0].table_id, Some(33));
    assert_eq!(sizes.tables[0].quality, Quality::Exact);
    assert_eq!(sizes.other_bytes, 0);
}

/// MySQL 8 does not list tables while any table of the server is locked; its files have the names of their tables.
#[test]
fn files_alone_size_most_tables_and_the_others_are_estimates() {
    let file = |space, name: &str, bytes| InnodbFile {
        space,
        name: name.as_bytes().to_vec(),
        bytes,
    };
    let innodb = Innodb {
        tables: None,
        files: vec![
            file(3, "sales$order", 114_688),
            file(4, "Größe", 131_072),
            file(5, "notes", 163_840),
            file(6, "fts_0000000000000021_config", 65_536),
            file(7, "log#p#p0", 49_152),
            file(8, "log#p#p1", 49_152),
        ],
    };
    let notes = ListedTable {
        has_full_text: true,
        ..listed("notes")
    };
    let unopened = ListedTable {
        data_bytes: None,
        ..listed("unopened")
    };
    let named = ["sales$order", "Größe", "log", "shared"].map(listed);
    let all = named.into_iter().chain([notes, unopened]).collect();

    let sizes = evaluate("acme", all, Some(&innodb), true).unwrap();

    let reported: Vec<_> = sizes
        .tables
        .iter()
        .map(|table| {
            let is_exact = table.quality == Quality::Exact;
            (table.table.as_str(), table.total_bytes, is_exact)
        })
        .collect();
    assert_eq!(
        reported,
        [
            ("sales$order", 114_688, true),
            ("Größe", 131_072, true),
            ("log", 98_304, true),
            ("shared", 49_152, false),
            ("notes", 163_840, false),
        ]
    );
    assert_eq!(sizes.unsized_tables[0].table, "unopened");
    assert_eq!(
        sizes.other_bytes, 65_536,
        "an index file of an unknown table counts in the database's total only"
    );
}

#[test]
fn a_file_that_is_not_open_is_not_missing() {
    let not_opened = |fault: &str| ListedTable {
        engine: None,
        data_bytes: None,
        index_bytes: None,
        fault: fault.to_owned(),
        ..listed("t")
    };
    let innodb = innodb(&[(1, "t", None, false)]);

    for (fault, expected) in [
        (
            "Got error 194 \"Tablespace is missing for a table\" from storage engine InnoDB",
            FILE_MISSING,
        ),
        ("Table 'acme.t' doesn't exist in engine", FILE_MISSING),
        ("Lock wait timeout exceeded", NOT_OPENED),
    ] {
        let sizes = sizes_of(vec![not_opened(fault)], &innodb);
        assert_eq!(sizes.unsized_tables[0].reason, expected);
    }
}

#[test]
fn unopened_files_of_a_full_text_index_are_listed_and_the_table_is_measured() {
    let innodb = innodb(&[
        (33, "note", Some(1000), false),
        (34, "FTS_0000000000000021_CONFIG", Some(30), false),
        (35, "FTS_0000000000000021_DELETED", None, false),
        (36, "FTS_0000000000000021_DELETED_CACHE", None, false),
    ]);

    let sizes = sizes_of(vec![listed("note")], &innodb);

    assert_eq!(sizes.tables[0].total_bytes, 1030);
    assert!(matches!(sizes.tables[0].quality, Quality::Estimated { .. }));
    assert_eq!(sizes.unsized_tables.len(), 1);
    assert_eq!(sizes.unsized_tables[0].table, "note (full-text indexes)");
    assert!(
        sizes.unsized_tables[0]
            .reason
            .starts_with("2 of their files")
    );
}

#[test]
fn a_sequence_that_could_not_be_opened_is_not_sized_and_fails_nothing() {
    let sequence = ListedTable {
        is_sequence: true,
        data_bytes: None,
        index_bytes: None,
        ..listed("ids")
    };

    let sizes = sizes_of(vec![sequence], &innodb(&[]));

    assert_eq!(sizes.unsized_tables[0].table, "ids");
}
