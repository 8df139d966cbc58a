//! Turns the server's lists into table sizes. Pure: no I/O in this file.
//!
//! The lists are read one after the other while the database changes. A listed file counts even if its table has since
//! been dropped. A table that is missing from a later list was dropped and is omitted. A table that is in both lists of
//! tables but has no file is reported as not sized.

use std::collections::{BTreeMap, HashMap};

use shared::snapshot::{Quality, TableKind, TableSize, UnsizedTable};

use super::names::{self, Meaning};

/// Engines that report the current lengths of their files.
const LIVE_ENGINES: [&str; 3] = ["MyISAM", "Aria", "ARCHIVE"];
/// Engines without files of their own; their tables are treated like views.
const ENGINES_WITHOUT_FILES: [&str; 6] = [
    "MEMORY",
    "BLACKHOLE",
    "MRG_MyISAM",
    "FEDERATED",
    "SPIDER",
    "PERFORMANCE_SCHEMA",
];

const SHARED_FILE: &str =
    "it shares a file with other tables, so its bytes are taken from the server's statistics";
const NOT_LISTED: &str = "InnoDB did not report which file it is in (another session holds or waits for a lock, or a name has non-ASCII characters), so its bytes are taken from the server's statistics";
const FULL_TEXT_UNKNOWN: &str = "its full-text indexes are not included: InnoDB did not report which files are theirs (another session holds or waits for a lock, or the database's name has non-ASCII characters)";
const NO_PROCESS: &str =
    "the role lacks PROCESS and sees no files, so its bytes are taken from the server's statistics";
const NOT_OPENED: &str = "the server could not open it: it is locked or damaged";
const FILE_MISSING: &str = "its file is missing";
const NO_FILE: &str = "the server lists no file of it: the file was discarded, or the server has not opened it since it started";
const FULL_TEXT_NOT_OPENED: &str = "files of its full-text indexes are not included, because the server has not opened them since it started: see the tables that are not sized";
/// Words of the server about a table whose file does not exist: error 194 of the engine, or error 1932.
const MISSING_WORDS: [&str; 2] = ["Got error 194", "doesn't exist in engine"];

/// A table as `information_schema` lists it. Sizes and engine are `None` if the server could not open it.
#[derive(Debug, Clone, Default)]
pub(super) struct ListedTable {
    pub(super) name: String,
    /// Its name as InnoDB spells it; `None` if unknown.
    pub(super) spelling: Option<Vec<u8>>,
    pub(super) is_sequence: bool,
    pub(super) engine: Option<String>,
    pub(super) is_partitioned: bool,
    pub(super) rows: Option<u64>,
    pub(super) data_bytes: Option<u64>,
    pub(super) index_bytes: Option<u64>,
    pub(super) free_bytes: Option<u64>,
    /// Why the server could not open it; empty if it could.
    pub(super) fault: String,
    /// Whether it has a full-text index. Only set if InnoDB's own list of tables could not be read.
    pub(super) has_full_text: bool,
}

/// A table, partition or part of a full-text index as InnoDB lists it, without its database's name.
#[derive(Debug, Clone)]
pub(super) struct InnodbTable {
    pub(super) id: u64,
    pub(super) name: Vec<u8>,
    pub(super) space: u64,
    /// Whether its file also holds other tables.
    pub(super) is_shared: bool,
}

/// An InnoDB file. Its name is given without the database's.
#[derive(Debug, Clone)]
pub(super) struct InnodbFile {
    pub(super) space: u64,
    pub(super) name: Vec<u8>,
    pub(super) bytes: u64,
}

/// InnoDB's own lists; visible only to a role with PROCESS.
#[derive(Debug, Clone, Default)]
pub(super) struct Innodb {
    /// `None` if another session's lock or the database's name prevented the listing; files are then matched to
    /// tables by name. Happens only on MySQL 8, which never puts a partition into a shared file.
    pub(super) tables: Option<Vec<InnodbTable>>,
    pub(super) files: Vec<InnodbFile>,
}

/// Sizes of a database.
#[derive(Debug, Default)]
pub(super) struct Sizes {
    pub(super) tables: Vec<TableSize>,
    pub(super) unsized_tables: Vec<UnsizedTable>,
    /// Bytes that belong to no table: sequences, and files that a schema change is building or has left behind.
    pub(super) other_bytes: u64,
}

