//! When a limit of users will be reached, by the months that are over. Pure.

use shared::user_months::Month;

/// Months at least, by which a trend is told at all.
const LEAST_MONTHS: usize = 2;
/// Months over, at least, by which a trend is believed; with fewer it is tentative.
const FIRM_MONTHS: usize = 3;
/// Months over, at most, that a trend is made of.
const MOST_MONTHS: usize = 12;
/// Months ahead beyond which nothing is said.
const HORIZON_MONTHS: u32 = 120;

/// What is expected of a limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Forecast {
    /// It is reached already.
    Reached,
    /// It is reached in this month if the number goes on growing by so much a month.
    In {
        month: Month,
        per_month: f64,
        is_tentative: bool,
    },
    /// It is not reached within ten years at this rate.
    Far { per_month: f64, is_tentative: bool },
    /// The number does not grow.
    NotGrowing { per_month: f64, is_tentative: bool },
    /// Fewer than two months in a row are completely known.
    TooFewMonths,
}

impl Forecast {
    /// Returns the growth a month, to one decimal place; `None` if it is not known or does not matter.
    pub(super) fn per_month(&self) -> Option<f64> {
        match self {
            Self::In { per_month, .. }
            | Self::Far { per_month, .. }
            | Self::NotGrowing { per_month, .. } => Some((per_month * 10.0).round() / 10.0),
            Self::Reached | Self::TooFewMonths => None,
        }
    }

    /// Whether fewer than three months are over, so that one odd month decides.
    pub(super) fn is_tentative(&self) -> bool {
        match self {
            Self::In { is_tentative, .. }
            | Self::Far { is_tentative, .. }
            | Self::NotGrowing { is_tentative, .. } => *is_tentative,
            Self::Reached | Self::TooFewMonths => false,
        }
    }

    /// Returns the word for why no month is named.
    pub(super) fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Reached => Some("reached"),
            Self::In { .. } => None,
            Self::Far { .. } => Some("not_within_ten_years"),
            Self::NotGrowing { .. } => Some("not_growing"),
            Self::TooFewMonths => Some("too_few_months"),
        }
    }
}

/// Returns when `limit` is reached.
///
/// `used` is the number of the newest month. `over` are months that are over, oldest first, with their number and
/// whether it is too low; the trend is the median of the slopes between any two of the last months in a row that are
/// not, so that one odd month does not bend it.
///
/// With fewer than three months over, the running month counts too if it has more users already than the one before:
/// its number only rises, so the growth is at least that. Whether it will have fewer is not known before its end.
pub(super) fn forecast(
    limit: u64,
    used: u64,
    over: &[(Month, u64, bool)],
    running: Month,
) -> Forecast {
    if used >= limit {
        return Forecast::Reached;
    }
    let mut known: Vec<(Month, f64)> = Vec::new();
    for (month, number, is_at_least) in over.iter().rev().take(MOST_MONTHS) {
        let is_next = known
            .last()
            .is_none_or(|(later, _)| month.plus(1) == *later);
        if *is_at_least || !is_next {
            break;
        }
        known.push((*month, as_float(*number)));
    }
    let is_tentative = known.len() < FIRM_MONTHS;
    let last = known.first().copied();
    if let Some((_, number)) = last.filter(|(month, _)| is_tentative && month.plus(1) == running)
        && as_float(used) > number
    {
        known.insert(0, (running, as_float(used)));
    }
    if known.len() < LEAST_MONTHS {
        return Forecast::TooFewMonths;
    }
    let mut slopes = Vec::new();
    for (age, (_, later)) in known.iter().enumerate() {
        for (months, (_, earlier)) in known.iter().skip(age + 1).enumerate() {
            slopes.push((later - earlier) / as_float(months as u64 + 1));
        }
    }
    slopes.sort_by(f64::total_cmp);
    let middle = slopes.len() / 2;
    let per_month = match slopes.len() % 2 {
        0 => f64::midpoint(slopes[middle - 1], slopes[middle]),
        _ => slopes[middle],
    };
    if per_month <= 0.0 {
        return Forecast::NotGrowing {
            per_month,
            is_tentative,
        };
    }
    let (newest, number) = known[0];
    for ahead in 1..=HORIZON_MONTHS {
        let month = newest.plus(ahead);
        if number + per_month * f64::from(ahead) >= as_float(limit) {
            // The running month has not reached it yet: this month at the earliest.
            let month = month.max(running);
            return Forecast::In {
                month,
                per_month,
                is_tentative,
            };
        }
    }
    Forecast::Far {
        per_month,
        is_tentative,
    }
}

