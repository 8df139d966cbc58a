//! The stored form of a frame: change lists in split streams, deflated. No I/O.
//!
//! Form 1, after the envelope of `bytes.rs`: the time axis, the target's own series, the digest of the list that names
//! most tables, the other tables, then the readings of tables by measure. Readings of a group of series are four
//! streams: all first codes, all numbers of changes, all gaps between changes, all differences. Codes are numbers
//! divided by their greatest common divisor, above the two codes for absent and unsized; the first code of a table is
//! the difference to its reading in the list. Measures that this program does not have are skipped.

#[cfg(test)]
mod tests;

use chrono::{DateTime, TimeDelta, Utc};

use super::basis::Basis;
use super::bytes::{self, BlockError, Cursor, put_length, put_number, put_signed, put_text};
use super::columns::{Changes, divisor_of, put_columns, put_measures, take_columns, take_measures};
use super::digest::{DIGEST_BYTES, ListDigest};
use super::frame::{Column, Frame};
use super::names::{TableList, check_tables, put_tables, take_tables};
use super::reading::{Moment, Reading};
use super::series::{Measure, OwnSeries, TableKey, TableMeasure};
use crate::snapshot::Completeness;

/// Newest form of a block.
const VERSION: u8 = 1;
/// Most moments of a block: a day of runs every second.
const MOMENTS_LIMIT: usize = 86_400;

/// A block, of which the tables are not read yet: that takes the list that it refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The time axis.
    pub moments: Vec<Moment>,
    /// Series of the target itself.
    pub own: Vec<(OwnSeries, Changes)>,
    /// The list that names most tables; `None` without tables, or when the block names all.
    pub list: Option<ListDigest>,
    tables: Vec<u8>,
}

/// Tables of a block: those of its list, then those that only the block names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockTables {
    /// Tables that the list does not name.
    pub others: Vec<TableKey>,
    /// Readings by measure.
    pub measures: Vec<(TableMeasure, Changes)>,
}

/// Returns the bytes of `frame`, where `list` names what it can.
///
/// The same frame and list always give the same bytes.
///
/// # Errors
///
/// [`BlockError::TooLarge`]: split it by tables. [`BlockError::Damaged`] without a moment.
pub fn encode(frame: &Frame, list: Option<&TableList>) -> Result<Vec<u8>, BlockError> {
    let mut out = Vec::new();
    put_moments(&mut out, &frame.moments)?;
    put_own(&mut out, frame);
    let (rows, others) = rows(frame, list.map(TableList::tables).unwrap_or_default());
    check_tables(&others)?;
    match list {
        Some(list) => {
            out.push(1);
            out.extend_from_slice(&list.digest().0);
        }
        None => out.push(0),
    }
    put_tables(&mut out, &others);
    let columns = |(number, measure): (usize, &TableMeasure)| {
        let columns = rows.iter().enumerate().map(|(index, row)| {
            let column = row.and_then(|columns| columns.get(number));
            let base = list.map(|list| list.reading(index, *measure));
            let column = column.map(Vec::as_slice).unwrap_or_default();
            (column, base.unwrap_or_default())
        });
        (*measure, columns.collect())
    };
    let columns: Vec<_> = frame.measures.iter().enumerate().map(columns).collect();
    put_measures(&mut out, &columns);
    bytes::seal(VERSION, &out)
}

/// Returns the columns of the listed tables, then those of all others, and the names of these.
///
/// Both the list and the frame are in order.
fn rows<'a>(
    frame: &'a Frame,
    listed: &[TableKey],
) -> (Vec<Option<&'a Vec<Column>>>, Vec<TableKey>) {
    let mut rows = Vec::with_capacity(listed.len());
    let mut others = Vec::new();
    let mut tables = frame.tables.iter().peekable();
    for key in listed {
        others.extend(std::iter::from_fn(|| {
            tables.next_if(|(table, _)| *table < key)
        }));
        rows.push(
            tables
                .next_if(|(table, _)| *table == key)
                .map(|(_, columns)| columns),
        );
    }
    others.extend(tables);
    rows.extend(others.iter().map(|(_, columns)| Some(*columns)));
    (
        rows,
        others.into_iter().map(|(key, _)| key.clone()).collect(),
    )
}

