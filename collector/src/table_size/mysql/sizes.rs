//! From what the server lists to sizes of tables. Pure: no I/O in this file.
//!
//! The lists are read one after the other while the database lives on. A file that was listed is counted, whatever
//! became of its table since; a table that is in no later list was dropped and is left out; one that was there before
//! and after, and has no file, is named as not sized.

use std::collections::{BTreeMap, HashMap};

use shared::snapshot::{Quality, TableKind, TableSize, UnsizedTable};

use super::names::{self, Meaning};

/// Engines whose lengths are those of their files at the moment of asking.
const LIVE_ENGINES: [&str; 3] = ["MyISAM", "Aria", "ARCHIVE"];
/// Engines that keep nothing of their own on disk: their tables are like views.
const ENGINES_WITHOUT_FILES: [&str; 6] = [
    "MEMORY",
    "BLACKHOLE",
    "MRG_MyISAM",
    "FEDERATED",
    "SPIDER",
    "PERFORMANCE_SCHEMA",
];

const SHARED_FILE: &str =
    "it shares a file with other tables, so the server's statistics stand for its bytes";
const NO_PROCESS: &str =
    "the role lacks PROCESS and sees no files, so the server's statistics stand for its bytes";

/// A table as `information_schema` lists it. Sizes and engine are `None` when the server could not open it.
#[derive(Debug, Clone, Default)]
pub(super) struct ListedTable {
    pub(super) name: String,
    /// Its name as InnoDB spells it.
    pub(super) spelling: Option<Vec<u8>>,
    pub(super) is_sequence: bool,
    pub(super) engine: Option<String>,
    pub(super) is_partitioned: bool,
    pub(super) rows: Option<u64>,
    pub(super) data_bytes: Option<u64>,
    pub(super) index_bytes: Option<u64>,
    pub(super) free_bytes: Option<u64>,
}

/// A table, partition or part of a full-text index as InnoDB lists it, without its database's name.
#[derive(Debug, Clone)]
pub(super) struct InnodbTable {
    pub(super) id: u64,
    pub(super) name: Vec<u8>,
    pub(super) space: u64,
    /// Whether its file holds other tables too.
    pub(super) is_shared: bool,
}

/// A file of InnoDB, by its name without its database's.
#[derive(Debug, Clone)]
pub(super) struct InnodbFile {
    pub(super) space: u64,
    pub(super) name: Vec<u8>,
    pub(super) bytes: u64,
}

/// What InnoDB lists; only a role with PROCESS sees it.
#[derive(Debug, Clone, Default)]
pub(super) struct Innodb {
    pub(super) tables: Vec<InnodbTable>,
    pub(super) files: Vec<InnodbFile>,
}

/// Sizes of a database.
#[derive(Debug, Default)]
pub(super) struct Sizes {
    pub(super) tables: Vec<TableSize>,
    pub(super) unsized_tables: Vec<UnsizedTable>,
    /// Bytes that are no table's: sequences, and what schema changes are building or left.
    pub(super) other_bytes: u64,
}

/// Returns the sizes of the tables `listed` in `database`; `innodb` is `None` for a role that sees no files.
///
/// `None` when a sum is beyond 64 bits.
pub(super) fn judge(
    database: &str,
    listed: Vec<ListedTable>,
    innodb: Option<&Innodb>,
    is_plain_spelling: bool,
) -> Option<Sizes> {
    let mut owned = Owned::default();
    if let Some(innodb) = innodb {
        owned = Owned::of(innodb, &spellings(&listed, is_plain_spelling))?;
    }
    let mut sizes = Sizes {
        other_bytes: owned.other_bytes,
        ..Sizes::default()
    };
    for (index, table) in listed.into_iter().enumerate() {
        let space = owned.by_table.remove(&index).unwrap_or_default();
        if table.is_sequence {
            // A server that shows us no file shows us the bytes of a sequence nowhere else.
            let bytes = match space.file_bytes {
                Some(bytes) => bytes,
                None => table.data_bytes?.checked_add(table.index_bytes?)?,
            };
            sizes.other_bytes = sizes.other_bytes.checked_add(bytes)?;
            continue;
        }
        match size_of(database, &table, &space, innodb.is_some())? {
            Verdict::Sized(size) => sizes.tables.push(*size),
            Verdict::Unsized(reason) => sizes.unsized_tables.push(UnsizedTable {
                schema: database.to_owned(),
                table: table.name,
                reason: reason.to_owned(),
            }),
            Verdict::LeftOut => {}
        }
    }
    Some(sizes)
}

