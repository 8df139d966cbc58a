//! Values of one column: pages are decoded as they arrive, and consumed row by row.

use super::footer::{Chunk, Codec, ColumnSchema, Physical};
use super::hybrid;
use super::page::{DataPage, Page, Pages};
use crate::error::{InventoryError, damaged, unsupported};
use crate::rows::{Keys, NO_FLAG, NO_SIZE};
use crate::sums::Sums;

/// Which rows of a page have a value.
enum Defined {
    All,
    Some(Vec<u32>),
}

/// What a column is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Sizes,
    Classes,
    Flags,
    Keys,
}

/// Values that a column has decoded, and what its dictionary has.
#[derive(Debug)]
enum Values {
    Sizes {
        values: Vec<u64>,
        dictionary: Vec<u64>,
    },
    Classes {
        values: Vec<u16>,
        dictionary: Vec<u16>,
    },
    Flags(Vec<u8>),
    Keys {
        values: Keys,
        dictionary: Vec<Vec<u8>>,
    },
}

/// Reads one column chunk.
#[derive(Debug)]
pub(super) struct Column {
    name: String,
    is_optional: bool,
    pages: Pages,
    has_dictionary: bool,
    values: Values,
    /// Rows of `values` that were consumed.
    consumed: usize,
    decoded: usize,
    /// Rows of the chunk that are still to be decoded.
    left: u64,
    /// Indices of a page, kept for their memory.
    indices: Vec<u32>,
}

impl Column {
    pub(super) fn new(
        schema: &ColumnSchema,
        content: Content,
        chunk: &Chunk,
        rows: u64,
    ) -> Result<Self, InventoryError> {
        let expected = match content {
            Content::Sizes => Physical::Int64,
            Content::Classes | Content::Keys => Physical::Bytes,
            Content::Flags => Physical::Boolean,
        };
        if schema.physical != expected {
            return Err(unsupported(format!(
                "the column `{}` has an unexpected type",
                schema.name
            )));
        }
        if chunk.values != rows {
            return Err(damaged(format!(
                "the column `{}` has {} values for {rows} rows",
                schema.name, chunk.values
            )));
        }
        let values = match content {
            Content::Sizes => Values::Sizes {
                values: Vec::new(),
                dictionary: Vec::new(),
            },
            Content::Classes => Values::Classes {
                values: Vec::new(),
                dictionary: Vec::new(),
            },
            Content::Flags => Values::Flags(Vec::new()),
            Content::Keys => Values::Keys {
                values: Keys::default(),
                dictionary: Vec::new(),
            },
        };
        let codec = chunk.codec.unwrap_or(Codec::None);
        Ok(Self {
            name: schema.name.clone(),
            is_optional: schema.is_optional,
            pages: Pages::new(codec, chunk.start, chunk.end)?,
            has_dictionary: false,
            values,
            consumed: 0,
            decoded: 0,
            left: rows,
            indices: Vec::new(),
        })
    }

    /// Returns the bytes that the column needs next, at most `block`.
    pub(super) fn wanted(&self, block: u64) -> std::ops::Range<u64> {
        self.pages.wanted(block)
    }

    pub(super) fn supply(&mut self, bytes: &[u8]) {
        self.pages.supply(bytes);
    }

    /// Returns how many decoded rows were not consumed.
    pub(super) fn available(&self) -> usize {
        self.decoded - self.consumed
    }

    /// Consumes `rows`, of those that are available.
    pub(super) fn consume(&mut self, rows: usize) {
        self.consumed += rows;
    }

    /// Decodes the next page if all rows are consumed; returns whether more bytes are needed for that.
    pub(super) fn decode(&mut self, sums: &mut Sums) -> Result<bool, InventoryError> {
        while self.available() == 0 && self.left > 0 {
            match self.pages.next()? {
                None => return Ok(true),
                Some(Page::Dictionary { count, bytes }) => self.dictionary(count, &bytes, sums)?,
                Some(Page::Data(page)) => self.data(&page, sums)?,
            }
        }
        Ok(false)
    }

    pub(super) fn sizes(&self) -> &[u64] {
        match &self.values {
            Values::Sizes { values, .. } => values.get(self.consumed..).unwrap_or_default(),
            _ => &[],
        }
    }

    pub(super) fn classes(&self) -> &[u16] {
        match &self.values {
            Values::Classes { values, .. } => values.get(self.consumed..).unwrap_or_default(),
            _ => &[],
        }
    }

    pub(super) fn flags(&self) -> &[u8] {
        match &self.values {
            Values::Flags(values) => values.get(self.consumed..).unwrap_or_default(),
            _ => &[],
        }
    }

