//! What a series holds at one moment, and the moment itself.

use std::fmt;

use chrono::{DateTime, Utc};

use super::basis::Basis;
use crate::snapshot::Completeness;

/// One value of a series at one moment: absent, unsized or a number. The three never mix.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Reading(u64);

impl Reading {
    /// The series does not exist at this moment.
    pub const ABSENT: Self = Self(0);
    /// The series exists at this moment, but its size is not known.
    pub const UNSIZED: Self = Self(1);
    /// Largest number that a reading holds.
    pub const MAX_VALUE: u64 = u64::MAX - Self::FIRST_VALUE;
    /// Code of the number 0.
    const FIRST_VALUE: u64 = 2;

    /// Returns the reading of a number. Beyond [`Reading::MAX_VALUE`] it is unsized: no storage is that large.
    pub fn of(value: u64) -> Self {
        value
            .checked_add(Self::FIRST_VALUE)
            .map_or(Self::UNSIZED, Self)
    }

    /// Returns the reading of `value`, and an absent one for `None`.
    pub fn or_absent(value: Option<u64>) -> Self {
        value.map_or(Self::ABSENT, Self::of)
    }

    /// Returns the reading of `value`, and an unsized one for `None`.
    pub fn or_unsized(value: Option<u64>) -> Self {
        value.map_or(Self::UNSIZED, Self::of)
    }

    /// Returns the number; `None` when the reading is absent or unsized.
    pub fn value(self) -> Option<u64> {
        self.0.checked_sub(Self::FIRST_VALUE)
    }

    /// Returns whether the series does not exist.
    pub fn is_absent(self) -> bool {
        self == Self::ABSENT
    }

    /// Returns whether the series exists without a known size.
    pub fn is_unsized(self) -> bool {
        self == Self::UNSIZED
    }

    /// Returns the code in a block whose numbers are divided by `divisor`, which divides every one of them.
    pub(super) fn code(self, divisor: u64) -> u64 {
        match self.value() {
            Some(value) => value / divisor + Self::FIRST_VALUE,
            None => self.0,
        }
    }

    /// Returns the reading of a code; `None` when the number does not fit.
    pub(super) fn from_code(code: u64, divisor: u64) -> Option<Self> {
        match code.checked_sub(Self::FIRST_VALUE) {
            Some(quotient) => {
                let value = quotient.checked_mul(divisor)?;
                value.checked_add(Self::FIRST_VALUE).map(Self)
            }
            None => Some(Self(code)),
        }
    }
}

impl fmt::Debug for Reading {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value() {
            Some(value) => write!(formatter, "{value}"),
            None if self.is_absent() => formatter.write_str("absent"),
            None => formatter.write_str("unsized"),
        }
    }
}

/// A run as history keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// Scheduled time of the run in whole seconds: its identity.
    pub scheduled_at: DateTime<Utc>,
    /// When measuring started, in whole milliseconds.
    pub taken_at: DateTime<Utc>,
    /// Whether everything was measured.
    pub completeness: Completeness,
    /// How the numbers came about.
    pub basis: Basis,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_unsized_and_zero_are_three_things() {
        let readings = [Reading::ABSENT, Reading::UNSIZED, Reading::of(0)];

        let values = readings.map(Reading::value);
        let codes = readings.map(|reading| reading.code(8192));

        assert_eq!(values, [None, None, Some(0)]);
        assert_eq!(codes, [0, 1, 2]);
        for reading in readings {
            assert_eq!(Reading::from_code(reading.code(8192), 8192), Some(reading));
        }
    }

    #[test]
    fn a_number_that_does_not_fit_is_unsized_and_never_another_number() {
        assert_eq!(
            Reading::of(Reading::MAX_VALUE).value(),
            Some(Reading::MAX_VALUE)
        );
        assert_eq!(Reading::of(u64::MAX), Reading::UNSIZED);
        assert_eq!(Reading::of(u64::MAX - 1), Reading::UNSIZED);
        assert_eq!(Reading::from_code(u64::MAX, 2), None);
    }
}
