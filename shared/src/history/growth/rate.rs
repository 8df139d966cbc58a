//! Bytes per day as a fixed-point number, and order statistics of such.

/// Parts of a byte per day that a rate keeps.
const SCALE: i128 = 1 << 10;

/// A rate of change, in 1/1024 of a byte per day.
///
/// Sizes are below 2^64 and the factors here below 2^32, so nothing reaches 2^127.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rate(i128);

impl Rate {
    /// No change.
    pub(super) const ZERO: Self = Self(0);

    /// Returns the rate of `bytes` in `days`, which are more than 0.
    pub(super) fn of(bytes: i128, days: i64) -> Self {
        Self(bytes * SCALE / i128::from(days))
    }

    /// Returns the bytes that it changes in `days`.
    pub(super) fn over(self, days: i64) -> i128 {
        self.0 * i128::from(days) / SCALE
    }

    /// Returns how far the two are apart.
    pub(super) fn distance(self, other: Self) -> Self {
        Self((self.0 - other.0).abs())
    }

    /// Returns the rate that is `distance` less, and the one that is `distance` more.
    pub(super) fn around(self, distance: Self) -> [Self; 2] {
        [Self(self.0 - distance.0), Self(self.0 + distance.0)]
    }

    /// Returns it `times` over.
    pub(super) fn times(self, times: i128) -> Self {
        Self(self.0 * times)
    }

    /// Returns `percent` of its amount.
    pub(super) fn percent(self, percent: i128) -> Self {
        Self(self.0.abs() * percent / 100)
    }

    /// Returns whole bytes per day, halves away from zero; `None` when they do not fit.
    pub(super) fn bytes_per_day(self) -> Option<i64> {
        let half = SCALE / 2 * self.0.signum();
        i64::try_from((self.0 + half) / SCALE).ok()
    }
}

/// One or more rates in ascending order.
#[derive(Debug, Clone)]
pub(super) struct Rates(Vec<Rate>);

impl Rates {
    /// Returns `None` without any rate.
    pub(super) fn of(rates: impl IntoIterator<Item = Rate>) -> Option<Self> {
        let mut rates: Vec<_> = rates.into_iter().collect();
        rates.sort_unstable();
        (!rates.is_empty()).then_some(Self(rates))
    }

    /// Returns the middle one, or the mean of the two in the middle.
    pub(super) fn median(&self) -> Rate {
        let middle = self.0.len() / 2;
        let upper = self.at(middle);
        if self.0.len() % 2 == 1 {
            upper
        } else {
            Rate(i128::midpoint(self.at(middle - 1).0, upper.0))
        }
    }

    /// Returns the distances from the median.
    pub(super) fn distances(&self) -> Self {
        let median = self.median();
        let mut distances: Vec<_> = self.0.iter().map(|rate| rate.distance(median)).collect();
        distances.sort_unstable();
        Self(distances)
    }

    /// Returns the median of the distances from the median (MAD).
    pub(super) fn spread(&self) -> Rate {
        self.distances().median()
    }

    /// Returns the greatest but `skipped` ones; zero when that leaves none.
    pub(super) fn greatest_but(&self, skipped: usize) -> Rate {
        let rest = self.0.iter().rev().nth(skipped);
        rest.copied().unwrap_or(Rate::ZERO)
    }

    /// Returns the rates that a quarter of all are below and above.
    pub(super) fn quartiles(&self) -> (Rate, Rate) {
        let quarter = self.0.len() / 4;
        (self.at(quarter), self.greatest_but(quarter))
    }

    fn at(&self, index: usize) -> Rate {
        self.0.get(index).copied().unwrap_or(Rate::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(bytes: &[i128]) -> Rates {
        Rates::of(bytes.iter().map(|bytes| Rate::of(*bytes, 1))).unwrap()
    }

    #[test]
    fn the_median_of_an_even_number_is_the_mean_of_the_middle_two() {
        assert_eq!(rates(&[9, 1, 5]).median(), Rate::of(5, 1));
        assert_eq!(rates(&[9, 1, 5, 2]).median(), Rate::of(7, 2));
        assert_eq!(rates(&[4]).median(), Rate::of(4, 1));
    }

    #[test]
    fn the_spread_ignores_outliers_and_the_greatest_can_be_skipped() {
        let rates = rates(&[10, 11, 9, 10, 500]);

        assert_eq!(rates.spread(), Rate::of(1, 1));
        assert_eq!(rates.distances().greatest_but(0), Rate::of(490, 1));
        assert_eq!(rates.distances().greatest_but(1), Rate::of(1, 1));
        assert_eq!(rates.distances().greatest_but(5), Rate::ZERO);
        assert_eq!(rates.quartiles(), (Rate::of(10, 1), Rate::of(11, 1)));
    }

    #[test]
    fn halves_are_rounded_away_from_zero_and_what_does_not_fit_is_none() {
        assert_eq!(Rate::of(3, 2).bytes_per_day(), Some(2));
        assert_eq!(Rate::of(-3, 2).bytes_per_day(), Some(-2));
        assert_eq!(Rate::of(-4, 3).bytes_per_day(), Some(-1));
        assert_eq!(Rate::of(i128::from(u64::MAX), 1).bytes_per_day(), None);
    }
}