    /// Returns the keys, and the index of the first that was not consumed.
    pub(super) fn keys(&self) -> Option<(&Keys, usize)> {
        match &self.values {
            Values::Keys { values, .. } => Some((values, self.consumed)),
            _ => None,
        }
    }

    fn damaged(&self, what: &str) -> InventoryError {
        damaged(format!("the column `{}` {what}", self.name))
    }

    fn dictionary(
        &mut self,
        count: u64,
        bytes: &[u8],
        sums: &mut Sums,
    ) -> Result<(), InventoryError> {
        let count = usize::try_from(count).map_err(|_| damaged("a dictionary is too large"))?;
        self.has_dictionary = true;
        match &mut self.values {
            Values::Sizes { dictionary, .. } => {
                *dictionary = sizes(bytes, count)?;
            }
            Values::Classes { dictionary, .. } => {
                dictionary.clear();
                each_string(bytes, count, |name| {
                    dictionary.push(sums.class(name)?);
                    Ok(())
                })?;
            }
            Values::Keys { dictionary, .. } => {
                dictionary.clear();
                each_string(bytes, count, |key| {
                    dictionary.push(key.to_vec());
                    Ok(())
                })?;
            }
            Values::Flags(_) => return Err(self.damaged("has a dictionary of Booleans")),
        }
        Ok(())
    }

    /// Decodes a page in place of the consumed rows.
    fn data(&mut self, page: &DataPage, sums: &mut Sums) -> Result<(), InventoryError> {
        self.consumed = 0;
        self.decoded = 0;
        self.left = self
            .left
            .checked_sub(page.rows as u64)
            .ok_or_else(|| self.damaged("has more values than rows"))?;
        let (defined, bytes) = self.levels(page)?;
        let count = match &defined {
            Defined::All => page.rows,
            Defined::Some(levels) => levels.iter().filter(|level| **level == 1).count(),
        };
        self.values(page.encoding, bytes, count, sums)?;
        if let Defined::Some(levels) = defined {
            self.spread(&levels, sums)?;
        }
        self.decoded = page.rows;
        Ok(())
    }

    /// Returns which rows of `page` have a value, and the encoded values.
    fn levels<'a>(&self, page: &'a DataPage) -> Result<(Defined, &'a [u8]), InventoryError> {
        let (levels, values) = match &page.levels {
            _ if !self.is_optional => return Ok((Defined::All, &page.bytes)),
            Some(levels) => (levels.as_slice(), page.bytes.as_slice()),
            None => {
                let prefixed = page.bytes.split_first_chunk::<4>();
                let (length, rest) =
                    prefixed.ok_or_else(|| self.damaged("has a page without levels"))?;
                let length = u32::from_le_bytes(*length) as usize;
                rest.split_at_checked(length)
                    .ok_or_else(|| self.damaged("has a page that ends within its levels"))?
            }
        };
        if hybrid::single_value(levels, 1, page.rows) == Some(1) {
            return Ok((Defined::All, values));
        }
        let mut decoded = Vec::new();
        hybrid::decode(levels, 1, page.rows, &mut decoded)?;
        Ok((Defined::Some(decoded), values))
    }

    /// Decodes `count` values.
    fn values(
        &mut self,
        encoding: i64,
        bytes: &[u8],
        count: usize,
        sums: &mut Sums,
    ) -> Result<(), InventoryError> {
        const PLAIN: i64 = 0;
        const PLAIN_DICTIONARY: i64 = 2;
        const RLE: i64 = 3;
        const RLE_DICTIONARY: i64 = 8;
        match encoding {
            PLAIN => self.plain(bytes, count, sums),
            PLAIN_DICTIONARY | RLE_DICTIONARY if self.has_dictionary => self.indexed(bytes, count),
            PLAIN_DICTIONARY | RLE_DICTIONARY => Err(self.damaged("has no dictionary")),
            RLE => self.runs(bytes, count),
            other => Err(unsupported(format!(
                "the column `{}` has encoding {other}; plain values and dictionaries are read",
                self.name
            ))),
        }
    }

    fn plain(&mut self, bytes: &[u8], count: usize, sums: &mut Sums) -> Result<(), InventoryError> {
        match &mut self.values {
            Values::Sizes { values, .. } => *values = sizes(bytes, count)?,
            Values::Classes { values, .. } => {
                values.clear();
                each_string(bytes, count, |name| {
                    values.push(sums.class(name)?);
                    Ok(())
                })?;
            }
            Values::Keys { values, .. } => {
                values.clear();
                each_string(bytes, count, |key| {
                    values.push(key);
                    Ok(())
                })?;
            }
            Values::Flags(values) => {
                values.clear();
                if bytes.len() < count.div_ceil(8) {
                    return Err(self.damaged("ends within its values"));
                }
                let bit = |index: usize| bytes.get(index / 8).map(|byte| byte >> (index % 8) & 1);
                values.extend((0..count).filter_map(bit));
            }
        }
        Ok(())
    }

    /// Decodes Booleans in runs, which follow their length.
    fn runs(&mut self, bytes: &[u8], count: usize) -> Result<(), InventoryError> {
        let runs = bytes.get(4..).unwrap_or_default();
        self.indices.clear();
        hybrid::decode(runs, 1, count, &mut self.indices)?;
        let Values::Flags(values) = &mut self.values else {
            return Err(self.damaged("has runs of values that are not Booleans"));
        };
        values.clear();
        values.extend(self.indices.iter().map(|value| u8::from(*value == 1)));
        Ok(())
    }

    /// Decodes values that are indices of the dictionary.
    fn indexed(&mut self, bytes: &[u8], count: usize) -> Result<(), InventoryError> {
        self.indices.clear();
        match bytes.split_first() {
            Some((width, indices)) => hybrid::decode(indices, *width, count, &mut self.indices)?,
            None if count == 0 => {}
            None => return Err(self.damaged("ends within its values")),
        }
        let is_known = match &mut self.values {
            Values::Sizes { values, dictionary } => look_up(&self.indices, dictionary, values),
            Values::Classes { values, dictionary } => look_up(&self.indices, dictionary, values),
            Values::Keys { values, dictionary } => {
                values.clear();
                let keys = self
                    .indices
                    .iter()
                    .map_while(|index| dictionary.get(*index as usize));
                keys.for_each(|key| values.push(key));
                values.len() == self.indices.len()
            }
            Values::Flags(_) => false,
        };
        if is_known {
            Ok(())
        } else {
            Err(self.damaged("has an index beyond its dictionary"))
        }
    }

    /// Puts the decoded values into the rows that have one, and what absence means into the others.
    fn spread(&mut self, levels: &[u32], sums: &mut Sums) -> Result<(), InventoryError> {
        match &mut self.values {
            Values::Sizes { values, .. } => *values = spread(levels, values, NO_SIZE),
            Values::Classes { values, .. } => {
                let default = sums.class(b"")?;
                *values = spread(levels, values, default);
            }
            Values::Flags(values) => *values = spread(levels, values, NO_FLAG),
            Values::Keys { .. } => return Err(self.damaged("lacks a key")),
        }
        Ok(())
    }
}