/// Returns the sizes of the tables `listed` in `database`; `innodb` is `None` for a role that sees no files.
///
/// Returns `None` if a sum exceeds 64 bits.
pub(super) fn evaluate(
    database: &str,
    listed: Vec<ListedTable>,
    innodb: Option<&Innodb>,
    is_plain_spelling: bool,
) -> Option<Sizes> {
    let mut owned = Owned::default();
    if let Some(innodb) = innodb {
        owned = Owned::from_lists(innodb, &spellings(&listed, is_plain_spelling))?;
    }
    let mut sizes = Sizes {
        other_bytes: owned.other_bytes,
        ..Sizes::default()
    };
    for (index, table) in listed.into_iter().enumerate() {
        let space = owned.by_table.remove(&index).unwrap_or_default();
        if table.is_sequence {
            // Without a visible file, the statistics are the only source for a sequence's bytes.
            let bytes = match (space.file_bytes, table.data_bytes, table.index_bytes) {
                (Some(bytes), _, _) => bytes,
                (None, Some(data), Some(index)) => data.checked_add(index)?,
                _ => {
                    let unsized_table = unsized_table(database, table.name, NOT_OPENED);
                    sizes.unsized_tables.push(unsized_table);
                    continue;
                }
            };
            sizes.other_bytes = sizes.other_bytes.checked_add(bytes)?;
            continue;
        }
        let visibility = match innodb {
            None => Visibility::Nothing,
            Some(Innodb { tables: None, .. }) => Visibility::Files,
            // A table without a known spelling cannot be found in the list, even if it is there.
            Some(_) if table.spelling.is_none() => Visibility::Files,
            Some(_) => Visibility::TablesAndFiles,
        };
        match size_of(database, &table, &space, visibility)? {
            Verdict::Sized(size) => {
                sizes.tables.push(*size);
                if space.unopened_full_text > 0 {
                    let index = format!("{} (full-text indexes)", table.name);
                    let reason = format!(
                        "{} of their files were not opened since the server started, so their bytes are unknown",
                        space.unopened_full_text
                    );
                    let unsized_table = unsized_table(database, index, &reason);
                    sizes.unsized_tables.push(unsized_table);
                }
            }
            Verdict::Unsized(reason) => {
                let unsized_table = unsized_table(database, table.name, reason);
                sizes.unsized_tables.push(unsized_table);
            }
            Verdict::Omitted => {}
        }
    }
    Some(sizes)
}

fn unsized_table(database: &str, table: String, reason: &str) -> UnsizedTable {
    UnsizedTable {
        schema: database.to_owned(),
        table,
        reason: reason.to_owned(),
    }
}

/// Returns the indexes of the listed tables by their spellings.
///
/// `is_plain` adds the unencoded names, which some servers use as well; InnoDB's spelling wins.
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

/// InnoDB's storage of one table.
#[derive(Debug, Default)]
struct Space {
    /// Bytes of all its files; `None` if it has none.
    file_bytes: Option<u64>,
    /// Bytes of its full-text index files, which `file_bytes` includes.
    full_text_bytes: u64,
    /// Whether a part of it is in a file with other tables.
    is_shared: bool,
    /// Whether InnoDB lists a part of it, but not the part's file: the server has not opened it, or it is missing.
    lacks_file: bool,
    /// The same for the files of its full-text indexes, of which there are a dozen: how many.
    unopened_full_text: u64,
    /// InnoDB's id of the table, or of one of its partitions.
    table_id: Option<u64>,
}

/// InnoDB's storage by the index of the listed table.
#[derive(Debug, Default)]
struct Owned {
    by_table: BTreeMap<usize, Space>,
    other_bytes: u64,
}

