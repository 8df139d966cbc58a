//! Reads the columns of a Parquet file that a size needs, in blocks, without any I/O.
//!
//! A size by storage class needs two columns of about twelve: 5.5 of 80 bytes a row. So the caller fetches ranges of the
//! file: its [tail](TAIL_BYTES), its metadata, then what [`GroupReader::step`] asks for. Statistics are not used, since S3
//! promises nothing about them; checksums of pages are checked where the writer wrote them.
//!
//! `footer` reads the metadata, `thrift` the protocol that they are written in; `page` splits a column into pages,
//! `column` decodes their values, `hybrid` those that are packed bits.

mod column;
mod footer;
mod hybrid;
mod page;
mod thrift;

use std::ops::Range;

use self::column::{Column, Content};
pub use self::footer::{Footer, TAIL_BYTES};
use prefix_sums::PrefixSums;

use crate::error::{InventoryError, damaged, unsupported};
use crate::query::Query;
use crate::rows::{Rows, Versions};
use crate::sums::Sums;

/// Largest range that is asked for at once. Each column that is read holds one, and one decoded page.
pub const BLOCK_BYTES: u64 = 2 << 20;

/// What a reader needs next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// These bytes of the file, for [`GroupReader::supply`].
    Fetch(Range<u64>),
    /// Nothing: all rows are added up.
    Finished,
}

/// Reads one row group.
#[derive(Debug)]
pub struct GroupReader<'a> {
    query: &'a Query,
    columns: Columns,
    /// The column that the last [`Step::Fetch`] was for.
    asked: usize,
    rows_left: u64,
}

/// Columns that are read, in this order.
#[derive(Debug)]
struct Columns {
    /// Size, storage class, then is-latest and is-delete-marker if the report has versions, then the key if needed.
    all: Vec<Column>,
    has_versions: bool,
    has_keys: bool,
}

impl Footer {
    /// Returns the number of row groups.
    pub fn group_count(&self) -> usize {
        self.groups.len()
    }

    /// Returns a reader of the row group `index`.
    ///
    /// # Errors
    ///
    /// [`InventoryError::Unsupported`] if the file lacks a column that `query` needs, or has one in an unknown form.
    pub fn group<'a>(
        &self,
        index: usize,
        query: &'a Query,
    ) -> Result<GroupReader<'a>, InventoryError> {
        let group = self
            .groups
            .get(index)
            .ok_or_else(|| damaged("a row group is missing"))?;
        Ok(GroupReader {
            query,
            columns: Columns::new(self, index, query)?,
            asked: 0,
            rows_left: group.rows,
        })
    }

    /// Returns the position of the column `name`.
    fn position(&self, name: &str) -> Option<usize> {
        let has_name = |column: &Option<footer::ColumnSchema>| {
            column.as_ref().is_some_and(|column| column.name == name)
        };
        self.columns.iter().position(has_name)
    }

    fn column(&self, group: usize, name: &str, content: Content) -> Result<Column, InventoryError> {
        let missing = || {
            unsupported(format!(
                "it has no column `{name}`; add the field to the inventory's configuration"
            ))
        };
        let position = self.position(name).ok_or_else(missing)?;
        let schema = self.columns.get(position).and_then(Option::as_ref);
        let group = self.groups.get(group).ok_or_else(missing)?;
        let chunk = group.chunks.get(position).ok_or_else(missing)?;
        Column::new(schema.ok_or_else(missing)?, content, chunk, group.rows)
    }
}

impl Columns {
    fn new(footer: &Footer, group: usize, query: &Query) -> Result<Self, InventoryError> {
        let mut wanted = vec![
            ("size", Content::Sizes),
            ("storage_class", Content::Classes),
        ];
        let versions = ["is_latest", "is_delete_marker"];
        let has_versions = versions.iter().any(|name| footer.position(name).is_some());
        if has_versions {
            wanted.extend(versions.map(|name| (name, Content::Flags)));
        }
        if query.needs_keys() {
            wanted.push(("key", Content::Keys));
        }
        let all = wanted
            .into_iter()
            .map(|(name, content)| footer.column(group, name, content))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            all,
            has_versions,
            has_keys: query.needs_keys(),
        })
    }

    /// Returns the rows that all columns have decoded, at most `limit`.
    fn rows(&self, count: usize) -> Option<Rows<'_>> {
        let mut columns = self.all.iter();
        let sizes = columns.next()?.sizes().get(..count)?;
        let classes = columns.next()?.classes().get(..count)?;
        let versions = if self.has_versions {
            let is_latest = columns.next()?.flags().get(..count)?;
            let is_delete_marker = columns.next()?.flags().get(..count)?;
            Some(Versions {
                is_latest,
                is_delete_marker,
            })
        } else {
            None
        };
        let keys = if self.has_keys {
            Some(columns.next()?.keys()?)
        } else {
            None
        };
        Some(Rows {
            classes,
            sizes,
            versions,
            keys,
        })
    }
}

impl GroupReader<'_> {
    /// Adds up what can be added with the bytes that were supplied, and returns which ones are needed next.
    ///
    /// # Errors
    ///
    /// [`InventoryError`] if the columns are damaged, or in a form that is not read.
    pub fn step(
        &mut self,
        sums: &mut Sums,
        mut prefixes: Option<&mut PrefixSums>,
    ) -> Result<Step, InventoryError> {
        while self.rows_left > 0 {
            for (index, column) in self.columns.all.iter_mut().enumerate() {
                if column.decode(sums)? {
                    let wanted = column.wanted(BLOCK_BYTES);
                    if wanted.is_empty() {
                        return Err(damaged("a column has fewer values than rows"));
                    }
                    self.asked = index;
                    return Ok(Step::Fetch(wanted));
                }
            }
            let available = self.columns.all.iter().map(Column::available).min();
            let count = available.unwrap_or_default();
            let rows = self.columns.rows(count).filter(|_| count > 0);
            let rows = rows.ok_or_else(|| damaged("a column has fewer values than rows"))?;
            rows.add_to(self.query, sums, prefixes.as_deref_mut())?;
            for column in &mut self.columns.all {
                column.consume(count);
            }
            self.rows_left = self
                .rows_left
                .checked_sub(count as u64)
                .ok_or_else(|| damaged("a column has more values than rows"))?;
        }
        Ok(Step::Finished)
    }

    /// Takes the bytes that the last [`Step::Fetch`] asked for.
    ///
    /// # Errors
    ///
    /// [`InventoryError::Damaged`] if they are more or fewer.
    pub fn supply(&mut self, bytes: &[u8]) -> Result<(), InventoryError> {
        let column = self.columns.all.get_mut(self.asked);
        let column = column.ok_or_else(|| damaged("a column is missing"))?;
        let wanted = column.wanted(BLOCK_BYTES);
        if bytes.len() as u64 != wanted.end - wanted.start {
            return Err(damaged(
                "a range of a file has another length than asked for",
            ));
        }
        column.supply(bytes);
        Ok(())
    }
}
