//! Lists of tables that blocks refer to: an immutable item, named by the digest of its content. No I/O.
//!
//! A list has the names of tables, and readings to compare with: a block has only what differs from them, which is
//! little, because most tables rarely change.

use std::sync::Arc;

use super::bytes::{
    self, BlockError, Cursor, TABLES_LIMIT, UNPACKED_LIMIT, put_length, put_number, put_signed,
    put_text,
};
use super::columns::{put_measures, take_measures};
use super::digest::ListDigest;
use super::frame::{Frame, TableReadings};
use super::reading::Reading;
use super::series::{TableKey, TableMeasure};

/// Newest form of a list.
const VERSION: u8 = 1;
const HAS_ID: u8 = 1;
const HAS_MODULE: u8 = 2;
const IS_PARTITION: u8 = 4;

/// Tables in order, without duplicates, and what each of them was compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableList {
    tables: Vec<TableKey>,
    readings: Vec<TableReadings>,
    digest: ListDigest,
}

impl TableList {
    /// Returns the list of `tables`, in whatever order they come.
    pub fn new(tables: impl IntoIterator<Item = (TableKey, TableReadings)>) -> Self {
        let mut all: Vec<_> = tables.into_iter().collect();
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        all.dedup_by(|(one, _), (other, _)| one == other);
        let (tables, readings) = all.into_iter().unzip();
        let mut list = Self {
            tables,
            readings,
            digest: ListDigest::default(),
        };
        list.digest = ListDigest::of(&list.content());
        list
    }

    /// Returns the list of the tables that exist all day, with their last readings.
    pub fn of_day(totals: &Frame, parts: &Frame) -> Self {
        let last = |frame: &Frame, key: &TableKey, readings: &mut TableReadings| {
            let columns = frame.tables.get(key).into_iter().flatten();
            for (measure, column) in frame.measures.iter().zip(columns) {
                readings.set(*measure, column.last().copied().unwrap_or_default());
            }
        };
        Self::new(totals.stable_tables().map(|key| {
            let mut readings = TableReadings::default();
            last(totals, key, &mut readings);
            last(parts, key, &mut readings);
            (key.clone(), readings)
        }))
    }

    /// Returns the tables in order.
    pub fn tables(&self) -> &[TableKey] {
        &self.tables
    }

    /// Returns whether it has the table.
    pub(super) fn names(&self, key: &TableKey) -> bool {
        self.tables.binary_search(key).is_ok()
    }

    /// Returns lists that have the same tables in so many ranges, or in as many as there are tables.
    pub(super) fn split(&self, count: usize) -> Vec<Self> {
        let length = self.tables.len().div_ceil(count.max(1)).max(1);
        let tables = self
            .tables
            .iter()
            .cloned()
            .zip(self.readings.iter().copied());
        let tables: Vec<_> = tables.collect();
        let ranges = tables.chunks(length);
        ranges.map(|range| Self::new(range.to_vec())).collect()
    }

    /// Returns what the table of that number is compared with.
    pub(super) fn reading(&self, number: usize, measure: TableMeasure) -> Reading {
        let readings = self.readings.get(number);
        readings.map_or(Reading::ABSENT, |readings| readings.get(measure))
    }

    /// Returns the name of the list.
    pub fn digest(&self) -> ListDigest {
        self.digest
    }

    /// Returns the bytes of its item.
    ///
    /// # Errors
    ///
    /// [`BlockError::TooLarge`].
    pub fn encode(&self) -> Result<Vec<u8>, BlockError> {
        check_tables(&self.tables)?;
        bytes::seal(VERSION, &self.content())
    }

    fn content(&self) -> Vec<u8> {
        let mut content = Vec::new();
        put_tables(&mut content, &self.tables);
        let columns = TableMeasure::ALL.map(|measure| {
            let readings = self.readings.iter();
            let readings = readings.map(|readings| (vec![readings.get(measure)], Reading::ABSENT));
            (measure, readings.collect())
        });
        put_measures(&mut content, &columns);
        content
    }

    /// Returns the list of an item that is named `digest`.
    ///
    /// # Errors
    ///
    /// [`BlockError`]: also when it is another list.
    pub fn decode(sealed: &[u8], digest: ListDigest) -> Result<Self, BlockError> {
        let content = bytes::open(VERSION, sealed)?;
        if ListDigest::of(&content) != digest {
            return Err(BlockError::Damaged("it is another list"));
        }
        let mut cursor = Cursor::new(&content);
        let tables = take_tables(&mut cursor)?;
        let nothing = |_, _| Reading::ABSENT;
        let measures = take_measures(&mut cursor, (tables.len(), None), nothing, 1)?;
        cursor.finish()?;
        let mut readings = vec![TableReadings::default(); tables.len()];
        for (measure, changes) in &measures {
            for (number, readings) in readings.iter_mut().enumerate() {
                let first = changes.of(number).first();
                readings.set(
                    *measure,
                    first.map(|(_, reading)| *reading).unwrap_or_default(),
                );
            }
        }
        Ok(Self {
            tables,
            readings,
            digest,
        })
    }
}

/// Fails when [`take_tables`] would refuse these.
pub(super) fn check_tables(tables: &[TableKey]) -> Result<(), BlockError> {
    let texts = tables
        .iter()
        .map(|key| key.schema.len() + key.table.len() + key.module.as_deref().map_or(0, str::len));
    if tables.len() > TABLES_LIMIT || texts.sum::<usize>() > UNPACKED_LIMIT {
        return Err(BlockError::TooLarge);
    }
    Ok(())
}