impl Owned {
    fn from_lists(innodb: &Innodb, spellings: &HashMap<Vec<u8>, usize>) -> Option<Self> {
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
                // If InnoDB's spelling is unknown, the file's name still identifies the table.
                let of_file = || of_table(numbers.get(&table.space)?);
                of_table(&table.name).or_else(of_file)
            }
            (index, _) => index,
        };
        let mut owned = Self::default();
        // Match by file number first: in MySQL 8 tables and files may be spelled differently.
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
            } else if let Some(table) = table {
                space.table_id = Some(table.id);
            }
        }
        let named: std::collections::HashSet<&[u8]> = numbers.values().copied().collect();
        for table in tables {
            let Some(index) = owner(&table.name) else {
                continue;
            };
            let space = owned.by_table.entry(index).or_default();
            // A table that was rebuilt between the lists has a new file number; the listed file has its name.
            let lacks_file = !table.is_shared
                && !numbers.contains_key(&table.space)
                && !named.contains(table.name.as_slice());
            space.is_shared |= table.is_shared;
            if matches!(names::meaning(&table.name), Meaning::FullText(_)) {
                space.unopened_full_text += u64::from(lacks_file);
            } else {
                space.table_id = Some(table.id);
                space.lacks_file |= lacks_file;
            }
        }
        Some(owned)
    }
}

/// InnoDB lists that are visible for a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Visibility {
    /// The role does not see InnoDB's lists.
    Nothing,
    /// The files, without the tables that they belong to.
    Files,
    TablesAndFiles,
}

enum Verdict {
    Sized(Box<TableSize>),
    Unsized(&'static str),
    Omitted,
}

/// Returns the size of one table; `None` if a sum exceeds 64 bits.
fn size_of(
    database: &str,
    table: &ListedTable,
    space: &Space,
    visibility: Visibility,
) -> Option<Verdict> {
    let is = |engines: &[&str]| {
        let engine = table.engine.as_deref().unwrap_or_default();
        engines.iter().any(|each| each.eq_ignore_ascii_case(engine))
    };
    if is(&ENGINES_WITHOUT_FILES) {
        return Some(Verdict::Omitted);
    }
    let sized = TableSize {
        // InnoDB numbers the partitions of a table, but not the table that they are in.
        table_id: space.table_id.filter(|_| !table.is_partitioned),
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
        let estimated = |reason: &str| Quality::Estimated {
            reason: reason.to_owned(),
        };
        let quality = if table.has_full_text {
            estimated(FULL_TEXT_UNKNOWN)
        } else if space.unopened_full_text > 0 {
            estimated(FULL_TEXT_NOT_OPENED)
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
    if is(&["InnoDB"]) && visibility != Visibility::Nothing {
        return match reported {
            _ if space.lacks_file => Some(Verdict::Unsized(why_no_file(table))),
            // The reported free bytes belong to the whole file.
            Some(bytes) if space.is_shared => {
                estimated(bytes.checked_add(space.full_text_bytes)?, SHARED_FILE, None)
            }
            Some(bytes) if visibility == Visibility::Files => estimated(bytes, NOT_LISTED, None),
            None if space.is_shared || visibility == Visibility::Files => {
                Some(Verdict::Unsized(NOT_OPENED))
            }
            // InnoDB no longer lists it.
            _ => Some(Verdict::Omitted),
        };
    }
    let Some(reported) = reported else {
        // Without an engine it was not opened; only InnoDB lists files apart from tables.
        return Some(Verdict::Unsized(why_no_file(table)));
    };
    if is(&["InnoDB"]) {
        // Without the files it is unknown whether the free bytes belong to this table alone.
        return estimated(reported, NO_PROCESS, None);
    }
    if is(&LIVE_ENGINES) {
        return Some(Verdict::Sized(Box::new(TableSize {
            total_bytes: reported,
            ..sized
        })));
    }
    if reported == 0 {
        return Some(Verdict::Unsized("its storage engine reports no size"));
    }
    estimated(
        reported,
        "its bytes are as reported by its storage engine",
        table.free_bytes,
    )
}

/// Returns why no file is listed of a table that InnoDB lists. The server opens a table's file when it lists the table.
fn why_no_file(table: &ListedTable) -> &'static str {
    if MISSING_WORDS
        .iter()
        .any(|words| table.fault.contains(words))
    {
        FILE_MISSING
    } else if table.data_bytes.is_none() {
        NOT_OPENED
    } else {
        NO_FILE
    }
}

#[cfg(test)]
mod tests;
