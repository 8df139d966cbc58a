//! What explains the change of a size between two measurements. No I/O, no clock.
//!
//! The parts' changes and `other_bytes` add up to the change of the total, to the byte. What was not sized at one of the
//! two times is named, and its unknown change stays in the part that no other part has.

mod pairs;
mod parts;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::frame::Point;
use pairs::Pair;
use parts::Part;
pub use parts::{PartKind, PartName};

/// How to explain a database's change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grouping {
    /// By table.
    Table,
    /// By Mendix module.
    Module,
}

impl Grouping {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Table, Self::Module];

    /// Returns the word for it in requests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Module => "module",
        }
    }
}

/// What explains the change of a size between two measurements.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Changes {
    /// When the first measurement started, RFC 3339 UTC.
    pub from_taken_at: DateTime<Utc>,
    /// When the second measurement started, RFC 3339 UTC.
    pub to_taken_at: DateTime<Utc>,
    /// Bytes in total at the first time: of the whole database; of storage the parts that were measured both times.
    pub from_bytes: u64,
    /// Bytes in total at the second time, likewise.
    pub to_bytes: u64,
    /// `to_bytes` minus `from_bytes`: the sum of `change_bytes` of all `parts` and of `other_bytes`.
    pub change_bytes: i64,
    /// Parts that changed, the largest change first, equals by name. At most as many tables, modules or classes as were
    /// asked for; `system` and `unattributed` are always shown when they changed.
    pub parts: Vec<PartChange>,
    /// Sum of the changes of the parts that are not shown, in bytes.
    pub other_bytes: i64,
    /// Number of changed parts that are not shown.
    pub other_count: u64,
    /// Parts that exist at one of the two times without a known size, by name. They are not in `parts`: of a database
    /// their bytes are in `unattributed` both times, of storage they are in no total.
    #[serde(rename = "unsized")]
    pub unsized_parts: Vec<UnsizedPart>,
    /// What changed in how the sizes are measured, such as `method`; the two totals are then not comparable.
    pub breaks: Vec<String>,
}

/// A part that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PartChange {
    /// Name to show: the table's, the module's or the storage class's own name, or the word of `part`.
    pub name: String,
    /// Which part it is.
    #[serde(flatten)]
    pub identity: PartName,
    /// What happened to it.
    pub change: Change,
    /// Its name at the first time; null unless it was renamed.
    pub renamed_from: Option<PartName>,
    /// Whether it is only probably the same table under a new name: no number of the table is known, but the module and
    /// the size are equal. False for all other changes.
    pub is_probable: bool,
    /// Bytes at the first time; null for a new part, and for `unattributed` when the parts are more than the total.
    pub from_bytes: Option<u64>,
    /// Bytes at the second time; null for a part that is gone, and for `unattributed` as above.
    pub to_bytes: Option<u64>,
    /// Bytes that it adds to the change of the total; negative when it shrank or is gone.
    pub change_bytes: i64,
}

/// What happened to a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is larger.
    Grown,
    /// It is smaller.
    Shrunk,
    /// It did not exist at the first time. A table that was dropped and created again under its name is one that is
    /// gone and one that is new.
    New,
    /// It does not exist at the second time.
    Gone,
    /// The same table has another name; its size may have changed too.
    Renamed,
}

impl Change {
    /// Returns the word for it in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Grown => "grown",
            Self::Shrunk => "shrunk",
            Self::New => "new",
            Self::Gone => "gone",
            Self::Renamed => "renamed",
        }
    }
}

/// A part without a known size at one of the two times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UnsizedPart {
    /// Name to show: the table's, the module's or the storage class's own name, or the word of `part`.
    pub name: String,
    /// Which part it is.
    #[serde(flatten)]
    pub identity: PartName,
    /// Bytes at the first time; null when it did not exist or its size was not known.
    pub from_bytes: Option<u64>,
    /// Bytes at the second time; null when it does not exist or its size is not known.
    pub to_bytes: Option<u64>,
}

