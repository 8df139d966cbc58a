//! The end of a Parquet file: its columns and where their values are.

use super::thrift::{Reader, ThriftError, Type};
use crate::error::{InventoryError, damaged, unsupported};

/// Bytes at the end of a file: the length of its metadata and the magic number.
pub const TAIL_BYTES: u64 = 8;

/// Largest metadata that is read. A report's file of 30 columns and 1,000 row groups has 3 MB.
const MAX_METADATA_BYTES: u64 = 64 << 20;

/// Metadata of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Footer {
    /// Number of rows.
    pub rows: u64,
    /// The columns at the top level, in the file's order; others are `None`.
    pub(super) columns: Vec<Option<ColumnSchema>>,
    /// The row groups.
    pub(super) groups: Vec<RowGroup>,
}

/// What values a column has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ColumnSchema {
    pub(super) name: String,
    pub(super) physical: Physical,
    /// Whether a row may lack a value.
    pub(super) is_optional: bool,
}

/// Physical types; the others do not occur in a column that is read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Physical {
    Boolean,
    Int64,
    Bytes,
    Other,
}

/// A part of the rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct RowGroup {
    pub(super) rows: u64,
    pub(super) chunks: Vec<Chunk>,
}

/// The values of one column in one row group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Chunk {
    pub(super) codec: Option<Codec>,
    pub(super) values: u64,
    pub(super) start: u64,
    pub(super) end: u64,
}

/// How pages are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    None,
    Snappy,
    Gzip,
    Other(i64),
}

impl Footer {
    /// Returns how many bytes before the tail are metadata; `tail` is the file's last [`TAIL_BYTES`].
    ///
    /// # Errors
    ///
    /// [`InventoryError`] if this is no Parquet file, or its metadata are encrypted or too large.
    pub fn metadata_bytes(tail: &[u8]) -> Result<u64, InventoryError> {
        let (length, magic) = tail
            .split_first_chunk::<4>()
            .ok_or_else(|| damaged("a file is shorter than the end of a Parquet file"))?;
        match magic {
            b"PAR1" => {}
            b"PARE" => return Err(unsupported("a Parquet file is encrypted")),
            _ => return Err(damaged("a file does not end like a Parquet file")),
        }
        let length = u64::from(u32::from_le_bytes(*length));
        if length > MAX_METADATA_BYTES {
            return Err(damaged(
                "the metadata of a Parquet file are larger than 64 MiB",
            ));
        }
        Ok(length)
    }

    /// Parses the metadata of a file of `file_bytes`.
    ///
    /// # Errors
    ///
    /// [`InventoryError`] if they are malformed or contradict themselves.
    pub fn parse(metadata: &[u8], file_bytes: u64) -> Result<Self, InventoryError> {
        let mut raw = RawFooter::default();
        let mut reader = Reader::new(metadata);
        reader
            .structure(|reader, id, kind| raw.field(reader, id, kind))
            .map_err(|_| damaged("the metadata of a Parquet file cannot be parsed"))?;
        raw.checked(file_bytes)
    }
}

#[derive(Debug, Default)]
struct RawFooter {
    rows: u64,
    schema: Vec<Element>,
    groups: Vec<RowGroup>,
    is_encrypted: bool,
}

/// One element of the schema: a column, or a group of `children`.
#[derive(Debug, Default, Clone)]
struct Element {
    name: String,
    physical: Option<i64>,
    repetition: Option<i64>,
    children: u64,
}

impl RawFooter {
    fn field(&mut self, reader: &mut Reader<'_>, id: i16, kind: Type) -> Result<(), ThriftError> {
        match id {
            2 => reader.list(|reader, _| {
                self.schema.push(Element::read(reader)?);
                Ok(())
            }),
            3 => {
                self.rows = reader.unsigned()?;
                Ok(())
            }
            4 => reader.list(|reader, _| {
                self.groups.push(RowGroup::read(reader)?);
                Ok(())
            }),
            8 => {
                self.is_encrypted = true;
                reader.skip(kind)
            }
            _ => reader.skip(kind),
        }
    }

