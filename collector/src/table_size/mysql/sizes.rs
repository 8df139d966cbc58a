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
const NOT_LISTED: &str = "InnoDB did not say which file it is in (another session holds or waits for a lock, or a name has letters beyond ASCII), so the server's statistics stand for its bytes";
const FULL_TEXT_UNKNOWN: &str = "its full-text indexes are not in it: InnoDB did not say which files are theirs (another session holds or waits for a lock, or the database's name has letters beyond ASCII)";
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
    /// Whether it has a full-text index; known only where it matters, when InnoDB's own list could not be read.
    pub(super) has_full_text: bool,
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
    /// `None` when another session's lock or the database's name was in the way: then names alone tell which file is
    /// whose. Only MySQL 8 does that, which has no partition in a file with others.
    pub(super) tables: Option<Vec<InnodbTable>>,
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
        let seen = match innodb {
            None => Seen::Nothing,
            Some(Innodb { tables: None, .. }) => Seen::Files,
            // A name that could not be looked for is not missing from the list.
            Some(_) if table.spelling.is_none() => Seen::Files,
            Some(_) => Seen::All,
        };
        match size_of(database, &table, &space, seen)? {
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
        let tables = innodb.tables.as_deref().unwrap_or_default();
        let by_id: HashMap<u64, &InnodbTable> =
            tables.iter().map(|table| (table.id, table)).collect();
        let numbers: HashMap<u64, &[u8]> = innodb
            .files
            .iter()
            .map(|file| (file.space, file.name.as_slice()))
            .collect();
        let of_table = |name: &[u8]| match (spellings.get(name), names::meaning(name)) {
            (Some(index), _) => Some(*index),
            (None, Meaning::Table(table)) => spellings.get(table).copied(),
            (None, _) => None,
        };
        let owner = |name: &[u8]| match (of_table(name), names::meaning(name)) {
            (None, Meaning::FullText(id)) => {
                let table = by_id.get(&id)?;
                // A name that is not known as InnoDB spells it is known as the file has it.
                let of_file = || of_table(numbers.get(&table.space)?);
                of_table(&table.name).or_else(of_file)
            }
            (index, _) => index,
        };
        let mut owned = Self::default();
        // By the file's number first: in MySQL 8 tables and files may be spelled differently.
        let tables_by_space: HashMap<u64, &InnodbTable> = tables
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
        let named: std::collections::HashSet<&[u8]> = numbers.values().copied().collect();
        for table in tables {
            let Some(index) = owner(&table.name) else {
                continue;
            };
            let space = owned.by_table.entry(index).or_default();
            space.is_shared |= table.is_shared;
            // A rebuilt table has a new file; the one of its name was there a moment ago.
            space.lacks_file |= !table.is_shared
                && !numbers.contains_key(&table.space)
                && !named.contains(table.name.as_slice());
        }
        Some(owned)
    }
}

/// What InnoDB tells of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// The role may not see its lists.
    Nothing,
    /// Its files, but not which table has which.
    Files,
    /// Its tables and their files.
    All,
}

enum Verdict {
    Sized(Box<TableSize>),
    Unsized(&'static str),
    LeftOut,
}

/// Returns what is known of one table; `None` when a sum is beyond 64 bits.
fn size_of(database: &str, table: &ListedTable, space: &Space, seen: Seen) -> Option<Verdict> {
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
        let quality = if table.has_full_text {
            Quality::Estimated {
                reason: FULL_TEXT_UNKNOWN.to_owned(),
            }
        } else {
            Quality::Exact
        };
        return Some(Verdict::Sized(Box::new(TableSize {
            index_bytes: match index_bytes {
                Some(bytes) => Some(bytes.checked_add(space.full_text_bytes)?),
                None => None,
            },
            total_bytes,
            are_parts_estimated: true,
            quality,
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
    if is(&["InnoDB"]) && seen != Seen::Nothing {
        return match reported {
            _ if space.lacks_file => Some(Verdict::Unsized("its file is missing")),
            // Its free bytes are the whole file's.
            Some(bytes) if space.is_shared => {
                estimated(bytes.checked_add(space.full_text_bytes)?, SHARED_FILE, None)
            }
            Some(bytes) if seen == Seen::Files => estimated(bytes, NOT_LISTED, None),
            None if space.is_shared || seen == Seen::Files => Some(Verdict::Unsized(
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
mod tests;
