//! Pages of a column chunk: where each ends, and its values uncompressed.

use std::io::Read;

use super::footer::Codec;
use super::thrift::{Reader, ThriftError};
use crate::error::{InventoryError, damaged, unsupported};

/// Largest page that is read, compressed or not. Writers end a page at about 1 MiB, dictionaries included.
const MAX_PAGE_BYTES: u64 = 32 << 20;

/// Most rows of a page. Writers end a page at 20,000 rows or with its row group, of a million rows at most; a page of one
/// repeated value is small, however many rows it has.
const MAX_PAGE_ROWS: u64 = 4 << 20;

/// Bytes within which a page's header must end. It may contain the least and greatest key, of 1,024 bytes each.
const MAX_HEADER_BYTES: usize = 64 << 10;

/// A page, uncompressed.
#[derive(Debug)]
pub(super) enum Page {
    /// Values that the data pages refer to.
    Dictionary { count: u64, bytes: Vec<u8> },
    /// Values of some rows.
    Data(DataPage),
}

/// A data page, uncompressed.
#[derive(Debug)]
pub(super) struct DataPage {
    /// Number of rows, those without a value included.
    pub(super) rows: usize,
    /// How values are encoded.
    pub(super) encoding: i64,
    /// Which rows have a value; `None` in a page of version 1, where they are in front of the values.
    pub(super) levels: Option<Vec<u8>>,
    /// The values; in version 1 levels and values.
    pub(super) bytes: Vec<u8>,
}

#[derive(Debug, Default)]
struct Header {
    kind: i64,
    uncompressed: u64,
    compressed: u64,
    crc: Option<i64>,
    values: u64,
    encoding: i64,
    level_encoding: i64,
    version2: Option<Version2>,
}

#[derive(Debug)]
struct Version2 {
    definition_bytes: u64,
    repetition_bytes: u64,
    is_compressed: bool,
}

/// Splits the bytes of a column chunk into pages as they arrive.
#[derive(Debug)]
pub(super) struct Pages {
    codec: Codec,
    /// Where the next bytes start in the file, and where the chunk ends.
    next: u64,
    end: u64,
    buffer: Vec<u8>,
    /// Bytes of `buffer` that are used.
    used: usize,
}

impl Pages {
    pub(super) fn new(codec: Codec, start: u64, end: u64) -> Result<Self, InventoryError> {
        if let Codec::Other(code) = codec {
            return Err(unsupported(format!(
                "a Parquet file is compressed by codec {code}; Snappy, gzip and none are read"
            )));
        }
        Ok(Self {
            codec,
            next: start,
            end,
            buffer: Vec::new(),
            used: 0,
        })
    }

    /// Returns the bytes of the file that [`supply`](Self::supply) takes next, at most `block`.
    pub(super) fn wanted(&self, block: u64) -> std::ops::Range<u64> {
        self.next..self.end.min(self.next.saturating_add(block))
    }

    /// Takes the bytes of [`wanted`](Self::wanted).
    pub(super) fn supply(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.used);
        self.used = 0;
        self.buffer.extend_from_slice(bytes);
        self.next += bytes.len() as u64;
    }

    /// Returns the next page; `None` if more bytes are needed.
    pub(super) fn next(&mut self) -> Result<Option<Page>, InventoryError> {
        loop {
            let available = self.buffer.get(self.used..).unwrap_or_default();
            let has_all = self.next == self.end;
            let Some((header, length)) = Header::read(available, has_all)? else {
                return Ok(None);
            };
            let limit = header.compressed.max(header.uncompressed);
            if limit > MAX_PAGE_BYTES {
                return Err(unsupported(
                    "a page of a Parquet file is larger than 32 MiB",
                ));
            }
            let size = usize::try_from(header.compressed).unwrap_or(usize::MAX);
            let Some(body) = available.get(length..length.saturating_add(size)) else {
                if has_all {
                    return Err(damaged("the last page of a column is truncated"));
                }
                return Ok(None);
            };
            let page = header.page(body, self.codec)?;
            self.used += length + size;
            if page.is_some() {
                return Ok(page);
            }
        }
    }
}

impl Header {
    /// Reads a header and returns its length; `None` if more bytes are needed.
    fn read(bytes: &[u8], has_all: bool) -> Result<Option<(Self, usize)>, InventoryError> {
        let mut header = Self::default();
        let mut reader = Reader::new(bytes);
        match header.fields(&mut reader) {
            Ok(()) => Ok(Some((header, reader.position()))),
            Err(ThriftError::Incomplete) if !has_all && bytes.len() < MAX_HEADER_BYTES => Ok(None),
            Err(_) => Err(damaged("a page of a Parquet file has no valid header")),
        }
    }

    fn fields(&mut self, reader: &mut Reader<'_>) -> Result<(), ThriftError> {
        reader.structure(|reader, id, kind| {
            match id {
                1 => self.kind = reader.integer()?,
                2 => self.uncompressed = reader.unsigned()?,
                3 => self.compressed = reader.unsigned()?,
                4 => self.crc = Some(reader.integer()?),
                5 | 7 => self.values_header(reader)?,
                8 => self.version2_header(reader)?,
                _ => reader.skip(kind)?,
            }
            Ok(())
        })
    }