/// Replaces `values` with the entries of `dictionary`; returns whether every index has one.
fn look_up<T: Copy + Default>(indices: &[u32], dictionary: &[T], values: &mut Vec<T>) -> bool {
    let largest = indices.iter().copied().max().unwrap_or_default() as usize;
    values.clear();
    if largest >= dictionary.len() {
        return indices.is_empty();
    }
    let entry = |index: &u32| dictionary.get(*index as usize).copied().unwrap_or_default();
    values.extend(indices.iter().map(entry));
    true
}

fn spread<T: Copy>(levels: &[u32], values: &[T], absent: T) -> Vec<T> {
    let mut values = values.iter();
    let value = |level: &u32| match level {
        1 => values.next().copied().unwrap_or(absent),
        _ => absent,
    };
    levels.iter().map(value).collect()
}

/// Decodes `count` sizes.
fn sizes(bytes: &[u8], count: usize) -> Result<Vec<u64>, InventoryError> {
    let (chunks, _) = bytes.as_chunks::<8>();
    let chunks = chunks
        .get(..count)
        .ok_or_else(|| damaged("a column ends within its sizes"))?;
    // A negative number is above the largest positive one.
    let mut all_bits = 0;
    let sizes = chunks
        .iter()
        .map(|bytes| {
            let size = u64::from_le_bytes(*bytes);
            all_bits |= size;
            size
        })
        .collect();
    if all_bits > i64::MAX as u64 {
        return Err(damaged("an object has a negative size"));
    }
    Ok(sizes)
}

/// Calls `take` with each of `count` strings, which follow their length.
fn each_string(
    mut bytes: &[u8],
    count: usize,
    mut take: impl FnMut(&[u8]) -> Result<(), InventoryError>,
) -> Result<(), InventoryError> {
    for _ in 0..count {
        let truncated = || damaged("a column ends within its strings");
        let (length, rest) = bytes.split_first_chunk::<4>().ok_or_else(truncated)?;
        let length = u32::from_le_bytes(*length) as usize;
        let (string, rest) = rest.split_at_checked(length).ok_or_else(truncated)?;
        take(string)?;
        bytes = rest;
    }
    Ok(())
}
