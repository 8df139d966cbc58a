//! Columns of equal steps against the same answers computed from every single run.

use chrono::{DateTime, NaiveDate, TimeDelta, Timelike, Utc};
use shared::history::model::Random;
use shared::history::resample::{
    Aggregate, Cells, Grid, GridError, POINTS_LIMIT, Step, breaks, sum, top,
};
use shared::history::{Basis, Column, Moment, Reading};
use shared::snapshot::Completeness;

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn moment(scheduled_at: DateTime<Utc>, method: &str, completeness: Completeness) -> Moment {
    Moment {
        scheduled_at,
        taken_at: scheduled_at + TimeDelta::milliseconds(1500),
        completeness,
        basis: Basis::new(&[("method", method)]),
    }
}

fn complete(text: &str) -> Moment {
    moment(time(text), "listing", Completeness::Complete)
}

/// Returns runs around a leap day, many of them on the edges of hours and days, and readings of one series.
fn random_runs(random: &mut Random) -> (Vec<Moment>, Column) {
    let start = time("2028-02-27T00:00:00Z");
    let mut at = start - TimeDelta::hours(i64::try_from(random.below(30)).unwrap());
    let mut method = "listing";
    let (mut moments, mut readings) = (Vec::new(), Column::new());
    for _ in 0..random.below(150) {
        let seconds = match random.below(5) {
            0 => 1 + random.below(90_000),
            1 => 3599,
            _ => 3600 - u64::from(at.num_seconds_from_midnight() % 3600),
        };
        at += TimeDelta::seconds(i64::try_from(seconds).unwrap());
        if random.happens(3) {
            method = if method == "listing" {
                "service"
            } else {
                "listing"
            };
        }
        let completeness = if random.happens(10) {
            Completeness::Partial
        } else {
            Completeness::Complete
        };
        moments.push(moment(at, method, completeness));
        readings.push(match random.below(8) {
            0 => Reading::ABSENT,
            1 => Reading::UNSIZED,
            2 => Reading::of(0),
            _ => Reading::of(random.below(1000)),
        });
    }
    (moments, readings)
}

/// Returns the value of a cell from the runs for which `is_within` holds, one by one.
fn direct(
    runs: (&[Moment], &[Reading]),
    series_break: usize,
    is_within: impl Fn(DateTime<Utc>) -> bool,
    aggregate: Aggregate,
) -> Option<u64> {
    let mut cell: Vec<Reading> = Vec::new();
    let mut before: Option<&Moment> = None;
    for (index, (moment, reading)) in runs.0.iter().zip(runs.1).enumerate() {
        if is_within(moment.scheduled_at) {
            let is_comparable = before.is_none_or(|before| before.basis == moment.basis);
            if !is_comparable || index == series_break {
                cell.clear();
            }
            cell.push(*reading);
        }
        before = Some(moment);
    }
    let last = cell.last()?.value();
    let mut sizes: Vec<u64> = cell.iter().filter_map(|reading| reading.value()).collect();
    sizes.sort_unstable();
    match aggregate {
        Aggregate::Last => last,
        Aggregate::Min => sizes.first().copied(),
        Aggregate::Max => sizes.last().copied(),
        Aggregate::Mean => {
            let count = u64::try_from(sizes.len()).unwrap();
            let total: u64 = sizes.iter().sum();
            (count > 0).then(|| (2 * total + count) / (2 * count))
        }
    }
}

