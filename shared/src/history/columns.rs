//! Readings of a group of series as four streams. No I/O.

use super::bytes::{BlockError, Cursor, put_length, put_number, put_signed};
use super::reading::Reading;
use super::series::TableMeasure;

/// Readings of series by their changes, as a block has them: for each series where it changes, and to what.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// Where the changes of each series end in `changes`.
    ends: Vec<usize>,
    /// Position on the time axis and the reading from there on. The first of each series is at 0.
    changes: Vec<(u32, Reading)>,
}

impl Changes {
    /// Returns the number of series.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Returns whether there is no series.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Returns the changes of a series: position on the time axis, and the reading from there on.
    pub fn of(&self, series: usize) -> &[(u32, Reading)] {
        let end = |series: usize| self.ends.get(series).copied().unwrap_or_default();
        let start = series.checked_sub(1).map_or(0, end);
        self.changes.get(start..end(series)).unwrap_or_default()
    }

    /// Writes the readings of a series into `column`, which is as long as the time axis.
    pub fn fill(&self, series: usize, column: &mut [Reading]) {
        let changes = self.of(series);
        let nexts = changes.iter().skip(1).map(|(next, _)| *next as usize);
        let ends = nexts.chain([column.len()]);
        for ((start, reading), end) in changes.iter().zip(ends) {
            if let Some(run) = column.get_mut(*start as usize..end) {
                run.fill(*reading);
            }
        }
    }

    /// Returns the readings of a series on a time axis of `length`.
    pub fn column(&self, series: usize, length: usize) -> Vec<Reading> {
        let mut column = vec![Reading::ABSENT; length];
        self.fill(series, &mut column);
        column
    }

    /// Returns one series alone.
    pub(super) fn only(&self, series: usize) -> Self {
        let changes = self.of(series).to_vec();
        Self {
            ends: vec![changes.len()],
            changes,
        }
    }
}

/// Returns the greatest common divisor of all numbers; 1 without any but zeros.
pub(super) fn divisor_of<'a>(columns: impl IntoIterator<Item = &'a [Reading]>) -> u64 {
    let readings = columns.into_iter().flatten();
    let mut divisor = 0;
    for value in readings.filter_map(|reading| reading.value()) {
        let (mut one, mut other) = (divisor, value);
        while other != 0 {
            (one, other) = (other, one % other);
        }
        divisor = one;
        if divisor == 1 {
            break;
        }
    }
    divisor.max(1)
}

/// Appends the streams of columns, each with its divisor and what its first reading is compared with.
///
/// An empty column is absent all the time.
pub(super) fn put_columns<'a>(
    out: &mut Vec<u8>,
    columns: impl Iterator<Item = (&'a [Reading], u64, Reading)>,
) {
    let (mut counts, mut gaps, mut differences) = (Vec::new(), Vec::new(), Vec::new());
    for (column, divisor, base) in columns {
        let mut before = column.first().copied().unwrap_or_default();
        put_difference(out, base.code(divisor), before.code(divisor));
        let (mut count, mut last_change) = (0, 0);
        for (index, reading) in column.iter().enumerate() {
            if *reading == before {
                continue;
            }
            put_difference(
                &mut differences,
                before.code(divisor),
                reading.code(divisor),
            );
            put_length(&mut gaps, index - last_change - 1);
            (before, last_change) = (*reading, index);
            count += 1;
        }
        put_length(&mut counts, count);
    }
    out.append(&mut counts);
    out.append(&mut gaps);
    out.append(&mut differences);
}

/// Appends a difference of codes. It may be any number of 64 bits, of either sign: it wraps around.
fn put_difference(out: &mut Vec<u8>, before: u64, after: u64) {
    put_signed(out, after.wrapping_sub(before).cast_signed());
}

/// Returns the code after one that differs from it as the cursor says.
fn take_difference(cursor: &mut Cursor<'_>, before: u64) -> Result<u64, BlockError> {
    Ok(before.wrapping_add(cursor.signed()?.cast_unsigned()))
}

/// Returns what [`put_columns`] wrote for series with these divisors and bases.
pub(super) fn take_columns(
    cursor: &mut Cursor<'_>,
    scales: impl ExactSizeIterator<Item = (u64, Reading)>,
    moments: usize,
) -> Result<Changes, BlockError> {
    let series = scales.len();
    cursor.check_left(2 * series)?;
    let mut firsts = Vec::with_capacity(series);
    for (divisor, base) in scales {
        if divisor == 0 {
            return Err(BlockError::Damaged("a divisor is 0"));
        }
        firsts.push((take_difference(cursor, base.code(divisor))?, divisor));
    }
    let (mut ends, mut total) = (Vec::with_capacity(series), 0);
    for _ in 0..series {
        total += 1 + cursor.index(moments)?;
        ends.push(total);
    }
    // Each change but the first of a series takes two bytes that must still be there.
    cursor.check_left(2 * (total - series))?;
    let mut changes = Vec::with_capacity(total);
    let mut start = 0;
    for end in &ends {
        let mut position = 0;
        changes.push((0, Reading::ABSENT));
        for _ in start + 1..*end {
            position += 1 + cursor.index(moments)?;
            if position >= moments {
                return Err(BlockError::Damaged("a change is behind the last moment"));
            }
            let position = u32::try_from(position).unwrap_or(u32::MAX);
            changes.push((position, Reading::ABSENT));
        }
        start = *end;
    }
    let mut start = 0;
    for (end, (first, divisor)) in ends.iter().zip(firsts) {
        let mut code = first;
        for (index, (_, reading)) in changes
            .get_mut(start..*end)
            .into_iter()
            .flatten()
            .enumerate()
        {
            if index > 0 {
                code = take_difference(cursor, code)?;
            }
            *reading = Reading::from_code(code, divisor)
                .ok_or(BlockError::Damaged("a number is too large"))?;
        }
        start = *end;
    }
    Ok(Changes { ends, changes })
}

/// Appends columns by measure, each with what its first reading is compared with. An empty column is always absent.
pub(super) fn put_measures<C: AsRef<[Reading]>>(
    out: &mut Vec<u8>,
    measures: &[(TableMeasure, Vec<(C, Reading)>)],
) {
    put_length(out, measures.len());
    for (measure, columns) in measures {
        put_number(out, *measure as u64);
        let divisor = divisor_of(columns.iter().map(|(column, _)| column.as_ref()));
        put_number(out, divisor);
        let all = columns.iter();
        put_columns(
            out,
            all.map(|(column, base)| (column.as_ref(), divisor, *base)),
        );
    }
}

/// Returns what [`put_measures`] wrote for so many series, up to the measure `last` if there is one; `base` is what their
/// first readings are compared with.
pub(super) fn take_measures(
    cursor: &mut Cursor<'_>,
    (series, last): (usize, Option<TableMeasure>),
    base: impl Fn(usize, TableMeasure) -> Reading,
    moments: usize,
) -> Result<Vec<(TableMeasure, Changes)>, BlockError> {
    let count = cursor.length()?;
    let mut measures = Vec::new();
    for _ in 0..count {
        let measure = TableMeasure::from_code(cursor.number()?);
        let divisor = cursor.number()?;
        let base = |index| measure.map(|measure| base(index, measure));
        let scales = (0..series).map(|index| (divisor, base(index).unwrap_or_default()));
        let changes = take_columns(cursor, scales, moments);
        // The numbers of an unknown measure are meaningless, but their bytes must be passed over.
        match measure {
            Some(measure) => measures.push((measure, changes?)),
            None => drop(changes?),
        }
        if measure.is_some() && measure == last {
            break;
        }
    }
    Ok(measures)
}