/// Returns the listed tables by their spellings.
///
/// Where the server spells names in its own characters too, both are looked for, and InnoDB's spelling wins.
fn spellings(listed: &[ListedTable], is_plain: bool) -> HashMap<Vec<u8>, usize> {
    let mut found = HashMap::with_capacity(listed.len());
    if is_plain {
        for (index, table) in listed.iter().enumerate() {
            found.insert(table.name.clone().into_bytes(), index);
        }
    }
    for (index, table) in listed.iter().enumerate() {
        if let Some(spelling) = &table.spelling {
            found.insert(spelling.clone(), index);
        }
    }
    found
}

/// What InnoDB holds of one table.
#[derive(Debug, Default)]
struct Space {
    /// Bytes of all its files; `None` without any.
    file_bytes: Option<u64>,
    /// Bytes of the files of its full-text indexes, which are in `file_bytes` too.
    full_text_bytes: u64,
    /// Whether some of it is in a file with other tables.
    is_shared: bool,
    /// Whether InnoDB lists it.
    is_listed: bool,
    /// Whether InnoDB lists a part of it whose file is not there.
    lacks_file: bool,
}

/// What InnoDB holds, by the index of the listed table.
#[derive(Debug, Default)]
struct Owned {
    by_table: BTreeMap<usize, Space>,
    other_bytes: u64,
}

impl Owned {
    fn of(innodb: &Innodb, spellings: &HashMap<Vec<u8>, usize>) -> Option<Self> {
        let by_id: HashMap<u64, &InnodbTable> = innodb
            .tables
            .iter()
            .map(|table| (table.id, table))
            .collect();
        let owner = |name: &[u8]| {
            if let Some(index) = spellings.get(name) {
                return Some(*index);
            }
            match names::meaning(name) {
                Meaning::Table(table) => spellings.get(table).copied(),
                Meaning::FullText(id) => {
                    let table = by_id.get(&id)?;
                    match names::meaning(&table.name) {
                        Meaning::Table(table) => spellings.get(table).copied(),
                        _ => None,
                    }
                }
                Meaning::Unfinished => None,
            }
        };
        let mut owned = Self::default();
        // By the file's number first: in MySQL 8 tables and files may be spelled differently.
        let tables_by_space: HashMap<u64, &InnodbTable> = innodb
            .tables
            .iter()
            .filter(|table| !table.is_shared)
            .map(|table| (table.space, table))
            .collect();
        for file in &innodb.files {
            let table = tables_by_space.get(&file.space);
            let by_number = table.and_then(|table| owner(&table.name));
            let Some(index) = by_number.or_else(|| owner(&file.name)) else {
                owned.other_bytes = owned.other_bytes.checked_add(file.bytes)?;
                continue;
            };
            let space = owned.by_table.entry(index).or_default();
            let known = space.file_bytes.unwrap_or_default();
            space.file_bytes = Some(known.checked_add(file.bytes)?);
            let name = table.map_or(&file.name, |table| &table.name);
            if matches!(names::meaning(name), Meaning::FullText(_)) {
                space.full_text_bytes = space.full_text_bytes.checked_add(file.bytes)?;
            }
        }
        let numbers: HashMap<u64, &[u8]> = innodb
            .files
            .iter()
            .map(|file| (file.space, file.name.as_slice()))
            .collect();
        let named: std::collections::HashSet<&[u8]> = numbers.values().copied().collect();
        for table in &innodb.tables {
            let Some(index) = owner(&table.name) else {
                continue;
            };
            let space = owned.by_table.entry(index).or_default();
            space.is_listed = true;
            space.is_shared |= table.is_shared;
            // A rebuilt table has a new file; the one of its name was there a moment ago.
            space.lacks_file |= !table.is_shared
                && !numbers.contains_key(&table.space)
                && !named.contains(table.name.as_slice());
        }
        Some(owned)
    }
}

