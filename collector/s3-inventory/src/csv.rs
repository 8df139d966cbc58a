//! Reads a CSV file of a report, as gzip, while it arrives, and verifies its checksum.
//!
//! The file has no header: the manifest gives the order of the columns. Keys are percent-encoded.

use std::borrow::Cow;
use std::io::{self, Write};

use csv_core::{ReadRecordResult, Reader};
use flate2::write::MultiGzDecoder;
use md5::{Digest, Md5};
use percent_encoding::percent_decode;

use prefix_sums::PrefixSums;

use crate::digest::is_digest;
use crate::error::{InventoryError, damaged, unsupported};
use crate::manifest::Manifest;
use crate::query::Query;
use crate::rows::{Keys, NO_FLAG, NO_SIZE, Rows, Versions};
use crate::sums::Sums;

/// Longest record. A key of 1,024 bytes has 3,072 characters; the other fields have under 1,000.
const MAX_RECORD_BYTES: usize = 64 << 10;

/// Most fields of a record. Reports have about 20.
const MAX_FIELDS: usize = 256;

/// Where in a record the fields are that a size needs.
#[derive(Debug, Clone, Copy)]
struct Positions {
    size: usize,
    class: usize,
    /// Is-latest and is-delete-marker, in a report of all versions.
    versions: Option<(usize, usize)>,
    key: Option<usize>,
}

impl Positions {
    fn new(manifest: &Manifest, query: &Query) -> Result<Self, InventoryError> {
        let fields: Vec<&str> = manifest.csv_fields().collect();
        let find = |name: &str| fields.iter().position(|field| *field == name);
        let require = |name: &str| {
            find(name).ok_or_else(|| {
                unsupported(format!(
                    "it has no field `{name}`; add it to the inventory's configuration"
                ))
            })
        };
        let has_versions = find("IsLatest").is_some() || find("IsDeleteMarker").is_some();
        Ok(Self {
            size: require("Size")?,
            class: require("StorageClass")?,
            versions: if has_versions {
                Some((require("IsLatest")?, require("IsDeleteMarker")?))
            } else {
                None
            },
            key: if query.needs_keys() {
                Some(require("Key")?)
            } else {
                None
            },
        })
    }
}

/// Reads one file.
#[derive(Debug)]
pub struct CsvReader<'a> {
    decoder: MultiGzDecoder<Records<'a>>,
    digest: Md5,
}

impl<'a> CsvReader<'a> {
    /// Starts to read a file of the report that `manifest` describes.
    ///
    /// # Errors
    ///
    /// [`InventoryError::Unsupported`] if the report lacks a field that `query` needs.
    pub fn new(manifest: &Manifest, query: &'a Query) -> Result<Self, InventoryError> {
        let records = Records {
            query,
            positions: Positions::new(manifest, query)?,
            reader: Reader::new(),
            record: vec![0; MAX_RECORD_BYTES],
            record_bytes: 0,
            ends: vec![0; MAX_FIELDS],
            fields: 0,
            keys: Keys::default(),
            sums: Sums::default(),
            prefixes: query.by_prefix.clone().map(PrefixSums::new),
            error: None,
        };
        Ok(Self {
            decoder: MultiGzDecoder::new(records),
            digest: Md5::new(),
        })
    }

    /// Takes the next bytes of the file.
    ///
    /// # Errors
    ///
    /// [`InventoryError::Damaged`] if they are not gzip, or a record is malformed.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), InventoryError> {
        self.digest.update(bytes);
        let written = self.decoder.write_all(bytes);
        self.decoder.get_mut().outcome(written)
    }

    /// Returns the sums of the file.
    ///
    /// # Errors
    ///
    /// [`InventoryError::Damaged`] if the file is truncated or differs from `md5`, its checksum in hexadecimal.
    pub fn finish(mut self, md5: &str) -> Result<(Sums, Option<PrefixSums>), InventoryError> {
        let finished = self.decoder.try_finish();
        self.decoder.get_mut().outcome(finished)?;
        if !is_digest(&self.digest.finalize(), md5) {
            return Err(damaged("a file differs from its checksum in the manifest"));
        }
        let records = self.decoder.get_mut();
        records.end()?;
        let sums = std::mem::take(&mut records.sums);
        Ok((sums, records.prefixes.take()))
    }
}