    /// Reads the header of a data page of version 1, or of a dictionary, whose first fields are the same.
    fn values_header(&mut self, reader: &mut Reader<'_>) -> Result<(), ThriftError> {
        reader.structure(|reader, id, kind| {
            match id {
                1 => self.values = reader.unsigned()?,
                2 => self.encoding = reader.integer()?,
                3 if matches!(kind, super::thrift::Type::Integer) => {
                    self.level_encoding = reader.integer()?;
                }
                _ => reader.skip(kind)?,
            }
            Ok(())
        })
    }

    fn version2_header(&mut self, reader: &mut Reader<'_>) -> Result<(), ThriftError> {
        let mut version2 = Version2 {
            definition_bytes: 0,
            repetition_bytes: 0,
            is_compressed: true,
        };
        reader.structure(|reader, id, kind| {
            match id {
                1 => self.values = reader.unsigned()?,
                4 => self.encoding = reader.integer()?,
                5 => version2.definition_bytes = reader.unsigned()?,
                6 => version2.repetition_bytes = reader.unsigned()?,
                7 => version2.is_compressed = kind == super::thrift::Type::True,
                _ => reader.skip(kind)?,
            }
            Ok(())
        })?;
        self.version2 = Some(version2);
        Ok(())
    }

    /// Returns the page with this header; `None` for a page without values, such as an index.
    fn page(&self, body: &[u8], codec: Codec) -> Result<Option<Page>, InventoryError> {
        if let Some(crc) = self.crc
            && i64::from(crc32fast::hash(body).cast_signed()) != crc
        {
            return Err(damaged(
                "a page of a Parquet file differs from its checksum",
            ));
        }
        match self.kind {
            0 => self.version1_page(body, codec).map(Some),
            1 => Ok(None),
            2 => Ok(Some(Page::Dictionary {
                count: self.values,
                bytes: uncompressed(body, codec, self.uncompressed)?,
            })),
            3 => self.version2_page(body, codec).map(Some),
            other => Err(unsupported(format!(
                "a Parquet file has a page of type {other}"
            ))),
        }
    }

    fn rows(&self) -> Result<usize, InventoryError> {
        if self.values > MAX_PAGE_ROWS {
            return Err(unsupported(
                "a page of a Parquet file has over 4,194,304 rows",
            ));
        }
        usize::try_from(self.values).map_err(|_| damaged("a page has too many rows"))
    }

    fn version1_page(&self, body: &[u8], codec: Codec) -> Result<Page, InventoryError> {
        const RLE: i64 = 3;
        if self.level_encoding != RLE {
            return Err(unsupported(format!(
                "a Parquet file has levels of encoding {}",
                self.level_encoding
            )));
        }
        Ok(Page::Data(DataPage {
            rows: self.rows()?,
            encoding: self.encoding,
            levels: None,
            bytes: uncompressed(body, codec, self.uncompressed)?,
        }))
    }

    fn version2_page(&self, body: &[u8], codec: Codec) -> Result<Page, InventoryError> {
        let malformed = || damaged("a page of a Parquet file has levels beyond its end");
        let version2 = self.version2.as_ref().ok_or_else(malformed)?;
        if version2.repetition_bytes > 0 {
            return Err(unsupported(
                "a column of a Parquet file has repeated values",
            ));
        }
        let split = usize::try_from(version2.definition_bytes).map_err(|_| malformed())?;
        let (levels, values) = body.split_at_checked(split).ok_or_else(malformed)?;
        let codec = if version2.is_compressed {
            codec
        } else {
            Codec::None
        };
        let length = self.uncompressed.checked_sub(version2.definition_bytes);
        Ok(Page::Data(DataPage {
            rows: self.rows()?,
            encoding: self.encoding,
            levels: Some(levels.to_vec()),
            bytes: uncompressed(values, codec, length.ok_or_else(malformed)?)?,
        }))
    }
}

/// Returns `body` uncompressed, which must be `length` bytes.
fn uncompressed(body: &[u8], codec: Codec, length: u64) -> Result<Vec<u8>, InventoryError> {
    let malformed = || damaged("a page of a Parquet file cannot be uncompressed");
    let length = usize::try_from(length).map_err(|_| malformed())?;
    let bytes = match codec {
        Codec::Snappy => {
            if snap::raw::decompress_len(body).map_err(|_| malformed())? != length {
                return Err(malformed());
            }
            let mut decoder = snap::raw::Decoder::new();
            decoder.decompress_vec(body).map_err(|_| malformed())?
        }
        Codec::Gzip => {
            let mut bytes = Vec::with_capacity(length);
            let decoder = flate2::read::MultiGzDecoder::new(body);
            let mut decoder = decoder.take(length as u64 + 1);
            decoder.read_to_end(&mut bytes).map_err(|_| malformed())?;
            bytes
        }
        Codec::None | Codec::Other(_) => body.to_vec(),
    };
    if bytes.len() != length {
        return Err(malformed());
    }
    Ok(bytes)
}