    fn checked(self, file_bytes: u64) -> Result<Footer, InventoryError> {
        if self.is_encrypted {
            return Err(unsupported("a Parquet file is encrypted"));
        }
        let columns = columns(&self.schema)?;
        let mut rows = 0_u64;
        for group in &self.groups {
            let is_whole = group.chunks.len() == columns.len();
            let is_inside = |chunk: &Chunk| chunk.start <= chunk.end && chunk.end <= file_bytes;
            if !is_whole || !group.chunks.iter().all(is_inside) {
                return Err(damaged(
                    "a row group lacks columns, or they are beyond the file",
                ));
            }
            rows = rows.saturating_add(group.rows);
        }
        if rows != self.rows {
            return Err(damaged(format!(
                "a Parquet file announces {} rows, and its row groups have {rows}",
                self.rows
            )));
        }
        Ok(Footer {
            rows,
            columns,
            groups: self.groups,
        })
    }
}

/// Returns the leaves of the schema in the order of their column chunks; a nested one is `None`.
fn columns(schema: &[Element]) -> Result<Vec<Option<ColumnSchema>>, InventoryError> {
    let (root, elements) = schema
        .split_first()
        .ok_or_else(|| damaged("a Parquet file has no schema"))?;
    let mut columns = Vec::new();
    // Children that are still to come, of each group that the element is in.
    let mut open = vec![root.children];
    for element in elements {
        while open.last() == Some(&0) {
            open.pop();
        }
        let depth = open.len();
        match open.last_mut() {
            Some(left) => *left -= 1,
            None => {
                return Err(damaged(
                    "the schema of a Parquet file has too many elements",
                ));
            }
        }
        match element.children {
            0 if depth == 1 => columns.push(Some(element.column())),
            0 => columns.push(None),
            children => open.push(children),
        }
    }
    Ok(columns)
}

impl Element {
    fn read(reader: &mut Reader<'_>) -> Result<Self, ThriftError> {
        let mut element = Self::default();
        reader.structure(|reader, id, kind| {
            match id {
                1 => element.physical = Some(reader.integer()?),
                3 => element.repetition = Some(reader.integer()?),
                4 => reader.string()?.clone_into(&mut element.name),
                5 => element.children = reader.unsigned()?,
                _ => reader.skip(kind)?,
            }
            Ok(())
        })?;
        Ok(element)
    }

    fn column(&self) -> ColumnSchema {
        let physical = match (self.physical, self.repetition) {
            // A repeated value is a list.
            (_, Some(2)) => Physical::Other,
            (Some(0), _) => Physical::Boolean,
            (Some(2), _) => Physical::Int64,
            (Some(6), _) => Physical::Bytes,
            _ => Physical::Other,
        };
        ColumnSchema {
            name: self.name.clone(),
            physical,
            is_optional: self.repetition == Some(1),
        }
    }
}

impl RowGroup {
    fn read(reader: &mut Reader<'_>) -> Result<Self, ThriftError> {
        let mut group = Self::default();
        reader.structure(|reader, id, kind| match id {
            1 => reader.list(|reader, _| {
                group.chunks.push(Chunk::read(reader)?);
                Ok(())
            }),
            3 => {
                group.rows = reader.unsigned()?;
                Ok(())
            }
            _ => reader.skip(kind),
        })?;
        Ok(group)
    }
}

impl Chunk {
    fn read(reader: &mut Reader<'_>) -> Result<Self, ThriftError> {
        let mut chunk = Self::default();
        reader.structure(|reader, id, kind| match id {
            3 => chunk.read_metadata(reader),
            _ => reader.skip(kind),
        })?;
        Ok(chunk)
    }

    fn read_metadata(&mut self, reader: &mut Reader<'_>) -> Result<(), ThriftError> {
        let (mut data, mut dictionary, mut length) = (0, None, 0);
        reader.structure(|reader, id, kind| {
            match id {
                4 => self.codec = Some(Codec::of(reader.integer()?)),
                5 => self.values = reader.unsigned()?,
                7 => length = reader.unsigned()?,
                9 => data = reader.unsigned()?,
                11 => dictionary = Some(reader.unsigned()?),
                _ => reader.skip(kind)?,
            }
            Ok(())
        })?;
        // Some writers give 0 for a dictionary that does not exist.
        let dictionary = dictionary.filter(|offset| *offset > 0 && *offset < data);
        self.start = dictionary.unwrap_or(data);
        self.end = self.start.saturating_add(length);
        Ok(())
    }
}

impl Codec {
    fn of(code: i64) -> Self {
        match code {
            0 => Self::None,
            1 => Self::Snappy,
            2 => Self::Gzip,
            other => Self::Other(other),
        }
    }
}