enum Verdict {
    Sized(Box<TableSize>),
    Unsized(&'static str),
    LeftOut,
}

/// Returns what is known of one table; `None` when a sum is beyond 64 bits.
fn size_of(
    database: &str,
    table: &ListedTable,
    space: &Space,
    sees_files: bool,
) -> Option<Verdict> {
    let is = |engines: &[&str]| {
        let engine = table.engine.as_deref().unwrap_or_default();
        engines.iter().any(|each| each.eq_ignore_ascii_case(engine))
    };
    if is(&ENGINES_WITHOUT_FILES) {
        return Some(Verdict::LeftOut);
    }
    let sized = TableSize {
        kind: if table.is_partitioned {
            TableKind::Partitioned
        } else {
            TableKind::Table
        },
        heap_bytes: table.data_bytes,
        index_bytes: table.index_bytes,
        row_estimate: table.rows,
        free_bytes: table.free_bytes,
        ..TableSize::named(database, &table.name)
    };
    if let (Some(total_bytes), false, false) = (space.file_bytes, space.is_shared, space.lacks_file)
    {
        let index_bytes = table.index_bytes;
        return Some(Verdict::Sized(Box::new(TableSize {
            index_bytes: match index_bytes {
                Some(bytes) => Some(bytes.checked_add(space.full_text_bytes)?),
                None => None,
            },
            total_bytes,
            are_parts_estimated: true,
            quality: Quality::Exact,
            ..sized
        })));
    }
    let reported = match (table.data_bytes, table.index_bytes) {
        (Some(data), Some(index)) => Some(data.checked_add(index)?),
        _ => None,
    };
    let estimated = |total_bytes: u64, reason: &str, free_bytes| {
        Some(Verdict::Sized(Box::new(TableSize {
            total_bytes,
            free_bytes,
            are_parts_estimated: true,
            quality: Quality::Estimated {
                reason: reason.to_owned(),
            },
            ..sized.clone()
        })))
    };
    if is(&["InnoDB"]) && sees_files {
        return match reported {
            _ if space.lacks_file => Some(Verdict::Unsized("its file is missing")),
            // Its free bytes are the whole file's.
            Some(bytes) if space.is_shared => {
                estimated(bytes.checked_add(space.full_text_bytes)?, SHARED_FILE, None)
            }
            None if space.is_shared => Some(Verdict::Unsized(
                "the server could not open it: it is locked or damaged",
            )),
            // In no list of InnoDB's any more.
            _ => Some(Verdict::LeftOut),
        };
    }
    let Some(reported) = reported else {
        return Some(Verdict::Unsized(
            "the server could not open it: it is locked or damaged",
        ));
    };
    if is(&["InnoDB"]) {
        // Without the files it is not known whether the free bytes are this table's alone.
        return estimated(reported, NO_PROCESS, None);
    }
    if is(&LIVE_ENGINES) {
        return Some(Verdict::Sized(Box::new(TableSize {
            total_bytes: reported,
            ..sized
        })));
    }
    if reported == 0 {
        return Some(Verdict::Unsized("its storage engine tells no size"));
    }
    estimated(
        reported,
        "its bytes are what its storage engine says",
        table.free_bytes,
    )
}

#[cfg(test)]
mod tests {
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