/// Why two measurements cannot be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChangesError {
    /// There is no total at one of the times, or nothing was measured at both.
    #[error("nothing was measured at both times that can be compared")]
    NothingInCommon,
    /// A change does not fit 64 bits.
    #[error("a change of the size does not fit 64 bits")]
    OutOfRange,
}

impl Changes {
    /// Returns what explains the change of a database: `top` tables or modules, the system schemas, and what no table
    /// has.
    ///
    /// Partitions are left out: their bytes are their table's. A table is the same at both times when it has the same
    /// number, else when it has the same name and not two different numbers. Where numbers are not known, a table of at
    /// least 1 MiB that is gone and one that is new are probably the same when they have the same module and the same
    /// size, and no others do.
    ///
    /// # Errors
    ///
    /// See [`ChangesError`].
    pub fn of_database(
        from: &Point,
        to: &Point,
        grouping: Grouping,
        top: usize,
    ) -> Result<Self, ChangesError> {
        let totals = parts::database_total(from).zip(parts::database_total(to));
        let (from_total, to_total) = totals.ok_or(ChangesError::NothingInCommon)?;
        let (sized, unsized_pairs) = pairs::split(parts::of_database(from, to));
        let rest = (
            i128::from(from_total) - pairs::total(&sized, |pair| pair.from.as_ref()),
            i128::from(to_total) - pairs::total(&sized, |pair| pair.to.as_ref()),
        );
        let grouped = match grouping {
            Grouping::Table => sized,
            Grouping::Module => pairs::by_module(sized)?,
        };
        let mut changes: Vec<_> = grouped
            .into_iter()
            .map(PartChange::of)
            .collect::<Result<_, _>>()?;
        changes.push(PartChange::unattributed(rest)?);
        Self::new(
            [from, to],
            [from_total, to_total],
            changes,
            top,
            unsized_pairs,
        )
    }

    /// Returns what explains the change of a bucket or of other storage: `top` of its measured parts by storage class.
    ///
    /// The totals are sums of the parts that were measured at both times, whatever is called the size of the target.
    ///
    /// # Errors
    ///
    /// See [`ChangesError`].
    pub fn of_storage(from: &Point, to: &Point, top: usize) -> Result<Self, ChangesError> {
        let (sized, unsized_pairs) = pairs::split(parts::of_storage(from, to));
        if sized.is_empty() {
            return Err(ChangesError::NothingInCommon);
        }
        let total = |side: fn(&Pair) -> Option<&Part>| {
            u64::try_from(pairs::total(&sized, side)).map_err(|_| ChangesError::OutOfRange)
        };
        let from_total = total(|pair| pair.from.as_ref())?;
        let to_total = total(|pair| pair.to.as_ref())?;
        let changes = sized.into_iter().map(PartChange::of);
        let changes = changes.collect::<Result<Vec<_>, _>>()?;
        Self::new(
            [from, to],
            [from_total, to_total],
            changes,
            top,
            unsized_pairs,
        )
    }

