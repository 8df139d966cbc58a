//! Closing points of a series from its readings.

use chrono::NaiveDate;

use super::Closing;
use crate::history::reading::{Moment, Reading};
use crate::history::resample;

/// Closing points and breaks of one series.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Closings {
    /// Size at the last run of each UTC day, ascending. A day is left out where the series is absent or unsized then.
    pub points: Vec<Closing>,
    /// Days from which on the sizes are not comparable with those before.
    pub breaks: Vec<NaiveDate>,
}

impl Closings {
    /// Returns the closing points of the days before `open_from`, the first day that is not over.
    ///
    /// `moments` ascend by scheduled time and `readings` has one reading for each. `breaks` are positions from which on
    /// the readings are those of another series under the same name.
    pub fn of(
        moments: &[Moment],
        readings: &[Reading],
        breaks: &[usize],
        open_from: NaiveDate,
    ) -> Self {
        let day = |moment: &Moment| moment.scheduled_at.date_naive();
        let mut points: Vec<(NaiveDate, Reading)> = Vec::new();
        for (moment, reading) in moments.iter().zip(readings) {
            points.pop_if(|(last, _)| *last == day(moment));
            points.push((day(moment), *reading));
        }
        let of_all = resample::breaks(moments)
            .into_iter()
            .map(|(index, _)| index);
        let positions = of_all.chain(breaks.iter().copied());
        let mut breaks: Vec<_> = positions
            .filter_map(|position| moments.get(position).map(day))
            .collect();
        breaks.sort_unstable();
        breaks.dedup();
        let closed = points.into_iter().filter(|(day, _)| *day < open_from);
        Self {
            points: closed
                .filter_map(|(day, reading)| {
                    let bytes = reading.value()?;
                    Some(Closing { day, bytes })
                })
                .collect(),
            breaks,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Basis;
    use crate::snapshot::Completeness;

    fn moment(time: &str, method: &str) -> Moment {
        let time = time.parse().unwrap();
        Moment {
            scheduled_at: time,
            taken_at: time,
            completeness: Completeness::Complete,
            basis: Basis::new(&[("method", method)]),
        }
    }

    #[test]
    fn a_day_closes_with_its_last_run_and_one_without_a_size_then_is_left_out() {
        let moments = [
            moment("2028-02-28T23:00:00Z", "listing"),
            moment("2028-02-29T00:00:00Z", "listing"),
            moment("2028-02-29T23:59:59Z", "listing"),
            moment("2028-03-01T07:00:00Z", "listing"),
            moment("2028-03-01T08:00:00Z", "listing"),
            moment("2028-03-02T08:00:00Z", "service"),
            moment("2028-03-03T08:00:00Z", "service"),
        ];
        let readings = [Some(1), Some(2), Some(3), Some(4), None, Some(6), Some(7)];
        let readings = readings.map(Reading::or_unsized);
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();

        let closings = Closings::of(&moments, &readings, &[3], day("2028-03-03"));

        let points: Vec<_> = closings
            .points
            .iter()
            .map(|closing| (closing.day.to_string(), closing.bytes))
            .collect();
        let expected = [("2028-02-28", 1), ("2028-02-29", 3), ("2028-03-02", 6)];
        assert_eq!(points, expected.map(|(day, bytes)| (day.to_owned(), bytes)));
        assert_eq!(closings.breaks, [day("2028-03-01"), day("2028-03-02")]);
    }
}
