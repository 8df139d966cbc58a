//! Calendar months of UTC. No I/O.

use std::fmt;

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, Utc};

/// A calendar month of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    first: NaiveDate,
}

impl Month {
    /// Returns the month that `time` is in.
    pub fn of(time: DateTime<Utc>) -> Self {
        let date = time.date_naive();
        Self {
            first: date.with_day(1).unwrap_or(date),
        }
    }

    /// Returns the month that is written as `2026-11`.
    pub fn parse(text: &str) -> Option<Self> {
        let first = NaiveDate::parse_from_str(&format!("{text}-01"), "%Y-%m-%d").ok()?;
        Some(Self { first }).filter(|month| month.to_string() == text)
    }

    /// Returns its day with this number, from 1.
    pub fn day(self, number: u8) -> Option<NaiveDate> {
        self.first.with_day(u32::from(number))
    }

    /// Returns the number of its days.
    pub fn day_count(self) -> u8 {
        let last = self.plus(1).first.checked_sub_days(Days::new(1));
        last.and_then(|day| u8::try_from(day.day()).ok())
            .unwrap_or(31)
    }

    /// Returns the month `count` months later, or the last one that there is.
    #[must_use]
    pub fn plus(self, count: u32) -> Self {
        let first = self.first.checked_add_months(Months::new(count));
        Self {
            first: first.unwrap_or(self.first),
        }
    }

    /// Returns the month `count` months before, or the first one that there is.
    #[must_use]
    pub fn minus(self, count: u32) -> Self {
        let first = self.first.checked_sub_months(Months::new(count));
        Self {
            first: first.unwrap_or(self.first),
        }
    }

    /// Returns its first instant.
    pub fn start(self) -> DateTime<Utc> {
        self.first.and_time(NaiveTime::MIN).and_utc()
    }

    /// Returns the first instant after it.
    pub fn end(self) -> DateTime<Utc> {
        self.plus(1).start()
    }
}

impl fmt::Display for Month {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.first.format("%Y-%m"))
    }
}

/// Returns the number of the day of `time` in its month.
pub(super) fn day_of(time: DateTime<Utc>) -> u8 {
    u8::try_from(time.day()).unwrap_or(31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::time::at;

    #[test]
    fn a_month_is_written_in_seven_characters_and_knows_its_days() {
        let month = Month::of(at("2028-02-29T23:59:59Z"));

        assert_eq!(month.to_string(), "2028-02");
        assert_eq!(Month::parse("2028-02"), Some(month));
        assert_eq!(month.day_count(), 29);
        assert_eq!(month.day(30), None);
        assert_eq!(
            (month.start(), month.end()),
            (at("2028-02-01T00:00:00Z"), at("2028-03-01T00:00:00Z"))
        );
        assert_eq!(month.minus(2).plus(12).to_string(), "2028-12");
        for wrong in ["2028-2", "2028-13", "2028", "2028-02-01", ""] {
            assert_eq!(Month::parse(wrong), None, "{wrong}");
        }
    }
}
