//! The totals of a trend as one short text: what is written with every run of a target must stay below the kilobyte that
//! DynamoDB bills at least.

use serde::{Deserialize, Serialize};

/// Stands for a day without a total.
const WITHOUT: &str = "-";

/// Stored totals of consecutive days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum StoredTotals {
    /// `8192*2622 0 - 15`: a unit, the first total in units, and the change of each day since the last total before it.
    Text(String),
    /// How they were written before: each plus one, and 0 for a day without.
    Numbers(Vec<u64>),
}

impl Default for StoredTotals {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

impl StoredTotals {
    pub(super) fn of(totals: &[Option<u64>]) -> Self {
        if totals.is_empty() {
            return Self::default();
        }
        let unit = totals.iter().flatten().copied().fold(0, gcd).max(1);
        let mut last = 0;
        let words = totals.iter().map(|total| match total {
            None => WITHOUT.to_owned(),
            Some(total) => {
                let before = std::mem::replace(&mut last, i128::from(total / unit));
                (last - before).to_string()
            }
        });
        let words: Vec<_> = words.collect();
        Self::Text(format!("{unit}*{}", words.join(" ")))
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::Numbers(numbers) => numbers.is_empty(),
        }
    }

    /// Returns the totals; `None` when they are damaged.
    pub(super) fn read(&self) -> Option<Vec<Option<u64>>> {
        match self {
            Self::Numbers(numbers) => {
                Some(numbers.iter().map(|number| number.checked_sub(1)).collect())
            }
            Self::Text(text) if text.is_empty() => Some(Vec::new()),
            Self::Text(text) => {
                let (unit, words) = text.split_once('*')?;
                let unit: u64 = unit.parse().ok()?;
                let mut last: i128 = 0;
                let mut total = |word: &str| {
                    if word == WITHOUT {
                        return Some(None);
                    }
                    last = last.checked_add(word.parse().ok()?)?;
                    let units = u64::try_from(last).ok()?;
                    units.checked_mul(unit).map(Some)
                };
                words.split(' ').map(&mut total).collect()
            }
        }
    }
}

fn gcd(one: u64, other: u64) -> u64 {
    let (mut one, mut other) = (one, other);
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::model::Random;

    fn text(text: &str) -> StoredTotals {
        StoredTotals::Text(text.to_owned())
    }

    #[test]
    fn totals_are_written_in_units_as_changes() {
        let totals = [Some(81_920), Some(81_920), None, Some(90_112), Some(0)];

        let stored = StoredTotals::of(&totals);

        assert_eq!(stored, text("8192*10 0 - 1 -11"));
        assert_eq!(stored.read().unwrap(), totals);
    }

    #[test]
    fn totals_of_earlier_releases_are_read() {
        let stored: StoredTotals = serde_json::from_str("[21481, 0, 1]").unwrap();

        assert_eq!(stored.read().unwrap(), [Some(21_480), None, Some(0)]);
    }

    #[test]
    fn damaged_totals_are_told() {
        for damaged in [
            "10 0",
            "8192*10  0",
            "x*1",
            "1*-1",
            "2*18446744073709551615",
            "1*1 y",
        ] {
            assert_eq!(text(damaged).read(), None, "{damaged}");
        }
    }

    #[test]
    fn any_totals_come_back() {
        let mut random = Random::new(1);
        for count in 0..200 {
            let unit = random.below(100_000) + 1;
            let total = |random: &mut Random| match random.below(6) {
                0 => None,
                1 => Some(u64::MAX),
                2 => Some(0),
                _ => Some(random.below(1 << 40) * unit),
            };
            let totals: Vec<_> = (0..count).map(|_| total(&mut random)).collect();
            let stored = serde_json::to_string(&StoredTotals::of(&totals)).unwrap();
            let read: StoredTotals = serde_json::from_str(&stored).unwrap();

            assert_eq!(read.read(), Some(totals));
        }
    }
}