impl Block {
    /// Returns the block of `sealed`.
    ///
    /// # Errors
    ///
    /// [`BlockError`]: any bytes that are not what was written, without a panic or much memory.
    pub fn decode(sealed: &[u8]) -> Result<Self, BlockError> {
        let content = bytes::open(VERSION, sealed)?;
        let mut cursor = Cursor::new(&content);
        let moments = take_moments(&mut cursor)?;
        let own = take_own(&mut cursor, moments.len())?;
        let list = match cursor.byte()? {
            0 => None,
            1 => {
                let mut digest = [0; DIGEST_BYTES];
                digest.copy_from_slice(cursor.bytes(DIGEST_BYTES)?);
                Some(ListDigest(digest))
            }
            _ => return Err(BlockError::Damaged("it has an unknown kind of list")),
        };
        Ok(Self {
            moments,
            own,
            list,
            tables: cursor.rest().to_vec(),
        })
    }

    /// Returns the tables; `list` is the one that the block refers to.
    ///
    /// # Errors
    ///
    /// [`BlockError`]: also when it is another list.
    pub fn tables(&self, list: Option<&TableList>) -> Result<BlockTables, BlockError> {
        self.tables_until(None, list)
    }

    /// Returns the tables with the measures up to `last`, if the block has it; what comes after it is not looked at.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn tables_until(
        &self,
        last: Option<TableMeasure>,
        list: Option<&TableList>,
    ) -> Result<BlockTables, BlockError> {
        if list.map(TableList::digest) != self.list {
            return Err(BlockError::Damaged("it refers to another list"));
        }
        let listed = list.map_or(0, |list| list.tables().len());
        let mut cursor = Cursor::new(&self.tables);
        let others = take_tables(&mut cursor)?;
        let base = |index, measure| list.map(|list| list.reading(index, measure));
        let base = |index, measure| base(index, measure).unwrap_or_default();
        let series = listed + others.len();
        let measures = take_measures(&mut cursor, (series, last), base, self.moments.len())?;
        let is_cut = last.is_some() && measures.last().map(|(measure, _)| *measure) == last;
        if !is_cut {
            cursor.finish()?;
        }
        Ok(BlockTables { others, measures })
    }

    /// Returns the frame; `list` is the one that the block refers to.
    ///
    /// # Errors
    ///
    /// [`BlockError`]: also when it is another list.
    pub fn into_frame(self, list: Option<&TableList>) -> Result<Frame, BlockError> {
        let length = self.moments.len();
        let BlockTables { others, measures } = self.tables(list)?;
        let listed = list.map(TableList::tables).unwrap_or_default();
        let kinds: Vec<_> = measures.iter().map(|(measure, _)| *measure).collect();
        let mut frame = Frame::empty(&kinds);
        for (series, changes) in self.own {
            frame.own.insert(series, changes.column(0, length));
        }
        for (index, key) in listed.iter().chain(&others).enumerate() {
            let columns = measures.iter();
            let columns: Vec<Column> = columns
                .map(|(_, changes)| changes.column(index, length))
                .collect();
            let mut readings = columns.iter().flatten();
            if readings.any(|reading| !reading.is_absent()) {
                frame.tables.insert(key.clone(), columns);
            }
        }
        frame.moments = self.moments;
        Ok(frame)
    }
}

fn put_moments(out: &mut Vec<u8>, moments: &[Moment]) -> Result<(), BlockError> {
    if moments.is_empty() {
        return Err(BlockError::Damaged("it has no moment"));
    }
    if moments.len() > MOMENTS_LIMIT {
        return Err(BlockError::TooLarge);
    }
    put_length(out, moments.len());
    let mut before = 0;
    for moment in moments {
        let seconds = moment.scheduled_at.timestamp();
        put_signed(out, seconds - before);
        before = seconds;
    }
    for moment in moments {
        let late = moment.taken_at - moment.scheduled_at;
        put_signed(out, late.num_milliseconds());
    }
    for moment in moments {
        out.push(match moment.completeness {
            Completeness::Complete => 1,
            Completeness::Partial => 0,
        });
    }
    let mut bases: Vec<&Basis> = moments.iter().map(|moment| &moment.basis).collect();
    bases.sort_unstable();
    bases.dedup();
    put_length(out, bases.len());
    for basis in &bases {
        put_text(out, basis.as_str());
    }
    for moment in moments {
        put_length(out, bases.binary_search(&&moment.basis).unwrap_or_default());
    }
    Ok(())
}