#[test]
fn every_step_and_aggregate_answers_what_the_single_runs_say() {
    for seed in 0..300 {
        let mut random = Random::new(seed);
        let (moments, readings) = random_runs(&mut random);
        let series_break = usize::try_from(random.below(150)).unwrap();
        let from = time("2028-02-27T00:00:00Z")
            + TimeDelta::milliseconds(i64::try_from(random.below(200_000_000)).unwrap());
        let length = 1 + random.below(400_000_000);
        let to = from + TimeDelta::milliseconds(i64::try_from(length).unwrap());
        for aggregate in Aggregate::ALL {
            let column = |step| {
                let grid = Grid::new(from, to, step).unwrap();
                let cells = grid.cells(&moments, 1).unwrap();
                let column = cells.column(&readings, &[series_break], aggregate);
                assert_eq!(column.len(), cells.len());
                (grid, column)
            };
            let answer = |is_within: &dyn Fn(DateTime<Utc>) -> bool| {
                direct((&moments, &readings), series_break, is_within, aggregate)
            };
            let context = format!("seed {seed}, {from} to {to}, {aggregate:?}");

            let (grid, hours) = column(Step::Hour);
            let mut hour = grid.from;
            assert!(grid.from <= from && to <= grid.to, "{context}");
            for value in hours {
                let key = (hour.date_naive(), hour.hour());
                let expected = answer(&|at| (at.date_naive(), at.hour()) == key);
                assert_eq!(value, expected, "{hour}, {context}");
                hour += TimeDelta::hours(1);
            }
            assert_eq!(hour, grid.to, "{context}");

            let (grid, days) = column(Step::Day);
            let mut day: NaiveDate = grid.from.date_naive();
            for value in days {
                let expected = answer(&|at| at.date_naive() == day);
                assert_eq!(value, expected, "{day}, {context}");
                day = day.succ_opt().unwrap();
            }
            assert_eq!(day, grid.to.date_naive(), "{context}");

            let (_, runs) = column(Step::Raw);
            let expected = moments.iter().zip(&readings);
            let expected = expected.filter(|(run, _)| (from..to).contains(&run.scheduled_at));
            let expected: Vec<_> = expected.map(|(_, reading)| reading.value()).collect();
            assert_eq!(runs, expected, "{context}");
        }
    }
}

#[test]
fn a_range_is_widened_to_whole_cells_and_a_gap_is_null() {
    let moments = [
        complete("2028-02-28T23:59:59Z"),
        complete("2028-02-29T00:00:00Z"),
        complete("2028-03-01T00:00:00Z"),
    ];
    let readings = [7, 8, 9].map(Reading::of);
    let grid = Grid::new(
        time("2028-02-28T20:30:00Z"),
        time("2028-03-02T00:00:01Z"),
        Step::Day,
    );
    let grid = grid.unwrap();

    let cells = grid.cells(&moments, 1).unwrap();

    assert_eq!(grid.from, time("2028-02-28T00:00:00Z"));
    assert_eq!(grid.to, time("2028-03-03T00:00:00Z"));
    let column = cells.column(&readings, &[], Aggregate::Last);
    assert_eq!(column, [Some(7), Some(8), Some(9), None]);
    let taken_at = cells.taken_at(&moments);
    assert_eq!(taken_at[2], Some(time("2028-03-01T00:00:01.500Z")));
    assert_eq!(taken_at[3], None);
}

#[test]
fn a_range_that_ends_on_an_edge_does_not_include_the_next_cell() {
    let (from, to) = (time("2026-03-29T00:00:00Z"), time("2026-03-30T00:00:00Z"));
    let grid = Grid::new(from, to, Step::Hour).unwrap();

    let cells = grid.cells(&[complete("2026-03-30T00:00:00Z")], 1).unwrap();

    assert_eq!(cells.len(), 24);
    let column = cells.column(&[Reading::of(1)], &[], Aggregate::Max);
    assert_eq!(column, [None; 24]);
}

#[test]
fn a_cell_without_a_run_has_no_completeness_and_one_partial_run_makes_it_partial() {
    let at = |text: &str, completeness| moment(time(text), "listing", completeness);
    let moments = [
        at("2026-01-01T00:00:00Z", Completeness::Partial),
        at("2026-01-01T00:30:00Z", Completeness::Complete),
        at("2026-01-01T02:00:00Z", Completeness::Complete),
    ];
    let grid = Grid::new(
        time("2026-01-01T00:00:00Z"),
        time("2026-01-01T03:00:00Z"),
        Step::Hour,
    );

    let cells = grid.unwrap().cells(&moments, 1).unwrap();

    let expected = [
        Some(Completeness::Partial),
        None,
        Some(Completeness::Complete),
    ];
    assert_eq!(cells.completeness(&moments), expected);
}

#[test]
fn a_change_of_method_is_a_break_with_its_reason() {
    let moments = [
        complete("2026-01-01T00:00:00Z"),
        moment(
            time("2026-01-01T01:00:00Z"),
            "service",
            Completeness::Complete,
        ),
        moment(
            time("2026-01-01T02:00:00Z"),
            "service",
            Completeness::Complete,
        ),
    ];

    let breaks = breaks(&moments);

    assert_eq!(breaks.len(), 1);
    let (position, first) = &breaks[0];
    assert_eq!((*position, first.reason.as_str()), (1, "method"));
    assert_eq!(first.at, time("2026-01-01T01:00:01.500Z"));
}