    /// Returns the changes between two points, with the totals that the parts of each add up to.
    fn new(
        [from, to]: [&Point; 2],
        [from_bytes, to_bytes]: [u64; 2],
        changes: Vec<Option<PartChange>>,
        top: usize,
        unsized_pairs: Vec<Pair>,
    ) -> Result<Self, ChangesError> {
        let mut changes: Vec<_> = changes.into_iter().flatten().collect();
        changes.sort_by(|one, two| {
            let size = |change: &PartChange| change.change_bytes.unsigned_abs();
            let by_size = size(two).cmp(&size(one));
            by_size.then_with(|| one.identity.cmp(&two.identity))
        });
        let (mut parts, mut other_bytes, mut other_count) = (Vec::new(), 0_i128, 0);
        let mut left = top;
        for change in changes {
            let is_always_shown = change.identity.part.is_always_shown();
            if is_always_shown || left > 0 {
                left -= usize::from(!is_always_shown);
                parts.push(change);
            } else {
                other_bytes += i128::from(change.change_bytes);
                other_count += 1;
            }
        }
        let mut unsized_parts: Vec<_> = unsized_pairs.into_iter().map(UnsizedPart::of).collect();
        unsized_parts.sort_by(|one, two| one.identity.cmp(&two.identity));
        let breaks = from.moment.basis.changed_keys(&to.moment.basis);
        Ok(Self {
            from_taken_at: from.moment.taken_at,
            to_taken_at: to.moment.taken_at,
            from_bytes,
            to_bytes,
            change_bytes: narrow(i128::from(to_bytes) - i128::from(from_bytes))?,
            parts,
            other_bytes: narrow(other_bytes)?,
            other_count,
            unsized_parts,
            breaks: breaks.into_iter().map(str::to_owned).collect(),
        })
    }
}

impl PartChange {
    /// Returns the change of a pair whose sizes are known; `None` when it did not change.
    fn of(pair: Pair) -> Result<Option<Self>, ChangesError> {
        let bytes = |part: Option<&Part>| part.and_then(|part| part.bytes);
        let (from_bytes, to_bytes) = (bytes(pair.from.as_ref()), bytes(pair.to.as_ref()));
        let known = |bytes: Option<u64>| i128::from(bytes.unwrap_or(0));
        let change_bytes = narrow(known(to_bytes) - known(from_bytes))?;
        let (identity, change, renamed_from) = match (pair.from, pair.to) {
            (Some(from), Some(to)) if from.name.is_renamed_to(&to.name) => {
                (to.name, Change::Renamed, Some(from.name))
            }
            (Some(_), Some(to)) if change_bytes > 0 => (to.name, Change::Grown, None),
            (Some(_), Some(to)) if change_bytes < 0 => (to.name, Change::Shrunk, None),
            (None, Some(to)) => (to.name, Change::New, None),
            (Some(from), None) => (from.name, Change::Gone, None),
            (Some(_), Some(_)) | (None, None) => return Ok(None),
        };
        Ok(Some(Self {
            name: identity.to_string(),
            identity,
            change,
            renamed_from,
            is_probable: pair.is_probable,
            from_bytes,
            to_bytes,
            change_bytes,
        }))
    }

    /// Returns the change of what no part has; `None` when it did not change.
    fn unattributed((from, to): (i128, i128)) -> Result<Option<Self>, ChangesError> {
        let change_bytes = narrow(to - from)?;
        let identity = PartName::of_kind(PartKind::Unattributed);
        let change = match change_bytes {
            0 => return Ok(None),
            1.. => Change::Grown,
            _ => Change::Shrunk,
        };
        Ok(Some(Self {
            name: identity.to_string(),
            identity,
            change,
            renamed_from: None,
            is_probable: false,
            from_bytes: u64::try_from(from).ok(),
            to_bytes: u64::try_from(to).ok(),
            change_bytes,
        }))
    }
}

impl UnsizedPart {
    fn of(pair: Pair) -> Self {
        let bytes = |part: Option<&Part>| part.and_then(|part| part.bytes);
        let (from_bytes, to_bytes) = (bytes(pair.from.as_ref()), bytes(pair.to.as_ref()));
        let part = pair.to.or(pair.from);
        let unattributed = || PartName::of_kind(PartKind::Unattributed);
        let identity = part.map_or_else(unattributed, |part| part.name);
        Self {
            name: identity.to_string(),
            identity,
            from_bytes,
            to_bytes,
        }
    }
}

fn narrow(bytes: i128) -> Result<i64, ChangesError> {
    i64::try_from(bytes).map_err(|_| ChangesError::OutOfRange)
}

#[cfg(test)]
mod tests;
