//! What a series holds at one moment, and the moment itself.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};

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

/// How numbers came about: `key=value` words, such as `method=listing definition=current_objects`.
///
/// Numbers of different bases are not comparable: a change breaks every series of the target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Basis(Arc<str>);

impl Basis {
    /// Returns the basis with these keys and values, which hold no space and no `=`.
    pub fn new(words: &[(&str, &str)]) -> Self {
        let words: Vec<_> = words
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        Self(words.join(" ").into())
    }

    /// Returns the basis that a block holds.
    pub(super) fn from_text(text: &str) -> Self {
        Self(text.into())
    }

    /// Returns it as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the keys whose values differ in `later`, in order; empty when the two are the same.
    pub fn changed_keys<'a>(&'a self, later: &'a Self) -> Vec<&'a str> {
        let words = |basis: &'a Self| basis.0.split(' ').filter_map(|word| word.split_once('='));
        let differs = |one: &'a Self, other: &'a Self| {
            words(one)
                .filter(move |word| !words(other).any(|each| each == *word))
                .map(|(key, _)| key)
        };
        let mut keys: Vec<_> = differs(self, later).chain(differs(later, self)).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }
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

    #[test]
    fn a_changed_basis_names_what_changed() {
        let listing = Basis::new(&[("method", "listing"), ("measure", "current")]);
        let versions = Basis::new(&[("method", "listing"), ("measure", "current,noncurrent")]);
        let engine = Basis::new(&[("engine", "mysql")]);

        assert_eq!(listing.changed_keys(&listing), [""; 0]);
        assert_eq!(listing.changed_keys(&versions), ["measure"]);
        assert_eq!(
            listing.changed_keys(&engine),
            ["engine", "measure", "method"]
        );
    }
}