    /// Each is id and file number, name, bytes of its file (none where there is none), and whether it is shared.
    fn innodb(tables: &[(u64, &str, Option<u64>, bool)]) -> Innodb {
        let name = |text: &str| text.as_bytes().to_vec();
        Innodb {
            tables: tables
                .iter()
                .map(|(id, text, _, is_shared)| InnodbTable {
                    id: *id,
                    name: name(text),
                    space: if *is_shared { 0 } else { *id },
                    is_shared: *is_shared,
                })
                .collect(),
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

    fn judged(listed: Vec<ListedTable>, innodb: &Innodb) -> Sizes {
        judge("acme", listed, Some(innodb), false).unwrap()
    }

    #[test]
    fn a_table_is_as_large_as_its_file_and_its_parts_are_by_statistics() {
        let innodb = innodb(&[(5, "system@0024user", Some(147_456), false)]);

        let sizes = judged(vec![listed("system$user")], &innodb);

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
    fn partitions_and_full_text_indexes_are_in_their_table() {
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

        let sizes = judged(vec![log, listed("note")], &innodb);

        let [log, note] = &sizes.tables[..] else {
            panic!("two tables: {sizes:?}")
        };
        assert_eq!((log.total_bytes, log.kind), (300, TableKind::Partitioned));
        assert_eq!((note.total_bytes, note.index_bytes), (1030, Some(32_798)));
        assert_eq!(sizes.other_bytes, 11);
    }

    #[test]
    fn a_shared_file_makes_an_estimate_without_free_bytes() {
        let innodb = innodb(&[(1, "old", None, true)]);

        let sizes = judged(vec![listed("old")], &innodb);

        assert_eq!(sizes.tables[0].total_bytes, 49_152);
        assert_eq!(sizes.tables[0].free_bytes, None);
        assert!(matches!(sizes.tables[0].quality, Quality::Estimated { .. }));
    }

    #[test]
    fn a_table_that_was_dropped_is_left_out_and_one_without_its_file_is_named() {
        let innodb = innodb(&[(1, "discarded", None, false)]);

        let sizes = judged(vec![listed("dropped"), listed("discarded")], &innodb);

        assert!(sizes.tables.is_empty());
        assert_eq!(sizes.unsized_tables.len(), 1);
        assert_eq!(sizes.unsized_tables[0].table, "discarded");
    }

    #[test]
    fn a_table_that_was_rebuilt_meanwhile_has_the_file_of_its_name() {
        let mut innodb = innodb(&[(9, "rebuilt", None, false)]);
        innodb.files.push(InnodbFile {
            space: 4,
            name: b"rebuilt".to_vec(),
            bytes: 64,
        });

        let sizes = judged(vec![listed("rebuilt")], &innodb);

        assert_eq!(sizes.tables[0].total_bytes, 64);
    }

    #[test]
    fn a_locked_table_still_has_its_file() {
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

        let sizes = judged(
            vec![locked, other],
            &innodb(&[(1, "locked", Some(64), false)]),
        );

        assert_eq!(sizes.tables[0].total_bytes, 64);
        assert_eq!(sizes.tables[0].heap_bytes, None);
        assert_eq!(sizes.unsized_tables[0].table, "elsewhere");
    }

    #[test]
    fn without_files_every_innodb_table_is_an_estimate() {
        let sizes = judge("acme", vec![listed("a")], None, false).unwrap();

        assert_eq!(sizes.tables[0].total_bytes, 49_152);
        assert!(matches!(sizes.tables[0].quality, Quality::Estimated { .. }));
    }

    #[test]
    fn other_engines_are_live_estimated_left_out_or_named() {
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

        let sizes = judged(tables, &Innodb::default());

        let found: Vec<_> = sizes
            .tables
            .iter()
            .map(|table| (table.table.as_str(), table.quality == Quality::Exact))
            .collect();
        assert_eq!(found, [("MyISAM", true), ("ROCKSDB", false)]);
        assert_eq!(sizes.unsized_tables[0].table, "CSV");
    }

    /// MySQL 8 writes files in its own characters and tables in InnoDB's.
    #[test]
    fn two_spellings_meet_in_the_number_of_the_file() {
        let innodb = Innodb {
            tables: vec![InnodbTable {
                id: 1,
                name: b"system@0024user".to_vec(),
                space: 3,
                is_shared: false,
            }],
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

        let sizes = judge("acme", tables, Some(&innodb), true).unwrap();

        let bytes: Vec<_> = sizes.tables.iter().map(|table| table.total_bytes).collect();
        assert_eq!((bytes, sizes.other_bytes), (vec![64, 32], 0));
    }

    #[test]
    fn sequences_are_bytes_and_no_tables() {
        let sequence = ListedTable {
            is_sequence: true,
            ..listed("numbers")
        };

        let sizes = judged(vec![sequence], &innodb(&[(1, "numbers", Some(64), false)]));

        assert_eq!((sizes.tables.len(), sizes.other_bytes), (0, 64));
    }
}