#[test]
fn too_many_points_are_an_error_and_not_a_cut() {
    let from = time("2026-01-01T00:00:00Z");
    let hours = |count: usize| from + TimeDelta::hours(i64::try_from(count).unwrap());
    let grid = Grid::new(from, hours(POINTS_LIMIT), Step::Hour).unwrap();
    let runs: Vec<_> = (0..=POINTS_LIMIT)
        .map(|minute| {
            let at = from + TimeDelta::minutes(i64::try_from(minute).unwrap());
            moment(at, "listing", Completeness::Complete)
        })
        .collect();
    let raw = Grid::new(from, hours(1000), Step::Raw).unwrap();

    let points = POINTS_LIMIT + 1;
    assert_eq!(
        Grid::new(from, hours(points), Step::Hour),
        Err(GridError::Points { points })
    );
    assert_eq!(raw.cells(&runs, 1), Err(GridError::Points { points }));
    assert_eq!(
        grid.cells(&[], 18).map(|cells| cells.len()),
        Ok(POINTS_LIMIT)
    );
    let points = POINTS_LIMIT * 19;
    assert_eq!(grid.cells(&[], 19), Err(GridError::Total { points }));
    assert_eq!(Grid::new(from, from, Step::Day), Err(GridError::Empty));
    assert!(
        Grid::new(
            DateTime::<Utc>::MIN_UTC,
            DateTime::<Utc>::MAX_UTC,
            Step::Day
        )
        .is_err()
    );
}

#[test]
fn a_step_that_is_not_chosen_follows_from_the_range_and_from_what_is_kept() {
    let (from, kept) = (time("2026-01-01T00:00:00Z"), time("2025-12-01T00:00:00Z"));
    let resolve = |step: Step, days, kept| {
        let to = from + TimeDelta::days(days);
        step.resolve(from..to, kept)
    };

    assert_eq!(resolve(Step::Auto, 35, kept), Step::Hour);
    assert_eq!(resolve(Step::Auto, 36, kept), Step::Day);
    assert_eq!(resolve(Step::Auto, 1, from + TimeDelta::days(1)), Step::Day);
    assert_eq!(resolve(Step::Raw, 36, kept), Step::Raw);
}

/// Returns the sums of the sizes of all columns, cell by cell.
fn added(columns: &[Vec<Option<u64>>]) -> Vec<Option<u64>> {
    let cells = columns.first().map_or(0, Vec::len);
    let cell = |index: usize| {
        columns
            .iter()
            .filter_map(|column| column[index])
            .reduce(|a, b| a + b)
    };
    (0..cells).map(cell).collect()
}

#[test]
fn the_largest_series_and_the_others_add_up_to_all() {
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let (moments, _) = random_runs(&mut random);
        let columns: Vec<(String, Column)> = (0..random.below(12))
            .map(|number| {
                let reading = |random: &mut Random| match random.below(4) {
                    0 => Reading::ABSENT,
                    _ => Reading::of(random.below(100)),
                };
                let column = moments.iter().map(|_| reading(&mut random)).collect();
                (format!("table{number}"), column)
            })
            .collect();
        let series: Vec<_> = columns
            .iter()
            .map(|(name, column)| (name, column.as_slice()))
            .collect();
        let all: Vec<_> = series.iter().map(|(_, readings)| *readings).collect();
        let grid = Grid::new(
            time("2028-02-27T00:00:00Z"),
            time("2028-03-03T00:00:00Z"),
            Step::Day,
        );
        let cells: Cells = grid.unwrap().cells(&moments, 1).unwrap();
        let column = |readings: &[Reading]| cells.column(readings, &[], Aggregate::Last);

        let top = top(&series, usize::try_from(random.below(6)).unwrap());

        let mut parts: Vec<_> = top.shown.iter().map(|index| column(all[*index])).collect();
        parts.extend(top.other.as_deref().map(column));
        if !parts.is_empty() {
            assert_eq!(added(&parts), column(&sum(&all)), "seed {seed}");
        }
        assert_eq!(
            top.shown.len() + top.other_count + top.never_sized.len(),
            all.len()
        );
    }
}