/// Appends tables that are in order: each name by what it shares with the one before it.
pub(super) fn put_tables(out: &mut Vec<u8>, tables: &[TableKey]) {
    let schemas = distinct(tables.iter().map(|key| &*key.schema));
    let modules = distinct(tables.iter().filter_map(|key| key.module.as_deref()));
    put_length(out, tables.len());
    for words in [&schemas, &modules] {
        put_length(out, words.len());
        words.iter().for_each(|word| put_text(out, word));
    }
    for key in tables {
        let flag = |is_set, flag| if is_set { flag } else { 0 };
        out.push(
            flag(key.table_id.is_some(), HAS_ID)
                | flag(key.module.is_some(), HAS_MODULE)
                | flag(key.is_partition, IS_PARTITION),
        );
    }
    for key in tables {
        put_position(out, &schemas, &key.schema);
    }
    for key in tables {
        if let Some(module) = &key.module {
            put_position(out, &modules, module);
        }
    }
    let mut before = "";
    for key in tables {
        put_length(out, shared_length(before, &key.table));
        before = &key.table;
    }
    before = "";
    for key in tables {
        put_length(out, key.table.len() - shared_length(before, &key.table));
        before = &key.table;
    }
    before = "";
    for key in tables {
        let shared = shared_length(before, &key.table);
        out.extend_from_slice(key.table.as_bytes().get(shared..).unwrap_or_default());
        before = &key.table;
    }
    let mut before = 0_u64;
    for id in tables.iter().filter_map(|key| key.table_id) {
        put_signed(out, id.wrapping_sub(before).cast_signed());
        before = id;
    }
}

/// Returns the tables that [`put_tables`] wrote.
///
/// Their texts together are limited, because one that is stored once may be that of many tables.
pub(super) fn take_tables(cursor: &mut Cursor<'_>) -> Result<Vec<TableKey>, BlockError> {
    let count = cursor.length()?;
    if count > TABLES_LIMIT {
        return Err(BlockError::TooLarge);
    }
    let schemas = take_words(cursor)?;
    let modules = take_words(cursor)?;
    let flags = cursor.bytes(count)?;
    let has = |flag: u8| flags.iter().map(move |flags| flags & flag != 0);
    let mut budget = UNPACKED_LIMIT;
    let mut take = |text: Arc<str>| {
        budget = budget.checked_sub(text.len()).ok_or(BlockError::TooLarge)?;
        Ok::<_, BlockError>(text)
    };
    let mut tables = Vec::with_capacity(count);
    let nameless: Arc<str> = Arc::default();
    for is_partition in has(IS_PARTITION) {
        tables.push(TableKey {
            schema: take(take_word(cursor, &schemas)?)?,
            table: Arc::clone(&nameless),
            table_id: None,
            module: None,
            is_partition,
        });
    }
    for (key, has_module) in tables.iter_mut().zip(has(HAS_MODULE)) {
        if has_module {
            key.module = Some(take(take_word(cursor, &modules)?)?);
        }
    }
    let shared = take_lengths(cursor, count)?;
    let suffixes = take_lengths(cursor, count)?;
    let mut name: Vec<u8> = Vec::new();
    for ((key, shared), suffix) in tables.iter_mut().zip(shared).zip(suffixes) {
        if shared > name.len() {
            return Err(BlockError::Damaged("a name shares more than there is"));
        }
        name.truncate(shared);
        name.extend_from_slice(cursor.bytes(suffix)?);
        let text = std::str::from_utf8(&name).map_err(|_| BlockError::Damaged("a name is none"))?;
        key.table = take(text.into())?;
    }
    let mut before = 0_u64;
    for (key, has_id) in tables.iter_mut().zip(has(HAS_ID)) {
        if has_id {
            before = before.wrapping_add(cursor.signed()?.cast_unsigned());
            key.table_id = Some(before);
        }
    }
    Ok(tables)
}

fn take_lengths(cursor: &mut Cursor<'_>, count: usize) -> Result<Vec<usize>, BlockError> {
    (0..count).map(|_| cursor.index(UNPACKED_LIMIT)).collect()
}

/// Returns one of the words, which all tables that have it share.
fn take_word(cursor: &mut Cursor<'_>, words: &[Arc<str>]) -> Result<Arc<str>, BlockError> {
    let index = cursor.index(words.len())?;
    Ok(words.get(index).cloned().unwrap_or_default())
}

fn take_words(cursor: &mut Cursor<'_>) -> Result<Vec<Arc<str>>, BlockError> {
    let count = cursor.length()?;
    (0..count).map(|_| cursor.text().map(Arc::from)).collect()
}

fn distinct<'a>(words: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut words: Vec<_> = words.collect();
    words.sort_unstable();
    words.dedup();
    words
}

fn put_position(out: &mut Vec<u8>, words: &[&str], word: &str) {
    let position = words.binary_search(&word).unwrap_or_default();
    put_number(out, u64::try_from(position).unwrap_or(u64::MAX));
}

fn shared_length(one: &str, other: &str) -> usize {
    let pairs = one.bytes().zip(other.bytes());
    pairs.take_while(|(one, other)| one == other).count()
}