/// Numbers of users are far below 2^52, where a float is exact.
fn as_float(number: u64) -> f64 {
    let number = u32::try_from(number).unwrap_or(u32::MAX);
    f64::from(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn month(text: &str) -> Month {
        Month::parse(text).unwrap()
    }

    fn months(numbers: &[u64]) -> Vec<(Month, u64, bool)> {
        let first = month("2026-01");
        let numbers = numbers.iter().enumerate();
        numbers
            .map(|(at, number)| (first.plus(u32::try_from(at).unwrap()), *number, false))
            .collect()
    }

    fn of(limit: u64, used: u64, over: &[(Month, u64, bool)]) -> Forecast {
        forecast(
            limit,
            used,
            over,
            over.last()
                .map_or(month("2026-01"), |(last, _, _)| last.plus(1)),
        )
    }

    #[test]
    fn a_limit_is_reached_in_the_month_in_which_the_line_meets_it() {
        let growing = months(&[100, 110, 120, 130]);

        // April has 130: 140 in May, 200 in November.
        let reached = |limit| match of(limit, 131, &growing) {
            Forecast::In {
                month,
                per_month,
                is_tentative: false,
            } => (month.to_string(), per_month),
            other => panic!("{other:?}"),
        };
        assert_eq!(reached(200), ("2026-11".to_owned(), 10.0));
        assert_eq!(reached(201), ("2026-12".to_owned(), 10.0));
        assert_eq!(reached(132), ("2026-05".to_owned(), 10.0));
        assert_eq!(of(131, 131, &growing), Forecast::Reached);
        assert_eq!(
            of(1_000_000, 131, &growing),
            Forecast::Far {
                per_month: 10.0,
                is_tentative: false
            }
        );
    }

    #[test]
    fn one_odd_month_does_not_bend_the_line() {
        let odd = months(&[100, 110, 400, 130, 140]);

        let Forecast::In { per_month, .. } = of(500, 140, &odd) else {
            panic!();
        };
        assert!((per_month - 10.0).abs() < 1.0, "{per_month}");
    }

    #[test]
    fn two_months_and_a_running_one_that_grows_give_a_tentative_month() {
        let tentative = |used, over: &[u64]| match of(200, used, &months(over)) {
            Forecast::In {
                month,
                per_month,
                is_tentative: true,
            } => (month.to_string(), per_month),
            other => panic!("{other:?}"),
        };

        // January and February are over: 100 and 110.
        assert_eq!(tentative(40, &[100, 110]), ("2026-11".to_owned(), 10.0));
        // March has 130 already: 20 more than February, and 15 a month since January.
        assert_eq!(tentative(130, &[100, 110]), ("2026-08".to_owned(), 15.0));
        // Only January is over, and February has 120 already.
        assert_eq!(tentative(120, &[100]), ("2026-06".to_owned(), 20.0));
    }

    #[test]
    fn nothing_is_said_of_one_month_or_months_that_are_not_known() {
        assert_eq!(of(200, 90, &months(&[100])), Forecast::TooFewMonths);
        assert_eq!(of(200, 110, &[]), Forecast::TooFewMonths);
        let mut partial = months(&[100, 110, 120, 130]);
        partial[2].2 = true;
        assert_eq!(of(200, 110, &partial), Forecast::TooFewMonths);
        let mut gap = months(&[100, 110, 120, 130]);
        gap.remove(2);
        // What is left is April alone, and the months before the gap.
        assert_eq!(of(200, 110, &gap), Forecast::TooFewMonths);
    }

    #[test]
    fn a_number_that_does_not_grow_never_reaches_it() {
        for numbers in [[100, 100, 100], [130, 120, 110]] {
            let forecast = of(200, 100, &months(&numbers));
            assert_eq!(forecast.reason(), Some("not_growing"), "{numbers:?}");
        }
    }
}
