//! Sums of series, and the largest series with a sum of all others.

use crate::history::frame::Column;
use crate::history::reading::Reading;

/// The largest series, and the sum of the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Top {
    /// Positions of the largest series, largest first.
    pub shown: Vec<usize>,
    /// Sum of the others that have a size anywhere; `None` when there are no such others.
    pub other: Option<Column>,
    /// Number of series in `other`.
    pub other_count: usize,
    /// Positions of the others that have no size at any moment: they are in no sum and must be named.
    pub never_sized: Vec<usize>,
}

/// Returns the `count` largest of `series` at the last moment that any of them has a size at, equals by name.
///
/// Each of `series` is a name and its readings. Those without a size at that moment come last: what is gone is not
/// large. The shown series and `other` add up to all that have a size, at each moment where all of these are known.
pub fn top<N: Ord>(series: &[(N, &[Reading])], count: usize) -> Top {
    let last_sized = |readings: &&[Reading]| {
        let mut sized = readings.iter().enumerate().rev();
        sized.find_map(|(index, reading)| reading.value().map(|_| index))
    };
    let last = series
        .iter()
        .filter_map(|(_, readings)| last_sized(readings))
        .max();
    let size = |index: &usize| {
        let (_, readings) = series.get(*index)?;
        readings.get(last?)?.value()
    };
    let mut positions: Vec<usize> = (0..series.len()).collect();
    positions.sort_by(|one, two| {
        let name = |index: &usize| series.get(*index).map(|(name, _)| name);
        size(two)
            .cmp(&size(one))
            .then_with(|| name(one).cmp(&name(two)))
    });
    let rest = positions.split_off(count.min(positions.len()));
    let readings = |index: &usize| series.get(*index).map(|(_, readings)| *readings);
    let is_sized = |index: &usize| readings(index).is_some_and(|all| last_sized(&all).is_some());
    let (sized, never_sized): (Vec<_>, Vec<_>) = rest.into_iter().partition(is_sized);
    let columns: Vec<_> = sized.iter().filter_map(readings).collect();
    Top {
        shown: positions,
        other_count: columns.len(),
        other: (!columns.is_empty()).then(|| sum(&columns)),
        never_sized,
    }
}

/// Returns the sum of series at each moment.
///
/// A series that is absent at a moment adds nothing then, and the sum is absent where all are. One that is unsized then
/// but has a size at another moment makes the sum unsized: the sum without it would be a dip that never was. One that
/// has no size at any moment is left out of all sums.
pub fn sum(series: &[&[Reading]]) -> Column {
    let has_size =
        |readings: &&&[Reading]| readings.iter().any(|reading| reading.value().is_some());
    let sized: Vec<_> = series.iter().filter(has_size).collect();
    let length = series.iter().map(|readings| readings.len()).max();
    let mut sums = vec![Sum::Absent; length.unwrap_or(0)];
    // One series after the other: their readings lie next to each other in memory.
    for readings in sized {
        for (sum, reading) in sums.iter_mut().zip(*readings) {
            *sum = sum.plus(*reading);
        }
    }
    let reading = |sum| match sum {
        Sum::Absent => Reading::ABSENT,
        Sum::Known(bytes) => Reading::of(bytes),
        Sum::Unknown => Reading::UNSIZED,
    };
    sums.into_iter().map(reading).collect()
}

/// Sum of the readings so far at one moment.
#[derive(Clone, Copy)]
enum Sum {
    /// All were absent.
    Absent,
    /// All that were there had a size.
    Known(u64),
    /// One was unsized, or the sum does not fit.
    Unknown,
}

impl Sum {
    fn plus(self, reading: Reading) -> Self {
        match (self, reading.value()) {
            (Self::Absent, Some(bytes)) => Self::Known(bytes),
            (Self::Known(sum), Some(bytes)) => {
                sum.checked_add(bytes).map_or(Self::Unknown, Self::Known)
            }
            (Self::Unknown, _) => Self::Unknown,
            (_, None) if reading.is_unsized() => Self::Unknown,
            (sum, None) => sum,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns readings: `-` is absent, `?` is unsized.
    fn readings(text: &str) -> Column {
        let reading = |word: &str| match word {
            "-" => Reading::ABSENT,
            "?" => Reading::UNSIZED,
            number => Reading::of(number.parse().unwrap()),
        };
        text.split(' ').map(reading).collect()
    }

    fn total(series: &[&str]) -> Column {
        let columns: Vec<_> = series.iter().map(|text| readings(text)).collect();
        let columns: Vec<_> = columns.iter().map(Vec::as_slice).collect();
        sum(&columns)
    }

    fn top_of(series: &[(&str, &str)], count: usize) -> Top {
        let columns: Vec<_> = series
            .iter()
            .map(|(name, text)| (*name, readings(text)))
            .collect();
        let series: Vec<_> = columns
            .iter()
            .map(|(name, column)| (*name, column.as_slice()))
            .collect();
        top(&series, count)
    }

    #[test]
    fn absent_adds_nothing_and_is_not_zero() {
        assert_eq!(total(&["1 2 - -", "4 - - 0"]), readings("5 2 - 0"));
    }

    #[test]
    fn a_size_that_is_missing_for_a_while_makes_no_dip() {
        assert_eq!(total(&["1 1 1", "100 ? 100"]), readings("101 ? 101"));
    }

    #[test]
    fn what_never_has_a_size_does_not_hide_the_sum_of_the_others() {
        assert_eq!(total(&["1 1 1", "? ? -"]), readings("1 1 1"));
    }

    #[test]
    fn a_sum_that_does_not_fit_is_not_known() {
        let large = Reading::MAX_VALUE.to_string();

        assert_eq!(total(&[&large, "1"]), readings("?"));
    }

    #[test]
    fn the_largest_at_the_end_are_shown_and_the_others_summed() {
        let top = top_of(
            &[
                ("gone", "900 -"),
                ("b", "1 5"),
                ("a", "9 5"),
                ("c", "1 7"),
                ("locked", "? ?"),
            ],
            2,
        );

        assert_eq!(top.shown, [3, 2]);
        assert_eq!((top.other, top.other_count), (Some(readings("901 5")), 2));
        assert_eq!(top.never_sized, [4]);
    }

    #[test]
    fn moments_that_lost_all_sizes_do_not_decide_what_is_largest() {
        let top = top_of(&[("a", "1 -"), ("b", "2 ?")], 1);

        assert_eq!(top.shown, [1]);
        assert_eq!(top.other, Some(readings("1 -")));
    }

    #[test]
    fn without_others_there_is_no_sum_of_others() {
        let top = top_of(&[("a", "1"), ("b", "2")], 5);

        assert_eq!(top.shown, [1, 0]);
        assert_eq!((top.other, top.other_count), (None, 0));
    }
}