fn take_moments(cursor: &mut Cursor<'_>) -> Result<Vec<Moment>, BlockError> {
    let count = cursor.length()?;
    if count == 0 || count > MOMENTS_LIMIT {
        return Err(BlockError::Damaged("its number of moments is not allowed"));
    }
    let damaged = BlockError::Damaged("a time is none");
    let mut seconds = 0_i64;
    let mut times: Vec<DateTime<Utc>> = Vec::with_capacity(count);
    for _ in 0..count {
        let next = seconds.checked_add(cursor.signed()?);
        seconds = next.ok_or(damaged.clone())?;
        let time = DateTime::from_timestamp(seconds, 0).ok_or(damaged.clone())?;
        if times.last().is_some_and(|last| *last >= time) {
            return Err(BlockError::Damaged("its moments do not ascend"));
        }
        times.push(time);
    }
    let mut taken = Vec::with_capacity(count);
    for time in &times {
        let late = TimeDelta::try_milliseconds(cursor.signed()?).ok_or(damaged.clone())?;
        taken.push(time.checked_add_signed(late).ok_or(damaged.clone())?);
    }
    let flags = cursor.bytes(count)?;
    let bases = cursor.length()?;
    let bases: Result<Vec<_>, _> = (0..bases)
        .map(|_| cursor.text().map(Basis::from_text))
        .collect();
    let bases = bases?;
    let mut moments = Vec::with_capacity(count);
    for ((scheduled_at, taken_at), flag) in times.into_iter().zip(taken).zip(flags) {
        let basis = bases.get(cursor.index(bases.len())?);
        moments.push(Moment {
            scheduled_at,
            taken_at,
            completeness: match flag {
                0 => Completeness::Partial,
                1 => Completeness::Complete,
                _ => return Err(BlockError::Damaged("its completeness is unknown")),
            },
            basis: basis.cloned().ok_or(damaged.clone())?,
        });
    }
    Ok(moments)
}

/// Own series differ in their units, so each has its own divisor.
fn put_own(out: &mut Vec<u8>, frame: &Frame) {
    put_length(out, frame.own.len());
    for series in frame.own.keys() {
        put_number(out, series.measure as u64);
        out.push(u8::from(series.class.is_some()));
        if let Some(class) = &series.class {
            put_text(out, class);
        }
    }
    let columns = frame.own.values().map(Vec::as_slice);
    let columns: Vec<(&[Reading], u64)> = columns
        .map(|column| (column, divisor_of([column])))
        .collect();
    for (_, divisor) in &columns {
        put_number(out, *divisor);
    }
    let all = columns.iter();
    put_columns(
        out,
        all.map(|(column, divisor)| (*column, *divisor, Reading::ABSENT)),
    );
}

fn take_own(
    cursor: &mut Cursor<'_>,
    moments: usize,
) -> Result<Vec<(OwnSeries, Changes)>, BlockError> {
    let count = cursor.length()?;
    let mut series = Vec::new();
    for _ in 0..count {
        let measure = Measure::from_code(cursor.number()?);
        let class = match cursor.byte()? {
            0 => None,
            1 => Some(cursor.text()?.to_owned()),
            _ => return Err(BlockError::Damaged("a class is neither there nor not")),
        };
        series.push(measure.map(|measure| OwnSeries { measure, class }));
    }
    let divisors: Result<Vec<_>, _> = (0..count).map(|_| cursor.number()).collect();
    let scales = divisors?.into_iter();
    let scales = scales.map(|divisor| (divisor, Reading::ABSENT));
    let all = take_columns(cursor, scales, moments)?;
    let known = series.into_iter().enumerate();
    Ok(known
        .filter_map(|(index, series)| Some((series?, all.only(index))))
        .collect())
}