/// Adds up the records that are written to it.
#[derive(Debug)]
struct Records<'a> {
    query: &'a Query,
    positions: Positions,
    reader: Reader,
    record: Vec<u8>,
    record_bytes: usize,
    ends: Vec<usize>,
    fields: usize,
    /// The key of one record, kept for its memory.
    keys: Keys,
    sums: Sums,
    prefixes: Option<PrefixSums>,
    /// Why a record was refused: `Write` has no place for it.
    error: Option<InventoryError>,
}

impl Write for Records<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.read(bytes) {
            Ok(()) => Ok(bytes.len()),
            Err(error) => {
                self.error = Some(error);
                Err(io::ErrorKind::InvalidData.into())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Records<'_> {
    /// Returns the result of writing to the decoder.
    fn outcome(&mut self, written: io::Result<()>) -> Result<(), InventoryError> {
        match (self.error.take(), written) {
            (Some(error), _) => Err(error),
            (None, Err(_)) => Err(damaged("a file is not complete gzip")),
            (None, Ok(())) => Ok(()),
        }
    }

    fn read(&mut self, mut bytes: &[u8]) -> Result<(), InventoryError> {
        while !bytes.is_empty() {
            let used = self.read_record(bytes)?;
            bytes = bytes.get(used..).unwrap_or_default();
        }
        Ok(())
    }

    /// Completes the last record, which may lack its line break.
    fn end(&mut self) -> Result<(), InventoryError> {
        self.read_record(&[]).map(drop)
    }

    /// Reads at most one record and adds it; returns how many bytes were used. No bytes are the end of the file.
    fn read_record(&mut self, bytes: &[u8]) -> Result<usize, InventoryError> {
        let record = self.record.get_mut(self.record_bytes..).unwrap_or_default();
        let ends = self.ends.get_mut(self.fields..).unwrap_or_default();
        let (result, used, written, fields) = self.reader.read_record(bytes, record, ends);
        self.record_bytes += written;
        self.fields += fields;
        match result {
            ReadRecordResult::Record => {
                self.add_record()?;
                self.record_bytes = 0;
                self.fields = 0;
            }
            ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                return Err(damaged(
                    "a record is longer than 64 KiB, or has over 256 fields",
                ));
            }
            ReadRecordResult::InputEmpty | ReadRecordResult::End => {}
        }
        Ok(used)
    }

    fn add_record(&mut self) -> Result<(), InventoryError> {
        let field = |index: usize| -> Result<&[u8], InventoryError> {
            let missing = || damaged("a record has fewer fields than the manifest announces");
            let start = match index.checked_sub(1) {
                Some(before) => *self.ends.get(before).ok_or_else(missing)?,
                None => 0,
            };
            let end = self.ends.get(index).filter(|_| index < self.fields);
            self.record
                .get(start..*end.ok_or_else(missing)?)
                .ok_or_else(missing)
        };
        let size = size(field(self.positions.size)?)?;
        let class = self.sums.class(field(self.positions.class)?)?;
        let versions = match self.positions.versions {
            Some((latest, marker)) => Some(([flag(field(latest)?)], [flag(field(marker)?)])),
            None => None,
        };
        if let Some(key) = self.positions.key {
            let key: Cow<'_, [u8]> = percent_decode(field(key)?).into();
            self.keys.clear();
            self.keys.push(&key);
        }
        let rows = Rows {
            classes: &[class],
            sizes: &[size],
            versions: versions.as_ref().map(|(latest, marker)| Versions {
                is_latest: latest,
                is_delete_marker: marker,
            }),
            keys: self.positions.key.map(|_| (&self.keys, 0)),
        };
        rows.add_to(self.query, &mut self.sums, self.prefixes.as_mut())
    }
}

/// Parses a size; a delete marker has none.
fn size(field: &[u8]) -> Result<u64, InventoryError> {
    if field.is_empty() {
        return Ok(NO_SIZE);
    }
    let malformed = || damaged("a size is not a number");
    let text = std::str::from_utf8(field).map_err(|_| malformed())?;
    let size: i64 = text.parse().map_err(|_| malformed())?;
    u64::try_from(size).map_err(|_| malformed())
}

fn flag(field: &[u8]) -> u8 {
    if field.eq_ignore_ascii_case(b"true") {
        1
    } else if field.eq_ignore_ascii_case(b"false") {
        0
    } else {
        NO_FLAG
    }
}
